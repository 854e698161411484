/* SPDX-License-Identifier: Apache-2.0 */
/* Unary calls by the Connect protocol (https://connectrpc.com/docs/protocol): POST /ordershop.v1.OrderService/GetOrder,
 * in JSON or protobuf. Not offered: its GET, compression, streams. */
#pragma once

#include "gateway.h"

/* Returns whether a path is that of a method as gRPC names them, "/package.Service/Method". */
bool connect_is_path(const char *path);

/* Answers a request to such a path. `method` is NULL if there is none. */
coroutine_fn void connect_call(struct gateway *gateway, struct http_request *request, const struct api_method *method);
