/* SPDX-License-Identifier: Apache-2.0 */
/* Archive limit: up to where a log may be archived: what is old enough, and what every service that reads the log has
 * applied, but for what lies behind a dead letter, which is read again when it is retried. Threads: the loop's. */
#pragma once

#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "event_log.h"
#include "log_places.h"
#include "loop/coroutine.h"

struct archive_limit {
  int64_t until;       /* log time */
  const char *held_by; /* the service that holds it below what is old enough; "" if none does */
};

/* Finds the limit of each log; `old_enough` is a log time. The limits live in the context's arena. Errors: those of
 * redis_command. */
coroutine_fn struct status archive_limits_find(struct event_log *log, struct context *context, int64_t old_enough,
                                               struct archive_limit ret_limits[LOG_PLACES_MAX]);
