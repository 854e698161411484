/* SPDX-License-Identifier: Apache-2.0 */
/* The v1 dialect: the API of the reference architecture's own client, which runs unchanged against the gateway
 * (docs/gateway.md#v1). Reads see all that was written through this gateway before. */
#pragma once

#include "gateway.h"

/* Returns whether the path is one of the dialect: /customers, /customer/{id}, /orders/unbilled, /report ... */
bool v1_is_path(const struct request_path *path);

/* Answers a request to such a path by methods of the contract. */
coroutine_fn void v1_handle(struct gateway *gateway, const struct contract *contract, struct http_request *request,
                            const struct request_path *path);
