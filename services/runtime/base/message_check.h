/* SPDX-License-Identifier: Apache-2.0 */
/* What protobuf-c does not check on unpacking: strings must be UTF-8 (proto3 language guide) and, because a message's
 * strings are C strings here, free of NUL bytes. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/status.h"

/* Walks the encoded message. Errors: INVALID_ARGUMENT FIELD_INVALID naming all offending fields by path, or with one
 * violation on "" if the bytes are not protobuf at all. */
struct status message_check(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const void *bytes,
                            size_t size);
