/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory: the stock of each product (proto/ordershop/v1/inventory.proto). stock_service.c and stock.h are about what
 * orders hold of it. */
#include "inventory_service.h"

#include <inttypes.h>
#include <ordershop/internal/v1/stock.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <string.h>

#include "base/duplicates.h"
#include "base/message.h"
#include "base/uuid.h"
#include "inventory_id.h"
#include "reservation_expiry.h"
#include "service/command_replay.h"
#include "service/entity_command.h"
#include "service/update_mask.h"
#include "shop.h"
#include "shop_reasons.h"
#include "stock.h"
#include "store/page_token.h"

static const int64_t AMOUNT_MAX = 1000000000;

static const struct entity_type inventory_type = {
    .name = "inventory",
    .descriptor = &ordershop__v1__inventory__descriptor,
    .ids_set = true,
};

static void check_inventory(struct violations *violations, const char *path, const void *entity, const char *field) {
  const Ordershop__V1__Inventory *inventory = entity;
  if (strcmp(field, "product_id") == 0) check_uuid(violations, path, inventory->product_id);
  if (strcmp(field, "amount") == 0) check_range(violations, path, inventory->amount, 0, AMOUNT_MAX);
}

static const char *id_by_product(struct arena *arena, const void *entity) {
  return inventory_id(arena, ((const Ordershop__V1__Inventory *)entity)->product_id);
}

static int require_nothing_reserved(struct transaction *transaction, const void *entity) {
  const Ordershop__V1__Inventory *inventory = entity;
  const char *key = entity_key(transaction->store, transaction->arena, &inventory_type, inventory->id);
  return transaction_require_field(transaction, key, "reserved_amount", "0");
}

static struct status explain_reserved(struct rpc_call *call, const void *entity, const char *actual) {
  struct arena *arena = call->context.arena;
  const Ordershop__V1__Inventory *inventory = entity;
  /* Without the field it was deleted a moment ago. */
  if (!actual) return status_not_found(arena, "inventory", inventory->id);
  struct status status = status_error(arena, STATUS_FAILED_PRECONDITION, reason_stock_reserved,
                                      "orders hold %s units of inventory %s", actual, inventory->id);
  status = status_with_metadata(status, arena, "reserved_amount", actual);
  return status_with_precondition(status, arena, "STOCK", arena_printf(arena, "inventory/%s", inventory->id),
                                  status.message);
}

static const struct resource inventories = {
    .type = &inventory_type,
    .input_fields = {"product_id", "amount"},
    .mutable_fields = {"amount"},
    .check = check_inventory,
    .entity_id = id_by_product,
    .guard_deletion = require_nothing_reserved,
    .explain_deletion = explain_reserved,
};

struct stock *stock_of(const struct rpc_call *call) {
  return service_of(call)->user;
}

/* ---- products --------------------------------------------------------------------------------------------------- */

enum { BATCH_GET_PRODUCTS, CALLS };

static const struct peer_method calls[CALLS] = {[BATCH_GET_PRODUCTS] = {.peer = "product", .name = "BatchGetProducts"}};

/* Asks the product service for those that the view lacks: they were made a moment ago, or are no products. */
static coroutine_fn struct status ask_for_products(struct rpc_call *call, const char **ids, size_t count) {
  Ordershop__V1__BatchGetProductsRequest request = ORDERSHOP__V1__BATCH_GET_PRODUCTS_REQUEST__INIT;
  request.ids = (char **)ids;
  request.n_ids = count;
  struct status status = service_call(service_of(call), BATCH_GET_PRODUCTS, &call->context, &request).status;
  return status_with_step(status, call->context.arena, "looking up the products");
}

/* Errors: NOT_FOUND PRODUCT_NOT_FOUND. */
static coroutine_fn struct status require_products(struct rpc_call *call, const char *const *ids, size_t count) {
  struct arena *arena = call->context.arena;
  void **records = arena_calloc(arena, count, sizeof *records);
  struct status status =
      view_read_many(service_of(call)->store, &call->context, &inventory_products, ids, count, records);
  if (!status_is_ok(status)) return status;
  const char **unknown = arena_calloc(arena, count, sizeof *unknown);
  size_t unknown_count = 0;
  for (size_t i = 0; i < count; i++) {
    if (!records[i]) unknown[unknown_count++] = ids[i];
  }
  return unknown_count > 0 ? ask_for_products(call, unknown, unknown_count) : status_ok();
}

/* A request that was answered before is answered again, even if a product has been deleted since. */
static coroutine_fn struct status require_products_of(struct rpc_call *call, const void *request,
                                                      const char *const *ids, size_t count) {
  struct status missing = require_products(call, ids, count);
  if (missing.code != STATUS_NOT_FOUND) return missing;
  struct request_record record = command_record(call, &inventories, request, false);
  struct request_trace trace;
  bool found;
  struct status status = request_record_find(&record, service_of(call)->store, &call->context, &found, &trace);
  if (!status_is_ok(status)) return status;
  return found ? status_ok() : missing;
}

/* ---- errors that name what the caller named, a product --------------------------------------------------------- */

static struct status has_no_stock(struct arena *arena, const char *product_id) {
  struct status status =
      status_error(arena, STATUS_NOT_FOUND, reason_not_found("inventory"), "product %s has no stock", product_id);
  return status_with_resource(status, arena, "inventory", product_id);
}

/* For a creation: says of the product that it has an inventory already. */
static struct status explain_creation(struct arena *arena, struct status status, const char *const *product_ids,
                                      size_t count) {
  if (status.code != STATUS_ALREADY_EXISTS) return status;
  const char *id = status.details->resource_name;
  size_t i = 0;
  while (i + 1 < count && strcmp(inventory_id(arena, product_ids[i]), id) != 0) i++;
  return status_with_message(status, arena, "product %s has a stock already: inventory %s", product_ids[i], id);
}

/* ---- creating --------------------------------------------------------------------------------------------------- */

/* With the product's id in canonical form, from which the inventory's is derived. */
static Ordershop__V1__Inventory *canonical_inventory(struct arena *arena, const Ordershop__V1__Inventory *given) {
  Ordershop__V1__Inventory *inventory = message_share(arena, given);
  const char *product_id = uuid_canonical(arena, given->product_id);
  if (product_id) inventory->product_id = (char *)product_id;
  return inventory;
}

static coroutine_fn struct status create_inventory(struct rpc_call *call, const void *request,
                                                   const void **ret_inventory) {
  struct arena *arena = call->context.arena;
  Ordershop__V1__CreateInventoryRequest *create = message_share(arena, request);
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", create->request_id);
  check_input(&violations, &inventories, "inventory", create->inventory);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  create->inventory = canonical_inventory(arena, create->inventory);
  const char *product_id = create->inventory->product_id;
  status = require_products_of(call, create, &product_id, 1);
  if (!status_is_ok(status)) return status;
  status = entity_create(call, create, ret_inventory);
  return explain_creation(arena, status, &product_id, 1);
}

static void check_products_differ(struct violations *violations, Ordershop__V1__Inventory *const *given, size_t count) {
  const char **ids = arena_calloc(violations->arena, count, sizeof *ids);
  for (size_t i = 0; i < count; i++) ids[i] = *given[i]->product_id ? given[i]->product_id : NULL;
  const size_t *firsts = duplicates_find(violations->arena, ids, count);
  for (size_t i = 0; i < count; i++) {
    if (firsts[i] == i) continue;
    violation_add(violations, arena_printf(violations->arena, "inventories[%zu].product_id", i), "comes twice");
  }
}

static struct status check_batch(struct arena *arena, const Ordershop__V1__BatchCreateInventoriesRequest *create) {
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", create->request_id);
  if (!check_batch_size(&violations, "inventories", create, create->n_inventories)) {
    return violations_status(&violations);
  }
  for (size_t i = 0; i < create->n_inventories; i++) {
    check_input(&violations, &inventories, arena_printf(arena, "inventories[%zu]", i), create->inventories[i]);
  }
  check_products_differ(&violations, create->inventories, create->n_inventories);
  return violations_status(&violations);
}

static coroutine_fn struct status batch_create_inventories(struct rpc_call *call, const void *request,
                                                           const void **ret_response) {
  struct arena *arena = call->context.arena;
  Ordershop__V1__BatchCreateInventoriesRequest *create = message_share(arena, request);
  size_t count = create->n_inventories;
  Ordershop__V1__Inventory **given = arena_calloc(arena, count, sizeof *given);
  for (size_t i = 0; i < count; i++) given[i] = canonical_inventory(arena, create->inventories[i]);
  create->inventories = given;
  struct status status = check_batch(arena, create);
  if (!status_is_ok(status)) return status;

  const char **product_ids = arena_calloc(arena, count, sizeof *product_ids);
  for (size_t i = 0; i < count; i++) product_ids[i] = given[i]->product_id;
  status = require_products_of(call, create, product_ids, count);
  if (!status_is_ok(status)) return status;
  status = entity_batch_create(call, create, ret_response);
  return explain_creation(arena, status, product_ids, count);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* A product has one inventory, whose id is derived from its own: there is nothing to page through. */
static coroutine_fn struct status list_of_product(struct rpc_call *call,
                                                  const Ordershop__V1__ListInventoriesRequest *list,
                                                  const void **ret_response) {
  struct arena *arena = call->context.arena;
  struct violations violations = violations_of(arena);
  check_uuid(&violations, "product_id", list->product_id);
  check_page_size(&violations, list->page_size);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;
  if (*list->page_token) return page_token_invalid(arena);
  Ordershop__V1__ListInventoriesResponse *response =
      message_new(arena, &ordershop__v1__list_inventories_response__descriptor);
  response->inventories = arena_calloc(arena, 1, sizeof *response->inventories);
  const char *id = inventory_id(arena, uuid_canonical(arena, list->product_id));
  status = entity_load(service_of(call)->store, &call->context, &inventory_type, id, (void **)response->inventories);
  if (!status_is_ok(status) && status.code != STATUS_NOT_FOUND) return status;
  response->n_inventories = status_is_ok(status) ? 1 : 0;
  *ret_response = response;
  return status_ok();
}

static coroutine_fn struct status list_inventories(struct rpc_call *call, const void *request,
                                                   const void **ret_response) {
  const Ordershop__V1__ListInventoriesRequest *list = request;
  if (*list->product_id) return list_of_product(call, list, ret_response);
  return entity_page_list(call, request, ret_response);
}

/* ---- changing --------------------------------------------------------------------------------------------------- */

static struct status out_of_range(struct arena *arena, const struct stock_adjustment *adjustment, int64_t amount) {
  struct status status = status_error(arena, STATUS_FAILED_PRECONDITION, reason_stock_out_of_range,
                                      "the amount is %" PRId64 "; changed by %" PRId64 " it would leave 0 to %" PRId64,
                                      amount, adjustment->number, AMOUNT_MAX);
  status = status_with_metadata(status, arena, "available", arena_printf(arena, "%" PRId64, amount));
  const char *subject = adjustment->product_id ? arena_printf(arena, "product/%s", adjustment->product_id)
                                               : arena_printf(arena, "inventory/%s", adjustment->inventory_id);
  return status_with_precondition(status, arena, "STOCK", subject, status.message);
}

static coroutine_fn struct status adjust(struct rpc_call *call, const struct stock_adjustment *adjustment,
                                         const struct request_record *record, const void **ret_inventory) {
  struct arena *arena = call->context.arena;
  struct stock_adjusted adjusted;
  struct status status = stock_adjust(stock_of(call), &call->context, adjustment, record, &adjusted);
  if (!status_is_ok(status)) return status;
  struct transaction_result earlier = {
      .outcome = TRANSACTION_REPLAYED, .record = adjusted.record, .record_size = adjusted.record_size};
  switch (adjusted.outcome) {
    case STOCK_REPLAYED:
      return command_replay_result(call, &inventories, record, "updated", &earlier, ret_inventory);
    case STOCK_MISSING:
      if (adjustment->product_id) return has_no_stock(arena, adjustment->product_id);
      return status_not_found(arena, "inventory", adjustment->inventory_id);
    case STOCK_OTHER_VERSION:
      return version_mismatch(arena, &inventories, adjustment->inventory_id, adjustment->version, adjusted.actual);
    case STOCK_OUT_OF_RANGE:
      return out_of_range(arena, adjustment, adjusted.actual);
    case STOCK_DONE:
      break;
  }
  command_tell_position(call, &adjusted.position);
  *ret_inventory = message_unpack(arena, inventory_type.descriptor, adjusted.inventory, adjusted.inventory_size);
  if (*ret_inventory) return status_ok();
  return status_error(arena, STATUS_DATA_LOSS, reason_entity_undecodable,
                      "what is stored of inventory %s can't be decoded", adjustment->inventory_id);
}

/* An inventory's product can be told from its id, without reading it. */
static void check_same_product(struct violations *violations, const Ordershop__V1__Inventory *given) {
  const char *product_id = uuid_canonical(violations->arena, given->product_id);
  const char *id = product_id ? inventory_id(violations->arena, product_id) : "";
  if (strcasecmp(id, given->id) != 0) violation_add(violations, "inventory.product_id", "can't be changed");
}

static coroutine_fn struct status update_inventory(struct rpc_call *call, const void *request,
                                                   const void **ret_inventory) {
  struct arena *arena = call->context.arena;
  const Ordershop__V1__UpdateInventoryRequest *update = request;
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", update->request_id);
  struct update_plan plan = update_plan_of(&violations, &inventories, request);
  if (plan.unchanged_count > 0) check_same_product(&violations, update->inventory);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  const struct stock_adjustment adjustment = {
      .inventory_id = uuid_canonical(arena, update->inventory->id),
      .change = plan.field_count > 0 ? STOCK_SET : STOCK_KEEP,
      .number = update->inventory->amount,
      .version = update->inventory->version,
  };
  struct request_record record = command_record(call, &inventories, request, true);
  return adjust(call, &adjustment, &record, ret_inventory);
}

static coroutine_fn struct status adjust_stock(struct rpc_call *call, const void *request, const void **ret_inventory) {
  struct arena *arena = call->context.arena;
  const Ordershop__V1__AdjustStockRequest *given = request;
  struct violations violations = violations_of(arena);
  check_uuid(&violations, "product_id", given->product_id);
  check_range(&violations, "delta", given->delta, -AMOUNT_MAX, AMOUNT_MAX);
  if (given->delta == 0) violation_add(&violations, "delta", "must not be 0");
  check_optional_uuid(&violations, "request_id", given->request_id);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  const char *product_id = uuid_canonical(arena, given->product_id);
  const struct stock_adjustment adjustment = {
      .inventory_id = inventory_id(arena, product_id),
      .product_id = product_id,
      .change = STOCK_ADD,
      .number = given->delta,
  };
  struct request_record record = command_record(call, &inventories, request, false);
  return adjust(call, &adjustment, &record, ret_inventory);
}

/* ---- the service ------------------------------------------------------------------------------------------------ */

/* Events of orders that were not handled yet can only give stock back, so a command may be refused that they would
 * allow. */
static const struct rpc_method inventory_methods[] = {
    {.name = "CreateInventory", .handler = create_inventory, .resource = &inventories, .flags = METHOD_READS_VIEWS},
    {.name = "BatchCreateInventories",
     .handler = batch_create_inventories,
     .resource = &inventories,
     .flags = METHOD_READS_VIEWS},
    {.name = "GetInventory", .handler = entity_get, .resource = &inventories, .flags = METHOD_READS_VIEWS},
    {.name = "ListInventories",
     .handler = list_inventories,
     .resource = &inventories,
     .flags = METHOD_READS_VIEWS | METHOD_ONLY_READS},
    {.name = "UpdateInventory", .handler = update_inventory, .resource = &inventories},
    {.name = "DeleteInventory",
     .handler = entity_delete,
     .resource = &inventories,
     .flags = METHOD_RETRIED_WHEN_CAUGHT_UP},
    {.name = "AdjustStock", .handler = adjust_stock, .resource = &inventories, .flags = METHOD_RETRIED_WHEN_CAUGHT_UP},
};

static struct status start(struct service *service) {
  service->user = stock_new(service->store, service_store_of(service, "order"), service->arena);
  return status_ok();
}

static void stopping(struct service *service) {
  stock_stop(service->user);
}

const struct service_definition inventory_service = {
    .brand = &shop_brand,
    .name = "inventory",
    .purpose = "keeps the stock of the shop and what orders hold of it",
    .port = SHOP_PORT_INVENTORY,
    .services = {{.descriptor = &ordershop__v1__inventory_service__descriptor, .methods = ROWS(inventory_methods)},
                 {.descriptor = &ordershop__internal__v1__stock_service__descriptor, .methods = ROWS(stock_methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
    .views = {&inventory_products},
    .subscriptions = ROWS(inventory_subscriptions),
    .internal_callers = "order",
    .peers = {{.name = "product", .port = SHOP_PORT_PRODUCT, .service = &ordershop__v1__product_service__descriptor}},
    .calls = ROWS(calls),
    .start = start,
    .stopping = stopping,
    .housekeep = reservations_housekeep,
    .housekeep_owner = "order",
};
