/* SPDX-License-Identifier: Apache-2.0 */
#include "service/command_replay.h"

#include <google/protobuf/empty.pb-c.h>
#include <inttypes.h>

#include "base/message.h"
#include "base/uuid.h"
#include "store/log_clock.h"
#include "store/positions.h"

static void *resource_essence(struct arena *arena, const struct resource *resource, const void *given,
                              bool with_identity) {
  void *essence = entity_of_input(arena, resource, given);
  if (!with_identity) return essence;
  message_set_text(essence, "id", message_text(given, "id"));
  message_set_number(essence, "version", message_number(given, "version"));
  return essence;
}

/* Returns what of a request decides whether another is the same. */
static const void *request_essence(struct arena *arena, const struct resource *resource, const void *request,
                                   bool with_identity) {
  void *essence = message_share(arena, request);
  message_set_text(essence, "request_id", "");
  const ProtobufCMessageDescriptor *descriptor = ((const ProtobufCMessage *)request)->descriptor;
  const ProtobufCFieldDescriptor *field = message_field_of_type(descriptor, resource->type->descriptor);
  if (!field) return essence;
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    size_t count = message_repeated_count(request, field);
    void **entities = arena_calloc(arena, count, sizeof *entities);
    for (size_t i = 0; i < count; i++) {
      entities[i] = resource_essence(arena, resource, message_repeated_values(request, field)[i], with_identity);
    }
    message_set_repeated(essence, field, entities, count);
  } else {
    const void *given = request_resource(request, resource);
    *(void **)message_member(essence, field) = resource_essence(arena, resource, given, with_identity);
  }
  return essence;
}

struct request_record command_record(struct rpc_call *call, const struct resource *resource, const void *request,
                                     bool with_identity) {
  const char *request_id = message_text(request, "request_id");
  if (!*request_id) return (struct request_record){0};
  struct arena *arena = call->context.arena;
  const void *essence = request_essence(arena, resource, request, with_identity);
  return request_record_of(service_of(call)->store, arena, call->method->name, essence, request_id);
}

const char *command_entity_id(struct rpc_call *call, const struct resource *resource,
                              const struct request_record *record, size_t index) {
  struct arena *arena = call->context.arena;
  if (!record->key) return uuid_random(arena);
  const char *text = index == 0 ? record->request_id : arena_printf(arena, "%s/%zu", record->request_id, index);
  return uuid_derive_text(arena, resource->type->name, text);
}

void command_tell_position(struct rpc_call *call, const struct position *position) {
  const struct context *context = &call->context;
  rpc_call_tell_position(call,
                         positions_text_with(context->arena, context->after, service_of(call)->store->log, position));
}

/* Returns the position of an earlier event of this log; the epoch is the log's present one. */
static coroutine_fn struct status tell_earlier_position(struct rpc_call *call, int64_t log_time) {
  struct event_store *store = service_of(call)->store;
  struct position position = store->latest;
  if (!*position.epoch) {
    struct status status = clock_read(store, &call->context, &position);
    if (!status_is_ok(status)) return status;
  }
  if (log_time) position.log_time = log_time;
  command_tell_position(call, &position);
  return status_ok();
}

static coroutine_fn struct status replay_trace(struct rpc_call *call, const struct resource *resource,
                                               const struct request_trace *trace, const char *what,
                                               const void **ret_reply) {
  struct arena *arena = call->context.arena;
  const ProtobufCMessageDescriptor *output = call->signature->output;
  struct status status = tell_earlier_position(call, trace->first);
  if (!status_is_ok(status)) return status;
  if (output == &google__protobuf__empty__descriptor) {
    *ret_reply = empty_reply();
    return status_ok();
  }
  if (trace->answer) {
    *ret_reply = message_unpack(arena, output, trace->answer, trace->answer_size);
    if (*ret_reply) return status_ok();
    return status_error(arena, STATUS_DATA_LOSS, reason_request_record_undecodable,
                        "the first answer can't be decoded");
  }
  const char *stream = arena_printf(arena, "%s_%s", resource->type->name, what);
  return request_trace_entities(trace, service_of(call)->store, &call->context, stream, resource->type->descriptor, 1,
                                ret_reply);
}

coroutine_fn struct status command_replay(struct rpc_call *call, const struct resource *resource,
                                          const struct request_record *record, const char *what, bool *ret_found,
                                          const void **ret_reply) {
  struct request_trace trace;
  bool found;
  struct status status = request_record_find(record, service_of(call)->store, &call->context, &found, &trace);
  if (status_is_ok(status) && found) status = replay_trace(call, resource, &trace, what, ret_reply);
  if (status_is_ok(status)) *ret_found = found;
  return status;
}

static bool is_refusal(struct status status) {
  return status.code == STATUS_NOT_FOUND || status.code == STATUS_ALREADY_EXISTS ||
         status.code == STATUS_FAILED_PRECONDITION || status.code == STATUS_ABORTED;
}

coroutine_fn struct status command_replay_refused(struct rpc_call *call, const struct resource *resource,
                                                  const struct request_record *record, const char *what,
                                                  struct status status, const void **ret_reply) {
  if (!is_refusal(status) || !record->key) return status;
  bool found = false;
  struct status again = command_replay(call, resource, record, what, &found, ret_reply);
  return status_is_ok(again) && found ? again : status;
}

coroutine_fn struct status command_replay_result(struct rpc_call *call, const struct resource *resource,
                                                 const struct request_record *record, const char *what,
                                                 const struct transaction_result *result, const void **ret_reply) {
  struct request_trace trace;
  struct status status = request_record_read(record, call->context.arena, result->record, result->record_size, &trace);
  if (!status_is_ok(status)) return status;
  return replay_trace(call, resource, &trace, what, ret_reply);
}

coroutine_fn struct status command_answer_unchanged(struct rpc_call *call, const struct resource *resource,
                                                    const struct request_record *record, const void *current,
                                                    const void **ret_reply) {
  struct event_store *store = service_of(call)->store;
  if (record->key) {
    struct transaction transaction = transaction_of(store, call->context.arena);
    struct transaction_result result;
    request_record_add(record, &transaction, current);
    struct status status = transaction_run(&transaction, &call->context, &result);
    if (!status_is_ok(status)) return status;
    if (result.outcome == TRANSACTION_REPLAYED) {
      return command_replay_result(call, resource, record, "updated", &result, ret_reply);
    }
  }
  struct position position;
  struct status status = clock_read(store, &call->context, &position);
  if (!status_is_ok(status)) return status;
  command_tell_position(call, &position);
  *ret_reply = current;
  return status_ok();
}

struct status version_mismatch(struct arena *arena, const struct resource *resource, const char *id, int64_t wanted,
                               int64_t actual) {
  struct status status =
      status_error(arena, STATUS_ABORTED, reason_version_mismatch, "%s %s has version %" PRId64 ", not %" PRId64,
                   resource->type->name, id, actual, wanted);
  status = status_with_metadata(status, arena, "wanted_version", arena_printf(arena, "%" PRId64, wanted));
  return status_with_metadata(status, arena, "version", arena_printf(arena, "%" PRId64, actual));
}

bool version_differs(struct arena *arena, const struct resource *resource, const void *entity, int64_t wanted,
                     struct status *ret_status) {
  int64_t actual = message_number(entity, "version");
  if (wanted == 0 || wanted == actual) return false;
  *ret_status = version_mismatch(arena, resource, message_text(entity, "id"), wanted, actual);
  return true;
}

struct event_origin command_origin(const struct rpc_call *call) {
  return (struct event_origin){.traceparent = call->context.traceparent};
}

const void *empty_reply(void) {
  static const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
  return &empty;
}
