/* SPDX-License-Identifier: Apache-2.0 */
/* Duplicates: which texts of a list are equal. Any thread. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

/* Returns for each text the index of the first one that is equal to it, which is its own if there is none before it.
 * NULL is equal to nothing. The result is in the arena. */
size_t *duplicates_find(struct arena *arena, const char *const *texts, size_t count);
