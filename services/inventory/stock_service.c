/* SPDX-License-Identifier: Apache-2.0 */
/* StockService: what the order service asks for while it records an order (proto/ordershop/internal/v1/stock.proto). */
#include <ordershop/internal/v1/stock.pb-c.h>

#include "base/field_rules.h"
#include "base/uuid.h"
#include "inventory_service.h"
#include "loop/fail_point.h"
#include "service/command_replay.h"
#include "stock.h"

enum { ORDER_PRODUCTS_MAX = 1000 };

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

static coroutine_fn struct status reserve_stock(struct rpc_call *call, const void *request, const void **ret_response) {
  static const Ordershop__Internal__V1__ReserveStockResponse response =
      ORDERSHOP__INTERNAL__V1__RESERVE_STOCK_RESPONSE__INIT;
  struct arena *arena = call->context.arena;
  const Ordershop__Internal__V1__ReserveStockRequest *reserve = request;
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
  };
  struct position position = {0};
  status = stock_reserve(stock_of(call), &call->context, &reservation, &position);
  if (status_is_ok(status) && fail_point("inventory.after_reserve")) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "the answer was lost");
  }
  if (position.log_time) command_tell_position(call, &position);
  *ret_response = &response;
  return status;
}

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
    {.name = "ReleaseStock", .handler = release_stock},
};
