/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies of a run and their percentiles. One thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct latency {
  uint32_t *samples_us;
  size_t count, capacity;
};

/* Zero-initialised is ready to use; latency_clear frees. */
void latency_add(struct latency *latency, int64_t duration_us);
void latency_clear(struct latency *latency);

/* Milliseconds that `percent` of the samples don't exceed (100: the longest); 0 without samples. Sorts the samples. */
double latency_percentile(struct latency *latency, double percent);
