/* SPDX-License-Identifier: Apache-2.0 */
#include "service/update_mask.h"

#include <google/protobuf/field_mask.pb-c.h>
#include <string.h>

#include "base/field_rules.h"
#include "base/message.h"

static bool is_named(const char *const *names, const char *name) {
  for (int i = 0; i < RESOURCE_FIELDS && names[i]; i++) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return false;
}

static void plan_field(struct update_plan *plan, const struct resource *resource,
                       const ProtobufCFieldDescriptor *field) {
  bool is_mutable = is_named(resource->mutable_fields, field->name);
  const ProtobufCFieldDescriptor **list = is_mutable ? plan->fields : plan->unchanged;
  size_t *count = is_mutable ? &plan->field_count : &plan->unchanged_count;
  for (size_t i = 0; i < *count; i++) {
    if (list[i] == field) return;
  }
  list[(*count)++] = field;
}

/* All input fields, or those that are set. */
static void plan_input(struct update_plan *plan, struct arena *arena, const struct resource *resource,
                       const void *given, bool only_set) {
  const ProtobufCMessageDescriptor *descriptor = resource->type->descriptor;
  const void *empty = message_new(arena, descriptor);
  for (int i = 0; i < RESOURCE_FIELDS && resource->input_fields[i]; i++) {
    const ProtobufCFieldDescriptor *field = message_field(descriptor, resource->input_fields[i]);
    bool is_set = !message_field_equal(arena, given, empty, field);
    bool is_mutable = is_named(resource->mutable_fields, field->name);
    if (is_set || (is_mutable && !only_set)) plan_field(plan, resource, field);
  }
}

static void plan_path(struct update_plan *plan, struct violations *violations, const struct resource *resource,
                      const char *path) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(resource->type->descriptor, path);
  if (!field) {
    violation_add(violations, "update_mask", "\"%s\" is no field of %s", path, resource->type->name);
  } else if (is_named(resource->input_fields, path)) {
    plan_field(plan, resource, field);
  }
  /* What remains is output only and ignored (AIP-203). */
}

static void check_plan(const struct update_plan *plan, struct violations *violations, const struct resource *resource,
                       const char *path, const void *given) {
  for (size_t i = 0; i < plan->field_count; i++) {
    const char *name = plan->fields[i]->name;
    resource->check(violations, arena_printf(violations->arena, "%s.%s", path, name), given, name);
  }
}

struct update_plan update_plan_of(struct violations *violations, const struct resource *resource, const void *request) {
  struct update_plan plan = {0};
  struct arena *arena = violations->arena;
  const char *path = resource_field(request, resource)->name;
  const void *given = request_resource(request, resource);
  if (!given) {
    violation_add(violations, path, "is required");
    return plan;
  }
  check_uuid(violations, arena_printf(arena, "%s.id", path), message_text(given, "id"));
  check_range(violations, arena_printf(arena, "%s.version", path), message_number(given, "version"), 0, INT64_MAX);

  const ProtobufCFieldDescriptor *mask_field =
      message_field(((const ProtobufCMessage *)request)->descriptor, "update_mask");
  const Google__Protobuf__FieldMask *mask = *(void *const *)message_member(request, mask_field);
  if (!mask || mask->n_paths == 0) plan_input(&plan, arena, resource, given, true);
  for (size_t i = 0; mask && i < mask->n_paths; i++) {
    if (strcmp(mask->paths[i], "*") == 0) {
      plan_input(&plan, arena, resource, given, false);
    } else {
      plan_path(&plan, violations, resource, mask->paths[i]);
    }
  }
  check_plan(&plan, violations, resource, path, given);
  return plan;
}

struct status update_plan_apply(const struct update_plan *plan, struct arena *arena, const struct resource *resource,
                                const void *request, const void *current, void **ret_changed) {
  const void *given = request_resource(request, resource);
  const char *path = resource_field(request, resource)->name;
  struct violations violations = violations_of(arena);
  void *same = message_share(arena, current);
  for (size_t i = 0; i < plan->unchanged_count; i++) {
    take_input_field(arena, resource, same, given, plan->unchanged[i]);
    if (message_field_equal(arena, same, current, plan->unchanged[i])) continue;
    violation_add(&violations, arena_printf(arena, "%s.%s", path, plan->unchanged[i]->name), "can't be changed");
  }
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;
  void *changed = message_share(arena, current);
  for (size_t i = 0; i < plan->field_count; i++) take_input_field(arena, resource, changed, given, plan->fields[i]);
  *ret_changed = changed;
  return status_ok();
}
