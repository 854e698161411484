/* SPDX-License-Identifier: Apache-2.0 */
/* Call metrics: how many calls of a method began, how they ended and how long they took, under the names and labels
 * that go-grpc-prometheus has made common (github.com/grpc-ecosystem/go-grpc-middleware, providers/prometheus).
 * Threads: the loop's. */
#pragma once

#include <stdint.h>

#include "base/metrics.h"

enum { CALL_CODES = 17 }; /* 0 ... 16, those of gRPC */

enum call_side { CALL_OF_SERVER, CALL_OF_CLIENT };

struct call_metrics {
  uint64_t *started;
  uint64_t *handled; /* [CALL_CODES] */
  struct metric_histogram *seconds;
};

/* `type` is "unary", "server_stream" or "bidi_stream". */
struct call_metrics call_metrics_of(enum call_side side, const char *type, const char *service, const char *method);

static inline void call_metrics_end(const struct call_metrics *metrics, unsigned code, int64_t us) {
  metrics->handled[code < CALL_CODES ? code : 2 /* Unknown */]++;
  metric_observe(metrics->seconds, us > 0 ? us : 0);
}
