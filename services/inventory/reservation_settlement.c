/* SPDX-License-Identifier: Apache-2.0 */
#include "reservation_settlement.h"

#include <ordershop/v1/order.pb-c.h>
#include <string.h>

#include "base/log.h"
#include "base/uuid.h"
#include "consumer/consumer.h"
#include "consumer/lease.h"
#include "stock_change.h"

/* Limits of one change, by which it stays below some milliseconds of Redis' time, whatever the events are. */
enum { EVENTS_MAX = 100, MOVES_MAX = 300 };

struct settlement {
  const struct event *event;
  int64_t log_time;
  const char *order_id, *attempt_id; /* attempt_id: "" for none */
  struct stock_items items;          /* none: deleted */
};

struct settling {
  struct stock *stock;
  const char *epoch;
  struct settlement *settlements;
  size_t count, done;
  const struct dead_letter *retried; /* what the one event is; NULL if they come from the log */
  /* of one change */
  int fence; /* the guard of the lease's epoch */
  int first; /* that the dead letter is the first of its list; 0 means none */
  size_t applied, moves, shorts;
};

/* Ids are compared as texts. */
static const char *canonical(struct arena *arena, const char *id) {
  const char *result = uuid_canonical(arena, id);
  return result ? result : id;
}

static struct settlement settlement_of(struct arena *arena, const struct event *event) {
  const Ordershop__V1__Order *order = event->entity;
  struct settlement settlement = {.event = event,
                                  .log_time = log_time_of_entry(event->id),
                                  .order_id = canonical(arena, order->id),
                                  .attempt_id = event->attempt_id ? canonical(arena, event->attempt_id) : ""};
  if (strcmp(event->stream, "order_deleted") == 0) return settlement;
  settlement.items = stock_items_of(arena, order->product_ids, order->n_product_ids);
  return settlement;
}

/* Whether the event was applied before. */
static bool is_applied(struct stock_change *change, const struct settling *settling,
                       const struct settlement *settlement) {
  if (settling->retried) return false;
  const char *position = stock_change_position(change, settlement->event->stream);
  return position && log_time_of_entry(position) >= settlement->log_time;
}

/* Asks for what the events need, whatever becomes of them. */
static size_t ask_ahead(struct stock_change *change, const struct settling *settling) {
  size_t max = settling->count - settling->done < EVENTS_MAX ? settling->count - settling->done : EVENTS_MAX;
  for (size_t i = settling->done; i < settling->done + max; i++) {
    (void)is_applied(change, settling, &settling->settlements[i]);
    (void)stock_change_reservation(change, settling->settlements[i].order_id);
  }
  return max;
}

/* What the order really has of the items: all, unless reservations were lost. */
static struct stock_items without(struct arena *arena, const struct stock_items *items,
                                  const struct stock_items *missing) {
  struct stock_items result = {.items = arena_calloc(arena, items->count, sizeof *result.items)};
  for (size_t i = 0; i < items->count; i++) {
    struct stock_item item = items->items[i];
    item.quantity -= stock_items_find(missing, item.product_id);
    if (item.quantity > 0) result.items[result.count++] = item;
  }
  return result;
}

/* Closes the attempt of an order's event and makes the event's items the recorded ones. *ret_fits is false if the
 * change would become too large. */
static struct status settle(struct stock_change *change, struct settling *settling, const struct settlement *settlement,
                            bool *ret_fits) {
  struct arena *arena = change->arena;
  const struct event *event = settlement->event;
  const struct reservation *before = stock_change_reservation(change, settlement->order_id);
  struct reservation after = *before;
  struct stock_items held = reservation_held(arena, before);
  bool closed = reservation_close(&after, settlement->attempt_id);
  after.recorded = settlement->items;
  struct stock_items now = reservation_held(arena, &after), needs = stock_items_difference(arena, &held, &now), missing;
  *ret_fits = settling->applied == 0 || settling->moves + needs.count <= MOVES_MAX;
  if (!*ret_fits) return status_ok();

  const struct event_origin origin = {.cause = event->event_id, .traceparent = event->traceparent};
  struct status status = stock_change_move(change, &needs, &origin, &missing);
  if (!status_is_ok(status)) return status;
  transaction_follow(&change->transaction, settlement->log_time);
  after.recorded = without(arena, &after.recorded, &missing);
  stock_change_reserve(change, settlement->order_id, &after);
  if (closed) {
    transaction_remove_scored(&change->transaction, stock_attempts_key(change->stock, arena),
                              stock_attempt_member(arena, settlement->order_id, settlement->attempt_id));
  }
  settling->moves += needs.count;
  settling->shorts += missing.count;
  return status_ok();
}

static struct status decide_to_settle(struct stock_change *change, void *subject) {
  struct settling *settling = subject;
  const struct event_store *store = change->stock->store;
  settling->applied = settling->moves = settling->shorts = 0;
  change->transaction.frees = true;
  settling->fence =
      transaction_require_value(&change->transaction, lease_epoch_key(store, change->arena), settling->epoch);
  size_t max = ask_ahead(change, settling);
  if (change->lacks) return status_ok();
  for (; settling->applied < max; settling->applied++) {
    const struct settlement *settlement = &settling->settlements[settling->done + settling->applied];
    if (is_applied(change, settling, settlement)) continue;
    bool fits;
    struct status status = settle(change, settling, settlement, &fits);
    if (!status_is_ok(status) || !fits) return status;
    if (settling->retried) {
      settling->first = dead_letter_take(&change->transaction, settling->retried);
    } else {
      stock_change_set_position(change, settlement->event->stream, settlement->event->id);
    }
  }
  return status_ok();
}

coroutine_fn struct status reservations_settle(struct stock *stock, struct context *context, const char *epoch,
                                               const struct event *const *events, size_t count,
                                               const struct dead_letter *retried) {
  struct arena *arena = context->arena;
  struct settling settling = {.stock = stock, .epoch = epoch, .count = count, .retried = retried};
  settling.settlements = arena_calloc(arena, count, sizeof *settling.settlements);
  for (size_t i = 0; i < count; i++) settling.settlements[i] = settlement_of(arena, events[i]);

  while (settling.done < count) {
    struct stock_changed changed;
    struct status status = stock_change_run(stock, context, decide_to_settle, &settling, &changed);
    if (!status_is_ok(status)) return status;
    if (changed.refused_by == settling.fence) return lease_lost(arena);
    if (settling.first > 0 && changed.refused_by == settling.first) return status_ok();
    if (settling.shorts > 0) {
      log_event(LOG_ERROR, "orders were recorded without their stock", "products", log_number((int64_t)settling.shorts),
                NULL);
    }
    settling.done += settling.applied;
  }
  return status_ok();
}
