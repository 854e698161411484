/* SPDX-License-Identifier: Apache-2.0 */
#include "patience.h"

#include <stdlib.h>

#include "base/clock.h"

enum { PATIENCE_SECONDS = 40 };

int64_t patience_us(void) {
  const char *slowness = getenv("ORDERSHOP_TEST_SLOWNESS");
  return PATIENCE_SECONDS * INT64_C(1000000) * (slowness ? atoi(slowness) : 1);
}

int64_t patience_end_us(void) {
  return clock_monotonic_us() + patience_us();
}

int64_t at_once_us(void) {
  return patience_us() / 4;
}
