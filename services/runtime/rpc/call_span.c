/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/call_span.h"

static void describe(struct span *span, const ProtobufCServiceDescriptor *service, const char *method) {
  span_name(span, service->name, "/", method);
  span_text(span, "rpc.system", "grpc");
  span_text(span, "rpc.service", service->name);
  span_text(span, "rpc.method", method);
}

struct span *call_span_of_server(const ProtobufCServiceDescriptor *service, const char *method, struct arena *arena,
                                 const char **traceparent) {
  struct span *span = span_begin_trace(SPAN_SERVER, method, arena, traceparent);
  if (span) describe(span, service, method);
  return span;
}

struct span *call_span_of_client(const ProtobufCServiceDescriptor *service, const char *method, const char *peer,
                                 struct arena *arena, const char **traceparent) {
  struct span *span = span_begin(SPAN_CLIENT, method, arena, traceparent);
  if (!span) return NULL;
  describe(span, service, method);
  span_text(span, "peer.service", peer);
  return span;
}

/* A server is not to blame for what its callers do wrong. */
static bool is_failure(enum span_kind kind, unsigned code) {
  switch (code) {
    case STATUS_OK:
      return false;
    case STATUS_UNKNOWN:
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_UNIMPLEMENTED:
    case STATUS_INTERNAL:
    case STATUS_UNAVAILABLE:
    case STATUS_DATA_LOSS:
      return true;
    default:
      return kind == SPAN_CLIENT;
  }
}

void call_span_end(struct span *span, unsigned code, const char *message) {
  if (!span) return;
  span_number(span, "rpc.grpc.status_code", code);
  if (is_failure(span->kind, code)) span_fail(span, message ? message : status_code_name((enum status_code)code));
  span_end(span);
}
