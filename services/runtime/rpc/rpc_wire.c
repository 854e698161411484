/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_wire.h"

#include <grpc/byte_buffer_reader.h>
#include <string.h>

#include "base/context.h"
#include "base/message.h"
#include "base/message_check.h"
#include "base/violations.h"

static grpc_byte_buffer *buffer_of(grpc_slice slice) {
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  return buffer;
}

grpc_byte_buffer *rpc_wire_pack(const ProtobufCMessage *message) {
  grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
  protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
  return buffer_of(slice);
}

grpc_byte_buffer *rpc_wire_packed(const void *bytes, size_t size) {
  return buffer_of(grpc_slice_from_copied_buffer(bytes, size));
}

/* A view of the buffer's bytes. Small messages come in one slice: then nothing is copied. */
static bool buffer_view(grpc_byte_buffer *buffer, grpc_slice *ret_bytes) {
  grpc_byte_buffer_reader reader;
  if (!grpc_byte_buffer_reader_init(&reader, buffer)) return false;
  const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
  *ret_bytes = slices->count == 1 ? grpc_slice_ref(slices->slices[0]) : grpc_byte_buffer_reader_readall(&reader);
  grpc_byte_buffer_reader_destroy(&reader);
  return true;
}

ProtobufCMessage *rpc_wire_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                                  grpc_byte_buffer *buffer) {
  grpc_slice bytes;
  if (!buffer_view(buffer, &bytes)) return NULL;
  ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, arena_allocator(arena), GRPC_SLICE_LENGTH(bytes),
                                                        GRPC_SLICE_START_PTR(bytes));
  grpc_slice_unref(bytes);
  return message;
}

static struct status undecodable(struct arena *arena, const ProtobufCMessageDescriptor *descriptor) {
  struct violations violations = violations_of(arena);
  violation_add(&violations, "", "must be an encoded %s", descriptor->name);
  return violations_status(&violations);
}

struct status rpc_wire_unpack_checked(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                                      grpc_byte_buffer *buffer, const void **ret_message) {
  grpc_slice bytes;
  if (!buffer_view(buffer, &bytes)) return undecodable(arena, descriptor);
  struct status status = message_check(arena, descriptor, GRPC_SLICE_START_PTR(bytes), GRPC_SLICE_LENGTH(bytes));
  if (status_is_ok(status)) {
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, arena_allocator(arena), GRPC_SLICE_LENGTH(bytes),
                                                          GRPC_SLICE_START_PTR(bytes));
    if (message) {
      message_drop_unknown(message);
      *ret_message = message;
    } else {
      status = undecodable(arena, descriptor);
    }
  }
  grpc_slice_unref(bytes);
  return status;
}

const char *rpc_wire_text(struct arena *arena, grpc_slice slice) {
  return arena_memdup(arena, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
}

/* Returns the index of the first entry with the key from `i` on, or the number of entries. */
static size_t metadata_index(const grpc_metadata_array *array, const char *key, size_t i) {
  size_t length = strlen(key);
  for (; i < array->count; i++) {
    const grpc_slice *name = &array->metadata[i].key;
    if (GRPC_SLICE_LENGTH(*name) != length) continue;
    if (memcmp(GRPC_SLICE_START_PTR(*name), key, length) == 0) break;
  }
  return i;
}

const grpc_slice *rpc_wire_metadata(const grpc_metadata_array *array, const char *key) {
  size_t i = metadata_index(array, key, 0);
  return i < array->count ? &array->metadata[i].value : NULL;
}

const grpc_slice *rpc_wire_sole_metadata(const grpc_metadata_array *array, const char *key) {
  size_t i = metadata_index(array, key, 0);
  if (i == array->count || metadata_index(array, key, i + 1) < array->count) return NULL;
  return &array->metadata[i].value;
}

gpr_timespec rpc_wire_time(int64_t monotonic_us) {
  if (monotonic_us == DEADLINE_NEVER) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return (gpr_timespec){
      .tv_sec = monotonic_us / 1000000,
      .tv_nsec = (int32_t)(monotonic_us % 1000000) * 1000,
      .clock_type = GPR_CLOCK_MONOTONIC,
  };
}

int64_t rpc_wire_time_us(gpr_timespec time) {
  gpr_timespec monotonic = gpr_convert_clock_type(time, GPR_CLOCK_MONOTONIC);
  if (gpr_time_cmp(monotonic, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0) return DEADLINE_NEVER;
  if (monotonic.tv_sec > INT64_MAX / 1000000 - 1) return DEADLINE_NEVER;
  return monotonic.tv_sec * 1000000 + monotonic.tv_nsec / 1000;
}
