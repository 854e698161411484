/* SPDX-License-Identifier: Apache-2.0 */
/* Resources by google.api.http: GET /v1/customers/{id}. */
#pragma once

#include "gateway.h"

/* Answers a request that a route was looked for; without one with 404 or 405, or, to OPTIONS, with what is allowed. */
coroutine_fn void resource_call(struct gateway *gateway, struct http_request *request, const struct found_route *found);
