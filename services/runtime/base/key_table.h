/* SPDX-License-Identifier: Apache-2.0 */
/* Key table: texts and a pointer for each, in an arena. One owner, one thread. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

struct key_table;

struct key_table *key_table_new(struct arena *arena);

/* Returns the place of the key's value, for reading and setting; a new key is copied and starts with NULL. The place is
 * valid until the next call. */
void **key_table_at(struct key_table *table, const char *key);

/* Returns the key's value, or NULL if there is none. */
void *key_table_find(const struct key_table *table, const char *key);

size_t key_table_count(const struct key_table *table);
