/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/descriptor_index.h"

#include <google/protobuf/descriptor.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

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

static bool add_file(struct descriptor_index *index, ProtobufCBinaryData bytes) {
  struct arena *scratch = arena_new();
  const Google__Protobuf__FileDescriptorProto *file =
      google__protobuf__file_descriptor_proto__unpack(arena_allocator(scratch), bytes.len, bytes.data);
  bool valid = file && file->name;
  if (valid && descriptor_index_file(index, file->name) < 0) add_entry(index, file, bytes);
  arena_free(scratch);
  return valid;
}

/* Reads the next file of a FileDescriptorSet (one field, number 1, length-delimited). */
static bool next_file(const uint8_t **at, const uint8_t *end, ProtobufCBinaryData *ret_bytes) {
  if (*(*at)++ != (1 << 3 | 2)) return false;
  size_t size = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (*at == end) return false;
    uint8_t byte = *(*at)++;
    size |= (size_t)(byte & 0x7F) << shift;
    if (byte & 0x80) continue;
    if (size > (size_t)(end - *at)) return false;
    *ret_bytes = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)*at};
    *at += size;
    return true;
  }
  return false;
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
  const uint8_t *at = set->bytes, *end = at + *set->size;
  while (at < end) {
    ProtobufCBinaryData bytes;
    if (!next_file(&at, end, &bytes) || !add_file(index, bytes)) return false;
  }
  return true;
}

static size_t count_files(const struct descriptor_set *set) {
  const uint8_t *at = set->bytes, *end = at + *set->size;
  size_t count = 0;
  ProtobufCBinaryData bytes;
  while (at < end && next_file(&at, end, &bytes)) count++;
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
