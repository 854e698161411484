/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/entity_types.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "client/reflection_client.h"
#include "loop/blocking.h"
#include "message/message_types.h"

enum { ENTITIES_MAX = 500, MISSED_MAX = 500, SETS_MAX = 64, ASK_US = 1000000, AGAIN_US = 10000000 };

struct entity {
  const char *name; /* "gift_card" */
  const ProtobufCMessageDescriptor *descriptor;
};

/* An entity that nobody has had. */
struct missed {
  const char *name;
  int64_t again_us; /* not to be looked for before */
};

struct service_asked {
  int64_t again_us; /* not to be asked before; 0: now */
  bool told;        /* why it could not be asked */
};

struct entity_types {
  struct arena *arena;          /* of names and problems */
  struct arena *sets[SETS_MAX]; /* each with what was made of one set */
  size_t set_count;
  struct entity entities[ENTITIES_MAX];
  size_t entity_count;
  struct missed missed[MISSED_MAX];
  size_t missed_count;
  struct ordershop_client *client;
  struct service_asked *services; /* the client's */
  const char *problem;
};

struct entity_types *entity_types_new(struct ordershop_client *client) {
  struct entity_types *types = memory_calloc(1, sizeof(*types));
  types->arena = arena_new();
  types->client = client;
  size_t count = client ? ordershop_client_service_count(client) : 0;
  types->services = arena_calloc(types->arena, count, sizeof(*types->services));
  return types;
}

void entity_types_free(struct entity_types *types) {
  for (size_t i = 0; i < types->set_count; i++) arena_free(types->sets[i]);
  arena_free(types->arena);
  free(types);
}

const ProtobufCMessageDescriptor *entity_types_find(const struct entity_types *types, const char *entity) {
  for (size_t i = 0; i < types->entity_count; i++) {
    if (strcmp(types->entities[i].name, entity) == 0) return types->entities[i].descriptor;
  }
  return NULL;
}

const char *entity_types_name(const struct entity_types *types, size_t index) {
  return index < types->entity_count ? types->entities[index].name : NULL;
}

/* ---- the entities of a set -------------------------------------------------------------------------------------- */

static struct status refuse(struct arena *arena, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_descriptor_set_invalid, "The descriptor set %s.", what);
}

static bool has_field(const ProtobufCMessageDescriptor *message, const char *name, ProtobufCType type) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message, name);
  return field && field->type == type && field->label != PROTOBUF_C_LABEL_REPEATED &&
         !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

/* What the store wants of every entity (store/entity_store.h). */
static bool is_entity(const ProtobufCMessageDescriptor *message) {
  if (!has_field(message, "id", PROTOBUF_C_TYPE_STRING) || !has_field(message, "version", PROTOBUF_C_TYPE_INT64) ||
      !has_field(message, "create_time", PROTOBUF_C_TYPE_MESSAGE)) {
    return false;
  }
  const void *time = protobuf_c_message_descriptor_get_field_by_name(message, "create_time")->descriptor;
  return time == &google__protobuf__timestamp__descriptor;
}

static struct status add_message(struct entity_types *types, struct message_types *set, struct arena *made,
                                 const struct message_type *message) {
  const char *name = message_snake_case(made, message->short_name);
  const ProtobufCMessageDescriptor *descriptor;
  if (entity_types_find(types, name)) return status_ok();
  struct status status = message_types_make(set, message->name, &descriptor);
  if (!status_is_ok(status) || !is_entity(descriptor)) return status;
  if (types->entity_count == ENTITIES_MAX) return refuse(made, "has too many entities");
  types->entities[types->entity_count++] = (struct entity){.name = name, .descriptor = descriptor};
  return status;
}

/* Those beside a service first: others are of whom it reads. */
static struct status add_messages(struct entity_types *types, struct message_types *set, struct arena *made) {
  struct status status = status_ok();
  struct message_type message;
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; status_is_ok(status) && message_types_at(set, i, &message); i++) {
      if (message.beside_service == (round == 0)) status = add_message(types, set, made, &message);
    }
  }
  return status;
}

struct status entity_types_add(struct entity_types *types, struct arena *arena, const void *set, size_t size) {
  if (types->set_count == SETS_MAX) return refuse(arena, "is one too many");
  struct arena *made = arena_new();
  struct message_types *messages;
  size_t before = types->entity_count;
  struct status status = message_types_new(made, set, size, &messages);
  if (status_is_ok(status)) status = add_messages(types, messages, made);
  status = status_copy(status, arena);
  if (!status_is_ok(status)) types->entity_count = before;
  if (types->entity_count > before) {
    types->sets[types->set_count++] = made;
  } else {
    arena_free(made);
  }
  return status;
}

/* ---- asking the services ---------------------------------------------------------------------------------------- */

static struct status ask_service(struct entity_types *types, struct arena *arena, enum ordershop_service service) {
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + ASK_US};
  const void *set;
  size_t size;
  struct status status =
      ordershop_get_descriptor_set(types->client, &context, service, MESSAGE_TYPES_SET_MAX, &set, &size);
  return status_is_ok(status) ? entity_types_add(types, arena, set, size) : status;
}

static void take_note(struct entity_types *types, enum ordershop_service service, struct status status) {
  struct service_asked *asked = &types->services[service];
  if (status_is_ok(status)) return;
  asked->again_us = clock_monotonic_us() + AGAIN_US;
  if (service < ORDERSHOP_SERVICE_COUNT || asked->told) return;
  asked->told = true;
  const char *name = ordershop_client_service_name(types->client, service);
  types->problem = arena_printf(types->arena, "%s can't be asked for its types: %s", name, status.message);
}

struct search {
  struct entity_types *types;
  const char *entity;
};

/* On a thread of its own. The user's own services come behind those of the shop. */
static void ask_services(void *argument) {
  const struct search *search = argument;
  struct entity_types *types = search->types;
  struct arena *arena = arena_new();
  for (size_t i = ordershop_client_service_count(types->client);
       i-- > 0 && !entity_types_find(types, search->entity);) {
    enum ordershop_service service = (enum ordershop_service)i;
    if (types->services[service].again_us > clock_monotonic_us()) continue;
    take_note(types, service, ask_service(types, arena, service));
    arena_reset(arena);
  }
  arena_free(arena);
}

/* Whether it is time to look for an entity that is not known; it is taken for missed until it is found. */
static bool search_is_due(struct entity_types *types, const char *entity) {
  int64_t now_us = clock_monotonic_us();
  struct missed *missed = types->missed, *end = missed + types->missed_count;
  while (missed < end && strcmp(missed->name, entity) != 0) missed++;
  if (missed == end) {
    if (types->missed_count == MISSED_MAX) return false;
    *missed = (struct missed){.name = arena_strdup(types->arena, entity)};
    types->missed_count++;
  }
  if (missed->again_us > now_us) return false;
  missed->again_us = now_us + AGAIN_US;
  return true;
}

coroutine_fn const ProtobufCMessageDescriptor *entity_types_ask(struct entity_types *types, const char *entity,
                                                                const char **ret_problem) {
  const ProtobufCMessageDescriptor *known = entity_types_find(types, entity);
  types->problem = NULL;
  if (!known && types->client && search_is_due(types, entity)) {
    struct search search = {.types = types, .entity = entity};
    blocking_run(ask_services, &search);
    known = entity_types_find(types, entity);
  }
  *ret_problem = types->problem;
  return known;
}
