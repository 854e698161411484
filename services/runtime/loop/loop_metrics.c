/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop_metrics.h"

#include "base/metrics.h"

static const struct metric living = {.name = "coroutines",
                                     .help = "Coroutines that live: calls, events and what goes on for ever.",
                                     .kind = METRIC_GAUGE};
static const struct metric most = {
    .name = "coroutines_peak", .help = "Most coroutines at once since the start.", .kind = METRIC_GAUGE};
static const struct metric stacks = {.name = "coroutine_stacks",
                                     .help = "Stacks of coroutines that live, and those that are kept for others.",
                                     .kind = METRIC_GAUGE};

static void collect(void *loop) {
  struct loop_figures figures = loop_figures(loop);
  *metric_gauge(&living, NULL) = (int64_t)figures.coroutines;
  *metric_gauge(&most, NULL) = (int64_t)figures.coroutines_max;
  *metric_gauge(&stacks, NULL) = (int64_t)figures.stacks;
}

void loop_metrics_declare(struct loop *loop) {
  metrics_collect(collect, loop);
}
