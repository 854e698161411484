/* SPDX-License-Identifier: Apache-2.0 */
#include "order_record.h"

#include <ordershop/internal/v1/stock.pb-c.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "loop/fail_point.h"
#include "order_claim.h"
#include "order_resource.h"
#include "order_service.h"
#include "service/command_replay.h"
#include "shop_reasons.h"
#include "stock_calls.h"
#include "store/log_clock.h"

enum { ATTEMPTS = 3, RELEASE_US = 1000 * 1000 };

int64_t order_reservation_seconds;

struct attempt {
  struct rpc_call *call;
  const struct request_record *record;
  const struct order_change *change;
  const char *id;
  int64_t expire;
};

/* The caller's deadline is over, or it has gone and needs no order any more. */
static bool is_given_up(const struct rpc_call *call) {
  return rpc_call_cancelled(call) || clock_monotonic_us() >= call->context.deadline_us;
}

static struct status given_up(struct rpc_call *call) {
  return status_error(call->context.arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                      "the call was over before the order was recorded: nothing was done");
}

/* Returns whether stock may be reserved although the inventory, or what answers in its place, says something else. */
static bool is_unclear(struct status status) {
  return status.code == STATUS_UNAVAILABLE || status.code == STATUS_DEADLINE_EXCEEDED ||
         status.code == STATUS_CANCELLED;
}

/* An inventory that takes more than its half of the time is as good as none; the call itself is not over yet.
 * *ret_may_hold says whether stock is, or may be, reserved. */
static coroutine_fn struct status reserve_stock(const struct attempt *attempt, bool *ret_may_hold) {
  struct rpc_call *call = attempt->call;
  Ordershop__Internal__V1__ReserveStockRequest request = ORDERSHOP__INTERNAL__V1__RESERVE_STOCK_REQUEST__INIT;
  request.order_id = attempt->change->order->id;
  request.attempt_id = (char *)attempt->id;
  request.product_ids = attempt->change->order->product_ids;
  request.n_product_ids = attempt->change->order->n_product_ids;
  request.expire_log_time = attempt->expire;
  request.order_is_new = strcmp(attempt->change->what, "created") == 0;
  struct context context = context_first_half(&call->context);
  int64_t asked_us = clock_monotonic_us();
  bool sent;
  struct status status = stock_calls_reserve(service_of(call)->user, call, &context, &request, &sent);
  *ret_may_hold = sent && (status_is_ok(status) || is_unclear(status));
  if (status.code == STATUS_DEADLINE_EXCEEDED) {
    return service_peer_too_slow(service_of(call), RESERVE_STOCK, context.arena, asked_us, "record the order");
  }
  return status_with_step(status, context.arena, "reserving the stock");
}

/* To be called only when the order is certain not to be recorded with this attempt: that was refused, or it has not
 * been sent and won't be. The caller's deadline, which may have ended the attempt, does not count. Should it fail, or
 * overtake the reservation, the attempt expires. */
static coroutine_fn void release_stock(const struct attempt *attempt) {
  Ordershop__Internal__V1__ReleaseStockRequest request = ORDERSHOP__INTERNAL__V1__RELEASE_STOCK_REQUEST__INIT;
  request.order_id = attempt->change->order->id;
  request.attempt_id = (char *)attempt->id;
  struct context context = attempt->call->context;
  context.deadline_us = clock_monotonic_us() + RELEASE_US;
  (void)service_call(service_of(attempt->call), RELEASE_STOCK, &context, &request);
}

/* Reserves, unless there is nobody left to record the order for; what was reserved for nobody is given back. */
static coroutine_fn struct status hold_stock(const struct attempt *attempt) {
  struct rpc_call *call = attempt->call;
  if (is_given_up(call)) return given_up(call);
  bool may_hold;
  struct status status = reserve_stock(attempt, &may_hold);
  if (status_is_ok(status)) fail_point("order.after_reserve");
  bool over = is_given_up(call);
  if (may_hold && (over || !status_is_ok(status))) release_stock(attempt);
  return over ? given_up(call) : status;
}

struct guards {
  int before, unclaimed, entity;
};

static struct guards put_order(struct transaction *transaction, const struct attempt *attempt,
                               Ordershop__V1__Order *order) {
  struct event_origin origin = command_origin(attempt->call);
  origin.attempt_id = attempt->id;
  struct guards guards = {.before = transaction_require_before(transaction, attempt->expire)};
  if (strcmp(attempt->change->what, "created") == 0) {
    transaction_add_scored(transaction, order_unbilled_key(transaction->store, transaction->arena), order->id, 0);
    guards.entity = entity_put_created(transaction, orders.type, order, &origin);
  } else {
    guards.unclaimed = order_require_unclaimed(transaction, order->id);
    guards.entity = entity_put_updated(transaction, orders.type, order, &origin);
  }
  request_record_add(attempt->record, transaction, NULL);
  return guards;
}

static struct status expired(struct arena *arena, const char *order_id) {
  return status_error(arena, STATUS_ABORTED, reason_reservation_expired,
                      "order %s could not be recorded before its stock reservation expired", order_id);
}

/* Decides what a refusal by a guard means. *ret_again says to try with a new attempt. */
static struct status explain_refusal(const struct attempt *attempt, const struct guards *guards,
                                     const struct transaction_result *result, enum order_outcome *ret_outcome,
                                     bool *ret_again) {
  struct arena *arena = attempt->call->context.arena;
  const char *id = attempt->change->order->id;
  if (result->refused_by == guards->before) {
    *ret_again = true;
    return status_ok();
  }
  if (result->refused_by == guards->unclaimed) return order_change_refusal(arena, id, result->actual);
  if (strcmp(attempt->change->what, "created") == 0) return status_already_exists(arena, "order", id);
  *ret_outcome = ORDER_CHANGED;
  return status_ok();
}

/* One attempt from reservation to answer. */
static coroutine_fn struct status try_attempt(const struct attempt *attempt, enum order_outcome *ret_outcome,
                                              const void **ret_reply, bool *ret_again) {
  struct rpc_call *call = attempt->call;
  struct event_store *store = service_of(call)->store;
  struct status status = hold_stock(attempt);
  if (!status_is_ok(status)) return status;

  Ordershop__V1__Order *order = message_share(call->context.arena, attempt->change->order);
  struct transaction transaction = transaction_of(store, call->context.arena);
  struct guards guards = put_order(&transaction, attempt, order);
  struct transaction_result result;
  status = transaction_run(&transaction, &call->context, &result);
  if (fail_point("order.after_record")) {
    return status_error(call->context.arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "the answer was lost");
  }
  if (!status_is_ok(status)) {
    /* Nothing is given back while it is unknown whether it was recorded. */
    if (!transaction.may_have_run) release_stock(attempt);
    return status;
  }
  if (result.outcome == TRANSACTION_DONE) {
    command_tell_position(call, &result.position);
    *ret_outcome = ORDER_RECORDED;
    *ret_reply = order;
    return status_ok();
  }
  release_stock(attempt);
  if (result.outcome == TRANSACTION_REFUSED) {
    return explain_refusal(attempt, &guards, &result, ret_outcome, ret_again);
  }
  *ret_outcome = ORDER_RECORDED;
  return command_replay_result(call, &orders, attempt->record, attempt->change->what, &result, ret_reply);
}

/* The order service's log may be ahead of what it has seen: a refusal says so, and the next expiry counts from there.
 */
static coroutine_fn struct status look_at_the_clock(struct rpc_call *call) {
  struct position now;
  return clock_tick(service_of(call)->store, &call->context, &now);
}

coroutine_fn struct status order_reserve_and_record(struct rpc_call *call, const struct request_record *record,
                                                    const struct order_change *change, enum order_outcome *ret_outcome,
                                                    const void **ret_reply) {
  struct arena *arena = call->context.arena;
  for (int i = 0; i < ATTEMPTS; i++) {
    struct attempt attempt = {.call = call, .record = record, .change = change, .id = uuid_random(arena)};
    attempt.expire = event_store_now(service_of(call)->store) + order_reservation_seconds * 1000000;
    bool again = false;
    struct status status = try_attempt(&attempt, ret_outcome, ret_reply, &again);
    if (!status_is_ok(status) && status_is(status, reason_reservation_expired)) again = true;
    if (!again) return status;
    status = look_at_the_clock(call);
    if (!status_is_ok(status)) return status;
  }
  return expired(arena, change->order->id);
}
