/* SPDX-License-Identifier: Apache-2.0 */
/* Log check: whether what lies in the Redises is still the logs that were read, with all of what was read.
 *
 * A Redis may have been replaced by another one, or started with another file, or the log rebuilt. The clock's epoch
 * tells that of a log that was rebuilt. Otherwise the last entries that were read are looked for, on each connection
 * anew: behind it may be another server. That the clock lacks its last ticks does no harm. What is archived may have
 * left Redis; that archive and log belong together is checked likewise (archive_link.h). Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "archive.h"
#include "base/context.h"
#include "base/status.h"
#include "log_progress.h"
#include "loop/coroutine.h"

struct log_check {
  struct archive *archive;          /* borrowed, as the progress */
  struct log_progress *progress;    /* borrowed; must live as long */
  uint64_t checked[LOG_PLACES_MAX]; /* of each log, redis_generation of `commands` on which it was the one read; 0 */
};

/* Checks all logs; where an operator gives up what an archive had, and nothing was read of a log yet, that is recorded.
 * `contexts` (log_places_contexts) and `ends`, what the clocks tell now, have one for each log. A log that nobody had
 * begun before gets its epoch in the progress. If a log is another one, it is logged, and *ret_same is false. Errors:
 * those of archive_link_check. */
coroutine_fn struct status log_check_all(struct log_check *check, struct context *contexts, const struct position *ends,
                                         bool *ret_same);
