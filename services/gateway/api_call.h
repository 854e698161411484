/* SPDX-License-Identifier: Apache-2.0 */
/* A request's call of a service. */
#pragma once

#include "gateway.h"

/* Returns what Connect-Timeout-Ms asks for, at most what is configured, or the default. Errors: INVALID_ARGUMENT. */
struct status api_timeout(const struct gateway *gateway, const struct http_request *request, int64_t *ret_ms);

/* Calls the method; yields. The request's headers ordershop-after and traceparent go along. */
coroutine_fn struct rpc_reply api_call(struct gateway *gateway, struct http_request *request,
                                       const struct api_method *method, const void *message, int64_t timeout_ms);

/* Does the same behind all commands that went through this gateway before, whoever sent them: their position takes the
 * place of ordershop-after. If the log was reset since then, there is nothing left to wait for. */
coroutine_fn struct rpc_reply api_call_behind_all(struct gateway *gateway, struct http_request *request,
                                                  const struct api_method *method, const void *message,
                                                  int64_t timeout_ms);
