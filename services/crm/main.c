#include "crm_service.h"

int main(int argc, char **argv) {
  return service_main(&crm_service, argc, argv);
}
