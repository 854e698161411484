/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer metrics: what consumers of this process count for Prometheus. Threads: the loop's. */
#pragma once

#include "base/metrics.h"

struct consumer_metrics {
  uint64_t *leases, *terms;
  struct metric_histogram *commit_events;
  uint64_t *outbox_delivered;
};

/* Returns where to count; the first call declares the metrics. */
const struct consumer_metrics *consumer_metrics(void);

/* Counts a dead letter by the fingerprint of its reason (reason_fingerprint.h). Reasons that come after the first 30
 * are all counted as "other": what is in a reason's text may be as manifold as what callers send. */
void consumer_metrics_dead_letter(const char *reason);
