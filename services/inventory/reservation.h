/* SPDX-License-Identifier: Apache-2.0 */
/* Reservation: what an order holds of each product (stock.h has the rules), and the text that is stored of it:
 *
 *   <items>                        recorded, those of the order's last event
 *   <attempt> <expire> <items>     a line for each open attempt
 *
 * items being "<product>=<quantity>" by product, with blanks between. Pure logic, in an arena. */
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

/* Returns the quantity of a product; 0 if it is not among the items. */
int64_t stock_items_find(const struct stock_items *items, const char *product_id);

/* Returns what `after` has more of each product than `before`, or less, if negative: only products that differ. */
struct stock_items stock_items_difference(struct arena *arena, const struct stock_items *before,
                                          const struct stock_items *after);

struct attempt {
  const char *id; /* canonical */
  int64_t expire_log_time;
  struct stock_items items;
};

struct reservation {
  struct stock_items recorded;
  struct attempt *attempts; /* open ones, in the order in which they were opened */
  size_t attempt_count;
};

/* Reads a stored text, which need not end with a NUL; NULL means that nothing is stored. */
struct reservation reservation_read(struct arena *arena, const char *text, size_t size);

/* Returns the text to be stored, or NULL if nothing is to be: nothing is recorded and no attempt is open. */
const char *reservation_text(struct arena *arena, const struct reservation *reservation);

/* Returns an open attempt, or NULL. */
const struct attempt *reservation_attempt(const struct reservation *reservation, const char *attempt_id);

void reservation_open(struct arena *arena, struct reservation *reservation, const struct attempt *attempt);

/* Closes an attempt. Returns false if it is not open. */
bool reservation_close(struct reservation *reservation, const char *attempt_id);

/* Returns what the order holds: of each product the largest quantity among what is recorded and the open attempts. */
struct stock_items reservation_held(struct arena *arena, const struct reservation *reservation);
