/* SPDX-License-Identifier: Apache-2.0 */
#include "stream_list.h"

#include <google/protobuf/duration.pb-c.h>
#include <ordershop/v1/event.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "event_log.h"
#include "event_message.h"
#include "loop/blocking.h"

enum { READERS_MAX = 200, PARKED_KEYS_MAX = 1000, TYPES_BYTES = 2 * 1024 * 1024 };

/* A service that reads streams. */
struct reader {
  const char *name;
  size_t log;          /* to which it appends, and beside which its position lies */
  bool *reads;         /* for each stream */
  int64_t *applied_to; /* of each stream, and of all together behind the last */
  int64_t dead_letters;
  int64_t lag_entries, oldest; /* oldest: log time of the first entry not applied; 0 if there is none */
};

struct listing {
  struct event_log *log;
  struct context *context;
  struct context contexts[LOG_PLACES_MAX]; /* for each log */
  size_t stream_count;
  int64_t *lengths;
  struct index_extent *extents;
  struct reader readers[READERS_MAX];
  size_t reader_count;
  struct status status;
};

/* ---- what Redis tells ------------------------------------------------------------------------------------------- */

static struct reader *reader_of(struct listing *listing, const char *name) {
  for (size_t i = 0; i < listing->reader_count; i++) {
    if (strcmp(listing->readers[i].name, name) == 0) return &listing->readers[i];
  }
  if (listing->reader_count == READERS_MAX) return NULL;
  struct arena *arena = listing->context->arena;
  struct reader *reader = &listing->readers[listing->reader_count++];
  *reader = (struct reader){.name = arena_strdup(arena, name),
                            .log = log_places_of_service(event_log_places(listing->log), name),
                            .reads = arena_calloc(arena, listing->stream_count, sizeof *reader->reads),
                            .applied_to = arena_calloc(arena, listing->stream_count + 1, sizeof *reader->applied_to)};
  return reader;
}

static void note_groups(struct listing *listing, size_t stream, const struct redis_reply *groups) {
  for (size_t i = 0; i < groups->count; i++) {
    const char *name = redis_reply_text(redis_reply_field(groups->elements[i], "name"));
    struct reader *reader = name ? reader_of(listing, name) : NULL;
    if (reader) reader->reads[stream] = true;
  }
}

static struct redis *redis_of(const struct listing *listing, size_t log) {
  return event_log_places(listing->log)->stores[log]->reads;
}

static struct redis_pending *send_of_stream(struct listing *listing, size_t stream, struct redis_arguments command) {
  const struct log_stream *of = event_log_stream(listing->log, stream);
  redis_add_text(&command, of->key);
  return redis_send(redis_of(listing, of->log), &listing->contexts[of->log], &command);
}

/* A stream that has no entry yet has no groups either, and XINFO is refused. */
static coroutine_fn struct status ask_streams(struct listing *listing) {
  const struct context *context = listing->context;
  struct redis_pending **lengths = arena_calloc(context->arena, listing->stream_count, sizeof *lengths);
  for (size_t i = 0; i < listing->stream_count; i++) {
    lengths[i] = send_of_stream(listing, i, redis_arguments_of(context->arena, "XLEN"));
  }
  struct status result = status_ok();
  for (size_t i = 0; i < listing->stream_count; i++) {
    const struct redis_reply *reply;
    struct status status = redis_receive(lengths[i], &reply);
    if (status_is_ok(status)) listing->lengths[i] = redis_reply_number(reply, 0);
    if (!status_is_ok(status)) result = status;
  }
  return result;
}

static coroutine_fn struct status ask_groups(struct listing *listing) {
  const struct context *context = listing->context;
  struct redis_pending **asked = arena_calloc(context->arena, listing->stream_count, sizeof *asked);
  for (size_t i = 0; i < listing->stream_count; i++) {
    if (listing->lengths[i] == 0) continue;
    asked[i] = send_of_stream(listing, i, redis_command_of(context->arena, "XINFO", "GROUPS", NULL));
  }
  struct status result = status_ok();
  for (size_t i = 0; i < listing->stream_count; i++) {
    const struct redis_reply *reply;
    if (!asked[i]) continue;
    struct status status = redis_receive(asked[i], &reply);
    if (status_is_ok(status)) note_groups(listing, i, reply);
    if (!status_is_ok(status)) result = status;
  }
  return result;
}

/* The hash `<service>_position` (consumer/progress.h), of one log: all up to its field `log` has been applied, too.
 * Groups are only in streams beside the hash; elsewhere that an entry was applied tells who reads. */
static void note_position(struct listing *listing, struct reader *reader, const struct redis_reply *hash, size_t log) {
  struct arena *arena = listing->context->arena;
  const char *name = event_log_places(listing->log)->stores[log]->log;
  bool is_own = log == reader->log;
  const char *epoch =
      redis_reply_text(redis_reply_field(hash, is_own ? "epoch" : arena_printf(arena, "epoch:%s", name)));
  const char *all = redis_reply_text(redis_reply_field(hash, is_own ? "log" : arena_printf(arena, "log:%s", name)));
  if (!epoch || strcmp(epoch, event_log_read_of(listing->log, log)->epoch) != 0) return;
  int64_t applied = all ? log_time_of_entry(all) : 0;
  for (size_t i = 0; i < listing->stream_count; i++) {
    const struct log_stream *stream = event_log_stream(listing->log, i);
    if (stream->log != log) continue;
    const char *at = redis_reply_text(redis_reply_field(hash, stream->name));
    int64_t own = at ? log_time_of_entry(at) : 0;
    reader->applied_to[i] = own > applied ? own : applied;
    if (!is_own && at) reader->reads[i] = true;
  }
  int64_t *least = &reader->applied_to[listing->stream_count];
  if (applied > 0 && (*least == 0 || applied < *least)) *least = applied;
}

static coroutine_fn struct status count_dead_letters(struct listing *listing, struct reader *reader) {
  struct context *context = &listing->contexts[reader->log];
  struct redis *redis = redis_of(listing, reader->log);
  const char *key = redis_key(redis, context->arena, "%s_parked_lists", reader->name);
  struct redis_arguments members = redis_command_of(context->arena, "SMEMBERS", key, NULL);
  const struct redis_reply *lists, *length;
  struct status status = redis_command(redis, context, &members, &lists);
  if (!status_is_ok(status)) return status;
  reader->dead_letters = lists->count > PARKED_KEYS_MAX ? -1 : 0;
  for (size_t i = 0; i < lists->count && reader->dead_letters >= 0 && status_is_ok(status); i++) {
    const char *list =
        redis_key(redis, context->arena, "%s_parked:%s", reader->name, redis_reply_text(lists->elements[i]));
    struct redis_arguments count = redis_command_of(context->arena, "LLEN", list, NULL);
    status = redis_command(redis, context, &count, &length);
    if (status_is_ok(status)) reader->dead_letters += redis_reply_number(length, 0);
  }
  return status;
}

static coroutine_fn struct status ask_reader(struct listing *listing, struct reader *reader) {
  struct context *context = &listing->contexts[reader->log];
  struct redis *redis = redis_of(listing, reader->log);
  const char *key = redis_key(redis, context->arena, "%s_position", reader->name);
  struct redis_arguments all = redis_command_of(context->arena, "HGETALL", key, NULL);
  const struct redis_reply *hash;
  struct status status = redis_command(redis, context, &all, &hash);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < event_log_places(listing->log)->count; i++) note_position(listing, reader, hash, i);
  return count_dead_letters(listing, reader);
}

/* Those of the contract, which may read streams of Redises that know nothing of them. */
static void add_followers(struct listing *listing) {
  if (event_log_places(listing->log)->count == 1) return;
  for (size_t i = 0; log_places_owners[i]; i++) reader_of(listing, log_places_owners[i]);
}

static bool reads_any(const struct listing *listing, const struct reader *reader) {
  for (size_t i = 0; i < listing->stream_count; i++) {
    if (reader->reads[i]) return true;
  }
  return false;
}

/* ---- what the index tells --------------------------------------------------------------------------------------- */

static void measure_reader(struct listing *listing, struct reader *reader) {
  for (size_t i = 0; i < listing->stream_count && status_is_ok(listing->status); i++) {
    if (!reader->reads[i]) continue;
    struct index_extent left;
    listing->status = event_index_extent(event_log_index(listing->log), listing->context->arena, i,
                                         reader->applied_to[i], true, &left);
    if (!status_is_ok(listing->status) || left.count == 0) continue;
    reader->lag_entries += left.count;
    if (reader->oldest == 0 || left.first < reader->oldest) reader->oldest = left.first;
  }
}

/* On another thread. */
static void measure(void *argument) {
  struct listing *listing = argument;
  listing->status = status_ok();
  for (size_t i = 0; i < listing->stream_count && status_is_ok(listing->status); i++) {
    listing->status =
        event_index_extent(event_log_index(listing->log), listing->context->arena, i, 0, false, &listing->extents[i]);
  }
  for (size_t i = 0; i < listing->reader_count; i++) measure_reader(listing, &listing->readers[i]);
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static int by_stream_name(const void *left, const void *right) {
  return strcmp((*(Ordershop__V1__Stream *const *)left)->name, (*(Ordershop__V1__Stream *const *)right)->name);
}

static int by_name(const void *left, const void *right) {
  return strcmp(((const struct reader *)left)->name, ((const struct reader *)right)->name);
}

static Ordershop__V1__Stream *stream_message(const struct listing *listing, size_t number) {
  struct arena *arena = listing->context->arena;
  const struct log_stream *stream = event_log_stream(listing->log, number);
  const ProtobufCMessageDescriptor *type = event_log_type(listing->log, stream, INT64_MAX);
  const struct index_extent *extent = &listing->extents[number];
  Ordershop__V1__Stream *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__stream__init(message);
  message->name = (char *)stream->name;
  message->entity_type = (char *)stream->entity;
  message->message_type = type ? (char *)type->name : "";
  message->length = listing->lengths[number];
  message->first_entry = extent->first ? (char *)log_time_text(arena, extent->first) : "";
  message->last_entry = extent->last ? (char *)log_time_text(arena, extent->last) : "";
  message->readers = arena_calloc(arena, listing->reader_count, sizeof *message->readers);
  for (size_t i = 0; i < listing->reader_count; i++) {
    if (listing->readers[i].reads[number]) message->readers[message->n_readers++] = (char *)listing->readers[i].name;
  }
  return message;
}

static Ordershop__V1__StreamReader *reader_message(const struct listing *listing, const struct reader *reader,
                                                   int64_t read_to) {
  struct arena *arena = listing->context->arena;
  Ordershop__V1__StreamReader *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__stream_reader__init(message);
  int64_t applied_to = reader->applied_to[listing->stream_count];
  message->service = (char *)reader->name;
  message->applied_to = applied_to > 0 ? (char *)log_time_text(arena, applied_to) : "";
  message->lag_entries = reader->lag_entries;
  message->lag_time = arena_alloc(arena, sizeof *message->lag_time);
  google__protobuf__duration__init(message->lag_time);
  int64_t lag_us = reader->oldest > 0 ? read_to - reader->oldest : 0;
  message->lag_time->seconds = lag_us / 1000000;
  message->lag_time->nanos = (int32_t)(lag_us % 1000000) * 1000;
  message->dead_letters = reader->dead_letters;
  return message;
}

/* Those that lie beside the log. */
static void tell_types(const struct listing *listing, Ordershop__V1__ListStreamsResponse *response) {
  struct arena *arena = listing->context->arena;
  const struct stored_types *types = event_log_types(listing->log);
  size_t count = 0;
  while (event_log_entity(listing->log, count)) count++;
  response->types = arena_calloc(arena, count, sizeof *response->types);
  for (size_t i = 0, bytes = 0; i < count; i++) {
    const char *entity = event_log_entity(listing->log, i);
    ProtobufCBinaryData set = stored_types_set(types, entity);
    bytes += set.len;
    if (set.len == 0 || bytes > TYPES_BYTES) continue;
    Ordershop__V1__EntityType *type = arena_alloc(arena, sizeof *type);
    ordershop__v1__entity_type__init(type);
    type->entity_type = (char *)entity;
    type->message_type = (char *)stored_types_at(types, entity, INT64_MAX)->name;
    type->descriptor_set = set;
    response->types[response->n_types++] = type;
  }
}

static void answer(struct listing *listing, int64_t read_to, Ordershop__V1__ListStreamsResponse *response) {
  struct arena *arena = listing->context->arena;
  qsort(listing->readers, listing->reader_count, sizeof *listing->readers, by_name);
  response->streams = arena_calloc(arena, listing->stream_count, sizeof *response->streams);
  for (size_t i = 0; i < listing->stream_count; i++) {
    bool is_there = listing->lengths[i] > 0 || listing->extents[i].last > 0;
    if (is_there) response->streams[response->n_streams++] = stream_message(listing, i);
  }
  qsort(response->streams, response->n_streams, sizeof *response->streams, by_stream_name);
  response->readers = arena_calloc(arena, listing->reader_count, sizeof *response->readers);
  for (size_t i = 0; i < listing->reader_count; i++) {
    const struct reader *reader = &listing->readers[i];
    if (reads_any(listing, reader)) response->readers[response->n_readers++] = reader_message(listing, reader, read_to);
  }
  response->read_to = read_to_entry(arena, read_to);
  response->position = read_to_position(listing->log, arena, read_to);
}

static struct listing *listing_new(struct rpc_call *call) {
  struct arena *arena = call->context.arena;
  struct listing *listing = arena_calloc(arena, 1, sizeof *listing);
  listing->log = service_of(call)->user;
  listing->context = &call->context;
  log_places_contexts(event_log_places(listing->log), &call->context, listing->contexts);
  while (event_log_stream(listing->log, listing->stream_count)) listing->stream_count++;
  listing->lengths = arena_calloc(arena, listing->stream_count, sizeof *listing->lengths);
  listing->extents = arena_calloc(arena, listing->stream_count, sizeof *listing->extents);
  return listing;
}

/* Positions are read before the index is asked what lies behind them: a lag may be told too large by what is just being
 * applied, never too small. */
coroutine_fn struct status list_streams(struct rpc_call *call, const void *request, const void **ret_response) {
  int64_t read_to;
  struct event_log *log = service_of(call)->user;
  struct status status = event_log_await(log, call, &read_to);
  if (!status_is_ok(status)) return status;
  struct listing *listing = listing_new(call);
  status = ask_streams(listing);
  if (status_is_ok(status)) status = ask_groups(listing);
  add_followers(listing);
  for (size_t i = 0; i < listing->reader_count && status_is_ok(status); i++) {
    status = ask_reader(listing, &listing->readers[i]);
  }
  if (!status_is_ok(status)) return status;
  blocking_run(measure, listing);
  if (!status_is_ok(listing->status)) return listing->status;
  Ordershop__V1__ListStreamsResponse *response = arena_alloc(call->context.arena, sizeof *response);
  ordershop__v1__list_streams_response__init(response);
  answer(listing, event_log_read_to(log), response);
  if (((const Ordershop__V1__ListStreamsRequest *)request)->types) tell_types(listing, response);
  *ret_response = response;
  return status_ok();
}
