/* SPDX-License-Identifier: Apache-2.0 */
/* Backlog: how far a service is behind the log, for its status. Threads: the loop's. */
#pragma once

#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"

#define BACKLOG_KEYS_MAX 1000 /* held keys whose dead letters are counted */

struct consumer_backlog {
  int64_t position;      /* everything up to it has been applied; 0 means nothing yet, or unknown */
  int64_t lag_entries;   /* not applied yet, a tenth of a second ago; -1 if unknown */
  int64_t lag_us;        /* log time from the position, or from the oldest entry while there is no position, to the
                            latest entry; 0 if none waits; -1 if unknown */
  int64_t parked_keys;   /* keys that are held, or have events in their list; -1 if unknown */
  int64_t parked_events; /* -1 if unknown, or if there are more than BACKLOG_KEYS_MAX keys */
};

/* What is known without Redis: the position, as far as this replica knows. */
struct consumer_backlog consumer_backlog_unread(const struct progress *progress);

/* Asks Redis, by one call, one more while there is no position, and two more if there are or were dead letters; and the
 * Redises of others whose logs the service follows (foreign_backlog.h). Yields. Errors: those of redis_command. If
 * these others' tell nothing, all but the lag is known. */
coroutine_fn struct status consumer_backlog_read(const struct progress *progress, struct context *context,
                                                 struct consumer_backlog *ret_backlog);
