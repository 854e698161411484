/* SPDX-License-Identifier: Apache-2.0 */
#include "reservation_expiry.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "consumer/dead_letters.h"
#include "consumer/lease.h"
#include "service/service.h"
#include "stock_change.h"

/* Limits of one change, by which it stays below some milliseconds of Redis' time, whatever is given back. */
enum { ATTEMPTS_MAX = 100, MOVES_MAX = 300 };

struct expired {
  const char *order_id, *attempt_id;
  bool held_up; /* its order has dead letters: it stays */
};

struct expiring {
  struct stock *stock;
  const char *epoch;
  int64_t position;
  struct expired *attempts;
  size_t count;
  const char *stuck; /* why some can't be dropped; NULL if there are none */
  /* of one change */
  int fence; /* the guard of the lease's epoch */
  size_t done, moves, dropped;
};

/* Finds up to ATTEMPTS_MAX expired attempts, after the first `skip`. */
static coroutine_fn struct status find_expired(struct expiring *expiring, struct context *context, int64_t skip) {
  struct arena *arena = context->arena;
  struct redis_arguments range =
      redis_command_of(arena, "ZRANGEBYSCORE", stock_attempts_key(expiring->stock, arena), "-inf",
                       arena_printf(arena, "%" PRId64, expiring->position), "LIMIT",
                       arena_printf(arena, "%" PRId64, skip), arena_printf(arena, "%d", ATTEMPTS_MAX), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(expiring->stock->store->commands, context, &range, &reply);
  if (!status_is_ok(status)) return status;
  expiring->attempts = arena_calloc(arena, reply->count, sizeof *expiring->attempts);
  expiring->count = reply->count;
  for (size_t i = 0; i < reply->count; i++) {
    const char *member = reply->elements[i]->text;
    size_t order_size = strcspn(member, " ");
    expiring->attempts[i].order_id = arena_memdup(arena, member, order_size);
    expiring->attempts[i].attempt_id = member[order_size] ? member + order_size + 1 : "";
  }
  return status_ok();
}

/* Finds which attempts stay because of dead letters. */
static coroutine_fn struct status find_held_up(struct expiring *expiring, struct context *context) {
  struct status status = status_ok();
  for (size_t i = 0; i < expiring->count && status_is_ok(status); i++) {
    status = dead_letters_find(expiring->stock->store, context, expiring->attempts[i].order_id,
                               &expiring->attempts[i].held_up);
  }
  return status;
}

/* Requires that the orders whose attempts are dropped have no dead letters. */
static void require_no_dead_letters(struct stock_change *change, const struct expiring *expiring) {
  struct event_store *store = change->stock->store;
  struct redis_arguments none = redis_arguments_empty(change->arena), orders = redis_arguments_empty(change->arena);
  for (size_t i = 0; i < expiring->done; i++) {
    const struct expired *attempt = &expiring->attempts[i];
    if (attempt->held_up) continue;
    redis_add_text(&orders, attempt->order_id);
    transaction_require_absent(&change->transaction, dead_letters_list_key(store, change->arena, attempt->order_id));
  }
  transaction_require_members(&change->transaction, dead_letters_keys_key(store, change->arena), &none, &orders);
}

/* Drops one attempt, unless it lives longer. *ret_fits is false if the change would become too large. */
static struct status drop(struct stock_change *change, struct expiring *expiring, const struct expired *expired,
                          bool *ret_fits) {
  struct arena *arena = change->arena;
  const struct reservation *before = stock_change_reservation(change, expired->order_id);
  const struct attempt *attempt = reservation_attempt(before, expired->attempt_id);
  *ret_fits = true;
  if (attempt && attempt->expire_log_time > expiring->position) return status_ok();
  if (attempt) {
    struct reservation after = *before;
    struct stock_items held = reservation_held(arena, before);
    reservation_close(&after, expired->attempt_id);
    struct stock_items now = reservation_held(arena, &after), needs = stock_items_difference(arena, &held, &now);
    *ret_fits = expiring->done == 0 || expiring->moves + needs.count <= MOVES_MAX;
    if (!*ret_fits) return status_ok();
    stock_change_reserve(change, expired->order_id, &after);
    struct status status = stock_change_move(change, &needs, NULL, NULL);
    if (!status_is_ok(status)) return status;
    expiring->moves += needs.count;
  }
  transaction_remove_scored(&change->transaction, stock_attempts_key(change->stock, arena),
                            stock_attempt_member(arena, expired->order_id, expired->attempt_id));
  expiring->dropped++;
  return status_ok();
}

static struct status decide_to_expire(struct stock_change *change, void *subject) {
  struct expiring *expiring = subject;
  expiring->done = expiring->moves = expiring->dropped = 0;
  change->transaction.frees = true;
  transaction_follow(&change->transaction, expiring->position);
  expiring->fence = transaction_require_value(&change->transaction,
                                              lease_epoch_key(change->stock->store, change->arena), expiring->epoch);
  for (size_t i = 0; i < expiring->count; i++) {
    if (!expiring->attempts[i].held_up) (void)stock_change_reservation(change, expiring->attempts[i].order_id);
  }
  if (change->lacks) return status_ok();
  for (bool fits = true; expiring->done < expiring->count; expiring->done++) {
    const struct expired *attempt = &expiring->attempts[expiring->done];
    if (attempt->held_up) continue;
    struct status status = drop(change, expiring, attempt, &fits);
    if (!status_is_ok(status)) return status;
    if (!fits) break;
  }
  require_no_dead_letters(change, expiring);
  return status_ok();
}

/* Drops some of the attempts that have been found. That no order of theirs has dead letters is required; only where one
 * has, they are looked for. */
static coroutine_fn struct status drop_some(struct expiring *expiring, struct context *context) {
  struct stock_changed changed;
  struct status status;
  while (true) {
    status = stock_change_run(expiring->stock, context, decide_to_expire, expiring, &changed);
    if (!status_is_ok(status) || changed.refused_by == 0) return status;
    if (changed.refused_by == expiring->fence) return lease_lost(context->arena);
    status = find_held_up(expiring, context);
    if (!status_is_ok(status)) return status;
  }
}

/* Drops those that can be dropped, where what one of them needs can't be decoded. */
static coroutine_fn struct status drop_each(struct expiring *expiring, struct context *context) {
  size_t dropped = 0;
  for (size_t i = 0; i < expiring->count; i++) {
    struct expiring one = *expiring;
    one.attempts += i;
    one.count = 1;
    struct status status = drop_some(&one, context);
    bool is_stuck = status_is(status, reason_entity_undecodable);
    if (!status_is_ok(status) && !is_stuck) return status;
    if (is_stuck) expiring->stuck = status.message;
    if (!is_stuck) dropped += one.dropped;
  }
  expiring->done = expiring->count;
  expiring->dropped = dropped;
  return status_ok();
}

static void tell(struct stock *stock, const char *stuck) {
  if (stuck && !stock->stuck) log_event(LOG_ERROR, "attempts to order can't expire", "reason", stuck, NULL);
  if (!stuck && stock->stuck) log_event(LOG_INFO, "attempts to order expire again", NULL);
  stock->stuck = stuck != NULL;
}

coroutine_fn struct status reservations_expire(struct stock *stock, struct context *context, const char *epoch,
                                               int64_t position) {
  struct expiring expiring = {.stock = stock, .epoch = epoch, .position = position};
  int64_t skip = 0;
  while (true) {
    struct status status = find_expired(&expiring, context, skip);
    if (!status_is_ok(status)) return status;
    if (expiring.count == 0) break;
    status = drop_some(&expiring, context);
    if (status_is(status, reason_entity_undecodable)) status = drop_each(&expiring, context);
    if (!status_is_ok(status)) return status;
    *stock->expired += expiring.dropped;
    if (expiring.dropped > 0) {
      log_event(LOG_INFO, "attempts to order have expired", "count", log_number((int64_t)expiring.dropped), NULL);
    }
    skip += (int64_t)(expiring.done - expiring.dropped); /* those that stay remain in front */
  }
  tell(stock, expiring.stuck);
  return status_ok();
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
  int64_t next_expiry;
  struct status status = reservations_expire(stock, context, epoch, position);
  if (status_is_ok(status)) status = reservations_next_expiry(stock, context, position, &next_expiry);
  if (!status_is_ok(status)) return status;
  *ret_tick = next_expiry <= event_store_now(stock->orders);
  return status_ok();
}
