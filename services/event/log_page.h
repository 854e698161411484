/* SPDX-License-Identifier: Apache-2.0 */
/* Log page: entries of the log, read at places that the index has found: from Redis, and those that are no more there
 * from the archive. Threads: the loop's. */
#pragma once

#include <stddef.h>

#include "archive.h"
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

/* Reads the entries at these places, until they make up `max_bytes` together, though at least one, and never
 * only some of those that have one log time. The page lives in the context's arena. Errors: those of redis_command and
 * of archive_read. */
coroutine_fn struct status log_page_fetch(const struct log_streams *streams, struct archive *archive,
                                          struct context *context, const struct index_place *places, size_t count,
                                          size_t max_bytes, struct log_page *ret_page);
