/* SPDX-License-Identifier: Apache-2.0 */
#include "message/json_read.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/message.h"
#include "base/similar.h"
#include "message/json_kinds.h"

enum { DEPTH_MAX = 64, NANOS_DIGITS = 9 };

static const int64_t duration_seconds_max = INT64_C(315576000000);

struct reader {
  struct arena *arena;
  enum json_unknown unknown;
  int depth;
};

/* Where a value is: as whoever wrote it calls it, for people, and by the names of the proto, for programs. */
struct place {
  const char *written, *field; /* "product.priceCents", "product.price_cents"; "" of the whole message */
};

static const struct place root = {.written = "", .field = ""};

static struct status refuse(struct reader *reader, const struct place *place, const char *what) {
  struct status status =
      status_error(reader->arena, STATUS_INVALID_ARGUMENT, reason_json_invalid, "%s %s", place->written, what);
  struct error_details *details = arena_alloc(reader->arena, sizeof *details);
  *details = *status.details;
  struct field_violation *violation = arena_calloc(reader->arena, 1, sizeof *violation);
  *violation = (struct field_violation){.field = place->field, .description = what};
  details->violations = violation;
  status.details = details;
  return status;
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

/* Of a list or a map. The text outlives the JSON. */
static struct place place_of_item(struct reader *reader, const struct place *place, const char *item) {
  return (struct place){.written = arena_printf(reader->arena, "%s%s", place->written, item),
                        .field = arena_printf(reader->arena, "%s%s", place->field, item)};
}

static struct place place_of_member(struct reader *reader, const struct place *place, const char *written,
                                    const char *field) {
  const char *dot = *place->field ? "." : "";
  return (struct place){.written = arena_printf(reader->arena, "%s%s%s", place->written, dot, written),
                        .field = arena_printf(reader->arena, "%s%s%s", place->field, dot, field)};
}

static struct status refuse_name(struct reader *reader, const struct place *place,
                                 const ProtobufCMessageDescriptor *descriptor, const char *name) {
  struct arena *arena = reader->arena;
  const char **names = arena_calloc(arena, descriptor->n_fields + 1, sizeof(*names));
  for (unsigned i = 0; i < descriptor->n_fields; i++) names[i] = descriptor->fields[i].name;
  const char *near = similar_word(arena, name, names);
  const struct place unknown = {.written = arena_printf(arena, "\"%s\"", name),
                                .field = place_of_member(reader, place, name, name).field};
  return refuse(reader, &unknown,
                near ? arena_printf(arena, "is not a field here; did you mean \"%s\"?", near) : "is not a field here");
}

/* ---- scalars ---------------------------------------------------------------------------------------------------- */

static bool is_integral(const char *text) {
  if (*text == '-') text++;
  return *text && !text[strspn(text, "0123456789")];
}

/* Numbers come as numbers or, since JSON's are doubles to many, as texts. 1.0 and 1e2 are whole, too. */
static bool read_signed(const json_t *json, int64_t min, int64_t max, int64_t *ret_number) {
  int64_t number;
  if (json_is_integer(json)) {
    number = json_integer_value(json);
  } else if (json_is_real(json)) {
    double real = json_real_value(json);
    if (!(real >= -0x1p63 && real < 0x1p63) || real != floor(real)) return false;
    number = (int64_t)real;
  } else {
    const char *text = json_string_value(json);
    if (!text || !is_integral(text)) return false;
    errno = 0;
    number = strtoll(text, NULL, 10);
    if (errno != 0) return false;
  }
  if (number < min || number > max) return false;
  *ret_number = number;
  return true;
}

static bool read_unsigned(const json_t *json, uint64_t max, uint64_t *ret_number) {
  const char *text = json_string_value(json);
  int64_t number;
  if (!text) {
    if (!read_signed(json, 0, INT64_MAX, &number) || (uint64_t)number > max) return false;
    *ret_number = (uint64_t)number;
    return true;
  }
  if (!is_integral(text) || *text == '-') return false;
  errno = 0;
  *ret_number = strtoull(text, NULL, 10);
  return errno == 0 && *ret_number <= max;
}

static bool read_real(const json_t *json, double *ret_number) {
  if (json_is_number(json)) {
    *ret_number = json_number_value(json);
    return true;
  }
  const char *text = json_string_value(json);
  if (!text) return false;
  bool is_special = strcmp(text, "NaN") == 0 || strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0;
  if (!is_special && (!*text || text[strspn(text, "0123456789+-.eE")])) return false;
  char *end;
  errno = 0;
  *ret_number = strtod(text, &end);
  return !*end && (is_special || isfinite(*ret_number));
}

static struct status set_float(struct reader *reader, const json_t *json, const struct place *place, void *ret_value) {
  double number;
  if (!read_real(json, &number)) return refuse(reader, place, "is not a number");
  if (isfinite(number) && fabs(number) > (double)FLT_MAX) return refuse(reader, place, "is too large a number");
  *(float *)ret_value = (float)number;
  return status_ok();
}

static struct status set_number(struct reader *reader, const json_t *json, const ProtobufCFieldDescriptor *field,
                                const struct place *place, void *ret_value) {
  int64_t number;
  uint64_t natural;
  switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
      if (!read_signed(json, INT64_MIN, INT64_MAX, &number))
        return refuse(reader, place, "is not a whole number of 64 bits");
      *(int64_t *)ret_value = number;
      return status_ok();
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
      if (!read_unsigned(json, UINT64_MAX, &natural))
        return refuse(reader, place, "is not a number from 0 to 2^64 - 1");
      *(uint64_t *)ret_value = natural;
      return status_ok();
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
      if (!read_unsigned(json, UINT32_MAX, &natural))
        return refuse(reader, place, "is not a number from 0 to 2^32 - 1");
      *(uint32_t *)ret_value = (uint32_t)natural;
      return status_ok();
    default:
      if (!read_signed(json, INT32_MIN, INT32_MAX, &number))
        return refuse(reader, place, "is not a whole number of 32 bits");
      *(int32_t *)ret_value = (int32_t)number;
      return status_ok();
  }
}

/* Enums are open: a number that has no name is kept. */
static struct status set_enum(struct reader *reader, const json_t *json, const ProtobufCFieldDescriptor *field,
                              const struct place *place, void *ret_value) {
  const char *text = json_string_value(json);
  const ProtobufCEnumValue *value = text ? protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, text) : NULL;
  int64_t number = value ? value->value : 0;
  bool is_left_out = text && !value && !is_integral(text) && reader->unknown == JSON_UNKNOWN_IGNORED;
  if (!value && !is_left_out && !read_signed(json, INT32_MIN, INT32_MAX, &number)) {
    return refuse(reader, place, "has no such value");
  }
  *(int *)ret_value = (int)number;
  return status_ok();
}

static struct status set_text(struct reader *reader, const json_t *json, const struct place *place, void *ret_value) {
  if (!json_is_string(json)) return refuse(reader, place, "is not a text");
  *(const char **)ret_value = arena_strdup(reader->arena, json_string_value(json)); /* jansson refuses NULs */
  return status_ok();
}

static struct status set_bool(struct reader *reader, const json_t *json, const struct place *place, void *ret_value) {
  if (!json_is_boolean(json)) return refuse(reader, place, "is neither true nor false");
  *(protobuf_c_boolean *)ret_value = json_is_true(json);
  return status_ok();
}

static int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

/* Both alphabets, with or without padding. */
static struct status set_bytes(struct reader *reader, const json_t *json, const struct place *place, void *ret_value) {
  ProtobufCBinaryData *bytes = ret_value;
  const char *text = json_string_value(json);
  size_t size = text ? strlen(text) : 0, padding = 0;
  while (padding < 2 && size > 0 && text[size - 1] == '=') size--, padding++;
  if (!text || size % 4 == 1 || (padding > 0 && (size + padding) % 4 != 0))
    return refuse(reader, place, "is not base64");
  bytes->data = arena_alloc(reader->arena, size / 4 * 3 + 3);
  bytes->len = 0;
  uint32_t group = 0;
  for (size_t i = 0; i < size; i++) {
    int digit = base64_digit(text[i]);
    if (digit < 0) return refuse(reader, place, "is not base64");
    group = group << 6 | (uint32_t)digit;
    if (i % 4 != 0) bytes->data[bytes->len++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
  }
  return status_ok();
}

/* ---- well-known types ------------------------------------------------------------------------------------------- */

/* Reads exactly `count` digits. */
static bool read_digits(const char **at, int count, int *ret_number) {
  *ret_number = 0;
  for (; count > 0; count--, (*at)++) {
    if (!isdigit((unsigned char)**at)) return false;
    *ret_number = 10 * *ret_number + (**at - '0');
  }
  return true;
}

static bool read_char(const char **at, char c) {
  if (**at != c) return false;
  (*at)++;
  return true;
}

/* ".5" as 500,000,000; nothing as 0. */
static bool read_fraction(const char **at, int *ret_nanos) {
  *ret_nanos = 0;
  if (**at != '.') return true;
  int unit = 1000000000, digits = 0;
  for ((*at)++; isdigit((unsigned char)**at); (*at)++, digits++) *ret_nanos += (**at - '0') * (unit /= 10);
  return digits > 0 && digits <= NANOS_DIGITS;
}

static bool read_offset(const char **at, int *ret_seconds) {
  *ret_seconds = 0;
  if (read_char(at, 'Z') || read_char(at, 'z')) return true;
  int sign = **at == '-' ? -1 : 1, hours, minutes;
  if (!read_char(at, '+') && !read_char(at, '-')) return false;
  if (!read_digits(at, 2, &hours) || !read_char(at, ':') || !read_digits(at, 2, &minutes)) return false;
  *ret_seconds = sign * (hours * 3600 + minutes * 60);
  return hours <= 23 && minutes <= 59;
}

/* RFC 3339; no day that the calendar lacks, no leap second. */
static bool read_time(const char *at, Google__Protobuf__Timestamp *timestamp) {
  struct tm utc = {0};
  int offset, year, month;
  bool fits = read_digits(&at, 4, &year) && read_char(&at, '-') && read_digits(&at, 2, &month) && read_char(&at, '-') &&
              read_digits(&at, 2, &utc.tm_mday) && (read_char(&at, 'T') || read_char(&at, 't')) &&
              read_digits(&at, 2, &utc.tm_hour) && read_char(&at, ':') && read_digits(&at, 2, &utc.tm_min) &&
              read_char(&at, ':') && read_digits(&at, 2, &utc.tm_sec) && read_fraction(&at, &timestamp->nanos) &&
              read_offset(&at, &offset) && !*at;
  if (!fits || year < 1 || utc.tm_hour > 23 || utc.tm_min > 59 || utc.tm_sec > 59) return false;
  utc.tm_year = year - 1900;
  utc.tm_mon = month - 1;
  const struct tm wanted = utc;
  timestamp->seconds = timegm(&utc) - offset;
  return utc.tm_mday == wanted.tm_mday && utc.tm_mon == wanted.tm_mon;
}

static struct status set_time(struct reader *reader, const json_t *json, const struct place *place,
                              ProtobufCMessage *message) {
  const char *text = json_string_value(json);
  if (text && read_time(text, (Google__Protobuf__Timestamp *)message)) return status_ok();
  return refuse(reader, place, "is not a time such as 2019-01-28T18:21:18Z");
}

/* "-1.5s" */
static struct status set_duration(struct reader *reader, const json_t *json, const struct place *place,
                                  ProtobufCMessage *message) {
  Google__Protobuf__Duration *duration = (Google__Protobuf__Duration *)message;
  const char *at = json_string_value(json);
  int64_t seconds = 0;
  int nanos = 0;
  bool negative = at && read_char(&at, '-');
  bool fits = at && isdigit((unsigned char)*at);
  for (; fits && isdigit((unsigned char)*at); at++) {
    seconds = 10 * seconds + (*at - '0');
    fits = seconds <= duration_seconds_max;
  }
  if (!fits || !read_fraction(&at, &nanos) || strcmp(at, "s") != 0) {
    return refuse(reader, place, "is not a duration such as 1.5s");
  }
  duration->seconds = negative ? -seconds : seconds;
  duration->nanos = negative ? -nanos : nanos;
  return status_ok();
}

/* "priceCents,user.name": paths separated by commas; those of the proto are taken as they are. */
static struct status set_field_mask(struct reader *reader, const json_t *json, const struct place *place,
                                    ProtobufCMessage *message) {
  Google__Protobuf__FieldMask *mask = (Google__Protobuf__FieldMask *)message;
  const char *text = json_string_value(json);
  if (!text) return refuse(reader, place, "is not a text of paths separated by commas");
  size_t size = strlen(text), count = 1;
  for (size_t i = 0; i < size; i++) count += text[i] == ',';
  mask->paths = arena_calloc(reader->arena, count, sizeof *mask->paths);
  char *out = arena_alloc(reader->arena, 2 * size + 1);
  mask->paths[0] = out;
  mask->n_paths = size > 0 ? 1 : 0;
  for (const char *at = text; *at; at++) {
    if (*at == ',') {
      *out++ = '\0';
      mask->paths[mask->n_paths++] = out;
    } else {
      if (isupper((unsigned char)*at)) *out++ = '_';
      *out++ = (char)tolower((unsigned char)*at);
    }
  }
  *out = '\0';
  return status_ok();
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

static struct status read_message(struct reader *reader, const json_t *json, const struct place *place,
                                  ProtobufCMessage *message);

static struct status set_message(struct reader *reader, const json_t *json, const ProtobufCFieldDescriptor *field,
                                 const struct place *place, void *ret_value) {
  ProtobufCMessage *message = message_new(reader->arena, field->descriptor);
  *(ProtobufCMessage **)ret_value = message;
  if (reader->depth == DEPTH_MAX) return refuse(reader, place, "is too deep");
  reader->depth++;
  struct status status = read_message(reader, json, place, message);
  reader->depth--;
  return status;
}

static struct status set_value(struct reader *reader, const json_t *json, const ProtobufCFieldDescriptor *field,
                               const struct place *place, void *ret_value) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
      return set_text(reader, json, place, ret_value);
    case PROTOBUF_C_TYPE_MESSAGE:
      return set_message(reader, json, field, place, ret_value);
    case PROTOBUF_C_TYPE_ENUM:
      return set_enum(reader, json, field, place, ret_value);
    case PROTOBUF_C_TYPE_BOOL:
      return set_bool(reader, json, place, ret_value);
    case PROTOBUF_C_TYPE_BYTES:
      return set_bytes(reader, json, place, ret_value);
    case PROTOBUF_C_TYPE_FLOAT:
      return set_float(reader, json, place, ret_value);
    case PROTOBUF_C_TYPE_DOUBLE:
      return read_real(json, ret_value) ? status_ok() : refuse(reader, place, "is not a number");
    default:
      return set_number(reader, json, field, place, ret_value);
  }
}

static bool takes_null(const ProtobufCFieldDescriptor *field) {
  return field->type == PROTOBUF_C_TYPE_MESSAGE && json_kind_of(field->descriptor) == JSON_KIND_VALUE;
}

static struct status set_list(struct reader *reader, const json_t *json, ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field, const struct place *place) {
  if (!json_is_array(json)) return refuse(reader, place, "is not a list");
  size_t count = json_array_size(json), size = message_value_size(field);
  char *values = arena_calloc(reader->arena, count, size);
  for (size_t i = 0; i < count; i++) {
    const json_t *value = json_array_get(json, i);
    struct place item = place_of_item(reader, place, arena_printf(reader->arena, "[%zu]", i));
    if (json_is_null(value) && !takes_null(field)) return refuse(reader, &item, "is null");
    struct status status = set_value(reader, value, field, &item, values + i * size);
    if (!status_is_ok(status)) return status;
  }
  message_set_repeated(message, field, (void **)values, count);
  return status_ok();
}

/* Keys are texts in JSON, whatever they are in the message. */
static struct status set_key(struct reader *reader, const char *key, const ProtobufCFieldDescriptor *field,
                             const struct place *place, void *ret_value) {
  json_t *json = json_string(key);
  if (field->type == PROTOBUF_C_TYPE_BOOL && (strcmp(key, "true") == 0 || strcmp(key, "false") == 0)) {
    json_decref(json);
    json = json_boolean(*key == 't');
  }
  struct status status = set_value(reader, json, field, place, ret_value);
  json_decref(json);
  return status;
}

static struct status set_map(struct reader *reader, const json_t *json, ProtobufCMessage *message,
                             const ProtobufCFieldDescriptor *field, const struct place *place) {
  if (!json_is_object(json)) return refuse(reader, place, "is not an object");
  const ProtobufCMessageDescriptor *entry = field->descriptor;
  ProtobufCMessage **entries = arena_calloc(reader->arena, json_object_size(json), sizeof *entries);
  size_t count = 0;
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)json, key, value) {
    struct place item = place_of_item(reader, place, arena_printf(reader->arena, "[\"%s\"]", key));
    ProtobufCMessage *made = message_new(reader->arena, entry);
    if (json_is_null(value) && !takes_null(&entry->fields[1])) return refuse(reader, &item, "is null");
    struct status status = set_key(reader, key, &entry->fields[0], &item, message_member(made, &entry->fields[0]));
    if (!status_is_ok(status)) return status;
    status = set_value(reader, value, &entry->fields[1], &item, message_member(made, &entry->fields[1]));
    if (!status_is_ok(status)) return status;
    entries[count++] = made;
  }
  message_set_repeated(message, field, (void **)entries, count);
  return status_ok();
}

/* Of a oneof, one is set; an optional number notes that it is. */
static struct status note_presence(struct reader *reader, ProtobufCMessage *message,
                                   const ProtobufCFieldDescriptor *field, const struct place *place) {
  char *quantifier = (char *)message + field->quantifier_offset;
  if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    if (*(uint32_t *)quantifier != 0) return refuse(reader, place, "can't be set beside another one of its kind");
    *(uint32_t *)quantifier = field->id;
    return status_ok();
  }
  bool is_pointer = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING;
  if (field->label == PROTOBUF_C_LABEL_OPTIONAL && !is_pointer) *(protobuf_c_boolean *)quantifier = true;
  return status_ok();
}

static struct status set_field(struct reader *reader, const json_t *json, ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field, const struct place *place) {
  if (json_is_null(json) && !takes_null(field)) return status_ok();
  if (json_is_map(field)) return set_map(reader, json, message, field, place);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return set_list(reader, json, message, field, place);
  struct status status = note_presence(reader, message, field, place);
  return status_is_ok(status) ? set_value(reader, json, field, place, message_member(message, field)) : status;
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static struct status read_fields(struct reader *reader, const json_t *json, const struct place *place,
                                 ProtobufCMessage *message, const ProtobufCMessageDescriptor *tolerated) {
  if (!json_is_object(json)) {
    const struct place whole = {.written = "the message", .field = ""};
    return refuse(reader, *place->field ? place : &whole, "is not an object");
  }
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)json, key, value) {
    const ProtobufCFieldDescriptor *field = json_field(message->descriptor, key);
    if (!field && (reader->unknown == JSON_UNKNOWN_IGNORED || (tolerated && json_field(tolerated, key)))) continue;
    if (!field) return refuse_name(reader, place, message->descriptor, key);
    struct place member = place_of_member(reader, place, key, field->name);
    struct status status = set_field(reader, value, message, field, &member);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

/* The one of a Value's fields that fits. */
static struct status read_value(struct reader *reader, const json_t *json, const struct place *place,
                                ProtobufCMessage *message) {
  static const char *const fields[] = {
      [JSON_OBJECT] = "struct_value",  [JSON_ARRAY] = "list_value",  [JSON_STRING] = "string_value",
      [JSON_INTEGER] = "number_value", [JSON_REAL] = "number_value", [JSON_TRUE] = "bool_value",
      [JSON_FALSE] = "bool_value",     [JSON_NULL] = "null_value"};
  const ProtobufCFieldDescriptor *field = message_field(message->descriptor, fields[json_typeof(json)]);
  struct status status = note_presence(reader, message, field, place);
  if (!status_is_ok(status) || json_is_null(json)) return status;
  return set_value(reader, json, field, place, message_member(message, field));
}

static struct status read_message(struct reader *reader, const json_t *json, const struct place *place,
                                  ProtobufCMessage *message) {
  const ProtobufCMessageDescriptor *descriptor = message->descriptor;
  switch (json_kind_of(descriptor)) {
    case JSON_KIND_TIMESTAMP:
      return set_time(reader, json, place, message);
    case JSON_KIND_DURATION:
      return set_duration(reader, json, place, message);
    case JSON_KIND_FIELD_MASK:
      return set_field_mask(reader, json, place, message);
    case JSON_KIND_WRAPPER:
      return set_field(reader, json, message, &descriptor->fields[0], place);
    case JSON_KIND_STRUCT:
      return set_map(reader, json, message, message_field(descriptor, "fields"), place);
    case JSON_KIND_LIST_VALUE:
      return set_list(reader, json, message, message_field(descriptor, "values"), place);
    case JSON_KIND_VALUE:
      return read_value(reader, json, place, message);
    case JSON_KIND_FIELDS:
      break;
  }
  return read_fields(reader, json, place, message, NULL);
}

struct status json_read_message(struct arena *arena, const json_t *json, enum json_unknown unknown,
                                ProtobufCMessage *message) {
  struct reader reader = {.arena = arena, .unknown = unknown};
  return read_message(&reader, json, &root, message);
}

struct status json_to_message(struct arena *arena, const json_t *object, ProtobufCMessage *message,
                              const ProtobufCMessageDescriptor *tolerated) {
  struct reader reader = {.arena = arena};
  return read_fields(&reader, object, &root, message, tolerated);
}
