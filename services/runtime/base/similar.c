/* SPDX-License-Identifier: Apache-2.0 */
#include "base/similar.h"

#include <stdbool.h>
#include <string.h>

enum { LETTERS_MAX = 64 }; /* nothing longer is looked at */

static size_t min(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Optimal string alignment distance; `table` has (right_size + 1) columns. */
static size_t distance(size_t *table, const char *left, size_t left_size, const char *right, size_t right_size) {
  size_t width = right_size + 1;
  for (size_t j = 0; j <= right_size; j++) table[j] = j;
  for (size_t i = 1; i <= left_size; i++) {
    size_t *row = table + i * width;
    row[0] = i;
    for (size_t j = 1; j <= right_size; j++) {
      size_t change = row[j - 1 - width] + (left[i - 1] != right[j - 1]);
      row[j] = min(change, min(row[j - width], row[j - 1]) + 1);
      bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) row[j] = min(row[j], row[j - 2 - 2 * width] + 1);
    }
  }
  return table[left_size * width + right_size];
}

const char *similar_word(struct arena *arena, const char *word, const char *const *words) {
  size_t size = strlen(word), best = size / 3 > 1 ? size / 3 + 1 : 2;
  if (size == 0 || size > LETTERS_MAX) return NULL;
  size_t *table = arena_calloc(arena, (LETTERS_MAX + 1) * (LETTERS_MAX + 1), sizeof(*table));
  const char *found = NULL;
  for (; *words; words++) {
    size_t other = strlen(*words);
    if (other > LETTERS_MAX) continue;
    size_t found_distance = distance(table, word, size, *words, other);
    if (found_distance >= best || found_distance >= size) continue;
    best = found_distance;
    found = *words;
  }
  return found;
}
