/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/show.h"

#include <ctype.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "client/cli/output/status_show.h"
#include "client/cli/output/terminal.h"
#include "client/cli/output/terminal_text.h"
#include "message/json_write.h"
#include "money.h"

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

const char *show_value_text(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field) {
  const void *member = message_member(message, field);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return arena_printf(arena, "%zu", list_size(message, field));
  if (!message_is_chosen(message, field)) return "";
  if (is_money(field)) return money_text(arena, *(const int64_t *)member);
  if (field->descriptor == &google__protobuf__timestamp__descriptor) {
    const Google__Protobuf__Timestamp *timestamp = *(Google__Protobuf__Timestamp *const *)member;
    return timestamp ? timestamp_rfc3339(arena, timestamp) : "";
  }
  if (field->descriptor == &google__protobuf__duration__descriptor) {
    const Google__Protobuf__Duration *duration = *(Google__Protobuf__Duration *const *)member;
    return duration ? status_duration_text(arena, duration->seconds * 1000000 + duration->nanos / 1000) : "";
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

/* The text, painted, in a field of so many columns. */
static const char *padded(struct arena *arena, const char *text, enum paint paint, size_t width, bool right) {
  size_t taken = terminal_width(text);
  int padding = taken < width ? (int)(width - taken) : 0;
  const char *painted = terminal_paint(arena, paint, text);
  return right ? arena_printf(arena, "%*s%s", padding, "", painted)
               : arena_printf(arena, "%s%*s", painted, padding, "");
}

/* Words that say how something is going. */
static enum paint paint_of(const ProtobufCFieldDescriptor *field, const char *text) {
  if (field->type != PROTOBUF_C_TYPE_ENUM) return PAINT_PLAIN;
  if (strcmp(text, "SENT") == 0) return PAINT_GOOD;
  if (strcmp(text, "PENDING") == 0) return PAINT_WARNING;
  return strcmp(text, "FAILED") == 0 ? PAINT_BAD : PAINT_PLAIN;
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

enum { GAP = 2, CUT_MIN = 5 }; /* columns between columns; what a text is cut to at most */

struct column {
  const ProtobufCFieldDescriptor *field;
  const char *heading;
  const char **cells;
  size_t width;
};

/* Without fractions where people read: seconds are enough in a list. */
static const char *cell_text(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field) {
  const char *text = show_value_text(arena, message, field);
  size_t second = strlen("2019-01-28T18:21:18");
  bool is_time = field->descriptor == &google__protobuf__timestamp__descriptor;
  if (!is_time || !terminal_is_output() || strlen(text) <= second || text[second] != '.') return text;
  return arena_printf(arena, "%.*sZ", (int)second, text);
}

static struct column make_column(struct arena *arena, const void *const *messages, size_t count, const char *name) {
  const ProtobufCMessage *first = messages[0];
  struct column column = {.field = message_field(first->descriptor, name),
                          .cells = arena_calloc(arena, count, sizeof(*column.cells))};
  char *heading = arena_strdup(arena, field_label(arena, column.field));
  for (char *at = heading; *at; at++) *at = (char)toupper((unsigned char)*at);
  column.heading = heading;
  column.width = terminal_width(heading);
  for (size_t i = 0; i < count; i++) {
    column.cells[i] = cell_text(arena, messages[i], column.field);
    size_t width = terminal_width(column.cells[i]);
    if (width > column.width) column.width = width;
  }
  return column;
}

/* A number that is cut is another number. */
static bool may_be_cut(const struct column *column) {
  return !is_number(column->field) && column->width > CUT_MIN;
}

/* The widest column that may be cut; the first one, which names what the line is about, only with nothing else left. */
static struct column *column_to_cut(struct column *columns, size_t count) {
  struct column *widest = NULL;
  for (size_t i = 1; i < count; i++) {
    if (may_be_cut(&columns[i]) && (!widest || columns[i].width >= widest->width)) widest = &columns[i];
  }
  return widest || !may_be_cut(&columns[0]) ? widest : &columns[0];
}

static void fit_columns(struct column *columns, size_t count) {
  size_t max = terminal_columns(), width = (count - 1) * GAP;
  for (size_t i = 0; i < count; i++) width += columns[i].width;
  while (max > 0 && width > max) {
    struct column *column = column_to_cut(columns, count);
    if (!column) return;
    column->width--;
    width--;
  }
}

/* No spaces at the end of the line. */
static void print_row(struct arena *arena, const struct column *columns, size_t width, const char *const *cells,
                      bool heading) {
  char *line = arena_strdup(arena, "");
  for (size_t i = 0; i < width; i++) {
    const struct column *column = &columns[i];
    const char *text =
        terminal_columns() > 0 && !is_number(column->field) ? terminal_cut(arena, cells[i], column->width) : cells[i];
    enum paint paint = heading ? PAINT_HEADING : paint_of(column->field, cells[i]);
    const char *cell = padded(arena, text, paint, column->width, is_number(column->field));
    line = arena_printf(arena, "%s%*s%s", line, i > 0 ? GAP : 0, "", cell);
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
  }
  fit_columns(columns, width);
  for (size_t i = 0; i < width; i++) widths[i] = columns[i].width;
  const char **row = arena_calloc(arena, width, sizeof(*row));
  for (size_t i = 0; i < width; i++) row[i] = columns[i].heading;
  if (begins) print_row(arena, columns, width, row, true);
  for (size_t at = 0; at < count; at++) {
    for (size_t i = 0; i < width; i++) row[i] = columns[i].cells[at];
    print_row(arena, columns, width, row, false);
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
  printf("\n%s\n", terminal_paint(arena, PAINT_HEADING, field_label(arena, field)));
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
  printf("\n%s\n%s\n", terminal_paint(arena, PAINT_HEADING, field_label(arena, field)),
         terminal_lines(arena, *(char *const *)message_member(message, field)));
}

static size_t label_width(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                          const char *const *fields) {
  size_t max = 0;
  for (; *fields; fields++) {
    size_t width = strlen(field_label(arena, message_field(descriptor, *fields)));
    if (width > max) max = width;
  }
  return max;
}

void show_record(struct arena *arena, const void *message, const char *const *fields) {
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)message)->descriptor;
  if (!fields) fields = all_fields(arena, descriptor);
  size_t width = label_width(arena, descriptor, fields);
  for (size_t i = 0; fields[i]; i++) {
    const ProtobufCFieldDescriptor *field = message_field(descriptor, fields[i]);
    if (stands_alone(message, field) || field->label == PROTOBUF_C_LABEL_REPEATED) continue;
    const char *value = show_value_text(arena, message, field);
    if (!*value) continue;
    const char *label = padded(arena, field_label(arena, field), PAINT_FAINT, width, false);
    printf("%s  %s\n", label, terminal_paint(arena, paint_of(field, value), value));
  }
  for (size_t i = 0; fields[i]; i++) {
    const ProtobufCFieldDescriptor *field = message_field(descriptor, fields[i]);
    if (stands_alone(message, field)) show_alone(arena, message, field);
  }
}

/* jansson prints piece by piece; whoever ends the program meanwhile waits for the end of it. */
static void print_json(json_t *json, size_t flags) {
  flockfile(stdout);
  json_dumpf(json, stdout, flags);
  putchar('\n');
  funlockfile(stdout);
  json_decref(json);
}

void show_json_value(json_t *json) {
  print_json(json, JSON_INDENT(2));
}

void show_json(const void *message) {
  print_json(json_of_message(message), JSON_INDENT(2));
}

void show_json_line(const void *message) {
  print_json(json_of_message(message), JSON_COMPACT);
}

void show_id(const void *message) {
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)message)->descriptor;
  if (protobuf_c_message_descriptor_get_field_by_name(descriptor, "id")) puts(message_text(message, "id"));
}
