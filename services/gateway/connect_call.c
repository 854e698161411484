/* SPDX-License-Identifier: Apache-2.0 */
#include "connect_call.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "answer.h"
#include "api_call.h"
#include "base/message.h"
#include "base/message_check.h"
#include "body_json.h"
#include "error_any.h"
#include "message/json_read.h"
#include "message/json_write.h"
#include "shop_brand.h"

enum { UNPACKED_MAX = 64 * 1024 * 1024 };

static const char of_json[] = "application/json", of_proto[] = "application/proto";

/* A call and what it leads to; the steps that need a deep stack run on the loop's. */
struct connect_step {
  struct http_request *request;
  const struct api_method *method;
  bool in_json;
  ProtobufCMessage *message;
  struct status status;
  struct rpc_reply reply;
};

bool connect_is_path(const char *path) {
  const char *slash = *path == '/' ? strchr(path + 1, '/') : NULL;
  return slash && memchr(path, '.', (size_t)(slash - path)) && slash[1] && !strchr(slash + 1, '/');
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

/* "not_found" */
static const char *code_text(struct arena *arena, enum status_code code) {
  if (code == STATUS_CANCELLED) return "canceled";
  char *text = arena_strdup(arena, status_code_name(code));
  for (char *c = text; *c; c++) *c = (char)tolower((unsigned char)*c);
  return text;
}

/* Base64 without padding, and the same readable. */
static json_t *detail_json(struct arena *arena, const Google__Protobuf__Any *detail) {
  Google__Protobuf__Any bytes = *detail;
  json_t *any = json_of_message(&bytes);
  const char *text = json_string_value(json_object_get(any, "value"));
  const char *value = arena_memdup(arena, text ? text : "", text ? strcspn(text, "=") : 0);
  json_decref(any);
  json_t *json = json_pack("{s:s,s:s}", "type", error_any_type(detail), "value", value);
  const ProtobufCMessage *message = error_any_unpack(arena, detail);
  if (message) json_object_set_new(json, "debug", json_of_message(message));
  return json;
}

static void answer_failure_as(struct http_request *request, int code, struct status status) {
  struct arena *arena = request->arena;
  json_t *details = json_array();
  const Google__Rpc__Status *error = error_of_status(arena, status);
  for (size_t i = 0; i < error->n_details; i++) json_array_append_new(details, detail_json(arena, error->details[i]));
  json_t *json = json_pack("{s:s,s:s?}", "code", code_text(arena, status.code), "message", status.message);
  if (json_array_size(details) > 0) json_object_set(json, "details", details);
  json_decref(details);
  answer_retry_after(request, status);
  answer_json(request, code, json);
}

static void answer_failure(struct http_request *request, struct status status) {
  answer_failure_as(request, http_code(status.code), status);
}

static struct status refuse(struct http_request *request, enum status_code code, const char *message) {
  return status_error(request->arena, code, reason_field_invalid, "%s", message);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static struct status read_json(struct connect_step *step) {
  json_t *json;
  struct status status = body_json(step->request, &json);
  if (!status_is_ok(status)) return status;
  step->message = message_new(step->request->arena, step->method->method->input);
  status = json_read_message(step->request->arena, json, JSON_UNKNOWN_IGNORED, step->message);
  json_decref(json);
  return status;
}

static struct status read_proto(struct connect_step *step) {
  const struct http_request *request = step->request;
  const ProtobufCMessageDescriptor *input = step->method->method->input;
  if (!message_fits(input, request->body, request->body_size, UNPACKED_MAX)) {
    return refuse(step->request, STATUS_INVALID_ARGUMENT, "the body is no message of the method's type");
  }
  struct status status = message_check(request->arena, input, request->body, request->body_size);
  if (!status_is_ok(status)) return status;
  step->message = message_unpack(request->arena, input, request->body, request->body_size);
  if (step->message) return status_ok();
  return refuse(step->request, STATUS_INVALID_ARGUMENT, "the body is no message of the method's type");
}

static void read_request(void *argument) {
  struct connect_step *step = argument;
  step->status = step->in_json ? read_json(step) : read_proto(step);
  if (!status_is_ok(step->status)) answer_failure(step->request, step->status);
}

static void write_answer(void *argument) {
  struct connect_step *step = argument;
  struct http_request *request = step->request;
  if (step->reply.position) {
    http_answer_header(request, arena_printf(request->arena, "trailer-%s", shop_brand.position_metadata),
                       step->reply.position);
  }
  if (!status_is_ok(step->reply.status)) {
    answer_failure(request, step->reply.status);
  } else if (step->in_json) {
    answer_json(request, 200, json_of_message(step->reply.message));
  } else {
    size_t size;
    const void *bytes = message_pack(request->arena, step->reply.message, &size);
    http_answer(request, 200, of_proto, bytes, size);
  }
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static struct status check_headers(struct http_request *request, const struct api_method *method) {
  const char *version = http_request_header(request, "Connect-Protocol-Version");
  const char *encoding = http_request_header(request, "Content-Encoding");
  if (version && strcmp(version, "1") != 0) {
    return refuse(request, STATUS_INVALID_ARGUMENT, "Connect-Protocol-Version must be 1");
  }
  if (encoding && strcmp(encoding, "identity") != 0) {
    return refuse(request, STATUS_UNIMPLEMENTED, "A compressed body is not taken: it could unpack to any size.");
  }
  if (!method->streams) return status_ok();
  return status_error(request->arena, STATUS_UNIMPLEMENTED, reason_method_unknown, "%s is a stream: call it by gRPC",
                      method->method->name);
}

coroutine_fn void connect_call(struct gateway *gateway, struct http_request *request, const struct api_method *method) {
  struct connect_step step = {.request = request, .method = method, .in_json = body_is(request, of_json)};
  int64_t timeout_ms;
  if (strcmp(request->method, "POST") != 0) {
    http_answer_header(request, "Allow", "POST");
    answer_error(request, 405, "Methods are called by POST.");
    return;
  }
  if (!step.in_json && !body_is(request, of_proto)) {
    http_answer_header(request, "Accept-Post", "application/json, application/proto");
    answer_error(request, 415, "The body must be application/json or application/proto.");
    return;
  }
  if (!method) {
    struct status unknown = status_error(request->arena, STATUS_UNIMPLEMENTED, reason_method_unknown,
                                         "There is no method %s.", request->path);
    answer_failure_as(request, 404, unknown);
    return;
  }
  step.status = check_headers(request, method);
  if (status_is_ok(step.status)) step.status = api_timeout(gateway, request, &timeout_ms);
  if (!status_is_ok(step.status)) {
    answer_failure(request, step.status);
    return;
  }
  coroutine_on_loop_stack(read_request, &step);
  if (!status_is_ok(step.status)) return;
  step.reply = api_call(gateway, request, method, step.message, timeout_ms);
  coroutine_on_loop_stack(write_answer, &step);
}
