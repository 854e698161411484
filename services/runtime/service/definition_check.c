/* SPDX-License-Identifier: Apache-2.0 */
#include "service/definition_check.h"

#include <google/protobuf/empty.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/key_table.h"
#include "rpc/service_table.h"
#include "service/entity_command.h"

enum { PORT_MOST = 65535, METHOD_FLAGS = METHOD_READS_VIEWS | METHOD_RETRIED_WHEN_CAUGHT_UP };

struct mistakes {
  struct arena *arena;
  const struct service_definition *definition;
  const char *lines; /* each begins with a line break */
  size_t count;
  struct key_table *names; /* what must not come twice, by its kind and name */
};

static void mistake(struct mistakes *mistakes, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void mistake(struct mistakes *mistakes, const char *where, const char *format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  mistakes->lines = arena_printf(mistakes->arena, "%s\n  %s: %s", mistakes->lines, where, text);
  mistakes->count++;
}

/* A part of keys, variables and users' names: customer, gift_card. */
static bool is_name(const char *name) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return name && *name >= 'a' && *name <= 'z' && !name[strspn(name, allowed)];
}

static const char *shown(const char *name) {
  return name ? name : "NULL";
}

/* False: there was one of the kind with that name before. */
static bool is_first(struct mistakes *mistakes, const char *kind, const char *name) {
  void **place = key_table_at(mistakes->names, arena_printf(mistakes->arena, "%s %s", kind, name));
  if (*place) return false;
  *place = mistakes;
  return true;
}

/* A table and its count; false: there is nothing to look at. */
static bool check_table(struct mistakes *mistakes, const char *where, const void *table, size_t count) {
  if (table && count == 0) mistake(mistakes, where, "there is a table, but its count is 0");
  if (!table && count > 0) mistake(mistakes, where, "the count is %zu, but there is no table", count);
  return table && count > 0;
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *message, const char *name) {
  return protobuf_c_message_descriptor_get_field_by_name(message, name);
}

static bool has_field(const ProtobufCMessageDescriptor *message, const char *name, ProtobufCType type, bool repeated) {
  const ProtobufCFieldDescriptor *field = field_of(message, name);
  return field && field->type == type && (field->label == PROTOBUF_C_LABEL_REPEATED) == repeated;
}

static bool has_message(const ProtobufCMessageDescriptor *message, const ProtobufCMessageDescriptor *type,
                        bool repeated) {
  for (unsigned i = 0; i < message->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->fields[i];
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->descriptor != type) continue;
    return (field->label == PROTOBUF_C_LABEL_REPEATED) == repeated;
  }
  return false;
}

/* What the entity store keeps in it (proto/README.md, "Resources"). */
static bool is_resource(const ProtobufCMessageDescriptor *message) {
  return field_of(message, "id") && field_of(message, "version") && field_of(message, "create_time") &&
         field_of(message, "update_time");
}

/* ---- resources and views ---------------------------------------------------------------------------------------- */

static bool is_among(const char *const *names, const char *name) {
  for (int i = 0; i < RESOURCE_FIELDS && names[i]; i++) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return false;
}

static void check_fields(struct mistakes *mistakes, const char *where, const struct resource *resource,
                         const char *const *fields, const char *list) {
  for (int i = 0; i < RESOURCE_FIELDS && fields[i]; i++) {
    const ProtobufCMessageDescriptor *message = resource->type->descriptor;
    if (!field_of(message, fields[i])) {
      mistake(mistakes, where, "%s names \"%s\", which is no field of %s", list, fields[i], message->name);
    } else if (!is_first(mistakes, arena_printf(mistakes->arena, "%s of %s", list, where), fields[i])) {
      mistake(mistakes, where, "%s names \"%s\" twice", list, fields[i]);
    } else if (fields != resource->input_fields && !is_among(resource->input_fields, fields[i])) {
      mistake(mistakes, where, "%s names \"%s\", which is not among the input_fields", list, fields[i]);
    }
  }
}

static void check_numbers(struct mistakes *mistakes, const char *where, const ProtobufCMessageDescriptor *message) {
  static const struct {
    const char *name;
    unsigned number;
  } numbers[] = {{"id", 1}, {"version", 13}, {"create_time", 14}, {"update_time", 15}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    const ProtobufCFieldDescriptor *field = field_of(message, numbers[i].name);
    if (field->id == numbers[i].number) continue;
    mistake(mistakes, where, "%s of %s has the number %u, not %u", field->name, message->name, field->id,
            numbers[i].number);
  }
}

static void check_list_filter(struct mistakes *mistakes, const char *where, const struct resource *resource) {
  for (int i = 0; i < ENTITY_INDEXES && resource->type->indexes[i]; i++) {
    if (strcmp(resource->type->indexes[i], resource->list_filter) == 0) return;
  }
  mistake(mistakes, where, "its list_filter \"%s\" is none of its type's indexes", resource->list_filter);
}

/* False: there is nothing more to look at. */
static bool check_type(struct mistakes *mistakes, const struct resource *resource) {
  if (!resource->type) {
    mistake(mistakes, "a resource", "it has no type");
    return false;
  }
  const char *where = arena_printf(mistakes->arena, "resource %s", shown(resource->type->name));
  const char *fault = entity_type_fault(mistakes->arena, resource->type);
  if (fault) mistake(mistakes, where, "%s", fault);
  return !fault;
}

static bool is_described(const struct resource *resource) {
  return resource->type && resource->type->descriptor;
}

static void check_resource(struct mistakes *mistakes, const struct resource *resource) {
  if (!check_type(mistakes, resource)) return;
  const char *name = resource->type->name, *where = arena_printf(mistakes->arena, "resource %s", name);
  if (!is_name(name)) mistake(mistakes, where, "its name must be of a-z, 0-9 and _");
  if (!is_first(mistakes, "resource", name)) mistake(mistakes, where, "comes twice");
  check_numbers(mistakes, where, resource->type->descriptor);
  check_fields(mistakes, where, resource, resource->input_fields, "input_fields");
  check_fields(mistakes, where, resource, resource->mutable_fields, "mutable_fields");
  if (resource->input_fields[0] && !resource->check)
    mistake(mistakes, where, "has input_fields, but no check for them");
  if (resource->mutable_fields[0] && resource->type->life == ENTITY_FINAL) {
    mistake(mistakes, where, "has mutable_fields, though its type is ENTITY_FINAL");
  }
  if (resource->list_filter) check_list_filter(mistakes, where, resource);
  if (!resource->guard_deletion != !resource->explain_deletion) {
    mistake(mistakes, where, "needs both guard_deletion and explain_deletion, or none");
  }
}

/* Keys of the service that are no views. */
static bool is_taken(const char *name) {
  static const char *const taken[] = {"position",    "lease",        "lease_epoch", "outbox",     "alone",
                                      "parked_keys", "parked_lists", "ids",         "by_creation"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
    if (strcmp(name, taken[i]) == 0) return true;
  }
  return false;
}

static void check_view(struct mistakes *mistakes, const struct view *view) {
  const char *where = arena_printf(mistakes->arena, "view %s", shown(view->name));
  if (!is_name(view->name)) {
    mistake(mistakes, where, "its name must be of a-z, 0-9 and _");
  } else if (is_taken(view->name)) {
    mistake(mistakes, where, "the key of that name is the runtime's own");
  } else if (!is_first(mistakes, "view", view->name)) {
    mistake(mistakes, where, "comes twice");
  }
  if (!view->record) mistake(mistakes, where, "has no record");
  for (int i = 0; view->record && i < VIEW_FIELDS && view->fields[i]; i++) {
    if (field_of(view->record, view->fields[i])) continue;
    mistake(mistakes, where, "fields names \"%s\", which is no field of %s", view->fields[i], view->record->name);
  }
}

static void check_views(struct mistakes *mistakes) {
  const struct view *const *view = mistakes->definition->views;
  for (; view && *view; view++) check_view(mistakes, *view);
}

/* ---- gRPC services ---------------------------------------------------------------------------------------------- */

/* How a message holds the resource. */
enum shape {
  NOT_AT_ALL,
  AS_FIELD,
  AS_REPEATED_FIELD,
  AS_WHOLE, /* it is the resource */
};

/* The standard methods: what requests and replies must have (proto/README.md, "Methods"). A longer verb comes before
 * one that it begins with. */
static const struct standard {
  const char *verb, *handler_name;
  rpc_handler *handler;
  const char *fields[4]; /* of the request */
  enum shape request, reply;
  enum entity_life life; /* at most */
} standards[] = {
    {"BatchCreate",
     "entity_batch_create",
     entity_batch_create,
     {"request_id"},
     AS_REPEATED_FIELD,
     AS_REPEATED_FIELD,
     ENTITY_FINAL},
    {"BatchGet", "entity_batch_get", entity_batch_get, {"ids"}, NOT_AT_ALL, AS_REPEATED_FIELD, ENTITY_REMAINS},
    {"Create", "entity_create", entity_create, {"request_id"}, AS_FIELD, AS_WHOLE, ENTITY_FINAL},
    {"Get", "entity_get", entity_get, {"id"}, NOT_AT_ALL, AS_WHOLE, ENTITY_REMAINS},
    {"List",
     "entity_page_list",
     entity_page_list,
     {"page_size", "page_token"},
     NOT_AT_ALL,
     AS_REPEATED_FIELD,
     ENTITY_FINAL},
    {"Update", "entity_update", entity_update, {"request_id", "update_mask"}, AS_FIELD, AS_WHOLE, ENTITY_REMAINS},
    {"Delete", "entity_delete", entity_delete, {"id", "version", "request_id"}, NOT_AT_ALL, NOT_AT_ALL, ENTITY_CHANGES},
};

static bool has_standard_field(const ProtobufCMessageDescriptor *message, const char *name) {
  if (strcmp(name, "version") == 0) return has_field(message, name, PROTOBUF_C_TYPE_INT64, false);
  if (strcmp(name, "page_size") == 0) return has_field(message, name, PROTOBUF_C_TYPE_INT32, false);
  if (strcmp(name, "ids") == 0) return has_field(message, name, PROTOBUF_C_TYPE_STRING, true);
  if (strcmp(name, "update_mask") == 0) return has_message(message, &google__protobuf__field_mask__descriptor, false);
  return has_field(message, name, PROTOBUF_C_TYPE_STRING, false);
}

static const struct standard *standard_of_handler(rpc_handler *handler) {
  for (size_t i = 0; i < sizeof standards / sizeof *standards; i++) {
    if (standards[i].handler == handler) return &standards[i];
  }
  return NULL;
}

static const struct standard *standard_of_verb(const char *method) {
  for (size_t i = 0; i < sizeof standards / sizeof *standards; i++) {
    if (strncmp(method, standards[i].verb, strlen(standards[i].verb)) == 0) return &standards[i];
  }
  return NULL;
}

/* A row of a method table, and its place for people. */
struct row {
  const char *where;
  const struct rpc_method *method;
  const ProtobufCMethodDescriptor *signature;
};

static void require_field(struct mistakes *mistakes, const struct row *row, const char *field) {
  if (has_standard_field(row->signature->input, field)) return;
  mistake(mistakes, row->where, "%s has no field %s as proto/README.md has it", row->signature->input->name, field);
}

static void require_shape(struct mistakes *mistakes, const struct row *row, const char *handler, enum shape shape,
                          const ProtobufCMessageDescriptor *message) {
  const ProtobufCMessageDescriptor *entity = row->method->resource->type->descriptor;
  bool fits = shape == NOT_AT_ALL ||
              (shape == AS_WHOLE ? message == entity : has_message(message, entity, shape == AS_REPEATED_FIELD));
  if (fits) return;
  static const char *const how[] = {
      [AS_FIELD] = "with a field of ", [AS_REPEATED_FIELD] = "with a repeated field of ", [AS_WHOLE] = "that is "};
  mistake(mistakes, row->where, "is handled by %s, which needs a message %s%s, not %s", handler, how[shape],
          entity->name, message->name);
}

/* A method whose handler is one of the runtime's. */
static void check_standard(struct mistakes *mistakes, const struct row *row, const struct standard *standard) {
  const struct resource *resource = row->method->resource;
  if (!resource) {
    mistake(mistakes, row->where, "is handled by %s, but names no resource", standard->handler_name);
    return;
  }
  for (int i = 0; i < 4 && standard->fields[i]; i++) require_field(mistakes, row, standard->fields[i]);
  require_shape(mistakes, row, standard->handler_name, standard->request, row->signature->input);
  require_shape(mistakes, row, standard->handler_name, standard->reply, row->signature->output);
  if (resource->type->life > standard->life) {
    mistake(mistakes, row->where, "is handled by %s, which can't be for a type that is ENTITY_%s",
            standard->handler_name, resource->type->life == ENTITY_FINAL ? "FINAL" : "REMAINS");
  }
  if (standard->handler == entity_page_list && resource->list_filter) {
    require_field(mistakes, row, resource->list_filter);
  }
  if (standard->handler == entity_update && !resource->mutable_fields[0]) {
    mistake(mistakes, row->where, "is handled by entity_update, but the resource has no mutable_fields");
  }
  if (standard->handler == entity_delete && row->signature->output != &google__protobuf__empty__descriptor) {
    mistake(mistakes, row->where, "is handled by entity_delete, which answers google.protobuf.Empty");
  }
}

/* The resource that a method answers, alone or in a field. */
static const ProtobufCMessageDescriptor *answered_by(const ProtobufCMethodDescriptor *signature) {
  if (is_resource(signature->output)) return signature->output;
  for (unsigned i = 0; i < signature->output->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &signature->output->fields[i];
    if (field->type == PROTOBUF_C_TYPE_MESSAGE && is_resource(field->descriptor)) return field->descriptor;
  }
  return NULL;
}

static void check_own(struct mistakes *mistakes, const struct row *row) {
  const struct resource *resource = row->method->resource;
  const ProtobufCMessageDescriptor *answered = answered_by(row->signature);
  if (answered && (!resource || resource->type->descriptor != answered)) {
    mistake(mistakes, row->where, "answers %s, so it must name the resource that describes it", answered->name);
  }
  const struct standard *standard = resource ? standard_of_verb(row->method->name) : NULL;
  for (int i = 0; standard && i < 4 && standard->fields[i]; i++) require_field(mistakes, row, standard->fields[i]);
}

static void check_flags(struct mistakes *mistakes, const struct row *row) {
  unsigned flags = row->method->flags;
  const char *flag = flags & METHOD_READS_VIEWS ? "METHOD_READS_VIEWS" : "METHOD_RETRIED_WHEN_CAUGHT_UP";
  if (flags & ~(unsigned)METHOD_FLAGS) mistake(mistakes, row->where, "has flags that mean nothing");
  if (!(flags & METHOD_FLAGS)) return;
  if ((flags & METHOD_FLAGS) == METHOD_FLAGS) {
    mistake(mistakes, row->where, "is METHOD_READS_VIEWS: METHOD_RETRIED_WHEN_CAUGHT_UP adds nothing to it");
  } else if (row->method->stream_handler) {
    mistake(mistakes, row->where, "is a stream: %s means nothing to it", flag);
  } else if (mistakes->definition->subscription_count == 0) {
    mistake(mistakes, row->where, "is %s, but the service has no subscriptions, so nothing to wait for", flag);
  }
}

static void check_method(struct mistakes *mistakes, const struct rpc_service *service,
                         const struct rpc_method *method) {
  const struct row row = {
      .where = arena_printf(mistakes->arena, "%s.%s", service->descriptor->name, method->name),
      .method = method,
      .signature = protobuf_c_service_descriptor_get_method_by_name(service->descriptor, method->name),
  };
  check_flags(mistakes, &row);
  const struct resource *resource = method->resource;
  const char *identity = arena_printf(mistakes->arena, "%p", (const void *)resource);
  if (resource && is_first(mistakes, "address", identity)) check_resource(mistakes, resource);
  if (!method->handler || (resource && !is_described(resource))) return;
  const struct standard *standard = standard_of_handler(method->handler);
  if (standard) {
    check_standard(mistakes, &row, standard);
  } else {
    check_own(mistakes, &row);
  }
}

static void check_service(struct mistakes *mistakes, size_t index) {
  const struct rpc_service *service = &mistakes->definition->services[index];
  if (!service->descriptor) {
    mistake(mistakes, arena_printf(mistakes->arena, "services[%zu]", index), "has no descriptor");
    return;
  }
  const char *where = service->descriptor->name;
  if (!is_first(mistakes, "service", where)) mistake(mistakes, where, "comes twice");
  if (strstr(service->descriptor->package, ".internal.") && !mistakes->definition->internal_callers) {
    mistake(mistakes, where, "is internal, but internal_callers names nobody who may call it");
  }
  if (!check_table(mistakes, where, service->methods, service->method_count)) return;
  struct status status = service_table_check(mistakes->arena, service);
  if (!status_is_ok(status)) {
    mistake(mistakes, where, "%s", status.message);
    return;
  }
  for (size_t i = 0; i < service->method_count; i++) check_method(mistakes, service, &service->methods[i]);
}

static void check_services(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!check_table(mistakes, "services", definition->services, definition->service_count)) return;
  if (!definition->descriptor_set || !definition->descriptor_set_size) {
    mistake(mistakes, "descriptor_set", "is missing, or its size: reflection could not tell of the services");
  }
  for (size_t i = 0; i < definition->service_count; i++) check_service(mistakes, i);
}

/* ---- what it listens to ----------------------------------------------------------------------------------------- */

static bool is_among_views(const struct service_definition *definition, const struct view *view) {
  const struct view *const *at = definition->views;
  for (; at && *at; at++) {
    if (*at == view) return true;
  }
  return false;
}

static void check_handlers(struct mistakes *mistakes, const char *where, const struct subscription *subscription) {
  const struct subscription *of = subscription;
  bool handled = of->created || of->updated || of->deleted || of->created_run || of->updated_run || of->deleted_run;
  if ((of->created && of->created_run) || (of->updated && of->updated_run) || (of->deleted && of->deleted_run)) {
    mistake(mistakes, where, "has a handler and a run handler for the same stream");
  }
  if (handled && of->projection) mistake(mistakes, where, "has a projection, which takes the place of handlers");
  if (!handled && !of->projection) mistake(mistakes, where, "has neither a handler nor a projection");
}

static void check_projection(struct mistakes *mistakes, const char *where, const struct subscription *subscription) {
  const struct view *view = subscription->projection;
  if (view->record != subscription->entity) {
    mistake(mistakes, where, "its projection, %s, has other records", shown(view->name));
  }
  if (!is_among_views(mistakes->definition, view)) {
    mistake(mistakes, where, "its projection, %s, is none of the definition's views", shown(view->name));
  }
}

static void check_subscription(struct mistakes *mistakes, size_t index) {
  const struct subscription *subscription = &mistakes->definition->subscriptions[index];
  if (!subscription->entity) {
    mistake(mistakes, arena_printf(mistakes->arena, "subscriptions[%zu]", index), "has no entity");
    return;
  }
  const char *where = arena_printf(mistakes->arena, "subscription to %s", subscription->entity->name);
  check_handlers(mistakes, where, subscription);
  if (subscription->projection) check_projection(mistakes, where, subscription);
  if (!subscription->key && !has_field(subscription->entity, "id", PROTOBUF_C_TYPE_STRING, false)) {
    mistake(mistakes, where, "has no key, and the entity no id");
  }
  if (!is_name(subscription->source)) {
    mistake(mistakes, where, "its source, %s, must be the name of the service that owns it",
            shown(subscription->source));
  }
  struct arena *arena = mistakes->arena;
  size_t count;
  const struct subscribed_stream *streams = subscription_streams(arena, subscription, 1, &count);
  for (size_t i = 0; i < count; i++) {
    if (is_first(mistakes, "stream", streams[i].name)) continue;
    mistake(mistakes, where, "%s is subscribed to twice: one must do both", streams[i].name);
  }
}

static void check_subscriptions(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (check_table(mistakes, "subscriptions", definition->subscriptions, definition->subscription_count)) {
    for (size_t i = 0; i < definition->subscription_count; i++) check_subscription(mistakes, i);
  } else if (definition->housekeep) {
    mistake(mistakes, "housekeep", "is never called: the service has no subscriptions");
  }
}

/* ---- whom it calls ---------------------------------------------------------------------------------------------- */

static bool has_peer(const struct service_definition *definition, const char *name) {
  for (int i = 0; i < SERVICE_PEERS && definition->peers[i].name; i++) {
    if (strcmp(definition->peers[i].name, name) == 0) return true;
  }
  return false;
}

static void check_peers(struct mistakes *mistakes) {
  const struct service_peer *peers = mistakes->definition->peers;
  for (int i = 0; i < SERVICE_PEERS && peers[i].name; i++) {
    const char *where = arena_printf(mistakes->arena, "peer %s", peers[i].name);
    if (!is_name(peers[i].name)) mistake(mistakes, where, "its name must be of a-z, 0-9 and _");
    if (!is_first(mistakes, "peer", peers[i].name)) mistake(mistakes, where, "comes twice");
    if (peers[i].port < 1 || peers[i].port > PORT_MOST)
      mistake(mistakes, where, "its port, %d, is none", peers[i].port);
  }
}

static void check_route(struct mistakes *mistakes, const struct outbox_route *route) {
  if (!route->service || !route->method || !route->message) {
    mistake(mistakes, "outbox", "needs service, method and message");
    return;
  }
  const ProtobufCMethodDescriptor *method =
      protobuf_c_service_descriptor_get_method_by_name(route->service, route->method);
  if (!method) {
    mistake(mistakes, "outbox", "%s has no method %s", route->service->name, route->method);
  } else if (!has_message(method->input, route->message, true)) {
    mistake(mistakes, "outbox", "%s takes no batch of %s", route->method, route->message->name);
  }
  if (route->batch_messages < 0 || route->batch_bytes < 0)
    mistake(mistakes, "outbox", "the size of a batch is negative");
}

static void check_outbox(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!definition->outbox) {
    if (definition->outbox_peer)
      mistake(mistakes, "outbox_peer", "is %s, but there is no outbox", definition->outbox_peer);
    return;
  }
  check_route(mistakes, definition->outbox);
  if (!definition->outbox_peer || !has_peer(definition, definition->outbox_peer)) {
    mistake(mistakes, "outbox_peer", "%s is none of the peers", shown(definition->outbox_peer));
  }
  if (definition->subscription_count == 0)
    mistake(mistakes, "outbox", "nobody fills it: the service has no subscriptions");
}

/* ---- settings --------------------------------------------------------------------------------------------------- */

static bool is_variable(const char *name) {
  static const char prefix[] = "ORDERSHOP_", allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return name && strncmp(name, prefix, sizeof prefix - 1) == 0 && name[sizeof prefix - 1] &&
         !name[strspn(name, allowed)];
}

static void check_setting(struct mistakes *mistakes, size_t index) {
  const struct setting *setting = &mistakes->definition->settings[index];
  const char *where = arena_printf(mistakes->arena, "settings[%zu], %s", index, shown(setting->variable));
  if (!is_variable(setting->variable))
    mistake(mistakes, where, "its variable must be ORDERSHOP_ and more of A-Z, 0-9 and _");
  if (!setting->target) mistake(mistakes, where, "has no target");
  if (!setting->help) mistake(mistakes, where, "has no help");
  if (setting->kind == SETTING_CHOICE && !setting->choices) mistake(mistakes, where, "has no choices");
  if (setting->kind == SETTING_INTEGER && setting->least > setting->most)
    mistake(mistakes, where, "its least is above its most");
}

static void check_settings(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!check_table(mistakes, "settings", definition->settings, definition->setting_count)) return;
  for (size_t i = 0; i < definition->setting_count; i++) check_setting(mistakes, i);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static void check_itself(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!is_name(definition->name)) mistake(mistakes, "name", "%s must be of a-z, 0-9 and _", shown(definition->name));
  if (!definition->purpose || !*definition->purpose) mistake(mistakes, "purpose", "is missing: --help tells it");
  if (definition->port < 1 || definition->port > PORT_MOST) mistake(mistakes, "port", "%d is none", definition->port);
}

struct status definition_check(struct arena *arena, const struct service_definition *definition) {
  struct mistakes mistakes = {.arena = arena, .definition = definition, .lines = "", .names = key_table_new(arena)};
  check_itself(&mistakes);
  check_services(&mistakes);
  check_views(&mistakes);
  check_subscriptions(&mistakes);
  check_peers(&mistakes);
  check_outbox(&mistakes);
  check_settings(&mistakes);
  if (mistakes.count == 0) return status_ok();
  return status_error(arena, STATUS_INVALID_ARGUMENT, "DEFINITION_INVALID",
                      "the service's definition has %zu mistake%s:%s", mistakes.count, mistakes.count == 1 ? "" : "s",
                      mistakes.lines);
}
