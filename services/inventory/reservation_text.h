/* SPDX-License-Identifier: Apache-2.0 */
/* Reservation text: products and quantities as the texts that stock.lua keeps. Pure logic, in an arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct stock_item {
  const char *product_id; /* canonical */
  int64_t quantity;
};

/* Each product once, by product id. */
struct stock_items {
  struct stock_item *items;
  size_t count;
};

/* Counts product ids, one per unit, in any form and order. */
struct stock_items stock_items_of(struct arena *arena, char *const *product_ids, size_t count);

/* Returns "<product>=<quantity> ...", which is the same for the same items. */
const char *stock_items_text(struct arena *arena, const struct stock_items *items);

/* The text of an open attempt's items in a reservation, or NULL. `reservation` may be NULL if there is none. */
const char *reservation_attempt(struct arena *arena, const char *reservation, const char *attempt_id);

/* A set of product ids. It is empty if all but the arena is zero. */
struct product_set {
  struct arena *arena;
  const char **ids;
  size_t count, room;
};

/* Adds every product that an items' or a reservation's text names; NULL adds none. */
void product_set_add(struct product_set *set, const char *text);

/* Sorts it and removes duplicates. */
void product_set_finish(struct product_set *set);
