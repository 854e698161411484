/* SPDX-License-Identifier: Apache-2.0 */
#include "message/json_write.h"

#include <ctype.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/message.h"
#include "base/utf8.h"
#include "message/json_kinds.h"

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

/* A choice that was not made, or a message or what is optional that was not set. */
static bool is_absent(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return false;
  if (!message_is_chosen(message, field)) return true;
  bool is_pointer = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING;
  if (is_pointer) return !*(void *const *)message_member(message, field);
  const void *quantifier = (const char *)message + field->quantifier_offset;
  return field->label == PROTOBUF_C_LABEL_OPTIONAL && !*(const protobuf_c_boolean *)quantifier;
}

static json_t *json_of_list(struct arena *arena, const ProtobufCMessage *message,
                            const ProtobufCFieldDescriptor *field) {
  const char *base = (const char *)message;
  size_t count = *(const size_t *)(base + field->quantifier_offset);
  const char *values = *(const char *const *)(base + field->offset);
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(list, json_of_value(arena, field, values + i * message_value_size(field)));
  }
  return list;
}

/* A key is a text in JSON, whatever it is in the message. */
static const char *key_text(struct arena *arena, const ProtobufCMessage *entry) {
  const ProtobufCFieldDescriptor *field = &entry->descriptor->fields[0];
  if (field->type == PROTOBUF_C_TYPE_BOOL)
    return *(protobuf_c_boolean *)message_member(entry, field) ? "true" : "false";
  const char *text = message_field_text(arena, entry, field);
  return text ? text : "";
}

static json_t *json_of_map(struct arena *arena, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field) {
  json_t *object = json_object();
  size_t count = message_repeated_count(message, field);
  void *const *entries = message_repeated_values(message, field);
  for (size_t i = 0; i < count; i++) {
    const ProtobufCMessage *entry = entries[i];
    const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];
    if (is_absent(entry, value)) continue;
    json_object_set_new(object, key_text(arena, entry), json_of_value(arena, value, message_member(entry, value)));
  }
  return object;
}

static json_t *json_of_field(struct arena *arena, const ProtobufCMessage *message,
                             const ProtobufCFieldDescriptor *field) {
  if (json_is_map(field)) return json_of_map(arena, message, field);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return json_of_list(arena, message, field);
  return json_of_value(arena, field, message_member(message, field));
}

static json_t *json_of_fields(struct arena *arena, const ProtobufCMessage *message) {
  json_t *object = json_object();
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    if (is_absent(message, field)) continue;
    json_object_set_new(object, camel_case(arena, field->name), json_of_field(arena, message, field));
  }
  return object;
}

/* The field of a google.protobuf.Value that is chosen, or null. */
static json_t *json_of_chosen(struct arena *arena, const ProtobufCMessage *message) {
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    if (field->type == PROTOBUF_C_TYPE_ENUM || is_absent(message, field)) continue; /* the enum is null_value */
    return json_of_field(arena, message, field);
  }
  return json_null();
}

static json_t *json_of_any_message(struct arena *arena, const ProtobufCMessage *message) {
  const ProtobufCMessageDescriptor *descriptor = message->descriptor;
  switch (json_kind_of(descriptor)) {
    case JSON_KIND_DURATION:
      return json_string(duration_text(arena, (const Google__Protobuf__Duration *)message));
    case JSON_KIND_TIMESTAMP:
      return json_string(timestamp_rfc3339(arena, (const Google__Protobuf__Timestamp *)message));
    case JSON_KIND_FIELD_MASK:
      return json_of_field_mask(arena, (const Google__Protobuf__FieldMask *)message);
    case JSON_KIND_WRAPPER:
      return json_of_field(arena, message, &descriptor->fields[0]);
    case JSON_KIND_STRUCT:
      return json_of_map(arena, message, message_field(descriptor, "fields"));
    case JSON_KIND_LIST_VALUE:
      return json_of_list(arena, message, message_field(descriptor, "values"));
    case JSON_KIND_VALUE:
      return json_of_chosen(arena, message);
    case JSON_KIND_FIELDS:
      break;
  }
  return json_of_fields(arena, message);
}

/* What JSON has no number for is a text. */
static json_t *json_of_real(double number) {
  if (isnan(number)) return json_string("NaN");
  if (isinf(number)) return json_string(number > 0 ? "Infinity" : "-Infinity");
  return json_real(number);
}

/* The shortest decimal that reads as the same float: 0.1, not 0.10000000149011612. */
static json_t *json_of_float(struct arena *arena, float number) {
  for (int digits = 6; digits < 9; digits++) {
    double shortened = strtod(arena_printf(arena, "%.*g", digits, (double)number), NULL);
    if ((float)shortened == number) return json_of_real(shortened);
  }
  return json_of_real((double)number);
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
      return json_of_float(arena, *(const float *)value);
    case PROTOBUF_C_TYPE_DOUBLE:
      return json_of_real(*(const double *)value);
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
