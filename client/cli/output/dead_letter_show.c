/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/dead_letter_show.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "client/cli/output/cells.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"
#include "message/json_write.h"

/* ---- keys ------------------------------------------------------------------------------------------------------- */

enum { COLUMNS = 6, REASON_COLUMN = COLUMNS - 1 };
static const char *const headings[COLUMNS] = {"SERVICE", "KEY", "WAITING", "TRIES", "KIND", "REASON"};

static const char *reason_of(const Ordershop__V1__DeadLetterKey *key) {
  if (key->retrying) return "(is being retried)";
  return key->first ? key->first->reason : "(held, without dead letters)";
}

static void fill_row(struct arena *arena, const struct dead_letter_row *row, const char **cells) {
  const Ordershop__V1__DeadLetterKey *key = row->key;
  cells[0] = terminal_line(arena, row->service);
  cells[1] = terminal_line(arena, key->key);
  cells[2] = arena_printf(arena, "%" PRId64, key->waiting);
  cells[3] = arena_printf(arena, "%" PRId64, key->first ? key->first->attempts : 0);
  cells[4] = terminal_line(arena, key->first ? key->first->fingerprint : "-");
  cells[REASON_COLUMN] = terminal_line(arena, reason_of(key));
}

void dead_letter_show_table(struct arena *arena, const struct dead_letter_row *rows, size_t count) {
  const char **cells = arena_calloc(arena, (count + 1) * COLUMNS, sizeof(*cells));
  memcpy(cells, headings, sizeof(headings));
  for (size_t i = 0; i < count; i++) fill_row(arena, &rows[i], cells + (i + 1) * COLUMNS);
  cells_show(arena, cells, count + 1, COLUMNS);
}

static void print_line(json_t *json) {
  json_dumpf(json, stdout, JSON_COMPACT);
  putchar('\n');
  json_decref(json);
}

void dead_letter_show_json(const struct dead_letter_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    json_t *json = json_of_message(rows[i].key);
    json_object_set_new(json, "service", json_string(rows[i].service));
    print_line(json);
  }
}

/* ---- one with its body ------------------------------------------------------------------------------------------ */

/* The body as a message; NULL if its type is not known here. */
static const void *unpack_body(struct arena *arena, struct type_search *types, const Google__Protobuf__Any *body) {
  const char *slash = body ? strrchr(body->type_url, '/') : NULL;
  const char *dot = slash ? strrchr(slash, '.') : NULL;
  if (!dot) return NULL;
  const char *problem;
  const ProtobufCMessageDescriptor *type = type_search_find(types, message_snake_case(arena, dot + 1), &problem);
  if (!type || strcmp(type->name, slash + 1) != 0) return NULL;
  return message_unpack(arena, type, body->value.data, body->value.len);
}

void dead_letter_show_record(struct arena *arena, struct type_search *types,
                             const Ordershop__V1__DeadLetter *dead_letter) {
  static const char *const fields[] = {"id",          "stream",   "event_id",           "event_time",        "reason",
                                       "fingerprint", "attempts", "first_attempt_time", "last_attempt_time", NULL};
  show_record(arena, dead_letter, fields);
  const void *body = unpack_body(arena, types, dead_letter->body);
  putchar('\n');
  if (body) {
    show_record(arena, body, NULL);
  } else if (dead_letter->body) {
    printf("%s, %zu bytes, whose type is not known here\n", terminal_line(arena, dead_letter->body->type_url),
           dead_letter->body->value.len);
  } else {
    printf("%zu bytes that can't be decoded\n", dead_letter->raw_body.len);
  }
  putchar('\n');
}

void dead_letter_show_json_line(struct arena *arena, struct type_search *types,
                                const Ordershop__V1__DeadLetter *dead_letter) {
  json_t *json = json_of_message(dead_letter);
  const void *body = unpack_body(arena, types, dead_letter->body);
  if (body) {
    json_t *decoded = json_of_message(body);
    json_object_set_new(decoded, "@type", json_string(dead_letter->body->type_url));
    json_object_set_new(json, "body", decoded);
  }
  print_line(json);
}
