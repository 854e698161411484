/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/request_build.h"

#include <errno.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/uuid.h"
#include "message/json_read.h"
#include "money.h"

/* Where a value goes. */
struct target {
  ProtobufCMessage *message; /* NULL means there is no such field */
  const ProtobufCFieldDescriptor *field;
  bool in_resource;
};

static struct status refuse(struct arena *arena, const char *sentence) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "%s", sentence);
}

const ProtobufCMethodDescriptor *request_method(const struct invocation *invocation) {
  const char *method = invocation->verb->method;
  for (size_t i = 0; i < invocation->given_count; i++) {
    const struct flag *flag = invocation->given[i].flag;
    if (flag->kind == FLAG_METHOD) method = flag->field;
  }
  return protobuf_c_service_descriptor_get_method_by_name(ordershop_service_descriptor(invocation->noun->service),
                                                          method);
}

const char **request_text(ProtobufCMessage *request, const char *name) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(request->descriptor, name);
  return field && field->type == PROTOBUF_C_TYPE_STRING ? message_member(request, field) : NULL;
}

/* ---- finding fields --------------------------------------------------------------------------------------------- */

/* The resource that the request carries, made when it is not there yet, or NULL if it carries none. */
static ProtobufCMessage *resource_of(struct arena *arena, ProtobufCMessage *request) {
  for (unsigned i = 0; i < request->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &request->descriptor->fields[i];
    bool singular = field->label != PROTOBUF_C_LABEL_REPEATED && field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (!singular || field->descriptor == &google__protobuf__field_mask__descriptor) continue;
    ProtobufCMessage **member = message_member(request, field);
    if (!*member) *member = message_new(arena, field->descriptor);
    return *member;
  }
  return NULL;
}

static struct target find_target(struct arena *arena, ProtobufCMessage *request, const char *name) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(request->descriptor, name);
  if (field) return (struct target){.message = request, .field = field};
  ProtobufCMessage *resource = resource_of(arena, request);
  if (resource) field = protobuf_c_message_descriptor_get_field_by_name(resource->descriptor, name);
  if (!field) return (struct target){.message = NULL};
  return (struct target){.message = resource, .field = field, .in_resource = true};
}

/* ---- setting fields --------------------------------------------------------------------------------------------- */

static void append_text(struct arena *arena, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        const char *text) {
  size_t *count = (size_t *)(void *)((char *)message + field->quantifier_offset);
  const char ***texts = message_member(message, field);
  const char **longer = arena_calloc(arena, *count + 1, sizeof(*longer));
  if (*count > 0) memcpy(longer, *texts, *count * sizeof(*longer));
  longer[(*count)++] = text;
  *texts = longer;
}

static void set_text(struct arena *arena, struct target target, const char *text) {
  // A target is only made with its field. NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
  if (target.field->label == PROTOBUF_C_LABEL_REPEATED) {
    append_text(arena, target.message, target.field, text);
  } else {
    *(const char **)message_member(target.message, target.field) = text;
  }
}

static struct status set_number(struct arena *arena, struct target target, const struct given_flag *given,
                                int64_t number) {
  void *member = message_member(target.message, target.field);
  if (target.field->type == PROTOBUF_C_TYPE_INT64) {
    *(int64_t *)member = number;
    return status_ok();
  }
  if (number < INT32_MIN || number > INT32_MAX) {
    return refuse(arena, arena_printf(arena, "--%s: %s is too large", given->flag->name, given->value));
  }
  *(int32_t *)member = (int32_t)number;
  return status_ok();
}

static bool parse_integer(const char *text, int64_t *ret_number) {
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0) return false;
  *ret_number = number;
  return true;
}

static struct status set_value(struct arena *arena, struct target target, const struct given_flag *given) {
  int64_t number;
  const char *name = given->flag->name;
  switch (given->flag->kind) {
    case FLAG_INTEGER:
      if (parse_integer(given->value, &number)) return set_number(arena, target, given, number);
      return refuse(arena, arena_printf(arena, "--%s: \"%s\" is not a whole number", name, given->value));
    case FLAG_MONEY:
      if (money_parse(given->value, &number)) return set_number(arena, target, given, number);
      return refuse(arena, arena_printf(arena, "--%s: \"%s\" is not an amount such as 12.34", name, given->value));
    default:
      set_text(arena, target, given->value);
      return status_ok();
  }
}

/* Adds the field to the update mask, if the request has one. A version is a condition, not a change. */
static void mask_field(struct arena *arena, ProtobufCMessage *request, const ProtobufCFieldDescriptor *changed) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "update_mask");
  if (!field || strcmp(changed->name, "version") == 0) return;
  Google__Protobuf__FieldMask **mask = message_member(request, field);
  if (!*mask) *mask = message_new(arena, &google__protobuf__field_mask__descriptor);
  for (size_t i = 0; i < (*mask)->n_paths; i++) {
    if (strcmp((*mask)->paths[i], changed->name) == 0) return;
  }
  append_text(arena, &(*mask)->base, protobuf_c_message_descriptor_get_field_by_name((*mask)->base.descriptor, "paths"),
              changed->name);
}

/* ---- the request ------------------------------------------------------------------------------------------------ */

static struct status refuse_unfitting(struct arena *arena, const struct invocation *invocation,
                                      const struct given_flag *given) {
  for (size_t i = 0; i < invocation->given_count; i++) {
    const struct flag *other = invocation->given[i].flag;
    if (other->kind != FLAG_METHOD) continue;
    return refuse(arena, arena_printf(arena, "--%s does not go with --%s", given->flag->name, other->name));
  }
  const char *name = invocation_name(arena, invocation);
  return refuse(arena, arena_printf(arena, "%s takes no --%s", name, given->flag->name));
}

/* A value that was given before, by this flag or by another one for the same field; lists may have several. */
static const struct given_flag *given_before(const struct invocation *invocation, size_t index) {
  const struct flag *flag = invocation->given[index].flag;
  for (size_t i = 0; i < index; i++) {
    const struct flag *other = invocation->given[i].flag;
    if (other->kind != FLAG_SETTING && other->kind != FLAG_METHOD && strcmp(other->field, flag->field) == 0) {
      return &invocation->given[i];
    }
  }
  return NULL;
}

static struct status apply_flag(struct arena *arena, const struct invocation *invocation, size_t index,
                                ProtobufCMessage *request) {
  const struct given_flag *given = &invocation->given[index];
  if (given->flag->kind == FLAG_SETTING || given->flag->kind == FLAG_METHOD) return status_ok();
  struct target target = find_target(arena, request, given->flag->field);
  if (!target.message) return refuse_unfitting(arena, invocation, given);
  const struct given_flag *before = given_before(invocation, index);
  if (before && target.field->label != PROTOBUF_C_LABEL_REPEATED) {
    const char *first = before->flag->name, *second = given->flag->name;
    const char *what = before->flag == given->flag ? arena_printf(arena, "--%s is given twice", first)
                                                   : arena_printf(arena, "--%s and --%s say the same", first, second);
    return refuse(arena, what);
  }
  if (target.in_resource) mask_field(arena, request, target.field);
  return set_value(arena, target, given);
}

static struct status check_update(struct arena *arena, const struct invocation *invocation,
                                  const ProtobufCMessage *request) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "update_mask");
  if (!field || *(void **)message_member(request, field)) return status_ok();
  const char *flags = "";
  for (const struct flag *flag = invocation->verb->flags; flag->name; flag++) {
    flags = arena_printf(arena, "%s%s--%s", flags, *flags ? ", " : "", flag->name);
  }
  const char *name = invocation_name(arena, invocation);
  return refuse(arena, arena_printf(arena, "%s needs something to change: %s", name, flags));
}

static void give_request_id(struct arena *arena, ProtobufCMessage *request) {
  const char **request_id = request_text(request, "request_id");
  if (request_id && !**request_id) *request_id = uuid_random(arena);
}

struct status request_build(struct arena *arena, const struct invocation *invocation, const char *operand,
                            ProtobufCMessage **ret_request) {
  ProtobufCMessage *request = message_new(arena, request_method(invocation)->input);
  for (size_t i = 0; i < invocation->given_count; i++) {
    struct status status = apply_flag(arena, invocation, i, request);
    if (!status_is_ok(status)) return status;
  }
  if (operand) set_text(arena, find_target(arena, request, invocation->verb->operand_field), operand);
  struct status status = check_update(arena, invocation, request);
  if (!status_is_ok(status)) return status;
  give_request_id(arena, request);
  *ret_request = request;
  return status_ok();
}

/* ---- from JSON -------------------------------------------------------------------------------------------------- */

/* The mask of an update; without one, all that is set in the resource would count. */
static struct status mask_object(struct arena *arena, const json_t *object, ProtobufCMessage *request,
                                 const ProtobufCMessage *resource) {
  if (!protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "update_mask")) return status_ok();
  const char *name;
  json_t *value;
  size_t changes = 0;
  json_object_foreach((json_t *)object, name, value) {
    const ProtobufCFieldDescriptor *field = json_field(resource->descriptor, name);
    if (strcmp(field->name, "id") == 0 || json_is_null(value)) continue;
    if (strcmp(field->name, "version") != 0) changes++;
    mask_field(arena, request, field);
  }
  return changes > 0 ? status_ok() : refuse(arena, "there is nothing to change beside the id");
}

/* What a deletion may be told of beside its own fields. */
static const ProtobufCMessageDescriptor *deleted_resource(const struct invocation *invocation) {
  const struct verb *get = command_verb(invocation->noun, "get");
  if (strncmp(invocation->verb->method, "Delete", strlen("Delete")) != 0 || !get) return NULL;
  return protobuf_c_service_descriptor_get_method_by_name(ordershop_service_descriptor(invocation->noun->service),
                                                          get->method)
      ->output;
}

struct status request_of_json(struct arena *arena, const struct invocation *invocation, const json_t *object,
                              ProtobufCMessage **ret_request) {
  ProtobufCMessage *request = message_new(arena, request_method(invocation)->input);
  ProtobufCMessage *resource = resource_of(arena, request);
  struct status status = json_to_message(arena, object, resource ? resource : request, deleted_resource(invocation));
  if (status_is_ok(status) && resource) status = mask_object(arena, object, request, resource);
  if (status_is_ok(status)) *ret_request = request;
  return status;
}
