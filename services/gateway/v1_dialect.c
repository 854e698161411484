/* SPDX-License-Identifier: Apache-2.0 */
#include "v1_dialect.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "api_call.h"
#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "body_json.h"
#include "message/json_read.h"
#include "message/json_write.h"
#include "v1_kind.h"
#include "v1_price.h"

enum { PAGE_SIZE = 1000, PAGES_MAX = 100 };

/* A request of the dialect on its way. */
struct v1_request {
  struct gateway *gateway;
  const struct contract *contract;
  struct http_request *http;
  struct arena *arena;
  int64_t end_us;
};

/* ---- calls ------------------------------------------------------------------------------------------------------ */

/* A call with its messages as JSON; the steps that need a deep stack run on the loop's. */
struct v1_call {
  struct arena *arena;
  const struct api_method *method;
  json_t *request;
  ProtobufCMessage *message;
  struct status status;
  const void *reply;
  json_t *answer;
};

static void write_message(void *argument) {
  struct v1_call *call = argument;
  call->message = message_new(call->arena, call->method->method->input);
  call->status = json_read_message(call->arena, call->request, JSON_UNKNOWN_REFUSED, call->message);
  json_decref(call->request);
}

static void read_answer(void *argument) {
  struct v1_call *call = argument;
  call->answer = json_of_message(call->reply);
}

/* Calls a method of the kind's service; the request is freed. The caller owns the answer. */
static coroutine_fn struct status ask(const struct v1_request *v1, const struct v1_kind *kind, const char *verb,
                                      const char *what, json_t *request, json_t **ret_answer) {
  const char *path = arena_printf(v1->arena, "/ordershop.v1.%s/%s%s", kind->service, verb, what);
  struct v1_call call = {.arena = v1->arena, .method = contract_method(v1->contract, path), .request = request};
  coroutine_on_loop_stack(write_message, &call);
  if (!status_is_ok(call.status)) return call.status;
  int64_t left_ms = (v1->end_us - clock_monotonic_us()) / 1000;
  struct rpc_reply reply = api_call_behind_all(v1->gateway, v1->http, call.method, call.message, left_ms);
  if (!status_is_ok(reply.status)) return reply.status;
  call.reply = reply.message;
  coroutine_on_loop_stack(read_answer, &call);
  *ret_answer = call.answer;
  return status_ok();
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void answer_text(const struct v1_request *v1, const char *text) {
  http_answer(v1->http, 200, "application/json", text, strlen(text));
}

/* The dialect has no other codes: a state that forbids it is a conflict, overload an outage, and only what the path
 * names can be not found. */
static void answer_failure(const struct v1_request *v1, struct status status) {
  int code = http_code(status.code);
  if (status.code == STATUS_FAILED_PRECONDITION) code = 409;
  if (status.code == STATUS_RESOURCE_EXHAUSTED) code = 503;
  if (status.code == STATUS_NOT_FOUND && strcmp(v1->http->method, "POST") == 0) code = 400;
  answer_status_as(v1->http, code, status);
}

static void answer_method(const struct v1_request *v1, const char *allowed) {
  bool asks = strcmp(v1->http->method, "OPTIONS") == 0;
  http_answer_header(v1->http, "Allow", arena_printf(v1->arena, "%s, OPTIONS", allowed));
  if (asks) http_answer(v1->http, 204, NULL, "", 0);
  if (!asks) answer_error(v1->http, 405, arena_printf(v1->arena, "%s is not for this.", v1->http->method));
}

static bool is(const struct v1_request *v1, const char *method) {
  return strcmp(v1->http->method, method) == 0;
}

static bool is_get(const struct v1_request *v1) {
  return is(v1, "GET") || is(v1, "HEAD");
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

/* A text that grows. */
struct growing {
  char *text;
  size_t size, room;
};

static void append(struct growing *growing, struct arena *arena, const char *text) {
  size_t more = strlen(text);
  if (growing->size + more + 1 > growing->room) {
    growing->room = 2 * (growing->size + more + 1) + 4096;
    char *text_now = arena_alloc(arena, growing->room);
    if (growing->size > 0) memcpy(text_now, growing->text, growing->size);
    growing->text = text_now;
  }
  memcpy(growing->text + growing->size, text, more + 1);
  growing->size += more;
}

static const char *next_token(struct arena *arena, const json_t *page) {
  const char *token = json_string_value(json_object_get(page, "nextPageToken"));
  return token ? arena_strdup(arena, token) : "";
}

/* Appends all of a kind that a method lists, as an array. */
static coroutine_fn struct status append_list(const struct v1_request *v1, const struct v1_kind *kind, const char *verb,
                                              struct growing *growing) {
  const char *token = "", *separator = "";
  append(growing, v1->arena, "[");
  for (int pages = 0; pages == 0 || *token; pages++) {
    if (pages == PAGES_MAX) {
      return status_error(v1->arena, STATUS_FAILED_PRECONDITION, reason_field_invalid,
                          "there are more than %d: list them by /v1/%s", PAGES_MAX * PAGE_SIZE, kind->resources);
    }
    json_t *page, *resource;
    size_t i;
    json_t *asked = json_pack("{s:i,s:s}", "pageSize", PAGE_SIZE, "pageToken", token);
    struct status status = ask(v1, kind, verb, kind->types, asked, &page);
    if (!status_is_ok(status)) return status;
    json_array_foreach(json_object_get(page, kind->resources), i, resource) {
      append(growing, v1->arena, separator);
      append(growing, v1->arena, v1_object(v1->arena, kind, resource));
      separator = ",";
    }
    token = next_token(v1->arena, page);
    json_decref(page);
  }
  append(growing, v1->arena, "]");
  return status_ok();
}

static coroutine_fn void list(const struct v1_request *v1, const struct v1_kind *kind, const char *verb) {
  struct growing growing = {0};
  struct status status = append_list(v1, kind, verb, &growing);
  if (status_is_ok(status)) {
    answer_text(v1, growing.text);
  } else {
    answer_failure(v1, status);
  }
}

static coroutine_fn void report(const struct v1_request *v1) {
  struct growing growing = {0};
  for (size_t i = 0; i < V1_KINDS; i++) {
    append(&growing, v1->arena, arena_printf(v1->arena, "%s\"%s\":", i == 0 ? "{" : ",", v1_kinds[i].plural));
    struct status status = append_list(v1, &v1_kinds[i], "List", &growing);
    if (status_is_ok(status)) continue;
    answer_failure(v1, status);
    return;
  }
  append(&growing, v1->arena, "}");
  answer_text(v1, growing.text);
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

static coroutine_fn void get(const struct v1_request *v1, const struct v1_kind *kind, const char *id) {
  json_t *answer = NULL;
  struct status status = ask(v1, kind, "Get", kind->type, json_pack("{s:s}", "id", id), &answer);
  if (status.code == STATUS_NOT_FOUND) {
    answer_text(v1, "null");
  } else if (!answer) {
    answer_failure(v1, status);
  } else {
    answer_text(v1, v1_object(v1->arena, kind, answer));
    json_decref(answer);
  }
}

static coroutine_fn void answer_true(const struct v1_request *v1, const struct v1_kind *kind, const char *verb,
                                     json_t *request) {
  json_t *answer;
  struct status status = ask(v1, kind, verb, kind->type, request, &answer);
  if (!status_is_ok(status)) {
    answer_failure(v1, status);
    return;
  }
  json_decref(answer);
  answer_text(v1, "true");
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

struct body {
  const struct v1_request *v1;
  json_t *json;
  struct status status;
};

static void read_body(void *argument) {
  struct body *body = argument;
  struct http_request quoted = *body->v1->http;
  quoted.body = v1_price_quote(quoted.arena, quoted.body, quoted.body_size, &quoted.body_size);
  body->status = body_json(&quoted, &body->json);
}

/* Returns NULL if the body is unfit, which is answered then. */
static json_t *take_body(const struct v1_request *v1) {
  struct body body = {.v1 = v1};
  if (!body_is(v1->http, "application/json") || http_request_header(v1->http, "Content-Encoding")) {
    answer_error(v1->http, 415, "The body must be application/json, in UTF-8, and not compressed.");
    return NULL;
  }
  coroutine_on_loop_stack(read_body, &body);
  if (!status_is_ok(body.status)) answer_failure(v1, body.status);
  return body.json;
}

static void append_id(const struct v1_request *v1, struct growing *ids, const json_t *resource) {
  const char *id = json_string_value(json_object_get(resource, "id"));
  append(ids, v1->arena, arena_printf(v1->arena, "%s\"%s\"", ids->size > 1 ? "," : "", id ? id : ""));
}

/* ---- creation --------------------------------------------------------------------------------------------------- */

/* The list that a body is or stands for, as resources. */
static struct status read_resources(const struct v1_request *v1, const struct v1_kind *kind, json_t *body,
                                    json_t *resources) {
  size_t count = json_is_array(body) ? json_array_size(body) : 1;
  for (size_t i = 0; i < count; i++) {
    json_t *resource;
    struct status status =
        v1_resource(v1->arena, kind, json_is_array(body) ? json_array_get(body, i) : body, &resource);
    if (!status_is_ok(status)) {
      return json_is_array(body) ? status_with_step(status, v1->arena, arena_printf(v1->arena, "[%zu]", i)) : status;
    }
    json_array_append_new(resources, resource);
  }
  if (count > 0) return status_ok();
  return status_error(v1->arena, STATUS_INVALID_ARGUMENT, reason_json_invalid, "there is nothing to create");
}

/* A repeated request with the same header Idempotency-Key makes nothing twice. */
static void add_request_id(const struct v1_request *v1, json_t *request, size_t index) {
  const char *key = http_request_header(v1->http, "Idempotency-Key");
  if (!key) return;
  const char *id = index == 0 ? key : uuid_derive_text(v1->arena, "v1", arena_printf(v1->arena, "%s %zu", key, index));
  json_object_set_new(request, "requestId", json_string(id));
}

static coroutine_fn struct status create_together(const struct v1_request *v1, const struct v1_kind *kind,
                                                  json_t *resources, struct growing *ids) {
  json_t *answer, *made, *request = json_pack("{s:O}", kind->resources, resources);
  size_t i;
  add_request_id(v1, request, 0);
  struct status status = ask(v1, kind, "BatchCreate", kind->types, request, &answer);
  if (!status_is_ok(status)) return status;
  json_array_foreach(json_object_get(answer, kind->resources), i, made) append_id(v1, ids, made);
  json_decref(answer);
  return status;
}

static coroutine_fn struct status create_one_by_one(const struct v1_request *v1, const struct v1_kind *kind,
                                                    json_t *resources, struct growing *ids) {
  size_t count = json_array_size(resources);
  for (size_t i = 0; i < count; i++) {
    json_t *made, *request = json_pack("{s:O}", kind->resource, json_array_get(resources, i));
    add_request_id(v1, request, i);
    struct status status = ask(v1, kind, "Create", kind->type, request, &made);
    if (!status_is_ok(status)) {
      const char *step = arena_printf(v1->arena, "[%zu], after %zu were created", i, i);
      return count > 1 ? status_with_step(status, v1->arena, step) : status;
    }
    append_id(v1, ids, made);
    json_decref(made);
  }
  return status_ok();
}

static coroutine_fn void create(const struct v1_request *v1, const struct v1_kind *kind) {
  json_t *body = take_body(v1);
  if (!body) return;
  struct growing ids = {0};
  json_t *resources = json_array();
  struct status status = read_resources(v1, kind, body, resources);
  append(&ids, v1->arena, "[");
  if (status_is_ok(status)) {
    status = kind->in_batch ? create_together(v1, kind, resources, &ids) : create_one_by_one(v1, kind, resources, &ids);
  }
  json_decref(resources);
  json_decref(body);
  append(&ids, v1->arena, "]");
  if (status_is_ok(status)) {
    answer_text(v1, ids.text);
  } else {
    answer_failure(v1, status);
  }
}

/* ---- change ----------------------------------------------------------------------------------------------------- */

static const char *mask_of(struct arena *arena, const struct v1_kind *kind) {
  const char *mask = "";
  for (const struct v1_field *field = kind->fields; field->name; field++) {
    if (field->changes) mask = arena_printf(arena, "%s%s%s", mask, *mask ? "," : "", field->resource);
  }
  return mask;
}

/* The whole object; what can't change must be as it is. */
static coroutine_fn void put(const struct v1_request *v1, const struct v1_kind *kind, const char *id) {
  json_t *body = take_body(v1), *resource;
  if (!body) return;
  const char *own = json_string_value(json_object_get(body, "id"));
  struct status status = v1_resource(v1->arena, kind, body, &resource);
  if (status_is_ok(status) && own && strcmp(own, id) != 0) {
    status =
        status_error(v1->arena, STATUS_INVALID_ARGUMENT, reason_field_invalid, "id is another one than in the path");
    json_decref(resource);
  }
  json_decref(body);
  if (!status_is_ok(status)) {
    answer_failure(v1, status);
    return;
  }
  json_object_set_new(resource, "id", json_string(id));
  json_t *request = json_pack("{s:o,s:s}", kind->resource, resource, "updateMask", mask_of(v1->arena, kind));
  add_request_id(v1, request, 0);
  answer_true(v1, kind, "Update", request);
}

/* ---- paths ------------------------------------------------------------------------------------------------------ */

static const struct v1_kind *kind_of(const char *name, bool plural) {
  for (size_t i = 0; i < V1_KINDS; i++) {
    if (strcmp(plural ? v1_kinds[i].plural : v1_kinds[i].singular, name) == 0) return &v1_kinds[i];
  }
  return NULL;
}

static bool is_unbilled(const struct request_path *path) {
  return path->count == 2 && strcmp(path->decoded[0], "orders") == 0 && strcmp(path->decoded[1], "unbilled") == 0;
}

bool v1_is_path(const struct request_path *path) {
  if (path->count == 1) {
    const char *name = path->decoded[0];
    return strcmp(name, "report") == 0 || kind_of(name, true) || kind_of(name, false);
  }
  return is_unbilled(path) || (path->count == 2 && *path->decoded[1] && kind_of(path->decoded[0], false));
}

static coroutine_fn void handle_one(const struct v1_request *v1, const struct v1_kind *kind, const char *id) {
  if (is_get(v1)) {
    get(v1, kind, id);
  } else if (is(v1, "PUT") && !kind->fixed) {
    put(v1, kind, id);
  } else if (is(v1, "DELETE")) {
    answer_true(v1, kind, "Delete", json_pack("{s:s}", "id", id));
  } else {
    answer_method(v1, kind->fixed ? "GET, HEAD, DELETE" : "GET, HEAD, PUT, DELETE");
  }
}

static coroutine_fn void handle_all(const struct v1_request *v1, const char *name) {
  const struct v1_kind *plural = kind_of(name, true), *kind = plural ? plural : kind_of(name, false);
  if (!kind && is_get(v1)) {
    report(v1);
  } else if (plural && is_get(v1)) {
    list(v1, kind, "List");
  } else if (kind && is(v1, "POST")) {
    create(v1, kind);
  } else {
    answer_method(v1, !kind ? "GET, HEAD" : plural ? "GET, HEAD, POST" : "POST");
  }
}

coroutine_fn void v1_handle(struct gateway *gateway, const struct contract *contract, struct http_request *request,
                            const struct request_path *path) {
  int64_t timeout_ms;
  struct v1_request v1 = {.gateway = gateway, .contract = contract, .http = request, .arena = request->arena};
  struct status status = api_timeout(gateway, request, &timeout_ms);
  v1.end_us = clock_monotonic_us() + timeout_ms * 1000;
  if (!status_is_ok(status)) {
    answer_failure(&v1, status);
  } else if (path->count == 1) {
    handle_all(&v1, path->decoded[0]);
  } else if (!is_unbilled(path)) {
    handle_one(&v1, kind_of(path->decoded[0], false), path->decoded[1]);
  } else if (is_get(&v1)) {
    list(&v1, kind_of("orders", true), "ListUnbilled");
  } else {
    answer_method(&v1, "GET, HEAD");
  }
}
