/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/descriptor_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/wire.h"
#include "loop/coroutine.h"

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

struct symbols {
  struct arena *arena; /* of the names; the rows are in growing memory */
  struct symbol *rows;
  size_t count, room;
  bool with_parts; /* what is declared within messages and services, too */
};

struct descriptor_index {
  struct arena *arena;
  struct file *files;
  int file_count;
  /* Sorted by name. What is declared within another symbol is looked up in its file when it is asked for: these are the
   * most, and are hardly ever asked for. */
  struct symbol *symbols;
  size_t symbol_count, longest_symbol;
};

static struct status invalid(struct arena *arena, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_descriptor_set_invalid, "The descriptor set %s.", what);
}

/* ---- symbols ---------------------------------------------------------------------------------------------------- */

/* Returns the symbol's full name. */
static const char *add_symbol(struct symbols *symbols, int file, const char *scope, const char *name) {
  if (symbols->count == symbols->room) {
    symbols->room = symbols->room ? symbols->room * 2 : 256;
    symbols->rows = memory_realloc(symbols->rows, symbols->room * sizeof symbols->rows[0]);
  }
  const char *full = *scope ? arena_printf(symbols->arena, "%s.%s", scope, name) : arena_strdup(symbols->arena, name);
  symbols->rows[symbols->count++] = (struct symbol){.name = full, .file = file};
  return full;
}

/* An enum's values are named in the scope of the enum itself, as in C++. */
static void add_enum(struct symbols *symbols, int file, const char *scope,
                     const Google__Protobuf__EnumDescriptorProto *type) {
  add_symbol(symbols, file, scope, type->name);
  for (size_t i = 0; i < type->n_value; i++) add_symbol(symbols, file, scope, type->value[i]->name);
}

static void add_fields(struct symbols *symbols, int file, const char *scope,
                       Google__Protobuf__FieldDescriptorProto *const *fields, size_t count) {
  for (size_t i = 0; i < count; i++) add_symbol(symbols, file, scope, fields[i]->name);
}

static void add_message(struct symbols *symbols, int file, const char *scope,
                        const Google__Protobuf__DescriptorProto *type) {
  const char *inside = add_symbol(symbols, file, scope, type->name);
  if (!symbols->with_parts) return;
  add_fields(symbols, file, inside, type->field, type->n_field);
  add_fields(symbols, file, inside, type->extension, type->n_extension);
  for (size_t i = 0; i < type->n_oneof_decl; i++) add_symbol(symbols, file, inside, type->oneof_decl[i]->name);
  for (size_t i = 0; i < type->n_enum_type; i++) add_enum(symbols, file, inside, type->enum_type[i]);
  for (size_t i = 0; i < type->n_nested_type; i++) add_message(symbols, file, inside, type->nested_type[i]);
}

static void add_service(struct symbols *symbols, int file, const char *scope,
                        const Google__Protobuf__ServiceDescriptorProto *service) {
  const char *inside = add_symbol(symbols, file, scope, service->name);
  for (size_t i = 0; i < service->n_method && symbols->with_parts; i++) {
    add_symbol(symbols, file, inside, service->method[i]->name);
  }
}

static void add_symbols(struct symbols *symbols, int number, const Google__Protobuf__FileDescriptorProto *file) {
  const char *scope = file->package ? file->package : "";
  for (size_t i = 0; i < file->n_message_type; i++) add_message(symbols, number, scope, file->message_type[i]);
  for (size_t i = 0; i < file->n_enum_type; i++) add_enum(symbols, number, scope, file->enum_type[i]);
  for (size_t i = 0; i < file->n_service; i++) add_service(symbols, number, scope, file->service[i]);
  add_fields(symbols, number, scope, file->extension, file->n_extension);
}

static int compare_symbols(const void *left, const void *right) {
  return strcmp(((const struct symbol *)left)->name, ((const struct symbol *)right)->name);
}

/* Keeps the symbols in the arena. */
static void settle_symbols(struct descriptor_index *index, struct symbols *symbols) {
  size_t size = symbols->count * sizeof symbols->rows[0];
  index->symbols = arena_alloc(index->arena, size);
  index->symbol_count = symbols->count;
  if (size > 0) memcpy(index->symbols, symbols->rows, size);
  free(symbols->rows);
  for (size_t i = 0; i < index->symbol_count; i++) {
    size_t length = strlen(index->symbols[i].name);
    if (length > index->longest_symbol) index->longest_symbol = length;
  }
  qsort(index->symbols, index->symbol_count, sizeof index->symbols[0], compare_symbols);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static void add_entry(struct descriptor_index *index, const Google__Protobuf__FileDescriptorProto *file,
                      ProtobufCBinaryData bytes) {
  struct file *entry = &index->files[index->file_count];
  *entry = (struct file){.name = arena_strdup(index->arena, file->name), .bytes = bytes};
  entry->import_count = file->n_dependency;
  entry->import_names = arena_calloc(index->arena, file->n_dependency, sizeof(entry->import_names[0]));
  for (size_t i = 0; i < file->n_dependency; i++) {
    entry->import_names[i] = arena_strdup(index->arena, file->dependency[i]);
  }
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

static bool add_file(struct descriptor_index *index, struct symbols *symbols, ProtobufCBinaryData bytes) {
  struct arena *scratch = arena_new();
  const Google__Protobuf__FileDescriptorProto *file = descriptor_file_unpack(scratch, bytes);
  bool valid = file && file->name;
  if (valid && descriptor_index_file(index, file->name) < 0) {
    add_symbols(symbols, index->file_count, file);
    add_entry(index, file, bytes);
  }
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

static bool read_set(struct descriptor_index *index, struct symbols *symbols, const struct descriptor_set *set) {
  struct wire left = wire_of(set->bytes, *set->size);
  while (left.at < left.end) {
    ProtobufCBinaryData bytes;
    if (!next_file(&left, &bytes) || !add_file(index, symbols, bytes)) return false;
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
  struct symbols symbols = {.arena = arena};
  bool valid = true;
  for (size_t i = 0; i < set_count && valid; i++) valid = read_set(index, &symbols, &sets[i]);
  settle_symbols(index, &symbols);
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

static int find_declared(const struct descriptor_index *index, const char *name) {
  struct symbol wanted = {.name = name};
  const struct symbol *found = bsearch(&wanted, index->symbols, index->symbol_count, sizeof wanted, compare_symbols);
  return found ? found->file : -1;
}

struct search {
  const struct descriptor_index *index;
  int file;
  const char *name;
  bool found;
};

/* Messages nest, and a coroutine's stack is small. */
static void search_file(void *argument) {
  struct search *search = argument;
  struct arena *scratch = arena_new();
  struct symbols symbols = {.arena = scratch, .with_parts = true};
  add_symbols(&symbols, search->file, descriptor_file_unpack(scratch, search->index->files[search->file].bytes));
  for (size_t i = 0; i < symbols.count && !search->found; i++) {
    search->found = strcmp(symbols.rows[i].name, search->name) == 0;
  }
  free(symbols.rows);
  arena_free(scratch);
}

/* Whether the file declares it anywhere. */
static bool file_declares(const struct descriptor_index *index, int file, const char *name) {
  struct search search = {.index = index, .file = file, .name = name};
  coroutine_on_loop_stack(search_file, &search);
  return search.found;
}

/* Returns the file of the symbol that a part of the name before a dot names; -1 if there is none. */
static int file_of_outer(const struct descriptor_index *index, const char *name) {
  struct arena *scratch = arena_new();
  size_t size = strnlen(name, index->longest_symbol + 1); /* a name may be of any length */
  char *outer = arena_memdup(scratch, name, size);
  int file = -1;
  while (file < 0 && size > 0) {
    if (outer[--size] != '.') continue;
    outer[size] = '\0';
    file = find_declared(index, outer);
  }
  arena_free(scratch);
  return file;
}

int descriptor_index_symbol(const struct descriptor_index *index, const char *name) {
  int file = find_declared(index, name);
  if (file >= 0) return file;
  file = file_of_outer(index, name);
  return file >= 0 && file_declares(index, file, name) ? file : -1;
}

ProtobufCBinaryData descriptor_index_bytes(const struct descriptor_index *index, int file) {
  return index->files[file].bytes;
}

size_t descriptor_index_imports(const struct descriptor_index *index, int file, const int **ret_imports) {
  *ret_imports = index->files[file].imports;
  return index->files[file].import_count;
}
