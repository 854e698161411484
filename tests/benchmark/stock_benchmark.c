/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of stock.lua cost Redis: the mean time of a call, as Redis measures it, for an order of 1000
 * different products (the best of some tries) and for orders of 3. A suite, because the stock's fixture asserts that
 * what it does succeeds; nothing is asserted about the figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "in_coroutine.h"
#include "stock_fixture.h"
#include "suite.h"

static const struct units MANY = {{100000, 100000, 100000}}, ONE = {{1, 1, 1}};

/* Mean time of the function calls since the last reset, in microseconds. */
static double microseconds(void) {
  const char *stats = private_redis_command(stock_redis(), "INFO commandstats");
  const char *calls = strstr(stats, "cmdstat_fcall:");
  const char *mean = calls ? strstr(calls, "usec_per_call=") : NULL;
  private_redis_command(stock_redis(), "CONFIG RESETSTAT");
  return mean ? atof(mean + strlen("usec_per_call=")) : 0;
}

static void report(const char *what, double mean) {
  printf("\n    %-30s %10.1f us", what, mean);
}

enum { BIG_ORDER = 1000, TRIES = 5 };

static double smaller(double a, double b) {
  return a < b ? a : b;
}

static void big_order(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  for (int i = PRODUCTS; i < BIG_ORDER; i++) stock_up(fixture, i, 10);
  double reserving = 1e9, releasing = 1e9;
  for (int i = 1; i <= TRIES; i++) {
    microseconds();
    reserve_of_each(fixture, 1, i, BIG_ORDER);
    reserving = smaller(reserving, microseconds());
    release(fixture, 1, i);
    releasing = smaller(releasing, microseconds());
  }
  report("reserve", reserving);
  report("release", releasing);
  stock_fixture_close(fixture);
}

enum { ORDERS = 1000 };

static void usual_orders(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  const struct event **events = arena_calloc(context->arena, ORDERS, sizeof *events);
  microseconds();
  for (int i = 1; i <= ORDERS; i++) CU_ASSERT(status_is_ok(reserve(fixture, i, i, ONE, later(fixture))));
  report("reserve", microseconds());
  for (int i = 1; i <= ORDERS; i++) events[i - 1] = record(fixture, "order_created", i, i, ONE);
  microseconds();
  CU_ASSERT(status_is_ok(settle(fixture, events, ORDERS)));
  report("settle 100 that were created", microseconds());
  for (int i = 1; i <= ORDERS; i++) events[i - 1] = record(fixture, "order_deleted", i, 0, ONE);
  microseconds();
  CU_ASSERT(status_is_ok(settle(fixture, events, ORDERS)));
  report("settle 100 that were deleted", microseconds());
  stock_fixture_close(fixture);
}

static void measure_big_order(void) {
  in_coroutine(big_order);
}

static void measure_usual_orders(void) {
  in_coroutine(usual_orders);
}

static const struct test tests[] = {
    {"an order of 1000 different products", measure_big_order},
    {"orders of 3 products", measure_usual_orders},
};

int main(int argc, char **argv) {
  return suite_main("stock benchmark", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
