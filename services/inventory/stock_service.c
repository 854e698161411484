/* SPDX-License-Identifier: Apache-2.0 */
/* StockService: what the order service asks for while it records an order (proto/ordershop/internal/v1/stock.proto). */
#include <ordershop/internal/v1/stock.pb-c.h>

#include "base/clock.h"
#include "base/field_rules.h"
#include "base/uuid.h"
#include "inventory_service.h"
#include "loop/fail_point.h"
#include "rpc/error_details.h"
#include "service/command_replay.h"
#include "shop_brand.h"
#include "stock.h"

enum { ORDER_PRODUCTS_MAX = 1000, BATCH_MAX = 128, BATCH_PRODUCTS_MAX = 2000 };

/* How long one of a batch may hold up the answers of the others. */
static const int64_t BATCHED_US = 250 * 1000;

static void check_reservation(struct violations *violations,
                              const Ordershop__Internal__V1__ReserveStockRequest *reserve) {
  check_uuid(violations, "order_id", reserve->order_id);
  check_uuid(violations, "attempt_id", reserve->attempt_id);
  size_t count = reserve->n_product_ids;
  if (count == 0) violation_add(violations, "product_ids", "must hold at least one");
  if (count > ORDER_PRODUCTS_MAX) {
    violation_add(violations, "product_ids", "must hold at most %d", ORDER_PRODUCTS_MAX);
  }
  for (size_t i = 0; i < count && count <= ORDER_PRODUCTS_MAX; i++) {
    if (uuid_is_valid(reserve->product_ids[i])) continue;
    check_uuid(violations, arena_printf(violations->arena, "product_ids[%zu]", i), reserve->product_ids[i]);
  }
  check_range(violations, "expire_log_time", reserve->expire_log_time, 1, (INT64_C(1) << 53) - 1);
}

/* *ret_position stays as it is where nothing is known of it. */
static coroutine_fn struct status reserve(struct rpc_call *call, struct context *context,
                                          const Ordershop__Internal__V1__ReserveStockRequest *reserve,
                                          struct position *ret_position) {
  struct arena *arena = context->arena;
  struct violations violations = violations_of(arena);
  check_reservation(&violations, reserve);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  const struct stock_reservation reservation = {
      .order_id = uuid_canonical(arena, reserve->order_id),
      .attempt_id = uuid_canonical(arena, reserve->attempt_id),
      .product_ids = reserve->product_ids,
      .product_count = reserve->n_product_ids,
      .expire_log_time = reserve->expire_log_time,
      .order_is_new = reserve->order_is_new,
  };
  status = stock_reserve(stock_of(call), context, &reservation, ret_position);
  if (status_is_ok(status) && fail_point("inventory.after_reserve")) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "the answer was lost");
  }
  return status;
}

static coroutine_fn struct status reserve_stock(struct rpc_call *call, const void *request, const void **ret_response) {
  static const Ordershop__Internal__V1__ReserveStockResponse response =
      ORDERSHOP__INTERNAL__V1__RESERVE_STOCK_RESPONSE__INIT;
  struct position position = {0};
  struct status status = reserve(call, &call->context, request, &position);
  if (position.log_time) command_tell_position(call, &position);
  *ret_response = &response;
  return status;
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

/* One of a batch. */
struct batched {
  struct rpc_call *call;
  const Ordershop__Internal__V1__BatchedReservation *reservation;
  Ordershop__Internal__V1__ReservationOutcome outcome;
  struct position position;
};

static void set_outcome(struct batched *batched, struct status status) {
  struct arena *arena = batched->call->context.arena;
  batched->outcome = (Ordershop__Internal__V1__ReservationOutcome)ORDERSHOP__INTERNAL__V1__RESERVATION_OUTCOME__INIT;
  if (status_is_ok(status)) return;
  const void *details;
  batched->outcome.code = (int32_t)status.code;
  batched->outcome.message = (char *)error_message(arena, status);
  batched->outcome.details.len = error_details_pack(arena, shop_brand.error_domain, status, &details);
  batched->outcome.details.data = (uint8_t *)details;
}

static coroutine_fn void reserve_batched(void *argument) {
  struct batched *batched = argument;
  struct context context = batched->call->context;
  const char *traceparent = batched->reservation->traceparent;
  context.traceparent = *traceparent ? traceparent : NULL;
  int64_t latest_us = clock_monotonic_us() + BATCHED_US;
  if (context.deadline_us > latest_us) context.deadline_us = latest_us;
  set_outcome(batched, reserve(batched->call, &context, batched->reservation->request, &batched->position));
}

static struct status check_batch(struct arena *arena,
                                 const Ordershop__Internal__V1__BatchReserveStockRequest *request) {
  struct violations violations = violations_of(arena);
  size_t count = request->n_reservations, products = 0;
  if (count == 0) violation_add(&violations, "reservations", "must hold at least one");
  if (count > BATCH_MAX) violation_add(&violations, "reservations", "must hold at most %d", BATCH_MAX);
  for (size_t i = 0; i < count && count <= BATCH_MAX; i++) {
    const Ordershop__Internal__V1__ReserveStockRequest *reserve = request->reservations[i]->request;
    if (reserve) products += reserve->n_product_ids;
    if (!reserve) violation_add(&violations, arena_printf(arena, "reservations[%zu].request", i), "is required");
  }
  if (count > 1 && products > BATCH_PRODUCTS_MAX) {
    violation_add(&violations, "reservations", "must hold at most %d products together", BATCH_PRODUCTS_MAX);
  }
  return violations_status(&violations);
}

/* All at the same time: each is decided on what the one before has sent, and one commit takes them all. */
static coroutine_fn struct batched *reserve_all(struct rpc_call *call,
                                                const Ordershop__Internal__V1__BatchReserveStockRequest *request) {
  size_t count = request->n_reservations;
  struct batched *all = arena_calloc(call->context.arena, count, sizeof *all);
  void **items = arena_calloc(call->context.arena, count, sizeof *items);
  for (size_t i = 0; i < count; i++) {
    all[i] = (struct batched){.call = call, .reservation = request->reservations[i]};
    items[i] = &all[i];
  }
  coroutine_for_each(reserve_batched, items, (int)count, (int)count);
  return all;
}

static coroutine_fn struct status batch_reserve_stock(struct rpc_call *call, const void *input,
                                                      const void **ret_response) {
  struct arena *arena = call->context.arena;
  const Ordershop__Internal__V1__BatchReserveStockRequest *request = input;
  struct status status = check_batch(arena, request);
  if (!status_is_ok(status)) return status;

  struct batched *all = reserve_all(call, request);
  Ordershop__Internal__V1__BatchReserveStockResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__internal__v1__batch_reserve_stock_response__init(response);
  response->n_outcomes = request->n_reservations;
  response->outcomes = arena_calloc(arena, response->n_outcomes, sizeof *response->outcomes);
  struct position latest = {0};
  for (size_t i = 0; i < response->n_outcomes; i++) {
    response->outcomes[i] = &all[i].outcome;
    if (all[i].position.log_time > latest.log_time) latest = all[i].position;
  }
  if (latest.log_time) command_tell_position(call, &latest);
  *ret_response = response;
  return status_ok();
}

/* ---- releasing -------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status release_stock(struct rpc_call *call, const void *request, const void **ret_response) {
  static const Ordershop__Internal__V1__ReleaseStockResponse response =
      ORDERSHOP__INTERNAL__V1__RELEASE_STOCK_RESPONSE__INIT;
  struct arena *arena = call->context.arena;
  const Ordershop__Internal__V1__ReleaseStockRequest *release = request;
  struct violations violations = violations_of(arena);
  check_uuid(&violations, "order_id", release->order_id);
  check_uuid(&violations, "attempt_id", release->attempt_id);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  struct position position;
  status = stock_release(stock_of(call), &call->context, uuid_canonical(arena, release->order_id),
                         uuid_canonical(arena, release->attempt_id), &position);
  if (!status_is_ok(status)) return status;
  command_tell_position(call, &position);
  *ret_response = &response;
  return status_ok();
}

const struct rpc_method stock_methods[STOCK_METHODS] = {
    {.name = "ReserveStock", .handler = reserve_stock, .flags = METHOD_RETRIED_WHEN_CAUGHT_UP},
    {.name = "BatchReserveStock", .handler = batch_reserve_stock},
    {.name = "ReleaseStock", .handler = release_stock},
};
