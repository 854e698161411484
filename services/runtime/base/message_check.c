/* SPDX-License-Identifier: Apache-2.0 */
#include "base/message_check.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "base/violations.h"

enum {
  DEPTH_MAX = 32, /* of nested messages: decoding is recursive */
  LENGTH_DELIMITED = 2,
};

/* What is left of the message, or of a submessage in it. */
struct reader {
  const uint8_t *at, *end;
};

struct check {
  struct violations *violations; /* NULL: texts may be what they like */
  struct arena *arena;
  size_t memory; /* that messages may still take when they are unpacked */
};

/* Where the walk is, for the paths of violations: linked from the innermost message outwards. */
struct place {
  const struct place *parent;
  const ProtobufCFieldDescriptor *field;
  size_t index; /* of a repeated field */
};

static bool read_varint(struct reader *reader, uint64_t *ret_value) {
  uint64_t value = 0;
  for (int shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
    uint8_t byte = *reader->at++;
    value |= (uint64_t)(byte & 0x7F) << shift;
    if (byte & 0x80) continue;
    *ret_value = value;
    return true;
  }
  return false;
}

static bool read_bytes(struct reader *reader, uint64_t size, struct reader *ret_bytes) {
  if (size > (uint64_t)(reader->end - reader->at)) return false;
  *ret_bytes = (struct reader){.at = reader->at, .end = reader->at + size};
  reader->at += size;
  return true;
}

/* The value of a field of wire type `type`. Groups (3, 4) are refused: proto3 has none. */
static bool read_value(struct reader *reader, unsigned type, struct reader *ret_value) {
  uint64_t number = 0;
  switch (type) {
    case 0:
      *ret_value = (struct reader){0};
      return read_varint(reader, &number);
    case 1:
      return read_bytes(reader, 8, ret_value);
    case LENGTH_DELIMITED:
      return read_varint(reader, &number) && read_bytes(reader, number, ret_value);
    case 5:
      return read_bytes(reader, 4, ret_value);
    default:
      return false;
  }
}

/* What is wrong with a text, or NULL. */
static const char *text_fault(struct reader text) {
  while (text.at < text.end) {
    if (*text.at > 0 && *text.at < 0x80) { /* ASCII, as most of a text is, needs no decoding */
      text.at++;
      continue;
    }
    uint32_t point;
    size_t length = utf8_decode(text.at, (size_t)(text.end - text.at), &point);
    if (length == 0) return "must be UTF-8";
    if (point == 0) return "must not contain NUL";
    text.at += length;
  }
  return NULL;
}

static const char *place_path(struct arena *arena, const struct place *place) {
  const char *own = place->field->label == PROTOBUF_C_LABEL_REPEATED
                        ? arena_printf(arena, "%s[%zu]", place->field->name, place->index)
                        : place->field->name;
  return place->parent ? arena_printf(arena, "%s.%s", place_path(arena, place->parent), own) : own;
}

static bool check_message(struct check *check, const ProtobufCMessageDescriptor *descriptor, struct reader message,
                          const struct place *place, int depth);

static bool check_field(struct check *check, const ProtobufCFieldDescriptor *field, struct reader value,
                        const struct place *parent, size_t index, int depth) {
  struct place place = {.parent = parent, .field = field, .index = index};
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) return check_message(check, field->descriptor, value, &place, depth + 1);
  if (field->type != PROTOBUF_C_TYPE_STRING || !check->violations) return true;
  const char *fault = text_fault(value);
  if (fault) violation_add(check->violations, place_path(check->arena, &place), "%s", fault);
  return true;
}

/* Returns false if the bytes are no protobuf, or more than may be unpacked. Elements of a repeated field are counted
 * while they come in a row, as all encoders write them; where they don't, only the index in a violation's path is off.
 */
static bool check_message(struct check *check, const ProtobufCMessageDescriptor *descriptor, struct reader message,
                          const struct place *place, int depth) {
  const ProtobufCFieldDescriptor *last = NULL;
  size_t index = 0;
  if (depth > DEPTH_MAX || descriptor->sizeof_message > check->memory) return false;
  check->memory -= descriptor->sizeof_message;
  while (message.at < message.end) {
    uint64_t tag;
    struct reader value;
    if (!read_varint(&message, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) return false;
    if (!read_value(&message, tag & 7, &value)) return false;
    if ((tag & 7) != LENGTH_DELIMITED) continue;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
    if (!field) continue;
    index = field == last ? index + 1 : 0;
    last = field;
    if (!check_field(check, field, value, place, index, depth)) return false;
  }
  return true;
}

struct status message_check(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const void *bytes,
                            size_t size) {
  struct violations violations = violations_of(arena);
  struct check check = {.violations = &violations, .arena = arena, .memory = SIZE_MAX};
  struct reader message = {.at = bytes, .end = (const uint8_t *)bytes + size};
  if (!check_message(&check, descriptor, message, NULL, 1)) {
    violations = violations_of(arena);
    violation_add(&violations, "", "must be an encoded %s", descriptor->name);
  }
  return violations_status(&violations);
}

bool message_fits(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t size, size_t memory) {
  struct check check = {.memory = memory};
  struct reader message = {.at = bytes, .end = (const uint8_t *)bytes + size};
  return check_message(&check, descriptor, message, NULL, 1);
}
