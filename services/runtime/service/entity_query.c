/* SPDX-License-Identifier: Apache-2.0 */
#include "service/entity_query.h"

#include "base/field_rules.h"
#include "base/message.h"
#include "base/uuid.h"
#include "service/service.h"

enum { BATCH_GET_MAX = 1000 };

/* What is stored is the answer, unless a part of it is stored elsewhere. */
coroutine_fn struct status entity_get(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct event_store *store = service_of(call)->store;
  const struct entity_type *type = call->method->resource->type;
  const char *id = message_text(request, "id");
  struct violations violations = violations_of(call->context.arena);
  check_uuid(&violations, "id", id);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;
  if (type->told_once) return entity_load(store, &call->context, type, id, (void **)ret_reply);
  const void *bytes;
  size_t size;
  status = entity_load_packed(store, &call->context, type, id, &bytes, &size);
  if (status_is_ok(status)) rpc_call_answer_packed(call, bytes, size);
  return status;
}

static struct status check_ids(struct arena *arena, char *const *ids, size_t count) {
  struct violations violations = violations_of(arena);
  if (count == 0) violation_add(&violations, "ids", "must hold at least one");
  if (count > BATCH_GET_MAX) violation_add(&violations, "ids", "must hold at most %d", BATCH_GET_MAX);
  for (size_t i = 0; i < count && count <= BATCH_GET_MAX; i++) {
    check_uuid(&violations, arena_printf(arena, "ids[%zu]", i), ids[i]);
  }
  return violations_status(&violations);
}

coroutine_fn struct status entity_batch_get(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  const ProtobufCFieldDescriptor *field = message_field(((const ProtobufCMessage *)request)->descriptor, "ids");
  char *const *ids = (char *const *)message_repeated_values(request, field);
  size_t count = message_repeated_count(request, field);
  struct status status = check_ids(arena, ids, count);
  if (!status_is_ok(status)) return status;

  void **entities = arena_calloc(arena, count, sizeof *entities);
  status = entity_load_many(service_of(call)->store, &call->context, resource->type, (const char *const *)ids, count,
                            entities);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < count; i++) {
    if (!entities[i]) return status_not_found(arena, resource->type->name, ids[i]);
  }
  void *reply = message_new(arena, call->signature->output);
  message_set_repeated(reply, resource_field(reply, resource), entities, count);
  *ret_reply = reply;
  return status_ok();
}

void check_page_size(struct violations *violations, int32_t page_size) {
  if (page_size < 0) violation_add(violations, "page_size", "must not be negative");
}

coroutine_fn struct status entity_page_list_by(struct rpc_call *call, const void *request, const char *index_key,
                                               const char *filter, const void **ret_reply) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  int32_t page_size = (int32_t)message_number(request, "page_size");
  struct violations violations = violations_of(arena);
  check_page_size(&violations, page_size);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  const char *scope = arena_printf(arena, "%s %s", call->method->name, filter);
  struct entity_page page;
  status = entity_list(service_of(call)->store, &call->context, resource->type, index_key, scope, page_size,
                       message_text(request, "page_token"), &page);
  if (!status_is_ok(status)) return status;
  void *reply = message_new(arena, call->signature->output);
  message_set_repeated(reply, resource_field(reply, resource), page.entities, page.count);
  message_set_text(reply, "next_page_token", page.next_page_token);
  *ret_reply = reply;
  return status_ok();
}

coroutine_fn struct status entity_page_list(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct arena *arena = call->context.arena;
  const struct resource *resource = call->method->resource;
  const char *given = resource->list_filter ? message_text(request, resource->list_filter) : "";
  struct violations violations = violations_of(arena);
  check_optional_uuid(&violations, resource->list_filter, given);
  check_page_size(&violations, (int32_t)message_number(request, "page_size"));
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;
  if (!*given) return entity_page_list_by(call, request, NULL, "", ret_reply);

  const char *id = uuid_canonical(arena, given);
  const char *index = entity_index_key(service_of(call)->store, arena, resource->type, resource->list_filter, id);
  return entity_page_list_by(call, request, index, id, ret_reply);
}
