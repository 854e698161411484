/* SPDX-License-Identifier: Apache-2.0 */
/* Logs reader: reads the streams of one log, or of several, each in a Redis of its own, as one, in the order of log
 * time.
 *
 * Each log has a stream reader (stream_reader.h); what they read is merged (log_merge.h). Before a log's streams it
 * reads its clock, in the same trip, and so knows how far they have been read when they have nothing more. Where an
 * entry waits for a log whose clock is behind it, it has that clock moved on (log_clock.h): the Redis may be idle, or
 * its clock may stand still. A Redis that is away holds up all; so does one whose data may have become others since the
 * reader was made, and then a new reader is needed. One owner, one loop. The functions that read yield; only one of
 * them may run at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event_store.h"
#include "store/stream_reader.h"

struct logs_reader;

/* The caller owns it. The stores, one for each log, must live as long. logs_reader_free ends what is under way, and
 * also releases what was not handed out; it yields; NULL is allowed. */
struct logs_reader *logs_reader_new(struct event_store *const *stores, size_t count);
coroutine_fn void logs_reader_free(struct logs_reader *reader);

/* Adds a stream of log number `log`, as stream_reader_add. Streams are numbered from 0 over all logs. */
size_t logs_reader_add(struct logs_reader *reader, size_t log, const char *key, const char *after);

/* Says that whoever waits is also to be woken at `home`, by CLIENT UNBLOCK of its blocking connection, though no log
 * lies there: `key` is a stream that its user may read and that gets no entries there. */
void logs_reader_listen_at(struct logs_reader *reader, struct event_store *home, const char *key);

/* As stream_reader_skip. */
void logs_reader_skip(struct logs_reader *reader, size_t stream, const char *after);

/* Reads the next entries of all logs, at the same time. *ret_more says whether a stream may have more; if not, and an
 * entry still waits, the next read brings it on. The context's arena gets the error, if there is one: those of
 * redis_command. */
coroutine_fn struct status logs_reader_read(struct logs_reader *reader, const struct context *context, bool *ret_more);

/* As those of stream_reader.h, for all logs; but while there is a log that nobody has begun nothing is read ahead,
 * since it could be the effect of that log's first entry. */
coroutine_fn void logs_reader_read_ahead(struct logs_reader *reader, const struct context *context);
bool logs_reader_reads_ahead(const struct logs_reader *reader);
coroutine_fn void logs_reader_await(struct logs_reader *reader);

/* Waits until a log has something that was not read yet, or for `ms`, or until it is woken (logs_reader_wake, or CLIENT
 * UNBLOCK). Each store needs its blocking connection. Errors: those of redis_command. */
coroutine_fn struct status logs_reader_wait(struct logs_reader *reader, const struct context *context, int64_t ms);

/* Ends logs_reader_wait, where several logs are waited for. Returns false if there is one log alone: then CLIENT
 * UNBLOCK does. */
bool logs_reader_wake(struct logs_reader *reader);

/* The next entry in the order of log time; of equal ones, that of the first log. False if there is none until the next
 * read. To be released by read_entry_release. */
bool logs_reader_next(struct logs_reader *reader, struct read_entry *ret_entry);

/* Returns whether there is one, and its log time; 0 if there is none. */
bool logs_reader_has_next(struct logs_reader *reader);
int64_t logs_reader_next_log_time(struct logs_reader *reader);

/* Returns whether everything that the latest read found has been handed out, and no stream had more. */
bool logs_reader_is_caught_up(const struct logs_reader *reader);

/* How many entries were read and not handed out yet. */
size_t logs_reader_held(const struct logs_reader *reader);

/* Returns the log time up to which everything of the log has been handed out, and the epoch of the log; "" while it has
 * not been read, or nobody has begun it yet. */
struct position logs_reader_handed_out(const struct logs_reader *reader, size_t log);
