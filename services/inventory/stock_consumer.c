/* SPDX-License-Identifier: Apache-2.0 */
/* stock_consumer: what the active consumer does to the stock: settling orders' events, dropping expired attempts. */
#include <inttypes.h>
#include <ordershop/v1/order.pb-c.h>
#include <string.h>

#include "base/log.h"
#include "base/uuid.h"
#include "consumer/consumer.h"
#include "consumer/dead_letters.h"
#include "consumer/leader.h"
#include "shop_reasons.h"
#include "stock.h"
#include "stock_private.h"

/* Limits of one call, by which it stays below some milliseconds of Redis' time, whatever the events are. */
enum { EVENTS_MAX = 100, CANDIDATES_MAX = 300, TRIES = 20 };

static const char *const streams[] = {"order_created", "order_updated", "order_deleted"};
enum { CREATED, UPDATED, DELETED, STREAMS };

/* Others were quicker each time: the consumer begins the page again. */
static struct status contended(struct arena *arena, const char *order_id) {
  return status_error(arena, STATUS_ABORTED, reason_stock_contended, "the stock of order %s is being changed by others",
                      order_id);
}

/* What is read of reservations: NULL where there is none. */
static coroutine_fn struct status read_reservations(struct stock *stock, struct context *context,
                                                    struct redis_arguments *get, const char **ret_reservations) {
  if (get->count == 1) return status_ok();
  const struct redis_reply *reply;
  struct status status = redis_command(stock->store->commands, context, get, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < reply->count; i++) ret_reservations[i] = redis_reply_text(reply->elements[i]);
  return status_ok();
}

/* ---- settling --------------------------------------------------------------------------------------------------- */

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
  struct status status = read_reservations(settling->stock, settling->context, &get, reservations);
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
    if (i > 0 && total > CANDIDATES_MAX) return i;
  }
  return max;
}

static void add_settlements(const struct settling *settling, size_t count, const struct product_set *candidates,
                            struct redis_arguments *keys, struct redis_arguments *values) {
  const struct stock *stock = settling->stock;
  struct arena *arena = settling->context->arena;
  redis_add_text(keys, consumer_position_key(stock->store, arena));
  redis_add_text(keys, stock_attempts_key(stock, arena));
  redis_add_text(keys, consumer_epoch_key(stock->store, arena));
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
  if (max > EVENTS_MAX) max = EVENTS_MAX;
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

coroutine_fn struct status stock_settle(struct stock *stock, struct context *context, const char *epoch,
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

/* ---- expiring --------------------------------------------------------------------------------------------------- */

struct attempt {
  const char *order_id, *attempt_id;
  struct product_set products;
};

/* Up to EVENTS_MAX expired attempts, after the first `skip`. */
static coroutine_fn struct status find_expired(struct stock *stock, struct context *context, int64_t position,
                                               int64_t skip, struct attempt **ret_attempts, size_t *ret_count) {
  struct arena *arena = context->arena;
  struct redis_arguments range = redis_command_of(
      arena, "ZRANGEBYSCORE", stock_attempts_key(stock, arena), "-inf", arena_printf(arena, "%" PRId64, position),
      "LIMIT", arena_printf(arena, "%" PRId64, skip), arena_printf(arena, "%d", EVENTS_MAX), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(stock->store->commands, context, &range, &reply);
  if (!status_is_ok(status)) return status;
  struct attempt *attempts = arena_calloc(arena, reply->count, sizeof *attempts);
  for (size_t i = 0; i < reply->count; i++) {
    const char *member = reply->elements[i]->text;
    size_t order_size = strcspn(member, " ");
    attempts[i].order_id = arena_memdup(arena, member, order_size);
    attempts[i].attempt_id = member[order_size] ? member + order_size + 1 : "";
  }
  *ret_attempts = attempts;
  *ret_count = reply->count;
  return status_ok();
}

/* Reads what the attempts hold; answers how many of them fit into one call. */
static coroutine_fn struct status read_attempts(struct stock *stock, struct context *context, struct attempt *attempts,
                                                size_t count, size_t *ret_count) {
  struct arena *arena = context->arena;
  struct redis_arguments get = redis_arguments_of(arena, "MGET");
  const char **reservations = arena_calloc(arena, count, sizeof *reservations);
  for (size_t i = 0; i < count; i++) {
    redis_add_text(&get, stock_reservation_key(stock, arena, attempts[i].order_id));
  }
  struct status status = read_reservations(stock, context, &get, reservations);
  if (!status_is_ok(status)) return status;
  size_t total = 0, fit = 0;
  for (; fit < count; fit++) {
    struct product_set *products = &attempts[fit].products;
    *products = (struct product_set){.arena = arena};
    product_set_add(products, reservation_attempt(arena, reservations[fit], attempts[fit].attempt_id));
    total += products->count;
    if (fit > 0 && total > CANDIDATES_MAX) break;
  }
  *ret_count = fit;
  return status_ok();
}

static coroutine_fn struct status expire_attempts(struct stock *stock, struct context *context, const char *epoch,
                                                  int64_t position, const struct attempt *attempts, size_t count,
                                                  int64_t *ret_dropped) {
  struct arena *arena = context->arena;
  struct redis_arguments keys = stock_keys(stock, arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, stock_attempts_key(stock, arena));
  redis_add_text(&keys, consumer_epoch_key(stock->store, arena));
  redis_add_text(&keys, dead_letters_keys_key(stock->store, arena));
  redis_add_text(&values, epoch);
  redis_add_number(&values, position);
  redis_add_number(&values, (int64_t)count);
  for (size_t i = 0; i < count; i++) redis_add_text(&keys, stock_reservation_key(stock, arena, attempts[i].order_id));
  for (size_t i = 0; i < count; i++)
    redis_add_text(&keys, dead_letters_list_key(stock->store, arena, attempts[i].order_id));
  for (size_t i = 0; i < count; i++) {
    redis_add_text(&values, attempts[i].order_id);
    redis_add_text(&values, attempts[i].attempt_id);
    stock_add_candidates(stock, &keys, &values, &attempts[i].products);
  }
  const struct redis_reply *reply;
  const char *answer;
  struct status status = stock_call(stock, context, "stock_expire", &keys, &values, &reply, &answer);
  if (!status_is_ok(status)) return status;
  if (strcmp(answer, "fenced") == 0) return lease_lost(arena);
  *ret_dropped = redis_reply_number(redis_reply_at(reply, 3), 0);
  return status_ok();
}

coroutine_fn struct status stock_expire(struct stock *stock, struct context *context, const char *epoch,
                                        int64_t position) {
  int64_t skip = 0;
  while (true) {
    struct attempt *attempts;
    size_t count;
    struct status status = find_expired(stock, context, position, skip, &attempts, &count);
    if (!status_is_ok(status) || count == 0) return status;
    status = read_attempts(stock, context, attempts, count, &count);
    if (!status_is_ok(status)) return status;
    int64_t dropped = 0;
    status = expire_attempts(stock, context, epoch, position, attempts, count, &dropped);
    if (!status_is_ok(status)) return status;
    if (dropped > 0) log_event(LOG_INFO, "attempts to order have expired", "count", log_number(dropped), NULL);
    skip += (int64_t)count - dropped; /* those of orders with dead letters remain in front */
  }
}

coroutine_fn struct status stock_next_expiry(struct stock *stock, struct context *context, int64_t position,
                                             int64_t *ret_expire_log_time) {
  struct arena *arena = context->arena;
  struct redis_arguments range =
      redis_command_of(arena, "ZRANGEBYSCORE", stock_attempts_key(stock, arena),
                       arena_printf(arena, "(%" PRId64, position), "+inf", "WITHSCORES", "LIMIT", "0", "1", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(stock->store->commands, context, &range, &reply);
  if (!status_is_ok(status)) return status;
  *ret_expire_log_time = redis_reply_number(redis_reply_at(reply, 1), INT64_MAX);
  return status_ok();
}
