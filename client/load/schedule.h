/* SPDX-License-Identifier: Apache-2.0 */
/* When the calls of an open loop are to begin: evenly, from the first one on, without drifting. */
#pragma once

#include <stdint.h>

struct schedule {
  int64_t begin_us;
  int rate;        /* calls a second */
  uint64_t number; /* of the next call, from 0 */
};

/* Returns when the next call is to begin. */
static inline int64_t schedule_due_us(const struct schedule *schedule) {
  uint64_t whole = schedule->number / (uint64_t)schedule->rate, rest = schedule->number % (uint64_t)schedule->rate;
  return schedule->begin_us + (int64_t)(whole * 1000000 + rest * 1000000 / (uint64_t)schedule->rate);
}
