/* SPDX-License-Identifier: Apache-2.0 */
#include "product_service.h"

int main(int argc, char **argv) {
  return service_main(&product_service, argc, argv);
}
