/* SPDX-License-Identifier: Apache-2.0 */
#include "log_streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "store/event.h"

enum {
  SEARCH_PAUSE_US = 1000 * 1000, /* between steps of the search, once it has gone through all keys */
};

static const char *const happenings[] = {"created", "updated", "deleted"};
enum { HAPPENINGS = sizeof happenings / sizeof *happenings };

struct log_streams {
  const struct log_places *places;
  struct stored_types *types;

  struct log_stream *streams[LOG_STREAMS_MAX];
  size_t count;
  const char *entities[LOG_STREAMS_MAX]; /* of the streams, each once */
  size_t entity_count;
  bool has_log[LOG_PLACES_MAX];

  char cursor[24]; /* of the search */
  bool searched;   /* it has gone through all keys once */
  int64_t search_us;
};

struct log_streams *log_streams_new(const struct log_places *places, struct stored_types *types) {
  struct log_streams *streams = memory_calloc(1, sizeof *streams);
  streams->places = places;
  streams->types = types;
  return streams;
}

void log_streams_free(struct log_streams *streams) {
  free(streams);
}

void log_streams_clear(struct log_streams *streams) {
  streams->count = streams->entity_count = 0;
  memset(streams->has_log, 0, sizeof streams->has_log);
  *streams->cursor = '\0';
  streams->searched = false;
  streams->search_us = 0;
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

const struct log_places *log_streams_places(const struct log_streams *streams) {
  return streams->places;
}

size_t log_streams_count(const struct log_streams *streams) {
  return streams->count;
}

const struct log_stream *log_streams_at(const struct log_streams *streams, size_t number) {
  return number < streams->count ? streams->streams[number] : NULL;
}

bool log_streams_has_log(const struct log_streams *streams, size_t log) {
  return streams->has_log[log];
}

bool log_streams_knows_entity(const struct log_streams *streams, const char *entity) {
  for (size_t i = 0; i < streams->entity_count; i++) {
    if (strcmp(streams->entities[i], entity) == 0) return true;
  }
  return false;
}

const char *log_streams_entity(const struct log_streams *streams, size_t index) {
  return index < streams->entity_count ? streams->entities[index] : NULL;
}

const ProtobufCMessageDescriptor *log_streams_type(const struct log_streams *streams, const struct log_stream *stream,
                                                   int64_t log_time) {
  return *stream->entity ? stored_types_at(streams->types, stream->entity, log_time) : NULL;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

static bool is_happening(const char *word) {
  for (size_t i = 0; i < HAPPENINGS; i++) {
    if (strcmp(word, happenings[i]) == 0) return true;
  }
  return false;
}

static unsigned cause_field(const ProtobufCMessageDescriptor *type) {
  if (!type || !message_has_field(type, "cause", PROTOBUF_C_TYPE_STRING, false)) return 0;
  return message_field(type, "cause")->id;
}

static struct log_stream *stream_new(const struct log_streams *streams, const char *name) {
  struct arena *arena = streams->places->service->arena;
  struct log_stream *stream = arena_alloc(arena, sizeof *stream);
  const char *end = strrchr(name, '_');
  bool named = end && end > name && is_happening(end + 1);
  *stream = (struct log_stream){.name = arena_strdup(arena, name),
                                .entity = named ? arena_memdup(arena, name, (size_t)(end - name)) : "",
                                .happening = named ? arena_strdup(arena, end + 1) : ""};
  stream->log = log_places_of_entity(streams->places, stream->entity);
  stream->key = event_stream_key(streams->places->stores[stream->log], arena, name);
  stream->cause_field = cause_field(stored_types_at(streams->types, stream->entity, INT64_MAX));
  return stream;
}

static bool knows_stream(const struct log_streams *streams, const char *name) {
  for (size_t i = 0; i < streams->count; i++) {
    if (strcmp(streams->streams[i]->name, name) == 0) return true;
  }
  return false;
}

static void add_entity(struct log_streams *streams, const char *entity) {
  if (*entity && !log_streams_knows_entity(streams, entity)) streams->entities[streams->entity_count++] = entity;
}

const struct log_stream *log_streams_add(struct log_streams *streams, const char *name) {
  if (knows_stream(streams, name) || streams->count == LOG_STREAMS_MAX) return NULL;
  struct log_stream *stream = stream_new(streams, name);
  add_entity(streams, stream->entity);
  stream->number = streams->count++;
  streams->streams[stream->number] = stream;
  streams->has_log[stream->log] = true;
  return stream;
}

static void add_streams_of(struct log_streams *streams, const char *entity) {
  char name[256];
  for (size_t i = 0; i < HAPPENINGS; i++) {
    snprintf(name, sizeof name, "%s_%s", entity, happenings[i]);
    log_streams_add(streams, name);
  }
}

void log_streams_add_contract(struct log_streams *streams) {
  const char *entity;
  for (size_t i = 0; (entity = stored_types_contract(streams->types, i)); i++) add_streams_of(streams, entity);
}

/* ---- the search ------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status look_for_types(struct log_streams *streams, struct context *context) {
  struct status status = stored_types_look(streams->types, context, streams->entities, streams->entity_count);
  for (size_t i = 0; i < streams->count; i++) {
    struct log_stream *stream = streams->streams[i];
    if (stream->cause_field == 0) stream->cause_field = cause_field(log_streams_type(streams, stream, INT64_MAX));
  }
  return status;
}

coroutine_fn struct status log_streams_search(struct log_streams *streams, struct context *context) {
  if (clock_monotonic_us() < streams->search_us) return status_ok();
  struct redis *redis = streams->places->stores[0]->commands;
  const char *pattern = redis_key_pattern(redis, context->arena, "events:*");
  struct redis_arguments scan = redis_command_of(context->arena, "SCAN", *streams->cursor ? streams->cursor : "0",
                                                 "MATCH", pattern, "TYPE", "stream", "COUNT", "1000", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(redis, context, &scan, &reply);
  if (!status_is_ok(status)) return status;
  size_t skip = strlen(redis_key_prefix(redis)) + strlen("events:");
  const struct redis_reply *keys = redis_reply_at(reply, 1);
  for (size_t i = 0; keys && i < keys->count; i++) {
    const char *key = redis_reply_text(keys->elements[i]);
    if (key && strlen(key) > skip) log_streams_add(streams, key + skip);
  }
  const char *next = redis_reply_text(redis_reply_at(reply, 0));
  snprintf(streams->cursor, sizeof streams->cursor, "%s", next ? next : "0");
  if (strcmp(streams->cursor, "0") == 0) streams->searched = true;
  if (streams->searched) streams->search_us = clock_monotonic_us() + SEARCH_PAUSE_US;
  return look_for_types(streams, context);
}

bool log_streams_is_searched(const struct log_streams *streams) {
  return streams->searched;
}
