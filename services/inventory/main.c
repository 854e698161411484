/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory_service.h"

int main(int argc, char **argv) {
  return service_main(&inventory_service, argc, argv);
}
