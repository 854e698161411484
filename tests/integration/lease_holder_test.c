/* SPDX-License-Identifier: Apache-2.0 */
/* One active consumer: who holds the lease, who takes it over, and what becomes of the one who lost it unawares. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "consumer/leader.h"
#include "consumer/progress.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "shop_brand.h"
#include "suite.h"
#include "watcher.h"

enum { US_PER_MS = 1000, BACKLOG = 10000 };

static struct private_redis *redis;
static char folder[] = "/tmp/lease_test.XXXXXX"; /* fail points */

static struct watcher_options options(void) {
  return (struct watcher_options){.url = private_redis_url(redis), .lease_ms = 300};
}

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(body);
}

static struct event_store *open_store(struct context *context) {
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "watcher", .redis_url = private_redis_url(redis), .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  while (!event_store_is_ready(store)) coroutine_sleep(2 * US_PER_MS, DEADLINE_NEVER);
  return store;
}

static int64_t acquire(struct leader *leader, struct context *context) {
  CU_ASSERT_TRUE(status_is_ok(leader_acquire(leader, context)));
  return leader->epoch;
}

static void release(struct leader *leader, struct context *context) {
  CU_ASSERT_TRUE(status_is_ok(leader_release(leader, context)));
}

/* ---- the lease itself ------------------------------------------------------------------------------------------- */

static void hand_over(struct context *context) {
  struct event_store *store = open_store(context);
  struct leader first = {.store = store, .holder = "first", .lease_ms = 60000};
  struct leader second = {.store = store, .holder = "second", .lease_ms = 60000};
  int64_t epoch = acquire(&first, context);
  CU_ASSERT(epoch > 0);
  CU_ASSERT_EQUAL(acquire(&first, context), epoch);
  CU_ASSERT_EQUAL(acquire(&second, context), 0);
  release(&second, context);
  CU_ASSERT_EQUAL(acquire(&second, context), 0);
  CU_ASSERT_EQUAL(acquire(&first, context), epoch);
  release(&first, context);
  int64_t next = acquire(&second, context);
  CU_ASSERT(next > epoch);
  CU_ASSERT_EQUAL(acquire(&first, context), 0);
  event_store_close(store);
}

static void test_one_holds_it(void) {
  run(hand_over);
}

static void run_out(struct context *context) {
  struct event_store *store = open_store(context);
  struct leader first = {.store = store, .holder = "first", .lease_ms = 50};
  struct leader second = {.store = store, .holder = "second", .lease_ms = 50};
  int64_t epoch = acquire(&first, context);
  while (acquire(&second, context) == 0) coroutine_sleep(2 * US_PER_MS, DEADLINE_NEVER);
  CU_ASSERT(second.epoch > epoch);
  event_store_close(store);
}

static void test_it_runs_out(void) {
  run(run_out);
}

/* An epoch that came again would let a holder of long ago write. */
static void lose_the_epoch(struct context *context) {
  struct event_store *store = open_store(context);
  struct leader leader = {.store = store, .holder = "first", .lease_ms = 60000};
  int64_t epoch = acquire(&leader, context);
  coroutine_sleep(2 * US_PER_MS, DEADLINE_NEVER);
  private_redis_command(redis, "FLUSHALL");
  CU_ASSERT(acquire(&leader, context) > epoch);
  private_redis_command(redis, "SET watcher_lease_epoch 9000000000000");
  private_redis_command(redis, "DEL watcher_lease");
  CU_ASSERT_EQUAL(acquire(&leader, context), INT64_C(9000000000001));
  event_store_close(store);
}

static void test_epochs_never_come_again(void) {
  run(lose_the_epoch);
}

/* ---- replicas --------------------------------------------------------------------------------------------------- */

static bool has_handled_1000(void *argument) {
  return consumer_progress(((struct watcher *)argument)->consumer)->events == 1000;
}

static void be_two(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher first = watcher_start(context->arena, &watcher_options);
  struct watcher second = watcher_start(context->arena, &watcher_options);
  watcher_append(first.store, context, "customer_created", "a", 0, 1000, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1000));
  uint64_t by_first = consumer_progress(first.consumer)->events, by_second = consumer_progress(second.consumer)->events;
  CU_ASSERT(by_first == 0 || by_second == 0);
  CU_ASSERT_TRUE(consumer_is_ready(first.consumer));
  CU_ASSERT_TRUE(consumer_is_ready(second.consumer));

  struct watcher *active = by_first ? &first : &second, *other = by_first ? &second : &first;
  watcher_stop(active);
  watcher_append(other->store, context, "customer_created", "b", 0, 1000, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2000));
  CU_ASSERT_TRUE(eventually(context, has_handled_1000, other));
  watcher_stop(other);
}

static void test_two_replicas_one_active(void) {
  run(be_two);
}

static bool is_released(void) {
  return private_redis_number(redis, "EXISTS watcher_lease") == 0;
}

static void stop_gracefully(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 60000;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  coroutine_sleep(50 * US_PER_MS, DEADLINE_NEVER);
  watcher_stop(&watcher);
  CU_ASSERT_TRUE(is_released());
}

static void test_stopping_gives_the_lease_back(void) {
  run(stop_gracefully);
}

static bool handler_waits, handler_called;

static struct status wait_in_handler(struct work *work, const struct event *event, const char *name) {
  (void)work, (void)event, (void)name;
  handler_called = true;
  while (handler_waits) coroutine_sleep(2 * US_PER_MS, DEADLINE_NEVER);
  return status_ok();
}

static bool is_called(void *argument) {
  (void)argument;
  return handler_called;
}

static bool has_lost_the_lease(void *argument) {
  return watcher_epoch(argument) == 0;
}

struct stopping {
  struct watcher watcher;
  bool stopped;
};

static void stop(void *argument) {
  struct stopping *stopping = argument;
  watcher_stop(&stopping->watcher);
  stopping->stopped = true;
}

static bool is_stopped(void *argument) {
  return ((struct stopping *)argument)->stopped;
}

/* It has an event in hand, and is no leader any more when the lease becomes free. */
static void lose_the_lease_while_stopping(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.obey = wait_in_handler;
  handler_waits = true;
  handler_called = false;
  struct stopping stopping = {.watcher = watcher_start(context->arena, &watcher_options)};
  watcher_append(stopping.watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(eventually(context, is_called, NULL));
  loop_spawn(coroutine_loop(), stop, &stopping);
  private_redis_command(redis, "SET watcher_lease %s", "another 0");
  CU_ASSERT_TRUE(eventually(context, has_lost_the_lease, &stopping.watcher));
  private_redis_command(redis, "DEL watcher_lease");
  int64_t end_us = clock_monotonic_us() + 2 * watcher_options.lease_ms * US_PER_MS;
  while (clock_monotonic_us() < end_us) {
    CU_ASSERT_TRUE(is_released());
    coroutine_sleep(10 * US_PER_MS, DEADLINE_NEVER);
  }
  handler_waits = false;
  CU_ASSERT_TRUE(eventually(context, is_stopped, &stopping));
}

static void test_stopping_replica_takes_no_lease(void) {
  run(lose_the_lease_while_stopping);
}

/* ---- zombies ---------------------------------------------------------------------------------------------------- */

static void append_backlog(struct context *context) {
  struct event_store *store = open_store(context);
  watcher_append(store, context, "customer_created", "a", 0, BACKLOG, "Ann");
  event_store_close(store);
}

static int64_t effects(void) {
  return private_redis_number(redis, "LLEN watcher_effects");
}

static void await_effects(int64_t min) {
  int64_t end_us = patience_end_us();
  while (effects() < min && clock_monotonic_us() < end_us) usleep(500);
}

/* Stopped in the middle of its work, as by a long pause of its machine; what it has sent may still be on the way. That
 * it is awake again shows when its successor has ended: it takes over. */
static void test_stopped_holder_writes_nothing_when_it_wakes(void) {
  private_redis_command(redis, "FLUSHALL");
  struct watcher_options watcher_options = options();
  for (int i = 0; i < 5; i++) {
    in_coroutine(append_backlog);
    pid_t zombie = watcher_fork(&watcher_options, NULL);
    await_effects(i * 2 * BACKLOG + 500);
    kill(zombie, SIGSTOP);
    CU_ASSERT(effects() < i * 2 * BACKLOG + BACKLOG);
    pid_t successor = watcher_fork(&watcher_options, NULL);
    CU_ASSERT_TRUE(watcher_process_handles(redis, i * 2 * BACKLOG + BACKLOG));
    kill(zombie, SIGCONT);
    watcher_end(successor, SIGTERM);
    in_coroutine(append_backlog);
    CU_ASSERT_TRUE(watcher_process_handles(redis, i * 2 * BACKLOG + 2 * BACKLOG));
    watcher_end(zombie, SIGTERM);
  }
}

#ifdef FAIL_POINTS

static void arm(const char *point, const char *action) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, point);
  FILE *file = fopen(path, "w");
  fputs(action, file);
  fclose(file);
}

static void await_hit(const char *point) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s.hit", folder, point);
  while (access(path, F_OK) != 0) usleep(1000);
}

static void go_on(const char *point) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s.hit", folder, point);
  unlink(path);
}

/* It holds a page that it has handled when it is stopped; only its commit is missing. */
static void test_page_of_a_lost_lease_is_refused(void) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(append_backlog);
  struct watcher_options watcher_options = options();
  arm("consumer.before_commit", "pause");
  pid_t zombie = watcher_fork(&watcher_options, NULL);
  await_hit("consumer.before_commit");
  kill(zombie, SIGSTOP);
  pid_t successor = watcher_fork(&watcher_options, NULL);
  CU_ASSERT_TRUE(watcher_process_handles(redis, BACKLOG));
  go_on("consumer.before_commit");
  kill(zombie, SIGCONT);
  /* It says so by standing by: when the successor ends, it takes over and finds nothing left. */
  watcher_end(successor, SIGTERM);
  const char *lease = NULL;
  int64_t end_us = patience_end_us();
  while (!lease && clock_monotonic_us() < end_us) lease = private_redis_command(redis, "GET watcher_lease");
  CU_ASSERT_PTR_NOT_NULL(lease);
  watcher_end(zombie, SIGTERM);
  CU_ASSERT_EQUAL(effects(), BACKLOG);
}

static void lose_answer_at(const char *point, int times) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(append_backlog);
  struct watcher_options watcher_options = options();
  arm(point, "error");
  pid_t process = watcher_fork(&watcher_options, NULL);
  for (int i = 1; i < times; i++) {
    await_hit(point);
    go_on(point);
    arm(point, "error");
  }
  await_hit(point);
  go_on(point);
  CU_ASSERT_TRUE(watcher_process_handles(redis, BACKLOG));
  watcher_end(process, SIGTERM);
  CU_ASSERT_EQUAL(effects(), BACKLOG);
}

static void test_lost_answer_of_a_commit_repeats_nothing(void) {
  lose_answer_at("consumer.after_commit", 5);
  lose_answer_at("consumer.before_commit", 3);
  lose_answer_at("consumer.after_read", 3);
}

static void test_killed_around_a_commit_repeats_nothing(void) {
  static const char *const points[] = {"consumer.after_read", "consumer.before_commit", "consumer.after_commit"};
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(append_backlog);
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 100;
  for (int i = 0; i < 9; i++) {
    arm(points[i % 3], "kill");
    pid_t process = watcher_fork(&watcher_options, NULL);
    watcher_end(process, 0);
    go_on(points[i % 3]);
  }
  CU_ASSERT(effects() < BACKLOG);
  pid_t process = watcher_fork(&watcher_options, NULL);
  CU_ASSERT_TRUE(watcher_process_handles(redis, BACKLOG));
  watcher_end(process, SIGTERM);
  CU_ASSERT_EQUAL(effects(), BACKLOG);
}

#endif

static int set_up(void) {
  if (!mkdtemp(folder)) return 1;
  setenv("FAIL_POINT_DIR", folder, 1);
  redis = private_redis_start(&(struct private_redis_options){.persistent = true});
  return 0;
}

static int tear_down(void) {
  private_redis_free(redis);
  rmdir(folder);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"one holds the lease, and it can be handed over", test_one_holds_it},
      {"a lease that is not renewed runs out", test_it_runs_out},
      {"epochs never come again", test_epochs_never_come_again},
      {"of two replicas one is active, the other takes over", test_two_replicas_one_active},
      {"stopping gives the lease back at once", test_stopping_gives_the_lease_back},
      {"a replica that stops does not take the lease again", test_stopping_replica_takes_no_lease},
      {"a holder that was stopped writes nothing when it wakes", test_stopped_holder_writes_nothing_when_it_wakes},
#ifdef FAIL_POINTS
      {"the page of a lost lease is refused", test_page_of_a_lost_lease_is_refused},
      {"a lost answer of a commit repeats nothing", test_lost_answer_of_a_commit_repeats_nothing},
      {"a kill around a commit repeats nothing", test_killed_around_a_commit_repeats_nothing},
#endif
  };
  return suite_main("lease", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
