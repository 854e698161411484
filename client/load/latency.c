/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/latency.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

void latency_add(struct latency *latency, int64_t duration_us) {
  if (latency->count == latency->capacity) {
    latency->capacity = latency->capacity ? latency->capacity * 2 : 4096;
    latency->samples_us = memory_realloc(latency->samples_us, latency->capacity * sizeof(*latency->samples_us));
  }
  latency->samples_us[latency->count++] = duration_us < UINT32_MAX ? (uint32_t)duration_us : UINT32_MAX;
}

void latency_clear(struct latency *latency) {
  free(latency->samples_us);
  *latency = (struct latency){.count = 0};
}

static int compare(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

double latency_percentile(struct latency *latency, double percent) {
  if (latency->count == 0) return 0;
  qsort(latency->samples_us, latency->count, sizeof(*latency->samples_us), compare);
  size_t rank = (size_t)ceil(percent / 100 * (double)latency->count);
  return latency->samples_us[rank > 0 ? rank - 1 : 0] / 1000.0;
}
