/* SPDX-License-Identifier: Apache-2.0 */
#include "reservation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"

/* ---- items ------------------------------------------------------------------------------------------------------ */

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

static int compare_items(const void *left, const void *right) {
  return strcmp(((const struct stock_item *)left)->product_id, ((const struct stock_item *)right)->product_id);
}

int64_t stock_items_find(const struct stock_items *items, const char *product_id) {
  const struct stock_item wanted = {.product_id = product_id};
  const struct stock_item *found =
      items->count > 0 ? bsearch(&wanted, items->items, items->count, sizeof wanted, compare_items) : NULL;
  return found ? found->quantity : 0;
}

/* The product that comes first in either, from `b` and `a` on; NULL at the end of both. */
static const char *first_product(const struct stock_items *before, size_t b, const struct stock_items *after,
                                 size_t a) {
  const char *old = b < before->count ? before->items[b].product_id : NULL;
  const char *new = a < after->count ? after->items[a].product_id : NULL;
  if (!old || !new) return old ? old : new;
  return strcmp(old, new) < 0 ? old : new;
}

/* The product's quantity, if it is the one at *at, which is passed then; else 0. */
static int64_t take_quantity(const struct stock_items *items, size_t *at, const char *product_id) {
  if (*at == items->count || strcmp(items->items[*at].product_id, product_id) != 0) return 0;
  return items->items[(*at)++].quantity;
}

struct stock_items stock_items_difference(struct arena *arena, const struct stock_items *before,
                                          const struct stock_items *after) {
  struct stock_items result = {.items = arena_calloc(arena, before->count + after->count, sizeof *result.items)};
  size_t b = 0, a = 0;
  for (const char *product; (product = first_product(before, b, after, a));) {
    int64_t more = -take_quantity(before, &b, product) + take_quantity(after, &a, product);
    if (more != 0) result.items[result.count++] = (struct stock_item){.product_id = product, .quantity = more};
  }
  return result;
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* Ends the text at the first `separator` and returns what is behind it, or the end of the text. */
static char *cut(char *text, char separator) {
  char *end = strchr(text, separator);
  if (!end) return text + strlen(text);
  *end = '\0';
  return end + 1;
}

static size_t count_char(const char *text, char wanted) {
  size_t count = 0;
  for (; (text = strchr(text, wanted)); text++) count++;
  return count;
}

/* Cuts the text up: product ids point into it. */
static struct stock_items items_read(struct arena *arena, char *text) {
  struct stock_items result = {.items = arena_calloc(arena, count_char(text, '='), sizeof *result.items)};
  while (*text) {
    char *item = text;
    text = cut(item, ' ');
    char *quantity = strchr(item, '=');
    if (!quantity) continue;
    *quantity++ = '\0';
    result.items[result.count++] = (struct stock_item){item, strtoll(quantity, NULL, 10)};
  }
  qsort(result.items, result.count, sizeof *result.items, compare_items);
  return result;
}

struct reservation reservation_read(struct arena *arena, const char *text, size_t size) {
  if (!text) return (struct reservation){0};
  char *line = arena_memdup(arena, text, size);
  struct reservation result = {.attempts = arena_calloc(arena, count_char(line, '\n'), sizeof *result.attempts)};
  char *rest = cut(line, '\n');
  result.recorded = items_read(arena, line);
  while (*rest) {
    char *id = rest;
    rest = cut(id, '\n');
    char *expire = cut(id, ' '), *items = cut(expire, ' ');
    result.attempts[result.attempt_count++] =
        (struct attempt){.id = id, .expire_log_time = strtoll(expire, NULL, 10), .items = items_read(arena, items)};
  }
  return result;
}

/* Room enough for a number and what stands beside it, and for the items. */
enum { NUMBER_ROOM = 24 };

static size_t items_room(const struct stock_items *items) {
  size_t room = 1;
  for (size_t i = 0; i < items->count; i++) room += strlen(items->items[i].product_id) + NUMBER_ROOM;
  return room;
}

static char *write_items(char *at, const struct stock_items *items) {
  for (size_t i = 0; i < items->count; i++) {
    const struct stock_item *item = &items->items[i];
    at += sprintf(at, "%s%s=%" PRId64, i ? " " : "", item->product_id, item->quantity);
  }
  return at;
}

const char *reservation_text(struct arena *arena, const struct reservation *reservation) {
  if (reservation->recorded.count == 0 && reservation->attempt_count == 0) return NULL;
  size_t room = items_room(&reservation->recorded);
  for (size_t i = 0; i < reservation->attempt_count; i++) {
    room += strlen(reservation->attempts[i].id) + NUMBER_ROOM + items_room(&reservation->attempts[i].items);
  }
  char *text = arena_alloc(arena, room), *at = text;
  *at = '\0';
  at = write_items(at, &reservation->recorded);
  for (size_t i = 0; i < reservation->attempt_count; i++) {
    const struct attempt *attempt = &reservation->attempts[i];
    at += sprintf(at, "\n%s %" PRId64 " ", attempt->id, attempt->expire_log_time);
    at = write_items(at, &attempt->items);
  }
  return text;
}

/* ---- attempts --------------------------------------------------------------------------------------------------- */

const struct attempt *reservation_attempt(const struct reservation *reservation, const char *attempt_id) {
  for (size_t i = 0; i < reservation->attempt_count; i++) {
    if (strcmp(reservation->attempts[i].id, attempt_id) == 0) return &reservation->attempts[i];
  }
  return NULL;
}

void reservation_open(struct arena *arena, struct reservation *reservation, const struct attempt *attempt) {
  struct attempt *attempts = arena_calloc(arena, reservation->attempt_count + 1, sizeof *attempts);
  if (reservation->attempt_count > 0) {
    memcpy(attempts, reservation->attempts, reservation->attempt_count * sizeof *attempts);
  }
  attempts[reservation->attempt_count++] = *attempt;
  reservation->attempts = attempts;
}

bool reservation_close(struct reservation *reservation, const char *attempt_id) {
  const struct attempt *attempt = reservation_attempt(reservation, attempt_id);
  if (!attempt) return false;
  size_t at = (size_t)(attempt - reservation->attempts), behind = --reservation->attempt_count - at;
  memmove(&reservation->attempts[at], &reservation->attempts[at + 1], behind * sizeof *attempt);
  return true;
}

static void add_items(struct stock_items *all, const struct stock_items *items) {
  if (items->count > 0) memcpy(all->items + all->count, items->items, items->count * sizeof *items->items);
  all->count += items->count;
}

/* Of each product the largest quantity. */
static void keep_largest(struct stock_items *all) {
  qsort(all->items, all->count, sizeof *all->items, compare_items);
  size_t kept = 0;
  for (size_t i = 0; i < all->count; i++) {
    struct stock_item *last = kept > 0 ? &all->items[kept - 1] : NULL;
    if (!last || compare_items(last, &all->items[i]) != 0) {
      all->items[kept++] = all->items[i];
    } else if (all->items[i].quantity > last->quantity) {
      last->quantity = all->items[i].quantity;
    }
  }
  all->count = kept;
}

struct stock_items reservation_held(struct arena *arena, const struct reservation *reservation) {
  size_t room = reservation->recorded.count;
  for (size_t i = 0; i < reservation->attempt_count; i++) room += reservation->attempts[i].items.count;
  struct stock_items all = {.items = arena_calloc(arena, room, sizeof *all.items)};
  add_items(&all, &reservation->recorded);
  for (size_t i = 0; i < reservation->attempt_count; i++) add_items(&all, &reservation->attempts[i].items);
  keep_largest(&all);
  return all;
}
