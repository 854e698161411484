/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/histogram.h"

#include <math.h>
#include <stddef.h>

enum { BUCKETS = sizeof(((struct histogram *)NULL)->buckets) / sizeof(uint64_t), LINEAR_BITS = 8 };

/* A duration of LINEAR_BITS + n bits is in the n-th doubling, and its first LINEAR_BITS bits say where in it. */
static size_t bucket_of(uint64_t duration_us) {
  if (duration_us < HISTOGRAM_LINEAR) return (size_t)duration_us;
  unsigned doubling = 64 - (unsigned)__builtin_clzll(duration_us) - LINEAR_BITS;
  if (doubling > HISTOGRAM_DOUBLINGS) return BUCKETS - 1;
  size_t step = (size_t)(duration_us >> doubling) - HISTOGRAM_STEPS;
  return HISTOGRAM_LINEAR + (doubling - 1) * HISTOGRAM_STEPS + step;
}

/* The longest duration that the bucket is for. */
static int64_t end_of(size_t bucket) {
  if (bucket < HISTOGRAM_LINEAR) return (int64_t)bucket;
  size_t doubling = (bucket - HISTOGRAM_LINEAR) / HISTOGRAM_STEPS + 1;
  uint64_t step = (bucket - HISTOGRAM_LINEAR) % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
  return (int64_t)(((step + 1) << doubling) - 1);
}

void histogram_add(struct histogram *histogram, int64_t duration_us) {
  if (duration_us < 0) duration_us = 0;
  if (histogram->count == 0 || duration_us < histogram->min_us) histogram->min_us = duration_us;
  if (duration_us > histogram->max_us) histogram->max_us = duration_us;
  histogram->count++;
  histogram->sum_us += (double)duration_us;
  histogram->buckets[bucket_of((uint64_t)duration_us)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *from) {
  if (from->count == 0) return;
  if (histogram->count == 0 || from->min_us < histogram->min_us) histogram->min_us = from->min_us;
  if (from->max_us > histogram->max_us) histogram->max_us = from->max_us;
  histogram->count += from->count;
  histogram->sum_us += from->sum_us;
  for (size_t i = 0; i < BUCKETS; i++) histogram->buckets[i] += from->buckets[i];
}

double histogram_percentile(const struct histogram *histogram, double percent) {
  if (histogram->count == 0) return 0;
  double rank = ceil(percent * (double)histogram->count / 100 - 1e-6); /* 99.9 is a little more than that */
  uint64_t seen = 0;
  size_t bucket = 0;
  for (; bucket < BUCKETS - 1; bucket++) {
    seen += histogram->buckets[bucket];
    if (seen > 0 && (double)seen >= rank) break;
  }
  int64_t end_us = bucket == BUCKETS - 1 ? histogram->max_us : end_of(bucket);
  return (double)(end_us < histogram->max_us ? end_us : histogram->max_us) / 1000;
}

double histogram_mean(const struct histogram *histogram) {
  return histogram->count > 0 ? histogram->sum_us / (double)histogram->count / 1000 : 0;
}
