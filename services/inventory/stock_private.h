/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind stock.h, reservation_settlement.h and reservation_expiry.h share: keys, and how stock.lua is
 * called. */
#pragma once

#include "loop/coroutine.h"
#include "reservation_text.h"
#include "stock.h"

/* Limits of one call, by which it stays below some milliseconds of Redis' time, whatever is to be done. */
enum { STOCK_EVENTS_MAX = 100, STOCK_CANDIDATES_MAX = 300 };

struct stock {
  struct event_store *store;
  struct redis_library *library;
};

const char *stock_reservation_key(const struct stock *stock, struct arena *arena, const char *order_id);
const char *stock_attempts_key(const struct stock *stock, struct arena *arena);

/* The keys that all functions begin with: clock and stream. */
struct redis_arguments stock_keys(const struct stock *stock, struct arena *arena);

/* The inventories that a change of a reservation may concern: their keys, and in `values` how many, then product, index
 * of the key and event id of each. */
void stock_add_candidates(const struct stock *stock, struct redis_arguments *keys, struct redis_arguments *values,
                          const struct product_set *products);

/* Calls a function and remembers the position that it tells. *ret_answer is the first word of the reply. */
coroutine_fn struct status stock_call(struct stock *stock, struct context *context, const char *function,
                                      const struct redis_arguments *keys, const struct redis_arguments *values,
                                      const struct redis_reply **ret_reply, const char **ret_answer);

/* Reads reservations by `get`, an MGET of their keys: NULL where there is none. */
coroutine_fn struct status stock_read_reservations(struct stock *stock, struct context *context,
                                                   struct redis_arguments *get, const char **ret_reservations);
