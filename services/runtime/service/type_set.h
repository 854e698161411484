/* SPDX-License-Identifier: Apache-2.0 */
/* Type set: the descriptors of one message and of all that it is made of, as a FileDescriptorSet.
 *
 * It has nothing else: no services, no comments, no options of files, no messages that are not part of it, and imports
 * only what is left. So it is small, and changes only when the message does; any tool that reads what protoc's
 * --descriptor_set_out writes can read it. Any thread. */
#pragma once

#include <google/protobuf/descriptor.pb-c.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"
#include "rpc/descriptor_index.h"

#define TYPE_SET_MAX (2 * 1024 * 1024) /* bytes; readers take no more (message/message_types.h) */

/* Packs the set of the message with that full name ("note.v1.Note"). Equal descriptors give equal bytes. The
 * types may be nested as deep as their author likes, so it wants a thread's stack. Errors: INVALID_ARGUMENT
 * (DESCRIPTOR_SET_INVALID): a type that is missing, which the message names, or
 * more than TYPE_SET_MAX. */
struct status type_set_of(struct arena *arena, const struct descriptor_index *index, const char *message,
                          ProtobufCBinaryData *ret_set);

/* Unpacks a set that comes from elsewhere. Returns NULL if it is none, or if something in it has no name. */
const Google__Protobuf__FileDescriptorSet *type_set_unpack(struct arena *arena, const void *bytes, size_t size);

/* Return the message or enum of a set by its full name, or NULL if there is none. */
const Google__Protobuf__DescriptorProto *type_set_message(const Google__Protobuf__FileDescriptorSet *set,
                                                          const char *name);
const Google__Protobuf__EnumDescriptorProto *type_set_enum(const Google__Protobuf__FileDescriptorSet *set,
                                                           const char *name);
