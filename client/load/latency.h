/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the latencies of a run and returns their percentiles. One thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct latency {
  uint32_t *samples_us;
  size_t count, capacity;
};

/* A zero-initialised latency is ready to use; latency_clear frees its samples. */
void latency_add(struct latency *latency, int64_t duration_us);
void latency_clear(struct latency *latency);

/* Returns the milliseconds that `percent` of the samples don't exceed (at 100, the longest), or 0 without samples.
 * Sorts the samples. */
double latency_percentile(struct latency *latency, double percent);
