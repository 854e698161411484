/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of this process, for Prometheus: a metric is declared once, where what it counts happens; its values are
 * plain numbers, which cost an increment.
 *
 *   static const struct metric redeemed = {
 *       .name = "coupons_redeemed_total", .help = "Coupons that were redeemed.", .kind = METRIC_COUNTER, .labels =
 * {"shop"}}; uint64_t *in_town = metric_counter(&redeemed, (const char *const[]){"town"}); // once, at the start
 *   ...
 *   (*in_town)++;
 *
 * Names and units are by Prometheus' conventions: base units (seconds, bytes), `_total` behind a counter's. The brand's
 * name is put before a metric's, unless programs of all brands share it (grpc_*, process_*). Label values come from
 * the program, never from a caller, so that their number is bounded.
 *
 * Asking for a value with the same labels again gives the same one. Values live as long as the process, and are changed
 * by the loop's thread alone, which renders them, too. A metric may be asked for its values on any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define METRIC_LABELS 4
#define METRIC_BOUNDS 16

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Lives as long as the process. */
struct metric {
  const char *name; /* a-z, 0-9 and _ */
  const char *help; /* a sentence */
  enum metric_kind kind;
  bool is_shared; /* its name has no brand */
  /* What one unit of the value is: 1e-6 where microseconds are counted, and the name says seconds. 0 means 1. */
  double unit;
  const char *labels[METRIC_LABELS + 1]; /* their names; NULL ends the list */
  /* Of a histogram: the highest value of each bucket, ascending, in units; 0 ends the list. One more bucket has the
   * rest. */
  int64_t bounds[METRIC_BOUNDS + 1];
};

/* Prometheus' default buckets, 5 ms to 10 s, for values in microseconds (`.unit = 1e-6`). */
#define METRIC_SECONDS_BOUNDS \
  { 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000 }

/* Of a gauge whose value is not known: told as NaN. */
#define METRIC_UNKNOWN INT64_MIN

struct metric_histogram {
  const int64_t *bounds; /* the metric's */
  uint64_t sum;
  uint64_t counts[METRIC_BOUNDS + 1]; /* of each bucket alone */
};

/* Return the value for these values of the labels, which are copied: as many as the metric has. NULL means none. */
uint64_t *metric_counter(const struct metric *metric, const char *const *values);
int64_t *metric_gauge(const struct metric *metric, const char *const *values);
struct metric_histogram *metric_histogram(const struct metric *metric, const char *const *values);

/* Returns an array of counters, one for each value of the metric's last label; `values` are those of the labels before
 * it. */
uint64_t *metric_counters(const struct metric *metric, const char *const *values, const char *const *last,
                          size_t count);

/* Counts a value, which is not negative. */
static inline void metric_observe(struct metric_histogram *histogram, int64_t value) {
  size_t bucket = 0;
  while (histogram->bounds[bucket] && value > histogram->bounds[bucket]) bucket++;
  histogram->counts[bucket]++;
  histogram->sum += (uint64_t)value;
}

/* `collect` is called before metrics are rendered, by the thread that does so: it sets gauges whose values are not at
 * hand when they change. */
void metrics_collect(void (*collect)(void *argument), void *argument);

/* The content type of what metrics_render returns. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Returns all metrics in Prometheus' text format, by name, in the arena. `brand` is the brand's name. */
const char *metrics_render(struct arena *arena, const char *brand, size_t *ret_size);
