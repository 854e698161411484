/* SPDX-License-Identifier: Apache-2.0 */
/* Log page: entries of the log, read from Redis at places that the index has found. Threads: the loop's. */
#pragma once

#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "event_index.h"
#include "log_entry.h"
#include "log_streams.h"
#include "loop/coroutine.h"

struct log_page {
  struct log_entry *entries;
  size_t count;
  size_t looked_at; /* how many of the places that is; those that hold no entry any more are left out */
};

/* Has Redis tell the entries at these places, until they make up `max_bytes` together, though at least one, and never
 * only some of those that have one log time. The page lives in the context's arena. Errors: those of redis_command. */
coroutine_fn struct status log_page_fetch(const struct log_streams *streams, struct context *context,
                                          const struct index_place *places, size_t count, size_t max_bytes,
                                          struct log_page *ret_page);
