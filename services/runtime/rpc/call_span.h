/* SPDX-License-Identifier: Apache-2.0 */
/* Call span: the span (trace/span.h) of a call that is answered or made, by OpenTelemetry's semantic conventions for
 * gRPC. Threads: the loop's. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/status.h"
#include "trace/span.h"

/* Begin one, as span_begin_trace of a call that has come does, and span_begin of one that is made. */
struct span *call_span_of_server(const ProtobufCServiceDescriptor *service, const char *method, struct arena *arena,
                                 const char **traceparent);
struct span *call_span_of_client(const ProtobufCServiceDescriptor *service, const char *method, const char *peer,
                                 struct arena *arena, const char **traceparent);

/* Ends it. `code` is gRPC's; `message` may be NULL. */
void call_span_end(struct span *span, unsigned code, const char *message);
