/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi.h"

#include <ctype.h>
#include <google/rpc/status.pb-c.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_table.h"
#include "base/version.h"
#include "message/json_kinds.h"
#include "message/json_read.h"

enum {
  QUERY_DEPTH = 3,
  IN_SERVICES = 6,
  IN_METHODS = 2,
  IN_MESSAGES = 4,
  IN_FIELDS = 2
}; /* descriptor.proto's fields */

struct openapi {
  struct arena *arena;
  const struct contract *contract;
  json_t *schemas;
};

/* priceCents */
static const char *json_name(struct arena *arena, const char *name) {
  char *made = arena_strdup(arena, name), *out = made;
  for (const char *at = name; *at; at++) *out++ = *at == '_' && at[1] ? (char)toupper((unsigned char)*++at) : *at;
  *out = '\0';
  return made;
}

/* ---- comments --------------------------------------------------------------------------------------------------- */

/* What stands before a declaration, without the blank at the beginning of each line. */
static const char *comment_at(struct arena *arena, const Google__Protobuf__FileDescriptorProto *file, const int *path,
                              size_t count) {
  const Google__Protobuf__SourceCodeInfo *info = file->source_code_info;
  for (size_t i = 0; info && i < info->n_location; i++) {
    const Google__Protobuf__SourceCodeInfo__Location *place = info->location[i];
    if (place->n_path != count || memcmp(place->path, path, count * sizeof *path) != 0) continue;
    if (!place->leading_comments) return "";
    char *text = arena_strdup(arena, place->leading_comments), *out = text;
    for (const char *at = text; *at; at++) {
      bool begins = at == text || at[-1] == '\n';
      if (!begins || *at != ' ') *out++ = *at;
    }
    while (out > text && out[-1] == '\n') out--;
    *out = '\0';
    return text;
  }
  return "";
}

static const char *method_comment(const struct openapi *openapi, const struct api_method *method) {
  const struct service_type *service = &method->service;
  size_t index = 0;
  while (service->proto->method[index] != method->proto) index++;
  const int path[] = {IN_SERVICES, (int)service->index, IN_METHODS, (int)index};
  return comment_at(openapi->arena, service->file, path, 4);
}

/* Of a message that its service's file declares, and not within another one. */
static const char *field_comment(const struct openapi *openapi, const struct api_method *method,
                                 const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field) {
  const Google__Protobuf__FileDescriptorProto *file = method->service.file;
  const char *package = file->package ? file->package : "";
  for (size_t i = 0; i < file->n_message_type; i++) {
    const Google__Protobuf__DescriptorProto *proto = file->message_type[i];
    if (strcmp(arena_printf(openapi->arena, "%s.%s", package, proto->name), message->name) != 0) continue;
    for (size_t k = 0; k < proto->n_field; k++) {
      const int path[] = {IN_MESSAGES, (int)i, IN_FIELDS, (int)k};
      if (strcmp(proto->field[k]->name, field->name) == 0) return comment_at(openapi->arena, file, path, 4);
    }
  }
  return "";
}

static void describe(json_t *object, const char *text) {
  if (*text) json_object_set_new(object, "description", json_string(text));
}

/* ---- schemas ---------------------------------------------------------------------------------------------------- */

static json_t *message_schema(struct openapi *openapi, const struct api_method *method,
                              const ProtobufCMessageDescriptor *message);

static json_t *typed(const char *type, const char *format) {
  return format ? json_pack("{s:s,s:s}", "type", type, "format", format) : json_pack("{s:s}", "type", type);
}

static json_t *enum_schema(const ProtobufCEnumDescriptor *descriptor) {
  json_t *names = json_array();
  for (unsigned i = 0; i < descriptor->n_values; i++) {
    json_array_append_new(names, json_string(descriptor->values[i].name));
  }
  return json_pack("{s:s,s:o}", "type", "string", "enum", names);
}

static json_t *value_schema(struct openapi *openapi, const struct api_method *method,
                            const ProtobufCFieldDescriptor *field) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
      return typed("string", NULL);
    case PROTOBUF_C_TYPE_BYTES:
      return typed("string", "byte");
    case PROTOBUF_C_TYPE_BOOL:
      return typed("boolean", NULL);
    case PROTOBUF_C_TYPE_ENUM:
      return enum_schema(field->descriptor);
    case PROTOBUF_C_TYPE_MESSAGE:
      return message_schema(openapi, method, field->descriptor);
    case PROTOBUF_C_TYPE_FLOAT:
      return typed("number", "float");
    case PROTOBUF_C_TYPE_DOUBLE:
      return typed("number", "double");
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
      return typed("string", "int64");
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
      return typed("string", "uint64");
    default:
      return typed("integer", "int32");
  }
}

static json_t *field_schema(struct openapi *openapi, const struct api_method *method,
                            const ProtobufCFieldDescriptor *field) {
  if (json_is_map(field)) {
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    json_t *values = value_schema(openapi, method, &entry->fields[1]);
    return json_pack("{s:s,s:o}", "type", "object", "additionalProperties", values);
  }
  json_t *value = value_schema(openapi, method, field);
  if (field->label != PROTOBUF_C_LABEL_REPEATED) return value;
  return json_pack("{s:s,s:o}", "type", "array", "items", value);
}

/* All messages but those that JSON has a form of its own for are named, so that they may be within themselves. */
static json_t *named_schema(struct openapi *openapi, const struct api_method *method,
                            const ProtobufCMessageDescriptor *message) {
  if (!json_object_get(openapi->schemas, message->name)) {
    json_t *properties = json_object();
    json_object_set_new(openapi->schemas, message->name,
                        json_pack("{s:s,s:o}", "type", "object", "properties", properties));
    for (unsigned i = 0; i < message->n_fields; i++) {
      const ProtobufCFieldDescriptor *field = &message->fields[i];
      json_t *schema = field_schema(openapi, method, field);
      describe(schema, field_comment(openapi, method, message, field));
      json_object_set_new(properties, json_name(openapi->arena, field->name), schema);
    }
  }
  return json_pack("{s:s}", "$ref", arena_printf(openapi->arena, "#/components/schemas/%s", message->name));
}

static json_t *message_schema(struct openapi *openapi, const struct api_method *method,
                              const ProtobufCMessageDescriptor *message) {
  switch (json_kind_of(message)) {
    case JSON_KIND_TIMESTAMP:
      return typed("string", "date-time");
    case JSON_KIND_DURATION:
    case JSON_KIND_FIELD_MASK:
      return typed("string", NULL);
    case JSON_KIND_WRAPPER:
      return value_schema(openapi, method, &message->fields[0]);
    case JSON_KIND_STRUCT:
      return typed("object", NULL);
    case JSON_KIND_LIST_VALUE:
      return json_pack("{s:s,s:{}}", "type", "array", "items");
    case JSON_KIND_VALUE:
      return json_object();
    case JSON_KIND_FIELDS:
      break;
  }
  return named_schema(openapi, method, message);
}

/* ---- parameters ------------------------------------------------------------------------------------------------- */

static const struct template_variable *variable_of(const struct route *route, const char *field) {
  for (size_t i = 0; i < route->template.variable_count; i++) {
    if (strcmp(route->template.variables[i].field, field) == 0) return &route->template.variables[i];
  }
  return NULL;
}

/* Whether another variable of the template has a field that ends in the same name. */
static bool is_ambiguous(const struct path_template *template, size_t index, const char *name) {
  for (size_t i = 0; i < template->variable_count; i++) {
    const char *field = template->variables[i].field, *dot = strrchr(field, '.');
    if (i != index && strcmp(dot ? dot + 1 : field, name) == 0) return true;
  }
  return false;
}

/* "id" for customer.id, or customer_id where there is another id: names with dots are not what clients expect. */
static const char **variable_names(struct arena *arena, const struct path_template *template) {
  const char **names = arena_calloc(arena, template->variable_count + 1, sizeof *names);
  for (size_t i = 0; i < template->variable_count; i++) {
    char *whole = arena_strdup(arena, template->variables[i].field), *dot = strrchr(whole, '.');
    names[i] = dot ? dot + 1 : whole;
    if (!dot || !is_ambiguous(template, i, names[i])) continue;
    names[i] = whole;
    for (char *c = whole; *c; c++) *c = (char)(*c == '.' ? '_' : *c);
  }
  return names;
}

static void add_path_parameters(const struct route *route, const char *const *names, json_t *parameters) {
  for (size_t i = 0; i < route->template.variable_count; i++) {
    json_array_append_new(parameters, json_pack("{s:s,s:s,s:b,s:o}", "name", names[i], "in", "path", "required", 1,
                                                "schema", typed("string", NULL)));
  }
}

static void add_query_parameters(struct openapi *openapi, const struct route *route,
                                 const ProtobufCMessageDescriptor *message, const char *prefix, int depth,
                                 json_t *parameters) {
  for (unsigned i = 0; i < message->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->fields[i];
    const char *path = arena_printf(openapi->arena, "%s%s", prefix, field->name);
    bool is_message = field->type == PROTOBUF_C_TYPE_MESSAGE;
    bool has_fields = is_message && json_kind_of(field->descriptor) == JSON_KIND_FIELDS;
    if (field == route->body_field || variable_of(route, path)) continue;
    if (has_fields && field->label != PROTOBUF_C_LABEL_REPEATED && depth < QUERY_DEPTH) {
      add_query_parameters(openapi, route, field->descriptor, arena_printf(openapi->arena, "%s.", path), depth + 1,
                           parameters);
    }
    if (has_fields) continue;
    json_t *parameter =
        json_pack("{s:s,s:s,s:o}", "name", path, "in", "query", "schema", field_schema(openapi, route->method, field));
    describe(parameter, field_comment(openapi, route->method, message, field));
    json_array_append_new(parameters, parameter);
  }
}

/* ---- operations ------------------------------------------------------------------------------------------------- */

static json_t *in_json(json_t *schema) {
  return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static json_t *operation_of(struct openapi *openapi, const struct route *route, const char *const *names,
                            size_t index) {
  const struct api_method *method = route->method;
  const ProtobufCMessageDescriptor *input = method->method->input;
  json_t *parameters = json_array();
  add_path_parameters(route, names, parameters);
  if (!route->body || route->body_field) add_query_parameters(openapi, route, input, "", 0, parameters);
  json_t *reply = route->response_field ? field_schema(openapi, method, route->response_field)
                                        : message_schema(openapi, method, method->method->output);
  json_t *operation =
      json_pack("{s:s,s:[s],s:o,s:{s:{s:s,s:o},s:{s:s}}}", "operationId",
                arena_printf(openapi->arena, index == 0 ? "%s" : "%s_%zu", method->method->name, index), "tags",
                method->service.descriptor->short_name, "parameters", parameters, "responses", "200", "description",
                "It is done.", "content", in_json(reply), "default", "$ref", "#/components/responses/Error");
  describe(operation, method_comment(openapi, method));
  if (!route->body) return operation;
  json_t *body =
      route->body_field ? field_schema(openapi, method, route->body_field) : message_schema(openapi, method, input);
  json_object_set_new(operation, "requestBody", json_pack("{s:b,s:o}", "required", 1, "content", in_json(body)));
  return operation;
}

/* "/v1/{name=shelves/<any>}:verb" -> "/v1/{name}:verb", or "/v1/{}:verb" without names */
static const char *path_of(struct arena *arena, const struct path_template *template, const char *const *names) {
  const char *path = "", *at = template->text;
  for (size_t i = 0; *at; i++) {
    size_t before = strcspn(at, "{");
    path = arena_printf(arena, "%s%.*s", path, (int)before, at);
    at += before;
    if (!*at) break;
    path = arena_printf(arena, "%s{%s}", path, names ? names[i] : "");
    at += strcspn(at, "}") + 1;
  }
  return path;
}

/* Paths that differ in the names of their variables alone are one path, which may be in a document but once. */
static const char *const *names_of(struct arena *arena, struct key_table *known, const struct path_template *template) {
  void **names = key_table_at(known, path_of(arena, template, NULL));
  if (!*names) *names = variable_names(arena, template);
  return *names;
}

static json_t *paths_of(struct openapi *openapi) {
  json_t *paths = json_object();
  struct key_table *seen = key_table_new(openapi->arena), *known = key_table_new(openapi->arena);
  const struct route *route;
  for (size_t i = 0; (route = contract_route_at(openapi->contract, i)); i++) {
    char *verb = arena_strdup(openapi->arena, route->http_method);
    for (char *c = verb; *c; c++) *c = (char)tolower((unsigned char)*c);
    if (!strstr(" get put post delete patch ", arena_printf(openapi->arena, " %s ", verb))) continue;
    void **times = key_table_at(seen, route->method->path);
    const char *const *names = names_of(openapi->arena, known, &route->template);
    const char *path = path_of(openapi->arena, &route->template, names);
    json_t *item = json_object_get(paths, path);
    if (!item) json_object_set_new(paths, path, item = json_object());
    json_object_set_new(item, verb, operation_of(openapi, route, names, (size_t)(uintptr_t)*times));
    *times = (void *)((uintptr_t)*times + 1);
  }
  return paths;
}

static json_t *error_response(void) {
  return json_pack("{s:s,s:{s:{s:{s:s,s:{s:{s:s,s:{s:{s:s},s:{s:s},s:{s:s},s:{s:s,s:{s:s}}}}}}}}}", "description",
                   "An error.", "content", "application/json", "schema", "type", "object", "properties", "error",
                   "type", "object", "properties", "code", "type", "integer", "message", "type", "string", "status",
                   "type", "string", "details", "type", "array", "items", "type", "object");
}

const char *openapi_document(struct arena *arena, const struct contract *contract) {
  struct openapi openapi = {.arena = arena, .contract = contract, .schemas = json_object()};
  json_t *paths = paths_of(&openapi);
  json_t *document = json_pack("{s:s,s:{s:s,s:s,s:s},s:o,s:{s:o,s:{s:o}}}", "openapi", "3.1.0", "info", "title",
                               "OrderShop", "version", runtime_version, "description",
                               "The shop over HTTP and JSON: each resource is a method of a gRPC service.", "paths",
                               paths, "components", "schemas", openapi.schemas, "responses", "Error", error_response());
  char *text = json_dumps(document, JSON_COMPACT);
  const char *copy = arena_strdup(arena, text ? text : "{}");
  free(text);
  json_decref(document);
  return copy;
}
