/* SPDX-License-Identifier: Apache-2.0 */
#include "store/entity_store.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "store/event_store.h"
#include "store/record.h"

const char *entity_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                       const char *id) {
  return redis_key(store->commands, arena, "%s_entity:%s", type->name, id);
}

const char *entity_creation_key(const struct event_store *store, struct arena *arena, const struct entity_type *type) {
  return redis_key(store->commands, arena, "%s_by_creation", type->name);
}

const char *entity_index_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                             const char *field, const char *value) {
  const char *found_by = type->index_value ? type->index_value(arena, field, value) : value;
  return redis_key(store->commands, arena, "%s_by_%s:%s", type->name, field, found_by);
}

static const char *entity_ids_key(const struct event_store *store, struct arena *arena,
                                  const struct entity_type *type) {
  return redis_key(store->commands, arena, "%s_ids", type->name);
}

static const char *entity_list_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                                   const char *id) {
  return redis_key(store->commands, arena, "%s_%s:%s", type->name, type->list_field, id);
}

/* ---- what can be stored ----------------------------------------------------------------------------------------- */

static bool has_field(const ProtobufCMessageDescriptor *descriptor, const char *name, ProtobufCType type) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
  return field && field->type == type && field->label != PROTOBUF_C_LABEL_REPEATED;
}

static bool has_time(const ProtobufCMessageDescriptor *descriptor, const char *name) {
  return has_field(descriptor, name, PROTOBUF_C_TYPE_MESSAGE) &&
         protobuf_c_message_descriptor_get_field_by_name(descriptor, name)->descriptor ==
             &google__protobuf__timestamp__descriptor;
}

static const char *field_fault(struct arena *arena, const struct entity_type *type) {
  if (type->indexes[ENTITY_INDEXES]) return arena_printf(arena, "has more than %d indexes", ENTITY_INDEXES);
  for (int i = 0; i < ENTITY_INDEXES && type->indexes[i]; i++) {
    if (has_field(type->descriptor, type->indexes[i], PROTOBUF_C_TYPE_STRING)) continue;
    return arena_printf(arena, "its index \"%s\" is no string field of %s", type->indexes[i], type->descriptor->name);
  }
  if (type->told_once && !has_field(type->descriptor, type->told_once, PROTOBUF_C_TYPE_STRING)) {
    return arena_printf(arena, "its told_once \"%s\" is no string field of %s", type->told_once,
                        type->descriptor->name);
  }
  if (!type->list_field) return NULL;
  const ProtobufCFieldDescriptor *list =
      protobuf_c_message_descriptor_get_field_by_name(type->descriptor, type->list_field);
  if (list && list->type == PROTOBUF_C_TYPE_STRING && list->label == PROTOBUF_C_LABEL_REPEATED) return NULL;
  return arena_printf(arena, "its list_field \"%s\" is no repeated string field of %s", type->list_field,
                      type->descriptor->name);
}

const char *entity_type_fault(struct arena *arena, const struct entity_type *type) {
  if (!type) return "it has no type";
  if (!type->name || !*type->name) return "its type has no name";
  const ProtobufCMessageDescriptor *descriptor = type->descriptor;
  if (!descriptor) return arena_printf(arena, "its type \"%s\" has no descriptor", type->name);
  const char *missing = !has_field(descriptor, "id", PROTOBUF_C_TYPE_STRING)       ? "string id"
                        : !has_field(descriptor, "version", PROTOBUF_C_TYPE_INT64) ? "int64 version"
                        : !has_time(descriptor, "create_time") ? "google.protobuf.Timestamp create_time"
                        : !has_time(descriptor, "update_time") ? "google.protobuf.Timestamp update_time"
                                                               : NULL;
  if (!missing) return field_fault(arena, type);
  return arena_printf(arena, "its type \"%s\": %s has no field \"%s\"", type->name, descriptor->name, missing);
}

/* An entity on its way into a transaction. */
struct stored {
  const char *id, *key, *what; /* what: is to be done with it, for a fault */
  struct record record;
};

/* Returns false if the transaction has a fault now. */
static bool check_entity(struct transaction *transaction, const struct entity_type *type, const void *entity,
                         const char *what, struct stored *ret_stored) {
  struct arena *arena = transaction->arena;
  const char *fault = entity_type_fault(arena, type);
  if (fault) {
    transaction_refuse(transaction, "an entity can't be %s: %s", what, fault);
    return false;
  }
  fault = record_type_fault(arena, type->descriptor, entity);
  if (fault) {
    transaction_refuse(transaction, "a %s can't be %s: %s", type->name, what, fault);
    return false;
  }
  struct stored stored = {.what = what};
  stored.id = uuid_canonical(arena, message_text(entity, "id"));
  if (!stored.id) {
    transaction_refuse(transaction, "a %s can't be %s: its id \"%s\" is no UUID", type->name, what,
                       message_text(entity, "id"));
    return false;
  }
  stored.key = entity_key(transaction->store, arena, type, stored.id);
  *ret_stored = stored;
  return true;
}

/* The same for one that must have been loaded before; entities whose life is `ended` or a later one can't be changed
 * so. */
static bool check_loaded(struct transaction *transaction, const struct entity_type *type, const void *entity,
                         const char *what, enum entity_life ended, struct stored *ret_stored) {
  if (!check_entity(transaction, type, entity, what, ret_stored)) return false;
  if (type->life >= ended) {
    transaction_refuse(transaction, "a %s can't be %s: it never is, by its type", type->name, what);
    return false;
  }
  if (message_number(entity, "version") > 0) return true;
  transaction_refuse(transaction, "a %s can't be %s: it has no version, so it was not loaded", type->name, what);
  return false;
}

/* Packs it, with what the store has set in it. What can't be packed is a fault of the transaction, of which nothing is
 * stored then. */
static void pack(struct transaction *transaction, const struct entity_type *type, const void *entity,
                 struct stored *stored) {
  stored->record = record_of(transaction->arena, type->descriptor, entity);
  if (!stored->record.fault) return;
  transaction_refuse(transaction, "a %s can't be %s: %s", type->name, stored->what, stored->record.fault);
}

/* ---- what is stored --------------------------------------------------------------------------------------------- */

/* The readable fields and `_entity`; `_created` unless it is NULL. */
static void put_hash(struct transaction *transaction, const struct entity_type *type, const void *entity,
                     const struct stored *stored, const char *created) {
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
  redis_add_bytes(&fields, stored->record.bytes, stored->record.size);
  if (created) {
    redis_add_text(&fields, "_created");
    redis_add_text(&fields, created);
  }
  transaction_set_fields(transaction, stored->key, &fields);
}

static void put_list(struct transaction *transaction, const struct entity_type *type, const void *entity,
                     const char *id) {
  const ProtobufCFieldDescriptor *field = message_field(type->descriptor, type->list_field);
  size_t count = message_repeated_count(entity, field);
  void *const *values = message_repeated_values(entity, field);
  struct redis_arguments list = redis_arguments_empty(transaction->arena);
  for (size_t i = 0; i < count; i++) redis_add_text(&list, values[i]);
  transaction_push(transaction, entity_list_key(transaction->store, transaction->arena, type, id), &list);
}

/* Calls `put` for the order of creation and for each index that the entity is in. */
static void for_each_index(struct transaction *transaction, const struct entity_type *type, const void *entity,
                           const char *id,
                           void (*put)(struct transaction *transaction, const char *key, const char *id)) {
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

const char *entity_created_stream(struct arena *arena, const struct entity_type *type) {
  return arena_printf(arena, "%s_created", type->name);
}

static void put_event(struct transaction *transaction, const struct entity_type *type, const char *what,
                      const struct stored *stored, const struct event_origin *origin) {
  const char *stream = arena_printf(transaction->arena, "%s_%s", type->name, what);
  event_append(transaction, stream, stored->record.bytes, stored->record.size, origin, NULL);
}

int entity_put_created(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin) {
  struct arena *arena = transaction->arena;
  struct stored stored;
  if (!check_entity(transaction, type, entity, "created", &stored)) return 0;
  int64_t now = event_store_now(transaction->store);
  message_set_text(entity, "id", stored.id);
  message_set_number(entity, "version", 1);
  message_set_time(arena, entity, "create_time", now);
  message_set_time(arena, entity, "update_time", now);
  pack(transaction, type, entity, &stored);

  int guard = 0;
  if (type->life != ENTITY_FINAL) {
    guard = transaction_require_absent(transaction, stored.key);
    put_hash(transaction, type, entity, &stored, NULL);
  }
  if (type->ids_set) transaction_add_member(transaction, entity_ids_key(transaction->store, arena, type), stored.id);
  if (type->list_field) put_list(transaction, type, entity, stored.id);
  for_each_index(transaction, type, entity, stored.id, add_to_index);
  put_event(transaction, type, "created", &stored, origin);
  return guard;
}

/* Requires that the entity still is as it was loaded. One that was deleted and made anew since has the same versions
 * again, but another time of creation. */
static int require_loaded(struct transaction *transaction, const struct entity_type *type, const void *entity,
                          const struct stored *stored) {
  struct arena *arena = transaction->arena;
  struct redis_arguments fields = redis_arguments_empty(arena);
  redis_add_text(&fields, "version");
  redis_add_number(&fields, message_number(entity, "version"));
  const char *created = message_field_text(arena, entity, message_field(type->descriptor, "create_time"));
  if (type->life == ENTITY_CHANGES && !type->packed_only && created) {
    redis_add_text(&fields, "create_time");
    redis_add_text(&fields, created);
  }
  return transaction_require_fields(transaction, stored->key, &fields);
}

/* The entity as its updated events tell it. */
static const void *without_told_once(struct arena *arena, const struct entity_type *type, const void *entity) {
  void *shared = message_share(arena, entity);
  message_set_text(shared, type->told_once, "");
  return shared;
}

int entity_put_updated_since(struct transaction *transaction, const struct entity_type *type, void *entity,
                             const char *created, const struct event_origin *origin) {
  struct arena *arena = transaction->arena;
  struct stored stored;
  if (!check_loaded(transaction, type, entity, "updated", ENTITY_FINAL, &stored)) return 0;
  int guard = require_loaded(transaction, type, entity, &stored);
  message_set_number(entity, "version", message_number(entity, "version") + 1);
  message_set_time(arena, entity, "update_time", event_store_now(transaction->store));
  pack(transaction, type, entity, &stored);
  struct stored told = stored;
  if (type->told_once) pack(transaction, type, without_told_once(arena, type, entity), &told);

  put_hash(transaction, type, entity, created ? &told : &stored, created);
  if (type->list_field) {
    transaction_delete(transaction, entity_list_key(transaction->store, arena, type, stored.id));
    put_list(transaction, type, entity, stored.id);
  }
  put_event(transaction, type, "updated", &told, origin);
  return guard;
}

int entity_put_updated(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin) {
  return entity_put_updated_since(transaction, type, entity, NULL, origin);
}

int entity_put_deleted(struct transaction *transaction, const struct entity_type *type, const void *entity,
                       const struct event_origin *origin) {
  struct arena *arena = transaction->arena;
  struct stored stored;
  if (!check_loaded(transaction, type, entity, "deleted", ENTITY_REMAINS, &stored)) return 0;
  pack(transaction, type, entity, &stored);
  int guard = require_loaded(transaction, type, entity, &stored);
  transaction_delete(transaction, stored.key);
  if (type->ids_set) transaction_remove_member(transaction, entity_ids_key(transaction->store, arena, type), stored.id);
  if (type->list_field) transaction_delete(transaction, entity_list_key(transaction->store, arena, type, stored.id));
  for_each_index(transaction, type, entity, stored.id, transaction_remove_scored);
  put_event(transaction, type, "deleted", &stored, origin);
  return guard;
}
