/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event.h"

#include <string.h>

#include "base/message.h"
#include "base/traceparent.h"
#include "base/uuid.h"

const char *event_stream_key(const struct event_store *store, struct arena *arena, const char *stream) {
  return redis_key(store->commands, arena, "events:%s", stream);
}

const char *event_stream_name(const char *key) {
  const char *colon = strrchr(key, ':');
  return colon ? colon + 1 : key;
}

static void add_optional(struct redis_arguments *fields, const char *name, const char *value) {
  if (!value) return;
  redis_add_text(fields, name);
  redis_add_text(fields, value);
}

void event_append(struct transaction *transaction, const char *stream, const void *entity_bytes, size_t entity_size,
                  const struct event_origin *origin, const char **ret_event_id) {
  struct arena *arena = transaction->arena;
  const char *event_id = uuid_random(arena);
  struct redis_arguments fields = redis_arguments_empty(arena);
  redis_add_text(&fields, "event_id");
  redis_add_text(&fields, event_id);
  redis_add_text(&fields, "entity");
  redis_add_bytes(&fields, entity_bytes, entity_size);
  if (origin) {
    add_optional(&fields, "cause", origin->cause);
    add_optional(&fields, "attempt_id", origin->attempt_id);
    if (traceparent_is_valid(origin->traceparent)) add_optional(&fields, "traceparent", origin->traceparent);
  }
  transaction_append(transaction, event_stream_key(transaction->store, arena, stream), &fields);
  if (ret_event_id) *ret_event_id = event_id;
}

struct status event_decode(struct arena *arena, const char *stream, const ProtobufCMessageDescriptor *descriptor,
                           const struct redis_reply *entry, struct event *ret_event) {
  const char *id = redis_reply_text(redis_reply_at(entry, 0));
  const struct redis_reply *fields = redis_reply_at(entry, 1);
  struct event event = {.id = id ? id : "", .stream = stream};
  bool numbered = log_time_parse(event.id, &event.log_time);
  event.event_id = redis_reply_text(redis_reply_field(fields, "event_id"));
  event.cause = redis_reply_text(redis_reply_field(fields, "cause"));
  event.attempt_id = redis_reply_text(redis_reply_field(fields, "attempt_id"));
  event.traceparent = redis_reply_text(redis_reply_field(fields, "traceparent"));
  const struct redis_reply *entity = redis_reply_field(fields, "entity");
  if (redis_reply_text(entity)) {
    event.entity_bytes = entity->text;
    event.entity_size = entity->size;
    event.entity = message_unpack(arena, descriptor, entity->text, entity->size);
  }
  *ret_event = event;
  if (!numbered)
    return status_error(arena, STATUS_DATA_LOSS, reason_event_undecodable, "\"%s\" is no log time", event.id);
  if (!event.event_id) return status_error(arena, STATUS_DATA_LOSS, reason_event_undecodable, "it has no event_id");
  if (!event.entity) {
    return status_error(arena, STATUS_DATA_LOSS, reason_event_undecodable, "its entity is no %s", descriptor->name);
  }
  return status_ok();
}

/* ---- back to an entry ------------------------------------------------------------------------------------------- */

static const struct redis_reply *text_reply(struct arena *arena, const void *bytes, size_t size) {
  struct redis_reply *reply = arena_calloc(arena, 1, sizeof *reply);
  *reply = (struct redis_reply){.type = REDIS_TEXT, .text = bytes, .size = size};
  return reply;
}

static struct redis_reply *list_reply(struct arena *arena, size_t capacity) {
  struct redis_reply *list = arena_calloc(arena, 1, sizeof *list);
  *list = (struct redis_reply){.type = REDIS_LIST, .elements = arena_calloc(arena, capacity, sizeof(*list->elements))};
  return list;
}

static void add_field(struct arena *arena, struct redis_reply *fields, const char *name, const void *value,
                      size_t size) {
  if (!value) return;
  fields->elements[fields->count++] = text_reply(arena, name, strlen(name));
  fields->elements[fields->count++] = text_reply(arena, value, size);
}

static void add_text_field(struct arena *arena, struct redis_reply *fields, const char *name, const char *value) {
  if (value) add_field(arena, fields, name, value, strlen(value));
}

const struct redis_reply *event_entry(struct arena *arena, const struct event *event) {
  enum { FIELDS = 5 };
  struct redis_reply *entry = list_reply(arena, 2), *fields = list_reply(arena, 2 * FIELDS);
  add_text_field(arena, fields, "event_id", event->event_id);
  add_field(arena, fields, "entity", event->entity_bytes, event->entity_size);
  add_text_field(arena, fields, "cause", event->cause);
  add_text_field(arena, fields, "attempt_id", event->attempt_id);
  add_text_field(arena, fields, "traceparent", event->traceparent);
  entry->elements[entry->count++] = text_reply(arena, event->id, strlen(event->id));
  entry->elements[entry->count++] = fields;
  return entry;
}
