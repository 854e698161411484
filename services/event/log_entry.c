/* SPDX-License-Identifier: Apache-2.0 */
#include "log_entry.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "base/wire.h"
#include "store/log_time.h"

/* ---- texts in a packed entity ---------------------------------------------------------------------------------- */

enum { ID_FIELD = 1 };

/* The last one counts, as for all who unpack. */
static struct wire find_field(const void *message, size_t size, unsigned number) {
  struct wire left = wire_of(message, size), found = {0};
  while (left.at < left.end) {
    struct wire_field field;
    if (!wire_take_field(&left, &field)) return (struct wire){0};
    if (field.number == number && field.type == WIRE_DELIMITED) found = field.value;
  }
  return found;
}

static char *write_varint(char *at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = (char)(value | 0x80);
  *at++ = (char)value;
  return at;
}

void log_entry_set_text(struct arena *arena, struct log_entry *entry, unsigned number, const char *text) {
  enum { VARINT_BYTES = 10 };
  size_t length = strlen(text);
  char *whole = arena_alloc(arena, entry->entity_size + 2 * VARINT_BYTES + length), *at = whole;
  at = mempcpy(at, entry->entity, entry->entity_size);
  at = write_varint(at, (uint64_t)number << 3 | WIRE_DELIMITED);
  at = write_varint(at, length);
  at = mempcpy(at, text, length);
  entry->entity = whole;
  entry->entity_size = (size_t)(at - whole);
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static bool is_text(const void *bytes, size_t size) {
  return bytes && utf8_length(bytes, size) >= 0 && !memchr(bytes, '\0', size);
}

static const char *text_of(const struct redis_reply *fields, const char *name) {
  const struct redis_reply *field = redis_reply_field(fields, name);
  return redis_reply_text(field) && is_text(field->text, field->size) ? field->text : "";
}

const char *packed_text(struct arena *arena, const void *message, size_t size, unsigned number) {
  struct wire text = find_field(message, size, number);
  size_t length = wire_size(&text);
  return length > 0 && is_text(text.at, length) ? arena_memdup(arena, text.at, length) : "";
}

struct log_entry log_entry_of(struct arena *arena, const struct log_stream *stream, const struct redis_reply *entry) {
  const char *id = redis_reply_text(redis_reply_at(entry, 0));
  const struct redis_reply *fields = redis_reply_at(entry, 1), *entity = redis_reply_field(fields, "entity");
  struct log_entry result = {
      .log_time = log_time_of_entry(id ? id : ""),
      .stream = stream,
      .id = id ? id : "",
      .event_id = text_of(fields, "event_id"),
      .cause = text_of(fields, "cause"),
      .attempt_id = text_of(fields, "attempt_id"),
      .traceparent = text_of(fields, "traceparent"),
      .entity_id = "",
      .entity = "",
  };
  if (!redis_reply_text(entity)) return result;
  result.entity = entity->text;
  result.entity_size = entity->size;
  result.entity_id = packed_text(arena, entity->text, entity->size, ID_FIELD);
  if (!*result.cause && stream->cause_field) {
    result.cause = packed_text(arena, entity->text, entity->size, stream->cause_field);
  }
  return result;
}

static const char *put(char **at, const void *bytes, size_t size) {
  char *place = *at;
  memcpy(place, bytes, size);
  *at += size;
  return place;
}

struct log_entry *log_entry_copy(const struct log_entry *entry, size_t *ret_bytes) {
  const char *texts[] = {entry->id,         entry->event_id,    entry->cause,
                         entry->attempt_id, entry->traceparent, entry->entity_id};
  const size_t count = sizeof texts / sizeof *texts;
  size_t size = sizeof *entry + entry->entity_size;
  for (size_t i = 0; i < count; i++) size += strlen(texts[i]) + 1;
  struct log_entry *copy = memory_alloc(size);
  char *at = (char *)(copy + 1);
  *copy = *entry;
  const char **places[] = {&copy->id,         &copy->event_id,    &copy->cause,
                           &copy->attempt_id, &copy->traceparent, &copy->entity_id};
  for (size_t i = 0; i < count; i++) *places[i] = put(&at, texts[i], strlen(texts[i]) + 1);
  copy->entity = put(&at, entry->entity, entry->entity_size);
  *ret_bytes = size;
  return copy;
}
