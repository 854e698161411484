/* SPDX-License-Identifier: Apache-2.0 */
#include "message/json_read.h"

#include <ctype.h>
#include <errno.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/message.h"
#include "base/similar.h"

static struct status refuse(struct arena *arena, const char *name, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_json_invalid, "%s %s", name, what);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* priceCents and price_cents mean price_cents. */
static bool names_field(const char *name, const char *field) {
  if (strcmp(name, field) == 0) return true;
  for (; *field; field++) {
    bool next_word = *field == '_' && field[1];
    char expected = next_word ? (char)toupper((unsigned char)*++field) : *field;
    if (*name++ != expected) return false;
  }
  return *name == '\0';
}

const ProtobufCFieldDescriptor *json_field(const ProtobufCMessageDescriptor *descriptor, const char *name) {
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    if (names_field(name, descriptor->fields[i].name)) return &descriptor->fields[i];
  }
  return NULL;
}

static struct status refuse_name(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const char *name) {
  const char **names = arena_calloc(arena, descriptor->n_fields + 1, sizeof(*names));
  for (unsigned i = 0; i < descriptor->n_fields; i++) names[i] = descriptor->fields[i].name;
  const char *near = similar_word(arena, name, names);
  return refuse(arena, arena_printf(arena, "\"%s\"", name),
                near ? arena_printf(arena, "is not a field here; did you mean \"%s\"?", near) : "is not a field here");
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static struct status set_value(struct arena *arena, const json_t *json, const ProtobufCFieldDescriptor *field,
                               const char *name, void *ret_value);

/* Numbers come as numbers or, since JSON's are doubles to many, as texts. */
static bool read_integer(const json_t *json, int64_t *ret_number) {
  if (json_is_integer(json)) {
    *ret_number = json_integer_value(json);
    return true;
  }
  const char *text = json_string_value(json);
  if (!text || !*text || isspace((unsigned char)*text)) return false;
  char *end;
  errno = 0;
  *ret_number = strtoll(text, &end, 10);
  return *end == '\0' && errno == 0;
}

static struct status set_integer(struct arena *arena, const json_t *json, const ProtobufCFieldDescriptor *field,
                                 const char *name, void *ret_value) {
  int64_t number;
  if (!read_integer(json, &number)) return refuse(arena, name, "is not a whole number");
  if (field->type == PROTOBUF_C_TYPE_INT64) {
    *(int64_t *)ret_value = number;
    return status_ok();
  }
  if (number < INT32_MIN || number > INT32_MAX) return refuse(arena, name, "is too large a number");
  *(int32_t *)ret_value = (int32_t)number;
  return status_ok();
}

static struct status set_enum(struct arena *arena, const json_t *json, const ProtobufCFieldDescriptor *field,
                              const char *name, void *ret_value) {
  const char *text = json_string_value(json);
  const ProtobufCEnumValue *value = text ? protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, text) : NULL;
  if (!value && !json_is_integer(json)) return refuse(arena, name, "has no such value");
  *(int *)ret_value = value ? value->value : (int)json_integer_value(json);
  return status_ok();
}

static struct status set_text(struct arena *arena, const json_t *json, const char *name, void *ret_value) {
  if (!json_is_string(json)) return refuse(arena, name, "is not a text");
  *(const char **)ret_value = arena_strdup(arena, json_string_value(json)); /* jansson refuses NULs */
  return status_ok();
}

/* "2019-01-28T18:21:18.802091Z"; the offset, if there is another one, must be zero. */
static struct status set_time(struct arena *arena, const json_t *json, const char *name,
                              Google__Protobuf__Timestamp *timestamp) {
  const char *text = json_string_value(json);
  struct tm utc = {.tm_sec = 0};
  const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;
  if (!rest) return refuse(arena, name, "is not a time such as 2019-01-28T18:21:18Z");
  int nanos = 0;
  if (*rest == '.') {
    int unit = 100000000;
    for (rest++; isdigit((unsigned char)*rest); rest++, unit /= 10) nanos += (*rest - '0') * unit;
  }
  if (strcmp(rest, "Z") != 0) return refuse(arena, name, "is not a time such as 2019-01-28T18:21:18Z");
  timestamp->seconds = timegm(&utc);
  timestamp->nanos = nanos;
  return status_ok();
}

static struct status set_message(struct arena *arena, const json_t *json, const ProtobufCFieldDescriptor *field,
                                 const char *name, void *ret_value) {
  ProtobufCMessage *message = message_new(arena, field->descriptor);
  bool is_time = field->descriptor == &google__protobuf__timestamp__descriptor;
  *(ProtobufCMessage **)ret_value = message;
  if (is_time) return set_time(arena, json, name, (Google__Protobuf__Timestamp *)message);
  if (!json_is_object(json)) return refuse(arena, name, "is not an object");
  return json_to_message(arena, json, message, NULL);
}

static struct status set_list(struct arena *arena, const json_t *json, ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field, const char *name) {
  if (!json_is_array(json)) return refuse(arena, name, "is not a list");
  bool of_pointers = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
  if (!of_pointers) return refuse(arena, name, "can't be given in JSON here");
  size_t count = json_array_size(json);
  void **values = arena_calloc(arena, count, sizeof(*values));
  for (size_t i = 0; i < count; i++) {
    const char *place = arena_printf(arena, "%s[%zu]", name, i);
    struct status status = set_value(arena, json_array_get(json, i), field, place, &values[i]);
    if (!status_is_ok(status)) return status;
  }
  message_set_repeated(message, field, values, count);
  return status_ok();
}

static struct status set_value(struct arena *arena, const json_t *json, const ProtobufCFieldDescriptor *field,
                               const char *name, void *ret_value) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
      return set_text(arena, json, name, ret_value);
    case PROTOBUF_C_TYPE_MESSAGE:
      return set_message(arena, json, field, name, ret_value);
    case PROTOBUF_C_TYPE_ENUM:
      return set_enum(arena, json, field, name, ret_value);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_INT32:
      return set_integer(arena, json, field, name, ret_value);
    default:
      return refuse(arena, name, "can't be given in JSON here");
  }
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

struct status json_to_message(struct arena *arena, const json_t *object, ProtobufCMessage *message,
                              const ProtobufCMessageDescriptor *tolerated) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) {
    const ProtobufCFieldDescriptor *field = json_field(message->descriptor, name);
    if (!field && tolerated && json_field(tolerated, name)) continue;
    if (!field) return refuse_name(arena, message->descriptor, name);
    if (json_is_null(value)) continue;
    struct status status = field->label == PROTOBUF_C_LABEL_REPEATED
                               ? set_list(arena, value, message, field, name)
                               : set_value(arena, value, field, name, message_member(message, field));
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}
