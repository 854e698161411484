/* SPDX-License-Identifier: Apache-2.0 */
/* Shows dead letters on standard output, as `ordershop dead-letter` does. One thread. */
#pragma once

#include <ordershop/v1/dead_letter.pb-c.h>
#include <stddef.h>

#include "client/cli/events/type_search.h"

/* A key of a service. */
struct dead_letter_row {
  const char *service;
  const Ordershop__V1__DeadLetterKey *key;
};

/* Write keys: as a table, nothing if there are none, or as JSON, a line each. */
void dead_letter_show_table(struct arena *arena, const struct dead_letter_row *rows, size_t count);
void dead_letter_show_json(const struct dead_letter_row *rows, size_t count);

/* Write one with its body, as a record or a line of JSON. `types` is where the body's type is looked for. */
void dead_letter_show_record(struct arena *arena, struct type_search *types,
                             const Ordershop__V1__DeadLetter *dead_letter);
void dead_letter_show_json_line(struct arena *arena, struct type_search *types,
                                const Ordershop__V1__DeadLetter *dead_letter);
