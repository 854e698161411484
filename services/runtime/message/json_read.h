/* SPDX-License-Identifier: Apache-2.0 */
/* Reads messages of the API from JSON as json_write.h writes it, with names in lowerCamelCase or as in the proto, 64
 * bit integers as numbers or texts, enum values by name or number, times as RFC 3339. Any thread. */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"

/* Sets the fields of `message`, an empty one of its type, that the object names. Texts live in the arena. A name that
 * is not a field of the message is passed over if it is one of `tolerated` (may be NULL). Errors: INVALID_ARGUMENT with
 * a sentence that names the field. */
struct status json_to_message(struct arena *arena, const json_t *object, ProtobufCMessage *message,
                              const ProtobufCMessageDescriptor *tolerated);

/* Returns the field that a name in JSON means, or NULL if there is none. */
const ProtobufCFieldDescriptor *json_field(const ProtobufCMessageDescriptor *descriptor, const char *name);
