/* SPDX-License-Identifier: Apache-2.0 */
/* The word that somebody may have meant. Any thread. */
#pragma once

#include "base/arena.h"

/* Returns the one of `words` (which ends with NULL) that is nearest to `word`, by letters changed, added, left out or
 * swapped with their neighbour; NULL if none is near: at most a third of its letters may differ. */
const char *similar_word(struct arena *arena, const char *word, const char *const *words);
