/* SPDX-License-Identifier: Apache-2.0 */
/* Shop mail: how the services that write to customers make their mails. */
#pragma once

#include <ordershop/v1/mail.pb-c.h>

#include "base/arena.h"
#include "consumer/outbox.h"

/* What a mail is for; one mail for each purpose and event. */
enum shop_mail_purpose {
  SHOP_MAIL_WELCOME,
  SHOP_MAIL_GOOD_BYE,
  SHOP_MAIL_THANK_YOU,
  SHOP_MAIL_PAYMENT_REQUEST,
  SHOP_MAIL_PAYMENT_RECEIVED,
};

/* The id of the mail for an event: it is derived, so that every service that needs it knows it, and a mail that is sent
 * twice is one mail. */
const char *shop_mail_id(struct arena *arena, enum shop_mail_purpose purpose, const char *event_id);

/* A mail for the outbox; its cause is the event. */
Ordershop__V1__Mail *shop_mail_new(struct arena *arena, enum shop_mail_purpose purpose, const char *event_id,
                                   const char *to, const char *subject, const char *body);

/* The same for a service of your own, whose `purpose` ("note-call") no other service uses. */
Ordershop__V1__Mail *shop_mail_for(struct arena *arena, const char *purpose, const char *event_id, const char *to,
                                   const char *subject, const char *body);

/* The outbox of a service that writes to customers leads to the mail service. */
extern const struct outbox_route shop_mail_route;
