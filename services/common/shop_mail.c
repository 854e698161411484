/* SPDX-License-Identifier: Apache-2.0 */
#include "shop_mail.h"

#include "base/message.h"
#include "base/uuid.h"

static const char *const purposes[] = {
    [SHOP_MAIL_WELCOME] = "welcome",
    [SHOP_MAIL_GOOD_BYE] = "good-bye",
    [SHOP_MAIL_THANK_YOU] = "thank-you",
    [SHOP_MAIL_PAYMENT_REQUEST] = "payment-request",
    [SHOP_MAIL_PAYMENT_RECEIVED] = "payment-received",
};

const char *shop_mail_id(struct arena *arena, enum shop_mail_purpose purpose, const char *event_id) {
  return uuid_derive_text(arena, purposes[purpose], event_id);
}

Ordershop__V1__Mail *shop_mail_new(struct arena *arena, enum shop_mail_purpose purpose, const char *event_id,
                                   const char *to, const char *subject, const char *body) {
  return shop_mail_for(arena, purposes[purpose], event_id, to, subject, body);
}

Ordershop__V1__Mail *shop_mail_for(struct arena *arena, const char *purpose, const char *event_id, const char *to,
                                   const char *subject, const char *body) {
  Ordershop__V1__Mail *mail = message_new(arena, &ordershop__v1__mail__descriptor);
  message_set_text(mail, "id", uuid_derive_text(arena, purpose, event_id));
  message_set_text(mail, "to", to);
  message_set_text(mail, "subject", subject);
  message_set_text(mail, "body", body);
  message_set_text(mail, "cause", event_id);
  return mail;
}

const struct outbox_route shop_mail_route = {
    .service = &ordershop__v1__mail_service__descriptor,
    .method = "BatchSendMails",
    .message = &ordershop__v1__mail__descriptor,
};
