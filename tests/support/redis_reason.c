/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_reason.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { POLL_US = 1000 };

coroutine_fn bool redis_reason_becomes(const struct redis *redis, const struct context *context, const char *part) {
  while (!strstr(redis_reason(redis), part)) {
    if (clock_monotonic_us() > context->deadline_us) {
      fprintf(stderr, "the reason is: %s\n", redis_reason(redis));
      return false;
    }
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  return true;
}
