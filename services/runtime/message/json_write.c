/* SPDX-License-Identifier: Apache-2.0 */
#include "message/json_write.h"

#include <ctype.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/message.h"
#include "base/utf8.h"

static json_t *json_of_value(struct arena *arena, const ProtobufCFieldDescriptor *field, const void *value);

/* price_cents -> priceCents */
static const char *camel_case(struct arena *arena, const char *name) {
  char *result = arena_strdup(arena, name);
  char *out = result;
  for (const char *at = name; *at; at++) {
    if (*at == '_' && at[1]) {
      *out++ = (char)toupper((unsigned char)*++at);
    } else {
      *out++ = *at;
    }
  }
  *out = '\0';
  return result;
}

/* ---- scalars ---------------------------------------------------------------------------------------------------- */

/* JSON is UTF-8; a byte that isn't becomes U+FFFD. */
static json_t *json_of_text(struct arena *arena, const char *text) {
  json_t *json = json_string(text);
  if (json) return json;
  size_t size = strlen(text);
  char *valid = arena_alloc(arena, 3 * size + 1);
  char *out = valid;
  for (size_t i = 0; i < size;) {
    uint32_t point;
    size_t length = utf8_decode((const unsigned char *)text + i, size - i, &point);
    out = length > 0 ? mempcpy(out, text + i, length) : mempcpy(out, "\xef\xbf\xbd", 3);
    i += length > 0 ? length : 1;
  }
  *out = '\0';
  return json_string(valid);
}

static json_t *json_of_bytes(struct arena *arena, const ProtobufCBinaryData *bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *text = arena_alloc(arena, (bytes->len + 2) / 3 * 4 + 1);
  char *out = text;
  for (size_t i = 0; i < bytes->len; i += 3) {
    size_t left = bytes->len - i;
    uint32_t group = (uint32_t)bytes->data[i] << 16;
    if (left > 1) group |= (uint32_t)bytes->data[i + 1] << 8;
    if (left > 2) group |= bytes->data[i + 2];
    *out++ = digits[group >> 18];
    *out++ = digits[group >> 12 & 63];
    *out++ = left > 1 ? digits[group >> 6 & 63] : '=';
    *out++ = left > 2 ? digits[group & 63] : '=';
  }
  *out = '\0';
  return json_string(text);
}

static json_t *json_of_enum(const ProtobufCEnumDescriptor *descriptor, int number) {
  const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);
  return value ? json_string(value->name) : json_integer(number);
}

/* ---- well-known types ------------------------------------------------------------------------------------------- */

const char *timestamp_rfc3339(struct arena *arena, const Google__Protobuf__Timestamp *timestamp) {
  time_t seconds = timestamp->seconds;
  struct tm utc;
  if (!gmtime_r(&seconds, &utc) || utc.tm_year < 1 - 1900 || utc.tm_year > 9999 - 1900) {
    return arena_printf(arena, "%" PRId64 "s", timestamp->seconds);
  }
  const char *date = arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d", utc.tm_year + 1900, utc.tm_mon + 1,
                                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  int nanos = timestamp->nanos;
  if (nanos == 0) return arena_printf(arena, "%sZ", date);
  if (nanos % 1000000 == 0) return arena_printf(arena, "%s.%03dZ", date, nanos / 1000000);
  if (nanos % 1000 == 0) return arena_printf(arena, "%s.%06dZ", date, nanos / 1000);
  return arena_printf(arena, "%s.%09dZ", date, nanos);
}

static json_t *json_of_field_mask(struct arena *arena, const Google__Protobuf__FieldMask *mask) {
  const char *paths = "";
  for (size_t i = 0; i < mask->n_paths; i++) {
    paths = arena_printf(arena, "%s%s%s", paths, i > 0 ? "," : "", camel_case(arena, mask->paths[i]));
  }
  return json_of_text(arena, paths);
}

/* "1.5s", with 0, 3, 6 or 9 digits. */
static const char *duration_text(struct arena *arena, const Google__Protobuf__Duration *duration) {
  bool negative = duration->seconds < 0 || duration->nanos < 0;
  int nanos = abs(duration->nanos), digits = nanos == 0 ? 0 : nanos % 1000000 == 0 ? 3 : nanos % 1000 == 0 ? 6 : 9;
  int64_t seconds = duration->seconds;
  const char *whole =
      arena_printf(arena, "%s%" PRIu64, negative ? "-" : "", seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds);
  if (digits == 0) return arena_printf(arena, "%ss", whole);
  return arena_printf(arena, "%s.%.*ss", whole, digits, arena_printf(arena, "%09d", nanos));
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

/* A choice that was not made, or a message (in proto2, a text) that was not set. */
static bool is_absent(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return false;
  if (!message_is_chosen(message, field)) return true;
  bool is_pointer = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING;
  return is_pointer && !*(void *const *)message_member(message, field);
}

/* The size of one element of a repeated field. */
static size_t value_size(const ProtobufCFieldDescriptor *field) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
      return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
      return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
      return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
      return sizeof(protobuf_c_boolean);
    default:
      return 4;
  }
}

static json_t *json_of_list(struct arena *arena, const ProtobufCMessage *message,
                            const ProtobufCFieldDescriptor *field) {
  const char *base = (const char *)message;
  size_t count = *(const size_t *)(base + field->quantifier_offset);
  const char *values = *(const char *const *)(base + field->offset);
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(list, json_of_value(arena, field, values + i * value_size(field)));
  }
  return list;
}

static json_t *json_of_fields(struct arena *arena, const ProtobufCMessage *message) {
  json_t *object = json_object();
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    if (is_absent(message, field)) continue;
    json_t *value = field->label == PROTOBUF_C_LABEL_REPEATED
                        ? json_of_list(arena, message, field)
                        : json_of_value(arena, field, (const char *)message + field->offset);
    json_object_set_new(object, camel_case(arena, field->name), value);
  }
  return object;
}

static json_t *json_of_any_message(struct arena *arena, const ProtobufCMessage *message) {
  if (message->descriptor == &google__protobuf__duration__descriptor) {
    return json_string(duration_text(arena, (const Google__Protobuf__Duration *)message));
  }
  if (message->descriptor == &google__protobuf__timestamp__descriptor) {
    return json_string(timestamp_rfc3339(arena, (const Google__Protobuf__Timestamp *)message));
  }
  if (message->descriptor == &google__protobuf__field_mask__descriptor) {
    return json_of_field_mask(arena, (const Google__Protobuf__FieldMask *)message);
  }
  return json_of_fields(arena, message);
}

static json_t *json_of_value(struct arena *arena, const ProtobufCFieldDescriptor *field, const void *value) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
      return json_of_text(arena, *(const char *const *)value);
    case PROTOBUF_C_TYPE_MESSAGE:
      return json_of_any_message(arena, *(const ProtobufCMessage *const *)value);
    case PROTOBUF_C_TYPE_ENUM:
      return json_of_enum(field->descriptor, *(const int *)value);
    case PROTOBUF_C_TYPE_BOOL:
      return json_boolean(*(const protobuf_c_boolean *)value);
    case PROTOBUF_C_TYPE_BYTES:
      return json_of_bytes(arena, value);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
      return json_string(arena_printf(arena, "%" PRId64, *(const int64_t *)value));
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
      return json_string(arena_printf(arena, "%" PRIu64, *(const uint64_t *)value));
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
      return json_integer(*(const uint32_t *)value);
    case PROTOBUF_C_TYPE_FLOAT:
      return json_real((double)*(const float *)value);
    case PROTOBUF_C_TYPE_DOUBLE:
      return json_real(*(const double *)value);
    default:
      return json_integer(*(const int32_t *)value);
  }
}

json_t *json_of_message(const void *message) {
  struct arena *arena = arena_new();
  json_t *json = json_of_any_message(arena, message);
  arena_free(arena);
  return json;
}
