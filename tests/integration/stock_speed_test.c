/* What the functions of stock.lua cost Redis. Figures are printed; the limits are generous, for slow and busy machines:
 * they catch what grows with the square of something. */
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
  return mean ? atof(mean + strlen("usec_per_call=")) : 1e9;
}

static void report(const char *what, double mean, double limit) {
  printf("%s: %.1f us ", what, mean);
  CU_ASSERT(mean < limit);
}

enum { BIG_ORDER = 1000, TRIES = 5 };

static double smaller(double a, double b) {
  return a < b ? a : b;
}

static void big_order(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  char **product_ids = arena_calloc(context->arena, BIG_ORDER, sizeof *product_ids);
  for (int i = 0; i < BIG_ORDER; i++) {
    if (i >= PRODUCTS) stock_up(fixture, i, 10);
    product_ids[i] = (char *)product_id(context->arena, i);
  }
  double reserving = 1e9, releasing = 1e9;
  for (int i = 1; i <= TRIES; i++) {
    struct stock_reservation reservation = {.order_id = order_id(context->arena, 1),
                                            .attempt_id = attempt_id(context->arena, i),
                                            .product_ids = product_ids,
                                            .product_count = BIG_ORDER,
                                            .expire_log_time = later(fixture)};
    struct position position;
    microseconds();
    CU_ASSERT(status_is_ok(stock_reserve(fixture->stock, context, &reservation, &position)));
    reserving = smaller(reserving, microseconds());
    release(fixture, 1, i);
    releasing = smaller(releasing, microseconds());
  }
  report("reserve", reserving, 20000);
  report("release", releasing, 20000);
  stock_fixture_close(fixture);
}

enum { ORDERS = 1000 };

static void usual_orders(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  const struct event **events = arena_calloc(context->arena, ORDERS, sizeof *events);
  microseconds();
  for (int i = 1; i <= ORDERS; i++) CU_ASSERT(status_is_ok(reserve(fixture, i, i, ONE, later(fixture))));
  report("reserve", microseconds(), 500);
  for (int i = 1; i <= ORDERS; i++) events[i - 1] = record(fixture, "order_created", i, i, ONE);
  microseconds();
  CU_ASSERT(status_is_ok(settle(fixture, events, ORDERS)));
  report("settle 100", microseconds(), 10000);
  for (int i = 1; i <= ORDERS; i++) events[i - 1] = record(fixture, "order_deleted", i, 0, ONE);
  microseconds();
  CU_ASSERT(status_is_ok(settle(fixture, events, ORDERS)));
  report("settle 100 deleted", microseconds(), 10000);
  assert_stock(fixture, MANY, (struct units){{0, 0, 0}});
  stock_fixture_close(fixture);
}

static void test_big_order(void) {
  in_coroutine(big_order);
}

static void test_usual_orders(void) {
  in_coroutine(usual_orders);
}

static const struct test tests[] = {
    {"an order of 1000 different products costs Redis milliseconds", test_big_order},
    {"orders of 3 products cost Redis microseconds", test_usual_orders},
};

int main(int argc, char **argv) {
  return suite_main("stock speed", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
