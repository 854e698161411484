/* SPDX-License-Identifier: Apache-2.0 */
/* What billing listens to: orders, for which it asks the customer for payment; its own billings, for which it thanks;
 * customers, to know where to write. */
#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <string.h>

#include "billing_service.h"
#include "consumer/projection.h"
#include "known_orders.h"
#include "money.h"
#include "shop_mail.h"

const struct view billing_customers = {.name = "customers", .record = &ordershop__v1__customer__descriptor};

static struct status keep_order(struct work *work, const struct event *event) {
  projection_keep(work, &known_orders, event);
  return status_ok();
}

/* Only a request for payment needs the customer. */
static void want_customer(struct work *work, const struct event *event) {
  if (strcmp(event->stream, "order_created") != 0) return;
  work_want(work, &billing_customers, ((const Ordershop__V1__Order *)event->entity)->customer_id);
}

/* Asks the customer for payment. One who is gone is not asked. */
static coroutine_fn struct status request_payment(struct work *work, const struct event *event) {
  const Ordershop__V1__Order *order = event->entity;
  void *found;
  struct status status = work_get(work, &billing_customers, order->customer_id, &found);
  if (!status_is_ok(status)) return status;
  projection_keep(work, &known_orders, event);
  const Ordershop__V1__Customer *customer = found;
  if (!customer) return status_ok();
  struct arena *arena = work_arena(work);
  const char *body = arena_printf(arena, "Dear %s,\n\nplease pay %s for your order %s.\n\nYour OrderShop\n",
                                  customer->name, money_text(arena, order->total_cents), order->id);
  work_send(work, shop_mail_new(arena, SHOP_MAIL_PAYMENT_REQUEST, event->event_id, customer->email,
                                "Please pay for your order", body));
  return status_ok();
}

static void want_order(struct work *work, const struct event *event) {
  work_want(work, &known_orders, ((const Ordershop__V1__Billing *)event->entity)->order_id);
}

/* Thanks for the payment. */
static coroutine_fn struct status acknowledge_payment(struct work *work, const struct event *event) {
  const Ordershop__V1__Billing *billing = event->entity;
  void *order, *found = NULL;
  struct status status = work_get(work, &known_orders, billing->order_id, &order);
  if (status_is_ok(status) && order) {
    status = work_get(work, &billing_customers, ((Ordershop__V1__Order *)order)->customer_id, &found);
  }
  if (!status_is_ok(status)) return status;
  const Ordershop__V1__Customer *customer = found;
  if (!customer) return status_ok();
  struct arena *arena = work_arena(work);
  const char *body =
      arena_printf(arena, "Dear %s,\n\nwe have received %s for your order %s. Thank you.\n\nYour OrderShop\n",
                   customer->name, money_text(arena, billing->amount_cents), billing->order_id);
  work_send(work, shop_mail_new(arena, SHOP_MAIL_PAYMENT_RECEIVED, event->event_id, customer->email,
                                "We have received your payment", body));
  return status_ok();
}

static const char *order_customer(const struct event *event) {
  return ((const Ordershop__V1__Order *)event->entity)->customer_id;
}

const struct subscription billing_subscriptions[BILLING_SUBSCRIPTIONS] = {
    {.entity = &ordershop__v1__customer__descriptor, .owner = "customer", .projection = &billing_customers},
    {.entity = &ordershop__v1__order__descriptor,
     .owner = "order",
     .created = request_payment,
     .updated = keep_order,
     .deleted = keep_order,
     .key = order_customer,
     .want = want_customer},
    {.entity = &ordershop__v1__billing__descriptor, .created = acknowledge_payment, .want = want_order},
};
