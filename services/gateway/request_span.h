/* SPDX-License-Identifier: Apache-2.0 */
/* Request span: the span (trace/span.h) of a request to the gateway, of which the calls of services are children. */
#pragma once

#include "http/http_server.h"
#include "trace/span.h"

/* Begins it, by the request's header traceparent or, without one, as a trace of its own; sets request->traceparent. */
struct span *request_span_begin(struct http_request *request);

/* Ends it, by what the request has been answered. */
void request_span_end(struct span *span, const struct http_request *request);
