/* SPDX-License-Identifier: Apache-2.0 */
/* Entity store: maps any resource message to its keys in Redis and back, by its protobuf-c descriptor. The entity's
 * type says which keys there are:
 *
 *   <entity>_entity:<id>          Hash: one readable field for each scalar field, and `_entity`, the packed message;
 *                                 `_created`, the id of the created event's entry, where the type has `told_once`
 *   <entity>_ids                  Set of ids (where the type says so)
 *   <entity>_by_creation          Sorted set: ids by log time of creation
 *   <entity>_by_<field>:<value>   Sorted set: the same for those with that value (only fields that never change)
 *   <entity>_<field>:<id>         List: the values of a repeated string field (where the type says so)
 *
 * A resource message has the fields `id`, `version`, `create_time`, `update_time`; the store maintains the last three.
 * An entity may have fields that only a newer version of the service knows: to keep them, change the one that was
 * loaded, or a copy by message_share, rather than make another. Loading and listing yield; the put functions only add
 * to a transaction. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event.h"
#include "store/transaction.h"

#define ENTITY_INDEXES 3 /* the place behind them stays empty: what stands there is one too many */

/* What can happen to the entities of a type. What never happens needs no key in Redis. */
enum entity_life {
  ENTITY_CHANGES, /* they are changed and deleted, and perhaps made anew with the same id */
  ENTITY_REMAINS, /* never deleted: the stream of creations is the order of creation, there is no <entity>_by_creation
                   */
  ENTITY_FINAL,   /* never changed either: the created event is the entity; there is no hash, and no loading by id */
};

struct entity_type {
  const char *name; /* "customer" */
  const ProtobufCMessageDescriptor *descriptor;
  bool ids_set; /* keep <entity>_ids */
  enum entity_life life;
  bool packed_only; /* the hash holds `version` and `_entity`, no other readable fields: for what is not made anew */
  const char *list_field; /* repeated string field kept as a List; NULL if there is none */
  /* String field that never changes, but may be large, such as the text of a mail; NULL if there is none. Only the
   * created event tells it: updated events are without it, and so is the hash, once it says which entry that event is
   * (entity_put_updated_since). What is loaded has it again, unless somebody has trimmed the event away. */
  const char *told_once;
  const char *indexes[ENTITY_INDEXES + 1]; /* string fields with an index of their own; may be empty at the end */
  /* Returns the text by which a field's value is found; NULL means the value itself. */
  const char *(*index_value)(struct arena *arena, const char *field, const char *value);
};

/* The key of an entity's hash, `<entity>_entity:<id>`. */
const char *entity_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                       const char *id);

/* The keys of the sorted sets `<entity>_by_creation` and `<entity>_by_<field>:<value>`. */
const char *entity_creation_key(const struct event_store *store, struct arena *arena, const struct entity_type *type);
const char *entity_index_key(const struct event_store *store, struct arena *arena, const struct entity_type *type,
                             const char *field, const char *value);

/* The stream of the created events, "<entity>_created". */
const char *entity_created_stream(struct arena *arena, const struct entity_type *type);

/* Returns why no entity of that type can be stored (its message lacks what the store needs), or NULL if they can. */
const char *entity_type_fault(struct arena *arena, const struct entity_type *type);

/* What can't be stored (see record.h; an id that is not a UUID; a change to what never changes) is a fault of the
 * transaction, which then does not run.
 *
 * Creates an entity: sets version 1 and the times in `entity` (which must be writable), requires that no entity with
 * the id exists (returns the guard's number; 0 for ENTITY_FINAL, where this is not checked), and adds all keys and the
 * event. */
int entity_put_created(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin);

/* Changes the entity that was loaded with the version that `entity` still has: requires that version, and the time of
 * creation where it may have been made anew since; sets the next version and update_time, and adds the event. Returns
 * the guard's number. */
int entity_put_updated(struct transaction *transaction, const struct entity_type *type, void *entity,
                       const struct event_origin *origin);

/* Does the same for an entity of a type with `told_once`, whose created event is the entry `created`: the hash refers
 * to that instead of holding the field once more. */
int entity_put_updated_since(struct transaction *transaction, const struct entity_type *type, void *entity,
                             const char *created, const struct event_origin *origin);

/* Deletes the entity as it was loaded: requires the same, removes all keys, and adds the event. Returns the guard's
 * number. */
int entity_put_deleted(struct transaction *transaction, const struct entity_type *type, const void *entity,
                       const struct event_origin *origin);

/* Loads an entity by its id. Errors: NOT_FOUND. */
coroutine_fn struct status entity_load(struct event_store *store, struct context *context,
                                       const struct entity_type *type, const char *id, void **ret_entity);

/* Loads an entity without unpacking it, of a type of which nothing is told once: *ret_bytes, in the context's arena,
 * have been checked (message_check.h). Errors: NOT_FOUND. */
coroutine_fn struct status entity_load_packed(struct event_store *store, struct context *context,
                                              const struct entity_type *type, const char *id, const void **ret_bytes,
                                              size_t *ret_size);

/* Loads several in one round trip, or two if they refer to their created events; ret_entities[i] is NULL if ids[i] does
 * not exist. */
coroutine_fn struct status entity_load_many(struct event_store *store, struct context *context,
                                            const struct entity_type *type, const char *const *ids, size_t count,
                                            void **ret_entities);

struct entity_page {
  void **entities;
  size_t count;
  const char *next_page_token; /* "" at the end */
};

/* Loads one page of a sorted set of ids, or, with `index_key` NULL, of all entities; oldest first. `scope` names method
 * and filter: a token made for another one is INVALID_ARGUMENT (PAGE_TOKEN_INVALID). page_size is as in the proto: 0
 * means 50, the most is 1000, a negative one is refused by the caller's validation (check_page_size). A page also ends
 * at 1 MiB. */
coroutine_fn struct status entity_list(struct event_store *store, struct context *context,
                                       const struct entity_type *type, const char *index_key, const char *scope,
                                       int32_t page_size, const char *page_token, struct entity_page *ret_page);
