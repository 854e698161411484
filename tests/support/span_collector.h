/* SPDX-License-Identifier: Apache-2.0 */
/* A collector for tests: takes spans by the OpenTelemetry protocol, with the runtime's own server, on the loop of the
 * coroutine that starts it, and keeps them. */
#pragma once

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"

typedef Opentelemetry__Proto__Collector__Trace__V1__Span CollectedSpan;

struct span_collector {
  struct rpc_server *server;
  const char *endpoint; /* "http://127.0.0.1:4317" */
  size_t requests, span_count;
  const CollectedSpan **spans;
  const Opentelemetry__Proto__Collector__Trace__V1__Resource *resource; /* of the last request */
  int64_t rejects;                                                      /* so many of each request, it says */
  struct arena *arena;
};

/* `listen` NULL means any port. Lives in the context's arena. */
struct span_collector *span_collector_start(struct context *context, const char *listen);

void span_collector_stop(struct span_collector *collector);

/* Waits until there are so many spans. Returns false if they don't come. */
bool span_collector_await(struct span_collector *collector, size_t spans);

/* The span of that name and kind, or NULL. */
const CollectedSpan *span_collector_find(const struct span_collector *collector, const char *name, int kind);

/* The text of its attribute, a number as text; NULL if it has none. */
const char *collected_attribute(struct arena *arena, const CollectedSpan *span, const char *key);

/* Whether `child` is of the same trace and has `parent` as parent. */
bool collected_is_child(const CollectedSpan *child, const CollectedSpan *parent);
