/* SPDX-License-Identifier: Apache-2.0 */
#include "event_message.h"

#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/message_check.h"
#include "base/timestamp.h"
#include "loop/blocking.h"
#include "message/json_write.h"

enum { JSON_MAX = 2 * 1024 * 1024, UNPACKED_MAX = 64 * 1024 * 1024 };

#define VIEW(name) ORDERSHOP__V1__EVENT_VIEW__EVENT_VIEW_##name

void check_view(struct violations *violations, Ordershop__V1__EventView view) {
  const ProtobufCEnumDescriptor *views = &ordershop__v1__event_view__descriptor;
  if (!protobuf_c_enum_descriptor_get_value(views, (int)view))
    violation_add(violations, "view", "is none of EventView");
}

static bool has_any(Ordershop__V1__EventView view) {
  return view == VIEW(UNSPECIFIED) || view == VIEW(ENTITY) || view == VIEW(FULL);
}

static bool has_json(Ordershop__V1__EventView view) {
  return view == VIEW(JSON) || view == VIEW(FULL);
}

static bool has_bytes(Ordershop__V1__EventView view) {
  return view == VIEW(BYTES) || view == VIEW(FULL);
}

static ProtobufCBinaryData bytes_of(const struct log_entry *entry) {
  return (ProtobufCBinaryData){.len = entry->entity_size, .data = (uint8_t *)entry->entity};
}

static Google__Protobuf__Any *any_of(struct arena *arena, const ProtobufCMessageDescriptor *type,
                                     const struct log_entry *entry) {
  Google__Protobuf__Any *any = arena_alloc(arena, sizeof *any);
  google__protobuf__any__init(any);
  any->type_url = arena_printf(arena, "type.googleapis.com/%s", type->name);
  any->value = bytes_of(entry);
  return any;
}

static Ordershop__V1__Event *message_of(const struct event_log *log, struct arena *arena, const struct log_entry *entry,
                                        Ordershop__V1__EventView view) {
  const ProtobufCMessageDescriptor *type = event_log_type(log, entry->stream, entry->log_time);
  Ordershop__V1__Event *event = arena_alloc(arena, sizeof *event);
  ordershop__v1__event__init(event);
  event->entry = (char *)entry->id;
  event->stream = (char *)entry->stream->name;
  event->event_id = (char *)entry->event_id;
  event->cause = (char *)entry->cause;
  event->attempt_id = (char *)entry->attempt_id;
  event->traceparent = (char *)entry->traceparent;
  event->entity_type = (char *)entry->stream->entity;
  event->entity_id = (char *)entry->entity_id;
  event->time = timestamp_new(arena, entry->log_time);
  if (has_any(view) && type) event->entity = any_of(arena, type, entry);
  if (has_bytes(view)) event->entity_bytes = bytes_of(entry);
  return event;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

struct json_work {
  struct arena *arena;
  const struct log_entry *entries;
  const ProtobufCMessageDescriptor **types;
  Ordershop__V1__Event **events;
  size_t count;
};

/* Types come from outside, too: one may be within itself, deeper than a stack. */
static const char *json_of(struct arena *arena, const ProtobufCMessageDescriptor *type, const struct log_entry *entry) {
  bool fits = type && message_fits(type, entry->entity, entry->entity_size, UNPACKED_MAX);
  const void *message = fits ? message_unpack(arena, type, entry->entity, entry->entity_size) : NULL;
  if (!message) return "";
  json_t *json = json_of_message(message);
  char *text = json_dumps(json, JSON_COMPACT);
  const char *result = text && strlen(text) <= JSON_MAX ? arena_strdup(arena, text) : "";
  free(text);
  json_decref(json);
  return result;
}

static void make_json(void *argument) {
  struct json_work *work = argument;
  for (size_t i = 0; i < work->count; i++) {
    work->events[i]->entity_json = (char *)json_of(work->arena, work->types[i], &work->entries[i]);
  }
}

coroutine_fn Ordershop__V1__Event **event_messages(struct event_log *log, struct context *context,
                                                   const struct log_entry *entries, size_t count,
                                                   Ordershop__V1__EventView view) {
  struct arena *arena = context->arena;
  Ordershop__V1__Event **events = arena_calloc(arena, count, sizeof *events);
  for (size_t i = 0; i < count; i++) events[i] = message_of(log, arena, &entries[i], view);
  if (!has_json(view) || count == 0) return events;
  const ProtobufCMessageDescriptor **types = arena_calloc(arena, count, sizeof *types);
  for (size_t i = 0; i < count; i++) types[i] = event_log_type(log, entries[i].stream, entries[i].log_time);
  struct json_work work = {.arena = arena, .entries = entries, .types = types, .events = events, .count = count};
  blocking_run(make_json, &work);
  return events;
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

char *read_to_entry(struct arena *arena, int64_t log_time) {
  return (char *)log_time_text(arena, log_time);
}

char *read_to_position(const struct event_log *log, struct arena *arena, int64_t log_time) {
  return (char *)event_log_position(log, arena, log_time);
}
