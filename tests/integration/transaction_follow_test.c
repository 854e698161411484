/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction follows that happened in other Redises' logs: its events are later, and so is what comes after it.
 * Against a real Redis. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "private_redis.h"
#include "private_store.h"
#include "store/event.h"
#include "store/log_clock.h"
#include "store/positions.h"
#include "store/transaction.h"
#include "suite.h"

static const int64_t SECOND_US = 1000 * 1000, HOUR_US = INT64_C(3600) * 1000 * 1000;

static struct private_redis *server;

static int64_t clock_now(void) {
  long long ms = 0, us = 0;
  const char *text = private_redis_command(server, "GET ordershop_clock");
  CU_ASSERT_EQUAL(sscanf(text ? text : "", "%lld-%lld", &ms, &us), 2);
  return ms * 1000 + us;
}

static struct event_store *open_store(struct context *context, bool follows_others) {
  struct event_store *store = private_store_open(context, server, "tester");
  struct position now;
  CU_ASSERT_TRUE(status_is_ok(clock_tick(store, context, &now)));
  store->follows_others = follows_others;
  return store;
}

/* Returns the log time of its event; 0 if it has none. */
static int64_t run(struct event_store *store, struct context *context, bool appends, int64_t log_time) {
  struct transaction transaction = transaction_of(store, context->arena);
  transaction_set_value(&transaction, "tester_value", "x");
  if (appends) event_append(&transaction, "thing_created", "x", 1, NULL, NULL);
  if (log_time) transaction_follow(&transaction, log_time);
  struct transaction_result result = {0};
  CU_ASSERT_TRUE(status_is_ok(transaction_run(&transaction, context, &result)));
  CU_ASSERT_EQUAL(result.outcome, TRANSACTION_DONE);
  return result.first;
}

static void follow_without_events(struct context *context) {
  struct event_store *store = open_store(context, true);
  int64_t ahead = clock_wall_us() + HOUR_US;
  CU_ASSERT_EQUAL(run(store, context, false, ahead), 0);
  CU_ASSERT_EQUAL(clock_now(), ahead);
  CU_ASSERT_EQUAL(run(store, context, false, ahead - 1), 0);
  CU_ASSERT_EQUAL(clock_now(), ahead);
  CU_ASSERT_EQUAL(run(store, context, true, 0), ahead + 1);
  CU_ASSERT_EQUAL(run(store, context, true, ahead + HOUR_US), ahead + HOUR_US + 1);
  event_store_close(store);
}

static void test_what_follows_moves_the_clock(void) {
  in_coroutine(follow_without_events);
}

static void leave_the_clock(struct context *context) {
  struct event_store *store = open_store(context, false);
  int64_t before = clock_now();
  run(store, context, false, clock_wall_us() + HOUR_US);
  CU_ASSERT_EQUAL(clock_now(), before);
  event_store_close(store);
}

static void test_one_redis_is_left_alone(void) {
  in_coroutine(leave_the_clock);
}

/* The part of a log, in text. */
static const char *part(struct context *context, const char *log, int64_t log_time) {
  struct positions positions = {.count = 0};
  positions_advance(&positions, log, &(struct position){.epoch = "0123456789abcdef", .log_time = log_time});
  return positions_text(context->arena, &positions);
}

static void follow_the_caller(struct context *context) {
  struct event_store *store = open_store(context, false);
  int64_t ahead = clock_wall_us() + 5 * SECOND_US;
  context->after = part(context, "", ahead);
  CU_ASSERT(run(store, context, true, 0) < ahead);
  context->after = part(context, "elsewhere", ahead);
  CU_ASSERT_EQUAL(run(store, context, true, 0), ahead + 1);
  context->after = "nonsense";
  CU_ASSERT(run(store, context, true, 0) > ahead);
  event_store_close(store);
}

static void test_callers_other_logs_come_before(void) {
  in_coroutine(follow_the_caller);
}

static void bound_the_caller(struct context *context) {
  struct event_store *store = open_store(context, true);
  for (int i = 0; i < 20; i++) {
    context->after = part(context, "elsewhere", clock_wall_us() + HOUR_US);
    CU_ASSERT(run(store, context, i % 2 == 0, 0) < clock_wall_us() + 11 * SECOND_US);
  }
  CU_ASSERT(clock_now() < clock_wall_us() + 11 * SECOND_US);
  event_store_close(store);
}

static void test_garbage_moves_the_clock_by_seconds(void) {
  in_coroutine(bound_the_caller);
}

static void follow_peers(struct context *context) {
  struct event_store *store = open_store(context, false);
  int64_t heard = clock_wall_us() + 5 * SECOND_US;
  context->heard = &heard;
  CU_ASSERT_EQUAL(run(store, context, true, 0), heard + 1);
  event_store_close(store);
}

static void test_what_peers_told_comes_before(void) {
  in_coroutine(follow_peers);
}

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what follows something elsewhere moves the clock there, with events or without",
       test_what_follows_moves_the_clock},
      {"where no other Redis is followed the clock is left alone", test_one_redis_is_left_alone},
      {"what the caller has seen of other logs comes before its command", test_callers_other_logs_come_before},
      {"a position from the future moves the clock by some seconds at most, however often",
       test_garbage_moves_the_clock_by_seconds},
      {"what peers have told of their logs comes before what is done then", test_what_peers_told_comes_before},
  };
  return suite_main("transactions, other logs", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
