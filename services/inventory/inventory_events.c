/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory, what it hears: orders settle their reservations; products come and go. */
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>

#include "consumer/projection.h"
#include "inventory_service.h"
#include "stock.h"

const struct view inventory_products = {.name = "products", .record = &ordershop__v1__product__descriptor};

static struct status settle_orders(struct work *work, const struct event *const *events, size_t count) {
  const struct service *service = work_user(work);
  return stock_settle(service->user, work_context(work), work_epoch(work), events, count);
}

/* Only that it exists matters, so nothing is heard of its changes. */
static struct status add_product(struct work *work, const struct event *event) {
  Ordershop__V1__Product record = ORDERSHOP__V1__PRODUCT__INIT;
  record.id = (char *)event_entity_id(event);
  work_put(work, &inventory_products, record.id, &record);
  return status_ok();
}

static struct status remove_product(struct work *work, const struct event *event) {
  work_remove(work, &inventory_products, event_entity_id(event));
  return status_ok();
}

const struct subscription inventory_subscriptions[INVENTORY_SUBSCRIPTIONS] = {
    {.entity = &ordershop__v1__order__descriptor,
     .source = "order",
     .created_run = settle_orders,
     .updated_run = settle_orders,
     .deleted_run = settle_orders},
    {.entity = &ordershop__v1__product__descriptor,
     .source = "product",
     .created = add_product,
     .deleted = remove_product},
};

struct status inventory_housekeep(void *service, struct context *context, int64_t position, const char *epoch,
                                  bool *ret_tick) {
  struct stock *stock = ((struct service *)service)->user;
  struct event_store *store = ((struct service *)service)->store;
  int64_t next_expiry;
  struct status status = stock_expire(stock, context, epoch, position);
  if (status_is_ok(status)) status = stock_next_expiry(stock, context, position, &next_expiry);
  if (!status_is_ok(status)) return status;
  *ret_tick = next_expiry <= event_store_now(store);
  return status_ok();
}
