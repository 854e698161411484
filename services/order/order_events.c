/* What the order service listens to: products and customers for its views, billings for its claims. */
#include "order_events.h"

#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/product.pb-c.h>

#include "consumer/projection.h"
#include "order_claims.h"

const struct view order_products = {.name = "products", .record = &ordershop__v1__product__descriptor};
const struct view order_customers = {.name = "customers", .record = &ordershop__v1__customer__descriptor};

static struct status keep_product(struct work *work, const struct event *event) {
  projection_keep(work, &order_products, event);
  return status_ok();
}

static struct status keep_customer(struct work *work, const struct event *event) {
  projection_keep(work, &order_customers, event);
  return status_ok();
}

static const char *billed_order(const struct event *event) {
  return ((const Ordershop__V1__Billing *)event->entity)->order_id;
}

#define PRODUCT &ordershop__v1__product__descriptor
#define CUSTOMER &ordershop__v1__customer__descriptor
#define BILLING &ordershop__v1__billing__descriptor

const struct subscription order_subscriptions[ORDER_SUBSCRIPTIONS] = {
    {.stream = "product_created",
     .entity = PRODUCT,
     .source = "product",
     .key = event_entity_id,
     .apply = keep_product},
    {.stream = "product_updated",
     .entity = PRODUCT,
     .source = "product",
     .key = event_entity_id,
     .apply = keep_product},
    {.stream = "product_deleted",
     .entity = PRODUCT,
     .source = "product",
     .key = event_entity_id,
     .apply = keep_product},
    {.stream = "customer_created",
     .entity = CUSTOMER,
     .source = "customer",
     .key = event_entity_id,
     .apply = keep_customer},
    {.stream = "customer_updated",
     .entity = CUSTOMER,
     .source = "customer",
     .key = event_entity_id,
     .apply = keep_customer},
    {.stream = "customer_deleted",
     .entity = CUSTOMER,
     .source = "customer",
     .key = event_entity_id,
     .apply = keep_customer},
    {.stream = "billing_created",
     .entity = BILLING,
     .source = "billing",
     .key = billed_order,
     .apply = order_claim_settle},
    {.stream = "billing_deleted",
     .entity = BILLING,
     .source = "billing",
     .key = billed_order,
     .apply = order_claim_free},
};
