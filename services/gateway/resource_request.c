/* SPDX-License-Identifier: Apache-2.0 */
#include "resource_request.h"

#include <google/protobuf/field_mask.pb-c.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/violations.h"
#include "body_json.h"
#include "message/json_kinds.h"
#include "message/json_read.h"

/* The request as one object of JSON, put together from all its parts. */
struct assembly {
  const struct http_request *request;
  const struct route *route;
  struct arena *arena;
  json_t *object;
};

static struct status refuse(const struct assembly *assembly, const char *field, const char *what) {
  return status_error(assembly->arena, STATUS_INVALID_ARGUMENT, reason_field_invalid, "%s %s", field, what);
}

/* The path by the names of the proto, as far as there are such fields. */
static const char *proto_path(const struct assembly *assembly, const char *path) {
  const ProtobufCMessageDescriptor *descriptor = assembly->route->method->method->input;
  const char *made = "";
  while (true) {
    size_t size = strcspn(path, ".");
    const char *name = arena_memdup(assembly->arena, path, size);
    const ProtobufCFieldDescriptor *field = descriptor ? json_field(descriptor, name) : NULL;
    made = arena_printf(assembly->arena, "%s%s%s", made, *made ? "." : "", field ? field->name : name);
    if (!path[size]) return made;
    descriptor = field && field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
    path += size + 1;
  }
}

static struct status refuse_field(const struct assembly *assembly, const char *path, const char *what) {
  struct violations violations = violations_of(assembly->arena);
  violation_add(&violations, proto_path(assembly, path), "%s", what);
  return violations_status(&violations);
}

/* ---- putting values --------------------------------------------------------------------------------------------- */

/* What the object has of a field, under whichever of its names. */
static json_t *value_in(json_t *object, const ProtobufCMessageDescriptor *descriptor,
                        const ProtobufCFieldDescriptor *field) {
  const char *name;
  json_t *value;
  json_object_foreach(object, name, value) {
    if (json_field(descriptor, name) == field) return value;
  }
  return NULL;
}

/* A text as JSON has it in that place. Only what a text can stand for is taken. */
static json_t *text_json(const ProtobufCFieldDescriptor *field, const char *text) {
  if (field->type == PROTOBUF_C_TYPE_BOOL && strcmp(text, "true") == 0) return json_true();
  if (field->type == PROTOBUF_C_TYPE_BOOL && strcmp(text, "false") == 0) return json_false();
  if (field->type != PROTOBUF_C_TYPE_MESSAGE) return json_string(text);
  const ProtobufCMessageDescriptor *descriptor = field->descriptor;
  switch (json_kind_of(descriptor)) {
    case JSON_KIND_TIMESTAMP:
    case JSON_KIND_DURATION:
    case JSON_KIND_FIELD_MASK:
      return json_string(text);
    case JSON_KIND_WRAPPER:
      return text_json(&descriptor->fields[0], text);
    default:
      return NULL;
  }
}

/* The object in which the last part of a path is a field. Messages on the way are made. NULL if there is none. */
static json_t *object_of(const struct assembly *assembly, const char *path,
                         const ProtobufCMessageDescriptor **descriptor, const ProtobufCFieldDescriptor **ret_field) {
  json_t *object = assembly->object;
  for (;; path += strcspn(path, ".") + 1) {
    size_t size = strcspn(path, ".");
    const ProtobufCFieldDescriptor *field = json_field(*descriptor, arena_memdup(assembly->arena, path, size));
    if (!field) return NULL;
    *ret_field = field;
    if (!path[size]) return object;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED) return NULL;
    json_t *next = value_in(object, *descriptor, field);
    if (!next || json_is_null(next)) json_object_set_new(object, field->name, next = json_object());
    if (!json_is_object(next)) return NULL;
    *descriptor = field->descriptor;
    object = next;
  }
}

/* What is there already must be the same, unless it is repeated. */
static struct status put_text(const struct assembly *assembly, const char *path, const char *text,
                              bool twice_is_wrong) {
  const ProtobufCMessageDescriptor *descriptor = assembly->route->method->method->input;
  const ProtobufCFieldDescriptor *field = NULL;
  json_t *object = object_of(assembly, path, &descriptor, &field);
  if (!object) return refuse_field(assembly, path, "is not a field of the request");
  json_t *value = text_json(field, text), *there = value_in(object, descriptor, field);
  if (!value) return refuse_field(assembly, path, "can't be given as a text");
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    if (!there) json_object_set_new(object, field->name, there = json_array());
    json_array_append_new(there, value);
    return status_ok();
  }
  bool is_there = there && !json_is_null(there);
  bool differs = is_there && (twice_is_wrong || !json_equal(there, value));
  if (is_there) {
    json_decref(value);
  } else {
    json_object_set_new(object, field->name, value);
  }
  return differs ? refuse_field(assembly, path, "is given twice, and not as the same") : status_ok();
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static struct status read_body(struct assembly *assembly) {
  const struct http_request *request = assembly->request;
  const struct route *route = assembly->route;
  if (!route->body) {
    if (request->body_size == 0) return status_ok();
    return refuse(assembly, "the body", "must be empty: fields are in the path and in the query");
  }
  json_t *body;
  struct status status = body_json(request, &body);
  if (!status_is_ok(status)) return status;
  if (route->body_field) {
    json_object_set_new(assembly->object, route->body_field->name, body);
  } else if (json_is_object(body)) {
    json_decref(assembly->object);
    assembly->object = body;
  } else {
    json_decref(body);
    return refuse(assembly, "the body", "is not an object");
  }
  return status_ok();
}

static struct status put_path(const struct assembly *assembly, const char *const *values) {
  const struct path_template *template = &assembly->route->template;
  for (size_t i = 0; i < template->variable_count; i++) {
    struct status status = put_text(assembly, template->variables[i].field, values[i], false);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

/* Whether path or body have it already. */
static bool is_bound(const struct assembly *assembly, const char *name) {
  const struct route *route = assembly->route;
  const ProtobufCMessageDescriptor *input = route->method->method->input;
  const ProtobufCFieldDescriptor *field = json_field(input, arena_memdup(assembly->arena, name, strcspn(name, ".")));
  if (route->body_field && field == route->body_field) return true;
  for (size_t i = 0; i < route->template.variable_count; i++) {
    if (strcmp(route->template.variables[i].field, name) == 0) return true;
  }
  return route->body && !route->body_field;
}

static struct status put_parameter(const struct assembly *assembly, const char *text, size_t size) {
  const char *equals = memchr(text, '=', size);
  size_t of_name = equals ? (size_t)(equals - text) : size;
  const char *name = percent_decode(assembly->arena, text, of_name, true, 0);
  const char *value = equals ? percent_decode(assembly->arena, equals + 1, size - of_name - 1, true, 0) : "";
  if (!name || !value) return refuse(assembly, "the query", "has a percent-encoding that is none, or not of UTF-8");
  if (is_bound(assembly, name))
    return refuse_field(assembly, name, "is not for the query: the path or the body has it");
  return put_text(assembly, name, value, true);
}

static struct status put_query(const struct assembly *assembly) {
  struct status status = status_ok();
  for (const char *at = assembly->request->query; *at && status_is_ok(status);) {
    size_t size = strcspn(at, "&");
    if (size > 0) status = put_parameter(assembly, at, size);
    at += size + (at[size] == '&');
  }
  return status;
}

/* ---- headers and masks ------------------------------------------------------------------------------------------ */

static struct status put_request_id(const struct assembly *assembly) {
  const ProtobufCMessageDescriptor *input = assembly->route->method->method->input;
  const char *key = http_request_header(assembly->request, "Idempotency-Key");
  if (!key || !message_has_field(input, "request_id", PROTOBUF_C_TYPE_STRING, false)) return status_ok();
  size_t size = strlen(key);
  bool quoted = size >= 2 && *key == '"' && key[size - 1] == '"';
  const char *id = quoted ? arena_memdup(assembly->arena, key + 1, size - 2) : key;
  const ProtobufCFieldDescriptor *field = message_field(input, "request_id");
  const char *given = json_string_value(value_in(assembly->object, input, field));
  if (given && *given && strcmp(given, id) != 0) {
    return refuse_field(assembly, "request_id", "is another one than the header Idempotency-Key");
  }
  if (!given || !*given) json_object_set_new(assembly->object, "request_id", json_string(id));
  return status_ok();
}

static bool has_version(const ProtobufCMessageDescriptor *descriptor) {
  return message_has_field(descriptor, "version", PROTOBUF_C_TYPE_INT64, false);
}

/* Where a request has the version that it is for. */
static const char *version_path(const struct assembly *assembly) {
  const struct route *route = assembly->route;
  if (has_version(route->method->method->input)) return "version";
  const ProtobufCFieldDescriptor *field = route->body_field;
  if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE || !has_version(field->descriptor)) return NULL;
  return arena_printf(assembly->arena, "%s.version", field->name);
}

/* "3" with its quotes, the ETag of an answer. */
static struct status put_version(const struct assembly *assembly) {
  const char *tag = http_request_header(assembly->request, "If-Match");
  if (!tag || strcmp(tag, "*") == 0) return status_ok();
  const char *path = version_path(assembly);
  if (!path) return refuse(assembly, "If-Match", "is not for this method, which knows no version");
  size_t size = strlen(tag), digits = strspn(tag + 1, "0123456789");
  if (size < 3 || *tag != '"' || tag[size - 1] != '"' || digits != size - 2) {
    return refuse(assembly, "If-Match", "must be one ETag as answers have it, such as \"3\" with its quotes");
  }
  const char *version = arena_memdup(assembly->arena, tag + 1, digits);
  const ProtobufCMessageDescriptor *descriptor = assembly->route->method->method->input;
  const ProtobufCFieldDescriptor *field = NULL;
  json_t *object = object_of(assembly, path, &descriptor, &field);
  if (!object) return refuse(assembly, "the body", "is not an object");
  json_t *there = value_in(object, descriptor, field);
  long long given = json_is_string(there) ? atoll(json_string_value(there)) : json_integer_value(there);
  if (given != 0 && given != atoll(version))
    return refuse_field(assembly, path, "is another one than the header If-Match");
  json_object_set_new(object, field->name, json_string(version)); /* "version" is its only name */
  return status_ok();
}

/* The names that the body of a PATCH has, but for what names the resource and its version. */
static void mask_body(const struct assembly *assembly, ProtobufCMessage *message) {
  const ProtobufCFieldDescriptor *body = assembly->route->body_field;
  if (strcmp(assembly->route->http_method, "PATCH") != 0 || !body || body->type != PROTOBUF_C_TYPE_MESSAGE) return;
  const ProtobufCFieldDescriptor *field =
      message_field_of_type(message->descriptor, &google__protobuf__field_mask__descriptor);
  Google__Protobuf__FieldMask **mask = field ? message_member(message, field) : NULL;
  if (!mask || field->label == PROTOBUF_C_LABEL_REPEATED || *mask) return;
  json_t *object = value_in(assembly->object, message->descriptor, body), *value;
  const char *name;
  *mask = message_new(assembly->arena, &google__protobuf__field_mask__descriptor);
  (*mask)->paths = arena_calloc(assembly->arena, json_object_size(object), sizeof(char *));
  json_object_foreach(object, name, value) {
    const ProtobufCFieldDescriptor *named = json_field(body->descriptor, name);
    if (strcmp(named->name, "id") == 0 || strcmp(named->name, "version") == 0) continue;
    (*mask)->paths[(*mask)->n_paths++] = (char *)named->name;
  }
}

static struct status assemble(struct assembly *assembly, const char *const *values, ProtobufCMessage **ret_message) {
  struct status status = read_body(assembly);
  if (status_is_ok(status)) status = put_path(assembly, values);
  if (status_is_ok(status)) status = put_query(assembly);
  if (status_is_ok(status)) status = put_request_id(assembly);
  if (status_is_ok(status)) status = put_version(assembly);
  if (!status_is_ok(status)) return status;
  ProtobufCMessage *message = message_new(assembly->arena, assembly->route->method->method->input);
  status = json_read_message(assembly->arena, assembly->object, JSON_UNKNOWN_REFUSED, message);
  if (!status_is_ok(status)) return status;
  mask_body(assembly, message);
  *ret_message = message;
  return status;
}

struct status resource_request(const struct http_request *request, const struct found_route *found,
                               ProtobufCMessage **ret_message) {
  struct assembly assembly = {
      .request = request, .route = found->route, .arena = request->arena, .object = json_object()};
  struct status status = assemble(&assembly, found->values, ret_message);
  json_decref(assembly.object);
  return status;
}
