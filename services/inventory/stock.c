/* SPDX-License-Identifier: Apache-2.0 */
#include "stock.h"

#include <inttypes.h>
#include <string.h>

#include "base/uuid.h"
#include "consumer/consumer.h"
#include "redis/redis_function.h"
#include "shop_reasons.h"
#include "stock_private.h"
#include "store/turn.h"

extern const unsigned char inventory_stock_lua[];

struct stock *stock_new(struct event_store *store, struct arena *arena) {
  struct stock *stock = arena_calloc(arena, 1, sizeof *stock);
  stock->store = store;
  stock->library = event_library_new(arena, "ordershop_inventory", (const char *)inventory_stock_lua);
  return stock;
}

const char *inventory_id(struct arena *arena, const char *product_id) {
  return uuid_derive_text(arena, "inventory", product_id);
}

/* ---- what all functions share ----------------------------------------------------------------------------------- */

const char *stock_reservation_key(const struct stock *stock, struct arena *arena, const char *order_id) {
  return redis_key(stock->store->commands, arena, "inventory_reservation:%s", order_id);
}

const char *stock_attempts_key(const struct stock *stock, struct arena *arena) {
  return redis_key(stock->store->commands, arena, "inventory_attempts");
}

static const char *entity_key_of(const struct stock *stock, struct arena *arena, const char *id) {
  return redis_key(stock->store->commands, arena, "inventory_entity:%s", id);
}

struct redis_arguments stock_keys(const struct stock *stock, struct arena *arena) {
  struct redis_arguments keys = redis_arguments_empty(arena);
  redis_add_text(&keys, clock_key(stock->store, arena));
  redis_add_text(&keys, event_stream_key(stock->store, arena, "inventory_updated"));
  return keys;
}

void stock_add_candidates(const struct stock *stock, struct redis_arguments *keys, struct redis_arguments *values,
                          const struct product_set *products) {
  struct arena *arena = keys->arena;
  redis_add_number(values, (int64_t)products->count);
  for (size_t i = 0; i < products->count; i++) {
    redis_add_text(keys, entity_key_of(stock, arena, inventory_id(arena, products->ids[i])));
    redis_add_text(values, products->ids[i]);
    redis_add_number(values, (int64_t)keys->count);
    redis_add_text(values, uuid_random(arena));
  }
}

coroutine_fn struct status stock_call(struct stock *stock, struct context *context, const char *function,
                                      const struct redis_arguments *keys, const struct redis_arguments *values,
                                      const struct redis_reply **ret_reply, const char **ret_answer) {
  struct status status = event_function_call(stock->store, context, stock->library, function, keys, values, ret_reply);
  if (!status_is_ok(status)) return status;
  const char *answer = redis_reply_text(redis_reply_at(*ret_reply, 0));
  *ret_answer = answer ? answer : "";
  return status_ok();
}

coroutine_fn struct status stock_read_reservations(struct stock *stock, struct context *context,
                                                   struct redis_arguments *get, const char **ret_reservations) {
  if (get->count == 1) return status_ok();
  const struct redis_reply *reply;
  struct status status = redis_command(stock->store->commands, context, get, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < reply->count; i++) ret_reservations[i] = redis_reply_text(reply->elements[i]);
  return status_ok();
}

static void tell_position(struct stock *stock, const struct redis_reply *reply, struct position *ret_position) {
  position_from_reply(redis_reply_at(reply, 1), redis_reply_at(reply, 2), ret_position);
  event_store_saw(stock->store, ret_position);
}

static const char *traceparent_of(const struct context *context) {
  return context->traceparent ? context->traceparent : "";
}

/* ---- reserving -------------------------------------------------------------------------------------------------- */

static struct status out_of_stock(struct arena *arena, const struct stock_item *item, int64_t available) {
  struct status status = status_error(arena, STATUS_FAILED_PRECONDITION, reason_out_of_stock,
                                      "product %s is out of stock: %" PRId64 " wanted, %" PRId64 " available",
                                      item->product_id, item->quantity, available);
  status = status_with_metadata(status, arena, "product_id", item->product_id);
  status = status_with_metadata(status, arena, "wanted", arena_printf(arena, "%" PRId64, item->quantity));
  status = status_with_metadata(status, arena, "available", arena_printf(arena, "%" PRId64, available));
  return status_with_precondition(status, arena, "STOCK", arena_printf(arena, "product/%s", item->product_id),
                                  status.message);
}

static struct status reservation_expired(struct arena *arena, const struct position *seen) {
  struct status status = status_error(arena, STATUS_ABORTED, reason_reservation_expired,
                                      "expire_log_time is behind the log, which is at %" PRId64, seen->log_time);
  return status_with_metadata(status, arena, "log_time", arena_printf(arena, "%" PRId64, seen->log_time));
}

static void add_reservation(const struct stock *stock, const struct context *context,
                            const struct stock_reservation *reservation, const struct stock_items *items,
                            struct redis_arguments *keys, struct redis_arguments *values) {
  struct arena *arena = context->arena;
  redis_add_text(keys, consumer_position_key(stock->store, arena));
  redis_add_text(keys, stock_attempts_key(stock, arena));
  redis_add_text(keys, stock_reservation_key(stock, arena, reservation->order_id));
  redis_add_text(values, reservation->order_id);
  redis_add_text(values, reservation->attempt_id);
  redis_add_number(values, reservation->expire_log_time);
  redis_add_text(values, stock_items_text(arena, items));
  redis_add_text(values, traceparent_of(context));
  for (size_t i = 0; i < items->count; i++) {
    const struct stock_item *item = &items->items[i];
    redis_add_text(keys, entity_key_of(stock, arena, inventory_id(arena, item->product_id)));
    redis_add_text(values, item->product_id);
    redis_add_number(values, item->quantity);
    redis_add_text(values, uuid_random(arena));
  }
}

coroutine_fn struct status stock_reserve(struct stock *stock, struct context *context,
                                         const struct stock_reservation *reservation, struct position *ret_position) {
  struct arena *arena = context->arena;
  struct stock_items items = stock_items_of(arena, reservation->product_ids, reservation->product_count);
  struct redis_arguments keys = stock_keys(stock, arena), values = redis_arguments_empty(arena);
  add_reservation(stock, context, reservation, &items, &keys, &values);
  const struct redis_reply *reply;
  const char *answer;
  struct status status = stock_call(stock, context, "stock_reserve", &keys, &values, &reply, &answer);
  if (!status_is_ok(status)) return status;

  if (strcmp(answer, "short") == 0) {
    int64_t number = redis_reply_number(redis_reply_at(reply, 1), 1);
    return out_of_stock(arena, &items.items[number - 1], redis_reply_number(redis_reply_at(reply, 2), 0));
  }
  tell_position(stock, reply, ret_position);
  if (strcmp(answer, "expired") == 0) return reservation_expired(arena, ret_position);
  return status_ok();
}

/* ---- releasing -------------------------------------------------------------------------------------------------- */

/* Makes one try. *ret_again says whether the attempt was opened after it had been looked for. */
static coroutine_fn struct status try_release(struct stock *stock, struct context *context, const char *order_id,
                                              const char *attempt_id, struct position *ret_position, bool *ret_again) {
  struct arena *arena = context->arena;
  const char *key = stock_reservation_key(stock, arena, order_id);
  *ret_again = false;
  struct redis_arguments get = redis_command_of(arena, "GET", key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(stock->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;

  struct product_set products = {.arena = arena};
  product_set_add(&products, reservation_attempt(arena, redis_reply_text(reply), attempt_id));
  struct redis_arguments keys = stock_keys(stock, arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, stock_attempts_key(stock, arena));
  redis_add_text(&keys, key);
  redis_add_text(&values, order_id);
  redis_add_text(&values, attempt_id);
  redis_add_text(&values, traceparent_of(context));
  stock_add_candidates(stock, &keys, &values, &products);
  const char *answer;
  status = stock_call(stock, context, "stock_release", &keys, &values, &reply, &answer);
  if (!status_is_ok(status)) return status;
  *ret_again = strcmp(answer, "again") == 0;
  if (!*ret_again) tell_position(stock, reply, ret_position);
  return status_ok();
}

coroutine_fn struct status stock_release(struct stock *stock, struct context *context, const char *order_id,
                                         const char *attempt_id, struct position *ret_position) {
  struct turn turn = turn_of(stock->store, context, "reservation", order_id);
  struct status status;
  bool again;
  do {
    status = try_release(stock, context, order_id, attempt_id, ret_position, &again);
  } while (status_is_ok(status) && again && turn_wait(&turn, &status));
  turn_end(&turn);
  return status;
}

/* ---- adjusting -------------------------------------------------------------------------------------------------- */

static struct redis_arguments adjustment_values(const struct stock *stock, const struct context *context,
                                                const struct stock_adjustment *adjustment,
                                                const struct request_record *record) {
  static const char *const names[] = {[STOCK_KEEP] = "keep", [STOCK_ADD] = "add", [STOCK_SET] = "set"};
  struct redis_arguments values = redis_arguments_empty(context->arena);
  redis_add_text(&values, names[adjustment->change]);
  redis_add_number(&values, adjustment->number);
  redis_add_number(&values, adjustment->version);
  redis_add_text(&values, uuid_random(context->arena));
  redis_add_text(&values, traceparent_of(context));
  redis_add_number(&values, stock->store->request_seconds * 1000);
  redis_add_text(&values, record->key ? record->fingerprint : "");
  return values;
}

/* See the answers of stock_adjust in stock.lua. */
static struct stock_adjusted adjusted_of(struct stock *stock, const struct redis_reply *reply, const char *answer) {
  struct stock_adjusted adjusted = {.outcome = STOCK_DONE};
  const struct redis_reply *detail = redis_reply_at(reply, 1);
  if (strcmp(answer, "replayed") == 0) {
    adjusted.outcome = STOCK_REPLAYED;
    adjusted.record = detail->text;
    adjusted.record_size = detail->size;
  } else if (strcmp(answer, "missing") == 0) {
    adjusted.outcome = STOCK_MISSING;
  } else if (strcmp(answer, "version") == 0) {
    adjusted.outcome = STOCK_OTHER_VERSION;
    adjusted.actual = redis_reply_number(detail, 0);
  } else if (strcmp(answer, "range") == 0) {
    adjusted.outcome = STOCK_OUT_OF_RANGE;
    adjusted.actual = redis_reply_number(detail, 0);
  } else {
    tell_position(stock, reply, &adjusted.position);
    adjusted.inventory = redis_reply_at(reply, 3)->text;
    adjusted.inventory_size = redis_reply_at(reply, 3)->size;
  }
  return adjusted;
}

coroutine_fn struct status stock_adjust(struct stock *stock, struct context *context,
                                        const struct stock_adjustment *adjustment, const struct request_record *record,
                                        struct stock_adjusted *ret_adjusted) {
  struct arena *arena = context->arena;
  struct redis_arguments keys = stock_keys(stock, arena);
  redis_add_text(&keys, entity_key_of(stock, arena, adjustment->inventory_id));
  if (record->key) redis_add_text(&keys, record->key);
  struct redis_arguments values = adjustment_values(stock, context, adjustment, record);
  const struct redis_reply *reply;
  const char *answer;
  struct status status = stock_call(stock, context, "stock_adjust", &keys, &values, &reply, &answer);
  if (!status_is_ok(status)) return status;
  *ret_adjusted = adjusted_of(stock, reply, answer);
  return status_ok();
}
