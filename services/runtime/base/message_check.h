/* SPDX-License-Identifier: Apache-2.0 */
/* What protobuf-c does not check on unpacking: strings must be UTF-8 (proto3 language guide) and, because a message's
 * strings are C strings here, free of NUL bytes. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Walks the encoded message. Errors: INVALID_ARGUMENT FIELD_INVALID naming all offending fields by path, or with one
 * violation on "" if the bytes are not protobuf at all. */
struct status message_check(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const void *bytes,
                            size_t size);

/* Returns whether the bytes are protobuf, with messages at most 32 deep, whose structs take at most `memory` bytes when
 * they are unpacked: for types from outside, which may be within themselves or have many fields. */
bool message_fits(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t size, size_t memory);
