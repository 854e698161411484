/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/message_check.h"
#include "base/timestamp.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal.h"
#include "client/cli/output/terminal_text.h"
#include "message/json_write.h"

/* ---- decoding --------------------------------------------------------------------------------------------------- */

enum { UNPACKED_MAX = 64 * 1024 * 1024 }; /* bytes that an entity may take in memory */

struct stream_name stream_name_of(struct arena *arena, const char *stream) {
  const char *end = strrchr(stream, '_');
  if (!end) return (struct stream_name){.entity = stream, .happening = ""};
  return (struct stream_name){.entity = arena_memdup(arena, stream, (size_t)(end - stream)), .happening = end + 1};
}

/* Types come from outside, too: one may be within itself, deeper than the stack. */
/* *ret_entity is NULL unless it returns OK. */
static struct status decode(struct arena *arena, const ProtobufCMessageDescriptor *type,
                            const Ordershop__V1__Event *event, const void **ret_entity) {
  const ProtobufCBinaryData *bytes = &event->entity_bytes;
  *ret_entity = NULL;
  if (!type) return status_error(arena, STATUS_DATA_LOSS, reason_event_undecodable, "no type is known for the stream");
  if (!*event->event_id) {
    return status_error(arena, STATUS_DATA_LOSS, reason_event_undecodable, "it has no event_id");
  }
  bool fits = bytes->len > 0 && message_fits(type, bytes->data, bytes->len, UNPACKED_MAX);
  if (fits) *ret_entity = message_unpack(arena, type, bytes->data, bytes->len);
  if (*ret_entity) return status_ok();
  return status_error(arena, STATUS_DATA_LOSS, reason_event_undecodable, "its entity is no %s, or too large",
                      type->name);
}

static const char *time_of(struct arena *arena, const Ordershop__V1__Event *event) {
  return event->time ? timestamp_rfc3339(arena, event->time) : "";
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

enum { TEXT_MAX = 48 };

/* What is in every entity, or is told elsewhere in the line. */
static bool is_told_elsewhere(const Ordershop__V1__Event *event, const char *field) {
  static const char *const names[] = {"id", "version", "create_time", "update_time"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcmp(names[i], field) == 0) return true;
  }
  return *event->cause && strcmp(field, "cause") == 0;
}

/* In quotes if it has blanks, and not longer than is of interest. */
static const char *quoted(struct arena *arena, const char *value) {
  size_t size = strlen(value);
  if (size > TEXT_MAX) {
    size = TEXT_MAX;
    while (size > 0 && ((unsigned char)value[size] & 0xc0) == 0x80) size--; /* not within a character */
  }
  const char *more = value[size] ? "..." : "";
  const char *quote = strchr(value, ' ') || !*value ? "\"" : "";
  return arena_printf(arena, "%s%.*s%s%s", quote, (int)size, value, more, quote);
}

static const char *label_of(struct arena *arena, const ProtobufCFieldDescriptor *field) {
  static const char cents[] = "_cents";
  size_t size = strlen(field->name), tail = strlen(cents);
  bool money = size > tail && strcmp(field->name + size - tail, cents) == 0;
  return arena_memdup(arena, field->name, money ? size - tail : size);
}

static const char *fields_text(struct arena *arena, const Ordershop__V1__Event *event, const ProtobufCMessage *entity) {
  const char *text = "";
  for (unsigned i = 0; i < entity->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &entity->descriptor->fields[i];
    if (is_told_elsewhere(event, field->name)) continue;
    const char *value = show_value_text(arena, entity, field);
    bool empty = !*value || strcmp(value, "0") == 0;
    if (empty) continue;
    const char *label = terminal_paint(arena, PAINT_FAINT, arena_printf(arena, "%s=", label_of(arena, field)));
    text = arena_printf(arena, "%s  %s%s", text, label, quoted(arena, value));
  }
  return text;
}

static enum paint paint_of(const char *happening) {
  if (strcmp(happening, "created") == 0) return PAINT_GOOD;
  if (strcmp(happening, "deleted") == 0) return PAINT_BAD;
  return PAINT_WARNING;
}

static const char *entity_text(struct arena *arena, const Ordershop__V1__Event *event, const ProtobufCMessage *entity) {
  const char *text = terminal_line(arena, message_text(entity, "id"));
  int64_t version = message_number(entity, "version");
  if (version > 1) text = arena_printf(arena, "%s  v%lld", text, (long long)version);
  return arena_printf(arena, "%s%s", text, fields_text(arena, event, entity));
}

const char *event_text(struct arena *arena, const ProtobufCMessageDescriptor *type, const Ordershop__V1__Event *event) {
  struct stream_name name = stream_name_of(arena, event->stream);
  const void *entity = NULL;
  struct status status = decode(arena, type, event, &entity);
  const char *time = terminal_paint(arena, PAINT_FAINT, time_of(arena, event));
  const char *what =
      arena_printf(arena, "%-11s %-7s", terminal_line(arena, name.entity), terminal_line(arena, name.happening));
  what = terminal_paint(arena, paint_of(name.happening), what);
  const char *rest = entity ? entity_text(arena, event, entity) : NULL;
  if (!rest) {
    const char *why = arena_printf(arena, "can't be decoded: %s", terminal_line(arena, status.message));
    rest = arena_printf(arena, "%s  %s", terminal_line(arena, event->entry), terminal_paint(arena, PAINT_BAD, why));
  }
  const char *cause = "";
  if (*event->cause) {
    cause =
        arena_printf(arena, "  %s%s", terminal_paint(arena, PAINT_FAINT, "cause="), terminal_line(arena, event->cause));
  }
  return arena_printf(arena, "%s  %s  %s%s", time, what, rest, cause);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

/* JSON is UTF-8; a text that isn't comes with what is not UTF-8 escaped as on a terminal. */
static void set_text(struct arena *arena, json_t *object, const char *name, const char *text) {
  json_t *json = json_string(text);
  json_object_set_new(object, name, json ? json : json_string(terminal_line(arena, text)));
}

json_t *event_json(struct arena *arena, const ProtobufCMessageDescriptor *type, const Ordershop__V1__Event *event) {
  struct stream_name name = stream_name_of(arena, event->stream);
  const void *entity = NULL;
  struct status status = decode(arena, type, event, &entity);
  json_t *json = json_object();
  set_text(arena, json, "id", event->entry);
  set_text(arena, json, "stream", event->stream);
  set_text(arena, json, "time", time_of(arena, event));
  if (*event->event_id) set_text(arena, json, "eventId", event->event_id);
  if (*event->cause) set_text(arena, json, "cause", event->cause);
  if (entity) json_object_set_new(json, name.entity, json_of_message(entity));
  if (!entity) set_text(arena, json, "error", status.message);
  return json;
}
