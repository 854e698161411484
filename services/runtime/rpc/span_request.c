/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/span_request.h"

#include "base/clock.h"
#include "base/message.h"
#include "base/version.h"

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest Request;
typedef Opentelemetry__Proto__Collector__Trace__V1__ResourceSpans ResourceSpans;
typedef Opentelemetry__Proto__Collector__Trace__V1__ScopeSpans ScopeSpans;
typedef Opentelemetry__Proto__Collector__Trace__V1__Resource Resource;
typedef Opentelemetry__Proto__Collector__Trace__V1__InstrumentationScope Scope;
typedef Opentelemetry__Proto__Collector__Trace__V1__Span Span;
typedef Opentelemetry__Proto__Collector__Trace__V1__Span__Link Link;
typedef Opentelemetry__Proto__Collector__Trace__V1__Status Status;
typedef Opentelemetry__Proto__Collector__Trace__V1__KeyValue KeyValue;
typedef Opentelemetry__Proto__Collector__Trace__V1__AnyValue AnyValue;

#define NEW(arena, name) message_new(arena, &opentelemetry__proto__collector__trace__v1__##name##__descriptor)

static ProtobufCBinaryData binary(const unsigned char *bytes, size_t size) {
  return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)bytes};
}

static KeyValue *attribute_of(struct arena *arena, const struct span_attribute *attribute) {
  KeyValue *pair = NEW(arena, key_value);
  pair->key = (char *)attribute->key;
  pair->value = NEW(arena, any_value);
  if (attribute->text) {
    pair->value->value_case = OPENTELEMETRY__PROTO__COLLECTOR__TRACE__V1__ANY_VALUE__VALUE_STRING_VALUE;
    pair->value->string_value = (char *)attribute->text;
  } else {
    pair->value->value_case = OPENTELEMETRY__PROTO__COLLECTOR__TRACE__V1__ANY_VALUE__VALUE_INT_VALUE;
    pair->value->int_value = attribute->number;
  }
  return pair;
}

static KeyValue **attributes_of(struct arena *arena, const struct span_attribute *attributes, size_t count) {
  KeyValue **pairs = arena_calloc(arena, count, sizeof(KeyValue *));
  for (size_t i = 0; i < count; i++) pairs[i] = attribute_of(arena, &attributes[i]);
  return pairs;
}

static void add_link(struct arena *arena, const struct span *span, Span *message) {
  if (!span->has_link) return;
  Link *link = NEW(arena, span__link);
  link->trace_id = binary(span->link.trace, sizeof span->link.trace);
  link->span_id = binary(span->link.span, sizeof span->link.span);
  message->n_links = 1;
  message->links = arena_alloc(arena, sizeof(Link *));
  message->links[0] = link;
}

static void add_failure(struct arena *arena, const struct span *span, Span *message) {
  if (!span->failed) return;
  message->status = NEW(arena, status);
  message->status->code = OPENTELEMETRY__PROTO__COLLECTOR__TRACE__V1__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
  message->status->message = (char *)span->failure;
}

/* `epoch_us` is when the monotonic clock began, by the wall clock. */
static Span *message_of(struct arena *arena, const struct span *span, int64_t epoch_us) {
  Span *message = NEW(arena, span);
  message->trace_id = binary(span->ids.trace, sizeof span->ids.trace);
  message->span_id = binary(span->ids.span, sizeof span->ids.span);
  if (span->has_parent) message->parent_span_id = binary(span->parent, sizeof span->parent);
  message->name = (char *)span->name;
  message->kind = (Opentelemetry__Proto__Collector__Trace__V1__Span__SpanKind)span->kind;
  message->start_time_unix_nano = (uint64_t)(epoch_us + span->began_us) * 1000;
  message->end_time_unix_nano = (uint64_t)(epoch_us + span->ended_us) * 1000;
  message->n_attributes = span->attribute_count;
  message->attributes = attributes_of(arena, span->attributes, span->attribute_count);
  message->dropped_attributes_count = (uint32_t)span->dropped_attributes;
  add_link(arena, span, message);
  add_failure(arena, span, message);
  return message;
}

static ScopeSpans *scope_spans_of(struct arena *arena, const struct span *spans, size_t count) {
  ScopeSpans *all = NEW(arena, scope_spans);
  int64_t epoch_us = clock_wall_us() - clock_monotonic_us();
  all->scope = NEW(arena, instrumentation_scope);
  all->scope->name = (char *)"runtime";
  all->scope->version = (char *)runtime_version;
  all->spans = arena_calloc(arena, count, sizeof(Span *));
  for (; spans && all->n_spans < count; spans = spans->next) {
    all->spans[all->n_spans++] = message_of(arena, spans, epoch_us);
  }
  return all;
}

static Resource *resource_of(struct arena *arena, const struct span_source *source) {
  const struct span_attribute attributes[] = {
      {.key = "service.namespace", .text = source->program_namespace},
      {.key = "service.name", .text = source->service},
      {.key = "service.version", .text = source->version},
      {.key = "service.instance.id", .text = source->instance},
  };
  Resource *resource = NEW(arena, resource);
  resource->n_attributes = sizeof attributes / sizeof *attributes;
  resource->attributes = attributes_of(arena, attributes, resource->n_attributes);
  return resource;
}

const Request *span_request_of(struct arena *arena, const struct span_source *source, const struct span *spans,
                               size_t count) {
  ResourceSpans *all = NEW(arena, resource_spans);
  all->resource = resource_of(arena, source);
  all->n_scope_spans = 1;
  all->scope_spans = arena_alloc(arena, sizeof(ScopeSpans *));
  all->scope_spans[0] = scope_spans_of(arena, spans, count);
  Request *request = NEW(arena, export_trace_service_request);
  request->n_resource_spans = 1;
  request->resource_spans = arena_alloc(arena, sizeof(ResourceSpans *));
  request->resource_spans[0] = all;
  return request;
}
