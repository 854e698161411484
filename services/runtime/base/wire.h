/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a packed protobuf message field by field, without its type
 * (https://protobuf.dev/programming-guides/encoding/). Nothing is copied or allocated: fields point into the bytes,
 * which must live as long. Functions that take something move `at` behind it; where they return false, the bytes are no
 * protobuf, and the walk is over. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Wire types. Groups, which were two more, are refused: proto3 has none. */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_DELIMITED = 2, WIRE_FIXED32 = 5 };

/* What is left of a message, or the bytes of a value. */
struct wire {
  const uint8_t *at, *end;
};

struct wire_field {
  unsigned number, type;
  struct wire value; /* the bytes of the value without its length; of a varint as it is written */
};

/* Returns the walk over a message of `size` bytes. */
static inline struct wire wire_of(const void *bytes, size_t size) {
  return (struct wire){.at = (const uint8_t *)bytes, .end = (const uint8_t *)bytes + size};
}

/* Returns how many bytes are left. */
static inline size_t wire_size(const struct wire *wire) {
  return (size_t)(wire->end - wire->at);
}

/* Takes a varint, of which the lower 64 bits count. */
static inline bool wire_take_varint(struct wire *wire, uint64_t *ret_value) {
  uint64_t value = 0;
  for (int shift = 0; shift < 70 && wire->at < wire->end; shift += 7) {
    uint8_t byte = *wire->at++;
    value |= (uint64_t)(byte & 0x7F) << shift;
    if (byte & 0x80) continue;
    *ret_value = value;
    return true;
  }
  return false;
}

/* Takes the next `size` bytes. */
static inline bool wire_take_bytes(struct wire *wire, uint64_t size, struct wire *ret_bytes) {
  if (size > wire_size(wire)) return false;
  *ret_bytes = (struct wire){.at = wire->at, .end = wire->at + size};
  wire->at += size;
  return true;
}

/* Takes a value of the wire type `type`. */
static inline bool wire_take_value(struct wire *wire, unsigned type, struct wire *ret_value) {
  uint64_t number = 0;
  switch (type) {
    case WIRE_VARINT:
      ret_value->at = wire->at;
      if (!wire_take_varint(wire, &number)) return false;
      ret_value->end = wire->at;
      return true;
    case WIRE_FIXED64:
      return wire_take_bytes(wire, 8, ret_value);
    case WIRE_DELIMITED:
      return wire_take_varint(wire, &number) && wire_take_bytes(wire, number, ret_value);
    case WIRE_FIXED32:
      return wire_take_bytes(wire, 4, ret_value);
    default:
      return false;
  }
}

/* Takes the next field. At the end of a message there is none: ask `at < end` first. */
static inline bool wire_take_field(struct wire *message, struct wire_field *ret_field) {
  uint64_t tag;
  if (!wire_take_varint(message, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) return false;
  ret_field->number = (unsigned)(tag >> 3);
  ret_field->type = tag & 7;
  return wire_take_value(message, ret_field->type, &ret_field->value);
}
