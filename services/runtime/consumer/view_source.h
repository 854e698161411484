/* SPDX-License-Identifier: Apache-2.0 */
/* View source: the events that feed a view, from the beginning of the log on, in the order in which the consumer
 * handles them, wherever they are: in Redis, or in the archive.
 *
 * They are read from Redis, page by page. After each page the streams are looked at: if one now begins behind the place
 * up to which all had been taken, the page may lack what was trimmed. Then it is thrown away, and the next page is
 * asked for where archived events are told (archived_events.h), until Redis has all behind the place again. So it is
 * the place that decides, and what is archived and trimmed meanwhile is not missed. The model is
 * tests/model/read_through.py.
 *
 * How many entries of a stream were gone at the beginning is known; as many must be told. Belongs to the consumer's
 * coroutine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/archived_events.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"
#include "store/stream_reader.h"

struct view_source;

/* Makes it, of `count` of the consumer's streams, which are numbered in that order; the arena must live as long.
 * `archived` may be NULL. Nothing was read yet. */
struct view_source *view_source_new(struct arena *arena, const struct progress *progress,
                                    const struct progress_stream *const *streams, size_t count,
                                    const struct archived_events *archived);

/* Ends it. Yields. NULL is allowed. */
coroutine_fn void view_source_free(struct view_source *source);

/* Looks whether all entries that the streams ever had can be read; *ret_events is how many these are. Errors:
 * FAILED_PRECONDITION (LOG_GAP: which stream lacks how many); those of redis_command. Yields. */
coroutine_fn struct status view_source_check(struct view_source *source, struct context *context, int64_t *ret_events);

/* Reads on, unless an event waits to be taken. *ret_at_end says whether the end of the log was met and nothing waits.
 * Errors: as before, and those of archived_events.h. Yields. */
coroutine_fn struct status view_source_read(struct view_source *source, struct context *context, bool *ret_at_end);

/* The next event, NULL if there is none until the next read. It is taken by view_source_take, and released by
 * view_source_release before that read. */
const struct read_entry *view_source_next(struct view_source *source);
void view_source_take(struct view_source *source);
void view_source_release(const struct read_entry *entry);
