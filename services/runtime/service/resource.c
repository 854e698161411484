/* SPDX-License-Identifier: Apache-2.0 */
#include "service/resource.h"

#include <string.h>

#include "base/message.h"
#include "base/uuid.h"

enum { BATCH_MAX = 1000, BATCH_BYTES_MAX = 1 << 20 };

const ProtobufCFieldDescriptor *resource_field(const void *request, const struct resource *resource) {
  return message_field_of_type(((const ProtobufCMessage *)request)->descriptor, resource->type->descriptor);
}

const void *request_resource(const void *request, const struct resource *resource) {
  return *(void *const *)message_member(request, resource_field(request, resource));
}

void check_input(struct violations *violations, const struct resource *resource, const char *path, const void *entity) {
  if (!entity) {
    violation_add(violations, path, "is required");
    return;
  }
  for (int i = 0; i < RESOURCE_FIELDS && resource->input_fields[i]; i++) {
    const char *field = resource->input_fields[i];
    resource->check(violations, arena_printf(violations->arena, "%s.%s", path, field), entity, field);
  }
}

bool check_batch_size(struct violations *violations, const char *path, const void *request, size_t count) {
  if (count == 0) violation_add(violations, path, "must hold at least one");
  if (count > BATCH_MAX) violation_add(violations, path, "must hold at most %d", BATCH_MAX);
  if (count == 0 || count > BATCH_MAX) return false;
  if (protobuf_c_message_get_packed_size(request) > BATCH_BYTES_MAX) {
    violation_add(violations, path, "must have at most 1 MiB together");
  }
  return true;
}

static bool is_reference(const struct resource *resource, const char *field) {
  for (int i = 0; i < RESOURCE_FIELDS && resource->reference_fields[i]; i++) {
    if (strcmp(resource->reference_fields[i], field) == 0) return true;
  }
  return false;
}

/* One that is empty, or refused by the check, stays as it is. */
static void *canonical_id(struct arena *arena, void *id) {
  const char *canonical = uuid_canonical(arena, id);
  return canonical ? (void *)canonical : id;
}

static void make_canonical(struct arena *arena, void *entity, const ProtobufCFieldDescriptor *field) {
  if (field->label != PROTOBUF_C_LABEL_REPEATED) {
    message_set_text(entity, field->name, canonical_id(arena, (void *)message_text(entity, field->name)));
    return;
  }
  size_t count = message_repeated_count(entity, field);
  void **ids = arena_calloc(arena, count, sizeof *ids);
  for (size_t i = 0; i < count; i++) ids[i] = canonical_id(arena, message_repeated_values(entity, field)[i]);
  message_set_repeated(entity, field, ids, count);
}

void take_input_field(struct arena *arena, const struct resource *resource, void *entity, const void *given,
                      const ProtobufCFieldDescriptor *field) {
  message_share_field(entity, given, field);
  if (is_reference(resource, field->name)) make_canonical(arena, entity, field);
}

void *entity_of_input(struct arena *arena, const struct resource *resource, const void *given) {
  void *entity = message_new(arena, resource->type->descriptor);
  for (int i = 0; i < RESOURCE_FIELDS && resource->input_fields[i]; i++) {
    const char *field = resource->input_fields[i];
    take_input_field(arena, resource, entity, given, message_field(resource->type->descriptor, field));
  }
  return entity;
}
