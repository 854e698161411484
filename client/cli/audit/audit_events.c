/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that hold of events, one after another. */
#include <inttypes.h>
#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <string.h>

#include "base/hash.h"
#include "base/message.h"
#include "client/cli/audit/audit_parts.h"
#include "shop_mail.h"

/* An event with what it is about. */
struct happening {
  struct audit *audit;
  struct arena *arena; /* of the page */
  const Ordershop__V1__Event *event;
  const struct audit_kind *kind;
  int64_t entry;
  void *entity;
  bool is_created, is_deleted;
  struct audit_row *row;  /* as it was before; NULL if the entity was not known */
  struct audit_row after; /* as it will be */
};

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), end_size = strlen(end);
  return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool is_alive(const struct audit_row *row) {
  return row && !row->deleted;
}

static const struct audit_kind *kind_named(const struct happening *now, const char *name) {
  return strcmp(now->kind->name, name) == 0 ? now->kind : NULL;
}

#define TELL(now, rule, ...) \
  audit_tell((now)->audit, (now)->arena, rule, (now)->kind->name, (now)->event->entity_id, (now)->entry, __VA_ARGS__)

uint64_t audit_hash(struct arena *arena, void *entity) {
  const ProtobufCMessageDescriptor *type = ((const ProtobufCMessage *)entity)->descriptor;
  if (type == &ordershop__v1__mail__descriptor) message_set_text(entity, "body", ""); /* created events alone have it */
  size_t size;
  const void *bytes = message_pack(arena, entity, &size);
  return hash_bytes(bytes, size);
}

/* ---- one event per request -------------------------------------------------------------------------------------- */

/* Each event of an entity is a version more; a deletion tells the last one again. */
static void check_version(const struct happening *now) {
  const struct audit_row *before = now->row;
  int64_t version = now->after.version;
  if (now->is_created) {
    if (is_alive(before)) TELL(now, "CREATED_TWICE", "it was created before, and not deleted");
    if (version != 1) TELL(now, "VERSION_NOT_NEXT", "it was created with version %" PRId64, version);
    return;
  }
  if (!before && now->after.partial) return;
  if (!is_alive(before)) {
    TELL(now, "EVENT_OF_NOTHING", "there is no entity that was created before");
    return;
  }
  int64_t wanted = before->version + !now->is_deleted;
  if (version != wanted) {
    TELL(now, "VERSION_NOT_NEXT", "its version is %" PRId64 ", that of the event before makes it %" PRId64, version,
         wanted);
  }
}

/* ---- stock ------------------------------------------------------------------------------------------------------ */

/* Orders move stock between what is free and what is reserved; commands change what is free alone. */
static void check_stock(struct happening *now) {
  if (!kind_named(now, "inventory")) return;
  const Ordershop__V1__Inventory *inventory = now->entity;
  now->after.amount = inventory->amount;
  now->after.reserved = inventory->reserved_amount;
  if (inventory->amount < 0 || inventory->reserved_amount < 0) {
    TELL(now, "STOCK_NEGATIVE", "amount %" PRId64 ", reserved %" PRId64, inventory->amount, inventory->reserved_amount);
  }
  if (!is_alive(now->row) || now->is_created || now->is_deleted) return;
  int64_t before = now->row->amount + now->row->reserved, after = inventory->amount + inventory->reserved_amount;
  bool by_order = *now->event->cause || *now->event->attempt_id;
  bool is_stocking = !by_order && inventory->reserved_amount == now->row->reserved;
  if (before != after && !is_stocking) {
    TELL(now, "STOCK_SUM_CHANGED", "amount + reserved was %" PRId64 ", is %" PRId64 ", and nothing was stocked", before,
         after);
  }
}

/* ---- orders and billings ---------------------------------------------------------------------------------------- */

static void note_order(struct happening *now) {
  if (!kind_named(now, "order")) return;
  const Ordershop__V1__Order *order = now->entity;
  struct audit_row *row = now->row, *customer = audit_find(now->audit, "customer", order->customer_id);
  int64_t before = is_alive(row) ? row->amount : 0;
  bool was_there = is_alive(row);
  now->after.amount = order->total_cents;
  now->after.customer = customer;
  if (was_there && row->billing && order->total_cents != before) {
    TELL(now, "BILLED_ORDER_CHANGED", "its total is %" PRId64 " cents, %" PRId64 " when it was billed",
         order->total_cents, before);
  }
  if (!is_alive(customer)) return;
  customer->figure_changes++;
  if (now->is_created) customer->orders++;
  if (now->is_created) customer->ordered += order->total_cents;
  if (now->is_deleted) customer->orders--;
  if (now->is_deleted) customer->ordered -= order->total_cents;
  if (!now->is_created && !now->is_deleted && was_there) customer->ordered += order->total_cents - before;
}

static void check_billed(struct happening *now, const Ordershop__V1__Billing *billing, struct audit_row *order) {
  if (!is_alive(order)) {
    bool may_be_earlier = !order && now->audit->options->since.kind != EVENT_FROM_BEGINNING;
    if (!may_be_earlier) TELL(now, "BILLING_WITHOUT_ORDER", "the order %s does not exist", billing->order_id);
    return;
  }
  if (order->billing) {
    TELL(now, "BILLED_TWICE", "the order %s has the billing %s already", order->id, order->billing->id);
  }
  if (order->amount != billing->amount_cents) {
    TELL(now, "BILLED_WRONG_AMOUNT", "it is of %" PRId64 " cents, the order %s of %" PRId64, billing->amount_cents,
         order->id, order->amount);
  }
}

static void note_billing(struct happening *now) {
  if (!kind_named(now, "billing")) return;
  const Ordershop__V1__Billing *billing = now->entity;
  struct audit_row *order = audit_find(now->audit, "order", billing->order_id);
  if (now->is_created) check_billed(now, billing, order);
  now->after.order = order;
  if (!is_alive(order)) return;
  struct audit_row *buyer = order->customer;
  if (is_alive(buyer)) buyer->figure_changes++;
  if (is_alive(buyer) && now->is_created) buyer->billed += billing->amount_cents;
  if (is_alive(buyer) && now->is_deleted) buyer->billed -= billing->amount_cents;
  if (now->is_deleted) order->billing = NULL;
}

/* ---- mails ------------------------------------------------------------------------------------------------------ */

static void expect_mail(struct happening *now, enum shop_mail_purpose purpose, const struct audit_row *customer,
                        const char *customer_id) {
  struct audit *audit = now->audit;
  if (customer && customer->deleted) return;
  struct audit_mail *mail = arena_calloc(audit->arena, 1, sizeof *mail);
  *mail = (struct audit_mail){.id = shop_mail_id(audit->arena, purpose, now->event->event_id),
                              .cause = arena_strdup(audit->arena, now->event->event_id),
                              .entry = now->entry,
                              .customer = customer,
                              .customer_id = customer ? customer->id : arena_strdup(audit->arena, customer_id)};
  if (audit->last_mail) audit->last_mail->next = mail;
  if (!audit->last_mail) audit->first_mail = mail;
  audit->last_mail = mail;
  audit->count++;
}

/* Customers who are there when an event is handled are told of it. */
static void expect_mails(struct happening *now) {
  const struct audit_row *row = now->row;
  if (!now->is_created) return;
  if (kind_named(now, "customer")) expect_mail(now, SHOP_MAIL_WELCOME, row, row->id);
  if (kind_named(now, "order")) {
    const char *customer_id = ((const Ordershop__V1__Order *)now->entity)->customer_id;
    expect_mail(now, SHOP_MAIL_THANK_YOU, row->customer, customer_id);
    expect_mail(now, SHOP_MAIL_PAYMENT_REQUEST, row->customer, customer_id);
  }
  if (kind_named(now, "billing") && row->order && row->order->customer) {
    expect_mail(now, SHOP_MAIL_PAYMENT_RECEIVED, row->order->customer, row->order->customer->id);
  }
}

static void check_mail(struct happening *now) {
  const Ordershop__V1__Mail *mail = now->entity;
  if (!kind_named(now, "mail") || !now->is_created || !*mail->cause) return;
  void **place = key_table_at(now->audit->mails, arena_printf(now->arena, "%s %s", mail->cause, mail->subject));
  const char *other = *place;
  if (other) {
    TELL(now, "MAIL_TWICE", "the event %s has led to the mail %s, too: \"%s\"", mail->cause, other, mail->subject);
  }
  if (!other) *place = arena_strdup(now->audit->arena, now->event->entity_id);
}

/* ---- remembering ------------------------------------------------------------------------------------------------ */

static struct audit_row *add_row(struct audit *audit, const char *key) {
  struct audit_row *row = arena_calloc(audit->arena, 1, sizeof *row);
  *key_table_at(audit->rows, key) = row;
  if (audit->last) audit->last->next = row;
  if (!audit->last) audit->first = row;
  audit->last = row;
  audit->count++;
  return row;
}

static void remember(struct happening *now, const char *key) {
  struct audit *audit = now->audit;
  if (!now->row) now->row = add_row(audit, key);
  struct audit_row *row = now->row;
  struct audit_row *next = row->next;
  const struct audit_row *billing = now->is_created ? NULL : row->billing;
  bool keeps_figures = !now->is_created;
  now->after.id = row->id ? row->id : arena_strdup(audit->arena, now->event->entity_id);
  now->after.kind = now->kind;
  now->after.entry = now->entry;
  now->after.deleted = now->is_deleted;
  now->after.changes = row->changes + 1;
  now->after.orders = keeps_figures ? row->orders : 0;
  now->after.ordered = keeps_figures ? row->ordered : 0;
  now->after.billed = keeps_figures ? row->billed : 0;
  now->after.figure_changes = row->figure_changes;
  now->after.billing = billing;
  now->after.next = next;
  *row = now->after;
  bool is_billed = kind_named(now, "billing") && now->is_created && is_alive(row->order);
  if (is_billed && !row->order->billing) row->order->billing = row;
}

static bool unpack(struct happening *now) {
  const Ordershop__V1__Event *event = now->event;
  now->entity = message_unpack(now->arena, now->kind->type, event->entity_bytes.data, event->entity_bytes.len);
  if (now->entity && *event->entity_id) return true;
  TELL(now, "EVENT_UNDECODABLE", "its entity can't be decoded");
  return false;
}

void audit_event(struct audit *audit, struct arena *arena, const Ordershop__V1__Event *event) {
  const struct audit_kind *kind = audit_kind_of(event->entity_type);
  int64_t entry = log_time_of_entry(event->entry);
  if (entry <= audit->at) {
    audit_tell(audit, arena, "ID_NOT_RISING", event->entity_type, event->entity_id, entry, "the entry before is %s",
               log_time_text(arena, audit->at));
  }
  audit->at = entry > audit->at ? entry : audit->at;
  audit->outcome->events++;
  if (!kind) return;
  struct happening now = {.audit = audit,
                          .arena = arena,
                          .event = event,
                          .kind = kind,
                          .entry = entry,
                          .is_created = ends_with(event->stream, "_created"),
                          .is_deleted = ends_with(event->stream, "_deleted")};
  if (!unpack(&now)) return;
  const char *key = arena_printf(arena, "%s %s", kind->name, event->entity_id);
  now.row = key_table_find(audit->rows, key);
  now.after.version = message_number(now.entity, "version");
  now.after.partial = now.row ? now.row->partial && !now.is_created
                              : !now.is_created && audit->options->since.kind != EVENT_FROM_BEGINNING;
  check_version(&now);
  check_stock(&now);
  note_order(&now);
  note_billing(&now);
  check_mail(&now);
  now.after.hash = audit_hash(arena, now.entity);
  remember(&now, key);
  expect_mails(&now);
}
