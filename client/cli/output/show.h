/* SPDX-License-Identifier: Apache-2.0 */
/* Shows messages to people or programs, one as lines of field and value, many as a table, or as JSON. Values are made
 * safe (terminal_text.h); amounts come as money, enum values without their prefix, times as RFC 3339. One thread, since
 * it writes to standard output. */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/* Writes lines of name and value. `fields` ends with NULL; NULL means all. What is empty is left out; a list of
 * messages comes as a table, a text of several lines by itself, both below their names. */
void show_record(struct arena *arena, const void *message, const char *const *fields);

/* Writes a table of the messages' fields, with a line of headings, and nothing if there are no messages. `widths`,
 * zeroed and as many as fields, lets further calls continue the table, without headings and with columns at least as
 * wide as before. NULL means that the table is whole. On a terminal, texts are cut where the lines would not fit, ids
 * last and numbers never; times come without fractions of a second. */
void show_table(struct arena *arena, const void *const *messages, size_t count, const char *const *fields,
                size_t *widths);

/* Returns a field's value in one line, or how many values a list has. Never returns NULL. */
const char *show_value_text(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field);

/* Writes the message as a document of JSON, or as one line. */
void show_json(const void *message);
void show_json_line(const void *message);

/* Does the same with a value, which it takes over. */
void show_json_value(json_t *json);

/* Writes the message's id by itself, and nothing if it has none. */
void show_id(const void *message);
