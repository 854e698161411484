/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/peak.h"

#include "base/clock.h"
#include "consumer/consumer_backlog.h"

enum { LOOK_US = 250 * 1000 }; /* more than twice as long as the lag that Redis tells may be old */

coroutine_fn struct status peak_look(struct peak *peak, const struct progress *progress, struct context *context) {
  int64_t now_us = clock_monotonic_us();
  if (peak->looked_us > 0 && now_us - peak->looked_us < LOOK_US) return status_ok();
  struct consumer_backlog backlog;
  struct status status = consumer_backlog_read(progress, context, &backlog);
  if (!status_is_ok(status)) return status;
  bool is_known = backlog.lag_entries >= 0;
  peak->is_over = is_known && peak->looked_us > 0 && backlog.lag_entries < peak->lag;
  if (is_known) peak->lag = backlog.lag_entries;
  peak->looked_us = now_us;
  return status_ok();
}
