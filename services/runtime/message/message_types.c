/* SPDX-License-Identifier: Apache-2.0 */
#include "message/message_types.h"

#include <google/protobuf/descriptor.pb-c.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/message_check.h"

enum { FILES_MAX = 1000, TYPES_MAX = 10000, MEMBERS_MAX = 1000, FIELD_NUMBER_MAX = (1 << 29) - 1 };
enum { UNPACKED_MAX = 64 * 1024 * 1024 };

/* A message or an enum of the set. */
struct type {
  const char *name, *short_name, *package;
  const Google__Protobuf__DescriptorProto *message;         /* one of the two */
  const Google__Protobuf__EnumDescriptorProto *enumeration; /* is NULL */
  bool is_top, beside_service;
  ProtobufCMessageDescriptor *message_descriptor; /* NULL until it was asked for; filled while it is in no queue */
  ProtobufCEnumDescriptor *enum_descriptor;
  struct type *next; /* in the queue */
};

struct message_types {
  struct arena *arena;
  const Google__Protobuf__FileDescriptorSet *files;
  struct type *types; /* sorted by name */
  size_t count;
  struct type *queue; /* descriptors that were asked for, but are not filled yet */
  struct status status;
};

static struct status invalid(struct message_types *types, const char *name, const char *what) {
  if (status_is_ok(types->status)) {
    types->status = status_error(types->arena, STATUS_INVALID_ARGUMENT, reason_descriptor_set_invalid,
                                 "The descriptor set's %s %s.", name, what);
  }
  return types->status;
}

/* ---- the set ---------------------------------------------------------------------------------------------------- */

/* Names are shown, also on terminals. */
static bool is_name(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return name && *name && !name[strspn(name, letters)];
}

static bool is_package(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.";
  return !name[strspn(name, letters)];
}

static const char *full_name(struct arena *arena, const char *scope, const char *name) {
  return *scope ? arena_printf(arena, "%s.%s", scope, name) : name;
}

/* Returns the new type, or NULL. */
static struct type *add_type(struct message_types *types, struct type type, const char *scope) {
  if (!is_name(type.short_name) || types->count == TYPES_MAX) return NULL;
  type.name = full_name(types->arena, scope, type.short_name);
  types->types[types->count] = type;
  return &types->types[types->count++];
}

static bool add_enums(struct message_types *types, const struct type *like, const char *scope,
                      Google__Protobuf__EnumDescriptorProto *const *enums, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct type type = {.short_name = enums[i]->name, .package = like->package, .enumeration = enums[i]};
    if (!add_type(types, type, scope)) return false;
  }
  return true;
}

/* With all that is declared within it, which message_check has found to be no deeper than a stack bears. */
static bool add_message(struct message_types *types, const struct type *like, const char *scope,
                        const Google__Protobuf__DescriptorProto *message) {
  struct type type = *like;
  type.short_name = message->name;
  type.message = message;
  const struct type *added = add_type(types, type, scope);
  if (!added) return false;
  const char *inside = added->name;
  struct type within = {.package = like->package};
  if (!add_enums(types, &within, inside, message->enum_type, message->n_enum_type)) return false;
  for (size_t i = 0; i < message->n_nested_type; i++) {
    if (!add_message(types, &within, inside, message->nested_type[i])) return false;
  }
  return true;
}

static bool add_file(struct message_types *types, const Google__Protobuf__FileDescriptorProto *file) {
  const char *package = file->package ? file->package : "";
  struct type like = {.package = package, .is_top = true, .beside_service = file->n_service > 0};
  if (!is_package(package) || !add_enums(types, &like, package, file->enum_type, file->n_enum_type)) return false;
  for (size_t i = 0; i < file->n_message_type; i++) {
    if (!add_message(types, &like, package, file->message_type[i])) return false;
  }
  return true;
}

static int compare_types(const void *left, const void *right) {
  return strcmp(((const struct type *)left)->name, ((const struct type *)right)->name);
}

static struct type *find_type(const struct message_types *types, const char *name) {
  struct type wanted = {.name = name};
  return bsearch(&wanted, types->types, types->count, sizeof(wanted), compare_types);
}

static const Google__Protobuf__FileDescriptorSet *unpack_set(struct arena *arena, const void *set, size_t size) {
  const ProtobufCMessageDescriptor *descriptor = &google__protobuf__file_descriptor_set__descriptor;
  if (size > MESSAGE_TYPES_SET_MAX) return NULL;
  if (!message_fits(descriptor, set, size, UNPACKED_MAX)) return NULL;
  if (!status_is_ok(message_check(arena, descriptor, set, size))) return NULL;
  const Google__Protobuf__FileDescriptorSet *files = message_unpack(arena, descriptor, set, size);
  return files && files->n_file <= FILES_MAX ? files : NULL;
}

struct status message_types_new(struct arena *arena, const void *set, size_t size, struct message_types **ret_types) {
  struct message_types *types = arena_calloc(arena, 1, sizeof(*types));
  types->arena = arena;
  const Google__Protobuf__FileDescriptorSet *files = unpack_set(arena, set, size);
  if (!files) return invalid(types, "bytes", "are no FileDescriptorSet, or are more than 2 MiB or 1,000 files");
  types->files = files;
  types->types = arena_calloc(arena, TYPES_MAX, sizeof(*types->types));
  for (size_t i = 0; i < files->n_file; i++) {
    if (!add_file(types, files->file[i])) return invalid(types, "names", "are none, or are more than 10,000");
  }
  qsort(types->types, types->count, sizeof(*types->types), compare_types);
  *ret_types = types;
  return status_ok();
}

bool message_types_at(const struct message_types *types, size_t index, struct message_type *ret_type) {
  for (size_t i = 0; i < types->count; i++) {
    const struct type *type = &types->types[i];
    if (!type->is_top || !type->message || index-- > 0) continue;
    *ret_type = (struct message_type){
        .name = type->name, .short_name = type->short_name, .beside_service = type->beside_service};
    return true;
  }
  return false;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

/* protobuf-c finds fields and values of enums by ranges of numbers without gaps, behind which stands the count. */
static const ProtobufCIntRange *ranges_of(struct arena *arena, const int *numbers, size_t count, unsigned *ret_count) {
  ProtobufCIntRange *ranges = arena_calloc(arena, count + 1, sizeof(*ranges));
  unsigned range = 0;
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && numbers[i] == (int64_t)numbers[i - 1] + 1) continue;
    ranges[range++] = (ProtobufCIntRange){.start_value = numbers[i], .orig_index = (unsigned)i};
  }
  ranges[range].orig_index = (unsigned)count;
  *ret_count = range;
  return ranges;
}

/* ---- enums ------------------------------------------------------------------------------------------------------ */

static int compare_values(const void *left, const void *right) {
  int a = ((const ProtobufCEnumValue *)left)->value, b = ((const ProtobufCEnumValue *)right)->value;
  return (a > b) - (a < b);
}

/* Of several names of a number one is kept. */
static unsigned sort_values(ProtobufCEnumValue *values, size_t count) {
  unsigned kept = 0;
  qsort(values, count, sizeof(*values), compare_values);
  for (size_t i = 0; i < count; i++) {
    if (kept == 0 || values[kept - 1].value != values[i].value) values[kept++] = values[i];
  }
  return kept;
}

static int compare_value_names(const void *left, const void *right) {
  return strcmp(((const ProtobufCEnumValueIndex *)left)->name, ((const ProtobufCEnumValueIndex *)right)->name);
}

/* By all their names, also several of a number, protobuf-c finds where the values are. */
static void index_names(struct message_types *types, const Google__Protobuf__EnumDescriptorProto *enumeration,
                        ProtobufCEnumDescriptor *made) {
  ProtobufCEnumValueIndex *names = arena_calloc(types->arena, enumeration->n_value, sizeof(*names));
  for (size_t i = 0; i < enumeration->n_value; i++) {
    const Google__Protobuf__EnumValueDescriptorProto *value = enumeration->value[i];
    const ProtobufCEnumValue *place = protobuf_c_enum_descriptor_get_value(made, value->number);
    names[i] = (ProtobufCEnumValueIndex){.name = value->name, .index = (unsigned)(place - made->values)};
  }
  if (enumeration->n_value > 0) qsort(names, enumeration->n_value, sizeof(*names), compare_value_names);
  made->values_by_name = names;
  made->n_value_names = (unsigned)enumeration->n_value;
}

static struct status make_enum(struct message_types *types, struct type *type) {
  const Google__Protobuf__EnumDescriptorProto *enumeration = type->enumeration;
  if (enumeration->n_value > MEMBERS_MAX) return invalid(types, type->name, "has more than 1,000 values");
  ProtobufCEnumValue *values = arena_calloc(types->arena, enumeration->n_value, sizeof(*values));
  for (size_t i = 0; i < enumeration->n_value; i++) {
    const Google__Protobuf__EnumValueDescriptorProto *value = enumeration->value[i];
    if (!is_name(value->name)) return invalid(types, type->name, "has a value without a name");
    values[i] = (ProtobufCEnumValue){.name = value->name, .c_name = value->name, .value = value->number};
  }
  ProtobufCEnumDescriptor *made = arena_calloc(types->arena, 1, sizeof(*made));
  *made = (ProtobufCEnumDescriptor){.magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,
                                    .name = type->name,
                                    .short_name = type->short_name,
                                    .c_name = type->short_name,
                                    .package_name = type->package,
                                    .values = values};
  made->n_values = sort_values(values, enumeration->n_value);
  int *numbers = arena_calloc(types->arena, made->n_values, sizeof(*numbers));
  for (unsigned i = 0; i < made->n_values; i++) numbers[i] = values[i].value;
  made->value_ranges = ranges_of(types->arena, numbers, made->n_values, &made->n_value_ranges);
  index_names(types, enumeration, made);
  type->enum_descriptor = made;
  return status_ok();
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

static bool field_type(Google__Protobuf__FieldDescriptorProto__Type type, ProtobufCType *ret_type) {
  static const struct {
    Google__Protobuf__FieldDescriptorProto__Type proto;
    ProtobufCType c;
  } pairs[] = {
      {TYPE(DOUBLE), PROTOBUF_C_TYPE_DOUBLE},     {TYPE(FLOAT), PROTOBUF_C_TYPE_FLOAT},
      {TYPE(INT64), PROTOBUF_C_TYPE_INT64},       {TYPE(UINT64), PROTOBUF_C_TYPE_UINT64},
      {TYPE(INT32), PROTOBUF_C_TYPE_INT32},       {TYPE(FIXED64), PROTOBUF_C_TYPE_FIXED64},
      {TYPE(FIXED32), PROTOBUF_C_TYPE_FIXED32},   {TYPE(BOOL), PROTOBUF_C_TYPE_BOOL},
      {TYPE(STRING), PROTOBUF_C_TYPE_STRING},     {TYPE(MESSAGE), PROTOBUF_C_TYPE_MESSAGE},
      {TYPE(BYTES), PROTOBUF_C_TYPE_BYTES},       {TYPE(UINT32), PROTOBUF_C_TYPE_UINT32},
      {TYPE(ENUM), PROTOBUF_C_TYPE_ENUM},         {TYPE(SFIXED32), PROTOBUF_C_TYPE_SFIXED32},
      {TYPE(SFIXED64), PROTOBUF_C_TYPE_SFIXED64}, {TYPE(SINT32), PROTOBUF_C_TYPE_SINT32},
      {TYPE(SINT64), PROTOBUF_C_TYPE_SINT64},
  };
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    if (pairs[i].proto != type) continue;
    *ret_type = pairs[i].c;
    return true;
  }
  return false;
}

/* Types that other code knows by their descriptors. */
static const ProtobufCMessageDescriptor *compiled_type(const char *name) {
  static const ProtobufCMessageDescriptor *const compiled[] = {&google__protobuf__timestamp__descriptor,
                                                               &google__protobuf__duration__descriptor,
                                                               &google__protobuf__field_mask__descriptor};
  for (size_t i = 0; i < sizeof(compiled) / sizeof(compiled[0]); i++) {
    if (strcmp(compiled[i]->name, name) == 0) return compiled[i];
  }
  return NULL;
}

/* A message's descriptor, which is filled later, so that messages may be within each other. */
static const ProtobufCMessageDescriptor *promise_message(struct message_types *types, struct type *type) {
  const ProtobufCMessageDescriptor *compiled = compiled_type(type->name);
  if (compiled) return compiled;
  if (type->message_descriptor) return type->message_descriptor;
  type->message_descriptor = arena_calloc(types->arena, 1, sizeof(*type->message_descriptor));
  type->next = types->queue;
  types->queue = type;
  return type->message_descriptor;
}

/* The descriptor that a field's type has, NULL for scalars. */
static struct status refer(struct message_types *types, const char *of, const char *name, ProtobufCType kind,
                           const void **ret_descriptor) {
  if (kind != PROTOBUF_C_TYPE_MESSAGE && kind != PROTOBUF_C_TYPE_ENUM) return status_ok();
  struct type *type = name && *name == '.' ? find_type(types, name + 1) : NULL;
  if (!type || (kind == PROTOBUF_C_TYPE_MESSAGE) != (type->message != NULL)) {
    return invalid(types, of, "has a field whose type is not in the set");
  }
  if (kind == PROTOBUF_C_TYPE_MESSAGE) {
    *ret_descriptor = promise_message(types, type);
    return status_ok();
  }
  struct status status = type->enum_descriptor ? status_ok() : make_enum(types, type);
  *ret_descriptor = type->enum_descriptor;
  return status;
}

/* Where the fields of a message are in its struct. */
struct layout {
  unsigned size;
  unsigned *oneofs; /* where each has its case, and its value behind that; 0 if it has no member yet */
};

static unsigned take_room(struct layout *layout, size_t size) {
  unsigned offset = layout->size;
  layout->size += (unsigned)size;
  return offset;
}

enum { WORD = 8, VALUE_MAX = sizeof(ProtobufCBinaryData) };
_Static_assert(sizeof(ProtobufCMessage) % WORD == 0 && VALUE_MAX % WORD == 0, "all fields are aligned");

static void place_field(struct layout *layout, const Google__Protobuf__FieldDescriptorProto *proto,
                        ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    field->quantifier_offset = take_room(layout, WORD);
    field->offset = take_room(layout, WORD);
  } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    unsigned *oneof = &layout->oneofs[proto->oneof_index];
    if (*oneof == 0) *oneof = take_room(layout, WORD + VALUE_MAX);
    field->quantifier_offset = *oneof;
    field->offset = *oneof + WORD;
  } else {
    bool optional = field->label == PROTOBUF_C_LABEL_OPTIONAL;
    if (optional) field->quantifier_offset = take_room(layout, WORD);
    field->offset = take_room(layout, VALUE_MAX);
    if (field->type == PROTOBUF_C_TYPE_STRING && !optional) field->default_value = protobuf_c_empty_string;
  }
}

static struct status make_field(struct message_types *types, const struct type *type,
                                const Google__Protobuf__FieldDescriptorProto *proto, struct layout *layout,
                                ProtobufCFieldDescriptor *field) {
  bool repeated = proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
  bool one_of = proto->has_oneof_index && !proto->proto3_optional;
  if (!is_name(proto->name) || proto->number < 1 || proto->number > FIELD_NUMBER_MAX) {
    return invalid(types, type->name, "has a field without a name or a number");
  }
  if (one_of && (repeated || proto->oneof_index < 0 || (size_t)proto->oneof_index >= type->message->n_oneof_decl)) {
    return invalid(types, type->name, "has a field of a oneof that there is not");
  }
  *field = (ProtobufCFieldDescriptor){.name = proto->name,
                                      .id = (uint32_t)proto->number,
                                      .label = repeated                 ? PROTOBUF_C_LABEL_REPEATED
                                               : proto->proto3_optional ? PROTOBUF_C_LABEL_OPTIONAL
                                                                        : PROTOBUF_C_LABEL_NONE,
                                      .flags = one_of ? PROTOBUF_C_FIELD_FLAG_ONEOF : 0};
  if (!field_type(proto->type, &field->type)) return invalid(types, type->name, "has a group");
  place_field(layout, proto, field);
  return refer(types, type->name, proto->type_name, field->type, &field->descriptor);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static int compare_fields(const void *left, const void *right) {
  uint32_t a = ((const ProtobufCFieldDescriptor *)left)->id, b = ((const ProtobufCFieldDescriptor *)right)->id;
  return (a > b) - (a < b);
}

static int compare_indexes(const void *left, const void *right, void *fields) {
  const ProtobufCFieldDescriptor *of = fields;
  return strcmp(of[*(const unsigned *)left].name, of[*(const unsigned *)right].name);
}

/* The fields in the two orders in which protobuf-c looks for them. Returns false if one is there twice. */
static bool sort_fields(struct arena *arena, ProtobufCFieldDescriptor *fields, size_t count,
                        ProtobufCMessageDescriptor *made) {
  unsigned *by_name = arena_calloc(arena, count, sizeof(*by_name));
  int *numbers = arena_calloc(arena, count, sizeof(*numbers));
  qsort(fields, count, sizeof(*fields), compare_fields);
  for (size_t i = 0; i < count; i++) {
    by_name[i] = (unsigned)i;
    numbers[i] = (int)fields[i].id;
  }
  qsort_r(by_name, count, sizeof(*by_name), compare_indexes, fields);
  for (size_t i = 1; i < count; i++) {
    if (numbers[i] == numbers[i - 1] || compare_indexes(&by_name[i], &by_name[i - 1], fields) == 0) return false;
  }
  made->n_fields = (unsigned)count;
  made->fields = fields;
  made->fields_sorted_by_name = by_name;
  made->field_ranges = ranges_of(arena, numbers, count, &made->n_field_ranges);
  return true;
}

static struct status fill_message(struct message_types *types, const struct type *type) {
  const Google__Protobuf__DescriptorProto *message = type->message;
  if (message->n_field > MEMBERS_MAX) return invalid(types, type->name, "has more than 1,000 fields");
  ProtobufCFieldDescriptor *fields = arena_calloc(types->arena, message->n_field, sizeof(*fields));
  struct layout layout = {.size = sizeof(ProtobufCMessage)};
  layout.oneofs = arena_calloc(types->arena, message->n_oneof_decl, sizeof(*layout.oneofs));
  for (size_t i = 0; i < message->n_field; i++) {
    struct status status = make_field(types, type, message->field[i], &layout, &fields[i]);
    if (!status_is_ok(status)) return status;
  }
  ProtobufCMessageDescriptor *made = type->message_descriptor;
  *made = (ProtobufCMessageDescriptor){.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                       .name = type->name,
                                       .short_name = type->short_name,
                                       .c_name = type->short_name,
                                       .package_name = type->package,
                                       .sizeof_message = layout.size};
  if (sort_fields(types->arena, fields, message->n_field, made)) return status_ok();
  return invalid(types, type->name, "has a field twice");
}

struct status message_types_make(struct message_types *types, const char *name,
                                 const ProtobufCMessageDescriptor **ret_descriptor) {
  struct type *type = find_type(types, name);
  if (!type || !type->message) return invalid(types, name, "is no message of it");
  const ProtobufCMessageDescriptor *made = promise_message(types, type);
  while (types->queue && status_is_ok(types->status)) {
    struct type *next = types->queue;
    types->queue = next->next;
    fill_message(types, next);
  }
  *ret_descriptor = made;
  return types->status;
}

const Google__Protobuf__FileDescriptorSet *message_types_files(const struct message_types *types) {
  return types->files;
}

struct arena *message_types_arena(const struct message_types *types) {
  return types->arena;
}
