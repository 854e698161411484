/* SPDX-License-Identifier: Apache-2.0 */
#include "span_collector.h"

#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "rpc/rpc_server.h"
#include "shop_brand.h"
#include "suite.h"

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest Request;
typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse Response;
typedef Opentelemetry__Proto__Collector__Trace__V1__ResourceSpans ResourceSpans;
typedef Opentelemetry__Proto__Collector__Trace__V1__ScopeSpans ScopeSpans;
typedef Opentelemetry__Proto__Collector__Trace__V1__AnyValue AnyValue;

enum { SPANS_MAX = 10000, POLL_US = 5000 };

static void keep(struct span_collector *collector, const Request *request) {
  collector->requests++;
  for (size_t i = 0; i < request->n_resource_spans; i++) {
    const ResourceSpans *resource = request->resource_spans[i];
    collector->resource = resource->resource;
    for (size_t j = 0; j < resource->n_scope_spans; j++) {
      const ScopeSpans *scope = resource->scope_spans[j];
      CU_ASSERT_FATAL(collector->span_count + scope->n_spans <= SPANS_MAX);
      for (size_t k = 0; k < scope->n_spans; k++) collector->spans[collector->span_count++] = scope->spans[k];
    }
  }
}

static coroutine_fn struct status export(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct span_collector *collector = call->service;
  const Request *sent = request;
  size_t size = protobuf_c_message_get_packed_size(&sent->base);
  unsigned char *packed = arena_alloc(collector->arena, size + 1);
  protobuf_c_message_pack(&sent->base, packed);
  keep(collector, message_unpack(collector->arena, sent->base.descriptor, packed, size));
  Response *response = message_new(call->context.arena, call->signature->output);
  if (collector->rejects > 0) {
    response->partial_success = message_new(
        call->context.arena, &opentelemetry__proto__collector__trace__v1__export_trace_partial_success__descriptor);
    response->partial_success->rejected_spans = collector->rejects;
  }
  *ret_reply = response;
  return status_ok();
}

static const struct rpc_method methods[] = {{.name = "Export", .handler = export}};

struct span_collector *span_collector_start(struct context *context, const char *listen) {
  struct span_collector *collector = arena_calloc(context->arena, 1, sizeof *collector);
  collector->arena = context->arena;
  collector->spans = arena_calloc(context->arena, SPANS_MAX, sizeof *collector->spans);
  struct rpc_service *service = arena_calloc(context->arena, 1, sizeof *service);
  *service = (struct rpc_service){
      .descriptor = &opentelemetry__proto__collector__trace__v1__trace_service__descriptor,
      .methods = {methods, 1},
      .user = collector,
      .exempt = true, /* it makes no spans of its own */
  };
  const struct rpc_server_options options = {.brand = &shop_brand, .listen = listen ? listen : "127.0.0.1:0"};
  struct status status = rpc_server_open(coroutine_loop(), context->arena, &options, service, 1, &collector->server);
  CU_ASSERT_FATAL(status_is_ok(status));
  collector->endpoint = arena_printf(context->arena, "http://127.0.0.1:%d", rpc_server_port(collector->server));
  rpc_server_start(collector->server);
  return collector;
}

void span_collector_stop(struct span_collector *collector) {
  rpc_server_drain(collector->server, 1000);
  rpc_server_free(collector->server);
}

bool span_collector_await(struct span_collector *collector, size_t spans) {
  int64_t end_us = patience_end_us();
  while (collector->span_count < spans && clock_monotonic_us() < end_us) coroutine_sleep(POLL_US, DEADLINE_NEVER);
  return collector->span_count >= spans;
}

const CollectedSpan *span_collector_find(const struct span_collector *collector, const char *name, int kind) {
  for (size_t i = 0; i < collector->span_count; i++) {
    const CollectedSpan *span = collector->spans[i];
    if ((int)span->kind == kind && strcmp(span->name, name) == 0) return span;
  }
  return NULL;
}

const char *collected_attribute(struct arena *arena, const CollectedSpan *span, const char *key) {
  for (size_t i = 0; i < span->n_attributes; i++) {
    const AnyValue *value = span->attributes[i]->value;
    if (strcmp(span->attributes[i]->key, key) != 0) continue;
    bool is_text = value->value_case == OPENTELEMETRY__PROTO__COLLECTOR__TRACE__V1__ANY_VALUE__VALUE_STRING_VALUE;
    return is_text ? value->string_value : arena_printf(arena, "%lld", (long long)value->int_value);
  }
  return NULL;
}

static bool is_equal(const ProtobufCBinaryData *one, const ProtobufCBinaryData *other) {
  return one->len == other->len && memcmp(one->data, other->data, one->len) == 0;
}

bool collected_is_child(const CollectedSpan *child, const CollectedSpan *parent) {
  return child && parent && is_equal(&child->trace_id, &parent->trace_id) &&
         is_equal(&child->parent_span_id, &parent->span_id);
}
