/* SPDX-License-Identifier: Apache-2.0 */
#include "reservation_settlement.h"

#include <ordershop/v1/order.pb-c.h>
#include <string.h>

#include "base/log.h"
#include "base/uuid.h"
#include "consumer/consumer.h"
#include "consumer/lease.h"
#include "shop_reasons.h"
#include "stock_private.h"

enum { TRIES = 20 };

static const char *const streams[] = {"order_created", "order_updated", "order_deleted"};
enum { CREATED, UPDATED, DELETED, STREAMS };

/* Others were quicker each time: the consumer begins the page again. */
static struct status contended(struct arena *arena, const char *order_id) {
  return status_error(arena, STATUS_ABORTED, reason_stock_contended, "the stock of order %s is being changed by others",
                      order_id);
}

/* An event as stock.lua takes it. */
struct settlement {
  const struct event *event;
  int stream;
  const char *order_id, *attempt_id; /* attempt_id: NULL for none */
  const char *items;                 /* text; "" for deleted */
  const char *reservation;           /* as it was read, or NULL */
};

struct settling {
  struct stock *stock;
  struct context *context;
  const char *epoch;
  struct settlement *settlements;
  size_t count, done;
  /* The candidates are known. An order_created mostly finds the very items that its attempt holds and moves nothing, so
   * it is first tried without. */
  bool informed;
};

/* Ids are compared as texts. */
static const char *canonical(struct arena *arena, const char *id) {
  const char *result = uuid_canonical(arena, id);
  return result ? result : id;
}

static struct settlement settlement_of(struct arena *arena, const struct event *event) {
  const Ordershop__V1__Order *order = event->entity;
  struct settlement settlement = {.event = event, .order_id = canonical(arena, order->id), .items = ""};
  if (event->attempt_id) settlement.attempt_id = canonical(arena, event->attempt_id);
  while (settlement.stream < DELETED && strcmp(event->stream, streams[settlement.stream]) != 0) settlement.stream++;
  if (settlement.stream != DELETED) {
    struct stock_items items = stock_items_of(arena, order->product_ids, order->n_product_ids);
    settlement.items = stock_items_text(arena, &items);
  }
  return settlement;
}

static bool has_candidates(const struct settling *settling, const struct settlement *settlement) {
  return settling->informed || settlement->stream != CREATED;
}

static coroutine_fn struct status inform(struct settling *settling, size_t count) {
  struct arena *arena = settling->context->arena;
  struct redis_arguments get = redis_arguments_of(arena, "MGET");
  const char **reservations = arena_calloc(arena, count, sizeof *reservations);
  for (size_t i = settling->done; i < settling->done + count; i++) {
    const struct settlement *settlement = &settling->settlements[i];
    if (!has_candidates(settling, settlement)) continue;
    redis_add_text(&get, stock_reservation_key(settling->stock, arena, settlement->order_id));
  }
  struct status status = stock_read_reservations(settling->stock, settling->context, &get, reservations);
  if (!status_is_ok(status)) return status;
  for (size_t i = settling->done; i < settling->done + count; i++) {
    struct settlement *settlement = &settling->settlements[i];
    if (has_candidates(settling, settlement)) settlement->reservation = *reservations++;
  }
  return status_ok();
}

/* The products that the settlement may move: those of the reservation as it was read, of the order's events of this
 * call before, and of the event itself. */
static struct product_set candidates_of(const struct settling *settling, size_t index) {
  const struct settlement *settlement = &settling->settlements[index];
  struct product_set products = {.arena = settling->context->arena};
  if (!has_candidates(settling, settlement)) return products;
  product_set_add(&products, settlement->reservation);
  for (size_t i = settling->done; i <= index; i++) {
    const struct settlement *other = &settling->settlements[i];
    if (strcmp(other->order_id, settlement->order_id) == 0) product_set_add(&products, other->items);
  }
  product_set_finish(&products);
  return products;
}

static void add_settlement(struct redis_arguments *values, const struct settlement *settlement) {
  const struct event *event = settlement->event;
  redis_add_number(values, settlement->stream + 1);
  redis_add_text(values, event->id);
  redis_add_text(values, settlement->order_id);
  redis_add_text(values, settlement->attempt_id ? settlement->attempt_id : "");
  redis_add_text(values, settlement->items);
  redis_add_text(values, event->event_id);
  redis_add_text(values, event->traceparent ? event->traceparent : "");
}

/* How many of the next events fit into one call, and their candidates. */
static size_t next_settlements(const struct settling *settling, size_t max, struct product_set *candidates) {
  size_t total = 0;
  for (size_t i = 0; i < max; i++) {
    candidates[i] = candidates_of(settling, settling->done + i);
    total += candidates[i].count;
    if (i > 0 && total > STOCK_CANDIDATES_MAX) return i;
  }
  return max;
}

static void add_settlements(const struct settling *settling, size_t count, const struct product_set *candidates,
                            struct redis_arguments *keys, struct redis_arguments *values) {
  const struct stock *stock = settling->stock;
  struct arena *arena = settling->context->arena;
  redis_add_text(keys, consumer_position_key(stock->store, arena));
  redis_add_text(keys, stock_attempts_key(stock, arena));
  redis_add_text(keys, lease_epoch_key(stock->store, arena));
  redis_add_text(values, settling->epoch);
  redis_add_number(values, STREAMS);
  for (int i = 0; i < STREAMS; i++) redis_add_text(values, streams[i]);
  redis_add_number(values, (int64_t)count);
  const struct settlement *settlements = settling->settlements + settling->done;
  for (size_t i = 0; i < count; i++) {
    redis_add_text(keys, stock_reservation_key(stock, arena, settlements[i].order_id));
  }
  for (size_t i = 0; i < count; i++) {
    add_settlement(values, &settlements[i]);
    stock_add_candidates(stock, keys, values, &candidates[i]);
  }
}

/* Makes one call. *ret_applied says how many of the next events it has applied. */
static coroutine_fn struct status settle_next(struct settling *settling, size_t *ret_applied) {
  struct arena *arena = settling->context->arena;
  size_t max = settling->count - settling->done;
  if (max > STOCK_EVENTS_MAX) max = STOCK_EVENTS_MAX;
  struct status status = inform(settling, max);
  if (!status_is_ok(status)) return status;
  struct product_set *candidates = arena_calloc(arena, max, sizeof *candidates);
  size_t count = next_settlements(settling, max, candidates);
  struct redis_arguments keys = stock_keys(settling->stock, arena), values = redis_arguments_empty(arena);
  add_settlements(settling, count, candidates, &keys, &values);

  const struct redis_reply *reply;
  const char *answer;
  status = stock_call(settling->stock, settling->context, "stock_settle", &keys, &values, &reply, &answer);
  if (!status_is_ok(status)) return status;
  if (strcmp(answer, "fenced") == 0) return lease_lost(arena);
  size_t applied = (size_t)redis_reply_number(redis_reply_at(reply, 3), 0);
  int64_t shorts = redis_reply_number(redis_reply_at(reply, 4), 0);
  if (shorts > 0) {
    log_event(LOG_ERROR, "orders were recorded without their stock", "products", log_number(shorts), NULL);
  }
  settling->informed = applied < count;
  *ret_applied = applied;
  return status_ok();
}

coroutine_fn struct status reservations_settle(struct stock *stock, struct context *context, const char *epoch,
                                               const struct event *const *events, size_t count) {
  struct arena *arena = context->arena;
  struct settling settling = {.stock = stock, .context = context, .epoch = epoch, .count = count};
  settling.settlements = arena_calloc(arena, count, sizeof *settling.settlements);
  for (size_t i = 0; i < count; i++) settling.settlements[i] = settlement_of(arena, events[i]);

  for (int idle = 0; settling.done < count; idle++) {
    if (idle == TRIES) return contended(arena, settling.settlements[settling.done].order_id);
    size_t applied = 0;
    struct status status = settle_next(&settling, &applied);
    if (!status_is_ok(status)) return status;
    if (applied > 0) idle = 0;
    settling.done += applied;
  }
  return status_ok();
}
