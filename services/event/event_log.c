/* SPDX-License-Identifier: Apache-2.0 */
#include "event_log.h"

#include <stdlib.h>

#include "archive_link.h"
#include "base/log.h"
#include "base/memory.h"
#include "event_ring.h"
#include "index_writer.h"
#include "log_follower.h"
#include "log_progress.h"
#include "log_streams.h"
#include "loop/blocking.h"
#include "loop/fail_point.h"
#include "shop_reasons.h"
#include "store/event_store.h"

enum {
  RETRY_MS = 1000,
};

struct event_log {
  struct log_places places;
  struct event_index *index;
  struct archive *archive;
  struct stored_types *types;
  struct log_streams *streams;
  struct log_progress progress;
  struct index_writer writer;
  struct event_ring *ring;
  struct log_follower *follower;
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* Whether the index was made of these logs, or of none. */
static bool is_of_these_logs(const struct event_log *log, const struct positions *indexed) {
  for (size_t i = 0; i < log->places.count; i++) {
    if (indexed->count > 0 && !positions_of(indexed, log->places.stores[i]->log)) return false;
  }
  return indexed->count == 0 || indexed->count == log->places.count;
}

static struct status read_index_positions(struct event_log *log, struct arena *arena) {
  struct positions indexed;
  struct status status = event_index_positions(log->index, arena, &indexed);
  if (!status_is_ok(status)) return status;
  if (!is_of_these_logs(log, &indexed)) {
    log_event(LOG_INFO, "services have other Redises than before: the index of the log is made anew", NULL);
    indexed.count = 0;
    status = event_index_clear(log->index, arena);
  }
  log_progress_begin(&log->progress, log->streams, &indexed);
  return status;
}

static struct status add_stream(struct event_log *log, struct arena *arena, size_t number, const char *name) {
  struct index_extent extent;
  struct status status = event_index_extent(log->index, arena, number, 0, false, &extent);
  if (!status_is_ok(status)) return status;
  const struct log_stream *stream = log_streams_add(log->streams, name);
  if (stream) log->progress.last[stream->number] = extent.last;
  return status;
}

/* Takes over what the index has; what it lacks is read. It is checked against the log before anything is answered. */
static struct status take_over(struct event_log *log, struct arena *arena) {
  const char **names;
  size_t count;
  struct status status = read_index_positions(log, arena);
  if (status_is_ok(status)) status = event_index_streams(log->index, arena, &names, &count);
  for (size_t i = 0; status_is_ok(status) && i < count; i++) status = add_stream(log, arena, i, names[i]);
  log->writer =
      (struct index_writer){.index = log->index, .streams = log->streams, .known = log_streams_count(log->streams)};
  event_ring_clear(log->ring, log->progress.all_read_to);
  return status;
}

static struct status take_over_or_clear(struct event_log *log, struct arena *arena) {
  struct status status = take_over(log, arena);
  if (!status_is(status, reason_index_damaged)) return status;
  log_event(LOG_WARN, "the index of the log is damaged, and is made anew", "detail", status.message, NULL);
  status = event_index_clear(log->index, arena);
  log_streams_clear(log->streams);
  return status_is_ok(status) ? take_over(log, arena) : status;
}

static void free_parts(struct event_log *log) {
  if (log->ring) event_ring_free(log->ring);
  if (log->streams) log_streams_free(log->streams);
  if (log->archive) archive_close(log->archive);
  if (log->index) event_index_close(log->index);
  if (log->types) stored_types_free(log->types);
  free(log);
}

struct status event_log_open(struct service *service, const char *folder, const char *archive_folder,
                             const char *given_up, struct event_log **ret_log) {
  struct event_log *log = memory_calloc(1, sizeof *log);
  log->places = log_places_of(service);
  log->ring = event_ring_new();
  struct status status = stored_types_new(&log->places, service->arena, &log->types);
  if (status_is_ok(status)) status = event_index_open(service->arena, folder, &log->index);
  if (status_is_ok(status)) status = archive_open(service->arena, archive_folder, &log->archive);
  if (status_is_ok(status)) archive_give_up(log->archive, given_up);
  if (status_is_ok(status)) log->streams = log_streams_new(&log->places, log->types);
  if (status_is_ok(status)) status = take_over_or_clear(log, service->arena);
  if (!status_is_ok(status)) {
    free_parts(log);
    return status;
  }
  log_streams_add_contract(log->streams);
  struct log_follower_parts parts = {.streams = log->streams,
                                     .progress = &log->progress,
                                     .writer = &log->writer,
                                     .ring = log->ring,
                                     .archive = log->archive};
  log->follower = log_follower_start(service->loop, &parts);
  *ret_log = log;
  return status_ok();
}

coroutine_fn void event_log_close(struct event_log *log) {
  log_follower_stop(log->follower);
  free_parts(log);
}

/* ---- how far it is ---------------------------------------------------------------------------------------------- */

int64_t event_log_read_to(const struct event_log *log) {
  return log->progress.all_read_to;
}

const struct position *event_log_read_of(const struct event_log *log, size_t number) {
  return &log->progress.read_to[number];
}

const char *event_log_position(const struct event_log *log, struct arena *arena, int64_t log_time) {
  return log_progress_position(&log->progress, arena, log_time);
}

bool event_log_seen_with(const struct event_log *log, const struct positions *positions, int64_t *ret_log_time) {
  return log_progress_seen_with(&log->progress, positions, ret_log_time);
}

bool event_log_has_seen(const struct event_log *log, const struct positions *positions) {
  return log_progress_has_seen(&log->progress, positions);
}

uint64_t event_log_lives(const struct event_log *log) {
  return log_follower_lives(log->follower);
}

struct condition *event_log_moved(struct event_log *log) {
  return log_follower_moved(log->follower);
}

const char *event_log_trouble(const struct event_log *log) {
  const char *trouble = log_follower_trouble(log->follower);
  if (*trouble) return trouble;
  return log->progress.complete ? "" : "the index of the log is being made";
}

/* ---- waiting for a position ------------------------------------------------------------------------------------- */

static struct status incomplete(const struct event_log *log, struct arena *arena) {
  const char *trouble = log_follower_trouble(log->follower);
  if (*trouble)
    return status_error(arena, STATUS_UNAVAILABLE, log_follower_trouble_reason(log->follower), "%s", trouble);
  struct status status = status_error(arena, STATUS_UNAVAILABLE, reason_index_incomplete,
                                      "the index of the log is being made: it has come to %s",
                                      log_time_text(arena, log->progress.all_read_to));
  return status_with_retry(status, arena, RETRY_MS);
}

/* The first Redis that is away; NULL if none is. */
static const struct event_store *store_away(const struct event_log *log) {
  for (size_t i = 0; i < log->places.count; i++) {
    if (!event_store_is_ready(log->places.stores[i])) return log->places.stores[i];
  }
  return NULL;
}

static struct status not_ready(const struct event_log *log, struct arena *arena) {
  const struct event_store *away = store_away(log);
  if (!away) return incomplete(log, arena);
  return status_error(arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "%s", event_store_reason(away));
}

static coroutine_fn struct status await_positions(struct event_log *log, struct context *context,
                                                  const struct positions *wanted, int64_t *ret_read_to) {
  while (!log->progress.complete || (wanted && !event_log_has_seen(log, wanted))) {
    if (!log->progress.complete || store_away(log)) return not_ready(log, context->arena);
    if (fail_point("event.before_wait")) continue; /* a test sees by it that a call waits */
    log_follower_hurry(log->follower);
    if (condition_wait(log_follower_moved(log->follower), context->deadline_us)) continue;
    return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, reason_position_not_reached,
                        "the log has not been read up to the position in time");
  }
  *ret_read_to = log->progress.all_read_to;
  return status_ok();
}

/* A call that names no position sees no less because the follower rests. */
coroutine_fn struct status event_log_await(struct event_log *log, struct rpc_call *call, int64_t *ret_read_to) {
  struct positions wanted;
  int64_t seen;
  bool has_after = call->context.after && positions_parse(call->context.after, &wanted);
  if (!has_after || !event_log_seen_with(log, &wanted, &seen)) {
    log_follower_await_gathered(log->follower, &call->context);
  }
  if (!has_after || event_log_has_seen(log, &wanted)) {
    return await_positions(log, &call->context, NULL, ret_read_to);
  }
  rpc_call_rest(call);
  struct status status = await_positions(log, &call->context, &wanted, ret_read_to);
  rpc_call_resume(call);
  return status;
}

coroutine_fn struct status event_log_await_end(struct event_log *log, struct context *context, int64_t *ret_read_to) {
  struct position ends[LOG_PLACES_MAX];
  struct context contexts[LOG_PLACES_MAX];
  log_places_contexts(&log->places, context, contexts);
  struct status status = log_places_read_clocks(&log->places, contexts, ends);
  if (!status_is_ok(status)) return status;
  struct positions wanted = {.count = 0};
  for (size_t i = 0; i < log->places.count; i++) {
    if (*ends[i].epoch) positions_advance(&wanted, log->places.stores[i]->log, &ends[i]);
  }
  return await_positions(log, context, &wanted, ret_read_to);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

const struct log_stream *event_log_stream(const struct event_log *log, size_t number) {
  return log_streams_at(log->streams, number);
}

bool event_log_knows_entity(const struct event_log *log, const char *entity) {
  return log_streams_knows_entity(log->streams, entity);
}

const char *event_log_entity(const struct event_log *log, size_t index) {
  return log_streams_entity(log->streams, index);
}

const ProtobufCMessageDescriptor *event_log_type(const struct event_log *log, const struct log_stream *stream,
                                                 int64_t log_time) {
  return log_streams_type(log->streams, stream, log_time);
}

const struct log_places *event_log_places(const struct event_log *log) {
  return &log->places;
}

const struct stored_types *event_log_types(const struct event_log *log) {
  return log->types;
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

/* What a thread does while the coroutine that made it waits. */
struct search {
  struct event_index *index;
  struct arena *arena;
  const struct index_query *query;
  struct index_place *places;
  size_t count;
  struct status status;
};

static void find_places(void *argument) {
  struct search *search = argument;
  search->status = event_index_find(search->index, search->arena, search->query, &search->places, &search->count);
}

coroutine_fn struct status event_log_find(struct event_log *log, struct context *context,
                                          const struct index_query *query, struct index_place **ret_places,
                                          size_t *ret_count) {
  struct search search = {.index = log->index, .arena = context->arena, .query = query};
  blocking_run(find_places, &search);
  if (status_is(search.status, reason_index_damaged)) log_follower_note_damage(log->follower);
  *ret_places = search.places;
  *ret_count = search.count;
  return search.status;
}

coroutine_fn struct status event_log_fetch(struct event_log *log, struct context *context,
                                           const struct index_place *places, size_t count, size_t max_bytes,
                                           struct log_page *ret_page) {
  return log_page_fetch(log->streams, log->archive, context, places, count, max_bytes, ret_page);
}

struct archive *event_log_archive(const struct event_log *log) {
  return log->archive;
}

coroutine_fn struct status event_log_check_archive(const struct event_log *log, size_t number,
                                                   struct context *context) {
  return archive_link_check(log->archive, log->streams, number, context, NULL);
}

struct event_index *event_log_index(struct event_log *log) {
  return log->index;
}

/* ---- the ring --------------------------------------------------------------------------------------------------- */

void event_log_watch_begin(struct event_log *log) {
  event_ring_watch_begin(log->ring, log->progress.all_read_to);
  log_follower_wake(log->follower);
}

void event_log_watch_end(struct event_log *log) {
  event_ring_watch_end(log->ring, log->progress.all_read_to);
}

bool event_log_ring_enter(const struct event_log *log, int64_t after, uint64_t *ret_number) {
  return event_ring_enter(log->ring, after, ret_number);
}

const struct log_entry *event_log_ring_at(const struct event_log *log, uint64_t number, bool *ret_gone) {
  return event_ring_at(log->ring, number, ret_gone);
}
