/* SPDX-License-Identifier: Apache-2.0 */
/* Makes protobuf-c descriptors at run time, from a FileDescriptorSet: messages of types that the program was not
 * compiled with are unpacked and shown as those that it was.
 *
 * A set comes from outside. It is checked before use, and limited: 2 MiB, 1,000 files, 10,000 types, and 1,000 fields
 * of a message or values of an enum. Any thread, one at a time. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"

#define MESSAGE_TYPES_SET_MAX (2 * 1024 * 1024) /* bytes */

struct message_types;

/* A message that is not within another one. */
struct message_type {
  const char *name, *short_name; /* "note.v1.Note", "Note" */
  bool beside_service;           /* its file has a service, too */
};

/* Reads a packed google.protobuf.FileDescriptorSet, as protoc's --descriptor_set_out with --include_imports makes it.
 * The result, and all that it makes, lives in the arena. Errors: INVALID_ARGUMENT (DESCRIPTOR_SET_INVALID). */
struct status message_types_new(struct arena *arena, const void *set, size_t size, struct message_types **ret_types);

/* Gives message `index`, by their names in order; returns false behind the last. */
bool message_types_at(const struct message_types *types, size_t index, struct message_type *ret_type);

/* Makes the descriptor of a message, by its full name. Timestamp, Duration and FieldMask are those that the program was
 * compiled with; all of a oneof's members are kept in one place; what is `optional` in proto3 tells whether it is set,
 * in proto2 `optional` and `required` make no difference. After an error, nothing more is made of this set. Errors:
 * INVALID_ARGUMENT (DESCRIPTOR_SET_INVALID: no such message, a type that is missing, or what protobuf-c can't have, as
 * groups). */
struct status message_types_make(struct message_types *types, const char *name,
                                 const ProtobufCMessageDescriptor **ret_descriptor);

/* Returns the set itself, for what is no message: services, options, comments. */
const struct Google__Protobuf__FileDescriptorSet *message_types_files(const struct message_types *types);

/* Returns the arena in which all of it lives. */
struct arena *message_types_arena(const struct message_types *types);
