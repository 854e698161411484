/* SPDX-License-Identifier: Apache-2.0 */
#include "base/context.h"

#include "base/clock.h"

struct context context_first_half(const struct context *context) {
  struct context half = *context;
  int64_t now_us = clock_monotonic_us();
  if (context->deadline_us != DEADLINE_NEVER) half.deadline_us = now_us + (context->deadline_us - now_us) / 2;
  return half;
}

struct context context_at_least(const struct context *context, int64_t duration_us) {
  struct context longer = *context;
  int64_t min_us = clock_monotonic_us() + duration_us;
  if (longer.deadline_us < min_us) longer.deadline_us = min_us;
  return longer;
}
