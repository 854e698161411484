/* SPDX-License-Identifier: Apache-2.0 */
/* Event range: which entries of the log a request means: a part of the log, streams, entities. */
#pragma once

#include <ordershop/v1/event.pb-c.h>

#include "base/violations.h"
#include "event_log.h"

#define EVENT_NAMES_MAX 100 /* streams, or entities, of a request */

/* Reads an entry id; "" leaves *ret_log_time as it is. Adds a violation if it is none. */
void check_entry(struct violations *violations, const char *field, const char *entry, int64_t *ret_log_time);

/* Adds a violation unless one at most of these is set; `names` is of all, separated by commas. */
void check_at_most_one(struct violations *violations, const char *field, const char *names, bool first, bool second,
                       bool third);

/* Adds a violation unless the log has streams of such entities, and the id could be one. */
void check_entity(struct violations *violations, const struct event_log *log, const char *field, const char *type,
                  const char *id, bool id_required);

/* Adds violations of names that can't be those of streams; with `log`, of those that it has not, too. */
void check_streams(struct violations *violations, const struct event_log *log, char *const *names, size_t count);

/* Yields until the log has been read up to an entry that a request names, if it lies further than `read_to`. Errors:
 * FAILED_PRECONDITION (LOG_RESET: it lies past the end), those of event_log_await. */
coroutine_fn struct status await_entry(struct event_log *log, struct context *context, int64_t log_time,
                                       int64_t *read_to);

/* Yields until the log has been read to its end, for a call that must lack nothing, or that has not found something.
 * Errors: those of event_log_await. */
coroutine_fn struct status await_end(struct event_log *log, struct rpc_call *call, int64_t *read_to);

/* The numbers of the streams with such a name, or of all if there are no names; of them those of such an entity, unless
 * `entity` is NULL. */
size_t *stream_numbers(const struct event_log *log, struct arena *arena, char *const *names, size_t count,
                       const char *entity, size_t *ret_count);
