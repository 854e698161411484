/* SPDX-License-Identifier: Apache-2.0 */
/* What services tell, compared with what the events have said. */
#include <inttypes.h>
#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/crm.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/message.h"
#include "client/cli/audit/audit_parts.h"
#include "client/event_client.h"

enum { LOOKS = 20, PAGE = 1000, PAUSE_MS = 100, PROFILE_US = 5 * 1000 * 1000 };

#define KIND(name_, Name, Names, names)                                                                       \
  {                                                                                                           \
    .name = #name_, .type = &ordershop__v1__##name_##__descriptor, .list = "List" #Names, .get = "Get" #Name, \
    .list_request = &ordershop__v1__list_##names##_request__descriptor,                                       \
    .get_request = &ordershop__v1__get_##name_##_request__descriptor
// clang-format off
const struct audit_kind audit_kinds[] = {
    KIND(customer, Customer, Customers, customers), .owner = ORDERSHOP_CUSTOMER},
    KIND(product, Product, Products, products), .owner = ORDERSHOP_PRODUCT},
    KIND(inventory, Inventory, Inventories, inventories), .owner = ORDERSHOP_INVENTORY},
    KIND(order, Order, Orders, orders), .owner = ORDERSHOP_ORDER},
    KIND(billing, Billing, Billings, billings), .owner = ORDERSHOP_BILLING},
    KIND(mail, Mail, Mails, mails), .owner = ORDERSHOP_MAIL},
};
// clang-format on
const size_t audit_kind_count = sizeof audit_kinds / sizeof *audit_kinds;

const struct audit_kind *audit_kind_of(const char *entity_type) {
  for (size_t i = 0; i < audit_kind_count; i++) {
    if (strcmp(audit_kinds[i].name, entity_type) == 0) return &audit_kinds[i];
  }
  return NULL;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

/* *ret_entity is NULL if there is none. */
static struct status get(struct audit *audit, struct arena *arena, const struct audit_kind *kind, const char *id,
                         void **ret_entity) {
  const struct context context = {.arena = arena};
  void *request = message_new(arena, kind->get_request);
  message_set_text(request, "id", id);
  struct ordershop_answer answer = ordershop_call(audit->options->client, &context, kind->owner, kind->get, request);
  *ret_entity = (void *)answer.message;
  if (answer.status.code != STATUS_NOT_FOUND) return answer.status;
  *ret_entity = NULL;
  return status_ok();
}

static struct status pause_and_advance(struct audit *audit) {
  nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
  return audit_advance(audit);
}

/* ---- one entity ------------------------------------------------------------------------------------------------- */

static bool agrees(struct arena *arena, const struct audit_row *row, void *entity) {
  if (!entity || row->deleted) return !entity && row->deleted;
  return audit_hash(arena, entity) == row->hash;
}

static void tell_difference(struct audit *audit, struct arena *arena, const struct audit_row *row, const void *entity) {
  const char *name = row->kind->name;
  if (!entity) {
    audit_tell(audit, arena, "STATE_MISSING", name, row->id, row->entry, "its service doesn't have it");
  } else if (row->deleted) {
    audit_tell(audit, arena, "STATE_REMAINS", name, row->id, row->entry, "its service has it, though it was deleted");
  } else {
    audit_tell(audit, arena, "STATE_DIFFERS", name, row->id, row->entry,
               "its service tells version %" PRId64 ", its last event version %" PRId64 ", and they are not the same",
               message_number(entity, "version"), row->version);
  }
}

/* A state that the log has not told before it is asked for, and not after that either, differs. Of what changes
 * meanwhile nothing can be said: it is looked at again. */
static struct status look_again(struct audit *audit, struct audit_row *row) {
  struct arena *arena = arena_new();
  struct status status = status_ok();
  bool same = false, still = false;
  for (int look = 0; look < LOOKS && !same && !still && !audit->outcome->is_part; look++) {
    void *entity;
    if (look > 0) status = pause_and_advance(audit);
    uint32_t changes = row->changes;
    arena_reset(arena);
    if (status_is_ok(status)) status = get(audit, arena, row->kind, row->id, &entity);
    if (status_is_ok(status)) status = audit_advance(audit);
    if (!status_is_ok(status)) break;
    same = agrees(arena, row, entity);
    still = row->changes == changes && !audit->outcome->is_part;
    if (!same && still) tell_difference(audit, arena, row, entity);
  }
  if (status_is_ok(status) && !same && !still) audit->outcome->undecided++;
  status = status_copy(status, audit->arena);
  arena_free(arena);
  return status;
}

/* ---- all entities ----------------------------------------------------------------------------------------------- */

/* An entity of which no event has been read; that of one that has just been created is read now. */
static struct status look_for_event(struct audit *audit, const struct audit_kind *kind, const char *id) {
  struct status status = audit_advance(audit);
  if (!status_is_ok(status) || audit_find(audit, kind->name, id)) return status;
  if (audit->outcome->is_part) audit->outcome->undecided++;
  if (audit->outcome->is_part) return status;
  struct arena *arena = arena_new();
  audit_tell(audit, arena, "STATE_WITHOUT_EVENT", kind->name, id, 0, "its service has it, and no event tells of it");
  arena_free(arena);
  return status_ok();
}

static struct status compare_listed(struct audit *audit, struct arena *arena, const struct audit_kind *kind,
                                    void *entity) {
  const char *id = message_text(entity, "id");
  struct audit_row *row = audit_find(audit, kind->name, id);
  if (!row) return look_for_event(audit, kind, id);
  row->listed = true;
  return agrees(arena, row, entity) ? status_ok() : look_again(audit, row);
}

static struct status compare_all(struct audit *audit, const struct audit_kind *kind) {
  struct context context = {.arena = arena_new()};
  struct status status;
  char *token = "";
  do {
    void *request = message_new(context.arena, kind->list_request);
    message_set_number(request, "page_size", PAGE);
    message_set_text(request, "page_token", token);
    struct ordershop_answer answer = ordershop_call(audit->options->client, &context, kind->owner, kind->list, request);
    status = answer.status;
    if (!status_is_ok(status)) break;
    const ProtobufCMessageDescriptor *type = ((const ProtobufCMessage *)answer.message)->descriptor;
    const ProtobufCFieldDescriptor *field = message_field_of_type(type, kind->type);
    size_t count = message_repeated_count(answer.message, field);
    void *const *entities = message_repeated_values(answer.message, field);
    for (size_t i = 0; i < count && status_is_ok(status); i++) {
      status = compare_listed(audit, context.arena, kind, entities[i]);
    }
    token = arena_strdup(audit->arena, message_text(answer.message, "next_page_token"));
    arena_reset(context.arena);
  } while (status_is_ok(status) && *token);
  status = status_copy(status, audit->arena);
  arena_free(context.arena);
  return status;
}

/* A billing whose order was recorded before the audit's range. */
static struct status compare_earlier_order(struct audit *audit, struct arena *arena, const struct audit_row *row,
                                           const Ordershop__V1__Billing *billing) {
  void *order;
  if (!billing || row->order) return status_ok();
  struct status status = get(audit, arena, audit_kind_of("order"), billing->order_id, &order);
  if (!status_is_ok(status) || !order || message_number(order, "total_cents") == billing->amount_cents) return status;
  audit_tell(audit, arena, "BILLED_WRONG_AMOUNT", "billing", row->id, row->entry,
             "it is of %" PRId64 " cents, the order %s of %" PRId64, billing->amount_cents, billing->order_id,
             message_number(order, "total_cents"));
  return status;
}

static struct status compare_each(struct audit *audit) {
  struct arena *arena = arena_new();
  struct status status = status_ok();
  for (struct audit_row *row = audit->first; row && status_is_ok(status); row = row->next) {
    void *entity;
    if (row->listed) continue;
    arena_reset(arena);
    status = get(audit, arena, row->kind, row->id, &entity);
    if (status_is_ok(status) && !agrees(arena, row, entity)) status = look_again(audit, row);
    if (status_is_ok(status) && row->kind->type == &ordershop__v1__billing__descriptor) {
      status = compare_earlier_order(audit, arena, row, entity);
    }
  }
  status = status_copy(status, audit->arena);
  arena_free(arena);
  return status;
}

/* Of all that is there, lists are read, which is cheaper. What was deleted, or is missing, is in none of them. */
struct status audit_states(struct audit *audit) {
  struct status status = status_ok();
  bool all = audit->options->since.kind == EVENT_FROM_BEGINNING && !audit->outcome->is_part;
  for (size_t i = 0; i < audit_kind_count && all && status_is_ok(status); i++) {
    status = compare_all(audit, &audit_kinds[i]);
  }
  return status_is_ok(status) ? compare_each(audit) : status;
}

/* ---- profiles --------------------------------------------------------------------------------------------------- */

/* As crm has it when it has applied what was read of the log. *ret_behind says that it does not come so far. */
static struct status get_profile(struct audit *audit, struct arena *arena, const char *id,
                                 const Ordershop__V1__CustomerProfile **ret_profile, bool *ret_behind) {
  const struct context context = {
      .arena = arena, .deadline_us = clock_monotonic_us() + PROFILE_US, .after = audit->position};
  Ordershop__V1__GetCustomerProfileRequest request = ORDERSHOP__V1__GET_CUSTOMER_PROFILE_REQUEST__INIT;
  request.customer_id = (char *)id;
  struct ordershop_answer answer =
      ordershop_call(audit->options->client, &context, ORDERSHOP_CRM, "GetCustomerProfile", &request);
  *ret_profile = answer.message;
  *ret_behind = answer.status.code == STATUS_DEADLINE_EXCEEDED;
  if (answer.status.code != STATUS_NOT_FOUND && !*ret_behind) return answer.status;
  *ret_profile = NULL;
  return status_ok();
}

static bool fits(const struct audit_row *row, const Ordershop__V1__CustomerProfile *profile) {
  if (!profile || row->deleted) return !profile && row->deleted;
  return profile->order_count == row->orders && profile->ordered_cents == row->ordered &&
         profile->billed_cents == row->billed;
}

static void tell_profile(struct audit *audit, struct arena *arena, const struct audit_row *row,
                         const Ordershop__V1__CustomerProfile *profile) {
  const char *wanted = arena_printf(arena, "%" PRId64 " orders of %" PRId64 " cents, %" PRId64 " billed", row->orders,
                                    row->ordered, row->billed);
  if (!profile) {
    audit_tell(audit, arena, "PROFILE_MISSING", "customer", row->id, 0, "crm has no profile, events say %s", wanted);
  } else if (row->deleted) {
    audit_tell(audit, arena, "PROFILE_REMAINS", "customer", row->id, 0, "crm has a profile, though he was deleted");
  } else {
    audit_tell(audit, arena, "PROFILE_DIFFERS", "customer", row->id, 0,
               "crm says %" PRId64 " orders of %" PRId64 " cents, %" PRId64 " billed, events say %s",
               profile->order_count, profile->ordered_cents, profile->billed_cents, wanted);
  }
}

/* Figures differ if no event has changed them from before crm is asked until after that. */
static struct status look_at_profile(struct audit *audit, const struct audit_row *row, bool *ret_behind) {
  struct arena *arena = arena_new();
  struct status status = status_ok();
  bool same = false, still = false;
  *ret_behind = false;
  for (int look = 0; look < LOOKS && !same && !still && !audit->outcome->is_part; look++) {
    const Ordershop__V1__CustomerProfile *profile;
    if (look > 0) status = pause_and_advance(audit);
    uint32_t changes = row->figure_changes;
    bool deleted = row->deleted;
    arena_reset(arena);
    if (status_is_ok(status)) status = get_profile(audit, arena, row->id, &profile, ret_behind);
    if (!status_is_ok(status) || *ret_behind) break;
    same = fits(row, profile);
    if (!same) status = audit_advance(audit);
    still = row->figure_changes == changes && row->deleted == deleted && !audit->outcome->is_part;
    if (status_is_ok(status) && !same && still) tell_profile(audit, arena, row, profile);
  }
  if (status_is_ok(status) && !same && !still) audit->outcome->undecided++;
  status = status_copy(status, audit->arena);
  arena_free(arena);
  return status;
}

/* A crm that is behind leaves all that come undecided. */
struct status audit_profiles(struct audit *audit) {
  const struct audit_kind *customers = audit_kind_of("customer");
  struct status status = status_ok();
  bool behind = false;
  for (const struct audit_row *row = audit->first; row && status_is_ok(status); row = row->next) {
    if (row->kind != customers || row->partial) continue;
    if (behind) audit->outcome->undecided++;
    if (!behind) status = look_at_profile(audit, row, &behind);
  }
  return status;
}

/* ---- mails ------------------------------------------------------------------------------------------------------ */

static struct status look_for_mail(struct audit *audit, struct arena *arena, const struct audit_mail *mail) {
  void *found = NULL, *customer = NULL;
  const struct audit_row *receiver = mail->customer;
  if (receiver && receiver->deleted) return status_ok();
  if (audit_find(audit, "mail", mail->id)) return status_ok();
  struct status status = get(audit, arena, audit_kind_of("mail"), mail->id, &found);
  if (!status_is_ok(status) || found) return status;
  status = get(audit, arena, audit_kind_of("customer"), mail->customer_id, &customer);
  if (!status_is_ok(status) || !customer) return status;
  audit_tell(audit, arena, "MAIL_MISSING", "mail", mail->id, mail->entry, "the event %s has not led to it",
             mail->cause);
  return status;
}

/* How far those who write mails have applied the log. */
static struct status find_writers(struct audit *audit, struct arena *arena, int64_t *ret_applied) {
  const struct context context = {.arena = arena};
  const Ordershop__V1__ListStreamsRequest request = ORDERSHOP__V1__LIST_STREAMS_REQUEST__INIT;
  const Ordershop__V1__ListStreamsResponse *response;
  struct status status = ordershop_list_streams(audit->options->client, &context, &request, &response);
  *ret_applied = INT64_MAX;
  for (size_t i = 0; status_is_ok(status) && i < response->n_readers; i++) {
    const Ordershop__V1__StreamReader *reader = response->readers[i];
    if (strcmp(reader->service, "crm") != 0 && strcmp(reader->service, "billing") != 0) continue;
    int64_t applied = *reader->applied_to ? log_time_of_entry(reader->applied_to) : 0;
    if (applied < *ret_applied) *ret_applied = applied;
  }
  return status;
}

/* A young event's mails may be on their way, and those of one that was not applied can't be there. */
struct status audit_mails(struct audit *audit) {
  struct arena *arena = arena_new();
  int64_t old_us = clock_wall_us() - audit->options->settle_us, applied;
  struct status status = find_writers(audit, arena, &applied);
  for (const struct audit_mail *mail = audit->first_mail; mail && status_is_ok(status); mail = mail->next) {
    arena_reset(arena);
    if (mail->entry <= old_us && mail->entry <= applied) status = look_for_mail(audit, arena, mail);
  }
  status = status_copy(status, audit->arena);
  arena_free(arena);
  return status;
}
