/* SPDX-License-Identifier: Apache-2.0 */
/* Reads messages from JSON, by protobuf's JSON mapping (https://protobuf.dev/programming-guides/json/): names in
 * lowerCamelCase or as in the proto, integers as numbers or texts, enum values by name or number, bytes as base64 of
 * either alphabet, times as RFC 3339 with any offset, maps as objects, null as "not set". An Any can't be read. Any
 * thread; messages may be 64 deep, so coroutines read on the loop's stack (coroutine_on_loop_stack). */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"

/* What is done with names, also of enum values, that the message does not have. */
enum json_unknown { JSON_UNKNOWN_REFUSED, JSON_UNKNOWN_IGNORED };

/* Sets the fields of `message`, an empty one of its type. Texts live in the arena. Errors: INVALID_ARGUMENT
 * (JSON_INVALID) with a sentence that names the field as it is written, and a BadRequest with its path in the proto
 * ("product.price_cents"). */
struct status json_read_message(struct arena *arena, const json_t *json, enum json_unknown unknown,
                                ProtobufCMessage *message);

/* Does the same for an object, but a name that is not a field of the message is passed over if it is one of `tolerated`
 * (may be NULL). */
struct status json_to_message(struct arena *arena, const json_t *object, ProtobufCMessage *message,
                              const ProtobufCMessageDescriptor *tolerated);

/* Returns the field that a name in JSON means, or NULL if there is none. */
const ProtobufCFieldDescriptor *json_field(const ProtobufCMessageDescriptor *descriptor, const char *name);
