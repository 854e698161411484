/* SPDX-License-Identifier: Apache-2.0 */
/* Index of packed FileDescriptorSets: which file has a name, which file defines a symbol, and what a file imports.
 *
 * Each file's packed bytes stay as they are in the set, so that nothing of them is lost on their way to a client.
 * Immutable once made. */
#pragma once

#include <google/protobuf/descriptor.pb-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

struct descriptor_index;

/* A packed google.protobuf.FileDescriptorSet, as protoc's --descriptor_set_out with --include_imports makes it. */
struct descriptor_set {
  const void *bytes;
  const size_t *size; /* a pointer, since an embedded file's size isn't known where the set is named */
};

/* A file that is in several sets is the first one's. What the sets point to must outlive the index, which lives in the
 * arena. Errors: INVALID_ARGUMENT (DESCRIPTOR_SET_INVALID). */
struct status descriptor_index_new(struct arena *arena, const struct descriptor_set *sets, size_t set_count,
                                   struct descriptor_index **ret_index);

/* Files are known by a number: 0 to descriptor_index_files - 1. -1 means there is none. */
int descriptor_index_files(const struct descriptor_index *index);
int descriptor_index_file(const struct descriptor_index *index, const char *name);

/* Returns the file that defines a message, field, oneof, enum, enum value, service, method or extension, by its full
 * name. */
int descriptor_index_symbol(const struct descriptor_index *index, const char *name);

/* Returns the file's packed FileDescriptorProto, which is the set's memory. */
ProtobufCBinaryData descriptor_index_bytes(const struct descriptor_index *index, int file);

/* Unpacks a file into the arena without its comments, which are most of its bytes. Returns NULL if it can't be decoded.
 */
Google__Protobuf__FileDescriptorProto *descriptor_file_unpack(struct arena *arena, ProtobufCBinaryData bytes);

/* Returns how many files it imports, and their numbers; -1 stands for one that is not in the sets. */
size_t descriptor_index_imports(const struct descriptor_index *index, int file, const int **ret_imports);
