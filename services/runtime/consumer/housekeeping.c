/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/housekeeping.h"

#include "base/clock.h"
#include "base/log.h"

enum { DEADLINE_US = 5000000 };

bool housekeeping_is_due(const struct housekeeping *housekeeping, bool caught_up) {
  if (housekeeping->wants_tick && caught_up) return true;
  return clock_monotonic_us() - housekeeping->done_us >= HOUSEKEEPING_US;
}

/* It is tried again every second, so the log has a line when it begins to fail and one when that ends. */
static void report(struct housekeeping *housekeeping, struct status status) {
  bool fails = !status_is_ok(status);
  if (fails && !housekeeping->fails) {
    log_event(LOG_WARN, "housekeeping failed, it is tried again", "reason", status.message, NULL);
  }
  if (!fails && housekeeping->fails) log_event(LOG_INFO, "housekeeping is done again", NULL);
  housekeeping->fails = fails;
}

coroutine_fn void housekeeping_do(struct housekeeping *housekeeping, struct context *context) {
  const struct progress *progress = housekeeping->progress;
  housekeeping->done_us = clock_monotonic_us();
  if (!housekeeping->housekeep) return;
  bool ticked = housekeeping->wants_tick, tick = false;
  housekeeping->wants_tick = false;
  context->deadline_us = housekeeping->done_us + DEADLINE_US;
  int64_t position = progress->logs[housekeeping->log].position.log_time;
  struct status status =
      housekeeping->housekeep(housekeeping->user, context, position, progress->leader->term.epoch_text, &tick);
  report(housekeeping, status);
  /* After a tick it is called at once; the next tick waits for the next poll. */
  housekeeping->wants_tick = status_is_ok(status) && tick && !ticked;
}
