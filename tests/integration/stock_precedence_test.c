/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the stock that other processes would keep from being committed. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "patience.h"
#include "stock_fixture.h"
#include "suite.h"

enum { STOCK = 1000000, CLIENTS = 32, ONE_EACH = 3, BIG = 1000 };
static const struct units MANY = {{STOCK, STOCK, STOCK}}, ONE = {{1, 0, 0}};

static const char *precedence_key(struct stock_fixture *fixture) {
  return redis_key(fixture->store->commands, fixture->context->arena, "inventory_precedence");
}

/* ---- giving way ------------------------------------------------------------------------------------------------- */

struct waiter {
  struct stock_fixture *fixture;
  struct context context;
  struct status status;
  bool ended;
};

static void reserve_one(void *argument) {
  struct waiter *waiter = argument;
  struct stock_fixture fixture = *waiter->fixture;
  fixture.context = &waiter->context;
  waiter->status = reserve(&fixture, 1, 1, ONE, later(&fixture));
  waiter->ended = true;
}

static void start(struct waiter *waiter, struct stock_fixture *fixture, int64_t deadline_us) {
  *waiter = (struct waiter){.fixture = fixture, .context = {.arena = arena_new(), .deadline_us = deadline_us}};
  CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), reserve_one, waiter));
}

static void join(struct waiter *waiter) {
  while (!waiter->ended) coroutine_sleep(1000, DEADLINE_NEVER);
}

static void a_process_gives_way(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  private_redis_command(stock_redis(), "SET %s another", precedence_key(fixture));
  struct waiter waiter, late;
  start(&waiter, fixture, patience_end_us());
  start(&late, fixture, clock_monotonic_us() + 100000);
  join(&late);
  CU_ASSERT_EQUAL(late.status.code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT_FALSE(waiter.ended);
  CU_ASSERT_EQUAL(figures_of(fixture, 0).reserved, 0);
  private_redis_command(stock_redis(), "DEL %s", precedence_key(fixture));
  join(&waiter);
  CU_ASSERT(status_is_ok(waiter.status));
  CU_ASSERT_EQUAL(figures_of(fixture, 0).reserved, 1);
  arena_free(waiter.context.arena);
  arena_free(late.context.arena);
  stock_fixture_close(fixture);
}

/* ---- insisting -------------------------------------------------------------------------------------------------- */

static struct stock_fixture *hot;

static void reserve_without_a_break(void *argument) {
  int first = *(int *)argument;
  for (int order = first;; order++) {
    struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
    struct stock_fixture fixture = *hot;
    fixture.context = &context;
    if (!status_is_ok(reserve(&fixture, order, order, (struct units){{1, 1, 1}}, later(&fixture)))) break;
    arena_free(context.arena);
  }
}

/* Until the process is killed. */
static void keep_busy(struct context *context) {
  hot = stock_fixture_join(context);
  int firsts[CLIENTS];
  for (int i = 0; i < CLIENTS; i++) {
    firsts[i] = (i + 1) * 1000000;
    loop_spawn(coroutine_loop(), reserve_without_a_break, &firsts[i]);
  }
  struct condition never = {0};
  condition_wait(&never, DEADLINE_NEVER);
}

static void prepare(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  for (int product = PRODUCTS; product < BIG; product++) stock_up(fixture, product, STOCK);
  stock_fixture_close(fixture);
}

static void reserve_and_release(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_join(context);
  const char *changes = event_stream_key(fixture->store, context->arena, "inventory_updated");
  while (private_redis_number(stock_redis(), "XLEN %s", changes) == 0) coroutine_sleep(1000, DEADLINE_NEVER);
  for (int i = 1; i <= 3; i++) {
    context->deadline_us = patience_end_us();
    reserve_of_each(fixture, i, i, BIG);
    release(fixture, i, i);
  }
  CU_ASSERT_EQUAL(figures_of(fixture, BIG - 1).reserved, 0);
  const char *first = private_redis_command(stock_redis(), "GET %s", precedence_key(fixture));
  CU_ASSERT_PTR_NULL(first);
  stock_fixture_close(fixture);
}

static void a_big_change_gets_on(void) {
  in_coroutine(prepare);
  pid_t busy = fork();
  CU_ASSERT_FATAL(busy >= 0);
  if (busy == 0) {
    in_coroutine(keep_busy);
    _exit(0);
  }
  in_coroutine(reserve_and_release);
  kill(busy, SIGKILL);
  waitpid(busy, NULL, 0);
}

static void test_a_process_gives_way(void) {
  in_coroutine(a_process_gives_way);
}

static const struct test tests[] = {
    {"a process begins nothing while another one goes first", test_a_process_gives_way},
    {"a change of 1,000 products gets on beside another process that changes some of them without a break",
     a_big_change_gets_on},
};

int main(int argc, char **argv) {
  return suite_main("stock precedence", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
