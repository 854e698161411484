#include "base/message.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

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

void *message_copy(struct arena *arena, const void *message) {
  size_t size;
  void *bytes = message_pack(arena, message, &size);
  return message_unpack(arena, ((const ProtobufCMessage *)message)->descriptor, bytes, size);
}

void *message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor) {
  ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
  protobuf_c_message_init(descriptor, message);
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

static void *member_named(const void *message, const char *name) {
  return message_member(message, message_field(((const ProtobufCMessage *)message)->descriptor, name));
}

const char *message_text(const void *message, const char *name) {
  const char *text = *(char **)member_named(message, name);
  return text ? text : "";
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

int64_t message_number(const void *message, const char *name) {
  const ProtobufCFieldDescriptor *field = message_field(((const ProtobufCMessage *)message)->descriptor, name);
  return number_of(message_member(message, field), field->type);
}

void message_set_text(void *message, const char *name, const char *value) {
  *(const char **)member_named(message, name) = value;
}

void message_set_number(void *message, const char *name, int64_t value) {
  *(int64_t *)member_named(message, name) = value;
}

void message_set_time(struct arena *arena, void *message, const char *name, int64_t unix_us) {
  *(Google__Protobuf__Timestamp **)member_named(message, name) = timestamp_new(arena, unix_us);
}

/* What protobuf-c's init would have put there: only strings, bytes and messages differ from zeros. */
void message_clear(void *message, const ProtobufCFieldDescriptor *field) {
  ProtobufCMessageDescriptor const *descriptor = ((ProtobufCMessage *)message)->descriptor;
  void *empty = malloc(descriptor->sizeof_message);
  if (!empty) abort();
  protobuf_c_message_init(descriptor, empty);
  size_t size = sizeof(void *);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    memset(message_member(message, field), 0, sizeof(void *));
    memset((char *)message + field->quantifier_offset, 0, sizeof(size_t));
  } else {
    if (field->type == PROTOBUF_C_TYPE_BYTES) size = sizeof(ProtobufCBinaryData);
    if (field->type == PROTOBUF_C_TYPE_BOOL) size = sizeof(protobuf_c_boolean);
    if (field->type == PROTOBUF_C_TYPE_INT32 || field->type == PROTOBUF_C_TYPE_ENUM) size = sizeof(int32_t);
    memcpy(message_member(message, field), message_member(empty, field), size);
  }
  free(empty);
}

static const char *timestamp_text(struct arena *arena, const Google__Protobuf__Timestamp *timestamp) {
  if (!timestamp) return "";
  time_t seconds = (time_t)timestamp->seconds;
  struct tm parts;
  gmtime_r(&seconds, &parts);
  char date[40];
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  return arena_printf(arena, "%s.%06dZ", date, timestamp->nanos / 1000);
}

const char *message_field_text(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return NULL;
  const void *member = message_member(message, field);
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
