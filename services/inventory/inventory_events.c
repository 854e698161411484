/* SPDX-License-Identifier: Apache-2.0 */
/* What inventory does with events: orders settle their reservations; products come and go. */
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>

#include "consumer/projection.h"
#include "inventory_service.h"
#include "reservation_settlement.h"

/* Only that a product exists matters, so there is no subscription to its changes. */
const struct view inventory_products = {
    .name = "products", .record = &ordershop__v1__product__descriptor, .fields = {"id"}};

static coroutine_fn struct status settle_orders(struct work *work, const struct event *const *events, size_t count) {
  const struct service *service = work_user(work);
  return reservations_settle(service->user, work_context(work), work_epoch(work), events, count, work_retried(work));
}

static struct status keep_product(struct work *work, const struct event *event) {
  projection_keep(work, &inventory_products, event);
  return status_ok();
}

const struct subscription inventory_subscriptions[INVENTORY_SUBSCRIPTIONS] = {
    {.entity = &ordershop__v1__order__descriptor,
     .owner = "order",
     .created_run = settle_orders,
     .updated_run = settle_orders,
     .deleted_run = settle_orders},
    {.entity = &ordershop__v1__product__descriptor,
     .owner = "product",
     .created = keep_product,
     .deleted = keep_product},
};
