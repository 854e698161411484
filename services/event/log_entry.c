/* SPDX-License-Identifier: Apache-2.0 */
#include "log_entry.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "store/log_time.h"

/* ---- texts in a packed entity ---------------------------------------------------------------------------------- */

/* Protobuf's wire format (https://protobuf.dev/programming-guides/encoding/): a key, which is the field's number and
 * how its value is written, then the value. */
enum { ID_FIELD = 1, VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

struct packed {
  const unsigned char *at, *end;
};

static bool read_varint(struct packed *packed, uint64_t *ret_value) {
  uint64_t value = 0;
  for (int shift = 0; packed->at < packed->end && shift < 64; shift += 7) {
    unsigned char byte = *packed->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *ret_value = value;
      return true;
    }
  }
  return false;
}

/* Groups, which are written as two more kinds, are of no use here, as nowhere in proto3. */
static bool read_value(struct packed *packed, unsigned kind, struct packed *ret_value) {
  uint64_t size = kind == FIXED64 ? 8 : 4, number;
  if (kind == VARINT) return read_varint(packed, &number);
  if (kind == DELIMITED && !read_varint(packed, &size)) return false;
  if (kind != DELIMITED && kind != FIXED64 && kind != FIXED32) return false;
  if (size > (uint64_t)(packed->end - packed->at)) return false;
  *ret_value = (struct packed){packed->at, packed->at + size};
  packed->at += size;
  return true;
}

/* The last one counts, as for all who unpack. */
static struct packed find_field(const void *message, size_t size, unsigned number) {
  struct packed packed = {message, (const unsigned char *)message + size}, found = {0};
  uint64_t key;
  while (packed.at < packed.end) {
    struct packed value = {0};
    if (!read_varint(&packed, &key) || !read_value(&packed, key & 7, &value)) return (struct packed){0};
    if (key >> 3 == number && (key & 7) == DELIMITED) found = value;
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
  at = write_varint(at, (uint64_t)number << 3 | DELIMITED);
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
  struct packed text = find_field(message, size, number);
  size_t length = (size_t)(text.end - text.at);
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
