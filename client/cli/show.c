#include "client/cli/show.h"

#include <ctype.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "client/cli/money.h"
#include "client/cli/terminal_text.h"
#include "client/json.h"

/* ---- values ----------------------------------------------------------------------------------------------------- */

static bool is_money(const ProtobufCFieldDescriptor *field) {
  size_t size = strlen(field->name);
  return field->type == PROTOBUF_C_TYPE_INT64 && size > 6 && strcmp(field->name + size - 6, "_cents") == 0;
}

static bool is_number(const ProtobufCFieldDescriptor *field) {
  bool plain = field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_INT32;
  return plain || field->label == PROTOBUF_C_LABEL_REPEATED;
}

/* MAIL_STATUS_SENT, of the enum MailStatus -> SENT */
static const char *enum_text(const ProtobufCEnumDescriptor *descriptor, const char *value) {
  const char *at = value;
  for (const char *name = descriptor->short_name; *name; name++) {
    if (isupper((unsigned char)*name) && name != descriptor->short_name && *at++ != '_') return value;
    if (*at++ != toupper((unsigned char)*name)) return value;
  }
  return *at == '_' ? at + 1 : value;
}

static size_t list_size(const void *message, const ProtobufCFieldDescriptor *field) {
  return *(const size_t *)(const void *)((const char *)message + field->quantifier_offset);
}

/* One line; for lists, how many there are. Never NULL. */
static const char *value_text(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field) {
  const void *member = message_member(message, field);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return arena_printf(arena, "%zu", list_size(message, field));
  if (is_money(field)) return money_text(arena, *(const int64_t *)member);
  if (field->descriptor == &google__protobuf__timestamp__descriptor) {
    const Google__Protobuf__Timestamp *timestamp = *(Google__Protobuf__Timestamp *const *)member;
    return timestamp ? timestamp_rfc3339(arena, timestamp) : "";
  }
  const char *text = message_field_text(arena, message, field);
  if (field->type == PROTOBUF_C_TYPE_ENUM) return enum_text(field->descriptor, text);
  return text ? terminal_line(arena, text) : "";
}

/* price_cents -> price */
static const char *field_label(struct arena *arena, const ProtobufCFieldDescriptor *field) {
  size_t size = strlen(field->name) - (is_money(field) ? 6 : 0);
  char *label = arena_memdup(arena, field->name, size);
  for (char *at = label; *at; at++) *at = *at == '_' ? ' ' : *at;
  return label;
}

static const char *padded(struct arena *arena, const char *text, size_t width, bool right) {
  int padding = (int)(width - terminal_width(text));
  return right ? arena_printf(arena, "%*s%s", padding, "", text) : arena_printf(arena, "%s%*s", text, padding, "");
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

struct column {
  const ProtobufCFieldDescriptor *field;
  const char *heading;
  const char **cells;
  size_t width;
};

static struct column make_column(struct arena *arena, const void *const *messages, size_t count, const char *name) {
  const ProtobufCMessage *first = messages[0];
  struct column column = {.field = message_field(first->descriptor, name),
                          .cells = arena_calloc(arena, count, sizeof(*column.cells))};
  char *heading = arena_strdup(arena, field_label(arena, column.field));
  for (char *at = heading; *at; at++) *at = (char)toupper((unsigned char)*at);
  column.heading = heading;
  column.width = terminal_width(heading);
  for (size_t i = 0; i < count; i++) {
    column.cells[i] = value_text(arena, messages[i], column.field);
    size_t width = terminal_width(column.cells[i]);
    if (width > column.width) column.width = width;
  }
  return column;
}

/* No spaces at the end of the line. */
static void print_row(struct arena *arena, const struct column *columns, size_t width, const char *const *cells) {
  char *line = arena_strdup(arena, "");
  for (size_t i = 0; i < width; i++) {
    const char *cell = padded(arena, cells[i], columns[i].width, is_number(columns[i].field));
    line = arena_printf(arena, "%s%s%s", line, i > 0 ? "  " : "", cell);
  }
  size_t size = strlen(line);
  while (size > 0 && line[size - 1] == ' ') size--;
  line[size] = '\0';
  puts(line);
}

void show_table(struct arena *arena, const void *const *messages, size_t count, const char *const *fields,
                size_t *widths) {
  if (count == 0) return;
  size_t width = 0;
  while (fields[width]) width++;
  if (!widths) widths = arena_calloc(arena, width, sizeof(*widths));
  bool begins = widths[0] == 0;
  struct column *columns = arena_calloc(arena, width, sizeof(*columns));
  for (size_t i = 0; i < width; i++) {
    columns[i] = make_column(arena, messages, count, fields[i]);
    if (columns[i].width < widths[i]) columns[i].width = widths[i];
    widths[i] = columns[i].width;
  }
  const char **row = arena_calloc(arena, width, sizeof(*row));
  for (size_t i = 0; i < width; i++) row[i] = columns[i].heading;
  if (begins) print_row(arena, columns, width, row);
  for (size_t at = 0; at < count; at++) {
    for (size_t i = 0; i < width; i++) row[i] = columns[i].cells[at];
    print_row(arena, columns, width, row);
  }
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static const char **all_fields(struct arena *arena, const ProtobufCMessageDescriptor *descriptor) {
  const char **names = arena_calloc(arena, descriptor->n_fields + 1, sizeof(*names));
  for (unsigned i = 0; i < descriptor->n_fields; i++) names[i] = descriptor->fields[i].name;
  return names;
}

static void show_list(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field) {
  void *const *values = *(void *const *const *)message_member(message, field);
  size_t count = list_size(message, field);
  printf("\n%s\n", field_label(arena, field));
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    show_table(arena, (const void *const *)values, count, all_fields(arena, field->descriptor), NULL);
    return;
  }
  for (size_t i = 0; i < count; i++) printf("%s\n", terminal_line(arena, values[i]));
}

static bool stands_alone(const void *message, const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return list_size(message, field) > 0;
  return field->type == PROTOBUF_C_TYPE_STRING && strchr(*(char *const *)message_member(message, field), '\n');
}

static void show_alone(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    show_list(arena, message, field);
    return;
  }
  printf("\n%s\n%s\n", field_label(arena, field),
         terminal_lines(arena, *(char *const *)message_member(message, field)));
}

static size_t label_width(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                          const char *const *fields) {
  size_t most = 0;
  for (; *fields; fields++) {
    size_t width = strlen(field_label(arena, message_field(descriptor, *fields)));
    if (width > most) most = width;
  }
  return most;
}

void show_record(struct arena *arena, const void *message, const char *const *fields) {
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)message)->descriptor;
  if (!fields) fields = all_fields(arena, descriptor);
  size_t width = label_width(arena, descriptor, fields);
  for (size_t i = 0; fields[i]; i++) {
    const ProtobufCFieldDescriptor *field = message_field(descriptor, fields[i]);
    if (stands_alone(message, field) || field->label == PROTOBUF_C_LABEL_REPEATED) continue;
    const char *value = value_text(arena, message, field);
    if (!*value) continue;
    printf("%s  %s\n", padded(arena, field_label(arena, field), width, false), value);
  }
  for (size_t i = 0; fields[i]; i++) {
    const ProtobufCFieldDescriptor *field = message_field(descriptor, fields[i]);
    if (stands_alone(message, field)) show_alone(arena, message, field);
  }
}

void show_json(const void *message) {
  json_t *json = json_of_message(message);
  json_dumpf(json, stdout, JSON_INDENT(2));
  putchar('\n');
  json_decref(json);
}
