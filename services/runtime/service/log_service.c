/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_service.h"

#include <ordershop/v1/log.pb-c.h>
#include <string.h>

#include "base/timestamp.h"
#include "consumer/log_repair.h"
#include "service/operator.h"
#include "service/service_status.h"
#include "store/event.h"
#include "store/known_log.h"
#include "store/log_clock.h"
#include "store/stream_look.h"

enum {
  ACCEPTANCES = 10,  /* that are told */
  LOOKED_AT = 1000,  /* operations, for them */
  STREAMS_MAX = 200, /* of a log, that are told */
};

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static char *id_of(struct arena *arena, int64_t log_time) {
  return arena_strdup(arena, log_time > 0 ? log_time_text(arena, log_time) : "");
}

static struct service_log *logs_of(const struct service *service, struct arena *arena, size_t *ret_count) {
  const struct progress *progress = service->consumer ? consumer_progress(service->consumer) : NULL;
  return service_logs_of(arena, service->store, progress, ret_count);
}

/* ---- losses ----------------------------------------------------------------------------------------------------- */

static Ordershop__V1__LogLossKind kind_of(enum log_loss_kind kind) {
  switch (kind) {
    case LOG_LOSS_END:
      return ORDERSHOP__V1__LOG_LOSS_KIND__LOG_LOSS_KIND_END;
    case LOG_LOSS_ENTRY:
      return ORDERSHOP__V1__LOG_LOSS_KIND__LOG_LOSS_KIND_ENTRY;
    case LOG_LOSS_EPOCH:
      return ORDERSHOP__V1__LOG_LOSS_KIND__LOG_LOSS_KIND_EPOCH;
    case LOG_LOSS_POSITION:
      return ORDERSHOP__V1__LOG_LOSS_KIND__LOG_LOSS_KIND_POSITION;
    case LOG_LOSS_GAP:
      return ORDERSHOP__V1__LOG_LOSS_KIND__LOG_LOSS_KIND_GAP;
  }
  return ORDERSHOP__V1__LOG_LOSS_KIND__LOG_LOSS_KIND_UNSPECIFIED;
}

static Ordershop__V1__LogLoss **loss_messages_of(struct arena *arena, const struct log_losses *losses) {
  Ordershop__V1__LogLoss **messages = arena_calloc(arena, losses->count + 1, sizeof(*messages));
  for (size_t i = 0; i < losses->count; i++) {
    const struct log_loss *loss = &losses->rows[i];
    Ordershop__V1__LogLoss *message = messages[i] = arena_alloc(arena, sizeof *message);
    ordershop__v1__log_loss__init(message);
    message->kind = kind_of(loss->kind);
    message->stream = arena_strdup(arena, loss->stream);
    message->after = id_of(arena, loss->after);
    message->end = id_of(arena, loss->end);
    message->description = arena_printf(
        arena, "%s: %s", loss->kind == LOG_LOSS_GAP ? "the log has a gap" : "the log was reset", loss->detail);
  }
  return messages;
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

/* The streams of a log that are told, and of each what is known without asking. */
struct stream_list {
  struct arena *arena;
  struct redis_arguments keys;
  Ordershop__V1__LogStream **rows;
};

static Ordershop__V1__LogStream *row_of(struct stream_list *list, const char *key) {
  for (size_t i = 0; i < list->keys.count; i++) {
    if (strcmp(list->keys.values[i], key) == 0) return list->rows[i];
  }
  if (list->keys.count == STREAMS_MAX) return NULL;
  Ordershop__V1__LogStream *row = arena_alloc(list->arena, sizeof *row);
  ordershop__v1__log_stream__init(row);
  row->name = arena_strdup(list->arena, event_stream_name(key));
  list->rows[list->keys.count] = row;
  redis_add_text(&list->keys, arena_strdup(list->arena, key));
  return row;
}

static void list_applied(struct stream_list *list, const struct progress *stored, size_t number) {
  for (size_t i = 0; i < stored->stream_count; i++) {
    if (stored->streams[i].log != number) continue;
    Ordershop__V1__LogStream *row = row_of(list, stored->streams[i].key);
    if (row && stored->streams[i].position > 0) row->applied = arena_strdup(list->arena, stored->streams[i].applied);
  }
}

static void list_known(struct stream_list *list, const struct known_log *known) {
  const char *key = NULL, *id;
  while (known_log_next(known, &key, &id)) {
    Ordershop__V1__LogStream *row = row_of(list, key);
    if (row) row->known = arena_strdup(list->arena, id);
  }
}

/* `stored` is NULL if the consumer doesn't follow the log. */
static coroutine_fn struct status add_streams(const struct service_log *log, const struct progress *stored,
                                              struct context *context, Ordershop__V1__Log *message) {
  struct stream_list list = {.arena = context->arena, .keys = redis_arguments_empty(context->arena)};
  list.rows = arena_calloc(context->arena, STREAMS_MAX, sizeof(*list.rows));
  if (stored) list_applied(&list, stored, log->number);
  if (log->store == log->own) list_known(&list, log->own->known);
  const struct stream_sight *sights;
  struct status status = log->store == log->own ? streams_look(log->store, context, &list.keys, false, &sights)
                                                : streams_look_plainly(log->store, context, &list.keys, &sights);
  if (!status_is_ok(status)) return status;
  message->n_streams = list.keys.count;
  message->streams = list.rows;
  for (size_t i = 0; i < list.keys.count; i++) {
    list.rows[i]->end = arena_strdup(context->arena, sights[i].exists ? sights[i].last : "0-0");
  }
  return status;
}

/* ---- a log ------------------------------------------------------------------------------------------------------ */

static void add_known(const struct event_store *store, struct arena *arena, Ordershop__V1__Log *message) {
  const struct position *end = known_log_end(store->known);
  if (!*end->epoch) return;
  message->known_epoch = arena_strdup(arena, end->epoch);
  message->known_end = id_of(arena, end->log_time);
}

static coroutine_fn struct status read_log(const struct service_log *log, struct context *context,
                                           Ordershop__V1__Log **ret_log) {
  struct arena *arena = context->arena;
  struct log_losses losses;
  struct progress stored;
  struct position end;
  struct status status = log_losses_find(log, context, &losses, &stored);
  if (status_is_ok(status)) status = clock_read(log->store, context, &end);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__Log *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__log__init(message);
  message->name = arena_strdup(arena, log->store->log);
  message->epoch = arena_strdup(arena, end.epoch);
  message->end = id_of(arena, end.log_time);
  if (log->store == log->own) add_known(log->own, arena, message);
  const struct position *applied = log->progress ? &stored.logs[log->number].position : NULL;
  if (applied) message->applied_epoch = arena_strdup(arena, applied->epoch);
  if (applied) message->applied = id_of(arena, applied->log_time);
  message->losses = loss_messages_of(arena, &losses);
  message->n_losses = losses.count;
  message->etag = arena_strdup(arena, log_losses_etag(&losses));
  *ret_log = message;
  return add_streams(log, log->progress ? &stored : NULL, context, message);
}

/* ---- what was accepted ------------------------------------------------------------------------------------------ */

static Ordershop__V1__LogAcceptance *acceptance_of(struct arena *arena, const struct operation *operation) {
  Ordershop__V1__LogAcceptance *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__log_acceptance__init(message);
  message->time = timestamp_new(arena, operation->time_us);
  message->operator_name = (char *)operation->by;
  message->etag = (char *)operation->id;
  message->description = (char *)operation->reason;
  return message;
}

static coroutine_fn struct status add_acceptances(const struct service *service, struct context *context,
                                                  Ordershop__V1__LogStatus *message) {
  struct operation *operations;
  size_t count;
  struct status status = operations_read(service->store, context, LOOKED_AT, &operations, &count);
  if (!status_is_ok(status)) return status;
  message->acceptances = arena_calloc(context->arena, ACCEPTANCES, sizeof(*message->acceptances));
  for (size_t i = 0; i < count && message->n_acceptances < ACCEPTANCES; i++) {
    if (strcmp(operations[i].action, ACTION_ACCEPT_LOSS) != 0) continue;
    message->acceptances[message->n_acceptances++] = acceptance_of(context->arena, &operations[i]);
  }
  return status;
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status get_status(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request;
  const struct service *service = call->service;
  struct arena *arena = call->context.arena;
  Ordershop__V1__LogStatus *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__log_status__init(reply);
  reply->service = arena_strdup(arena, service->definition->name);
  reply->instance = arena_strdup(arena, service_instance_name(arena));
  const struct service_log *logs = logs_of(service, arena, &reply->n_logs);
  reply->logs = arena_calloc(arena, reply->n_logs, sizeof(*reply->logs));
  *ret_reply = reply;
  struct status status = status_ok();
  for (size_t i = 0; i < reply->n_logs && status_is_ok(status); i++) {
    status = read_log(&logs[i], &call->context, &reply->logs[i]);
  }
  return status_is_ok(status) ? add_acceptances(service, &call->context, reply) : status;
}

static struct status check_accept(const struct rpc_call *call, const Ordershop__V1__AcceptLogLossRequest *request) {
  struct violations violations = violations_of(call->context.arena);
  operator_check_required(&violations, "etag", request->etag);
  operator_check_reason(&violations, request->reason);
  operator_check_name(&violations, call, request->operator_name);
  return violations_status(&violations);
}

static struct status find_log(const struct rpc_call *call, const char *name, const struct service_log **ret_log) {
  struct arena *arena = call->context.arena;
  size_t count;
  const struct service_log *logs = logs_of(call->service, arena, &count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(logs[i].store->log, name) != 0) continue;
    *ret_log = &logs[i];
    return status_ok();
  }
  return status_not_found(arena, "log", name);
}

static coroutine_fn struct status accept_loss(struct rpc_call *call, const void *message, const void **ret_reply) {
  const Ordershop__V1__AcceptLogLossRequest *request = message;
  struct arena *arena = call->context.arena;
  const struct service_log *log = NULL;
  struct status status = check_accept(call, request);
  if (status_is_ok(status)) status = find_log(call, request->log, &log);
  if (!status_is_ok(status)) return status;
  const struct operation operation = {.by = operator_text(call, request->operator_name),
                                      .action = ACTION_ACCEPT_LOSS,
                                      .subject = request->log,
                                      .id = request->etag,
                                      .reason = request->reason};
  struct log_losses losses;
  status = log_losses_accept(log, &call->context, &operation, &losses);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__AcceptLogLossResponse *reply = arena_alloc(arena, sizeof *reply);
  ordershop__v1__accept_log_loss_response__init(reply);
  reply->accepted = loss_messages_of(arena, &losses);
  reply->n_accepted = losses.count;
  *ret_reply = reply;
  return status;
}

/* ---- the service ------------------------------------------------------------------------------------------------ */

static const struct rpc_method methods[] = {
    {.name = "GetLogStatus", .handler = get_status, .flags = METHOD_ONLY_READS},
    {.name = "AcceptLogLoss", .handler = accept_loss, .flags = METHOD_FOR_OPERATORS},
};

struct rpc_service log_service(struct service *service) {
  return (struct rpc_service){
      .descriptor = &ordershop__v1__log_service__descriptor, .methods = ROWS(methods), .user = service};
}
