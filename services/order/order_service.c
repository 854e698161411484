/* SPDX-License-Identifier: Apache-2.0 */
/* Order: what customers have ordered (proto/ordershop/v1/order.proto). */
#include "order_service.h"

#include <ordershop/internal/v1/order_claim.pb-c.h>
#include <ordershop/internal/v1/stock.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <string.h>

#include "base/message.h"
#include "order_claim.h"
#include "order_claim_service.h"
#include "order_events.h"
#include "order_items.h"
#include "order_lookup.h"
#include "order_record.h"
#include "order_resource.h"
#include "service/command_replay.h"
#include "service/entity_command.h"
#include "service/update_mask.h"
#include "shop.h"
#include "stock_calls.h"
#include "store/turn.h"

/* The products of an order that `before` (may be NULL) does not have. */
static struct product_list new_products(struct arena *arena, const Ordershop__V1__Order *order,
                                        const Ordershop__V1__Order *before) {
  struct product_list list = distinct_products(arena, order->product_ids, order->n_product_ids);
  struct product_list fresh = {.ids = arena_calloc(arena, list.count, sizeof *fresh.ids)};
  for (size_t i = 0; i < list.count; i++) {
    if (!order_item_of(before, list.ids[i])) fresh.ids[fresh.count++] = list.ids[i];
  }
  return fresh;
}

static coroutine_fn struct status create_order(struct rpc_call *call, const void *input, const void **ret_order) {
  const Ordershop__V1__CreateOrderRequest *request = input;
  struct arena *arena = call->context.arena;
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", request->request_id);
  check_input(&violations, &orders, "order", request->order);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  struct request_record record = command_record(call, &orders, request, false);
  Ordershop__V1__Order *order = entity_of_input(arena, &orders, request->order);
  order->id = (char *)command_entity_id(call, &orders, &record, 0);
  struct product_list list = new_products(arena, order, NULL);
  struct order_lookup lookup;
  order_lookup_send(&lookup, call, order->customer_id, &list);
  bool found = false;
  status = command_replay(call, &orders, &record, "created", &found, ret_order);
  struct status known = order_lookup_receive(&lookup); /* came in the same trip */
  if (!status_is_ok(status) || found) return status;
  if (status_is_ok(known)) known = order_lookup_complete(&lookup);
  if (status_is_ok(known)) {
    order_price(arena, order, NULL, lookup.products, list.count);
    const struct order_change change = {.what = "created", .order = order};
    enum order_outcome outcome;
    known = order_reserve_and_record(call, &record, &change, &outcome, ret_order);
  }
  return command_replay_refused(call, &orders, &record, "created", known, ret_order);
}

static coroutine_fn struct status list_unbilled_orders(struct rpc_call *call, const void *request,
                                                       const void **ret_response) {
  const char *index = order_unbilled_key(service_of(call)->store, call->context.arena);
  return entity_page_list_by(call, request, index, "", ret_response);
}

static bool same_products(const Ordershop__V1__Order *left, const Ordershop__V1__Order *right) {
  if (left->n_product_ids != right->n_product_ids) return false;
  for (size_t i = 0; i < left->n_product_ids; i++) {
    if (strcmp(left->product_ids[i], right->product_ids[i]) != 0) return false;
  }
  return true;
}

/* Makes one try. The outcome ORDER_CHANGED means that somebody else was quicker. */
static coroutine_fn struct status try_update(struct rpc_call *call, const Ordershop__V1__UpdateOrderRequest *request,
                                             const struct update_plan *plan, const struct request_record *record,
                                             enum order_outcome *ret_outcome, const void **ret_order) {
  struct arena *arena = call->context.arena;
  struct event_store *store = service_of(call)->store;
  void *current, *changed;
  const char *claim;
  struct status status = entity_load(store, &call->context, orders.type, request->order->id, &current);
  if (!status_is_ok(status)) return status;
  if (version_differs(arena, &orders, current, request->order->version, &status)) return status;
  status = update_plan_apply(plan, arena, &orders, request, current, &changed);
  if (!status_is_ok(status)) return status;
  if (same_products(current, changed)) {
    *ret_outcome = ORDER_RECORDED;
    return command_answer_unchanged(call, &orders, record, current, ret_order);
  }
  status = order_claim_read(store, &call->context, ((Ordershop__V1__Order *)current)->id, &claim);
  if (!status_is_ok(status)) return status;
  if (claim) return order_change_refusal(arena, request->order->id, claim);
  struct product_list list = new_products(arena, changed, current);
  struct order_lookup lookup;
  order_lookup_send(&lookup, call, NULL, &list);
  status = order_lookup_receive(&lookup);
  if (status_is_ok(status)) status = order_lookup_complete(&lookup);
  if (!status_is_ok(status)) return status;
  order_price(arena, changed, current, lookup.products, list.count);

  const struct order_change change = {.what = "updated", .order = changed};
  return order_reserve_and_record(call, record, &change, ret_outcome, ret_order);
}

static coroutine_fn struct status update_order(struct rpc_call *call, const void *input, const void **ret_order) {
  struct arena *arena = call->context.arena;
  const Ordershop__V1__UpdateOrderRequest *request = input;
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", request->request_id);
  struct update_plan plan = update_plan_of(&violations, &orders, request);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  struct request_record record = command_record(call, &orders, request, true);
  bool found = false;
  status = command_replay(call, &orders, &record, "updated", &found, ret_order);
  if (!status_is_ok(status) || found) return status;
  struct turn turn = turn_of(service_of(call)->store, &call->context, "order", request->order->id);
  enum order_outcome outcome;
  do {
    outcome = ORDER_CHANGED;
    status = try_update(call, request, &plan, &record, &outcome, ret_order);
  } while (status_is_ok(status) && outcome == ORDER_CHANGED && turn_wait(&turn, &status));
  turn_end(&turn);
  return command_replay_refused(call, &orders, &record, "updated", status, ret_order);
}

static const struct rpc_method methods[] = {
    {.name = "CreateOrder", .handler = create_order, .resource = &orders, .flags = METHOD_READS_VIEWS},
    {.name = "GetOrder", .handler = entity_get, .resource = &orders},
    {.name = "ListOrders", .handler = entity_page_list, .resource = &orders},
    {.name = "UpdateOrder", .handler = update_order, .resource = &orders, .flags = METHOD_READS_VIEWS},
    {.name = "DeleteOrder", .handler = entity_delete, .resource = &orders, .flags = METHOD_READS_VIEWS},
    {.name = "ListUnbilledOrders",
     .handler = list_unbilled_orders,
     .resource = &orders,
     .flags = METHOD_READS_VIEWS | METHOD_ONLY_READS},
};

static const struct peer_method calls[ORDER_CALLS] = {
    [GET_CUSTOMER] = {.peer = "customer", .name = "GetCustomer"},
    [BATCH_GET_PRODUCTS] = {.peer = "product", .name = "BatchGetProducts"},
    [RESERVE_STOCK] = {.peer = "inventory", .name = "ReserveStock"},
    [BATCH_RESERVE_STOCK] = {.peer = "inventory", .name = "BatchReserveStock"},
    [RELEASE_STOCK] = {.peer = "inventory", .name = "ReleaseStock"},
};

static const struct setting settings[] = {{
    .variable = "ORDERSHOP_RESERVATION_SECONDS",
    .kind = SETTING_INTEGER,
    .target = &order_reservation_seconds,
    .fallback = "60",
    .unit = "seconds",
    .help = "how long stock is held for an order that is being recorded",
    .min = 1,
    .max = 3600,
}};

static struct status start(struct service *service) {
  service->user = stock_calls_new(service);
  return status_ok();
}

const struct service_definition order_service = {
    .brand = &shop_brand,
    .name = "order",
    .purpose = "keeps the orders of the shop",
    .port = SHOP_PORT_ORDER,
    .services = {{.descriptor = &ordershop__v1__order_service__descriptor, .methods = ROWS(methods)},
                 {.descriptor = &ordershop__internal__v1__order_claim_service__descriptor,
                  .methods = ROWS(order_claim_methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
    .views = {&order_products, &order_customers},
    .subscriptions = ROWS(order_subscriptions),
    .internal_callers = "billing",
    .peers = {{.name = "customer", .port = SHOP_PORT_CUSTOMER, .service = &ordershop__v1__customer_service__descriptor},
              {.name = "product", .port = SHOP_PORT_PRODUCT, .service = &ordershop__v1__product_service__descriptor},
              {.name = "inventory",
               .port = SHOP_PORT_INVENTORY,
               .service = &ordershop__internal__v1__stock_service__descriptor}},
    .calls = ROWS(calls),
    .settings = ROWS(settings),
    .start = start,
    .housekeep = order_claims_expire,
    .housekeep_owner = "billing",
};
