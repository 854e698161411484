/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in JSON, errors among them: {"error": {"code": 404, "message": ..., "status": "NOT_FOUND", "details": [...]}}
 * as Google's APIs have them (https://google.aip.dev/193). On the loop's stack or a coroutine's. */
#pragma once

#include <jansson.h>

#include "base/status.h"
#include "http/http_server.h"

/* Answers with the JSON, which is freed. */
void answer_json(struct http_request *request, int code, json_t *json);

/* Answers with an error of a service, or of reading the request, with all its details; Retry-After if there is a
 * RetryInfo, or the status is UNAVAILABLE. */
void answer_status(struct http_request *request, struct status status);

/* The same with another code of HTTP than the status' own. */
void answer_status_as(struct http_request *request, int code, struct status status);

/* Answers with an error of HTTP itself, such as 405. */
void answer_error(struct http_request *request, int code, const char *message);

/* Returns the code of HTTP that stands for a status (google/rpc/code.proto). */
int http_code(enum status_code code);

/* Returns the body of an error's answer. The caller owns it. */
json_t *error_json(struct arena *arena, int code, struct status status);

/* Returns the details, each {"@type": "type.googleapis.com/google.rpc.ErrorInfo", ...}. The caller owns the list. */
json_t *details_json(struct arena *arena, struct status status);

/* The headers that every answer has, and Retry-After where the status asks for it. */
void answer_retry_after(struct http_request *request, struct status status);
