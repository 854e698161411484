/* SPDX-License-Identifier: Apache-2.0 */
/* Span request: spans as the OpenTelemetry protocol has them. Any thread. */
#pragma once

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h>

#include "base/arena.h"
#include "trace/span.h"

/* Who the spans are of. */
struct span_source {
  const char *program_namespace, *service, *version, *instance;
};

/* Returns a request with these spans, a list of `count`, in the arena; it refers to them. */
const Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest *span_request_of(
    struct arena *arena, const struct span_source *source, const struct span *spans, size_t count);
