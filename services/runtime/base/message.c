/* SPDX-License-Identifier: Apache-2.0 */
#include "base/message.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timestamp.h"

void *message_pack(struct arena *arena, const void *message, size_t *ret_size) {
  size_t size = protobuf_c_message_get_packed_size(message);
  void *bytes = arena_alloc(arena, size);
  *ret_size = protobuf_c_message_pack(message, bytes);
  return bytes;
}

void *message_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const void *bytes,
                     size_t size) {
  return protobuf_c_message_unpack(descriptor, arena_allocator(arena), size, bytes);
}

/* A type that was made at run time has no function for it. */
static void init_generic(ProtobufCMessage *message, const ProtobufCMessageDescriptor *descriptor) {
  memset(message, 0, descriptor->sizeof_message);
  message->descriptor = descriptor;
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
    bool is_text = field->type == PROTOBUF_C_TYPE_STRING && field->label != PROTOBUF_C_LABEL_REPEATED;
    if (is_text) *(const void **)((char *)message + field->offset) = field->default_value;
  }
}

void *message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor) {
  ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
  if (descriptor->message_init) {
    protobuf_c_message_init(descriptor, message);
  } else {
    init_generic(message, descriptor);
  }
  return message;
}

bool message_equal(struct arena *arena, const void *left, const void *right) {
  size_t left_size, right_size;
  void *left_bytes = message_pack(arena, left, &left_size);
  void *right_bytes = message_pack(arena, right, &right_size);
  return left_size == right_size && memcmp(left_bytes, right_bytes, left_size) == 0;
}

const ProtobufCFieldDescriptor *message_field(const ProtobufCMessageDescriptor *descriptor, const char *name) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
  if (field) return field;
  log_event(LOG_ERROR, "message type has no such field", "type", descriptor->name, "field", name, NULL);
  abort();
}

void *message_member(const void *message, const ProtobufCFieldDescriptor *field) {
  return (char *)(uintptr_t)message + field->offset;
}

static _Noreturn void misuse(const ProtobufCMessageDescriptor *descriptor, const char *name, const char *what) {
  log_event(LOG_ERROR, what, "field", name, "message", descriptor->name, NULL);
  log_stop();
  abort();
}

/* Returns where the value of a field is, which must be singular and of that type. */
static void *member_of_type(const void *message, const char *name, ProtobufCType type, const char *otherwise) {
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)message)->descriptor;
  const ProtobufCFieldDescriptor *field = message_field(descriptor, name);
  if (field->type != type || field->label == PROTOBUF_C_LABEL_REPEATED) misuse(descriptor, name, otherwise);
  return message_member(message, field);
}

static char **text_member(const void *message, const char *name) {
  return member_of_type(message, name, PROTOBUF_C_TYPE_STRING, "a field is used as a text, but is none");
}

const char *message_text(const void *message, const char *name) {
  const char *text = *text_member(message, name);
  return text ? text : "";
}

static size_t member_size(const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return sizeof(void *);
  switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
      return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
      return sizeof(void *);
    case PROTOBUF_C_TYPE_BOOL:
      return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
      return sizeof(int64_t);
    default:
      return sizeof(int32_t);
  }
}

static int64_t number_of(const void *member, ProtobufCType type) {
  switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
      return *(const int32_t *)member;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
      return *(const uint32_t *)member;
    case PROTOBUF_C_TYPE_BOOL:
      return *(const protobuf_c_boolean *)member;
    default:
      return *(const int64_t *)member;
  }
}

/* Texts, messages and floating point are not numbers here. */
static const ProtobufCFieldDescriptor *number_field(const void *message, const char *name) {
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)message)->descriptor;
  const ProtobufCFieldDescriptor *field = message_field(descriptor, name);
  bool is_number = field->type <= PROTOBUF_C_TYPE_FIXED64 || field->type == PROTOBUF_C_TYPE_BOOL ||
                   field->type == PROTOBUF_C_TYPE_ENUM;
  if (!is_number || field->label == PROTOBUF_C_LABEL_REPEATED) {
    misuse(descriptor, name, "a field is used as a number, but is none");
  }
  return field;
}

int64_t message_number(const void *message, const char *name) {
  const ProtobufCFieldDescriptor *field = number_field(message, name);
  return number_of(message_member(message, field), field->type);
}

void message_set_text(void *message, const char *name, const char *value) {
  *(const char **)text_member(message, name) = value;
}

void message_set_number(void *message, const char *name, int64_t value) {
  const ProtobufCFieldDescriptor *field = number_field(message, name);
  void *member = message_member(message, field);
  size_t size = member_size(field);
  if (size == sizeof(int64_t)) {
    *(int64_t *)member = value;
  } else {
    *(int32_t *)member = (int32_t)value;
  }
  if (number_of(member, field->type) == value) return;
  misuse(((const ProtobufCMessage *)message)->descriptor, name, "a field can't hold a number");
}

void message_set_time(struct arena *arena, void *message, const char *name, int64_t unix_us) {
  void *member = member_of_type(message, name, PROTOBUF_C_TYPE_MESSAGE, "a field is used as a message, but is none");
  *(Google__Protobuf__Timestamp **)member = timestamp_new(arena, unix_us);
}

const ProtobufCFieldDescriptor *message_field_of_type(const ProtobufCMessageDescriptor *descriptor,
                                                      const ProtobufCMessageDescriptor *type) {
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
    if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->descriptor == type) return field;
  }
  return NULL;
}

static size_t *repeated_count_of(const void *message, const ProtobufCFieldDescriptor *field) {
  return (size_t *)((char *)(uintptr_t)message + field->quantifier_offset);
}

void message_share_field(void *to, const void *from, const ProtobufCFieldDescriptor *field) {
  memcpy(message_member(to, field), message_member(from, field), member_size(field));
  if (field->label == PROTOBUF_C_LABEL_REPEATED) *repeated_count_of(to, field) = *repeated_count_of(from, field);
}

void message_share_unknown(void *to, const void *from) {
  const ProtobufCMessage *source = from;
  ProtobufCMessage *target = to;
  target->n_unknown_fields = source->n_unknown_fields;
  target->unknown_fields = source->unknown_fields;
}

/* The messages in a field; *ret_count is 0 if there are none. */
static void *const *messages_in(const void *message, const ProtobufCFieldDescriptor *field, size_t *ret_count) {
  void *const *messages = message_member(message, field);
  *ret_count = 0;
  if (field->type != PROTOBUF_C_TYPE_MESSAGE || !message_is_chosen(message, field)) return NULL;
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    *ret_count = message_repeated_count(message, field);
    return *(void *const *const *)messages;
  }
  if (*messages) *ret_count = 1;
  return messages;
}

void message_drop_unknown(void *message) {
  ProtobufCMessage *base = message;
  base->n_unknown_fields = 0;
  base->unknown_fields = NULL;
  for (unsigned i = 0; i < base->descriptor->n_fields; i++) {
    size_t count;
    void *const *messages = messages_in(message, &base->descriptor->fields[i], &count);
    for (size_t k = 0; k < count; k++) message_drop_unknown(messages[k]);
  }
}

void *message_share(struct arena *arena, const void *message) {
  return arena_memdup(arena, message, ((const ProtobufCMessage *)message)->descriptor->sizeof_message);
}

bool message_field_equal(struct arena *arena, const void *left, const void *right,
                         const ProtobufCFieldDescriptor *field) {
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)left)->descriptor;
  void *only_left = message_new(arena, descriptor), *only_right = message_new(arena, descriptor);
  message_share_field(only_left, left, field);
  message_share_field(only_right, right, field);
  return message_equal(arena, only_left, only_right);
}

size_t message_repeated_count(const void *message, const ProtobufCFieldDescriptor *field) {
  return *repeated_count_of(message, field);
}

void *const *message_repeated_values(const void *message, const ProtobufCFieldDescriptor *field) {
  return *(void **const *)message_member(message, field);
}

size_t message_value_size(const ProtobufCFieldDescriptor *field) {
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

void message_set_repeated(void *message, const ProtobufCFieldDescriptor *field, void **values, size_t count) {
  *(void ***)message_member(message, field) = values;
  *repeated_count_of(message, field) = count;
}

static const char *timestamp_text(struct arena *arena, const Google__Protobuf__Timestamp *timestamp) {
  if (!timestamp) return "";
  char text[CLOCK_TEXT_SIZE];
  clock_text(timestamp_unix_us(timestamp), text);
  return arena_strdup(arena, text);
}

const char *message_snake_case(struct arena *arena, const char *short_name) {
  char *snake = arena_alloc(arena, 2 * strlen(short_name) + 1), *at = snake;
  for (const char *c = short_name; *c; c++) {
    bool upper = *c >= 'A' && *c <= 'Z';
    if (upper && c > short_name) *at++ = '_';
    *at++ = upper ? (char)(*c - 'A' + 'a') : *c;
  }
  *at = '\0';
  return snake;
}

bool message_is_chosen(const void *message, const ProtobufCFieldDescriptor *field) {
  const void *quantifier = (const char *)message + field->quantifier_offset;
  return !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || *(const uint32_t *)quantifier == field->id;
}

const char *message_field_text(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED || !message_is_chosen(message, field)) return NULL;
  const void *member = message_member(message, field);
  if (field->type == PROTOBUF_C_TYPE_FLOAT) return arena_printf(arena, "%g", (double)*(const float *)member);
  if (field->type == PROTOBUF_C_TYPE_DOUBLE) return arena_printf(arena, "%g", *(const double *)member);
  if (field->type == PROTOBUF_C_TYPE_STRING) return *(char *const *)member ? *(char *const *)member : "";
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    if (field->descriptor != &google__protobuf__timestamp__descriptor) return NULL;
    return timestamp_text(arena, *(Google__Protobuf__Timestamp *const *)member);
  }
  if (field->type == PROTOBUF_C_TYPE_BYTES) return NULL;
  int64_t number = number_of(member, field->type);
  if (field->type == PROTOBUF_C_TYPE_ENUM) {
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(field->descriptor, (int)number);
    if (value) return value->name;
  }
  return arena_printf(arena, "%" PRId64, number);
}

bool message_has_field(const ProtobufCMessageDescriptor *descriptor, const char *name, ProtobufCType type,
                       bool repeated) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
  return field && field->type == type && (field->label == PROTOBUF_C_LABEL_REPEATED) == repeated;
}

bool message_has_message(const ProtobufCMessageDescriptor *descriptor, const ProtobufCMessageDescriptor *type,
                         bool repeated) {
  const ProtobufCFieldDescriptor *field = message_field_of_type(descriptor, type);
  return field && (field->label == PROTOBUF_C_LABEL_REPEATED) == repeated;
}
