/* SPDX-License-Identifier: Apache-2.0 */
#include "service/method_check.h"

#include <google/protobuf/empty.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <string.h>

#include "base/message.h"
#include "rpc/service_table.h"
#include "service/caller_gate.h"
#include "service/entity_command.h"

enum { WAITING_FLAGS = METHOD_READS_VIEWS | METHOD_RETRIED_WHEN_CAUGHT_UP };

/* ---- resources -------------------------------------------------------------------------------------------------- */

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *message, const char *name) {
  return protobuf_c_message_descriptor_get_field_by_name(message, name);
}

/* What the entity store keeps in it (proto/README.md, "Resources"). */
static bool is_resource(const ProtobufCMessageDescriptor *message) {
  return field_of(message, "id") && field_of(message, "version") && field_of(message, "create_time") &&
         field_of(message, "update_time");
}

static bool is_among(const char *const *names, const char *name) {
  for (int i = 0; i < RESOURCE_FIELDS && names[i]; i++) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return false;
}

static void check_fields(struct mistakes *mistakes, const char *where, const struct resource *resource,
                         const char *const *fields, const char *list) {
  if (fields[RESOURCE_FIELDS]) mistake(mistakes, where, "%s names more than %d", list, RESOURCE_FIELDS);
  for (int i = 0; i < RESOURCE_FIELDS && fields[i]; i++) {
    const ProtobufCMessageDescriptor *message = resource->type->descriptor;
    if (!field_of(message, fields[i])) {
      mistake(mistakes, where, "%s names \"%s\", which is no field of %s", list, fields[i], message->name);
    } else if (!mistakes_is_first(mistakes, arena_printf(mistakes->arena, "%s of %s", list, where), fields[i])) {
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

static void check_references(struct mistakes *mistakes, const char *where, const struct resource *resource) {
  for (int i = 0; i < RESOURCE_FIELDS && resource->reference_fields[i]; i++) {
    const char *name = resource->reference_fields[i];
    const ProtobufCFieldDescriptor *field = field_of(resource->type->descriptor, name);
    if (!field || field->type == PROTOBUF_C_TYPE_STRING) continue;
    mistake(mistakes, where, "reference_fields names \"%s\", which is no string", name);
  }
  const char *filter = resource->list_filter;
  if (filter && is_among(resource->input_fields, filter) && !is_among(resource->reference_fields, filter)) {
    mistake(mistakes, where, "its list_filter \"%s\" is not among the reference_fields", filter);
  }
}

/* Returns false if there is nothing more to look at. */
static bool check_type(struct mistakes *mistakes, const struct resource *resource) {
  if (!resource->type) {
    mistake(mistakes, "a resource", "it has no type");
    return false;
  }
  const char *where = arena_printf(mistakes->arena, "resource %s", mistakes_shown(resource->type->name));
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
  if (!mistakes_is_name(name)) mistake(mistakes, where, "its name must be of a-z, 0-9 and _");
  if (!mistakes_is_first(mistakes, "resource", name)) mistake(mistakes, where, "comes twice");
  check_numbers(mistakes, where, resource->type->descriptor);
  check_fields(mistakes, where, resource, resource->input_fields, "input_fields");
  check_fields(mistakes, where, resource, resource->mutable_fields, "mutable_fields");
  check_fields(mistakes, where, resource, resource->reference_fields, "reference_fields");
  check_references(mistakes, where, resource);
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

/* ---- rows of method tables -------------------------------------------------------------------------------------- */

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
  if (strcmp(name, "version") == 0) return message_has_field(message, name, PROTOBUF_C_TYPE_INT64, false);
  if (strcmp(name, "page_size") == 0) return message_has_field(message, name, PROTOBUF_C_TYPE_INT32, false);
  if (strcmp(name, "ids") == 0) return message_has_field(message, name, PROTOBUF_C_TYPE_STRING, true);
  if (strcmp(name, "update_mask") == 0)
    return message_has_message(message, &google__protobuf__field_mask__descriptor, false);
  return message_has_field(message, name, PROTOBUF_C_TYPE_STRING, false);
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
  bool fits =
      shape == NOT_AT_ALL ||
      (shape == AS_WHOLE ? message == entity : message_has_message(message, entity, shape == AS_REPEATED_FIELD));
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

static void check_waiting(struct mistakes *mistakes, const struct row *row) {
  unsigned flags = row->method->flags;
  const char *flag = flags & METHOD_READS_VIEWS ? "METHOD_READS_VIEWS" : "METHOD_RETRIED_WHEN_CAUGHT_UP";
  if (!(flags & WAITING_FLAGS)) return;
  if ((flags & WAITING_FLAGS) == WAITING_FLAGS) {
    mistake(mistakes, row->where, "is METHOD_READS_VIEWS: METHOD_RETRIED_WHEN_CAUGHT_UP adds nothing to it");
  } else if (row->method->stream_handler) {
    mistake(mistakes, row->where, "is a stream: %s means nothing to it", flag);
  } else if (mistakes->definition->subscriptions.count == 0) {
    mistake(mistakes, row->where, "is %s, but the service has no subscriptions, so nothing to wait for", flag);
  }
}

static bool changes(const struct rpc_method *method) {
  return method->handler == entity_create || method->handler == entity_batch_create ||
         method->handler == entity_update || method->handler == entity_delete;
}

static void check_flags(struct mistakes *mistakes, const struct row *row) {
  const unsigned all = WAITING_FLAGS | METHOD_ONLY_READS | METHOD_FOR_OPERATORS;
  if (row->method->flags & ~all) mistake(mistakes, row->where, "has flags that mean nothing");
  check_waiting(mistakes, row);
  if (!(row->method->flags & METHOD_ONLY_READS)) return;
  if (row->method->stream_handler) {
    mistake(mistakes, row->where, "is a stream: METHOD_ONLY_READS means nothing to it");
  } else if (changes(row->method)) {
    mistake(mistakes, row->where, "is METHOD_ONLY_READS, but its handler changes something");
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
  if (resource && mistakes_is_first(mistakes, "address", identity)) check_resource(mistakes, resource);
  if (!method->handler || (resource && !is_described(resource))) return;
  const struct standard *standard = standard_of_handler(method->handler);
  if (standard) {
    check_standard(mistakes, &row, standard);
  } else {
    check_own(mistakes, &row);
  }
}

static void check_service(struct mistakes *mistakes, int index) {
  const struct rpc_service *service = &mistakes->definition->services[index];
  if (!service->descriptor) {
    if (service->methods.rows)
      mistake(mistakes, arena_printf(mistakes->arena, "services[%d]", index), "has no descriptor");
    return;
  }
  if (index > 0 && !service[-1].descriptor) {
    mistake(mistakes, service->descriptor->name, "stands behind an empty place of services");
  }
  const char *where = service->descriptor->name;
  if (!mistakes_is_first(mistakes, "service", where)) mistake(mistakes, where, "comes twice");
  if (is_internal(service->descriptor) && !mistakes->definition->internal_callers) {
    mistake(mistakes, where, "is internal, but internal_callers names nobody who may call it");
  }
  if (!mistakes_check_table(mistakes, where, service->methods.rows, service->methods.count)) return;
  struct status status = service_table_check(mistakes->arena, service);
  if (!status_is_ok(status)) {
    mistake(mistakes, where, "%s", status.message);
    return;
  }
  for (size_t i = 0; i < service->methods.count; i++) check_method(mistakes, service, &service->methods.rows[i]);
}

void method_check(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (definition->services[0].descriptor && !(definition->descriptor_set.bytes && definition->descriptor_set.size)) {
    mistake(mistakes, "descriptor_set", "is missing, or its size: reflection could not tell of the services");
  }
  if (definition->services[SERVICE_CONTRACTS].descriptor)
    mistake(mistakes, "services", "are more than %d", SERVICE_CONTRACTS);
  for (int i = 0; i < SERVICE_CONTRACTS; i++) check_service(mistakes, i);
}
