#include "event/entity_store.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"

const char *entity_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                       const char *id) {
  return redis_key(store->commands, arena, "%s_entity:%s", type->name, id);
}

const char *entity_creation_key(const struct event_store *store, struct arena *arena, const struct entity_type *type) {
  return redis_key(store->commands, arena, "%s_by_creation", type->name);
}

const char *entity_index_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                             const char *field, const char *value) {
  return redis_key(store->commands, arena, "%s_by_%s:%s", type->name, field, value);
}

static const char *entity_ids_key(const struct event_store *store, struct arena *arena,
                                  const struct entity_type *type) {
  return redis_key(store->commands, arena, "%s_ids", type->name);
}

static const char *entity_list_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                                   const char *id) {
  return redis_key(store->commands, arena, "%s_%s:%s", type->name, type->list_field, id);
}

/* The readable fields and `_entity`. */
static void put_hash(struct transaction *transaction, const struct entity_type *type, const void *entity,
                     const char *key, const void *bytes, size_t size) {
  struct arena *arena = transaction->arena;
  struct redis_arguments fields = redis_arguments_empty(arena);
  for (unsigned i = 0; i < type->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &type->descriptor->fields[i];
    bool is_wanted = !type->packed_only || strcmp(field->name, "version") == 0;
    const char *text = is_wanted ? message_field_text(arena, entity, field) : NULL;
    if (!text) continue;
    redis_add_text(&fields, field->name);
    redis_add_text(&fields, text);
  }
  redis_add_text(&fields, "_entity");
  redis_add_bytes(&fields, bytes, size);
  transaction_set_fields(transaction, key, &fields);
}

static void put_list(struct transaction *transaction, const struct entity_type *type, const void *entity) {
  const ProtobufCFieldDescriptor *field = message_field(type->descriptor, type->list_field);
  size_t count = message_repeated_count(entity, field);
  void *const *values = message_repeated_values(entity, field);
  if (count == 0) return;
  struct redis_arguments list = redis_arguments_empty(transaction->arena);
  for (size_t i = 0; i < count; i++) redis_add_text(&list, values[i]);
  transaction_push(transaction,
                   entity_list_key(transaction->store, transaction->arena, type, message_text(entity, "id")), &list);
}

/* Calls `put` for the order of creation and for each index that the entity is in. */
static void for_each_index(struct transaction *transaction, const struct entity_type *type, const void *entity,
                           void (*put)(struct transaction *transaction, const char *key, const char *id)) {
  const char *id = message_text(entity, "id");
  if (type->life == ENTITY_CHANGES) {
    put(transaction, entity_creation_key(transaction->store, transaction->arena, type), id);
  }
  for (int i = 0; i < ENTITY_INDEXES && type->indexes[i]; i++) {
    const char *value = message_text(entity, type->indexes[i]);
    if (!*value) continue;
    put(transaction, entity_index_key(transaction->store, transaction->arena, type, type->indexes[i], value), id);
  }
}

static void add_to_index(struct transaction *transaction, const char *key, const char *id) {
  transaction_add_scored(transaction, key, id, 0);
}

static void put_event(struct transaction *transaction, const struct entity_type *type, const char *what,
                      const void *bytes, size_t size, const struct event_origin *origin) {
  const char *stream = arena_printf(transaction->arena, "%s_%s", type->name, what);
  event_append(transaction, stream, bytes, size, origin, NULL);
}

int entity_put_created(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin) {
  struct arena *arena = transaction->arena;
  const char *id = message_text(entity, "id");
  const char *key = entity_key(transaction->store, arena, type, id);
  int64_t now = event_store_now(transaction->store);
  message_set_number(entity, "version", 1);
  message_set_time(arena, entity, "create_time", now);
  message_set_time(arena, entity, "update_time", now);
  size_t size;
  void *bytes = message_pack(arena, entity, &size);

  int guard = 0;
  if (type->life != ENTITY_FINAL) {
    guard = transaction_require_absent(transaction, key);
    put_hash(transaction, type, entity, key, bytes, size);
  }
  if (type->ids_set) transaction_add_member(transaction, entity_ids_key(transaction->store, arena, type), id);
  if (type->list_field) put_list(transaction, type, entity);
  for_each_index(transaction, type, entity, add_to_index);
  put_event(transaction, type, "created", bytes, size, origin);
  return guard;
}

static int require_version(struct transaction *transaction, const struct entity_type *type, const void *entity) {
  const char *key = entity_key(transaction->store, transaction->arena, type, message_text(entity, "id"));
  const char *version = arena_printf(transaction->arena, "%" PRId64, message_number(entity, "version"));
  return transaction_require_field(transaction, key, "version", version);
}

int entity_put_updated(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin) {
  struct arena *arena = transaction->arena;
  const char *id = message_text(entity, "id");
  int guard = require_version(transaction, type, entity);
  message_set_number(entity, "version", message_number(entity, "version") + 1);
  message_set_time(arena, entity, "update_time", event_store_now(transaction->store));
  size_t size;
  void *bytes = message_pack(arena, entity, &size);

  put_hash(transaction, type, entity, entity_key(transaction->store, arena, type, id), bytes, size);
  if (type->list_field) {
    transaction_delete(transaction, entity_list_key(transaction->store, arena, type, id));
    put_list(transaction, type, entity);
  }
  put_event(transaction, type, "updated", bytes, size, origin);
  return guard;
}

int entity_put_deleted(struct transaction *transaction, const struct entity_type *type, const void *entity,
                       const struct event_origin *origin) {
  struct arena *arena = transaction->arena;
  const char *id = message_text(entity, "id");
  int guard = require_version(transaction, type, entity);
  size_t size;
  void *bytes = message_pack(arena, entity, &size);

  transaction_delete(transaction, entity_key(transaction->store, arena, type, id));
  if (type->ids_set) transaction_remove_member(transaction, entity_ids_key(transaction->store, arena, type), id);
  if (type->list_field) transaction_delete(transaction, entity_list_key(transaction->store, arena, type, id));
  for_each_index(transaction, type, entity, transaction_remove_scored);
  put_event(transaction, type, "deleted", bytes, size, origin);
  return guard;
}

static struct status undecodable(struct arena *arena, const struct entity_type *type, const char *id) {
  return status_error(arena, STATUS_DATA_LOSS, "ENTITY_UNDECODABLE", "what is stored of %s %s can't be decoded",
                      type->name, id);
}

struct status entity_load(struct event_store *store, struct context *context, const struct entity_type *type,
                          const char *id, void **ret_entity) {
  void *entity;
  struct status status = entity_load_many(store, context, type, &id, 1, &entity);
  if (!status_is_ok(status)) return status;
  if (!entity) return status_not_found(context->arena, type->name, id);
  *ret_entity = entity;
  return status_ok();
}

struct status entity_load_many(struct event_store *store, struct context *context, const struct entity_type *type,
                               const char *const *ids, size_t count, void **ret_entities) {
  struct arena *arena = context->arena;
  struct redis *redis = count > 1 ? store->reads : store->commands;
  struct redis_pending **pending = arena_calloc(arena, count, sizeof *pending);
  for (size_t i = 0; i < count; i++) {
    const char *id = uuid_canonical(arena, ids[i]);
    struct redis_arguments get =
        redis_command_of(arena, "HGET", entity_key(store, arena, type, id ? id : ids[i]), "_entity", NULL);
    pending[i] = redis_send(redis, context, &get);
  }
  struct status result = status_ok();
  void **entities = arena_calloc(arena, count, sizeof *entities);
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    struct status status = redis_receive(pending[i], &reply);
    if (!status_is_ok(result)) continue;
    result = status;
    if (!status_is_ok(status) || reply->type == REDIS_NIL) continue;
    entities[i] = message_unpack(arena, type->descriptor, reply->text, reply->size);
    if (!entities[i]) result = undecodable(arena, type, ids[i]);
  }
  if (!status_is_ok(result)) return result;
  memcpy(ret_entities, entities, count * sizeof *entities);
  return status_ok();
}
