/* SPDX-License-Identifier: Apache-2.0 */
/* Stock: what orders hold of each product, a lease in log time. Each change is one step (stock_change.h).
 *
 * A reservation belongs to an order and consists of its recorded items, those of the order's last event, and of open
 * attempts to record it anew. Of each product the order holds the largest quantity among them: so tries that compete or
 * repeat never hold twice what only one of them can win. A reservation is closed by the order's events, by
 * stock_release or by expiring (reservation_settlement.h, reservation_expiry.h); what is given back comes from the
 * reservation, never from an event, so nothing is given back twice. Everything changes amount and reserved_amount of
 * the inventories by the same number, with an inventory_updated event each; only stock_adjust changes their sum.
 *
 *   inventory_reservation:<order id>   String: the order's reservation
 *   inventory_attempts                 Sorted set: "<order id> <attempt id>" by expire time
 *
 * Threads: the loop's. All functions but stock_new yield. Errors, beside those named: as
 * redis_command; an effect is then unknown, unless the code is RESOURCE_EXHAUSTED. */
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event_store.h"
#include "store/request_record.h"

struct stock;

/* `orders` is where the orders' log lies, by whose log time reservations expire: `store`, or one that only reads. Lives
 * as long as the arena. */
struct stock *stock_new(struct event_store *store, struct event_store *orders, struct arena *arena);

/* To be called before the arena is freed. Changes may still be made. */
void stock_stop(struct stock *stock);

struct stock_reservation {
  const char *order_id, *attempt_id; /* canonical */
  char *const *product_ids;          /* one per unit */
  size_t product_count;
  int64_t expire_log_time;
  bool order_is_new; /* nothing was reserved for it before, as far as the caller knows: it need not be read */
};

/* Opens an attempt: holds what it needs beyond what the order holds already, all of it or nothing. One that is open
 * stays as it is. *ret_position: of what it changed. Errors: FAILED_PRECONDITION OUT_OF_STOCK (metadata product_id,
 * wanted, available: to this order, what it holds already included); ABORTED RESERVATION_EXPIRED: the order events that
 * were applied reach to expire_log_time (metadata log_time and *ret_position: the latest log time known). */
coroutine_fn struct status stock_reserve(struct stock *stock, struct context *context,
                                         const struct stock_reservation *reservation, struct position *ret_position);

/* Closes an attempt and gives back what only it held; an unknown attempt changes nothing. It is never refused for lack
 * of memory. */
coroutine_fn struct status stock_release(struct stock *stock, struct context *context, const char *order_id,
                                         const char *attempt_id, struct position *ret_position);

enum stock_adjustment_kind { STOCK_KEEP, STOCK_ADD, STOCK_SET };

struct stock_adjustment {
  const char *inventory_id;
  const char *product_id; /* where the caller named that; NULL means the inventory */
  enum stock_adjustment_kind change;
  int64_t number;
  int64_t version; /* the one that the inventory must have; 0 means any */
};

enum stock_outcome {
  STOCK_DONE,
  STOCK_REPLAYED,      /* the request was made before: `record` */
  STOCK_MISSING,       /* the product has no stock */
  STOCK_OTHER_VERSION, /* `actual` */
  STOCK_OUT_OF_RANGE,  /* the amount is `actual` and would leave 0 to 10^9 */
};

struct stock_adjusted {
  enum stock_outcome outcome;
  struct position position;
  const void *inventory; /* DONE: as it is now, packed */
  size_t inventory_size;
  const char *record; /* REPLAYED: the request record's value */
  size_t record_size;
  int64_t actual;
};

/* Changes the available amount by or to a number. Without a change there is neither event nor new version. */
coroutine_fn struct status stock_adjust(struct stock *stock, struct context *context,
                                        const struct stock_adjustment *adjustment, const struct request_record *record,
                                        struct stock_adjusted *ret_adjusted);
