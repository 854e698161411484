/* SPDX-License-Identifier: Apache-2.0 */
#include "stored_types.h"

#include <stdlib.h>
#include <string.h>

#include "base/key_table.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/blocking.h"
#include "message/entity_types.h"
#include "message/message_types.h"
#include "service/event_types.h"
#include "shop.h"
#include "store/log_time.h"

enum {
  SETS_MAX = 2000
}; /* that are kept, of all entities together: they are never dropped, since they may be in use */

/* From an entry on, until the next era of the same entity, its last set reads all of its events. */
struct era {
  int64_t after; /* log time; -1 for the first one */
  const ProtobufCMessageDescriptor *type;
  ProtobufCBinaryData set;
  const struct era *before; /* NULL for the first one */
};

struct stored_entity {
  const char *written;   /* what the eras were made of */
  const struct era *era; /* the latest; NULL if there is none */
};

struct stored_types {
  const struct log_places *places;
  struct arena *arena;
  struct entity_types *contract;
  struct key_table *entities; /* struct stored_entity of each that was looked at */
  size_t set_count;
};

struct status stored_types_new(const struct log_places *places, struct arena *arena, struct stored_types **ret_types) {
  struct stored_types *types = memory_calloc(1, sizeof *types);
  types->places = places;
  types->arena = arena_new();
  types->contract = entity_types_new();
  types->entities = key_table_new(types->arena);
  struct status status =
      entity_types_add(types->contract, arena, ordershop_descriptor_set, ordershop_descriptor_set_size);
  if (status_is_ok(status)) {
    *ret_types = types;
  } else {
    stored_types_free(types);
  }
  return status;
}

void stored_types_free(struct stored_types *types) {
  entity_types_free(types->contract);
  arena_free(types->arena);
  free(types);
}

const char *stored_types_contract(const struct stored_types *types, size_t index) {
  return entity_types_name(types->contract, index);
}

const ProtobufCMessageDescriptor *stored_types_at(const struct stored_types *types, const char *entity,
                                                  int64_t log_time) {
  const struct stored_entity *stored = key_table_find(types->entities, entity);
  const struct era *era = stored ? stored->era : NULL;
  while (era && log_time <= era->after) era = era->before;
  return era ? era->type : entity_types_find(types->contract, entity);
}

ProtobufCBinaryData stored_types_set(const struct stored_types *types, const char *entity) {
  const struct stored_entity *stored = key_table_find(types->entities, entity);
  return stored && stored->era ? stored->era->set : (ProtobufCBinaryData){0};
}

/* They lie beside the entity's streams. */
static size_t place_of(const struct stored_types *types, const char *entity) {
  return log_places_of_entity(types->places, entity);
}

static struct redis *redis_of(const struct stored_types *types, const char *entity) {
  return types->places->stores[place_of(types, entity)]->commands;
}

/* ---- making a type of a set, on another thread ------------------------------------------------------------------ */

struct making {
  struct arena *arena;
  ProtobufCBinaryData set;
  const char *message;
  const ProtobufCMessageDescriptor *type;
  struct status status;
};

static void make_type(void *argument) {
  struct making *making = argument;
  struct message_types *messages;
  making->status = message_types_new(making->arena, making->set.data, making->set.len, &messages);
  if (status_is_ok(making->status)) making->status = message_types_make(messages, making->message, &making->type);
}

static coroutine_fn struct status fetch_type(struct stored_types *types, struct context *context, const char *entity,
                                             const struct event_types_row *row, struct making *ret_making) {
  struct redis *redis = redis_of(types, entity);
  const char *key = redis_key(redis, context->arena, "%s_descriptors", entity);
  struct redis_arguments get = redis_command_of(context->arena, "HGET", key, row->hash, NULL);
  const struct redis_reply *set;
  struct context contexts[LOG_PLACES_MAX];
  log_places_contexts(types->places, context, contexts);
  struct status status = redis_command(redis, &contexts[place_of(types, entity)], &get, &set);
  if (!status_is_ok(status)) return status;
  size_t size = redis_reply_text(set) ? set->size : 0;
  *ret_making = (struct making){.arena = types->arena, .message = arena_strdup(types->arena, row->message)};
  if (size > MESSAGE_TYPES_SET_MAX || ++types->set_count > SETS_MAX) size = 0;
  ret_making->set.data = (uint8_t *)arena_memdup(types->arena, size > 0 ? set->text : "", size);
  ret_making->set.len = size;
  blocking_run(make_type, ret_making);
  return status;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static void tell(const char *entity, struct status status) {
  log_event(LOG_WARN, "stored descriptors can't be used", "entity", entity, "reason", status.message, NULL);
}

static coroutine_fn struct status begin_era(struct stored_types *types, struct context *context, const char *entity,
                                            const struct event_types_row *row, int64_t after, const struct era *before,
                                            const struct era **ret_era) {
  struct making making;
  struct status status = fetch_type(types, context, entity, row, &making);
  *ret_era = before;
  if (!status_is_ok(status)) return status;
  if (!making.type) {
    tell(entity, making.status);
    return status;
  }
  struct era *era = arena_alloc(types->arena, sizeof *era);
  *era = (struct era){.after = after, .type = making.type, .set = making.set, .before = before};
  *ret_era = era;
  return status;
}

/* Of each era only the last set is needed. */
static coroutine_fn struct status take_written(struct stored_types *types, struct context *context, const char *entity,
                                               const char *written) {
  struct stored_entity *stored = *key_table_at(types->entities, entity);
  const struct era *latest = NULL;
  struct event_types_row row = {0}, next = {0};
  int64_t after = -1;
  const char *text = written;
  struct status status = status_ok();
  bool more = event_types_next_row(context->arena, &text, &row);
  while (more && status_is_ok(status)) {
    more = event_types_next_row(context->arena, &text, &next);
    if (!more || next.anew) status = begin_era(types, context, entity, &row, after, latest, &latest);
    if (more && next.anew) after = log_time_of_entry(next.from);
    row = next;
  }
  if (!status_is_ok(status)) return status;
  stored->written = arena_strdup(types->arena, written);
  stored->era = latest;
  return status;
}

static struct stored_entity *entity_of(struct stored_types *types, const char *entity) {
  void **place = key_table_at(types->entities, entity);
  if (!*place) *place = arena_calloc(types->arena, 1, sizeof(struct stored_entity));
  struct stored_entity *stored = *place;
  if (!stored->written) stored->written = "";
  return stored;
}

coroutine_fn struct status stored_types_look(struct stored_types *types, struct context *context,
                                             const char *const *entities, size_t count) {
  struct redis_pending **asked = arena_calloc(context->arena, count, sizeof *asked);
  const char **written = arena_calloc(context->arena, count, sizeof *written);
  struct context contexts[LOG_PLACES_MAX];
  log_places_contexts(types->places, context, contexts);
  struct status status = status_ok();
  for (size_t i = 0; i < count; i++) {
    struct redis *redis = redis_of(types, entities[i]);
    const char *key = redis_key(redis, context->arena, "%s_descriptors", entities[i]);
    struct redis_arguments get = redis_command_of(context->arena, "HGET", key, "written", NULL);
    asked[i] = redis_send(redis, &contexts[place_of(types, entities[i])], &get);
  }
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply = NULL;
    struct status one = redis_receive(asked[i], &reply);
    if (!status_is_ok(one) && !status_is(one, reason_redis_wrongtype)) status = one; /* somebody else's key */
    written[i] = redis_reply_text(reply) ? redis_reply_text(reply) : "";
  }
  for (size_t i = 0; i < count && status_is_ok(status); i++) {
    if (strcmp(entity_of(types, entities[i])->written, written[i]) != 0)
      status = take_written(types, context, entities[i], written[i]);
  }
  return status;
}
