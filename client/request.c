/* SPDX-License-Identifier: Apache-2.0 */
#include "client/request.h"

#include "base/message.h"
#include "base/uuid.h"

const ProtobufCMessage *request_with_id(struct arena *arena, const ProtobufCMessage *request) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "request_id");
  if (!field || field->type != PROTOBUF_C_TYPE_STRING) return request;
  const char *given = *(const char *const *)message_member(request, field);
  if (given && *given) return request;
  void *copy = arena_memdup(arena, request, request->descriptor->sizeof_message);
  *(const char **)message_member(copy, field) = uuid_random(arena);
  return copy;
}

static bool has_version(const ProtobufCMessage *message) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "version");
  return field && field->type == PROTOBUF_C_TYPE_INT64 && *(const int64_t *)message_member(message, field) != 0;
}

bool request_is_conditional(const ProtobufCMessage *request) {
  if (has_version(request)) return true;
  for (unsigned i = 0; i < request->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &request->descriptor->fields[i];
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED) continue;
    const ProtobufCMessage *part = *(const ProtobufCMessage *const *)message_member(request, field);
    if (part && has_version(part)) return true;
  }
  return false;
}
