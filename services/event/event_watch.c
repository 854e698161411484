/* SPDX-License-Identifier: Apache-2.0 */
#include "event_watch.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "event_message.h"
#include "event_range.h"
#include "shop_reasons.h"
#include "store/positions.h"

enum {
  EVENTS_MAX = 100,       /* in a response */
  LOOKED_MAX = 1000,      /* entries of the ring that are looked at before others have their turn */
  BYTES_MAX = 256 * 1024, /* of entities in a response, about */
  HEARTBEAT_US = 10 * 1000 * 1000,
  HEARTBEAT_MIN_US = 100 * 1000,
  HEARTBEAT_MAX_US = 60 * 1000 * 1000,
  STUCK_US = 60 * 1000 * 1000, /* after which a caller who takes nothing off the connection is ended */
};

struct watch {
  struct event_log *log;
  const struct rpc_call *call;
  struct rpc_stream *stream;
  const Ordershop__V1__WatchEventsRequest *request;
  struct arena *arena;     /* of one response */
  struct context *context; /* the call's */
  int64_t heartbeat_us;

  int64_t sent_to; /* log time: all up to there has been sent */
  bool in_ring;    /* then it goes on with entry `number` of the ring */
  uint64_t number;
  uint64_t lives; /* of the log when it began */
};

/* ---- what is wanted --------------------------------------------------------------------------------------------- */

static bool wants_stream(const Ordershop__V1__WatchEventsRequest *request, const char *name) {
  for (size_t i = 0; i < request->n_streams; i++) {
    if (strcmp(request->streams[i], name) == 0) return true;
  }
  return request->n_streams == 0;
}

static bool wants_kind(const Ordershop__V1__WatchEventsRequest *request, const char *entity) {
  for (size_t i = 0; i < request->n_entities; i++) {
    if (strcmp(request->entities[i]->entity_type, entity) == 0) return true;
  }
  return request->n_entities == 0;
}

static bool wants(const Ordershop__V1__WatchEventsRequest *request, const struct log_entry *entry) {
  if (!wants_stream(request, entry->stream->name)) return false;
  for (size_t i = 0; i < request->n_entities; i++) {
    const Ordershop__V1__EntityName *entity = request->entities[i];
    if (strcmp(entity->entity_type, entry->stream->entity) != 0) continue;
    if (!*entity->id || strcasecmp(entity->id, entry->entity_id) == 0) return true;
  }
  return request->n_entities == 0;
}

/* A query that finds all that is wanted, and perhaps more. */
static struct index_query query_of(const struct watch *watch) {
  const Ordershop__V1__WatchEventsRequest *request = watch->request;
  struct index_query query = {.after = watch->sent_to, .until = INT64_MAX, .limit = EVENTS_MAX};
  size_t all = 0;
  while (event_log_stream(watch->log, all)) all++;
  size_t *streams = arena_calloc(watch->arena, all + 1, sizeof *streams);
  const struct log_stream *stream;
  for (size_t i = 0; (stream = event_log_stream(watch->log, i)); i++) {
    if (wants_stream(request, stream->name) && wants_kind(request, stream->entity)) {
      streams[query.stream_count++] = i;
    }
  }
  query.streams = streams;
  struct index_key *keys = arena_calloc(watch->arena, request->n_entities + 1, sizeof *keys);
  for (size_t i = 0; i < request->n_entities && *request->entities[i]->id; i++) {
    keys[query.entity_count++] = index_key_of(request->entities[i]->id);
  }
  if (query.entity_count < request->n_entities) query.entity_count = 0; /* some are of any id */
  query.entities = keys;
  if (query.stream_count == all) query.stream_count = 0; /* that is, any */
  return query;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* The next entries that are wanted, of those that have been read; and how far that is. */
struct watch_page {
  struct log_entry entries[EVENTS_MAX + INDEX_TIES];
  size_t count;
  int64_t looked_to;
};

static struct status too_slow(struct arena *arena) {
  return status_error(arena, STATUS_ABORTED, reason_watch_too_slow,
                      "the caller has fallen behind the latest %d events: resume at the last read_to",
                      EVENT_RING_ENTRIES);
}

/* What is behind the ring's beginning is found by the index. */
static coroutine_fn struct status read_index(struct watch *watch, struct context *context, struct watch_page *page) {
  struct index_query query = query_of(watch);
  int64_t read_to = event_log_read_to(watch->log);
  struct index_place *places;
  size_t count;
  query.until = read_to;
  struct status status = event_log_find(watch->log, context, &query, &places, &count);
  struct log_page fetched = {0};
  if (status_is_ok(status)) status = event_log_fetch(watch->log, context, places, count, BYTES_MAX, &fetched);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < fetched.count; i++) {
    if (wants(watch->request, &fetched.entries[i])) page->entries[page->count++] = fetched.entries[i];
  }
  bool is_all = fetched.looked_at == count && count < EVENTS_MAX;
  if (!is_all) page->looked_to = places[fetched.looked_at - 1].log_time;
  if (is_all && read_to > page->looked_to) page->looked_to = read_to;
  return status;
}

/* Entries stay in the ring only until the coroutine yields. */
static void keep(struct watch *watch, struct watch_page *page, const struct log_entry *entry, size_t *bytes) {
  struct log_entry *kept = &page->entries[page->count++];
  *kept = *entry;
  kept->id = arena_strdup(watch->arena, entry->id);
  kept->event_id = arena_strdup(watch->arena, entry->event_id);
  kept->cause = arena_strdup(watch->arena, entry->cause);
  kept->attempt_id = arena_strdup(watch->arena, entry->attempt_id);
  kept->traceparent = arena_strdup(watch->arena, entry->traceparent);
  kept->entity_id = arena_strdup(watch->arena, entry->entity_id);
  kept->entity = arena_memdup(watch->arena, entry->entity, entry->entity_size);
  *bytes += entry->entity_size;
}

/* Whether the page takes the next entry, too: never only some of those that have one log time. */
static bool takes(const struct watch_page *page, const struct log_entry *entry, int looked, size_t bytes) {
  if (entry->log_time == page->looked_to) return page->count < EVENTS_MAX + INDEX_TIES;
  return looked < LOOKED_MAX && page->count < EVENTS_MAX && bytes < BYTES_MAX;
}

static struct status read_ring(struct watch *watch, struct watch_page *page) {
  size_t bytes = 0;
  bool gone;
  const struct log_entry *entry = event_log_ring_at(watch->log, watch->number, &gone);
  if (gone) return too_slow(watch->context->arena);
  for (int looked = 0; entry && takes(page, entry, looked, bytes); looked++) {
    if (wants(watch->request, entry)) keep(watch, page, entry, &bytes);
    if (entry->log_time > page->looked_to) page->looked_to = entry->log_time;
    entry = event_log_ring_at(watch->log, ++watch->number, &gone);
  }
  int64_t read_to = event_log_read_to(watch->log);
  if (!entry && read_to > page->looked_to) page->looked_to = read_to;
  return status_ok();
}

static coroutine_fn struct status read_next(struct watch *watch, struct context *context, struct watch_page *page) {
  page->looked_to = watch->sent_to;
  if (!watch->in_ring) watch->in_ring = event_log_ring_enter(watch->log, watch->sent_to, &watch->number);
  return watch->in_ring ? read_ring(watch, page) : read_index(watch, context, page);
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status send(struct watch *watch, struct context *context, const struct watch_page *page) {
  Ordershop__V1__WatchEventsResponse response = ORDERSHOP__V1__WATCH_EVENTS_RESPONSE__INIT;
  watch->sent_to = page->looked_to;
  response.events = event_messages(watch->log, context, page->entries, page->count, watch->request->view);
  response.n_events = page->count;
  response.read_to = read_to_entry(watch->arena, watch->sent_to);
  response.position = read_to_position(watch->log, watch->arena, watch->sent_to);
  response.at_end = page->looked_to >= event_log_read_to(watch->log);
  return rpc_stream_write_until(watch->stream, &response, clock_monotonic_us() + STUCK_US,
                                too_slow(watch->context->arena));
}

static struct status log_reset(struct arena *arena) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_reset,
                      "the log is another one than the call began with");
}

/* One response, if there is something to say; otherwise it waits until there may be. */
static coroutine_fn struct status step(struct watch *watch, int64_t *due_us) {
  arena_reset(watch->arena);
  struct context context = {.arena = watch->arena, .deadline_us = clock_monotonic_us() + STUCK_US};
  struct watch_page *page = arena_calloc(watch->arena, 1, sizeof *page);
  struct status status = read_next(watch, &context, page);
  if (event_log_lives(watch->log) != watch->lives) return log_reset(watch->context->arena);
  if (!status_is_ok(status)) return status_copy(status, watch->context->arena);
  bool is_due = clock_monotonic_us() >= *due_us;
  if (page->count > 0 || is_due) {
    status = send(watch, &context, page);
    *due_us = clock_monotonic_us() + watch->heartbeat_us;
    return status_copy(status, watch->context->arena);
  }
  watch->sent_to = page->looked_to;
  bool is_behind = page->looked_to < event_log_read_to(watch->log);
  if (is_behind) {
    coroutine_sleep(0, DEADLINE_NEVER); /* others have their turn */
  } else {
    rpc_stream_wait(watch->stream, event_log_moved(watch->log), *due_us);
  }
  return status_ok();
}

static coroutine_fn struct status run(struct watch *watch) {
  int64_t due_us = 0; /* the first one says at once that the call has begun */
  while (!rpc_call_cancelled(watch->call)) {
    struct status status = step(watch, &due_us);
    if (!status_is_ok(status)) return status;
  }
  return rpc_stream_end(watch->stream);
}

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

static void check_entities(struct violations *violations, const Ordershop__V1__WatchEventsRequest *request) {
  if (request->n_entities > EVENT_NAMES_MAX) {
    violation_add(violations, "entities", "must be at most %d", EVENT_NAMES_MAX);
    return;
  }
  for (size_t i = 0; i < request->n_entities; i++) {
    const Ordershop__V1__EntityName *entity = request->entities[i];
    check_entity(violations, NULL, arena_printf(violations->arena, "entities[%zu]", i), entity->entity_type, entity->id,
                 false);
  }
}

static int64_t heartbeat_of(struct violations *violations, const Google__Protobuf__Duration *interval) {
  if (!interval) return HEARTBEAT_US;
  bool is_long = interval->seconds < 0 || interval->seconds > HEARTBEAT_MAX_US / 1000000;
  int64_t us = is_long ? 0 : interval->seconds * 1000000 + interval->nanos / 1000;
  if (us < HEARTBEAT_MIN_US || us > HEARTBEAT_MAX_US) {
    violation_add(violations, "heartbeat_interval", "must be from 0.1 s to 60 s");
  }
  return us;
}

static struct status check(struct watch *watch, int64_t *ret_after) {
  const Ordershop__V1__WatchEventsRequest *request = watch->request;
  struct violations violations = violations_of(watch->context->arena);
  check_streams(&violations, NULL, request->streams, request->n_streams);
  check_entities(&violations, request);
  check_view(&violations, request->view);
  check_entry(&violations, "after_entry", request->after_entry, ret_after);
  check_at_most_one(&violations, "after_entry", "after_entry, after_position, start_time", *request->after_entry,
                    *request->after_position, request->start_time);
  watch->heartbeat_us = heartbeat_of(&violations, request->heartbeat_interval);
  return violations_status(&violations);
}

/* The place behind which it begins; that of an entry or a position must be in this log. */
static coroutine_fn struct status find_beginning(struct watch *watch, int64_t after) {
  const Ordershop__V1__WatchEventsRequest *request = watch->request;
  struct context context = *watch->context;
  context.deadline_us = clock_monotonic_us() + STUCK_US;
  int64_t read_to;
  struct status status = event_log_await_end(watch->log, &context, &read_to);
  if (!status_is_ok(status)) return status;
  watch->lives = event_log_lives(watch->log);
  watch->sent_to = read_to;
  if (request->start_time) {
    int64_t start = timestamp_unix_us(request->start_time) - 1;
    if (start < read_to) watch->sent_to = start > 0 ? start : 0;
    return status;
  }
  if (*request->after_position) {
    struct positions wanted;
    bool is_ours =
        positions_parse(request->after_position, &wanted) && event_log_seen_with(watch->log, &wanted, &watch->sent_to);
    if (!is_ours) return position_invalid(context.arena);
    return event_log_has_seen(watch->log, &wanted) ? status : log_reset(context.arena);
  }
  if (!*request->after_entry) return status;
  watch->sent_to = after;
  return await_entry(watch->log, &context, after, &read_to);
}

coroutine_fn struct status watch_events(struct rpc_call *call, struct rpc_stream *stream) {
  const void *request = NULL;
  struct status status = rpc_stream_read(stream, &request);
  if (!status_is_ok(status)) return status;
  if (!request) {
    return status_error(call->context.arena, STATUS_INVALID_ARGUMENT, reason_request_missing,
                        "The call has no request.");
  }
  struct watch watch = {
      .log = service_of(call)->user, .call = call, .stream = stream, .request = request, .context = &call->context};
  int64_t after = 0;
  status = check(&watch, &after);
  if (!status_is_ok(status)) return status;
  event_log_watch_begin(watch.log);
  status = find_beginning(&watch, after);
  if (status_is_ok(status)) {
    watch.arena = arena_new();
    status = run(&watch);
    arena_free(watch.arena);
  }
  event_log_watch_end(watch.log);
  return status;
}
