/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <google/rpc/error_details.pb-c.h>
#include <google/rpc/status.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "error_any.h"
#include "message/json_write.h"
#include "rpc/error_details.h"
#include "shop_brand.h"

enum { RETRY_SECONDS = 1 };

int http_code(enum status_code code) {
  static const int codes[] = {
      [STATUS_OK] = 200,
      [STATUS_CANCELLED] = 499,
      [STATUS_UNKNOWN] = 500,
      [STATUS_INVALID_ARGUMENT] = 400,
      [STATUS_DEADLINE_EXCEEDED] = 504,
      [STATUS_NOT_FOUND] = 404,
      [STATUS_ALREADY_EXISTS] = 409,
      [STATUS_PERMISSION_DENIED] = 403,
      [STATUS_RESOURCE_EXHAUSTED] = 429,
      [STATUS_FAILED_PRECONDITION] = 400,
      [STATUS_ABORTED] = 409,
      [STATUS_OUT_OF_RANGE] = 400,
      [STATUS_UNIMPLEMENTED] = 501,
      [STATUS_INTERNAL] = 500,
      [STATUS_UNAVAILABLE] = 503,
      [STATUS_DATA_LOSS] = 500,
      [STATUS_UNAUTHENTICATED] = 401,
  };
  return (size_t)code < sizeof codes / sizeof *codes ? codes[code] : 500;
}

void answer_json(struct http_request *request, int code, json_t *json) {
  char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
  json_decref(json);
  size_t size = text ? strlen(text) : 0;
  const char *bytes = text ? arena_memdup(request->arena, text, size) : "";
  free(text);
  http_answer(request, code, "application/json", bytes, size);
}

json_t *details_json(struct arena *arena, struct status status) {
  json_t *list = json_array();
  const Google__Rpc__Status *packed = error_of_status(arena, status);
  for (size_t i = 0; i < packed->n_details; i++) {
    const ProtobufCMessage *detail = error_any_unpack(arena, packed->details[i]);
    if (!detail) continue;
    json_t *object = json_of_message(detail);
    json_t *typed = json_pack("{s:s}", "@type", packed->details[i]->type_url);
    json_object_update(typed, object);
    json_decref(object);
    json_array_append_new(list, typed);
  }
  return list;
}

void answer_retry_after(struct http_request *request, struct status status) {
  int64_t delay_ms = status.details ? status.details->retry_delay_ms : 0;
  if (delay_ms <= 0 && status.code != STATUS_UNAVAILABLE) return;
  int64_t seconds = delay_ms > 0 ? (delay_ms + 999) / 1000 : RETRY_SECONDS;
  http_answer_header(request, "Retry-After", arena_printf(request->arena, "%lld", (long long)seconds));
}

static json_t *error_object(int code, const char *message, const char *status, json_t *details) {
  return json_pack("{s:{s:i,s:s%,s:s,s:o}}", "error", "code", code, "message", message, strlen(message), "status",
                   status, "details", details);
}

json_t *error_json(struct arena *arena, int code, struct status status) {
  const char *message = status.message ? status.message : "";
  json_t *text = json_string(message); /* NULL if a peer's is no UTF-8 */
  if (!text) message = "(the message is no text)";
  json_decref(text);
  return error_object(code, message, status_code_name(status.code), details_json(arena, status));
}

void answer_status_as(struct http_request *request, int code, struct status status) {
  answer_retry_after(request, status);
  answer_json(request, code, error_json(request->arena, code, status));
}

void answer_status(struct http_request *request, struct status status) {
  answer_status_as(request, http_code(status.code), status);
}

static const char *status_of(int code) {
  switch (code) {
    case 401:
      return "UNAUTHENTICATED";
    case 403:
    case 421:
      return "PERMISSION_DENIED";
    case 404:
      return "NOT_FOUND";
    case 405:
      return "UNIMPLEMENTED";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 500:
      return "INTERNAL";
    case 503:
      return "UNAVAILABLE";
    default:
      return "INVALID_ARGUMENT";
  }
}

void answer_error(struct http_request *request, int code, const char *message) {
  if (code == 503) http_answer_header(request, "Retry-After", "1");
  answer_json(request, code, error_object(code, message, status_of(code), json_array()));
}
