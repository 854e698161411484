/* SPDX-License-Identifier: Apache-2.0 */
/* Mail: the mails that the shop sends (proto/ordershop/v1/mail.proto). Commands record them; their own events then
 * have them delivered (mail_events.c). */
#include "mail_service.h"

#include <string.h>

#include "base/duplicates.h"
#include "base/email.h"
#include "base/uuid.h"
#include "mail_delivery.h"
#include "mail_events.h"
#include "mail_record.h"
#include "service/entity_command.h"
#include "shop.h"

enum { EVENTS_MAY_WAIT_MS = 30000 }; /* In a peak mails may wait so long, calls may not. */

static coroutine_fn struct status send_mail(struct rpc_call *call, const void *request, const void **ret_mail) {
  const Ordershop__V1__SendMailRequest *send = request;
  struct violations violations = violations_of(call->context.arena);
  check_optional_uuid(&violations, "request_id", send->request_id);
  check_input(&violations, &mails, "mail", send->mail);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__Mail *mail;
  status = mails_record(call, request, &send->mail, 1, &mail);
  if (status_is_ok(status)) *ret_mail = mail;
  return status;
}

/* An id that comes twice would stand for two mails. */
static void check_ids_differ(struct violations *violations, Ordershop__V1__Mail *const *given, size_t count) {
  const char **ids = arena_calloc(violations->arena, count, sizeof *ids);
  for (size_t i = 0; i < count; i++) ids[i] = uuid_canonical(violations->arena, given[i]->id);
  const size_t *firsts = duplicates_find(violations->arena, ids, count);
  for (size_t i = 0; i < count; i++) {
    if (firsts[i] == i) continue;
    violation_add(violations, arena_printf(violations->arena, "mails[%zu].id", i), "is also that of mails[%zu]",
                  firsts[i]);
  }
}

static struct status check_batch(struct arena *arena, const Ordershop__V1__BatchSendMailsRequest *batch) {
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", batch->request_id);
  if (!check_batch_size(&violations, "mails", batch, batch->n_mails)) return violations_status(&violations);
  for (size_t i = 0; i < batch->n_mails; i++) {
    check_input(&violations, &mails, arena_printf(arena, "mails[%zu]", i), batch->mails[i]);
  }
  check_ids_differ(&violations, batch->mails, batch->n_mails);
  return violations_status(&violations);
}

static coroutine_fn struct status batch_send_mails(struct rpc_call *call, const void *request,
                                                   const void **ret_response) {
  const Ordershop__V1__BatchSendMailsRequest *batch = request;
  struct arena *arena = call->context.arena;
  struct status status = check_batch(arena, batch);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__BatchSendMailsResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__v1__batch_send_mails_response__init(response);
  response->n_mails = batch->n_mails;
  response->mails = arena_calloc(arena, batch->n_mails, sizeof *response->mails);
  status = mails_record(call, request, batch->mails, batch->n_mails, response->mails);
  if (status_is_ok(status)) *ret_response = response;
  return status;
}

/* Takes the mails to others out of a page; few are, for an event leads to few mails. */
static void keep_addressee(struct arena *arena, Ordershop__V1__ListMailsResponse *response, const char *to) {
  size_t kept = 0;
  for (size_t i = 0; i < response->n_mails; i++) {
    if (strcmp(email_canonical(arena, response->mails[i]->to), to) == 0) response->mails[kept++] = response->mails[i];
  }
  response->n_mails = kept;
}

static coroutine_fn struct status list_mails(struct rpc_call *call, const void *request, const void **ret_response) {
  const Ordershop__V1__ListMailsRequest *list = request;
  struct arena *arena = call->context.arena;
  struct event_store *store = service_of(call)->store;
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "cause", list->cause);
  check_page_size(&violations, list->page_size);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  const char *index_key = NULL, *cause = *list->cause ? uuid_canonical(arena, list->cause) : "";
  const char *to = email_canonical(arena, list->to);
  if (*to) index_key = entity_index_key(store, arena, &mail_type, "to", to);
  if (*cause) index_key = entity_index_key(store, arena, &mail_type, "cause", cause);
  const char *filter = arena_printf(arena, "%s %s", cause, to);
  status = entity_page_list_by(call, request, index_key, filter, ret_response);
  if (status_is_ok(status) && *cause && *to) {
    keep_addressee(arena, (Ordershop__V1__ListMailsResponse *)*ret_response, to);
  }
  return status;
}

static const struct rpc_method methods[] = {
    {.name = "SendMail", .handler = send_mail, .resource = &mails},
    {.name = "BatchSendMails", .handler = batch_send_mails, .resource = &mails},
    {.name = "GetMail", .handler = entity_get, .resource = &mails},
    {.name = "ListMails", .handler = list_mails, .resource = &mails, .flags = METHOD_ONLY_READS},
};

static struct status start(struct service *service) {
  const struct mail_delivery_options options = mail_delivery_options_read();
  struct mail_delivery *delivery;
  struct status status = mail_delivery_open(service->loop, service->arena, &options, &delivery);
  if (!status_is_ok(status)) return status;
  service->user = delivery;
  return status_ok();
}

/* The consumer is asked to stop only between two pages, and a slow mail server can take minutes for one. */
static void stopping(struct service *service) {
  mail_delivery_stop(service->user);
}

static void stop(struct service *service) {
  mail_delivery_close(service->user);
}

const struct service_definition mail_service = {
    .brand = &shop_brand,
    .name = "mail",
    .purpose = "records the shop's mails and delivers them",
    .port = SHOP_PORT_MAIL,
    .services = {{.descriptor = &ordershop__v1__mail_service__descriptor, .methods = ROWS(methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
    .subscriptions = ROWS(mail_subscriptions),
    .events_may_wait_ms = EVENTS_MAY_WAIT_MS,
    .settings = ROWS(mail_delivery_settings),
    .start = start,
    .housekeep = mail_housekeep,
    .stopping = stopping,
    .stop = stop,
};
