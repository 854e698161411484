/* SPDX-License-Identifier: Apache-2.0 */
#include "event_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/message.h"
#include "loop/blocking.h"
#include "loop/fail_point.h"
#include "shop_reasons.h"
#include "store/event.h"
#include "store/log_clock.h"
#include "store/logs_reader.h"

enum {
  BATCH = 1000, /* entries that the index gets at once */
  FETCH = 50,   /* entries that Redis is asked for at once */
  CALL_US = 5 * 1000 * 1000,
  BLOCK_MS = 1000,
  AGAIN_US = 100 * 1000,       /* after a failure */
  PACE_US = 100 * 1000,        /* between two reads while entries keep coming, */
  WATCHED_PACE_US = 10 * 1000, /* and while somebody watches */
  SCAN_PAUSE_US = 1000 * 1000, /* between steps of the search for streams, once it has gone through all keys */
  RETRY_MS = 1000,
  STREAMS_MAX = 3000,
};

struct event_log {
  struct service *service;
  struct log_places places;
  struct event_index *index;
  struct stored_types *types;

  struct log_stream *streams[STREAMS_MAX];
  int64_t last[STREAMS_MAX]; /* of each stream, the last entry that was read; 0 if there is none */
  size_t stream_count;
  const char *entities[STREAMS_MAX]; /* of the streams, each once */
  size_t entity_count;
  size_t indexed_count;             /* streams that the index knows */
  bool has_streams[LOG_PLACES_MAX]; /* of each log, whether any is read */

  struct logs_reader *reader; /* NULL until the first round */
  struct position read_to[LOG_PLACES_MAX];
  int64_t all_read_to;              /* log time up to which all logs have been read */
  bool complete;                    /* it has been at the end of this log */
  uint64_t checked[LOG_PLACES_MAX]; /* redis_generation of `commands` on which the log was the one that was read */
  uint64_t lives;
  uint64_t rounds; /* reads by this reader that have succeeded */
  uint64_t tries;  /* reads, also those that have failed */
  int64_t read_us; /* when the latest one began */
  bool resting;    /* it lets entries gather before it reads again */
  bool hurried;    /* somebody waits for what it has not read yet */
  size_t watchers;

  struct log_entry *ring[EVENT_RING_ENTRIES];
  size_t ring_sizes[EVENT_RING_ENTRIES];
  uint64_t ring_first, ring_end; /* numbers of entries */
  size_t ring_bytes;
  int64_t ring_floor; /* it has all entries behind this log time */
  int64_t ring_from;  /* it takes only entries behind this one: others have been told already */

  char cursor[24]; /* of the search for streams */
  bool searched;   /* it has gone through all keys once */
  int64_t search_us;

  struct condition moved, wake, read_over, ended;
  bool dirty;   /* there may be something to read */
  bool damaged; /* somebody who looked into the index has found that */
  bool stopping;
  int running;
  char trouble[512];
};

/* ---- the ring --------------------------------------------------------------------------------------------------- */

static void ring_drop(struct event_log *log) {
  size_t place = log->ring_first++ % EVENT_RING_ENTRIES;
  if (log->ring[place]->log_time > log->ring_floor) log->ring_floor = log->ring[place]->log_time;
  log->ring_bytes -= log->ring_sizes[place];
  free(log->ring[place]);
}

static void ring_add(struct event_log *log, const struct log_entry *entry) {
  if (entry->log_time <= log->ring_from) return;
  size_t size;
  struct log_entry *copy = log_entry_copy(entry, &size);
  bool is_full = log->ring_end - log->ring_first == EVENT_RING_ENTRIES;
  while (log->ring_end > log->ring_first && (is_full || log->ring_bytes + size > EVENT_RING_BYTES)) {
    ring_drop(log);
    is_full = false;
  }
  size_t place = log->ring_end++ % EVENT_RING_ENTRIES;
  log->ring[place] = copy;
  log->ring_sizes[place] = size;
  log->ring_bytes += size;
}

static void ring_clear(struct event_log *log, int64_t floor) {
  while (log->ring_end > log->ring_first) ring_drop(log);
  log->ring_floor = log->ring_from = floor;
}

static void ring_begin(struct event_log *log) {
  ring_clear(log, log->all_read_to > log->ring_from ? log->all_read_to : log->ring_from);
}

void event_log_watch_begin(struct event_log *log) {
  if (log->watchers++ == 0) ring_begin(log);
  condition_signal_all(&log->wake);
}

void event_log_watch_end(struct event_log *log) {
  if (--log->watchers == 0) ring_begin(log);
}

bool event_log_ring_enter(const struct event_log *log, int64_t after, uint64_t *ret_number) {
  if (after < log->ring_floor) return false;
  uint64_t number = log->ring_first;
  while (number < log->ring_end && log->ring[number % EVENT_RING_ENTRIES]->log_time <= after) number++;
  *ret_number = number;
  return true;
}

const struct log_entry *event_log_ring_at(const struct event_log *log, uint64_t number, bool *ret_gone) {
  *ret_gone = number < log->ring_first;
  if (*ret_gone || number >= log->ring_end) return NULL;
  return log->ring[number % EVENT_RING_ENTRIES];
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static bool is_happening(const char *word) {
  return strcmp(word, "created") == 0 || strcmp(word, "updated") == 0 || strcmp(word, "deleted") == 0;
}

static unsigned cause_field(const ProtobufCMessageDescriptor *type) {
  if (!type || !message_has_field(type, "cause", PROTOBUF_C_TYPE_STRING, false)) return 0;
  return message_field(type, "cause")->id;
}

static struct log_stream *stream_new(const struct event_log *log, const char *name) {
  struct arena *arena = log->service->arena;
  struct log_stream *stream = arena_alloc(arena, sizeof *stream);
  const char *end = strrchr(name, '_');
  bool named = end && end > name && is_happening(end + 1);
  *stream = (struct log_stream){.name = arena_strdup(arena, name),
                                .entity = named ? arena_memdup(arena, name, (size_t)(end - name)) : "",
                                .happening = named ? arena_strdup(arena, end + 1) : ""};
  stream->log = log_places_of_entity(&log->places, stream->entity);
  stream->key = event_stream_key(log->places.stores[stream->log], arena, name);
  stream->cause_field = cause_field(stored_types_at(log->types, stream->entity, INT64_MAX));
  return stream;
}

static bool knows_stream(const struct event_log *log, const char *name) {
  for (size_t i = 0; i < log->stream_count; i++) {
    if (strcmp(log->streams[i]->name, name) == 0) return true;
  }
  return false;
}

static const char *id_after(struct arena *arena, int64_t log_time) {
  return log_time > 0 ? log_time_text(arena, log_time) : "0-0";
}

static void add_entity(struct event_log *log, const char *entity) {
  if (*entity && !event_log_knows_entity(log, entity)) log->entities[log->entity_count++] = entity;
}

/* Its entries behind `after` will be read. */
static void add_stream(struct event_log *log, const char *name, int64_t after) {
  if (knows_stream(log, name) || log->stream_count == STREAMS_MAX) return;
  struct log_stream *stream = stream_new(log, name);
  add_entity(log, stream->entity);
  stream->number = log->stream_count++;
  log->streams[stream->number] = stream;
  log->has_streams[stream->log] = true;
  log->last[stream->number] = after;
  if (log->reader) logs_reader_add(log->reader, stream->log, stream->key, id_after(log->service->arena, after));
}

static void add_streams_of(struct event_log *log, const char *entity) {
  static const char *const happenings[] = {"created", "updated", "deleted"};
  char name[256];
  for (size_t i = 0; i < sizeof happenings / sizeof *happenings; i++) {
    snprintf(name, sizeof name, "%s_%s", entity, happenings[i]);
    add_stream(log, name, 0);
  }
}

static void add_known_streams(struct event_log *log) {
  const char *entity;
  for (size_t i = 0; (entity = stored_types_contract(log->types, i)); i++) add_streams_of(log, entity);
}

const struct log_stream *event_log_stream(const struct event_log *log, size_t number) {
  return number < log->stream_count ? log->streams[number] : NULL;
}

bool event_log_knows_entity(const struct event_log *log, const char *entity) {
  for (size_t i = 0; i < log->entity_count; i++) {
    if (strcmp(log->entities[i], entity) == 0) return true;
  }
  return false;
}

const char *event_log_entity(const struct event_log *log, size_t index) {
  return index < log->entity_count ? log->entities[index] : NULL;
}

const ProtobufCMessageDescriptor *event_log_type(const struct event_log *log, const struct log_stream *stream,
                                                 int64_t log_time) {
  return *stream->entity ? stored_types_at(log->types, stream->entity, log_time) : NULL;
}

const struct log_places *event_log_places(const struct event_log *log) {
  return &log->places;
}

const struct stored_types *event_log_types(const struct event_log *log) {
  return log->types;
}

/* The types of a stream are looked for before its first entries are read. */
static coroutine_fn struct status look_for_types(struct event_log *log, struct context *context) {
  struct status status = stored_types_look(log->types, context, log->entities, log->entity_count);
  for (size_t i = 0; i < log->stream_count; i++) {
    struct log_stream *stream = log->streams[i];
    if (stream->cause_field == 0) stream->cause_field = cause_field(event_log_type(log, stream, INT64_MAX));
  }
  return status;
}

/* A step of the search for streams of services of one's own, which are in the shop's log; each takes little of Redis'
 * time, however many keys there are. */
static coroutine_fn struct status search(struct event_log *log, struct context *context) {
  if (clock_monotonic_us() < log->search_us) return status_ok();
  struct redis *redis = log->places.stores[0]->commands;
  const char *pattern = redis_key_pattern(redis, context->arena, "events:*");
  struct redis_arguments scan = redis_command_of(context->arena, "SCAN", *log->cursor ? log->cursor : "0", "MATCH",
                                                 pattern, "TYPE", "stream", "COUNT", "1000", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(redis, context, &scan, &reply);
  if (!status_is_ok(status)) return status;
  size_t skip = strlen(redis_key_prefix(redis)) + strlen("events:");
  const struct redis_reply *keys = redis_reply_at(reply, 1);
  for (size_t i = 0; keys && i < keys->count; i++) {
    const char *key = redis_reply_text(keys->elements[i]);
    if (key && strlen(key) > skip) add_stream(log, key + skip, 0);
  }
  const char *next = redis_reply_text(redis_reply_at(reply, 0));
  snprintf(log->cursor, sizeof log->cursor, "%s", next ? next : "0");
  if (strcmp(log->cursor, "0") == 0) log->searched = true;
  if (log->searched) log->search_us = clock_monotonic_us() + SCAN_PAUSE_US;
  return look_for_types(log, context);
}

/* ---- the index, on other threads -------------------------------------------------------------------------------- */

/* What a thread does while the coroutine that made it waits. */
struct index_work {
  struct event_log *log;
  struct arena *arena;
  const struct index_row *rows;
  size_t count;
  struct positions positions;
  const struct index_query *query;
  struct index_place *places;
  struct status status;
};

static void add_rows(void *argument) {
  struct index_work *work = argument;
  struct event_log *log = work->log;
  work->status = status_ok();
  for (; log->indexed_count < log->stream_count && status_is_ok(work->status); log->indexed_count++) {
    work->status = event_index_add_stream(log->index, work->arena, log->streams[log->indexed_count]->name);
    if (!status_is_ok(work->status)) return;
  }
  work->status = event_index_add(log->index, work->arena, work->rows, work->count, &work->positions);
}

static void find_places(void *argument) {
  struct index_work *work = argument;
  work->status = event_index_find(work->log->index, work->arena, work->query, &work->places, &work->count);
}

static void clear_index(void *argument) {
  struct index_work *work = argument;
  work->status = event_index_clear(work->log->index, work->arena);
}

coroutine_fn struct status event_log_find(struct event_log *log, struct context *context,
                                          const struct index_query *query, struct index_place **ret_places,
                                          size_t *ret_count) {
  struct index_work work = {.log = log, .arena = context->arena, .query = query};
  blocking_run(find_places, &work);
  if (status_is(work.status, reason_index_damaged)) log->damaged = true;
  *ret_places = work.places;
  *ret_count = work.count;
  return work.status;
}

/* ---- whether it is the log that was read ------------------------------------------------------------------------ */

/* Of the streams behind what was taken in. */
static coroutine_fn void start_reader(struct event_log *log) {
  logs_reader_free(log->reader);
  log->reader = logs_reader_new(log->places.stores, log->places.count);
  log->rounds = 0;
  struct arena *arena = arena_new();
  for (size_t i = 0; i < log->stream_count; i++) {
    logs_reader_add(log->reader, log->streams[i]->log, log->streams[i]->key, id_after(arena, log->last[i]));
  }
  arena_free(arena);
}

/* Reads all anew; the ring goes on behind `ring_floor`. */
static coroutine_fn struct status begin_again(struct event_log *log, struct context *context,
                                              const struct position *ends, int64_t ring_floor) {
  struct index_work work = {.log = log, .arena = context->arena};
  blocking_run(clear_index, &work);
  if (!status_is_ok(work.status)) return work.status;
  log->indexed_count = 0;
  memset(log->last, 0, sizeof log->last);
  start_reader(log);
  ring_clear(log, ring_floor);
  log->all_read_to = 0;
  for (size_t i = 0; i < log->places.count; i++) {
    log->read_to[i] = ends[i];
    log->read_to[i].log_time = 0;
  }
  log->complete = log->damaged = false;
  condition_signal_all(&log->moved);
  return status_ok();
}

/* Whether each stream of a log still has the last entry that was read of it. */
static coroutine_fn struct status look_for_last(struct event_log *log, struct context *context, size_t number,
                                                bool *ret_there) {
  size_t count = log->stream_count;
  struct redis_pending **asked = arena_calloc(context->arena, count, sizeof *asked);
  for (size_t i = 0; i < count; i++) {
    if (log->last[i] == 0 || log->streams[i]->log != number) continue;
    const char *id = log_time_text(context->arena, log->last[i]);
    struct redis_arguments range =
        redis_command_of(context->arena, "XRANGE", log->streams[i]->key, id, id, "COUNT", "1", NULL);
    asked[i] = redis_send(log->places.stores[number]->commands, context, &range);
  }
  struct status result = status_ok();
  *ret_there = true;
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    if (!asked[i]) continue;
    struct status status = redis_receive(asked[i], &reply);
    if (!status_is_ok(status)) result = status;
    if (status_is_ok(status) && reply->count == 0) *ret_there = false;
  }
  return result;
}

/* Whether what lies in Redis is the log that was read, with all of it. Its entries are looked for on each connection
 * anew: behind it may be another server, or one with another file. That the clock lacks its last ticks does no harm. */
static coroutine_fn struct status check_log(struct event_log *log, struct context *context, size_t number,
                                            const struct position *end, bool *ret_same) {
  uint64_t generation = redis_generation(log->places.stores[number]->commands);
  struct position *read_to = &log->read_to[number];
  bool is_new = !*read_to->epoch && read_to->log_time == 0;
  struct status status = status_ok();
  *ret_same = strcmp(read_to->epoch, end->epoch) == 0;
  if (*ret_same && log->checked[number] != generation) status = look_for_last(log, context, number, ret_same);
  if (status_is_ok(status)) log->checked[number] = generation;
  if (*ret_same || !is_new) return status;
  memcpy(read_to->epoch, end->epoch, sizeof read_to->epoch);
  *ret_same = true;
  return status;
}

static coroutine_fn struct status check_logs(struct event_log *log, struct context *contexts,
                                             const struct position *ends) {
  for (size_t i = 0; i < log->places.count; i++) {
    bool same;
    struct status status = check_log(log, &contexts[i], i, &ends[i], &same);
    if (!status_is_ok(status)) return status;
    if (same) continue;
    log_event(LOG_WARN, "the log is not the one that was read: its index is made anew", "log",
              log->places.stores[i]->log, "epoch", ends[i].epoch, "ends_at",
              log_time_text(contexts[i].arena, ends[i].log_time), "epoch_before", log->read_to[i].epoch, "read_to",
              log_time_text(contexts[i].arena, log->read_to[i].log_time), NULL);
    log->lives++;
    return begin_again(log, &contexts[i], ends, 0);
  }
  return status_ok();
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static struct index_row row_of(const struct log_entry *entry) {
  return (struct index_row){.log_time = entry->log_time,
                            .stream = entry->stream->number,
                            .entity = index_key_of(entry->entity_id),
                            .event = index_key_of(entry->event_id),
                            .cause = index_key_of(entry->cause),
                            .attempt = index_key_of(entry->attempt_id)};
}

/* Whether one more entry fits, or belongs to those that are there, since it has the same log time. */
static bool takes_one_more(const struct event_log *log, const struct log_entry *entries, size_t count, size_t room) {
  if (count < room) return true;
  return entries[count - 1].log_time == logs_reader_next_log_time(log->reader);
}

static size_t next_entries(struct event_log *log, struct arena *arena, struct read_entry *read,
                           struct log_entry *entries, size_t room) {
  size_t count = 0;
  while (takes_one_more(log, entries, count, room) && logs_reader_next(log->reader, &read[count])) {
    entries[count] = log_entry_of(arena, log->streams[read[count].stream], read[count].entry);
    count++;
  }
  return count;
}

/* How far each log has been read when everything up to a log time has been taken in, and what was handed out. */
static void reach(const struct event_log *log, int64_t log_time, struct position *ret_read_to) {
  for (size_t i = 0; i < log->places.count; i++) {
    ret_read_to[i] = log->read_to[i];
    if (!*ret_read_to[i].epoch) continue;
    int64_t handed_out = logs_reader_handed_out(log->reader, i).log_time;
    int64_t to = handed_out > log_time ? handed_out : log_time;
    if (to > ret_read_to[i].log_time) ret_read_to[i].log_time = to;
  }
}

/* A log that nobody has begun yet, or of which nothing is read, holds up nothing. */
static bool is_read(const struct event_log *log, const struct position *read_to, size_t number) {
  return log->has_streams[number] && *read_to[number].epoch;
}

static int64_t least_of(const struct event_log *log, const struct position *read_to) {
  int64_t least = 0;
  for (size_t i = 0; i < log->places.count; i++) {
    if (is_read(log, read_to, i) && (least == 0 || read_to[i].log_time < least)) least = read_to[i].log_time;
  }
  return least;
}

/* Returns whether that is further than before. */
static bool move_to(struct event_log *log, const struct position *read_to) {
  bool moved = memcmp(log->read_to, read_to, log->places.count * sizeof *read_to) != 0;
  memcpy(log->read_to, read_to, log->places.count * sizeof *read_to);
  int64_t least = least_of(log, read_to);
  if (least > log->all_read_to) log->all_read_to = least;
  return moved;
}

static struct positions positions_with(const struct event_log *log, const struct position *read_to) {
  struct positions positions = {.count = log->places.count};
  for (size_t i = 0; i < log->places.count; i++) {
    snprintf(positions.parts[i].log, sizeof positions.parts[i].log, "%s", log->places.stores[i]->log);
    positions.parts[i].position = read_to[i];
  }
  return positions;
}

static struct status lost_answer(struct arena *arena, const char *where) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point %s", where);
}

/* First the index, then the ring and the position: whoever hears of an entry finds it. */
static coroutine_fn struct status take_in(struct event_log *log, struct context *context, struct log_entry *entries,
                                          size_t count) {
  struct position read_to[LOG_PLACES_MAX];
  reach(log, entries[count - 1].log_time, read_to);
  struct index_row *rows = arena_calloc(context->arena, count, sizeof *rows);
  for (size_t i = 0; i < count; i++) rows[i] = row_of(&entries[i]);
  struct index_work work = {
      .log = log, .arena = context->arena, .rows = rows, .count = count, .positions = positions_with(log, read_to)};
  if (fail_point("event.before_index")) return lost_answer(context->arena, "event.before_index");
  blocking_run(add_rows, &work);
  if (!status_is_ok(work.status)) return work.status;
  if (fail_point("event.after_index")) return lost_answer(context->arena, "event.after_index");
  for (size_t i = 0; i < count; i++) {
    log->last[entries[i].stream->number] = entries[i].log_time;
    if (log->watchers > 0) ring_add(log, &entries[i]);
  }
  move_to(log, read_to);
  condition_signal_all(&log->moved);
  return status_ok();
}

/* Takes in what has been read. */
static coroutine_fn struct status hand_out(struct event_log *log, struct context *context) {
  size_t held = logs_reader_held(log->reader), room = held < BATCH ? held : BATCH, count;
  struct read_entry *read = arena_calloc(context->arena, room + INDEX_TIES, sizeof *read);
  struct log_entry *entries = arena_calloc(context->arena, room + INDEX_TIES, sizeof *entries);
  while (room > 0 && (count = next_entries(log, context->arena, read, entries, room)) > 0) {
    struct status status = take_in(log, context, entries, count);
    for (size_t i = 0; i < count; i++) read_entry_release(&read[i]);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

static void note_end(struct event_log *log) {
  struct position read_to[LOG_PLACES_MAX];
  if (!logs_reader_is_caught_up(log->reader) || !log->searched) return;
  reach(log, 0, read_to);
  bool moved = move_to(log, read_to) || !log->complete;
  if (!log->complete) {
    log_event(LOG_INFO, "the index has the whole log", "read_to", log_time_text(log->service->arena, log->all_read_to),
              NULL);
  }
  log->complete = true;
  if (moved) condition_signal_all(&log->moved);
}

static coroutine_fn struct status read_clocks(struct event_log *log, struct context *contexts,
                                              struct position *ret_ends) {
  struct redis_pending *asked[LOG_PLACES_MAX];
  struct status result = status_ok();
  for (size_t i = 0; i < log->places.count; i++) {
    asked[i] = clock_ask(log->places.stores[i], log->places.stores[i]->commands, &contexts[i]);
  }
  for (size_t i = 0; i < log->places.count; i++) {
    struct status status = clock_told(log->places.stores[i], asked[i], &ret_ends[i]);
    if (status_is_ok(result)) result = status;
  }
  return result;
}

static coroutine_fn struct status read_once(struct event_log *log, const struct context *context, bool *ret_more) {
  struct context contexts[LOG_PLACES_MAX];
  log_places_contexts(&log->places, context, contexts);
  struct status status = search(log, &contexts[0]);
  if (!status_is_ok(status)) return status;
  struct position ends[LOG_PLACES_MAX];
  log->dirty = log->hurried = false;
  log->read_us = clock_monotonic_us();
  status = read_clocks(log, contexts, ends);
  if (status_is_ok(status)) status = check_logs(log, contexts, ends);
  if (status_is_ok(status)) status = logs_reader_read(log->reader, &contexts[0], ret_more);
  if (status_is_ok(status)) status = hand_out(log, &contexts[0]);
  if (!status_is_ok(status)) return status;
  note_end(log);
  log->rounds++;
  *ret_more = *ret_more || logs_reader_held(log->reader) > 0 || !log->searched;
  return status_ok();
}

/* A damaged file is made anew. */
static coroutine_fn void mend(struct event_log *log, struct context *context, struct status status) {
  if (!status_is(status, reason_index_damaged) && !log->damaged) return;
  log_event(LOG_ERROR, "the index of the log is damaged, and is made anew", NULL);
  struct position same[LOG_PLACES_MAX];
  memcpy(same, log->read_to, sizeof same);
  log->damaged = !status_is_ok(begin_again(log, context, same, log->all_read_to));
}

static void note_trouble(struct event_log *log, struct status status) {
  bool is_index = status_is(status, reason_index_unwritable);
  if (is_index && !*log->trouble) log_event(LOG_ERROR, "the log can't be followed", "reason", status.message, NULL);
  snprintf(log->trouble, sizeof log->trouble, "%s", is_index ? status.message : "");
}

/* Lets entries gather, unless somebody waits for them: one page and one transaction of many cost little more than those
 * of one. An entry that comes after a while of none is read at once. */
static coroutine_fn void rest(struct event_log *log) {
  log->resting = true;
  while (!log->stopping && !log->hurried) {
    if (!condition_wait(&log->wake, log->read_us + (log->watchers > 0 ? WATCHED_PACE_US : PACE_US))) break;
  }
  log->resting = false;
}

static coroutine_fn struct status wait_ready(const struct event_log *log) {
  int64_t until_us = clock_monotonic_us() + CALL_US;
  struct status status = status_ok();
  for (size_t i = 0; i < log->places.count && status_is_ok(status); i++) {
    status = redis_wait_ready(log->places.stores[i]->commands, until_us);
  }
  return status;
}

/* After a failure the streams are read again behind what was taken in, maybe of other servers. */
static coroutine_fn void follow(void *argument) {
  struct event_log *log = argument;
  start_reader(log);
  while (!log->stopping) {
    struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
    bool more = false;
    struct status status = wait_ready(log);
    if (status_is_ok(status) && !log->stopping) status = read_once(log, &context, &more);
    if (!status_is_ok(status)) start_reader(log);
    note_trouble(log, status);
    mend(log, &context, status);
    arena_free(context.arena);
    log->tries++;
    condition_signal_all(&log->read_over);
    int64_t until_us = clock_monotonic_us() + (status_is_ok(status) ? BLOCK_MS * 1000 : AGAIN_US);
    while (!log->stopping && !more && !(log->dirty && status_is_ok(status))) {
      if (!condition_wait(&log->wake, until_us)) break;
    }
    if (!more && status_is_ok(status)) rest(log);
  }
  logs_reader_free(log->reader);
  log->running--;
  condition_signal_all(&log->ended);
}

/* Waits in Redis until a stream of the log has more than was taken in, and tells whether that was possible: there may
 * be no such stream. */
static coroutine_fn bool wait_for_more(const struct event_log *log, size_t number) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + BLOCK_MS * 1000 + CALL_US};
  struct redis_arguments read = redis_command_of(context.arena, "XREAD", "COUNT", "1", "BLOCK", NULL);
  redis_add_number(&read, BLOCK_MS);
  redis_add_text(&read, "STREAMS");
  size_t fixed = read.count;
  for (size_t i = 0; i < log->stream_count; i++) {
    if (log->streams[i]->log == number) redis_add_text(&read, log->streams[i]->key);
  }
  bool possible = read.count > fixed;
  for (size_t i = 0; i < log->stream_count; i++) {
    if (log->streams[i]->log == number) redis_add_text(&read, id_after(context.arena, log->last[i]));
  }
  const struct redis_reply *reply;
  struct event_store *store = log->places.stores[number];
  if (possible) possible = status_is_ok(redis_command_blocking(store->blocking, &context, &read, BLOCK_MS, &reply));
  arena_free(context.arena);
  return possible;
}

struct listener {
  struct event_log *log;
  size_t number; /* of the log that it listens to */
};

/* Wakes the reader when a log has more, on a connection of its own. */
static coroutine_fn void listen(void *argument) {
  const struct listener *listener = argument;
  struct event_log *log = listener->log;
  while (!log->stopping) {
    uint64_t rounds = log->rounds;
    bool heard = rounds > 0 && wait_for_more(log, listener->number);
    if (heard) log->dirty = true;
    if (heard) condition_signal_all(&log->wake);
    int64_t until_us = clock_monotonic_us() + (heard ? BLOCK_MS * 1000 : AGAIN_US);
    while (!log->stopping && (!heard || log->rounds == rounds)) {
      if (!condition_wait(&log->read_over, until_us)) break;
    }
  }
  log->running--;
  condition_signal_all(&log->ended);
}

/* ---- how far it is ---------------------------------------------------------------------------------------------- */

int64_t event_log_read_to(const struct event_log *log) {
  return log->all_read_to;
}

const struct position *event_log_read_of(const struct event_log *log, size_t number) {
  return &log->read_to[number];
}

const char *event_log_position(const struct event_log *log, struct arena *arena, int64_t log_time) {
  struct positions positions = {.count = 0};
  for (size_t i = 0; i < log->places.count; i++) {
    struct position part = log->read_to[i];
    part.log_time = log_time;
    if (is_read(log, log->read_to, i)) positions_advance(&positions, log->places.stores[i]->log, &part);
  }
  return positions_text(arena, &positions);
}

bool event_log_seen_with(const struct event_log *log, const struct positions *positions, int64_t *ret_log_time) {
  bool found = false;
  for (size_t i = 0; i < log->places.count; i++) {
    const struct position *part = positions_of(positions, log->places.stores[i]->log);
    if (part && (!found || part->log_time < *ret_log_time)) *ret_log_time = part->log_time;
    found = found || part;
  }
  return found;
}

bool event_log_has_seen(const struct event_log *log, const struct positions *positions) {
  for (size_t i = 0; i < log->places.count; i++) {
    const struct position *part = positions_of(positions, log->places.stores[i]->log);
    if (part && !position_has_seen(&log->read_to[i], part)) return false;
  }
  return true;
}

uint64_t event_log_lives(const struct event_log *log) {
  return log->lives;
}

struct condition *event_log_moved(struct event_log *log) {
  return &log->moved;
}

struct event_index *event_log_index(struct event_log *log) {
  return log->index;
}

const char *event_log_trouble(const struct event_log *log) {
  if (*log->trouble) return log->trouble;
  return log->complete ? "" : "the index of the log is being made";
}

static struct status incomplete(const struct event_log *log, struct arena *arena) {
  if (*log->trouble) return status_error(arena, STATUS_UNAVAILABLE, reason_index_unwritable, "%s", log->trouble);
  struct status status =
      status_error(arena, STATUS_UNAVAILABLE, reason_index_incomplete,
                   "the index of the log is being made: it has come to %s", log_time_text(arena, log->all_read_to));
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

static void hurry(struct event_log *log) {
  log->dirty = log->hurried = true;
  condition_signal_all(&log->wake);
}

/* Has what gathered read, for a call that names no position: it sees no less because the reader rests. */
static coroutine_fn void await_rest(struct event_log *log, const struct context *context) {
  if (!log->resting) return;
  int64_t until_us = clock_monotonic_us() + PACE_US;
  uint64_t tries = log->tries;
  hurry(log);
  while (log->tries == tries && clock_monotonic_us() < until_us) {
    if (!condition_wait(&log->read_over, context->deadline_us < until_us ? context->deadline_us : until_us)) return;
  }
}

static coroutine_fn struct status await_positions(struct event_log *log, struct context *context,
                                                  const struct positions *wanted, int64_t *ret_read_to) {
  while (!log->complete || (wanted && !event_log_has_seen(log, wanted))) {
    if (!log->complete || store_away(log)) return not_ready(log, context->arena);
    hurry(log);
    if (condition_wait(&log->moved, context->deadline_us)) continue;
    return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, reason_position_not_reached,
                        "the log has not been read up to the position in time");
  }
  *ret_read_to = log->all_read_to;
  return status_ok();
}

coroutine_fn struct status event_log_await(struct event_log *log, struct rpc_call *call, int64_t *ret_read_to) {
  struct positions wanted;
  int64_t seen;
  bool has_after = call->context.after && positions_parse(call->context.after, &wanted);
  if (!has_after || !event_log_seen_with(log, &wanted, &seen)) await_rest(log, &call->context);
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
  struct status status = read_clocks(log, contexts, ends);
  if (!status_is_ok(status)) return status;
  struct positions wanted = {.count = 0};
  for (size_t i = 0; i < log->places.count; i++) {
    if (*ends[i].epoch) positions_advance(&wanted, log->places.stores[i]->log, &ends[i]);
  }
  return await_positions(log, context, &wanted, ret_read_to);
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status fetch_some(struct event_log *log, struct context *context,
                                             const struct index_place *places, size_t count, struct log_page *page,
                                             size_t *bytes) {
  struct redis_pending *asked[FETCH + INDEX_TIES];
  struct context contexts[LOG_PLACES_MAX];
  log_places_contexts(&log->places, context, contexts);
  for (size_t i = 0; i < count; i++) {
    const struct log_stream *stream = log->streams[places[i].stream];
    const char *id = log_time_text(context->arena, places[i].log_time);
    struct redis_arguments range = redis_command_of(context->arena, "XRANGE", stream->key, id, id, "COUNT", "1", NULL);
    asked[i] = redis_send(log->places.stores[stream->log]->reads, &contexts[stream->log], &range);
  }
  struct status result = status_ok();
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    struct status status = redis_receive(asked[i], &reply);
    if (!status_is_ok(status)) result = status;
    if (!status_is_ok(result) || reply->count == 0) continue;
    struct log_entry *entry = &page->entries[page->count++];
    *entry = log_entry_of(context->arena, log->streams[places[i].stream], reply->elements[0]);
    *bytes += entry->entity_size + sizeof *entry;
  }
  return result;
}

/* How many to ask for next, when entries are as large as those before. */
static size_t next_count(const struct index_place *places, size_t count, size_t looked_at, size_t bytes,
                         size_t max_bytes) {
  size_t left = count - looked_at, next = left < FETCH ? left : FETCH;
  size_t each = looked_at > 0 ? bytes / looked_at + 1 : max_bytes / 16;
  size_t fit = (max_bytes - bytes) / each + 1;
  if (fit < next) next = fit;
  return index_places_with_ties(places + looked_at, left, next);
}

coroutine_fn struct status event_log_fetch(struct event_log *log, struct context *context,
                                           const struct index_place *places, size_t count, size_t max_bytes,
                                           struct log_page *ret_page) {
  struct log_page page = {.entries = arena_calloc(context->arena, count + 1, sizeof *page.entries)};
  size_t bytes = 0;
  while (page.looked_at < count && bytes < max_bytes) {
    size_t some = next_count(places, count, page.looked_at, bytes, max_bytes);
    struct status status = fetch_some(log, context, places + page.looked_at, some, &page, &bytes);
    if (!status_is_ok(status)) return status;
    page.looked_at += some;
  }
  *ret_page = page;
  return status_ok();
}

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
    return event_index_clear(log->index, arena);
  }
  for (size_t i = 0; i < log->places.count; i++) {
    const struct position *part = positions_of(&indexed, log->places.stores[i]->log);
    log->read_to[i] = part ? *part : (struct position){0};
  }
  log->all_read_to = least_of(log, log->read_to);
  return status;
}

/* Takes over what the index has; what it lacks is read. It is checked against the log before anything is answered. */
static struct status take_over(struct event_log *log, struct arena *arena) {
  const char **names;
  size_t count;
  struct status status = read_index_positions(log, arena);
  if (status_is_ok(status)) status = event_index_streams(log->index, arena, &names, &count);
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    struct index_extent extent;
    status = event_index_extent(log->index, arena, i, 0, false, &extent);
    if (status_is_ok(status)) add_stream(log, names[i], extent.last);
  }
  log->indexed_count = log->stream_count;
  log->ring_floor = log->ring_from = log->all_read_to;
  return status;
}

static struct status take_over_or_clear(struct event_log *log, struct arena *arena) {
  struct status status = take_over(log, arena);
  if (!status_is(status, reason_index_damaged)) return status;
  log_event(LOG_WARN, "the index of the log is damaged, and is made anew", "detail", status.message, NULL);
  status = event_index_clear(log->index, arena);
  log->stream_count = log->indexed_count = 0;
  return status_is_ok(status) ? take_over(log, arena) : status;
}

struct status event_log_open(struct service *service, const char *folder, struct event_log **ret_log) {
  struct event_log *log = memory_calloc(1, sizeof *log);
  log->service = service;
  log->places = log_places_of(service);
  struct status status = stored_types_new(&log->places, service->arena, &log->types);
  if (status_is_ok(status)) status = event_index_open(service->arena, folder, &log->index);
  if (status_is_ok(status)) status = take_over_or_clear(log, service->arena);
  if (!status_is_ok(status)) {
    if (log->index) event_index_close(log->index);
    if (log->types) stored_types_free(log->types);
    free(log);
    return status;
  }
  add_known_streams(log);
  log->running = 1 + (int)log->places.count;
  loop_spawn(service->loop, follow, log);
  for (size_t i = 0; i < log->places.count; i++) {
    struct listener *listener = arena_alloc(service->arena, sizeof *listener);
    *listener = (struct listener){.log = log, .number = i};
    loop_spawn(service->loop, listen, listener);
  }
  *ret_log = log;
  return status_ok();
}

coroutine_fn void event_log_close(struct event_log *log) {
  log->stopping = true;
  condition_signal_all(&log->wake);
  condition_signal_all(&log->read_over);
  while (log->running > 0) condition_wait(&log->ended, DEADLINE_NEVER);
  ring_clear(log, 0);
  event_index_close(log->index);
  stored_types_free(log->types);
  free(log);
}
