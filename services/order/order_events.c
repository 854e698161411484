/* SPDX-License-Identifier: Apache-2.0 */
/* What the order service listens to: products and customers for its views, billings for its claims. */
#include "order_events.h"

#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/product.pb-c.h>

#include "order_claim_service.h"

const struct view order_products = {.name = "products", .record = &ordershop__v1__product__descriptor};
const struct view order_customers = {.name = "customers", .record = &ordershop__v1__customer__descriptor};

static const char *billed_order(const struct event *event) {
  return ((const Ordershop__V1__Billing *)event->entity)->order_id;
}

const struct subscription order_subscriptions[ORDER_SUBSCRIPTIONS] = {
    {.entity = &ordershop__v1__product__descriptor, .owner = "product", .projection = &order_products},
    {.entity = &ordershop__v1__customer__descriptor, .owner = "customer", .projection = &order_customers},
    {.entity = &ordershop__v1__billing__descriptor,
     .owner = "billing",
     .created = order_claim_settle,
     .deleted = order_claim_free,
     .key = billed_order},
};
