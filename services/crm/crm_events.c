/* SPDX-License-Identifier: Apache-2.0 */
/* What CRM listens to, and makes of it: interactions, profiles, mails. Profiles count the orders and billings that
 * exist of customers that exist; what happens to a deleted customer's orders is an interaction without a mail. */
#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/crm.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>

#include "base/message.h"
#include "base/timestamp.h"
#include "base/uuid.h"
#include "consumer/projection.h"
#include "crm_mails.h"
#include "crm_service.h"
#include "known_orders.h"
#include "shop_mail.h"

static void record_interaction(struct work *work, const struct event *event, Ordershop__V1__InteractionKind kind,
                               const char *customer_id, const char *mail_id) {
  struct arena *arena = work_arena(work);
  Ordershop__V1__Interaction *interaction = message_new(arena, &ordershop__v1__interaction__descriptor);
  message_set_text(interaction, "id", uuid_derive_text(arena, "interaction", event->event_id));
  message_set_text(interaction, "customer_id", customer_id);
  message_set_text(interaction, "subject_id", event_entity_id(event));
  interaction->kind = kind;
  message_set_text(interaction, "cause", event->event_id);
  message_set_text(interaction, "mail_id", mail_id);
  work_create(work, &crm_interaction_type, interaction, event);
}

/* Puts the profile back, with the event as its latest interaction. */
static void touch_profile(struct work *work, const struct event *event, Ordershop__V1__CustomerProfile *profile) {
  profile->last_interaction_time = timestamp_new(work_arena(work), event->log_time);
  work_put(work, &crm_profiles, profile->customer_id, profile);
}

static coroutine_fn struct status get_profile(struct work *work, const char *customer_id,
                                              Ordershop__V1__CustomerProfile **ret_profile) {
  void *profile;
  struct status status = work_get(work, &crm_profiles, customer_id, &profile);
  if (status_is_ok(status)) *ret_profile = profile;
  return status;
}

/* --- customers --- */

static struct status welcome_customer(struct work *work, const struct event *event) {
  const Ordershop__V1__Customer *customer = event->entity;
  Ordershop__V1__CustomerProfile profile = ORDERSHOP__V1__CUSTOMER_PROFILE__INIT;
  profile.customer_id = customer->id;
  profile.name = customer->name;
  profile.email = customer->email;
  touch_profile(work, event, &profile);
  const char *mail_id = crm_send_welcome(work, event, customer);
  record_interaction(work, event, ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_WELCOME, customer->id, mail_id);
  return status_ok();
}

static coroutine_fn struct status change_customer(struct work *work, const struct event *event) {
  const Ordershop__V1__Customer *customer = event->entity;
  Ordershop__V1__CustomerProfile *profile;
  struct status status = get_profile(work, customer->id, &profile);
  if (!status_is_ok(status) || !profile) return status;
  profile->name = customer->name;
  profile->email = customer->email;
  work_put(work, &crm_profiles, customer->id, profile);
  return status_ok();
}

static struct status dismiss_customer(struct work *work, const struct event *event) {
  const Ordershop__V1__Customer *customer = event->entity;
  work_remove(work, &crm_profiles, customer->id);
  const char *mail_id = crm_send_good_bye(work, event, customer);
  record_interaction(work, event, ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_GOOD_BYE, customer->id, mail_id);
  return status_ok();
}

/* --- orders --- */

static void want_order(struct work *work, const struct event *event) {
  const Ordershop__V1__Order *order = event->entity;
  work_want(work, &crm_profiles, order->customer_id);
  work_want(work, &known_orders, order->id);
}

static coroutine_fn struct status thank_for_order(struct work *work, const struct event *event) {
  const Ordershop__V1__Order *order = event->entity;
  Ordershop__V1__CustomerProfile *profile;
  struct status status = get_profile(work, order->customer_id, &profile);
  if (!status_is_ok(status)) return status;
  const char *mail_id = "";
  if (profile) {
    profile->order_count++;
    profile->ordered_cents += order->total_cents;
    touch_profile(work, event, profile);
    mail_id = crm_send_thank_you(work, event, profile->name, profile->email, order);
  }
  projection_keep(work, &known_orders, event);
  record_interaction(work, event, ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_THANK_YOU, order->customer_id,
                     mail_id);
  return status_ok();
}

static coroutine_fn struct status change_order(struct work *work, const struct event *event) {
  const Ordershop__V1__Order *order = event->entity;
  Ordershop__V1__CustomerProfile *profile;
  void *before;
  struct status status = get_profile(work, order->customer_id, &profile);
  if (status_is_ok(status)) status = work_get(work, &known_orders, order->id, &before);
  if (!status_is_ok(status)) return status;
  if (profile && before) {
    profile->ordered_cents += order->total_cents - ((Ordershop__V1__Order *)before)->total_cents;
    work_put(work, &crm_profiles, order->customer_id, profile);
  }
  projection_keep(work, &known_orders, event);
  return status_ok();
}

static coroutine_fn struct status cancel_order(struct work *work, const struct event *event) {
  const Ordershop__V1__Order *order = event->entity;
  Ordershop__V1__CustomerProfile *profile;
  struct status status = get_profile(work, order->customer_id, &profile);
  if (!status_is_ok(status)) return status;
  if (profile) {
    profile->order_count--;
    profile->ordered_cents -= order->total_cents;
    touch_profile(work, event, profile);
  }
  projection_keep(work, &known_orders, event);
  record_interaction(work, event, ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_ORDER_CANCELLED, order->customer_id,
                     "");
  return status_ok();
}

/* --- billings --- */

static void want_billed_order(struct work *work, const struct event *event) {
  work_want(work, &known_orders, ((const Ordershop__V1__Billing *)event->entity)->order_id);
}

/* The order of a billing and its customer's profile; either may be NULL. */
static coroutine_fn struct status get_billed(struct work *work, const Ordershop__V1__Billing *billing,
                                             Ordershop__V1__Order **ret_order,
                                             Ordershop__V1__CustomerProfile **ret_profile) {
  void *order;
  Ordershop__V1__CustomerProfile *profile = NULL;
  struct status status = work_get(work, &known_orders, billing->order_id, &order);
  if (status_is_ok(status) && order) status = get_profile(work, ((Ordershop__V1__Order *)order)->customer_id, &profile);
  if (!status_is_ok(status)) return status;
  *ret_order = order;
  *ret_profile = profile;
  return status_ok();
}

static coroutine_fn struct status note_payment(struct work *work, const struct event *event) {
  const Ordershop__V1__Billing *billing = event->entity;
  Ordershop__V1__Order *order;
  Ordershop__V1__CustomerProfile *profile;
  struct status status = get_billed(work, billing, &order, &profile);
  if (!status_is_ok(status)) return status;
  const char *mail_id = "";
  if (profile) {
    profile->billed_cents += billing->amount_cents;
    touch_profile(work, event, profile);
    /* Billing writes this mail; its id is the same wherever it is derived. */
    mail_id = shop_mail_id(work_arena(work), SHOP_MAIL_PAYMENT_RECEIVED, event->event_id);
  }
  record_interaction(work, event, ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_PAYMENT_RECEIVED,
                     order ? order->customer_id : "", mail_id);
  return status_ok();
}

static coroutine_fn struct status take_payment_back(struct work *work, const struct event *event) {
  const Ordershop__V1__Billing *billing = event->entity;
  Ordershop__V1__Order *order;
  Ordershop__V1__CustomerProfile *profile;
  struct status status = get_billed(work, billing, &order, &profile);
  if (!status_is_ok(status) || !profile) return status;
  profile->billed_cents -= billing->amount_cents;
  work_put(work, &crm_profiles, profile->customer_id, profile);
  return status_ok();
}

/* --- inventories --- */

static struct status note_inventory_added(struct work *work, const struct event *event) {
  record_interaction(work, event, ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_INVENTORY_ADDED, "", "");
  return status_ok();
}

static struct status note_inventory_removed(struct work *work, const struct event *event) {
  record_interaction(work, event, ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_INVENTORY_REMOVED, "", "");
  return status_ok();
}

static const char *order_customer(const struct event *event) {
  return ((const Ordershop__V1__Order *)event->entity)->customer_id;
}

/* CRM doesn't subscribe to updates of inventories: stock moves with every order, and means nothing to a customer. */
const struct subscription crm_subscriptions[CRM_SUBSCRIPTIONS] = {
    {.entity = &ordershop__v1__customer__descriptor,
     .owner = "customer",
     .created = welcome_customer,
     .updated = change_customer,
     .deleted = dismiss_customer},
    {.entity = &ordershop__v1__order__descriptor,
     .owner = "order",
     .created = thank_for_order,
     .updated = change_order,
     .deleted = cancel_order,
     .key = order_customer,
     .want = want_order},
    {.entity = &ordershop__v1__billing__descriptor,
     .owner = "billing",
     .created = note_payment,
     .deleted = take_payment_back,
     .want = want_billed_order},
    {.entity = &ordershop__v1__inventory__descriptor,
     .owner = "inventory",
     .created = note_inventory_added,
     .deleted = note_inventory_removed},
};
