/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duplicates.h"

#include <stdlib.h>
#include <string.h>

/* A text and its index in the list, to find equal ones by sorting. */
struct place {
  const char *text;
  size_t index;
};

static int compare_places(const void *left, const void *right) {
  const struct place *a = left, *b = right;
  int order = strcmp(a->text, b->text);
  return order ? order : (a->index > b->index) - (a->index < b->index);
}

size_t *duplicates_find(struct arena *arena, const char *const *texts, size_t count) {
  size_t *firsts = arena_calloc(arena, count, sizeof *firsts);
  struct place *places = arena_calloc(arena, count, sizeof *places);
  size_t placed = 0;
  for (size_t i = 0; i < count; i++) {
    firsts[i] = i;
    if (texts[i]) places[placed++] = (struct place){.text = texts[i], .index = i};
  }
  qsort(places, placed, sizeof *places, compare_places);
  for (size_t i = 1; i < placed; i++) {
    const struct place *before = &places[i - 1], *place = &places[i];
    if (strcmp(before->text, place->text) == 0) firsts[place->index] = firsts[before->index];
  }
  return firsts;
}
