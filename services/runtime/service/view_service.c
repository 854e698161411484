/* SPDX-License-Identifier: Apache-2.0 */
#include "service/view_service.h"

#include <ordershop/v1/view.pb-c.h>
#include <string.h>

#include "base/timestamp.h"
#include "base/uuid.h"
#include "consumer/view_rebuild_job.h"
#include "service/operator.h"

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static Ordershop__V1__ViewRebuildState state_of(enum view_rebuild_state state) {
  switch (state) {
    case VIEW_REBUILD_NONE:
      break;
    case VIEW_REBUILD_ASKED:
      return ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_ASKED;
    case VIEW_REBUILD_BUILDING:
      return ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_BUILDING;
    case VIEW_REBUILD_COMPARING:
      return ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_COMPARING;
    case VIEW_REBUILD_DONE:
      return ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_DONE;
    case VIEW_REBUILD_FAILED:
      return ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_FAILED;
  }
  return ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_UNSPECIFIED;
}

static Ordershop__V1__ViewDifferenceKind kind_of(enum view_difference_kind kind) {
  switch (kind) {
    case VIEW_ROW_WRONG:
      return ORDERSHOP__V1__VIEW_DIFFERENCE_KIND__VIEW_DIFFERENCE_KIND_WRONG;
    case VIEW_ROW_MISSING:
      return ORDERSHOP__V1__VIEW_DIFFERENCE_KIND__VIEW_DIFFERENCE_KIND_MISSING;
    case VIEW_ROW_SURPLUS:
      return ORDERSHOP__V1__VIEW_DIFFERENCE_KIND__VIEW_DIFFERENCE_KIND_SURPLUS;
    case VIEW_DIFFERENCE_KINDS:
      break;
  }
  return ORDERSHOP__V1__VIEW_DIFFERENCE_KIND__VIEW_DIFFERENCE_KIND_UNSPECIFIED;
}

static Ordershop__V1__ViewDifference *difference_of(struct arena *arena, const struct view_difference *difference) {
  Ordershop__V1__ViewDifference *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__view_difference__init(message);
  message->kind = kind_of(difference->kind);
  message->key = (char *)difference->key;
  message->field = (char *)difference->field;
  message->live = (char *)difference->live;
  message->rebuilt = (char *)difference->rebuilt;
  return message;
}

static void add_differences(struct arena *arena, const struct view_rebuild_job *job,
                            Ordershop__V1__ViewRebuild *message) {
  message->differences = arena_calloc(arena, job->difference_count + 1, sizeof(*message->differences));
  for (size_t i = 0; i < job->difference_count; i++) {
    message->differences[message->n_differences++] = difference_of(arena, &job->differences[i]);
  }
}

static void add_views(struct arena *arena, const struct service *service, Ordershop__V1__ViewRebuild *message) {
  const struct view *const *views = service->definition->views;
  message->views = arena_calloc(arena, SERVICE_VIEWS + 1, sizeof(*message->views));
  for (size_t i = 0; views[i]; i++) message->views[message->n_views++] = (char *)views[i]->name;
}

/* The job lives in the call's arena. */
static const Ordershop__V1__ViewRebuild *message_of(const struct rpc_call *call, const struct view_rebuild_job *job) {
  const struct service *service = call->service;
  struct arena *arena = call->context.arena;
  Ordershop__V1__ViewRebuild *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__view_rebuild__init(message);
  message->service = (char *)service->definition->name;
  add_views(arena, service, message);
  message->id = (char *)job->id;
  message->view = (char *)job->view;
  message->verify_only = job->verify_only;
  message->state = state_of(job->state);
  message->operator_name = (char *)job->by;
  message->reason = (char *)job->reason;
  if (job->asked_us > 0) message->create_time = timestamp_new(arena, job->asked_us);
  if (job->ended_us > 0) message->end_time = timestamp_new(arena, job->ended_us);
  message->error = (char *)job->error;
  message->events_total = job->events_total;
  message->events_read = job->events_read;
  message->events_left_out = job->events_left_out;
  message->rows_compared = job->rows_compared;
  message->rows_wrong = job->rows[VIEW_ROW_WRONG];
  message->rows_missing = job->rows[VIEW_ROW_MISSING];
  message->rows_surplus = job->rows[VIEW_ROW_SURPLUS];
  add_differences(arena, job, message);
  return message;
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status get_rebuild(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request;
  const struct service *service = call->service;
  struct view_rebuild_job job;
  struct status status = view_rebuild_job_read(service->store, &call->context, &job);
  if (status_is_ok(status)) *ret_reply = message_of(call, &job);
  return status;
}

static struct status check_start(const struct rpc_call *call, const Ordershop__V1__StartViewRebuildRequest *request) {
  struct violations violations = violations_of(call->context.arena);
  operator_check_required(&violations, "view", request->view);
  operator_check_reason(&violations, request->reason);
  operator_check_name(&violations, call, request->operator_name);
  return violations_status(&violations);
}

static struct status find_view(const struct rpc_call *call, const char *name) {
  const struct service *service = call->service;
  const struct view *const *views = service->definition->views;
  for (size_t i = 0; views[i]; i++) {
    if (strcmp(views[i]->name, name) == 0) return status_ok();
  }
  return status_not_found(call->context.arena, "view", name);
}

static coroutine_fn struct status start_rebuild(struct rpc_call *call, const void *message, const void **ret_reply) {
  const Ordershop__V1__StartViewRebuildRequest *request = message;
  const struct service *service = call->service;
  struct status status = check_start(call, request);
  if (status_is_ok(status)) status = find_view(call, request->view);
  if (!status_is_ok(status)) return status;
  const struct view_rebuild_job asked = {.id = uuid_random(call->context.arena),
                                         .view = request->view,
                                         .verify_only = request->verify_only,
                                         .by = operator_text(call, request->operator_name),
                                         .reason = request->reason};
  struct view_rebuild_job job;
  status = view_rebuild_job_ask(service->store, &call->context, &asked, &job);
  if (!status_is_ok(status)) return status;
  consumer_poke(service->consumer);
  *ret_reply = message_of(call, &job);
  return status;
}

/* ---- the service ------------------------------------------------------------------------------------------------ */

static const struct rpc_method methods[] = {
    {.name = "GetViewRebuild", .handler = get_rebuild, .flags = METHOD_ONLY_READS},
    {.name = "StartViewRebuild", .handler = start_rebuild, .flags = METHOD_FOR_OPERATORS},
};

struct rpc_service view_service(struct service *service) {
  return (struct rpc_service){
      .descriptor = &ordershop__v1__view_service__descriptor, .methods = ROWS(methods), .user = service};
}
