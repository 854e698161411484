/* SPDX-License-Identifier: Apache-2.0 */
/* What counting costs, in nanoseconds of CPU time: all that a GetCustomer counts (a call, and a command to Redis), and
 * one call to a peer; and what it costs to render as many metrics as a service has. Not a test: it prints, it judges
 * nothing. */
#include <stdio.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "cpu_time.h"
#include "redis/redis_metrics.h"
#include "rpc/call_metrics.h"

enum { CALLS = 10 * 1000 * 1000, RENDERINGS = 500, METHODS = 20 };

static void count_call(const struct call_metrics *metrics, int64_t began_us, int64_t i) {
  (*metrics->started)++;
  call_metrics_end(metrics, i % 100 == 0 ? 5 : 0, clock_monotonic_us() - began_us + i % 20000);
}

static void count_command(const struct redis_metrics *metrics, bool *spoke, int64_t i) {
  (*metrics->pending)++;
  (*metrics->commands)++;
  *spoke = true;
  *metrics->round_trips += *spoke;
  *spoke = false;
  metric_observe(metrics->seconds, i % 3000);
  (*metrics->pending)--;
}

static void report(const char *what, double began_us, int64_t count) {
  printf("%-40s %8.1f ns\n", what, (own_cpu_us() - began_us) * 1000 / (double)count);
}

static void measure_counting(const struct call_metrics *call, const struct redis_metrics *redis) {
  bool spoke = false;
  int64_t now_us = clock_monotonic_us();
  double began_us = own_cpu_us();
  for (int64_t i = 0; i < CALLS; i++) {
    count_call(call, now_us, i);
    count_command(redis, &spoke, i);
  }
  report("a GetCustomer: its call and its command", began_us, CALLS);
  began_us = own_cpu_us();
  for (int64_t i = 0; i < CALLS; i++) count_call(call, now_us, i);
  report("a call, of a server or a client", began_us, CALLS);
}

static void measure_rendering(void) {
  double began_us = own_cpu_us();
  for (int i = 0; i < RENDERINGS; i++) {
    struct arena *arena = arena_new();
    size_t size;
    metrics_render(arena, "coupon", &size);
    arena_free(arena);
  }
  report("rendering the metrics of 20 methods", began_us, RENDERINGS);
}

int main(void) {
  static const char *const names[METHODS] = {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J",
                                             "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"};
  struct call_metrics call = {0};
  for (int i = 0; i < METHODS; i++)
    call = call_metrics_of(CALL_OF_SERVER, "unary", "coupon.v1.CouponService", names[i]);
  struct redis_metrics redis = redis_metrics_of("commands");
  measure_counting(&call, &redis);
  measure_rendering();
  return 0;
}
