/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/descriptor_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/wire.h"

enum { FILES = 1, SOURCE_CODE_INFO = 9 }; /* fields of a FileDescriptorSet, and of a FileDescriptorProto */

struct file {
  const char *name;
  ProtobufCBinaryData bytes;
  const char **import_names; /* until all files are known */
  int *imports;
  size_t import_count;
};

struct symbol {
  const char *name; /* full, without a dot in front */
  int file;
};

struct descriptor_index {
  struct arena *arena;
  struct file *files;
  int file_count;
  struct symbol *symbols; /* sorted by name */
  size_t symbol_count, symbol_room;
};

static struct status invalid(struct arena *arena, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_descriptor_set_invalid, "The descriptor set %s.", what);
}

static void symbol_add(struct descriptor_index *index, const char *scope, const char *name) {
  if (index->symbol_count == index->symbol_room) {
    index->symbol_room = index->symbol_room ? index->symbol_room * 2 : 1024;
    index->symbols = memory_realloc(index->symbols, index->symbol_room * sizeof(index->symbols[0]));
  }
  const char *full = *scope ? arena_printf(index->arena, "%s.%s", scope, name) : arena_strdup(index->arena, name);
  index->symbols[index->symbol_count++] = (struct symbol){.name = full, .file = index->file_count};
}

static const char *last_symbol(const struct descriptor_index *index) {
  return index->symbols[index->symbol_count - 1].name;
}

/* An enum's values are named in the scope of the enum itself, as in C++. */
static void add_enum(struct descriptor_index *index, const char *scope,
                     const Google__Protobuf__EnumDescriptorProto *type) {
  symbol_add(index, scope, type->name);
  for (size_t i = 0; i < type->n_value; i++) symbol_add(index, scope, type->value[i]->name);
}

static void add_fields(struct descriptor_index *index, const char *scope,
                       Google__Protobuf__FieldDescriptorProto *const *fields, size_t count) {
  for (size_t i = 0; i < count; i++) symbol_add(index, scope, fields[i]->name);
}

static void add_message(struct descriptor_index *index, const char *scope,
                        const Google__Protobuf__DescriptorProto *type) {
  symbol_add(index, scope, type->name);
  const char *inside = last_symbol(index);
  add_fields(index, inside, type->field, type->n_field);
  add_fields(index, inside, type->extension, type->n_extension);
  for (size_t i = 0; i < type->n_oneof_decl; i++) symbol_add(index, inside, type->oneof_decl[i]->name);
  for (size_t i = 0; i < type->n_enum_type; i++) add_enum(index, inside, type->enum_type[i]);
  for (size_t i = 0; i < type->n_nested_type; i++) add_message(index, inside, type->nested_type[i]);
}

static void add_service(struct descriptor_index *index, const char *scope,
                        const Google__Protobuf__ServiceDescriptorProto *service) {
  symbol_add(index, scope, service->name);
  const char *inside = last_symbol(index);
  for (size_t i = 0; i < service->n_method; i++) symbol_add(index, inside, service->method[i]->name);
}

static void add_symbols(struct descriptor_index *index, const Google__Protobuf__FileDescriptorProto *file) {
  const char *scope = file->package ? file->package : "";
  for (size_t i = 0; i < file->n_message_type; i++) add_message(index, scope, file->message_type[i]);
  for (size_t i = 0; i < file->n_enum_type; i++) add_enum(index, scope, file->enum_type[i]);
  for (size_t i = 0; i < file->n_service; i++) add_service(index, scope, file->service[i]);
  add_fields(index, scope, file->extension, file->n_extension);
}

static void add_entry(struct descriptor_index *index, const Google__Protobuf__FileDescriptorProto *file,
                      ProtobufCBinaryData bytes) {
  struct file *entry = &index->files[index->file_count];
  *entry = (struct file){.name = arena_strdup(index->arena, file->name), .bytes = bytes};
  entry->import_count = file->n_dependency;
  entry->import_names = arena_calloc(index->arena, file->n_dependency, sizeof(entry->import_names[0]));
  for (size_t i = 0; i < file->n_dependency; i++) {
    entry->import_names[i] = arena_strdup(index->arena, file->dependency[i]);
  }
  add_symbols(index, file);
  index->file_count++;
}

Google__Protobuf__FileDescriptorProto *descriptor_file_unpack(struct arena *arena, ProtobufCBinaryData bytes) {
  uint8_t *kept = arena_alloc(arena, bytes.len);
  struct wire left = wire_of(bytes.data, bytes.len);
  struct wire_field field;
  size_t size = 0;
  while (left.at < left.end) {
    const uint8_t *begin = left.at;
    if (!wire_take_field(&left, &field)) return NULL;
    if (field.number == SOURCE_CODE_INFO) continue;
    memcpy(kept + size, begin, (size_t)(left.at - begin));
    size += (size_t)(left.at - begin);
  }
  return google__protobuf__file_descriptor_proto__unpack(arena_allocator(arena), size, kept);
}

static bool add_file(struct descriptor_index *index, ProtobufCBinaryData bytes) {
  struct arena *scratch = arena_new();
  const Google__Protobuf__FileDescriptorProto *file = descriptor_file_unpack(scratch, bytes);
  bool valid = file && file->name;
  if (valid && descriptor_index_file(index, file->name) < 0) add_entry(index, file, bytes);
  arena_free(scratch);
  return valid;
}

/* Takes the next file of a FileDescriptorSet. */
static bool next_file(struct wire *set, ProtobufCBinaryData *ret_bytes) {
  struct wire_field field;
  if (!wire_take_field(set, &field) || field.number != FILES || field.type != WIRE_DELIMITED) return false;
  *ret_bytes = (ProtobufCBinaryData){.len = wire_size(&field.value), .data = (uint8_t *)field.value.at};
  return true;
}

static void resolve_imports(struct descriptor_index *index, struct file *file) {
  file->imports = arena_calloc(index->arena, file->import_count, sizeof(file->imports[0]));
  for (size_t i = 0; i < file->import_count; i++) {
    file->imports[i] = descriptor_index_file(index, file->import_names[i]);
  }
}

static int compare_symbols(const void *left, const void *right) {
  return strcmp(((const struct symbol *)left)->name, ((const struct symbol *)right)->name);
}

/* Moves the symbols, which were collected in growing memory, into the arena. */
static void settle_symbols(struct descriptor_index *index) {
  size_t size = index->symbol_count * sizeof(index->symbols[0]);
  struct symbol *collected = index->symbols;
  index->symbols = arena_alloc(index->arena, size);
  if (size > 0) memcpy(index->symbols, collected, size);
  free(collected);
  qsort(index->symbols, index->symbol_count, sizeof(index->symbols[0]), compare_symbols);
}

static bool read_set(struct descriptor_index *index, const struct descriptor_set *set) {
  struct wire left = wire_of(set->bytes, *set->size);
  while (left.at < left.end) {
    ProtobufCBinaryData bytes;
    if (!next_file(&left, &bytes) || !add_file(index, bytes)) return false;
  }
  return true;
}

static size_t count_files(const struct descriptor_set *set) {
  struct wire left = wire_of(set->bytes, *set->size);
  size_t count = 0;
  ProtobufCBinaryData bytes;
  while (left.at < left.end && next_file(&left, &bytes)) count++;
  return count;
}

struct status descriptor_index_new(struct arena *arena, const struct descriptor_set *sets, size_t set_count,
                                   struct descriptor_index **ret_index) {
  struct descriptor_index *index = arena_calloc(arena, 1, sizeof(*index));
  size_t room = 0;
  for (size_t i = 0; i < set_count; i++) room += count_files(&sets[i]);
  index->arena = arena;
  index->files = arena_calloc(arena, room, sizeof(index->files[0]));
  bool valid = true;
  for (size_t i = 0; i < set_count && valid; i++) valid = read_set(index, &sets[i]);
  settle_symbols(index);
  if (!valid) return invalid(arena, "is not decodable");
  for (int i = 0; i < index->file_count; i++) resolve_imports(index, &index->files[i]);
  *ret_index = index;
  return status_ok();
}

int descriptor_index_files(const struct descriptor_index *index) {
  return index->file_count;
}

int descriptor_index_file(const struct descriptor_index *index, const char *name) {
  for (int i = 0; i < index->file_count; i++) {
    if (strcmp(index->files[i].name, name) == 0) return i;
  }
  return -1;
}

int descriptor_index_symbol(const struct descriptor_index *index, const char *name) {
  struct symbol wanted = {.name = name};
  const struct symbol *found = bsearch(&wanted, index->symbols, index->symbol_count, sizeof(wanted), compare_symbols);
  return found ? found->file : -1;
}

ProtobufCBinaryData descriptor_index_bytes(const struct descriptor_index *index, int file) {
  return index->files[file].bytes;
}

size_t descriptor_index_imports(const struct descriptor_index *index, int file, const int **ret_imports) {
  *ret_imports = index->files[file].imports;
  return index->files[file].import_count;
}
