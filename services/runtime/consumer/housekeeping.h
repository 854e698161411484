/* SPDX-License-Identifier: Apache-2.0 */
/* Housekeeping: what a service's active consumer does about once a second besides events (consumer_options.housekeep),
 * and after a tick, by which it asks for the log's clock to be moved on. Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "consumer/progress.h"
#include "loop/coroutine.h"

enum { HOUSEKEEPING_US = 1000000 }; /* from one time to the next */

struct housekeeping {
  const struct progress *progress;
  size_t log; /* whose position it goes by */
  /* The service's; NULL if there is none. */
  coroutine_fn struct status (*housekeep)(void *user, struct context *context, int64_t position, const char *epoch,
                                          bool *ret_tick);
  void *user;
  int64_t done_us; /* when it was begun last (clock_monotonic_us) */
  bool wants_tick; /* that log's clock will be moved on before the next read, and then housekeeping is due */
  bool fails;      /* it failed the last time, and the log says so */
};

/* `caught_up` says whether everything up to the clock has been applied. */
bool housekeeping_is_due(const struct housekeeping *housekeeping, bool caught_up);

/* Yields. Its errors are logged, and it is tried again the next time. */
coroutine_fn void housekeeping_do(struct housekeeping *housekeeping, struct context *context);
