/* SPDX-License-Identifier: Apache-2.0 */
/* Event log: what the service keeps of the shop's log, or of its logs, if services have Redises of their own
 * (log_places.h). This is its face for those who answer calls; it puts together
 *
 *   which streams there are (log_streams.h),
 *   how far they have been read (log_progress.h),
 *   the one reader that follows all of them (log_follower.h),
 *   the index that it feeds, which finds entries (event_index.h),
 *   the archive, which has those that Redis has no more (archive.h),
 *   and the ring of the newest entries, which all who watch share (event_ring.h).
 *
 * So any number of readers of the ring cost Redis nothing, and who reads further back finds the places in the index and
 * has Redis, or the archive, tell the entries in pages (log_page.h), on a connection of their own.
 *
 * Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive.h"
#include "event_index.h"
#include "event_ring.h"
#include "log_entry.h"
#include "log_page.h"
#include "log_places.h"
#include "service/service.h"
#include "stored_types.h"

struct event_log;

/* Opens the index in `folder`, and the archive in `archive_folder` ("": there is none), and begins to follow the log.
 * `given_up` is what archive_give_up notes.
 * Errors: those of event_index_open and archive_open. */
struct status event_log_open(struct service *service, const char *folder, const char *archive_folder,
                             const char *given_up, struct event_log **ret_log);

/* Yields until nothing of it runs any more. */
coroutine_fn void event_log_close(struct event_log *log);

/* Why it can't answer: the index is not complete, or can't be written; "" if it can. */
const char *event_log_trouble(const struct event_log *log);

/* ---- how far it is ---------------------------------------------------------------------------------------------- */

/* The log time up to which the log has been read: all logs, if there are several. */
int64_t event_log_read_to(const struct event_log *log);

/* The position of whoever has seen everything up to a log time, in `arena`; "" if there is no log yet. */
const char *event_log_position(const struct event_log *log, struct arena *arena, int64_t log_time);

/* Tells up to which log time whoever has a position has seen everything. Returns false if no part of it is of a log
 * that is read. */
bool event_log_seen_with(const struct event_log *log, const struct positions *positions, int64_t *ret_log_time);

/* Whether all has been read up to a position, as far as that is of logs that are read. */
bool event_log_has_seen(const struct event_log *log, const struct positions *positions);

/* Grows each time that the log turns out to be another one than was read. */
uint64_t event_log_lives(const struct event_log *log);

/* Signalled when either of the two changes. */
struct condition *event_log_moved(struct event_log *log);

/* Yields until the index is complete and has all up to the call's `<brand>-after`; *ret_read_to is how far it is then.
 * Errors: UNAVAILABLE (INDEX_INCOMPLETE, with RetryInfo; REDIS_UNREACHABLE), DEADLINE_EXCEEDED (POSITION_NOT_REACHED).
 */
coroutine_fn struct status event_log_await(struct event_log *log, struct rpc_call *call, int64_t *ret_read_to);

/* The same, for all that is in the log now. */
coroutine_fn struct status event_log_await_end(struct event_log *log, struct context *context, int64_t *ret_read_to);

/* ---- streams ---------------------------------------------------------------------------------------------------- */

/* Stream `number`, or NULL behind the last; it stays as long as the log. Those of the contract are there from the
 * beginning on, whether or not they have entries. */
const struct log_stream *event_log_stream(const struct event_log *log, size_t number);

/* Returns whether there is a stream of such entities. */
bool event_log_knows_entity(const struct event_log *log, const char *entity);

/* The type with which a stream's entry of that log time is read, INT64_MAX for the latest one; NULL if it is not known.
 */
const ProtobufCMessageDescriptor *event_log_type(const struct event_log *log, const struct log_stream *stream,
                                                 int64_t log_time);

/* Where the logs are. */
const struct log_places *event_log_places(const struct event_log *log);

/* What has been read of log `number`. */
const struct position *event_log_read_of(const struct event_log *log, size_t number);

/* What is known of the types. */
const struct stored_types *event_log_types(const struct event_log *log);

/* Entity `index` of those that have streams, or NULL behind the last. */
const char *event_log_entity(const struct event_log *log, size_t index);

/* ---- entries ---------------------------------------------------------------------------------------------------- */

/* Finds places by the index, on another thread. Errors: those of event_index.h. */
coroutine_fn struct status event_log_find(struct event_log *log, struct context *context,
                                          const struct index_query *query, struct index_place **ret_places,
                                          size_t *ret_count);

/* Reads the entries at these places, or the first of them, as log_page_fetch, with its errors. */
coroutine_fn struct status event_log_fetch(struct event_log *log, struct context *context,
                                           const struct index_place *places, size_t count, size_t max_bytes,
                                           struct log_page *ret_page);

/* ---- the archive ------------------------------------------------------------------------------------------------ */

struct archive *event_log_archive(const struct event_log *log);

/* As archive_link_check; `context` is for that log. */
coroutine_fn struct status event_log_check_archive(const struct event_log *log, size_t number, struct context *context);

/* ---- the ring --------------------------------------------------------------------------------------------------- */

/* The ring is kept between these two, by whoever reads it. Meanwhile entries are read within 10 ms of each other, and
 * otherwise within 100 ms, so that many share what a read costs; a call that awaits a position has them read at once.
 */
void event_log_watch_begin(struct event_log *log);
void event_log_watch_end(struct event_log *log);

/* Entries of the ring are numbered as they came. Tells the number of the first one behind a log time. Returns false if
 * the ring does not reach back that far. */
bool event_log_ring_enter(const struct event_log *log, int64_t after, uint64_t *ret_number);

/* Entry `number`, valid until the coroutine yields; NULL behind the last. *ret_gone says whether the ring has it no
 * more. */
const struct log_entry *event_log_ring_at(const struct event_log *log, uint64_t number, bool *ret_gone);

/* ---- the index itself, for other threads ------------------------------------------------------------------------- */

struct event_index *event_log_index(struct event_log *log);
