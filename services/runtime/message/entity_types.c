/* SPDX-License-Identifier: Apache-2.0 */
#include "message/entity_types.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "message/message_types.h"

enum { ENTITIES_MAX = 500, SETS_MAX = 64 };

struct entity {
  const char *name; /* "gift_card" */
  const ProtobufCMessageDescriptor *descriptor;
};

struct entity_types {
  struct arena *sets[SETS_MAX]; /* each with what was made of one set */
  size_t set_count;
  struct entity entities[ENTITIES_MAX];
  size_t entity_count;
};

struct entity_types *entity_types_new(void) {
  return memory_calloc(1, sizeof(struct entity_types));
}

void entity_types_free(struct entity_types *types) {
  for (size_t i = 0; i < types->set_count; i++) arena_free(types->sets[i]);
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
