/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/keyed_lock.h"

#include "base/clock.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "suite.h"

enum { WORKERS = 6, SECOND_US = 1000000 };

static struct keyed_locks locks;
static struct loop *loop;

struct worker {
  const char *key;
  int64_t deadline_us;
  bool acquired;
  int place; /* in the order in which the locks were acquired */
};

static struct worker workers[WORKERS];
static int at_work[2], max_at_work[2]; /* by key */
static int acquired, ended;
static struct condition finish;

static int kind_of(const struct worker *worker) {
  return *worker->key == 'a' ? 0 : 1;
}

/* Yields inside the lock, so that the others come meanwhile. */
static void work(void *argument) {
  struct worker *worker = argument;
  struct keyed_lock_holder holder;
  worker->acquired = keyed_lock_acquire(&locks, &holder, worker->key, worker->deadline_us);
  if (worker->acquired) {
    int kind = kind_of(worker);
    worker->place = acquired++;
    if (++at_work[kind] > max_at_work[kind]) max_at_work[kind] = at_work[kind];
    coroutine_sleep(2000, INT64_MAX);
    at_work[kind]--;
    keyed_lock_release(&locks, &holder);
  }
  ended++;
  condition_signal_all(&finish);
}

static void supervise(void *argument) {
  (void)argument;
  while (ended < WORKERS) condition_wait(&finish, INT64_MAX);
  loop_stop(loop);
}

static void run_workers(void) {
  acquired = ended = 0;
  at_work[0] = at_work[1] = max_at_work[0] = max_at_work[1] = 0;
  loop = loop_new(NULL);
  for (int i = 0; i < WORKERS; i++) loop_spawn(loop, work, &workers[i]);
  loop_spawn(loop, supervise, NULL);
  loop_run(loop);
  loop_free(loop);
}

static void holders_of_one_key_work_one_after_another_in_the_order_they_came(void) {
  for (int i = 0; i < WORKERS; i++) workers[i] = (struct worker){.key = "a", .deadline_us = INT64_MAX};
  run_workers();
  CU_ASSERT_EQUAL(max_at_work[0], 1);
  for (int i = 0; i < WORKERS; i++) CU_ASSERT_EQUAL(workers[i].place, i);
}

static void holders_of_different_keys_work_at_once(void) {
  for (int i = 0; i < WORKERS; i++) workers[i] = (struct worker){.key = i % 2 ? "b" : "a", .deadline_us = INT64_MAX};
  run_workers();
  CU_ASSERT_EQUAL(max_at_work[0], 1);
  CU_ASSERT_EQUAL(max_at_work[1], 1);
  CU_ASSERT_EQUAL(workers[0].place, 0);
  CU_ASSERT_EQUAL(workers[1].place, 1);
}

static void who_waits_beyond_his_deadline_leaves_without_the_lock_and_holds_nobody_up(void) {
  int64_t now = clock_monotonic_us();
  for (int i = 0; i < WORKERS; i++) workers[i] = (struct worker){.key = "a", .deadline_us = INT64_MAX};
  workers[2].deadline_us = now - SECOND_US;
  workers[WORKERS - 1].deadline_us = now - SECOND_US;
  run_workers();
  for (int i = 0; i < WORKERS; i++) CU_ASSERT_EQUAL(workers[i].acquired, i != 2 && i != WORKERS - 1);
  CU_ASSERT_EQUAL(acquired, WORKERS - 2);
}

static void a_free_lock_is_acquired_even_when_the_deadline_is_over(void) {
  for (int i = 0; i < WORKERS; i++) workers[i] = (struct worker){.key = "a", .deadline_us = INT64_MAX};
  workers[0].deadline_us = clock_monotonic_us() - SECOND_US;
  run_workers();
  CU_ASSERT_EQUAL(acquired, WORKERS);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"holders of one key work one after another, in the order they came",
       holders_of_one_key_work_one_after_another_in_the_order_they_came},
      {"holders of different keys work at once", holders_of_different_keys_work_at_once},
      {"who waits beyond his deadline leaves without the lock and holds nobody up",
       who_waits_beyond_his_deadline_leaves_without_the_lock_and_holds_nobody_up},
      {"a free lock is acquired even when the deadline is over",
       a_free_lock_is_acquired_even_when_the_deadline_is_over},
  };
  return suite_main("keyed lock", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
