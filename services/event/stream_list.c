/* SPDX-License-Identifier: Apache-2.0 */
#include "stream_list.h"

#include <google/protobuf/duration.pb-c.h>
#include <ordershop/v1/event.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "event_log.h"
#include "event_message.h"
#include "log_readers.h"
#include "loop/blocking.h"

enum { TYPES_BYTES = 2 * 1024 * 1024 };

struct listing {
  struct event_log *log;
  struct context *context;
  struct log_readers *readers;
  size_t stream_count;
  struct index_extent *extents;
  struct status status;
};

static bool reads_any(const struct listing *listing, const struct log_reader *reader) {
  for (size_t i = 0; i < listing->stream_count; i++) {
    if (reader->reads[i]) return true;
  }
  return false;
}

/* ---- what the index tells --------------------------------------------------------------------------------------- */

static void measure_reader(struct listing *listing, struct log_reader *reader) {
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
  for (size_t i = 0; i < listing->readers->count; i++) measure_reader(listing, &listing->readers->rows[i]);
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static int by_stream_name(const void *left, const void *right) {
  return strcmp((*(Ordershop__V1__Stream *const *)left)->name, (*(Ordershop__V1__Stream *const *)right)->name);
}

static int by_name(const void *left, const void *right) {
  return strcmp(((const struct log_reader *)left)->name, ((const struct log_reader *)right)->name);
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
  message->length = listing->readers->lengths[number];
  message->first_entry = extent->first ? (char *)log_time_text(arena, extent->first) : "";
  message->last_entry = extent->last ? (char *)log_time_text(arena, extent->last) : "";
  message->readers = arena_calloc(arena, listing->readers->count, sizeof *message->readers);
  for (size_t i = 0; i < listing->readers->count; i++) {
    if (listing->readers->rows[i].reads[number])
      message->readers[message->n_readers++] = (char *)listing->readers->rows[i].name;
  }
  return message;
}

static Ordershop__V1__StreamReader *reader_message(const struct listing *listing, const struct log_reader *reader,
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
  qsort(listing->readers->rows, listing->readers->count, sizeof *listing->readers->rows, by_name);
  response->streams = arena_calloc(arena, listing->stream_count, sizeof *response->streams);
  for (size_t i = 0; i < listing->stream_count; i++) {
    bool is_there = listing->readers->lengths[i] > 0 || listing->extents[i].last > 0;
    if (is_there) response->streams[response->n_streams++] = stream_message(listing, i);
  }
  qsort(response->streams, response->n_streams, sizeof *response->streams, by_stream_name);
  response->readers = arena_calloc(arena, listing->readers->count, sizeof *response->readers);
  for (size_t i = 0; i < listing->readers->count; i++) {
    const struct log_reader *reader = &listing->readers->rows[i];
    if (reads_any(listing, reader)) response->readers[response->n_readers++] = reader_message(listing, reader, read_to);
  }
  response->read_to = read_to_entry(arena, read_to);
  response->position = read_to_position(listing->log, arena, read_to);
}

/* Positions are read before the index is asked what lies behind them: a lag may be told too large by what is just being
 * applied, never too small. */
coroutine_fn struct status list_streams(struct rpc_call *call, const void *request, const void **ret_response) {
  int64_t read_to;
  struct event_log *log = service_of(call)->user;
  struct arena *arena = call->context.arena;
  struct listing *listing = arena_calloc(arena, 1, sizeof *listing);
  struct status status = event_log_await(log, call, &read_to);
  if (status_is_ok(status)) status = log_readers_ask(log, &call->context, &listing->readers);
  if (!status_is_ok(status)) return status;
  listing->log = log;
  listing->context = &call->context;
  listing->stream_count = listing->readers->stream_count;
  listing->extents = arena_calloc(arena, listing->stream_count, sizeof *listing->extents);
  blocking_run(measure, listing);
  if (!status_is_ok(listing->status)) return listing->status;
  Ordershop__V1__ListStreamsResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__v1__list_streams_response__init(response);
  answer(listing, event_log_read_to(log), response);
  if (((const Ordershop__V1__ListStreamsRequest *)request)->types) tell_types(listing, response);
  *ret_response = response;
  return status_ok();
}
