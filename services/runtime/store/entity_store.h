/* SPDX-License-Identifier: Apache-2.0 */
/* Entity store: maps any resource message to its keys in Redis and back, by its protobuf-c descriptor. Which keys there
 * are, its type says:
 *
 *   <entity>_entity:<id>          Hash: one readable field for each scalar field, and `_entity`, the packed message
 *   <entity>_ids                  Set of ids (where the type says so)
 *   <entity>_by_creation          Sorted set: ids by log time of creation
 *   <entity>_by_<field>:<value>   Sorted set: likewise, of those with that value (fields that never change)
 *   <entity>_<field>:<id>         List: the values of a repeated string field (where the type says so)
 *
 * A resource message has the fields `id`, `version`, `create_time`, `update_time`; the store keeps the last three. An
 * entity may have fields that only a newer version of the service knows: to keep them, change the one that was loaded,
 * or a copy by message_share, rather than make another. Loading and listing yield; the put functions only add to a
 * transaction. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event.h"
#include "store/transaction.h"

#define ENTITY_INDEXES 3

/* What becomes of the entities of a type: what never happens needs no key in Redis. */
enum entity_life {
  ENTITY_CHANGES, /* they are changed and deleted */
  ENTITY_REMAINS, /* never deleted: the stream of creations is the order of creation, there is no <entity>_by_creation
                   */
  ENTITY_FINAL,   /* never changed either: the created event is the entity, there is no hash; no loading by id */
};

struct entity_type {
  const char *name; /* "customer" */
  const ProtobufCMessageDescriptor *descriptor;
  bool ids_set; /* keep <entity>_ids */
  enum entity_life life;
  bool packed_only;                    /* the hash holds `version` and `_entity`, no other readable fields */
  const char *list_field;              /* repeated string field kept as a List; NULL if there is none */
  const char *indexes[ENTITY_INDEXES]; /* string fields with an index of their own; may be empty at the end */
  /* What a field's value is found by; NULL means the value itself. */
  const char *(*index_value)(struct arena *arena, const char *field, const char *value);
};

/* The key of an entity's hash, `<entity>_entity:<id>`. */
const char *entity_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                       const char *id);

/* The keys of the sorted sets `<entity>_by_creation` and `<entity>_by_<field>:<value>`. */
const char *entity_creation_key(const struct event_store *store, struct arena *arena, const struct entity_type *type);
const char *entity_index_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                             const char *field, const char *value);

/* Why no entity of that type can be stored: its message lacks what the store needs; NULL if it can. */
const char *entity_type_fault(struct arena *arena, const struct entity_type *type);

/* What can't be stored (record.h; an id that is no UUID; a change of what never changes) is a fault of the transaction,
 * which then does not run.
 *
 * Creation: sets version 1 and the times in `entity` (which must be writable), requires that the id is not alive (the
 * guard's number is returned; 0 for ENTITY_FINAL, where it is not checked), adds all keys and the event. */
int entity_put_created(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin);

/* Change of the entity that was loaded with the version that `entity` still has: requires that version, sets the next
 * one and update_time, and adds the event. Returns the guard's number. */
int entity_put_updated(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin);

/* Removal of the entity as it was loaded: requires its version, removes all keys, adds the event. Returns the guard's
 * number. */
int entity_put_deleted(struct transaction *transaction, const struct entity_type *type, const void *entity,
                       const struct event_origin *origin);

/* Errors: NOT_FOUND. */
coroutine_fn struct status entity_load(struct event_store *store, struct context *context,
                                       const struct entity_type *type, const char *id, void **ret_entity);

/* Several in one round trip; ret_entities[i] is NULL where ids[i] does not live. */
coroutine_fn struct status entity_load_many(struct event_store *store, struct context *context,
                                            const struct entity_type *type, const char *const *ids, size_t count,
                                            void **ret_entities);

struct entity_page {
  void **entities;
  size_t count;
  const char *next_page_token; /* "" at the end */
};

/* One page of a sorted set of ids, or, with `index_key` NULL, of all entities; oldest first. `scope` names method and
 * filter: a token made for another one is INVALID_ARGUMENT (PAGE_TOKEN_INVALID). page_size as in the proto: 0 means 50,
 * at most 1000, negative is refused by the caller's validation (check_page_size). A page also ends at 1 MiB. */
coroutine_fn struct status entity_list(struct event_store *store, struct context *context,
                                       const struct entity_type *type, const char *index_key, const char *scope,
                                       int32_t page_size, const char *page_token, struct entity_page *ret_page);

/* INVALID_ARGUMENT PAGE_TOKEN_INVALID, for listings that make no use of this one. */
struct status page_token_invalid(struct arena *arena);
