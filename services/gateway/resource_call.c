/* SPDX-License-Identifier: Apache-2.0 */
#include "resource_call.h"

#include <string.h>

#include "answer.h"
#include "api_call.h"
#include "base/message.h"
#include "body_json.h"
#include "message/json_read.h"
#include "message/json_write.h"
#include "resource_request.h"
#include "shop_brand.h"

/* A call and what it leads to; the steps that need a deep stack run on the loop's. */
struct resource_step {
  struct http_request *request;
  const struct found_route *found;
  ProtobufCMessage *message;
  struct status status;
  struct rpc_reply reply;
};

static void read_request(void *argument) {
  struct resource_step *step = argument;
  step->status = resource_request(step->request, step->found, &step->message);
  if (!status_is_ok(step->status)) answer_status(step->request, step->status);
}

/* The version of a resource is its tag, with which If-Match makes a change conditional. */
static void add_tag(struct http_request *request, const ProtobufCMessage *message) {
  if (!message_has_field(message->descriptor, "version", PROTOBUF_C_TYPE_INT64, false)) return;
  long long version = message_number(message, "version");
  http_answer_header(request, "ETag", arena_printf(request->arena, "\"%lld\"", version));
}

static json_t *reply_json(const struct route *route, const void *message) {
  json_t *json = json_of_message(message);
  if (!route->response_field) return json;
  const char *name;
  json_t *value, *part = NULL;
  json_object_foreach(json, name, value) {
    if (json_field(route->method->method->output, name) == route->response_field) part = json_incref(value);
  }
  json_decref(json);
  return part ? part : json_null();
}

static void write_answer(void *argument) {
  struct resource_step *step = argument;
  struct http_request *request = step->request;
  const struct rpc_reply *reply = &step->reply;
  if (reply->position) http_answer_header(request, shop_brand.position_metadata, reply->position);
  if (status_is_ok(reply->status)) {
    add_tag(request, reply->message);
    answer_json(request, 200, reply_json(step->found->route, reply->message));
    return;
  }
  bool unmet = status_is(reply->status, reason_version_mismatch) && http_request_header(request, "If-Match");
  answer_status_as(request, unmet ? 412 : http_code(reply->status.code), reply->status);
}

static coroutine_fn void call(struct gateway *gateway, struct http_request *request, const struct found_route *found) {
  struct resource_step step = {.request = request, .found = found};
  int64_t timeout_ms;
  struct status status = api_timeout(gateway, request, &timeout_ms);
  if (!status_is_ok(status)) {
    answer_status(request, status);
    return;
  }
  coroutine_on_loop_stack(read_request, &step);
  if (!status_is_ok(step.status)) return;
  step.reply = api_call(gateway, request, found->route->method, step.message, timeout_ms);
  coroutine_on_loop_stack(write_answer, &step);
}

coroutine_fn void resource_call(struct gateway *gateway, struct http_request *request,
                                const struct found_route *found) {
  if (!*found->allowed) {
    answer_error(request, 404, "There is no such resource.");
  } else if (strcmp(request->method, "OPTIONS") == 0) {
    http_answer_header(request, "Allow", arena_printf(request->arena, "%s, OPTIONS", found->allowed));
    http_answer(request, 204, NULL, "", 0);
  } else if (!found->route) {
    http_answer_header(request, "Allow", arena_printf(request->arena, "%s, OPTIONS", found->allowed));
    answer_error(request, 405, arena_printf(request->arena, "This resource has no %s.", request->method));
  } else if (request->body_size > 0 && !body_is(request, "application/json")) {
    answer_error(request, 415, "The body must be application/json, in UTF-8.");
  } else if (http_request_header(request, "Content-Encoding")) {
    answer_error(request, 415, "A compressed body is not taken: it could unpack to any size.");
  } else {
    call(gateway, request, found);
  }
}
