/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include "base/message.h"
#include "base/message_check.h"

const char *record_type_fault(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *message) {
  if (!type) return "there is no type for it";
  if (!message) return arena_printf(arena, "it is NULL where a %s belongs", type->name);
  const ProtobufCMessageDescriptor *actual = ((const ProtobufCMessage *)message)->descriptor;
  if (!actual) return arena_printf(arena, "it is no message: a %s must be initialized", type->name);
  if (actual != type) return arena_printf(arena, "it is a %s where a %s belongs", actual->name, type->name);
  if (protobuf_c_message_check(message)) return NULL;
  return arena_printf(arena, "a %s with NULL among its values", type->name);
}

static const char *content_fault(struct arena *arena, const ProtobufCMessageDescriptor *type,
                                 const struct record *record) {
  struct status status = message_check(arena, type, record->bytes, record->size);
  if (status_is_ok(status)) return NULL;
  return arena_printf(arena, "a %s whose %s", type->name, status.message);
}

struct record record_of(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *message) {
  struct record record = {.fault = record_type_fault(arena, type, message)};
  if (record.fault) return record;
  record.bytes = message_pack(arena, message, &record.size);
  record.fault = record.size > RECORD_BYTES_MAX ? arena_printf(arena, "a %s of %zu bytes; the max is %d", type->name,
                                                               record.size, RECORD_BYTES_MAX)
                                                : content_fault(arena, type, &record);
  return record;
}
