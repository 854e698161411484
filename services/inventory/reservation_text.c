/* SPDX-License-Identifier: Apache-2.0 */
#include "reservation_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"

static int compare_texts(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

struct stock_items stock_items_of(struct arena *arena, char *const *product_ids, size_t count) {
  const char **ids = arena_calloc(arena, count, sizeof *ids);
  for (size_t i = 0; i < count; i++) {
    const char *canonical = uuid_canonical(arena, product_ids[i]);
    ids[i] = canonical ? canonical : product_ids[i];
  }
  qsort(ids, count, sizeof *ids, compare_texts);

  struct stock_items result = {.items = arena_calloc(arena, count, sizeof *result.items)};
  for (size_t i = 0; i < count; i++) {
    bool is_new = i == 0 || strcmp(ids[i], ids[i - 1]) != 0;
    if (is_new) result.items[result.count++].product_id = ids[i];
    result.items[result.count - 1].quantity++;
  }
  return result;
}

const char *stock_items_text(struct arena *arena, const struct stock_items *items) {
  enum { QUANTITY_SIZE = 24 };
  size_t room = 1;
  for (size_t i = 0; i < items->count; i++) room += strlen(items->items[i].product_id) + QUANTITY_SIZE;
  char *text = arena_alloc(arena, room);
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < items->count; i++) {
    const struct stock_item *item = &items->items[i];
    used += (size_t)snprintf(text + used, room - used, "%s%s=%" PRId64, i ? " " : "", item->product_id, item->quantity);
  }
  return text;
}

const char *reservation_attempt(struct arena *arena, const char *reservation, const char *attempt_id) {
  size_t id_size = strlen(attempt_id);
  const char *line = reservation ? strchr(reservation, '\n') : NULL;
  for (; line; line = strchr(line + 1, '\n')) {
    const char *rest = line + 1;
    if (strncmp(rest, attempt_id, id_size) != 0 || rest[id_size] != ' ') continue;
    const char *items = strchr(rest + id_size + 1, ' ');
    return items ? arena_memdup(arena, items + 1, strcspn(items + 1, "\n")) : NULL;
  }
  return NULL;
}

static void product_set_put(struct product_set *set, const char *id) {
  if (set->count == set->room) {
    size_t room = set->room ? 2 * set->room : 16;
    const char **ids = arena_calloc(set->arena, room, sizeof *ids);
    if (set->count) memcpy(ids, set->ids, set->count * sizeof *ids);
    set->ids = ids;
    set->room = room;
  }
  set->ids[set->count++] = id;
}

void product_set_add(struct product_set *set, const char *text) {
  if (!text) return;
  for (const char *equals = strchr(text, '='); equals; equals = strchr(equals + 1, '=')) {
    const char *start = equals;
    while (start > text && start[-1] != ' ' && start[-1] != '\n') start--;
    product_set_put(set, arena_memdup(set->arena, start, (size_t)(equals - start)));
  }
}

void product_set_finish(struct product_set *set) {
  if (set->count == 0) return;
  qsort(set->ids, set->count, sizeof *set->ids, compare_texts);
  size_t kept = 1;
  for (size_t i = 1; i < set->count; i++) {
    if (strcmp(set->ids[i], set->ids[kept - 1]) != 0) set->ids[kept++] = set->ids[i];
  }
  set->count = kept;
}
