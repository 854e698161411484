/* SPDX-License-Identifier: Apache-2.0 */
#include "base/message_check.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "base/violations.h"
#include "base/wire.h"

enum { DEPTH_MAX = 32 }; /* of nested messages: decoding is recursive */

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

/* What is wrong with a text, or NULL. */
static const char *text_fault(struct wire text) {
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

static bool check_message(struct check *check, const ProtobufCMessageDescriptor *descriptor, struct wire message,
                          const struct place *place, int depth);

static bool check_field(struct check *check, const ProtobufCFieldDescriptor *field, struct wire value,
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
static bool check_message(struct check *check, const ProtobufCMessageDescriptor *descriptor, struct wire message,
                          const struct place *place, int depth) {
  const ProtobufCFieldDescriptor *last = NULL;
  size_t index = 0;
  if (depth > DEPTH_MAX || descriptor->sizeof_message > check->memory) return false;
  check->memory -= descriptor->sizeof_message;
  while (message.at < message.end) {
    struct wire_field taken;
    if (!wire_take_field(&message, &taken)) return false;
    if (taken.type != WIRE_DELIMITED) continue;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, taken.number);
    if (!field) continue;
    index = field == last ? index + 1 : 0;
    last = field;
    if (!check_field(check, field, taken.value, place, index, depth)) return false;
  }
  return true;
}

struct status message_check(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const void *bytes,
                            size_t size) {
  struct violations violations = violations_of(arena);
  struct check check = {.violations = &violations, .arena = arena, .memory = SIZE_MAX};
  struct wire message = wire_of(bytes, size);
  if (!check_message(&check, descriptor, message, NULL, 1)) {
    violations = violations_of(arena);
    violation_add(&violations, "", "must be an encoded %s", descriptor->name);
  }
  return violations_status(&violations);
}

bool message_fits(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t size, size_t memory) {
  struct check check = {.memory = memory};
  struct wire message = wire_of(bytes, size);
  return check_message(&check, descriptor, message, NULL, 1);
}
