/* SPDX-License-Identifier: Apache-2.0 */
#include "crm_mails.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "money.h"
#include "shop_mail.h"

enum { LINES_MAX = 256 * 1024 /* a mail takes 1 MiB */ };

static const char *send_mail(struct work *work, enum shop_mail_purpose purpose, const struct event *event,
                             const char *to, const char *subject, const char *body) {
  Ordershop__V1__Mail *mail = shop_mail_new(work_arena(work), purpose, event->event_id, to, subject, body);
  work_send(work, mail);
  return mail->id;
}

const char *crm_send_welcome(struct work *work, const struct event *event, const Ordershop__V1__Customer *customer) {
  const char *body =
      arena_printf(work_arena(work), "Dear %s,\n\nwelcome to OrderShop.\n\nYour OrderShop\n", customer->name);
  return send_mail(work, SHOP_MAIL_WELCOME, event, customer->email, "Welcome to OrderShop", body);
}

const char *crm_send_good_bye(struct work *work, const struct event *event, const Ordershop__V1__Customer *customer) {
  const char *body = arena_printf(
      work_arena(work), "Dear %s,\n\nwe are sorry to see you go. Good-bye.\n\nYour OrderShop\n", customer->name);
  return send_mail(work, SHOP_MAIL_GOOD_BYE, event, customer->email, "Good-bye from OrderShop", body);
}

/* The products by name, with quantity and price. A thousand of the longest names would be more than a mail may hold:
 * the last ones are only counted then. */
static const char *item_lines(struct arena *arena, const Ordershop__V1__Order *order) {
  const char **lines = arena_calloc(arena, order->n_items + 1, sizeof *lines);
  size_t size = 1, count = 0;
  for (size_t i = 0; i < order->n_items && size < LINES_MAX; i++) {
    const Ordershop__V1__OrderItem *item = order->items[i];
    lines[count] = arena_printf(arena, "  %" PRId64 " x %s, %s each\n", item->quantity, item->product_name,
                                money_text(arena, item->unit_price_cents));
    size += strlen(lines[count++]);
  }
  if (count < order->n_items) {
    lines[count] = arena_printf(arena, "  and %zu more products\n", order->n_items - count);
    size += strlen(lines[count++]);
  }
  char *text = arena_alloc(arena, size), *end = text;
  for (size_t i = 0; i < count; i++) end = stpcpy(end, lines[i]);
  *end = '\0';
  return text;
}

const char *crm_send_thank_you(struct work *work, const struct event *event, const char *name, const char *email,
                               const Ordershop__V1__Order *order) {
  struct arena *arena = work_arena(work);
  const char *body =
      arena_printf(arena, "Dear %s,\n\nthank you for your order %s:\n\n%s\nTotal: %s\n\nYour OrderShop\n", name,
                   order->id, item_lines(arena, order), money_text(arena, order->total_cents));
  return send_mail(work, SHOP_MAIL_THANK_YOU, event, email, "Thank you for your order", body);
}
