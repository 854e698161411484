/* SPDX-License-Identifier: Apache-2.0 */
/* Redis metrics: what a connection counts for Prometheus; for this folder only. Connections of the same purpose count
 * together. Threads: the loop's. */
#pragma once

#include "base/metrics.h"

struct redis_metrics {
  uint64_t *commands, *round_trips, *connects, *error_replies, *out_of_memory;
  int64_t *pending, *connections, *connections_ready;
  struct metric_histogram *seconds;
};

/* Returns where connections of that purpose count. `purpose` is copied. */
struct redis_metrics redis_metrics_of(const char *purpose);
