/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/peak.h"

#include "base/clock.h"
#include "store/known_log.h"

enum { LOOK_US = 250 * 1000 };

/* Adds up how many entries the streams of all logs have ever got. */
static coroutine_fn struct status count_added(const struct progress *progress, struct context *context,
                                              int64_t *ret_added) {
  *ret_added = 0;
  struct status status = status_ok();
  for (size_t log = 0; log < progress->log_count && status_is_ok(status); log++) {
    const struct stream_sight *sights;
    status = progress_look(progress, log, false, context, &sights);
    for (size_t i = 0; i < progress->stream_count && status_is_ok(status); i++) {
      if (progress->streams[i].log == log) *ret_added += sights++->added;
    }
  }
  return status;
}

/* Returns whether fewer events have come since the last look than are handled in an eighth of the time. */
static bool falls_short(const struct peak *peak, int64_t added, int64_t now_us) {
  double share = (double)peak->busy_us / (double)(now_us - peak->looked_us);
  return (double)(added - peak->added) * PEAK_SHARE * share < (double)peak->handled;
}

void peak_note(struct peak *peak, size_t handled, int64_t busy_us) {
  peak->handled += (int64_t)handled;
  peak->busy_us += busy_us;
}

coroutine_fn void peak_look(struct peak *peak, const struct progress *progress, struct context *context) {
  int64_t now_us = clock_monotonic_us(), added;
  if (peak->looked_us > 0 && now_us - peak->looked_us < LOOK_US) return;
  struct status status = count_added(progress, context, &added);
  if (!status_is_ok(status)) {
    *peak = (struct peak){0};
    return;
  }
  bool is_over = peak->looked_us > 0 && falls_short(peak, added, now_us);
  *peak = (struct peak){.looked_us = now_us, .added = added, .is_over = is_over};
}
