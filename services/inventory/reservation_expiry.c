/* SPDX-License-Identifier: Apache-2.0 */
#include "reservation_expiry.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "consumer/dead_letters.h"
#include "consumer/lease.h"
#include "service/service.h"
#include "stock_private.h"

struct attempt {
  const char *order_id, *attempt_id;
  struct product_set products;
};

/* Up to STOCK_EVENTS_MAX expired attempts, after the first `skip`. */
static coroutine_fn struct status find_expired(struct stock *stock, struct context *context, int64_t position,
                                               int64_t skip, struct attempt **ret_attempts, size_t *ret_count) {
  struct arena *arena = context->arena;
  struct redis_arguments range = redis_command_of(
      arena, "ZRANGEBYSCORE", stock_attempts_key(stock, arena), "-inf", arena_printf(arena, "%" PRId64, position),
      "LIMIT", arena_printf(arena, "%" PRId64, skip), arena_printf(arena, "%d", STOCK_EVENTS_MAX), NULL);
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
  struct status status = stock_read_reservations(stock, context, &get, reservations);
  if (!status_is_ok(status)) return status;
  size_t total = 0, fit = 0;
  for (; fit < count; fit++) {
    struct product_set *products = &attempts[fit].products;
    *products = (struct product_set){.arena = arena};
    product_set_add(products, reservation_attempt(arena, reservations[fit], attempts[fit].attempt_id));
    total += products->count;
    if (fit > 0 && total > STOCK_CANDIDATES_MAX) break;
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
  redis_add_text(&keys, lease_epoch_key(stock->store, arena));
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

coroutine_fn struct status reservations_expire(struct stock *stock, struct context *context, const char *epoch,
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

coroutine_fn struct status reservations_next_expiry(struct stock *stock, struct context *context, int64_t position,
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

coroutine_fn struct status reservations_housekeep(void *service, struct context *context, int64_t position,
                                                  const char *epoch, bool *ret_tick) {
  struct stock *stock = ((struct service *)service)->user;
  struct event_store *store = ((struct service *)service)->store;
  int64_t next_expiry;
  struct status status = reservations_expire(stock, context, epoch, position);
  if (status_is_ok(status)) status = reservations_next_expiry(stock, context, position, &next_expiry);
  if (!status_is_ok(status)) return status;
  *ret_tick = next_expiry <= event_store_now(store);
  return status_ok();
}
