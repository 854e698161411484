/* SPDX-License-Identifier: Apache-2.0 */
/* Writes messages as JSON, by their descriptors, as protobuf's JSON mapping has it
 * (https://protobuf.dev/programming-guides/json/): lowerCamelCase names, 64 bit integers as strings, enum values by
 * name (unknown ones as numbers), bytes as base64, Timestamp as RFC 3339 in UTC, Duration as "1.5s", FieldMask as one
 * string, wrappers as their value, Struct, Value and ListValue as what they hold. An Any comes as its type and bytes.
 *
 * Fields that are empty or 0 are written too, so that a script need not know the defaults; messages, and what is
 * optional, are left out if they are not set. Any thread. */
#pragma once

#include <google/protobuf/timestamp.pb-c.h>
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/* Returns the message as JSON. The caller owns the result (json_decref). `message` must be initialised or unpacked. */
json_t *json_of_message(const void *message);

/* Returns "2019-01-28T18:21:18.802091Z", with 0, 3, 6 or 9 digits of a second, as many as it needs. A time beyond the
 * years 1 to 9999 comes as "<seconds>s". */
const char *timestamp_rfc3339(struct arena *arena, const Google__Protobuf__Timestamp *timestamp);
