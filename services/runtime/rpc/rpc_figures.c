/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of a server have come to, of all its methods together. */
#include "rpc/server_call.h"

static bool is_fault(size_t code) {
  switch ((enum status_code)code) {
    case STATUS_UNKNOWN:
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_RESOURCE_EXHAUSTED:
    case STATUS_INTERNAL:
    case STATUS_UNAVAILABLE:
    case STATUS_DATA_LOSS:
      return true;
    default:
      return false;
  }
}

static void add(struct rpc_figures *figures, const struct call_metrics *metrics) {
  for (size_t code = 0; code < CALL_CODES; code++) {
    figures->answered += metrics->handled[code];
    if (is_fault(code)) figures->failed += metrics->handled[code];
  }
  figures->durations.bounds = metrics->seconds->bounds;
  figures->durations.sum += metrics->seconds->sum;
  for (size_t i = 0; i <= METRIC_BOUNDS; i++) figures->durations.counts[i] += metrics->seconds->counts[i];
}

struct rpc_figures rpc_call_server_figures(const struct rpc_call *call) {
  const struct rpc_server *server = ((const struct server_call *)call)->method->server;
  struct rpc_figures figures = {0};
  for (size_t i = 0; i < server->method_count; i++) {
    const struct server_method *method = &server->methods[i];
    if (method->method->handler && !method->service->exempt) add(&figures, &method->metrics);
  }
  return figures;
}
