/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/context.h"
#include "loop/coroutine.h"
#include "suite.h"

static struct loop *loop;

static int64_t in_ms(int64_t ms) {
  return clock_monotonic_us() + ms * 1000;
}

static void begin(void) {
  loop = loop_new(NULL);
}

static void run_to_end(void) {
  loop_run(loop);
  loop_free(loop);
}

/* ---- tasks of other threads ------------------------------------------------------------------------------------- */

enum { POSTERS = 3, TASKS_EACH = 20000 };

struct numbered_task {
  struct loop_task task;
  int poster, number;
};

static struct numbered_task tasks[POSTERS][TASKS_EACH];
static int next_number[POSTERS];
static int out_of_order, ran;

static void run_numbered(struct loop_task *task) {
  struct numbered_task *numbered = (struct numbered_task *)task;
  out_of_order += numbered->number != next_number[numbered->poster]++;
  CU_ASSERT_PTR_NULL(coroutine_self());
  memset(numbered, 0xFF, sizeof(*numbered)); /* the loop must not touch it any more */
  if (++ran == POSTERS * TASKS_EACH) loop_stop(loop);
}

static void *post_many(void *argument) {
  int poster = *(int *)argument;
  for (int i = 0; i < TASKS_EACH; i++) {
    tasks[poster][i] = (struct numbered_task){.task.run = run_numbered, .poster = poster, .number = i};
    loop_post(loop, &tasks[poster][i].task);
    if (i % 1000 == 0) usleep(100); /* lets the loop fall asleep in between */
  }
  return NULL;
}

static void test_post_order(void) {
  begin();
  pthread_t threads[POSTERS];
  int numbers[POSTERS];
  for (int i = 0; i < POSTERS; i++) {
    numbers[i] = i;
    pthread_create(&threads[i], NULL, post_many, &numbers[i]);
  }
  loop_run(loop);
  for (int i = 0; i < POSTERS; i++) pthread_join(threads[i], NULL);
  loop_free(loop);
  CU_ASSERT_EQUAL(ran, POSTERS * TASKS_EACH);
  CU_ASSERT_EQUAL(out_of_order, 0);
}

/* Tasks one at a time, each posted when the one before has run: a wakeup that gets lost would hang. */
static pthread_mutex_t baton = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t passed = PTHREAD_COND_INITIALIZER;
static int rounds;

static void run_round(struct loop_task *task) {
  (void)task;
  pthread_mutex_lock(&baton);
  rounds++;
  pthread_cond_signal(&passed);
  pthread_mutex_unlock(&baton);
}

static void run_stop(struct loop_task *task) {
  (void)task;
  loop_stop(loop);
}

static void *post_rounds(void *argument) {
  struct loop_task task = {.run = run_round};
  for (int i = 0; i < 5000; i++) {
    pthread_mutex_lock(&baton);
    loop_post(loop, &task);
    while (rounds == i) pthread_cond_wait(&passed, &baton);
    pthread_mutex_unlock(&baton);
  }
  static struct loop_task stop = {.run = run_stop};
  loop_post(loop, &stop);
  return argument;
}

static void test_post_wakes(void) {
  begin();
  pthread_t thread;
  pthread_create(&thread, NULL, post_rounds, NULL);
  loop_run(loop);
  pthread_join(thread, NULL);
  loop_free(loop);
  CU_ASSERT_EQUAL(rounds, 5000);
}

static void run_spawn(struct loop_task *task);
static struct loop_task spawning = {.run = run_spawn}, stopping = {.run = run_stop};

static void spawned_by_task(void *argument) {
  (void)argument;
  loop_post(loop, &stopping);
}

static void run_spawn(struct loop_task *task) {
  (void)task;
  CU_ASSERT(loop_spawn(loop, spawned_by_task, NULL));
}

static void test_post_spawns(void) {
  begin();
  loop_post(loop, &spawning);
  run_to_end();
}

/* ---- flushes ---------------------------------------------------------------------------------------------------- */

static char trail[64];

static void note(const char *what) {
  strncat(trail, what, sizeof(trail) - strlen(trail) - 1);
}

static void flush_noted(struct loop_flush *flush) {
  (void)flush;
  note("f");
}

static struct coroutine *other;

static void step_one(void *argument) {
  (void)argument;
  other = coroutine_self();
  note("1");
  coroutine_yield();
  note("3");
  coroutine_sleep(1000, DEADLINE_NEVER);
  note("4");
  loop_stop(loop);
}

static void step_two(void *argument) {
  (void)argument;
  note("2");
  coroutine_wake(other);
}

static void test_flush(void) {
  begin();
  trail[0] = '\0';
  struct loop_flush flush = {.run = flush_noted};
  loop_flush_add(loop, &flush);
  loop_spawn(loop, step_one, NULL);
  loop_spawn(loop, step_two, NULL);
  loop_run(loop);
  loop_flush_remove(loop, &flush);
  loop_free(loop);
  /* One flush for all that ran in the first turn; idle turns may flush too. */
  CU_ASSERT_EQUAL(strncmp(trail, "123f", 4), 0);
  size_t size = strlen(trail);
  CU_ASSERT_EQUAL(strcmp(trail + size - 2, "4f"), 0);
}

/* libuv's own timers run right before it sleeps: what they buffer must be flushed all the same. */
static bool buffered, flushed;

static void buffer_something(uv_timer_t *timer) {
  (void)timer;
  buffered = true;
}

static void flush_buffered(struct loop_flush *flush) {
  (void)flush;
  if (buffered) flushed = true;
}

static void wait_for_flush(void *argument) {
  uv_timer_t *timer = argument;
  uv_timer_start(timer, buffer_something, 5, 0);
  coroutine_sleep(500 * 1000, DEADLINE_NEVER);
  CU_ASSERT(flushed);
  uv_close((uv_handle_t *)timer, NULL);
  loop_stop(loop);
}

static void check_flushed(uv_check_t *check) {
  /* After the first poll that follows the timer, the flush must have been. */
  if (buffered && !flushed) *(int *)check->data += 1;
}

static void test_flush_after_timer(void) {
  begin();
  struct loop_flush flush = {.run = flush_buffered};
  loop_flush_add(loop, &flush);
  uv_timer_t timer;
  uv_check_t check;
  int polls_before_flush = 0;
  uv_timer_init(loop_uv(loop), &timer);
  uv_check_init(loop_uv(loop), &check);
  check.data = &polls_before_flush;
  uv_check_start(&check, check_flushed);
  loop_spawn(loop, wait_for_flush, &timer);
  loop_run(loop);
  uv_close((uv_handle_t *)&check, NULL);
  loop_flush_remove(loop, &flush);
  loop_free(loop);
  /* Newer libuv runs timers right after the poll, before the check. */
  CU_ASSERT(polls_before_flush <= 1);
}

static void flush_remove_self(struct loop_flush *flush) {
  note("r");
  loop_flush_remove(loop, flush);
}

static void sleep_and_stop(void *argument) {
  (void)argument;
  coroutine_sleep(5000, DEADLINE_NEVER);
  loop_stop(loop);
}

static void test_flush_removes_itself(void) {
  begin();
  trail[0] = '\0';
  struct loop_flush once = {.run = flush_remove_self}, always = {.run = flush_noted};
  loop_flush_add(loop, &once);
  loop_flush_add(loop, &always);
  loop_spawn(loop, sleep_and_stop, NULL);
  run_to_end();
  CU_ASSERT_EQUAL(strncmp(trail, "rff", 3), 0);
  CU_ASSERT_PTR_NULL(strchr(trail + 1, 'r'));
}

/* A flush that wakes somebody must not be followed by a sleep. */
static bool wake_wanted;

static void flush_waking(struct loop_flush *flush) {
  (void)flush;
  if (wake_wanted) coroutine_wake(other);
  wake_wanted = false;
}

static void yield_for_flush(void *argument) {
  (void)argument;
  other = coroutine_self();
  wake_wanted = true;
  CU_ASSERT(coroutine_yield_until(in_ms(60000)));
  loop_stop(loop);
}

static void test_flush_wakes(void) {
  begin();
  struct loop_flush flush = {.run = flush_waking};
  loop_flush_add(loop, &flush);
  loop_spawn(loop, yield_for_flush, NULL);
  run_to_end();
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static struct coroutine *busy[2];
static bool enough;

static void keep_busy(void *argument) {
  int self = *(int *)argument;
  busy[self] = coroutine_self();
  while (!enough) {
    if (busy[1 - self]) coroutine_wake(busy[1 - self]);
    coroutine_yield_until(in_ms(10000));
  }
  coroutine_wake(busy[1 - self]);
}

static void say_enough(uv_timer_t *timer) {
  enough = true;
  uv_close((uv_handle_t *)timer, NULL);
}

static void stop_when_alone(void *argument) {
  (void)argument;
  while (loop_figures(loop).coroutines > 1) coroutine_sleep(1000, DEADLINE_NEVER);
  loop_stop(loop);
}

static void test_io_has_its_turn(void) {
  begin();
  static int places[] = {0, 1};
  uv_timer_t timer;
  uv_timer_init(loop_uv(loop), &timer);
  uv_timer_start(&timer, say_enough, 10, 0);
  loop_spawn(loop, keep_busy, &places[0]);
  loop_spawn(loop, keep_busy, &places[1]);
  loop_spawn(loop, stop_when_alone, NULL);
  run_to_end();
  CU_ASSERT(enough);
}

static void wake_from_timer(uv_timer_t *timer) {
  coroutine_wake(timer->data);
}

/* Wakes by timers of other parts, at all phases of the clock; none may be slept over. */
static void wait_for_timers(void *argument) {
  uv_timer_t *timer = argument;
  timer->data = coroutine_self();
  int late = 0;
  for (int i = 0; i < 100; i++) {
    uv_timer_start(timer, wake_from_timer, (uint64_t)i % 3, 0);
    late += !coroutine_yield_until(in_ms(10000));
  }
  CU_ASSERT_EQUAL(late, 0);
  uv_close((uv_handle_t *)timer, NULL);
  loop_stop(loop);
}

static void test_timers_wake(void) {
  begin();
  uv_timer_t timer;
  uv_timer_init(loop_uv(loop), &timer);
  loop_spawn(loop, wait_for_timers, &timer);
  run_to_end();
}

static uint64_t turns;

static void count_turn(struct loop_flush *flush) {
  (void)flush;
  turns++;
}

static void run_nothing(struct loop_task *task) {
  (void)task;
}

static void sleep_100_ms(void *argument) {
  (void)argument;
  struct loop_task task = {.run = run_nothing};
  loop_post(loop, &task); /* so that one poll of the loop does not sleep */
  coroutine_sleep(1000, DEADLINE_NEVER);
  turns = 0;
  coroutine_sleep(100 * 1000, DEADLINE_NEVER);
  CU_ASSERT(turns < 10);
  loop_stop(loop);
}

static void test_idle_loop_sleeps(void) {
  begin();
  struct loop_flush flush = {.run = count_turn};
  loop_flush_add(loop, &flush);
  loop_spawn(loop, sleep_100_ms, NULL);
  run_to_end();
}

/* ---- bounds ----------------------------------------------------------------------------------------------------- */

static void yield_for_condition(void *argument) {
  condition_wait(argument, DEADLINE_NEVER);
}

static void fill_up(void *argument) {
  struct condition condition = {0};
  (void)argument;
  int spawned = 0;
  while (loop_spawn(loop, yield_for_condition, &condition)) spawned++;
  CU_ASSERT_EQUAL(spawned, 9);
  CU_ASSERT_EQUAL(loop_figures(loop).coroutines, 10);
  coroutine_sleep(1000, DEADLINE_NEVER);
  condition_signal_all(&condition);
  coroutine_sleep(1000, DEADLINE_NEVER);
  CU_ASSERT_EQUAL(loop_figures(loop).coroutines, 1);
  CU_ASSERT_EQUAL(loop_figures(loop).coroutines_max, 10);
  CU_ASSERT(loop_spawn(loop, stop_when_alone, NULL));
}

static void test_bounded(void) {
  loop = loop_new(&(struct loop_options){.max_coroutines = 10});
  loop_spawn(loop, fill_up, NULL);
  run_to_end();
}

static int lives;

static void live(void *argument) {
  (void)argument;
  lives++;
  coroutine_sleep(0, DEADLINE_NEVER);
}

static void spawn_3000(void *argument) {
  (void)argument;
  for (int i = 0; i < 3000; i++) CU_ASSERT_FATAL(loop_spawn(loop, live, NULL));
}

/* More than are pooled: their stacks are given back. */
static void test_more_than_pooled(void) {
  begin();
  loop_spawn(loop, spawn_3000, NULL);
  loop_spawn(loop, stop_when_alone, NULL);
  run_to_end();
  CU_ASSERT_EQUAL(lives, 3000);
}

static void stop_now(void *argument) {
  (void)argument;
  loop_stop(loop);
}

static void test_runs_again(void) {
  begin();
  for (int i = 0; i < 3; i++) {
    loop_spawn(loop, stop_now, NULL);
    loop_run(loop);
  }
  CU_ASSERT_EQUAL(loop_figures(loop).coroutines, 0);
  loop_stop(loop);
  loop_run(loop); /* stopped before it began */
  loop_stop(loop);
  loop_free(loop);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"tasks of other threads run on the loop's stack in the order of each poster", test_post_order},
      {"a task that is posted wakes a loop that sleeps, every time", test_post_wakes},
      {"a task may spawn, and a coroutine may post", test_post_spawns},
      {"flushes run once after all that a turn has made runnable", test_flush},
      {"what a timer of libuv has buffered is flushed before the sleep", test_flush_after_timer},
      {"a flush may remove itself", test_flush_removes_itself},
      {"a coroutine that a flush wakes runs at once", test_flush_wakes},
      {"coroutines that are always busy don't keep I/O from its turn", test_io_has_its_turn},
      {"coroutines woken by libuv's timers run at once", test_timers_wake},
      {"a loop with nothing to do sleeps", test_idle_loop_sleeps},
      {"no more coroutines than allowed live at once", test_bounded},
      {"more coroutines than are pooled come and go", test_more_than_pooled},
      {"a stopped loop can run again, and a stop before the run counts", test_runs_again},
  };
  return suite_main("loop", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
