/* SPDX-License-Identifier: Apache-2.0 */
/* What the client reads from and adds to requests of any type, by their descriptors. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/arena.h"

/* Returns the request itself, or, if it has a `request_id` that is empty, a shallow copy in the arena with a random
 * one. */
const ProtobufCMessage *request_with_id(struct arena *arena, const ProtobufCMessage *request);

/* Returns whether the caller named a version, in the request (Delete) or in the resource that it carries (Update). */
bool request_is_conditional(const ProtobufCMessage *request);
