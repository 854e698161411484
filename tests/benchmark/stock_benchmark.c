/* SPDX-License-Identifier: Apache-2.0 */
/* What changes of the stock cost: Redis, as the mean time of a function call, for an order of 1000 different products
 * (the best of some tries) and for orders of 3; Redis and this process, as CPU of an order, where 64 reserve at once. A
 * suite, because the stock's fixture asserts that what it does succeeds; nothing is asserted about the figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_time.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "patience.h"
#include "stock_fixture.h"
#include "suite.h"

static const struct units MANY = {{100000, 100000, 100000}}, ONE = {{1, 1, 1}};

/* Mean time of the function calls since the last reset, in microseconds. */
static double microseconds(void) {
  const char *stats = private_redis_command(stock_redis(), "INFO commandstats");
  const char *calls = strstr(stats, "cmdstat_fcall:");
  const char *mean = calls ? strstr(calls, "usec_per_call=") : NULL;
  double result = mean ? atof(mean + strlen("usec_per_call=")) : 0;
  private_redis_command(stock_redis(), "CONFIG RESETSTAT");
  return result;
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

/* ---- 64 at once ------------------------------------------------------------------------------------------------- */

enum { CLIENTS = 64, CLIENT_ORDERS = 100, HOT_ORDERS = CLIENTS * CLIENT_ORDERS, HOT_PRODUCTS = 10, PER_ORDER = 3 };

static struct stock_fixture *hot;
static int clients_left;
static struct condition clients_idle;

static void reserve_hot_order(struct context *context, int order) {
  char *products[PER_ORDER];
  for (int i = 0; i < PER_ORDER; i++) products[i] = (char *)product_id(context->arena, (order + 3 * i) % HOT_PRODUCTS);
  const struct stock_reservation reservation = {.order_id = order_id(context->arena, order),
                                                .attempt_id = attempt_id(context->arena, order),
                                                .product_ids = products,
                                                .product_count = PER_ORDER,
                                                .expire_log_time = later(hot)};
  struct position position;
  CU_ASSERT(status_is_ok(stock_reserve(hot->stock, context, &reservation, &position)));
}

static void run_client(void *argument) {
  int first = *(int *)argument;
  for (int i = 0; i < CLIENT_ORDERS; i++) {
    struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
    reserve_hot_order(&context, first + i);
    arena_free(context.arena);
  }
  clients_left--;
  condition_signal_all(&clients_idle);
}

static void hot_orders(struct context *context) {
  hot = stock_fixture_open(context, MANY);
  for (int i = PRODUCTS; i < HOT_PRODUCTS; i++) stock_up(hot, i, 100000);
  int firsts[CLIENTS];
  double own = own_cpu_us(), redis = server_cpu_us(stock_redis());
  clients_left = CLIENTS;
  for (int i = 0; i < CLIENTS; i++) {
    firsts[i] = i * CLIENT_ORDERS;
    loop_spawn(coroutine_loop(), run_client, &firsts[i]);
  }
  while (clients_left > 0) condition_wait(&clients_idle, DEADLINE_NEVER);
  report("reserve, CPU of this process", (own_cpu_us() - own) / HOT_ORDERS);
  report("reserve, CPU of Redis", (server_cpu_us(stock_redis()) - redis) / HOT_ORDERS);
  stock_fixture_close(hot);
}

static void measure_hot_orders(void) {
  in_coroutine(hot_orders);
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
    {"orders of 3 of 10 products, 64 at once", measure_hot_orders},
};

int main(int argc, char **argv) {
  return suite_main("stock benchmark", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
