/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_service.h"

int main(int argc, char **argv) {
  return service_main(&mail_service, argc, argv);
}
