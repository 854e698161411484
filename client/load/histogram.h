/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of durations whose buckets grow with the duration: each is at most 1/128 as wide as the durations in it
 * are long, so that percentiles are right to 0.8 %, from microseconds to a day, in constant memory. (The idea of
 * HdrHistogram.) One thread. */
#pragma once

#include <stdint.h>

/* Durations below 256 us have a bucket each; from there on, each doubling has 128. */
#define HISTOGRAM_LINEAR 256
#define HISTOGRAM_STEPS 128
#define HISTOGRAM_DOUBLINGS 29 /* up to 2^37 us, which is 38 hours */

struct histogram {
  uint64_t count;
  int64_t min_us, max_us; /* exact, also of what is beyond the buckets; 0 if there is none */
  double sum_us;
  uint64_t buckets[HISTOGRAM_LINEAR + HISTOGRAM_DOUBLINGS * HISTOGRAM_STEPS];
};

/* A zero-initialised histogram is ready to use. A negative duration counts as 0, and one beyond the last bucket in that
 * bucket. */
void histogram_add(struct histogram *histogram, int64_t duration_us);

/* Adds all that `from` has. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);

/* Returns the milliseconds that `percent` of the durations don't exceed, at most 1/128 above the true value and never
 * above the longest duration; or 0 without durations. At 100 it is exactly the longest. */
double histogram_percentile(const struct histogram *histogram, double percent);

/* Returns the mean in milliseconds, or 0 without durations. */
double histogram_mean(const struct histogram *histogram);
