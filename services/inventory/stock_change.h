/* SPDX-License-Identifier: Apache-2.0 */
/* Stock change: a change of reservations and inventories that is decided here, on what is stored or has just been sent
 * (store/newest_states.h), and committed by one transaction that requires that all it was decided on is still so. If it
 * is not, the change is decided anew (tests/model/stock_commit.py).
 *
 * A decision asks for what it needs and then says what becomes of it. What is not known yet (NULL) is read when it
 * returns, and it runs again: it must keep nothing of a run that lacked something, and asks for as much as it can in
 * each run. A decision that changes nothing (a refusal) is committed, too, so that it was right at that moment.
 * Threads: the loop's. */
#pragma once

#include <ordershop/v1/inventory.pb-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "reservation.h"
#include "stock.h"
#include "stock_precedence.h"
#include "store/event.h"
#include "store/newest_states.h"
#include "store/transaction.h"

struct stock {
  struct event_store *store;
  struct event_store *orders; /* where the orders' log lies; the same, if they share a Redis */
  struct newest_states *newest;
  struct stock_precedence *precedence;
  bool stuck;        /* the log was told that attempts can't expire */
  uint64_t *expired; /* counts attempts that have */
};

struct stock_thing;

/* One try. */
struct stock_change {
  struct stock *stock;
  struct arena *arena;            /* of the try: nothing in it outlives that */
  struct transaction transaction; /* takes guards and changes of the decision's own */
  bool lacks;                     /* something that was asked for is not known yet */
  /* private */
  struct newest_command *newest;
  bool insists; /* other processes have been quicker for so long that they are to wait */
  struct key_table *reservations, *inventories, *positions; /* stock_thing by order, inventory, stream */
  struct key_table *inventory_ids;                          /* by product */
  struct stock_thing *first, **last;
};

/* Must not yield. A guard that it adds to the transaction ends the change if it is refused. An error ends it, too. */
typedef struct status stock_decision(struct stock_change *change, void *subject);

/* What has become of a change. */
struct stock_changed {
  int refused_by;           /* a guard of the decision's own; 0 means that all held */
  bool replayed;            /* the request record was there already: `record` */
  struct position position; /* of the last event; log_time is 0 without events */
  const char *record;
  size_t record_size;
};

/* Decides and commits. Yields. Errors: what the decision answers; DEADLINE_EXCEEDED (CONTENDED: others were quicker
 * until the deadline; DEADLINE_EXCEEDED: those before it were not answered), nothing was done; as transaction_run. */
coroutine_fn struct status stock_change_run(struct stock *stock, struct context *context, stock_decision *decide,
                                            void *subject, struct stock_changed *ret_changed);

/* An order's reservation, for reading; NULL if it is not known yet. */
const struct reservation *stock_change_reservation(struct stock_change *change, const char *order_id);

/* Takes it for granted, unless something is known of it, that nothing is reserved for the order: if it is not so, the
 * change is refused and decided anew. */
void stock_change_presume_no_reservation(struct stock_change *change, const char *order_id);

/* Makes it another one, without moving any stock. */
void stock_change_reserve(struct stock_change *change, const char *order_id, const struct reservation *reservation);

/* The id of a product's inventory, as inventory_id. */
const char *stock_change_inventory_id(struct stock_change *change, const char *product_id);

/* An inventory, for reading; *ret_inventory is NULL if it is not known yet, or if there is none (*ret_known). Errors:
 * DATA_LOSS ENTITY_UNDECODABLE. */
struct status stock_change_inventory(struct stock_change *change, const char *inventory_id, bool *ret_known,
                                     const Ordershop__V1__Inventory **ret_inventory);

/* Gives an inventory that is known other amounts: its next version, with an event. */
void stock_change_amounts(struct stock_change *change, const char *inventory_id, int64_t amount,
                          int64_t reserved_amount, const struct event_origin *origin);

/* Moves `need` units of each product out of the amount and into what orders hold, or back if it is negative, as far as
 * there are any. *ret_short, which may be NULL: what could not be moved of what was needed. Errors: as
 * stock_change_inventory. */
struct status stock_change_move(struct stock_change *change, const struct stock_items *needs,
                                const struct event_origin *origin, struct stock_items *ret_short);

/* The stored position of a stream (consumer_position_key), an entry id; NULL if it is not known yet, or there is none.
 */
const char *stock_change_position(struct stock_change *change, const char *stream);
void stock_change_set_position(struct stock_change *change, const char *stream, const char *entry_id);

/* `inventory_attempts`, and a member of it. */
const char *stock_attempts_key(const struct stock *stock, struct arena *arena);
const char *stock_attempt_member(struct arena *arena, const char *order_id, const char *attempt_id);
