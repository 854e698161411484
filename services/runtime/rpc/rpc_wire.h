/* SPDX-License-Identifier: Apache-2.0 */
/* Converts between gRPC's buffers and protobuf-c's messages, texts and times.
 *
 * It must not be called from a coroutine: gRPC's and protobuf-c's need of stack is unknown (messages nest). */
#pragma once

#include <grpc/grpc.h>
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Packs `message` straight into a buffer, which the caller frees with grpc_byte_buffer_destroy. */
grpc_byte_buffer *rpc_wire_pack(const ProtobufCMessage *message);

/* The same for a message that is packed already. */
grpc_byte_buffer *rpc_wire_packed(const void *bytes, size_t size);

/* Decodes the message in `buffer` into the arena. Returns NULL if it is not such a message. */
ProtobufCMessage *rpc_wire_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                                  grpc_byte_buffer *buffer);

/* Does the same for what strangers send: it is checked by message_check before, and loses the fields that its type does
 * not have, since nothing here could check those. Errors: INVALID_ARGUMENT FIELD_INVALID. */
struct status rpc_wire_unpack_checked(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                                      grpc_byte_buffer *buffer, const void **ret_message);

/* Returns the bytes of a slice as a text in the arena. */
const char *rpc_wire_text(struct arena *arena, grpc_slice slice);

/* Returns the value of the first entry with `key`, or NULL if there is none. The entry belongs to the array. */
const grpc_slice *rpc_wire_metadata(const grpc_metadata_array *array, const char *key);

/* Does the same, but returns NULL if there are several, too. */
const grpc_slice *rpc_wire_sole_metadata(const grpc_metadata_array *array, const char *key);

/* Convert between gRPC's time and clock_monotonic_us; "never" is DEADLINE_NEVER. */
gpr_timespec rpc_wire_time(int64_t monotonic_us);
int64_t rpc_wire_time_us(gpr_timespec time);
