/* SPDX-License-Identifier: Apache-2.0 */
/* Billing: the records that orders were paid (proto/ordershop/v1/billing.proto).
 *
 * CreateBilling claims the order first: from then on it can't change, so its total is what is recorded. The claim ends
 * by the event of the record or expires; the record is refused from the expiry on. */
#include "billing_service.h"

#include <ordershop/internal/v1/order_claim.pb-c.h>
#include <ordershop/v1/billing.pb-c.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "known_orders.h"
#include "loop/fail_point.h"
#include "service/command_replay.h"
#include "service/entity_command.h"
#include "shop.h"
#include "shop_mail.h"
#include "shop_reasons.h"
#include "store/log_clock.h"
#include "store/positions.h"
#include "store/turn.h"

enum { EXPIRED_CLAIMS_MAX = 3, RECORD_US = 1000 * 1000 };

static int64_t claim_seconds;

static const struct entity_type billing_type = {
    .name = "billing",
    .descriptor = &ordershop__v1__billing__descriptor,
    .ids_set = true,
};

static void check_billing(struct violations *violations, const char *path, const void *entity, const char *field) {
  if (strcmp(field, "order_id") == 0) check_uuid(violations, path, ((const Ordershop__V1__Billing *)entity)->order_id);
}

/* Hash: the billing of each billed order. */
static const char *by_order_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "billing_by_order");
}

/* With the billing goes its entry in the index by order. */
static int guard_deletion(struct transaction *transaction, const void *entity) {
  const Ordershop__V1__Billing *billing = entity;
  const char *by_order = by_order_key(transaction->store, transaction->arena);
  transaction_remove_field(transaction, by_order, billing->order_id);
  return transaction_require_field(transaction, by_order, billing->order_id, billing->id);
}

static struct status explain_deletion(struct rpc_call *call, const void *entity, const char *actual) {
  (void)actual;
  return status_not_found(call->context.arena, "billing", ((const Ordershop__V1__Billing *)entity)->id);
}

static const struct resource billings = {
    .type = &billing_type,
    .input_fields = {"order_id"},
    .check = check_billing,
    .guard_deletion = guard_deletion,
    .explain_deletion = explain_deletion,
};

static struct status already_billed(struct arena *arena, const char *order_id) {
  struct status status = status_error(arena, STATUS_ALREADY_EXISTS, reason_already_exists("billing"),
                                      "order %s is billed already", order_id);
  return status_with_resource(status, arena, "billing", order_id);
}

static coroutine_fn struct status is_billed(struct rpc_call *call, const char *order_id, bool *ret_billed) {
  struct event_store *store = service_of(call)->store;
  struct arena *arena = call->context.arena;
  struct redis_arguments exists = redis_command_of(arena, "HEXISTS", by_order_key(store, arena), order_id, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, &call->context, &exists, &reply);
  if (status_is_ok(status)) *ret_billed = redis_reply_number(reply, 0) != 0;
  return status;
}

/* What is called of the order service. */
enum { CLAIM_ORDER, RELEASE_ORDER, CALLS };

static const struct peer_method calls[CALLS] = {
    [CLAIM_ORDER] = {.peer = "order", .name = "ClaimOrder"},
    [RELEASE_ORDER] = {.peer = "order", .name = "ReleaseOrder"},
};

/* A billing on its way: one try to record it. */
struct try {
  struct rpc_call *call;
  const struct request_record *record;
  const char *order_id;
  const char *billing_id;
  int64_t expire; /* of the claim, a log time */
};

/* Takes half of the remaining time at most, since the record needs its time, too. A claim can't be given back, since
 * another try of the same request may rely on it. */
static coroutine_fn struct status claim_order(const struct try *try, const Ordershop__V1__Order **ret_order) {
  Ordershop__Internal__V1__ClaimOrderRequest request = ORDERSHOP__INTERNAL__V1__CLAIM_ORDER_REQUEST__INIT;
  request.order_id = (char *)try->order_id;
  request.billing_id = (char *)try->billing_id;
  request.expire_log_time = try->expire;
  struct context context = context_first_half(&try->call->context);
  int64_t asked_us = clock_monotonic_us();
  struct rpc_reply reply = service_call(service_of(try->call), CLAIM_ORDER, &context, &request);
  if (status_is_ok(reply.status)) *ret_order = reply.message;
  if (reply.status.code != STATUS_DEADLINE_EXCEEDED) {
    return status_with_step(reply.status, context.arena, "claiming the order");
  }
  return service_peer_too_slow(service_of(try->call), CLAIM_ORDER, context.arena, asked_us, "record the billing");
}

/* To be called after the record was refused because the claim had expired. If this fails, the claim still expires. */
static coroutine_fn void release_order(const struct try *try) {
  Ordershop__Internal__V1__ReleaseOrderRequest request = ORDERSHOP__INTERNAL__V1__RELEASE_ORDER_REQUEST__INIT;
  request.order_id = (char *)try->order_id;
  request.billing_id = (char *)try->billing_id;
  request.expire_log_time = try->expire;
  (void)service_call(service_of(try->call), RELEASE_ORDER, &try->call->context, &request);
}

/* The order service says billed, but no billing is on record here: one was deleted, and the order service has not seen
 * it yet. It is asked once more after it has. */
static coroutine_fn struct status claim_after_deletion(const struct try *try, const Ordershop__V1__Order **ret_order) {
  struct rpc_call *call = try->call;
  struct arena *arena = call->context.arena;
  bool billed;
  struct status status = is_billed(call, try->order_id, &billed);
  if (!status_is_ok(status)) return status;
  if (billed) return already_billed(arena, try->order_id);
  struct position now;
  status = clock_read(service_of(call)->store, &call->context, &now);
  if (!status_is_ok(status)) return status;
  call->context.after = positions_text_with(arena, call->context.after, service_of(call)->store->log, &now);
  status = claim_order(try, ret_order);
  if (!status_is(status, reason_order_billed)) return status;
  return status_error(arena, STATUS_ABORTED, reason_order_claimed, "order %s is being billed at this moment",
                      try->order_id);
}

static void put_billing(struct transaction *transaction, const struct try *try, Ordershop__V1__Billing *billing,
                        int *ret_before) {
  struct event_origin origin = command_origin(try->call);
  const char *by_order = by_order_key(transaction->store, transaction->arena);
  *ret_before = transaction_require_before(transaction, try->expire);
  transaction_require_no_field(transaction, by_order, try->order_id);
  entity_put_created(transaction, &billing_type, billing, &origin);
  transaction_set_field(transaction, by_order, try->order_id, billing->id, strlen(billing->id));
  request_record_add(try->record, transaction, NULL);
}

/* Records the billing of a claimed order. *ret_again says whether the claim has expired meanwhile. */
static coroutine_fn struct status record_billing(const struct try *try, const Ordershop__V1__Order *order,
                                                 const void **ret_billing, bool *ret_again) {
  struct rpc_call *call = try->call;
  struct arena *arena = call->context.arena;
  struct event_store *store = service_of(call)->store;
  Ordershop__V1__Billing *billing = message_new(arena, &ordershop__v1__billing__descriptor);
  message_set_text(billing, "id", try->billing_id);
  message_set_text(billing, "order_id", try->order_id);
  // A claim that is OK comes with its order. NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
  billing->amount_cents = order->total_cents;
  message_set_time(arena, billing, "done_time", event_store_now(store));

  struct transaction transaction = transaction_of(store, arena);
  struct transaction_result result;
  int before;
  put_billing(&transaction, try, billing, &before);
  /* The order is claimed: even if the caller has no time left, it is better billed than held for nobody. */
  struct context context = context_at_least(&call->context, RECORD_US);
  struct status status = transaction_run(&transaction, &context, &result);
  if (fail_point("billing.after_record")) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "the answer was lost");
  }
  if (!status_is_ok(status)) return status; /* unknown whether it was recorded: the claim stays until it expires */
  if (result.outcome == TRANSACTION_REPLAYED) {
    return command_replay_result(call, &billings, try->record, "created", &result, ret_billing);
  }
  if (result.outcome == TRANSACTION_REFUSED) {
    *ret_again = result.refused_by == before;
    return *ret_again ? status_ok() : already_billed(arena, try->order_id);
  }
  command_tell_position(call, &result.position);
  *ret_billing = billing;
  return status_ok();
}

static coroutine_fn struct status claim_and_record(const struct try *try, const void **ret_billing, bool *ret_again) {
  const Ordershop__V1__Order *order = NULL;
  fail_point("billing.before_claim");
  struct status status = claim_order(try, &order);
  if (status_is(status, reason_order_billed)) status = claim_after_deletion(try, &order);
  if (!status_is_ok(status)) return status;
  fail_point("billing.after_claim");
  status = record_billing(try, order, ret_billing, ret_again);
  if (*ret_again) release_order(try);
  return status;
}

/* Calls that wait for one order, whose claim may last, must not hold up the billings of other orders. */
static coroutine_fn bool wait_for_turn(struct rpc_call *call, struct turn *turn, struct status *ret_status) {
  rpc_call_rest(call);
  bool in_time = turn_wait(turn, ret_status);
  rpc_call_resume(call);
  return in_time;
}

/* As claim_and_record, but waits while another billing of the order is on its way: it will be recorded, or its claim
 * ends. */
static coroutine_fn struct status claim_in_turn(struct try *try, const void **ret_billing, bool *ret_again) {
  struct event_store *store = service_of(try->call)->store;
  struct turn turn = turn_of(store, &try->call->context, "order", try->order_id);
  struct status status;
  do {
    try->expire = event_store_now(store) + claim_seconds * 1000000;
    status = claim_and_record(try, ret_billing, ret_again);
  } while (status_is(status, reason_order_claimed) && wait_for_turn(try->call, &turn, &status));
  turn_end(&turn);
  return status;
}

static coroutine_fn struct status bill_order(struct try *try, const void **ret_billing) {
  struct arena *arena = try->call->context.arena;
  struct event_store *store = service_of(try->call)->store;
  for (int i = 0; i < EXPIRED_CLAIMS_MAX; i++) {
    bool again = false;
    struct status status = claim_in_turn(try, ret_billing, &again);
    if (!status_is_ok(status) || !again) return status;
    struct position now; /* the log is ahead of what this service has seen: the next expiry counts from there */
    status = clock_tick(store, &try->call->context, &now);
    if (!status_is_ok(status)) return status;
  }
  return status_error(arena, STATUS_ABORTED, reason_claim_expired,
                      "the billing of order %s could not be recorded before its claim expired", try->order_id);
}

static coroutine_fn struct status create_billing(struct rpc_call *call, const void *input, const void **ret_billing) {
  const Ordershop__V1__CreateBillingRequest *request = input;
  struct arena *arena = call->context.arena;
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", request->request_id);
  check_input(&violations, &billings, "billing", request->billing);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  struct request_record record = command_record(call, &billings, request, false);
  bool found = false, billed = false;
  status = command_replay(call, &billings, &record, "created", &found, ret_billing);
  if (!status_is_ok(status) || found) return status;
  struct try try = {.call = call, .record = &record};
  try.order_id = uuid_canonical(arena, request->billing->order_id);
  try.billing_id = command_entity_id(call, &billings, &record, 0);
  status = is_billed(call, try.order_id, &billed);
  if (status_is_ok(status)) status = billed ? already_billed(arena, try.order_id) : bill_order(&try, ret_billing);
  return command_replay_refused(call, &billings, &record, "created", status, ret_billing);
}

static const struct rpc_method methods[] = {
    {.name = "CreateBilling", .handler = create_billing, .resource = &billings},
    {.name = "GetBilling", .handler = entity_get, .resource = &billings},
    {.name = "ListBillings", .handler = entity_page_list, .resource = &billings},
    {.name = "DeleteBilling", .handler = entity_delete, .resource = &billings},
};

static const struct setting settings[] = {{
    .variable = "ORDERSHOP_CLAIM_SECONDS",
    .kind = SETTING_INTEGER,
    .target = &claim_seconds,
    .fallback = "60",
    .unit = "seconds",
    .help = "how long an order is claimed for a billing that is being recorded",
    .min = 1,
    .max = 3600,
}};

const struct service_definition billing_service = {
    .brand = &shop_brand,
    .name = "billing",
    .purpose = "records that orders were paid, and asks customers for payment",
    .port = SHOP_PORT_BILLING,
    .services = {{.descriptor = &ordershop__v1__billing_service__descriptor, .methods = ROWS(methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
    .views = {&billing_customers, &known_orders},
    .subscriptions = ROWS(billing_subscriptions),
    .peers = {{.name = "order",
               .port = SHOP_PORT_ORDER,
               .service = &ordershop__internal__v1__order_claim_service__descriptor},
              {.name = "mail", .port = SHOP_PORT_MAIL}},
    .calls = ROWS(calls),
    .outbox = &shop_mail_route,
    .outbox_peer = "mail",
    .settings = ROWS(settings),
};
