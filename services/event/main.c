/* SPDX-License-Identifier: Apache-2.0 */
#include "event_service.h"

int main(int argc, char **argv) {
  return service_main(&event_service, argc, argv);
}
