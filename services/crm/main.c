/* SPDX-License-Identifier: Apache-2.0 */
#include "crm_service.h"

int main(int argc, char **argv) {
  return service_main(&crm_service, argc, argv);
}
