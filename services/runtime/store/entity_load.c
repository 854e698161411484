/* SPDX-License-Identifier: Apache-2.0 */
/* entity_load, entity_load_packed, entity_load_many: entities by their ids. */
#include <string.h>

#include "base/message.h"
#include "base/message_check.h"
#include "base/uuid.h"
#include "store/entity_store.h"

/* Entities on their way out of Redis. */
struct loading {
  struct event_store *store;
  struct context *context;
  const struct entity_type *type;
  const char *const *ids;
  size_t count;
  struct redis *redis;
  struct redis_pending **pending;
  void **entities;
  const char **created; /* entries of created events, where something is told only there; NULL if nothing is */
};

static const char *key_of(struct event_store *store, struct arena *arena, const struct entity_type *type,
                          const char *id) {
  const char *canonical = uuid_canonical(arena, id);
  return entity_key(store, arena, type, canonical ? canonical : id);
}

static void ask_for_hash(struct loading *loading, size_t i) {
  struct arena *arena = loading->context->arena;
  const char *key = key_of(loading->store, arena, loading->type, loading->ids[i]);
  struct redis_arguments get = loading->type->told_once
                                   ? redis_command_of(arena, "HMGET", key, "_entity", "_created", NULL)
                                   : redis_command_of(arena, "HGET", key, "_entity", NULL);
  loading->pending[i] = redis_send(loading->redis, loading->context, &get);
}

static struct status undecodable(struct arena *arena, const struct entity_type *type, const char *id) {
  return status_error(arena, STATUS_DATA_LOSS, reason_entity_undecodable, "what is stored of %s %s can't be decoded",
                      type->name, id);
}

static struct status read_hash(struct loading *loading, size_t i, const struct redis_reply *reply) {
  struct arena *arena = loading->context->arena;
  const struct redis_reply *packed = loading->type->told_once ? redis_reply_at(reply, 0) : reply;
  if (packed->type == REDIS_NIL) return status_ok();
  loading->entities[i] = message_unpack(arena, loading->type->descriptor, packed->text, packed->size);
  if (!loading->entities[i]) return undecodable(arena, loading->type, loading->ids[i]);
  if (loading->type->told_once) loading->created[i] = redis_reply_text(redis_reply_at(reply, 1));
  return status_ok();
}

static void ask_for_event(struct loading *loading, size_t i) {
  if (!loading->created[i]) return;
  struct arena *arena = loading->context->arena;
  const char *stream = event_stream_key(loading->store, arena, entity_created_stream(arena, loading->type));
  struct redis_arguments range =
      redis_command_of(arena, "XRANGE", stream, loading->created[i], loading->created[i], NULL);
  loading->pending[i] = redis_send(loading->redis, loading->context, &range);
}

/* What somebody has trimmed is not told any more. */
static struct status read_event(struct loading *loading, size_t i, const struct redis_reply *reply) {
  const struct entity_type *type = loading->type;
  struct arena *arena = loading->context->arena;
  if (reply->count == 0) return status_ok();
  struct event event;
  struct status status =
      event_decode(arena, entity_created_stream(arena, type), type->descriptor, redis_reply_at(reply, 0), &event);
  if (!status_is_ok(status)) return status;
  message_share_field(loading->entities[i], event.entity, message_field(type->descriptor, type->told_once));
  return status;
}

/* Makes one round trip; `ask` sets pending[i] for those that it asks for. */
static coroutine_fn struct status load_all(struct loading *loading, void (*ask)(struct loading *loading, size_t i),
                                           struct status (*read)(struct loading *loading, size_t i,
                                                                 const struct redis_reply *reply)) {
  struct status result = status_ok();
  memset(loading->pending, 0, loading->count * sizeof(struct redis_pending *));
  for (size_t i = 0; i < loading->count; i++) ask(loading, i);
  for (size_t i = 0; i < loading->count; i++) {
    const struct redis_reply *reply;
    if (!loading->pending[i]) continue;
    struct status status = redis_receive(loading->pending[i], &reply);
    if (!status_is_ok(result)) continue;
    result = status_is_ok(status) ? read(loading, i, reply) : status;
  }
  return result;
}

coroutine_fn struct status entity_load_many(struct event_store *store, struct context *context,
                                            const struct entity_type *type, const char *const *ids, size_t count,
                                            void **ret_entities) {
  struct arena *arena = context->arena;
  struct loading loading = {.store = store,
                            .context = context,
                            .type = type,
                            .ids = ids,
                            .count = count,
                            .redis = count > 1 ? store->reads : store->commands,
                            .pending = arena_calloc(arena, count, sizeof *loading.pending),
                            .entities = arena_calloc(arena, count, sizeof *loading.entities),
                            .created = arena_calloc(arena, count, sizeof *loading.created)};
  struct status status = load_all(&loading, ask_for_hash, read_hash);
  if (status_is_ok(status) && type->told_once) status = load_all(&loading, ask_for_event, read_event);
  if (!status_is_ok(status)) return status;
  memcpy(ret_entities, loading.entities, count * sizeof *loading.entities);
  return status_ok();
}

coroutine_fn struct status entity_load(struct event_store *store, struct context *context,
                                       const struct entity_type *type, const char *id, void **ret_entity) {
  void *entity;
  struct status status = entity_load_many(store, context, type, &id, 1, &entity);
  if (!status_is_ok(status)) return status;
  if (!entity) return status_not_found(context->arena, type->name, id);
  *ret_entity = entity;
  return status_ok();
}

coroutine_fn struct status entity_load_packed(struct event_store *store, struct context *context,
                                              const struct entity_type *type, const char *id, const void **ret_bytes,
                                              size_t *ret_size) {
  struct arena *arena = context->arena;
  struct redis_arguments get = redis_command_of(arena, "HGET", key_of(store, arena, type, id), "_entity", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  if (reply->type == REDIS_NIL) return status_not_found(arena, type->name, id);
  status = message_check(arena, type->descriptor, reply->text, reply->size);
  if (!status_is_ok(status)) return undecodable(arena, type, id);
  *ret_bytes = reply->text;
  *ret_size = reply->size;
  return status_ok();
}
