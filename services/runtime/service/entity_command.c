/* SPDX-License-Identifier: Apache-2.0 */
#include "service/entity_command.h"

#include <stdio.h>

#include "base/message.h"
#include "service/command_replay.h"
#include "service/update_mask.h"
#include "store/turn.h"

static struct status check_create(struct rpc_call *call, const void *request) {
  const struct resource *resource = call->method->resource;
  struct violations violations = violations_of(call->context.arena);
  check_optional_uuid(&violations, "request_id", message_text(request, "request_id"));
  check_input(&violations, resource, resource_field(request, resource)->name, request_resource(request, resource));
  return violations_status(&violations);
}

static const char *new_entity_id(struct rpc_call *call, const struct request_record *record, const void *entity,
                                 size_t index) {
  const struct resource *resource = call->method->resource;
  if (resource->entity_id) return resource->entity_id(call->context.arena, entity);
  return command_entity_id(call, resource, record, index);
}

/* Looks for an earlier answer before the precondition is asked: what that says may have changed since. *ret_answered
 * says whether the call ends here. */
static coroutine_fn struct status meet_precondition(struct rpc_call *call, const struct request_record *record,
                                                    const void *entity, bool *ret_answered, const void **ret_reply) {
  const struct resource *resource = call->method->resource;
  if (!resource->precondition) return status_ok();
  struct status status = command_replay(call, resource, record, "created", ret_answered, ret_reply);
  if (!status_is_ok(status) || *ret_answered) return status;
  status = resource->precondition(call, entity);
  if (status_is_ok(status)) return status;
  *ret_answered = true;
  return command_replay_refused(call, resource, record, "created", status, ret_reply);
}

coroutine_fn struct status entity_create(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  struct status status = check_create(call, request);
  if (!status_is_ok(status)) return status;

  struct request_record record = command_record(call, resource, request, false);
  struct event_origin origin = command_origin(call);
  void *entity = entity_of_input(arena, resource, request_resource(request, resource));
  const char *id = new_entity_id(call, &record, entity, 0);
  message_set_text(entity, "id", id);
  bool answered = false;
  status = meet_precondition(call, &record, entity, &answered, ret_reply);
  if (!status_is_ok(status) || answered) return status;
  struct transaction transaction = transaction_of(service_of(call)->store, arena);
  entity_put_created(&transaction, resource->type, entity, &origin);
  request_record_add(&record, &transaction, NULL);

  struct transaction_result result;
  status = transaction_run(&transaction, &call->context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome == TRANSACTION_REFUSED) return status_already_exists(arena, resource->type->name, id);
  if (result.outcome == TRANSACTION_REPLAYED) {
    return command_replay_result(call, resource, &record, "created", &result, ret_reply);
  }
  command_tell_position(call, &result.position);
  *ret_reply = entity;
  return status_ok();
}

static struct status check_batch(struct rpc_call *call, const void *request, const ProtobufCFieldDescriptor *field) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, "request_id", message_text(request, "request_id"));
  size_t count = message_repeated_count(request, field);
  bool countable = check_batch_size(&violations, field->name, request, count);
  for (size_t i = 0; countable && i < count; i++) {
    const char *path = arena_printf(arena, "%s[%zu]", field->name, i);
    check_input(&violations, resource, path, message_repeated_values(request, field)[i]);
  }
  return violations_status(&violations);
}

static const void *batch_reply(struct rpc_call *call, void **entities, size_t count) {
  void *reply = message_new(call->context.arena, call->signature->output);
  message_set_repeated(reply, resource_field(reply, call->method->resource), entities, count);
  return reply;
}

static coroutine_fn struct status replay_batch(struct rpc_call *call, const struct request_trace *trace, size_t count,
                                               const void **ret_reply) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  struct event_store *store = service_of(call)->store;
  const char *stream = entity_created_stream(arena, resource->type);
  void **entities = arena_calloc(arena, count, sizeof *entities);
  struct status status = request_trace_entities(trace, store, &call->context, stream, resource->type->descriptor, count,
                                                (const void **)entities);
  if (!status_is_ok(status)) return status;
  struct position position = store->latest;
  position.log_time = trace->first + (int64_t)count - 1;
  command_tell_position(call, &position);
  *ret_reply = batch_reply(call, entities, count);
  return status_ok();
}

static coroutine_fn struct status find_batch(struct rpc_call *call, const struct request_record *record, size_t count,
                                             bool *ret_found, const void **ret_reply) {
  struct request_trace trace;
  struct status status = request_record_find(record, service_of(call)->store, &call->context, ret_found, &trace);
  return status_is_ok(status) && *ret_found ? replay_batch(call, &trace, count, ret_reply) : status;
}

/* As meet_precondition. */
static coroutine_fn struct status meet_preconditions(struct rpc_call *call, const struct request_record *record,
                                                     void *const *entities, size_t count, bool *ret_answered,
                                                     const void **ret_reply) {
  const struct resource *resource = call->method->resource;
  if (!resource->precondition) return status_ok();
  struct status status = find_batch(call, record, count, ret_answered, ret_reply);
  if (!status_is_ok(status) || *ret_answered) return status;
  for (size_t i = 0; i < count && status_is_ok(status); i++) status = resource->precondition(call, entities[i]);
  if (status_is_ok(status)) return status;
  struct status again = find_batch(call, record, count, ret_answered, ret_reply);
  return status_is_ok(again) && *ret_answered ? again : status;
}

coroutine_fn struct status entity_batch_create(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  const ProtobufCFieldDescriptor *field = resource_field(request, resource);
  struct status status = check_batch(call, request, field);
  if (!status_is_ok(status)) return status;

  struct request_record record = command_record(call, resource, request, false);
  struct event_origin origin = command_origin(call);
  struct transaction transaction = transaction_of(service_of(call)->store, arena);
  size_t count = message_repeated_count(request, field);
  void **entities = arena_calloc(arena, count, sizeof *entities);
  for (size_t i = 0; i < count; i++) {
    entities[i] = entity_of_input(arena, resource, message_repeated_values(request, field)[i]);
    message_set_text(entities[i], "id", new_entity_id(call, &record, entities[i], i));
  }
  bool answered = false;
  status = meet_preconditions(call, &record, entities, count, &answered, ret_reply);
  if (!status_is_ok(status) || answered) return status;
  for (size_t i = 0; i < count; i++) entity_put_created(&transaction, resource->type, entities[i], &origin);
  request_record_add(&record, &transaction, NULL);

  struct transaction_result result;
  status = transaction_run(&transaction, &call->context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome == TRANSACTION_REFUSED) {
    const void *refused = entities[result.refused_by - 1]; /* the only guards are those of the creations, in order */
    return status_already_exists(arena, resource->type->name, message_text(refused, "id"));
  }
  if (result.outcome == TRANSACTION_REPLAYED) {
    struct request_trace trace;
    status = request_record_read(&record, arena, result.record, result.record_size, &trace);
    return status_is_ok(status) ? replay_batch(call, &trace, count, ret_reply) : status;
  }
  command_tell_position(call, &result.position);
  *ret_reply = batch_reply(call, entities, count);
  return status_ok();
}

static struct status check_update(struct rpc_call *call, const void *request, struct update_plan *ret_plan) {
  struct violations violations = violations_of(call->context.arena);
  check_optional_uuid(&violations, "request_id", message_text(request, "request_id"));
  *ret_plan = update_plan_of(&violations, call->method->resource, request);
  return violations_status(&violations);
}

/* Makes one try. *ret_again says whether somebody else has changed the entity since it was loaded. */
static coroutine_fn struct status try_update(struct rpc_call *call, const void *request, const struct update_plan *plan,
                                             const struct request_record *record, const void **ret_reply,
                                             bool *ret_again) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  struct event_store *store = service_of(call)->store;
  const void *given = request_resource(request, resource);
  void *current, *changed;
  *ret_again = false;
  struct status status = entity_load(store, &call->context, resource->type, message_text(given, "id"), &current);
  if (!status_is_ok(status)) return status;
  int64_t wanted = message_number(given, "version");
  if (version_differs(arena, resource, current, wanted, &status)) return status;
  status = update_plan_apply(plan, arena, resource, request, current, &changed);
  if (!status_is_ok(status)) return status;
  if (message_equal(arena, current, changed))
    return command_answer_unchanged(call, resource, record, current, ret_reply);
  if (resource->precondition) status = resource->precondition(call, changed);
  if (!status_is_ok(status)) return status;

  struct transaction transaction = transaction_of(store, arena);
  struct event_origin origin = command_origin(call);
  struct transaction_result result;
  entity_put_updated(&transaction, resource->type, changed, &origin);
  request_record_add(record, &transaction, NULL);
  status = transaction_run(&transaction, &call->context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome == TRANSACTION_REPLAYED) {
    return command_replay_result(call, resource, record, "updated", &result, ret_reply);
  }
  *ret_again = result.outcome == TRANSACTION_REFUSED;
  if (*ret_again) return status_ok();
  command_tell_position(call, &result.position);
  *ret_reply = changed;
  return status_ok();
}

coroutine_fn struct status entity_update(struct rpc_call *call, const void *request, const void **ret_reply) {
  const struct resource *resource = call->method->resource;
  struct update_plan plan;
  struct status status = check_update(call, request, &plan);
  if (!status_is_ok(status)) return status;
  struct request_record record = command_record(call, resource, request, true);
  bool found = false;
  status = command_replay(call, resource, &record, "updated", &found, ret_reply);
  if (!status_is_ok(status) || found) return status;

  const char *id = message_text(request_resource(request, resource), "id");
  struct turn turn = turn_of(service_of(call)->store, &call->context, resource->type->name, id);
  bool again;
  do {
    status = try_update(call, request, &plan, &record, ret_reply, &again);
  } while (status_is_ok(status) && again && turn_wait(&turn, &status));
  turn_end(&turn);
  return command_replay_refused(call, resource, &record, "updated", status, ret_reply);
}

static struct status check_delete(struct rpc_call *call, const void *request) {
  struct violations violations = violations_of(call->context.arena);
  check_uuid(&violations, "id", message_text(request, "id"));
  check_optional_uuid(&violations, "request_id", message_text(request, "request_id"));
  check_range(&violations, "version", message_number(request, "version"), 0, INT64_MAX);
  return violations_status(&violations);
}

static coroutine_fn struct status try_delete(struct rpc_call *call, const void *request,
                                             const struct request_record *record, const void **ret_reply,
                                             bool *ret_again) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  struct event_store *store = service_of(call)->store;
  void *current;
  *ret_again = false;
  struct status status = entity_load(store, &call->context, resource->type, message_text(request, "id"), &current);
  if (!status_is_ok(status)) return status;
  if (version_differs(arena, resource, current, message_number(request, "version"), &status)) return status;

  struct transaction transaction = transaction_of(store, arena);
  struct event_origin origin = command_origin(call);
  struct transaction_result result;
  int guard = resource->guard_deletion ? resource->guard_deletion(&transaction, current) : 0;
  entity_put_deleted(&transaction, resource->type, current, &origin);
  request_record_add(record, &transaction, NULL);
  status = transaction_run(&transaction, &call->context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome == TRANSACTION_REPLAYED) {
    return command_replay_result(call, resource, record, "deleted", &result, ret_reply);
  }
  if (result.outcome == TRANSACTION_REFUSED) {
    if (guard && result.refused_by == guard) return resource->explain_deletion(call, current, result.actual);
    *ret_again = true;
    return status_ok();
  }
  command_tell_position(call, &result.position);
  *ret_reply = empty_reply();
  return status_ok();
}

coroutine_fn struct status entity_delete(struct rpc_call *call, const void *request, const void **ret_reply) {
  const struct resource *resource = call->method->resource;
  struct status status = check_delete(call, request);
  if (!status_is_ok(status)) return status;
  struct request_record record = command_record(call, resource, request, false);
  bool found = false;
  status = command_replay(call, resource, &record, "deleted", &found, ret_reply);
  if (!status_is_ok(status) || found) return status;

  const char *id = message_text(request, "id");
  struct turn turn = turn_of(service_of(call)->store, &call->context, resource->type->name, id);
  bool again;
  do {
    status = try_delete(call, request, &record, ret_reply, &again);
  } while (status_is_ok(status) && again && turn_wait(&turn, &status));
  turn_end(&turn);
  return command_replay_refused(call, resource, &record, "deleted", status, ret_reply);
}
