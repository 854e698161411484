/* SPDX-License-Identifier: Apache-2.0 */
#include "order_service.h"

int main(int argc, char **argv) {
  return service_main(&order_service, argc, argv);
}
