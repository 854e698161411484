/* SPDX-License-Identifier: Apache-2.0 */
#include "service/type_set.h"

#include <string.h>

#include "base/message.h"
#include "base/message_check.h"

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;

enum { UNPACKED_MAX = 64 * 1024 * 1024 };

/* What is kept of a file of the index. */
struct kept_file {
  file_proto *file;       /* NULL until something of it is needed */
  bool *messages, *enums; /* which of its own, not of those within others, are kept */
  bool *imports;          /* which files of the index these refer to */
};

struct keeping {
  struct arena *arena;
  const struct descriptor_index *index;
  struct kept_file *files; /* by their numbers in the index */
  const char *missing;     /* a type that is not in the index; NULL if there is none */
};

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* Returns NULL if it can't be decoded, which the index has found out before. */
static struct kept_file *open_file(struct keeping *keeping, int number) {
  struct kept_file *kept = &keeping->files[number];
  if (kept->file) return kept;
  kept->file = descriptor_file_unpack(keeping->arena, descriptor_index_bytes(keeping->index, number));
  if (!kept->file) return NULL;
  kept->file->n_service = 0; /* only types are kept */
  kept->messages = arena_calloc(keeping->arena, kept->file->n_message_type + 1, sizeof *kept->messages);
  kept->enums = arena_calloc(keeping->arena, kept->file->n_enum_type + 1, sizeof *kept->enums);
  kept->imports = arena_calloc(keeping->arena, (size_t)descriptor_index_files(keeping->index), sizeof *kept->imports);
  return kept;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* Gives what follows the package in a full name ("Note.Line" of "note.v1.Note.Line"). Returns false if it is of another
 * package. */
static bool within_package(const file_proto *file, const char *name, const char **ret_path) {
  size_t size = file->package ? strlen(file->package) : 0;
  *ret_path = name;
  if (size == 0) return true;
  if (strncmp(name, file->package, size) != 0 || name[size] != '.') return false;
  *ret_path = name + size + 1;
  return true;
}

/* Returns whether the first part of `path` is that name. */
static bool begins_with(const char *path, const char *name) {
  size_t size = strcspn(path, ".");
  return strlen(name) == size && strncmp(path, name, size) == 0;
}

/* ---- what a message is made of ---------------------------------------------------------------------------------- */

static void keep_type(struct keeping *keeping, int from, const char *name);

/* Of a message that is kept, all within it is. */
static void keep_parts(struct keeping *keeping, int from, message_proto *message) {
  message->n_extension = 0; /* it would name messages that may not be there */
  for (size_t i = 0; i < message->n_field; i++) {
    const char *type = message->field[i]->type_name;
    if (type) keep_type(keeping, from, type + (*type == '.'));
  }
  for (size_t i = 0; i < message->n_nested_type; i++) keep_parts(keeping, from, message->nested_type[i]);
}

static bool keep_message(struct keeping *keeping, struct kept_file *kept, int number, const char *path) {
  for (size_t i = 0; i < kept->file->n_message_type; i++) {
    if (!begins_with(path, kept->file->message_type[i]->name)) continue;
    if (kept->messages[i]) return true;
    kept->messages[i] = true;
    keep_parts(keeping, number, kept->file->message_type[i]);
    return true;
  }
  return false;
}

static bool keep_enum(struct kept_file *kept, const char *path) {
  for (size_t i = 0; i < kept->file->n_enum_type; i++) {
    if (!begins_with(path, kept->file->enum_type[i]->name)) continue;
    kept->enums[i] = true;
    return true;
  }
  return false;
}

/* Keeps a type that file `from` refers to; from is -1 for the first one. */
static void keep_type(struct keeping *keeping, int from, const char *name) {
  int number = descriptor_index_symbol(keeping->index, name);
  struct kept_file *kept = number < 0 ? NULL : open_file(keeping, number);
  const char *path;
  bool is_kept = kept && within_package(kept->file, name, &path) &&
                 (keep_message(keeping, kept, number, path) || keep_enum(kept, path));
  if (!is_kept && !keeping->missing) keeping->missing = name;
  if (is_kept && from >= 0 && from != number) keeping->files[from].imports[number] = true;
}

/* ---- the set ---------------------------------------------------------------------------------------------------- */

static void leave_out_the_rest(struct keeping *keeping, struct kept_file *kept) {
  file_proto *file = kept->file;
  size_t messages = 0, enums = 0, count = (size_t)descriptor_index_files(keeping->index);
  for (size_t i = 0; i < file->n_message_type; i++) {
    if (kept->messages[i]) file->message_type[messages++] = file->message_type[i];
  }
  for (size_t i = 0; i < file->n_enum_type; i++) {
    if (kept->enums[i]) file->enum_type[enums++] = file->enum_type[i];
  }
  file->n_message_type = messages;
  file->n_enum_type = enums;
  file->n_extension = file->n_public_dependency = file->n_weak_dependency = 0;
  file->options = NULL;
  file->dependency = arena_calloc(keeping->arena, count, sizeof *file->dependency);
  file->n_dependency = 0;
  for (size_t i = 0; i < count; i++) {
    if (kept->imports[i]) file->dependency[file->n_dependency++] = keeping->files[i].file->name;
  }
}

/* The index has files behind those that they import, as protoc writes them. */
static void pack_set(struct keeping *keeping, struct arena *arena, ProtobufCBinaryData *ret_set) {
  size_t count = (size_t)descriptor_index_files(keeping->index);
  Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
  set.file = arena_calloc(keeping->arena, count, sizeof *set.file);
  for (size_t i = 0; i < count; i++) {
    if (!keeping->files[i].file) continue;
    leave_out_the_rest(keeping, &keeping->files[i]);
    set.file[set.n_file++] = keeping->files[i].file;
  }
  ret_set->data = message_pack(arena, &set, &ret_set->len);
}

struct status type_set_of(struct arena *arena, const struct descriptor_index *index, const char *message,
                          ProtobufCBinaryData *ret_set) {
  struct arena *scratch = arena_new();
  struct keeping keeping = {.arena = scratch, .index = index};
  keeping.files = arena_calloc(scratch, (size_t)descriptor_index_files(index) + 1, sizeof *keeping.files);
  keep_type(&keeping, -1, message);
  struct status status = status_ok();
  if (keeping.missing) {
    status = status_error(arena, STATUS_INVALID_ARGUMENT, reason_descriptor_set_invalid,
                          "The descriptor set has no %s.", keeping.missing);
  } else {
    pack_set(&keeping, arena, ret_set);
  }
  if (status_is_ok(status) && ret_set->len > TYPE_SET_MAX) {
    status = status_error(arena, STATUS_INVALID_ARGUMENT, reason_descriptor_set_invalid,
                          "The descriptors of %s have %zu bytes; %d are allowed.", message, ret_set->len, TYPE_SET_MAX);
  }
  arena_free(scratch);
  return status;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool enum_is_named(const enum_proto *type) {
  bool named = type->name;
  for (size_t i = 0; i < type->n_value; i++) named = named && type->value[i]->name;
  return named;
}

static bool message_is_named(const message_proto *message) {
  bool named = message->name;
  for (size_t i = 0; i < message->n_field; i++) named = named && message->field[i]->name;
  for (size_t i = 0; i < message->n_oneof_decl; i++) named = named && message->oneof_decl[i]->name;
  for (size_t i = 0; i < message->n_enum_type; i++) named = named && enum_is_named(message->enum_type[i]);
  for (size_t i = 0; i < message->n_nested_type; i++) named = named && message_is_named(message->nested_type[i]);
  return named;
}

static bool file_is_named(const file_proto *file) {
  bool named = file->name;
  for (size_t i = 0; i < file->n_enum_type; i++) named = named && enum_is_named(file->enum_type[i]);
  for (size_t i = 0; i < file->n_message_type; i++) named = named && message_is_named(file->message_type[i]);
  return named;
}

const Google__Protobuf__FileDescriptorSet *type_set_unpack(struct arena *arena, const void *bytes, size_t size) {
  const ProtobufCMessageDescriptor *type = &google__protobuf__file_descriptor_set__descriptor;
  if (size > TYPE_SET_MAX || !message_fits(type, bytes, size, UNPACKED_MAX)) return NULL;
  const Google__Protobuf__FileDescriptorSet *set = message_unpack(arena, type, bytes, size);
  for (size_t i = 0; set && i < set->n_file; i++) {
    if (!file_is_named(set->file[i])) return NULL;
  }
  return set;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

/* What types are within: a file, or a message. */
struct scope {
  size_t message_count, enum_count;
  message_proto **messages;
  enum_proto **enums;
};

/* Gives the message or the enum at that path. */
static void find(struct scope scope, const char *path, const message_proto **ret_message, const enum_proto **ret_enum) {
  const message_proto *outer = NULL;
  while (*path) {
    outer = NULL;
    for (size_t i = 0; i < scope.message_count && !outer; i++) {
      if (begins_with(path, scope.messages[i]->name)) outer = scope.messages[i];
    }
    for (size_t i = 0; i < scope.enum_count; i++) {
      if (strcmp(path, scope.enums[i]->name) == 0) *ret_enum = scope.enums[i];
    }
    if (!outer) return;
    scope = (struct scope){outer->n_nested_type, outer->n_enum_type, outer->nested_type, outer->enum_type};
    path += strcspn(path, ".");
    path += *path == '.';
  }
  *ret_message = outer;
}

static void find_in(const Google__Protobuf__FileDescriptorSet *set, const char *name, const message_proto **ret_message,
                    const enum_proto **ret_enum) {
  *ret_message = NULL;
  *ret_enum = NULL;
  for (size_t i = 0; i < set->n_file && !*ret_message && !*ret_enum; i++) {
    const file_proto *file = set->file[i];
    const char *path;
    struct scope scope = {file->n_message_type, file->n_enum_type, file->message_type, file->enum_type};
    if (within_package(file, name, &path)) find(scope, path, ret_message, ret_enum);
  }
}

const message_proto *type_set_message(const Google__Protobuf__FileDescriptorSet *set, const char *name) {
  const message_proto *message;
  const enum_proto *type;
  find_in(set, name, &message, &type);
  return message;
}

const enum_proto *type_set_enum(const Google__Protobuf__FileDescriptorSet *set, const char *name) {
  const message_proto *message;
  const enum_proto *type;
  find_in(set, name, &message, &type);
  return type;
}
