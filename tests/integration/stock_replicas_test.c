/* SPDX-License-Identifier: Apache-2.0 */
/* Three processes that reserve, give back, adjust and settle the same ten products at the same time, without a pause:
 * all are served within their deadlines, and every unit is where it belongs. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "inventory_id.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "patience.h"
#include "stock_fixture.h"
#include "suite.h"

enum { REPLICAS = 3, TEN = 10, CLIENTS = 64, ORDERS = 12 /* of each client */, STOCK = 1000000, PER_ORDER = 3 };
enum { EVENTS = 4, PAGES = 8, FIRST_SETTLED = CLIENTS * ORDERS };

/* ---- what everybody does, by the order's number ----------------------------------------------------------------- */

static int product_of(int order, int i) {
  static const int distances[PER_ORDER] = {0, 3, 7};
  return (order + distances[i]) % TEN;
}

static bool is_given_back(int order) {
  return order % 2 == 1;
}

static bool is_adjusted(int order) {
  return order % 4 == 0;
}

static void assert_ok(struct status status) {
  if (!status_is_ok(status)) fprintf(stderr, "%s: %s\n", status_code_name(status.code), status.message);
  CU_ASSERT(status_is_ok(status));
}

static void reserve_order(struct stock_fixture *fixture, struct context *context, int order) {
  struct arena *arena = context->arena;
  char *products[PER_ORDER];
  for (int i = 0; i < PER_ORDER; i++) products[i] = (char *)product_id(arena, product_of(order, i));
  const struct stock_reservation reservation = {.order_id = order_id(arena, order),
                                                .attempt_id = attempt_id(arena, order),
                                                .product_ids = products,
                                                .product_count = PER_ORDER,
                                                .expire_log_time = later(fixture)};
  struct position position;
  assert_ok(stock_reserve(fixture->stock, context, &reservation, &position));
}

static void adjust_product(struct stock_fixture *fixture, struct context *context, int product) {
  const struct request_record none = {0};
  const struct stock_adjustment adjustment = {
      .inventory_id = inventory_id(context->arena, product_id(context->arena, product)),
      .change = STOCK_ADD,
      .number = 1};
  struct stock_adjusted adjusted;
  assert_ok(stock_adjust(fixture->stock, context, &adjustment, &none, &adjusted));
  CU_ASSERT_EQUAL(adjusted.outcome, STOCK_DONE);
}

/* ---- a replica -------------------------------------------------------------------------------------------------- */

struct replica {
  struct stock_fixture *fixture;
  int busy;
  struct condition idle;
};

struct client {
  struct replica *replica;
  int number;
};

static void serve(void *argument) {
  const struct client *client = argument;
  struct replica *replica = client->replica;
  for (int i = 0; i < ORDERS; i++) {
    struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
    int order = client->number * ORDERS + i;
    reserve_order(replica->fixture, &context, order);
    if (is_adjusted(order)) adjust_product(replica->fixture, &context, product_of(order, 0));
    if (is_given_back(order)) {
      struct position position;
      assert_ok(stock_release(replica->fixture->stock, &context, order_id(context.arena, order),
                              attempt_id(context.arena, order), &position));
    }
    arena_free(context.arena);
  }
  replica->busy--;
  condition_signal_all(&replica->idle);
}

/* The active consumer: each order that it settles keeps one unit of the first product, whatever was reserved for it. */
static void consume(void *argument) {
  struct replica *replica = argument;
  struct stock_fixture fixture = *replica->fixture;
  for (int page = 0; page < PAGES; page++) {
    struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
    const struct event *events[EVENTS];
    fixture.context = &context;
    for (int i = 0; i < EVENTS; i++) {
      int order = FIRST_SETTLED + page * EVENTS + i;
      reserve_order(&fixture, &context, order);
      events[i] = record(&fixture, "order_created", order, order, (struct units){{1, 0, 0}});
    }
    assert_ok(settle(&fixture, events, EVENTS));
    arena_free(context.arena);
  }
  replica->busy--;
  condition_signal_all(&replica->idle);
}

static int replica_number;

static void run_replica(struct context *context) {
  struct replica replica = {.fixture = stock_fixture_join(context)};
  struct client clients[CLIENTS];
  for (int number = replica_number; number < CLIENTS; number += REPLICAS) {
    clients[number] = (struct client){&replica, number};
    replica.busy++;
    CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), serve, &clients[number]));
  }
  if (replica_number == 0) {
    replica.busy++;
    CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), consume, &replica));
  }
  while (replica.busy > 0) condition_wait(&replica.idle, DEADLINE_NEVER);
  stock_fixture_close(replica.fixture);
}

/* ---- the test --------------------------------------------------------------------------------------------------- */

static void prepare(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, (struct units){{STOCK, STOCK, STOCK}});
  for (int product = PRODUCTS; product < TEN; product++) stock_up(fixture, product, STOCK);
  stock_fixture_close(fixture);
}

static void check(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_join(context);
  int64_t reserved[TEN] = {0}, added[TEN] = {0};
  for (int order = 0; order < CLIENTS * ORDERS; order++) {
    for (int i = 0; i < PER_ORDER && !is_given_back(order); i++) reserved[product_of(order, i)]++;
    if (is_adjusted(order)) added[product_of(order, 0)]++;
  }
  reserved[0] += PAGES * EVENTS;
  for (int product = 0; product < TEN; product++) {
    struct figures figures = figures_of(fixture, product);
    CU_ASSERT_EQUAL(figures.reserved, reserved[product]);
    CU_ASSERT_EQUAL(figures.amount, STOCK + added[product] - reserved[product]);
  }
  stock_fixture_close(fixture);
}

static void three_replicas(void) {
  in_coroutine(prepare);
  pid_t replicas[REPLICAS];
  for (replica_number = 0; replica_number < REPLICAS; replica_number++) {
    replicas[replica_number] = fork();
    CU_ASSERT_FATAL(replicas[replica_number] >= 0);
    if (replicas[replica_number] > 0) continue;
    in_coroutine(run_replica);
    _exit(CU_get_number_of_failures() > 0 ? 1 : 0);
  }
  for (int i = 0; i < REPLICAS; i++) {
    int status;
    CU_ASSERT_EQUAL(waitpid(replicas[i], &status, 0), replicas[i]);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  in_coroutine(check);
}

static const struct test tests[] = {
    {"three processes that change the same ten products without a pause are all served", three_replicas},
};

int main(int argc, char **argv) {
  return suite_main("stock replicas", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
