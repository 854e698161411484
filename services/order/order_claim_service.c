/* SPDX-License-Identifier: Apache-2.0 */
#include "order_claim_service.h"

#include <inttypes.h>
#include <ordershop/internal/v1/order_claim.pb-c.h>
#include <ordershop/v1/billing.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/dead_letters.h"
#include "consumer/lease.h"
#include "order_claim.h"
#include "order_resource.h"
#include "service/command_replay.h"
#include "shop_reasons.h"
#include "store/log_clock.h"
#include "store/turn.h"

enum { EXPIRE_AT_ONCE = 100 };

static const char *expiries_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "order_claim_expiries");
}

/* Why another billing can't claim the order: an open claim may still expire, so that one may try again. */
static struct status claim_refusal(struct arena *arena, const char *order_id, const char *claim) {
  if (order_claim_expiry(claim) == 0) return order_change_refusal(arena, order_id, claim);
  struct status status =
      status_error(arena, STATUS_ABORTED, reason_order_claimed, "order %s is being billed at this moment", order_id);
  return status_with_resource(status, arena, "order", order_id);
}

static void put_claim(struct transaction *transaction, const char *order_id, const char *billing_id, int64_t expire) {
  struct arena *arena = transaction->arena;
  const char *claim = order_claim_text(arena, billing_id, expire);
  transaction_set_field(transaction, order_claims_key(transaction->store, arena), order_id, claim, strlen(claim));
  if (expire) {
    transaction_add_scored(transaction, expiries_key(transaction->store, arena), order_id, expire);
  } else {
    transaction_remove_scored(transaction, expiries_key(transaction->store, arena), order_id);
  }
  transaction_remove_scored(transaction, order_unbilled_key(transaction->store, arena), order_id);
}

/* Takes the claim away and puts the order among the unbilled ones again, at its place in the order of creation. */
static coroutine_fn struct status remove_claim(struct transaction *transaction, struct context *context,
                                               const char *order_id) {
  struct event_store *store = transaction->store;
  struct arena *arena = transaction->arena;
  struct redis_arguments score =
      redis_command_of(arena, "ZSCORE", entity_creation_key(store, arena, orders.type), order_id, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &score, &reply);
  if (!status_is_ok(status)) return status;
  transaction_remove_field(transaction, order_claims_key(store, arena), order_id);
  transaction_remove_scored(transaction, expiries_key(store, arena), order_id);
  const char *created = redis_reply_text(reply);
  if (created) {
    transaction_add_scored(transaction, order_unbilled_key(store, arena), order_id, (int64_t)strtod(created, NULL));
  }
  return status_ok();
}

/* --- the RPCs --- */

static struct status check_claim(struct arena *arena, const char *order_id, const char *billing_id, int64_t expire) {
  struct violations violations = violations_of(arena);
  check_uuid(&violations, "order_id", order_id);
  check_uuid(&violations, "billing_id", billing_id);
  check_range(&violations, "expire_log_time", expire, 1, INT64_C(1) << 53);
  return violations_status(&violations);
}

/* Makes one try. *ret_again says whether order or claim have changed since they were read. */
static coroutine_fn struct status try_claim(struct rpc_call *call,
                                            const Ordershop__Internal__V1__ClaimOrderRequest *request,
                                            const void **ret_order, bool *ret_again) {
  struct arena *arena = call->context.arena;
  struct event_store *store = service_of(call)->store;
  void *order;
  const char *claim;
  *ret_again = false;
  struct status status = entity_load(store, &call->context, orders.type, request->order_id, &order);
  if (status_is_ok(status)) status = order_claim_read(store, &call->context, request->order_id, &claim);
  if (!status_is_ok(status)) return status;

  struct transaction transaction = transaction_of(store, arena);
  if (claim) {
    if (!order_claim_is_by(claim, request->billing_id)) return claim_refusal(arena, request->order_id, claim);
    bool lasts = order_claim_expiry(claim) == 0 || order_claim_expiry(claim) >= request->expire_log_time;
    if (lasts) {
      *ret_order = order;
      return status_ok();
    }
    transaction_require_field(&transaction, order_claims_key(store, arena), request->order_id, claim);
  } else {
    const char *version = arena_printf(arena, "%" PRId64, ((Ordershop__V1__Order *)order)->version);
    const char *key = entity_key(store, arena, orders.type, request->order_id);
    transaction_require_field(&transaction, key, "version", version);
    order_require_unclaimed(&transaction, request->order_id);
  }
  put_claim(&transaction, request->order_id, request->billing_id, request->expire_log_time);
  struct transaction_result result;
  status = transaction_run(&transaction, &call->context, &result);
  if (!status_is_ok(status)) return status;
  *ret_again = result.outcome == TRANSACTION_REFUSED;
  if (!*ret_again) *ret_order = order;
  return status_ok();
}

/* The billing is later than the order, wherever that lies. */
static coroutine_fn struct status tell_position(struct rpc_call *call) {
  struct event_store *store = service_of(call)->store;
  if (!event_store_is_apart(store)) return status_ok();
  struct position now;
  struct status status = clock_read(store, &call->context, &now);
  if (status_is_ok(status)) command_tell_position(call, &now);
  return status;
}

static coroutine_fn struct status claim_order(struct rpc_call *call, const void *input, const void **ret_order) {
  const Ordershop__Internal__V1__ClaimOrderRequest *request = input;
  struct arena *arena = call->context.arena;
  struct status status = check_claim(arena, request->order_id, request->billing_id, request->expire_log_time);
  if (!status_is_ok(status)) return status;
  struct turn turn = turn_of(service_of(call)->store, &call->context, "order", request->order_id);
  bool again;
  do {
    status = try_claim(call, request, ret_order, &again);
  } while (status_is_ok(status) && again && turn_wait(&turn, &status));
  turn_end(&turn);
  return status_is_ok(status) ? tell_position(call) : status;
}

static coroutine_fn struct status release_order(struct rpc_call *call, const void *input, const void **ret_response) {
  const Ordershop__Internal__V1__ReleaseOrderRequest *request = input;
  struct arena *arena = call->context.arena;
  struct event_store *store = service_of(call)->store;
  struct status status = check_claim(arena, request->order_id, request->billing_id, request->expire_log_time);
  if (!status_is_ok(status)) return status;

  struct transaction transaction = transaction_of(store, arena);
  const char *claim = order_claim_text(arena, request->billing_id, request->expire_log_time);
  transaction_require_field(&transaction, order_claims_key(store, arena), request->order_id, claim);
  status = remove_claim(&transaction, &call->context, request->order_id);
  if (!status_is_ok(status)) return status;
  struct transaction_result result; /* refused: there is no such claim, which is what was asked for */
  status = transaction_run(&transaction, &call->context, &result);
  if (!status_is_ok(status)) return status;
  static const Ordershop__Internal__V1__ReleaseOrderResponse response =
      ORDERSHOP__INTERNAL__V1__RELEASE_ORDER_RESPONSE__INIT;
  *ret_response = &response;
  return status_ok();
}

const struct rpc_method order_claim_methods[ORDER_CLAIM_METHODS] = {
    {.name = "ClaimOrder", .handler = claim_order, .resource = &orders, .flags = METHOD_READS_VIEWS},
    {.name = "ReleaseOrder", .handler = release_order},
};

/* --- events and expiry --- */

struct status order_claim_settle(struct work *work, const struct event *event) {
  const Ordershop__V1__Billing *billing = event->entity;
  put_claim(work_transaction(work), billing->order_id, billing->id, 0);
  return status_ok();
}

coroutine_fn struct status order_claim_free(struct work *work, const struct event *event) {
  const Ordershop__V1__Billing *billing = event->entity;
  return remove_claim(work_transaction(work), work_context(work), billing->order_id);
}

static coroutine_fn struct status expire_claim(struct event_store *store, struct context *context, const char *order_id,
                                               int64_t position, const char *epoch) {
  bool dead;
  const char *claim;
  /* A dead-lettered billing event may still settle the claim when an operator handles it. */
  struct status status = dead_letters_find(store, context, order_id, &dead);
  if (status_is_ok(status)) status = order_claim_read(store, context, order_id, &claim);
  if (!status_is_ok(status) || dead || !claim) return status;
  if (order_claim_expiry(claim) == 0 || order_claim_expiry(claim) > position) return status_ok();

  struct transaction transaction = transaction_of(store, context->arena);
  transaction_require_value(&transaction, lease_epoch_key(store, context->arena), epoch);
  transaction_require_field(&transaction, order_claims_key(store, context->arena), order_id, claim);
  transaction_follow(&transaction, position);
  status = remove_claim(&transaction, context, order_id);
  if (!status_is_ok(status)) return status;
  struct transaction_result result; /* refused: somebody else has changed the claim, or holds the lease */
  return transaction_run(&transaction, context, &result);
}

coroutine_fn struct status order_claims_expire(void *user, struct context *context, int64_t position, const char *epoch,
                                               bool *ret_tick) {
  const struct service *service = user;
  struct event_store *store = service->store;
  struct arena *arena = context->arena;
  int64_t now = event_store_now(service_store_of(service, "billing"));
  struct redis_arguments due =
      redis_command_of(arena, "ZRANGEBYSCORE", expiries_key(store, arena), "-inf", arena_printf(arena, "%" PRId64, now),
                       "WITHSCORES", "LIMIT", "0", arena_printf(arena, "%d", EXPIRE_AT_ONCE), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &due, &reply);
  if (!status_is_ok(status)) return status;
  bool tick = false;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    if (redis_reply_number(reply->elements[i + 1], 0) > position) {
      tick = true; /* due by the clock, but the log has not been seen so far yet */
      break;
    }
    status = expire_claim(store, context, reply->elements[i]->text, position, epoch);
    if (!status_is_ok(status)) return status;
  }
  *ret_tick = tick;
  return status_ok();
}
