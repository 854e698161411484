/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in JSON. On the loop's stack: what is read may be 2,048 deep. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"
#include "http/http_server.h"

/* Returns whether the request says that its body is of that type; the only parameter may be charset=utf-8. */
bool body_is(const struct http_request *request, const char *type);

/* Reads the body. The caller owns the result. Errors: INVALID_ARGUMENT (JSON_INVALID): not JSON, a name twice in an
 * object, a NUL, or text that is no UTF-8; the message says where. */
struct status body_json(const struct http_request *request, json_t **ret_json);
