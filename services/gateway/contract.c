/* SPDX-License-Identifier: Apache-2.0 */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/key_table.h"
#include "base/message.h"
#include "base/message_check.h"
#include "message/json_read.h"

enum { METHODS_MAX = 4096, ROUTES_MAX = 4096, HTTP_OPTION = 72295728, RULE_MEMORY = 1024 * 1024 };

struct contract {
  struct arena *arena;
  const struct api_method **methods;
  struct route *routes; /* those that match fewer paths come first */
  size_t method_count, route_count;
  struct key_table *by_path, *every_servers; /* methods by their paths */
};

struct contract *contract_new(struct arena *arena) {
  struct contract *contract = arena_calloc(arena, 1, sizeof *contract);
  contract->arena = arena;
  contract->methods = arena_calloc(arena, METHODS_MAX, sizeof *contract->methods);
  contract->routes = arena_calloc(arena, ROUTES_MAX, sizeof *contract->routes);
  contract->by_path = key_table_new(arena);
  contract->every_servers = key_table_new(arena);
  return contract;
}

/* ---- the option ------------------------------------------------------------------------------------------------- */

/* protobuf-c keeps an extension as an unknown field, whose bytes begin with their own length. */
static const Google__Api__HttpRule *http_rule(struct arena *arena, const Google__Protobuf__MethodOptions *options) {
  for (unsigned i = 0; options && i < options->base.n_unknown_fields; i++) {
    const ProtobufCMessageUnknownField *field = &options->base.unknown_fields[i];
    if (field->tag != HTTP_OPTION || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) continue;
    size_t prefix = 0;
    while (prefix < field->len && field->data[prefix] & 0x80) prefix++;
    if (++prefix > field->len) return NULL;
    const uint8_t *bytes = field->data + prefix;
    size_t size = field->len - prefix;
    if (!message_fits(&google__api__http_rule__descriptor, bytes, size, RULE_MEMORY)) return NULL;
    return message_unpack(arena, &google__api__http_rule__descriptor, bytes, size);
  }
  return NULL;
}

static const char *rule_method(const Google__Api__HttpRule *rule, const char **ret_path) {
  switch (rule->pattern_case) {
    case GOOGLE__API__HTTP_RULE__PATTERN_GET:
      *ret_path = rule->get;
      return "GET";
    case GOOGLE__API__HTTP_RULE__PATTERN_PUT:
      *ret_path = rule->put;
      return "PUT";
    case GOOGLE__API__HTTP_RULE__PATTERN_POST:
      *ret_path = rule->post;
      return "POST";
    case GOOGLE__API__HTTP_RULE__PATTERN_DELETE:
      *ret_path = rule->delete_;
      return "DELETE";
    case GOOGLE__API__HTTP_RULE__PATTERN_PATCH:
      *ret_path = rule->patch;
      return "PATCH";
    case GOOGLE__API__HTTP_RULE__PATTERN_CUSTOM:
      *ret_path = rule->custom->path;
      return rule->custom->kind;
    default:
      return NULL;
  }
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static struct status unfit(const struct contract *contract, const struct api_method *method, const char *what,
                           const char *text) {
  return status_error(contract->arena, STATUS_INVALID_ARGUMENT, reason_definition_invalid,
                      "google.api.http of %s.%s: %s%s", method->service.descriptor->name, method->method->name, what,
                      text);
}

/* A variable must be a path of singular fields that ends in what a text can stand for. */
static bool is_settable(const ProtobufCMessageDescriptor *descriptor, const char *path, struct arena *arena) {
  for (;;) {
    size_t size = strcspn(path, ".");
    const ProtobufCFieldDescriptor *field = json_field(descriptor, arena_memdup(arena, path, size));
    if (!field || field->label == PROTOBUF_C_LABEL_REPEATED) return false;
    if (!path[size]) return field->type != PROTOBUF_C_TYPE_MESSAGE;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
    descriptor = field->descriptor;
    path += size + 1;
  }
}

static struct status check_variables(const struct contract *contract, const struct route *route) {
  for (size_t i = 0; i < route->template.variable_count; i++) {
    const char *field = route->template.variables[i].field;
    if (!is_settable(route->method->method->input, field, contract->arena)) {
      return unfit(contract, route->method, "the request has no such field: ", field);
    }
  }
  return status_ok();
}

static struct status add_route(struct contract *contract, const struct route *route) {
  size_t place = 0;
  for (; place < contract->route_count; place++) {
    const struct route *other = &contract->routes[place];
    int order = path_template_compare(&other->template, &route->template);
    if (order == 0 && strcmp(other->http_method, route->http_method) == 0) {
      return unfit(contract, route->method,
                   arena_printf(contract->arena, "%s %s is the resource of ", route->http_method, route->template.text),
                   other->method->path + 1);
    }
    if (order > 0) break;
  }
  if (contract->route_count == ROUTES_MAX) return unfit(contract, route->method, "there are too many resources", "");
  memmove(&contract->routes[place + 1], &contract->routes[place],
          (contract->route_count - place) * sizeof *contract->routes);
  contract->routes[place] = *route;
  contract->route_count++;
  return status_ok();
}

static struct status add_rule(struct contract *contract, struct api_method *method, const Google__Api__HttpRule *rule) {
  const char *path = NULL;
  struct route route = {.http_method = rule_method(rule, &path), .method = method};
  if (!route.http_method || !path) return unfit(contract, method, "there is no path", "");
  struct status status = path_template_parse(contract->arena, path, &route.template);
  if (!status_is_ok(status)) return unfit(contract, method, status.message, "");
  if (*rule->body) route.body = rule->body;
  if (route.body && strcmp(route.body, "*") != 0) {
    route.body_field = json_field(method->method->input, route.body);
    if (!route.body_field) return unfit(contract, method, "the request has no such field: ", route.body);
  }
  if (*rule->response_body) {
    route.response_field = json_field(method->method->output, rule->response_body);
    if (!route.response_field) return unfit(contract, method, "the reply has no such field: ", rule->response_body);
  }
  if (strcmp(route.http_method, "GET") == 0) method->reads = true;
  status = check_variables(contract, &route);
  return status_is_ok(status) ? add_route(contract, &route) : status;
}

static struct status add_routes(struct contract *contract, struct api_method *method) {
  const Google__Api__HttpRule *rule = http_rule(contract->arena, method->proto->options);
  if (!rule || method->streams) return status_ok();
  struct status status = add_rule(contract, method, rule);
  for (size_t i = 0; i < rule->n_additional_bindings && status_is_ok(status); i++) {
    status = add_rule(contract, method, rule->additional_bindings[i]);
  }
  return status;
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static bool has_no_side_effects(const Google__Protobuf__MethodDescriptorProto *proto) {
  return proto->options &&
         proto->options->idempotency_level == GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
}

static struct status list_method(struct contract *contract, struct api_method *method) {
  if (contract->method_count == METHODS_MAX) return unfit(contract, method, "there are too many methods", "");
  contract->methods[contract->method_count++] = method;
  return add_routes(contract, method);
}

static struct status add_service(struct contract *contract, const struct contract_part *part,
                                 const struct service_type *service) {
  struct status status = status_ok();
  for (unsigned i = 0; i < service->descriptor->n_methods && status_is_ok(status); i++) {
    const Google__Protobuf__MethodDescriptorProto *proto = service->proto->method[i];
    struct api_method *method = arena_calloc(contract->arena, 1, sizeof *method);
    *method = (struct api_method){
        .path = arena_printf(contract->arena, "/%s/%s", service->descriptor->name, proto->name),
        .service = *service,
        .method = &service->descriptor->methods[i],
        .proto = proto,
        .channel = part->channel,
        .is_own = !part->file,
        .reads = has_no_side_effects(proto),
        .streams = proto->client_streaming || proto->server_streaming,
    };
    void **place = key_table_at(part->channel ? contract->by_path : contract->every_servers, method->path);
    if (*place) return unfit(contract, method, "another service has it, too", "");
    *place = method;
    if (part->channel) status = list_method(contract, method);
  }
  return status;
}

/* What one asks a service by its name, since any may have it, and what services ask of each other, is not. */
static bool is_offered(const struct service_type *service) {
  static const char *const every_servers[] = {"ordershop.v1.StatusService", "ordershop.v1.DeadLetterService",
                                              "ordershop.v1.LogService", "ordershop.v1.ViewService",
                                              "ordershop.v1.ArchiveService"};
  for (size_t i = 0; i < sizeof every_servers / sizeof *every_servers; i++) {
    if (strcmp(service->descriptor->name, every_servers[i]) == 0) return false;
  }
  const char *package = service->file->package ? service->file->package : "";
  return strncmp(package, "grpc.", strlen("grpc.")) != 0 && !strstr(package, ".internal.");
}

static bool is_named(const char *const *names, const char *name) {
  for (; *names; names++) {
    if (strcmp(*names, name) == 0) return true;
  }
  return false;
}

static bool is_added(const struct contract_part *part, const struct service_type *service) {
  if (part->file) return strcmp(service->file->name, part->file) == 0;
  return is_named(part->services, service->descriptor->name) && is_offered(service);
}

struct status contract_add(struct contract *contract, const struct contract_part *part) {
  for (size_t i = 0;; i++) {
    struct service_type service;
    struct status status = service_types_at(part->types, i, &service);
    if (!status_is_ok(status) || !service.descriptor) return status;
    if (is_added(part, &service)) status = add_service(contract, part, &service);
    if (!status_is_ok(status)) return status;
  }
}

const struct api_method *contract_method(const struct contract *contract, const char *path) {
  return key_table_find(contract->by_path, path);
}

const struct api_method *contract_every_servers_method(const struct contract *contract, const char *path) {
  return key_table_find(contract->every_servers, path);
}

const struct api_method *contract_method_at(const struct contract *contract, size_t index) {
  return index < contract->method_count ? contract->methods[index] : NULL;
}

const struct route *contract_route_at(const struct contract *contract, size_t index) {
  return index < contract->route_count ? &contract->routes[index] : NULL;
}

/* ---- looking up ------------------------------------------------------------------------------------------------- */

static void allow(struct found_route *found, struct arena *arena, const char *http_method) {
  const char *also = strcmp(http_method, "GET") == 0 ? ", HEAD" : "";
  found->allowed = arena_printf(arena, "%s%s%s%s", found->allowed, *found->allowed ? ", " : "", http_method, also);
}

struct found_route contract_find(const struct contract *contract, struct arena *arena, const char *http_method,
                                 const struct request_path *path) {
  struct found_route found = {.allowed = ""};
  const char *wanted = strcmp(http_method, "HEAD") == 0 ? "GET" : http_method;
  for (size_t i = 0; i < contract->route_count; i++) {
    const struct route *route = &contract->routes[i];
    const char **values;
    if (!path_template_match(&route->template, arena, path, &values)) continue;
    allow(&found, arena, route->http_method);
    if (found.route || strcmp(route->http_method, wanted) != 0) continue;
    found.route = route;
    found.values = values;
  }
  return found;
}
