/* SPDX-License-Identifier: Apache-2.0 */
#include "order_resource.h"

#include <ordershop/v1/order.pb-c.h>
#include <string.h>

#include "order_claim.h"

enum { PRODUCTS_MAX = 1000 };

static const struct entity_type order_type = {
    .name = "order",
    .descriptor = &ordershop__v1__order__descriptor,
    .ids_set = true,
    .list_field = "product_ids",
    .indexes = {"customer_id"},
};

const char *order_unbilled_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "order_unbilled");
}

static void check_product_ids(struct violations *violations, const char *path, const Ordershop__V1__Order *order) {
  if (order->n_product_ids == 0) violation_add(violations, path, "must hold at least one product id");
  if (order->n_product_ids > PRODUCTS_MAX) {
    violation_add(violations, path, "must hold at most %d product ids", PRODUCTS_MAX);
    return;
  }
  for (size_t i = 0; i < order->n_product_ids; i++) {
    check_uuid(violations, arena_printf(violations->arena, "%s[%zu]", path, i), order->product_ids[i]);
  }
}

static void check_order(struct violations *violations, const char *path, const void *entity, const char *field) {
  const Ordershop__V1__Order *order = entity;
  if (strcmp(field, "customer_id") == 0) check_uuid(violations, path, order->customer_id);
  if (strcmp(field, "product_ids") == 0) check_product_ids(violations, path, order);
}

static int guard_deletion(struct transaction *transaction, const void *entity) {
  const Ordershop__V1__Order *order = entity;
  transaction_remove_scored(transaction, order_unbilled_key(transaction->store, transaction->arena), order->id);
  return order_require_unclaimed(transaction, order->id);
}

static struct status explain_deletion(struct rpc_call *call, const void *entity, const char *claim) {
  return order_change_refusal(call->context.arena, ((const Ordershop__V1__Order *)entity)->id, claim);
}

const struct resource orders = {
    .type = &order_type,
    .input_fields = {"customer_id", "product_ids"},
    .mutable_fields = {"product_ids"},
    .reference_fields = {"customer_id", "product_ids"},
    .check = check_order,
    .list_filter = "customer_id",
    .guard_deletion = guard_deletion,
    .explain_deletion = explain_deletion,
};
