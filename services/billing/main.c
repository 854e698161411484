/* SPDX-License-Identifier: Apache-2.0 */
#include "billing_service.h"

int main(int argc, char **argv) {
  return service_main(&billing_service, argc, argv);
}
