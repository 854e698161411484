/* SPDX-License-Identifier: Apache-2.0 */
#include "customer_service.h"

int main(int argc, char **argv) {
  return service_main(&customer_service, argc, argv);
}
