/* SPDX-License-Identifier: Apache-2.0 */
#include "service/type_changes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/key_table.h"
#include "service/type_set.h"

enum { LINES_MAX = 20 };

typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__FileDescriptorSet file_set;

#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

struct comparison {
  struct arena *arena;
  const file_set *before, *now;
  struct key_table *compared; /* types, by name: a message may be within itself */
  const char *lines;
  size_t count;
};

static void tell(struct comparison *comparison, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct comparison *comparison, const char *type, const char *format, ...) {
  comparison->count++;
  if (comparison->count > LINES_MAX) return;
  va_list values;
  va_start(values, format);
  const char *what = arena_vprintf(comparison->arena, format, values);
  va_end(values);
  comparison->lines = arena_printf(comparison->arena, "%s\n  %s: %s", comparison->lines, type, what);
}

/* ---- how a field is told ---------------------------------------------------------------------------------------- */

static const char *type_of(const field_proto *field) {
  static const char *const names[] = {NULL,      "double",   "float",    "int64",  "uint64",  "int32", "fixed64",
                                      "fixed32", "bool",     "string",   "group",  "message", "bytes", "uint32",
                                      "enum",    "sfixed32", "sfixed64", "sint32", "sint64"};
  if (field->type_name) return field->type_name + (*field->type_name == '.');
  size_t type = (size_t)field->type;
  return type > 0 && type < sizeof names / sizeof *names ? names[type] : "?";
}

static bool is_repeated(const field_proto *field) {
  return field->label == LABEL(REPEATED);
}

/* "" for a field that is in none; proto3 makes one of its own for `optional`. */
static const char *oneof_of(const message_proto *message, const field_proto *field) {
  if (!field->has_oneof_index || (field->has_proto3_optional && field->proto3_optional)) return "";
  size_t index = (size_t)field->oneof_index;
  return index < message->n_oneof_decl ? message->oneof_decl[index]->name : "?";
}

static const char *json_name(const field_proto *field) {
  return field->json_name ? field->json_name : field->name;
}

/* "repeated note.v1.Line lines", "string text in the oneof body" */
static const char *shown(struct arena *arena, const message_proto *message, const field_proto *field) {
  const char *oneof = oneof_of(message, field);
  return arena_printf(arena, "%s%s %s%s%s", is_repeated(field) ? "repeated " : "", type_of(field), field->name,
                      *oneof ? " in the oneof " : "", oneof);
}

/* ---- enums ------------------------------------------------------------------------------------------------------ */

static bool enum_reserves(const enum_proto *type, int32_t number) {
  for (size_t i = 0; i < type->n_reserved_range; i++) {
    if (type->reserved_range[i]->start <= number && number <= type->reserved_range[i]->end) return true;
  }
  return false;
}

/* A number may have several names, of which the former one must be there still. */
static void compare_value(struct comparison *comparison, const char *name, const enum_proto *now,
                          const Google__Protobuf__EnumValueDescriptorProto *value) {
  const char *other = NULL;
  for (size_t i = 0; i < now->n_value; i++) {
    if (now->value[i]->number != value->number) continue;
    if (strcmp(now->value[i]->name, value->name) == 0) return;
    other = now->value[i]->name;
  }
  if (other) {
    tell(comparison, name, "value %d was %s, is %s", value->number, value->name, other);
  } else if (!enum_reserves(now, value->number)) {
    tell(comparison, name, "value %d was %s, is gone and not reserved", value->number, value->name);
  }
}

static void compare_enum(struct comparison *comparison, const char *name) {
  const enum_proto *before = type_set_enum(comparison->before, name), *now = type_set_enum(comparison->now, name);
  if (!before || !now) return; /* its field has another type, then */
  for (size_t i = 0; i < before->n_value; i++) compare_value(comparison, name, now, before->value[i]);
  for (size_t i = 0; i < before->n_reserved_range; i++) {
    int64_t at = before->reserved_range[i]->start, end = before->reserved_range[i]->end;
    for (size_t j = 0; j < now->n_reserved_range && at <= end; j++) {
      if (now->reserved_range[j]->start > at || now->reserved_range[j]->end < at) continue;
      at = (int64_t)now->reserved_range[j]->end + 1;
      j = (size_t)-1; /* ranges are in no order */
    }
    if (at <= end) tell(comparison, name, "value %lld was reserved, is not", (long long)at);
  }
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static const field_proto *field_at(const message_proto *message, int32_t number) {
  for (size_t i = 0; i < message->n_field; i++) {
    if (message->field[i]->number == number) return message->field[i];
  }
  return NULL;
}

/* The first number from `at` on, below `end`, that the message does not reserve; `end` if there is none. */
static int32_t first_unreserved(const message_proto *message, int32_t at, int32_t end) {
  for (size_t i = 0; i < message->n_reserved_range && at < end; i++) {
    const Google__Protobuf__DescriptorProto__ReservedRange *range = message->reserved_range[i];
    if (range->start > at || range->end <= at) continue;
    at = range->end;
    i = (size_t)-1; /* ranges are in no order */
  }
  return at < end ? at : end;
}

static bool is_same(const message_proto *before, const field_proto *was, const message_proto *now,
                    const field_proto *is) {
  return was->type == is->type && strcmp(type_of(was), type_of(is)) == 0 && is_repeated(was) == is_repeated(is) &&
         strcmp(json_name(was), json_name(is)) == 0 && strcmp(oneof_of(before, was), oneof_of(now, is)) == 0;
}

static void compare_message(struct comparison *comparison, const char *name);

static void compare_field(struct comparison *comparison, const char *name, const message_proto *before,
                          const field_proto *was, const message_proto *now) {
  struct arena *arena = comparison->arena;
  const field_proto *is = field_at(now, was->number);
  if (!is) {
    if (first_unreserved(now, was->number, was->number + 1) == was->number)
      tell(comparison, name, "field %d was %s, is gone and not reserved", was->number, shown(arena, before, was));
  } else if (!is_same(before, was, now, is)) {
    tell(comparison, name, "field %d was %s, is %s", was->number, shown(arena, before, was), shown(arena, now, is));
  } else if (was->type_name) {
    compare_message(comparison, type_of(was));
  }
}

static void compare_new_field(struct comparison *comparison, const char *name, const message_proto *before,
                              const message_proto *now, const field_proto *field) {
  const field_proto *was = field_at(before, field->number);
  if (field->label == LABEL(REQUIRED) && !(was && was->label == LABEL(REQUIRED))) {
    tell(comparison, name, "field %d, %s, is required, which stored events may lack", field->number,
         shown(comparison->arena, now, field));
  }
}

static void compare_reserved(struct comparison *comparison, const char *name, const message_proto *before,
                             const message_proto *now) {
  for (size_t i = 0; i < before->n_reserved_range; i++) {
    int32_t end = before->reserved_range[i]->end;
    int32_t free = first_unreserved(now, before->reserved_range[i]->start, end);
    if (free == end) continue;
    const field_proto *field = field_at(now, free);
    tell(comparison, name, "field %d was reserved, is %s", free, field ? shown(comparison->arena, now, field) : "not");
  }
}

static void compare_message(struct comparison *comparison, const char *name) {
  void **compared = key_table_at(comparison->compared, name);
  if (*compared) return;
  *compared = comparison;
  const message_proto *before = type_set_message(comparison->before, name),
                      *now = type_set_message(comparison->now, name);
  if (!before) {
    compare_enum(comparison, name);
  } else if (!now) {
    tell(comparison, name, "is gone");
  } else {
    for (size_t i = 0; i < before->n_field; i++) compare_field(comparison, name, before, before->field[i], now);
    for (size_t i = 0; i < now->n_field; i++) compare_new_field(comparison, name, before, now, now->field[i]);
    compare_reserved(comparison, name, before, now);
  }
}

const char *type_changes(struct arena *arena, const char *message, const file_set *before, const file_set *now) {
  struct comparison comparison = {
      .arena = arena, .before = before, .now = now, .compared = key_table_new(arena), .lines = ""};
  compare_message(&comparison, message);
  if (comparison.count <= LINES_MAX) return comparison.lines;
  return arena_printf(arena, "%s\n  and %zu more", comparison.lines, comparison.count - LINES_MAX);
}
