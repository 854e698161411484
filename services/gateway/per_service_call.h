/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of what every service serves (the StatusService, the DeadLetterService, the LogService, the ViewService), by
 * the Connect protocol. The path says which service is asked: POST
 * /services/crm/ordershop.v1.DeadLetterService/ListDeadLetterKeys, so that `http://HOST/services/crm` is the base
 * address for Connect's clients. */
#pragma once

#include "gateway.h"

bool per_service_is_path(const char *path);

/* Returns the method of such a path, or NULL: it is none, or there is no such method. */
const struct api_method *per_service_method(const struct contract *contract, const char *path);

/* Answers a request to such a path. */
coroutine_fn void per_service_call(struct gateway *gateway, const struct contract *contract,
                                   struct http_request *request);
