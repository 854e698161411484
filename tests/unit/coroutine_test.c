/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/coroutine.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/poison.h"
#include "loop/label.h"
#include "loop/loop.h"
#include "suite.h"

/* ---- help ------------------------------------------------------------------------------------------------------- */

/* What the coroutines of a test write down, in order. */
static char trail[256];

static void note(const char *what) {
  strncat(trail, what, sizeof(trail) - strlen(trail) - 1);
}

static void stop_when_alone(void *argument) {
  struct loop *loop = argument;
  while (loop_figures(loop).coroutines > 1) coroutine_sleep(1000, DEADLINE_NEVER);
  loop_stop(loop);
}

/* Runs `first` and `second` (which may be NULL), and returns when all coroutines have ended. */
static struct loop_figures run_two(void (*first)(void *argument), void (*second)(void *argument), void *argument) {
  trail[0] = '\0';
  struct loop *loop = loop_new(NULL);
  CU_ASSERT_FATAL(loop_spawn(loop, first, argument));
  if (second) CU_ASSERT_FATAL(loop_spawn(loop, second, argument));
  CU_ASSERT_FATAL(loop_spawn(loop, stop_when_alone, loop));
  loop_run(loop);
  struct loop_figures figures = loop_figures(loop);
  loop_free(loop);
  return figures;
}

static int64_t in_ms(int64_t ms) {
  return clock_monotonic_us() + ms * 1000;
}

/* ---- yielding and waking ----------------------------------------------------------------------------------------- */

static struct coroutine *yielded;

static void yield_once(void *argument) {
  (void)argument;
  yielded = coroutine_self();
  note("a");
  coroutine_yield();
  note("c");
}

static void wake_yielded(void *argument) {
  (void)argument;
  note("b");
  coroutine_wake(yielded);
  note("-");
}

static void test_yield(void) {
  run_two(yield_once, wake_yielded, NULL);
  CU_ASSERT_STRING_EQUAL(trail, "ab-c");
}

static void wake_self_first(void *argument) {
  (void)argument;
  coroutine_wake(coroutine_self());
  coroutine_yield();
  note("a");
  coroutine_wake(coroutine_self());
  CU_ASSERT(coroutine_yield_until(in_ms(10000)));
  note("b");
  /* Each wake is taken by one yield only. */
  CU_ASSERT(!coroutine_yield_until(in_ms(1)));
}

static void test_early_wake(void) {
  run_two(wake_self_first, NULL, NULL);
  CU_ASSERT_STRING_EQUAL(trail, "ab");
}

static void yield_until_soon(void *argument) {
  (void)argument;
  int64_t deadline = in_ms(20);
  CU_ASSERT(!coroutine_yield_until(deadline));
  CU_ASSERT(clock_monotonic_us() >= deadline);
  CU_ASSERT(!coroutine_yield_until(0));
  CU_ASSERT(!coroutine_yield_until(INT64_MIN));
}

static void test_deadline(void) {
  run_two(yield_until_soon, NULL, NULL);
}

static void yield_long(void *argument) {
  (void)argument;
  yielded = coroutine_self();
  CU_ASSERT(coroutine_yield_until(in_ms(60000)));
}

static void test_woken_before_deadline(void) {
  run_two(yield_long, wake_yielded, NULL);
}

/* Its deadline comes after it was woken and before it runs: a task runs ahead of the deadlines of its turn. */
struct late_wake {
  struct loop_task task;
  int64_t deadline_us;
};

static void wake_then_dawdle(struct loop_task *task) {
  struct late_wake *late = (struct late_wake *)task;
  coroutine_wake(yielded);
  while (clock_monotonic_us() <= late->deadline_us) continue;
}

static void yield_until_late_wake(void *argument) {
  struct late_wake *late = argument;
  CU_ASSERT(!coroutine_yield_until(in_ms(1)));
  yielded = coroutine_self();
  late->deadline_us = in_ms(50);
  loop_post(coroutine_loop(), &late->task);
  CU_ASSERT(coroutine_yield_until(late->deadline_us));
  note("a");
  CU_ASSERT(!coroutine_yield_until(in_ms(5)));
}

static void test_woken_in_time(void) {
  struct late_wake late = {.task.run = wake_then_dawdle};
  run_two(yield_until_late_wake, NULL, &late);
  CU_ASSERT_STRING_EQUAL(trail, "a");
}

static void sleep_in_order(void *argument) {
  int ms = *(int *)argument;
  coroutine_sleep(ms * 1000, DEADLINE_NEVER);
  note(ms == 600 ? "c" : ms == 300 ? "b" : "a");
}

static void sleepers(void *argument) {
  (void)argument;
  static int times[] = {600, 5, 300};
  for (int i = 0; i < 3; i++) loop_spawn(coroutine_loop(), sleep_in_order, &times[i]);
}

static void test_sleep(void) {
  run_two(sleepers, NULL, NULL);
  CU_ASSERT_STRING_EQUAL(trail, "abc");
}

static void sleep_despite_wakes(void *argument) {
  (void)argument;
  yielded = coroutine_self();
  coroutine_wake(yielded);
  int64_t started = clock_monotonic_us();
  coroutine_sleep(20000, DEADLINE_NEVER);
  CU_ASSERT(clock_monotonic_us() - started >= 20000);
  coroutine_sleep(INT64_MAX, in_ms(5)); /* returns */
}

static void test_sleep_bounds(void) {
  run_two(sleep_despite_wakes, wake_yielded, NULL);
}

/* Deadlines that are not needed, and one that comes later than they would have. */
static void yield_often(void *argument) {
  (void)argument;
  yielded = coroutine_self();
  for (int i = 0; i < 100; i++) CU_ASSERT(coroutine_yield_until(in_ms(10000 + i)));
  CU_ASSERT(coroutine_yield_until(in_ms(2000)));
  yielded = NULL;
  int64_t deadline = in_ms(50);
  CU_ASSERT(!coroutine_yield_until(deadline));
  CU_ASSERT(clock_monotonic_us() >= deadline);
}

static void wake_often(void *argument) {
  (void)argument;
  while (yielded) {
    coroutine_wake(yielded);
    coroutine_sleep(0, DEADLINE_NEVER);
  }
}

static void test_cancelled_deadlines(void) {
  run_two(yield_often, wake_often, NULL);
}

/* ---- the loop's stack ------------------------------------------------------------------------------------------- */

static void look_around(void *argument) {
  struct loop **seen = argument;
  CU_ASSERT_PTR_NULL(coroutine_self());
  *seen = coroutine_loop();
  char room[512 * 1024]; /* more than a coroutine's stack has */
  memset(room, 'x', sizeof(room));
  CU_ASSERT_EQUAL(((volatile char *)room)[1000], 'x');
}

static void count_up(void *argument) {
  ++*(int *)argument;
}

static void call_on_loop_stack(void *argument) {
  (void)argument;
  struct coroutine *self = coroutine_self();
  CU_ASSERT_PTR_NOT_NULL(self);
  struct loop *seen = NULL;
  coroutine_on_loop_stack(look_around, &seen);
  CU_ASSERT_PTR_EQUAL(seen, coroutine_loop());
  CU_ASSERT_PTR_EQUAL(coroutine_self(), self);
  int calls = 0;
  for (int i = 0; i < 100; i++) coroutine_on_loop_stack(count_up, &calls);
  CU_ASSERT_EQUAL(calls, 100);
}

static void test_loop_stack(void) {
  run_two(call_on_loop_stack, NULL, NULL);
  int calls = 0;
  coroutine_on_loop_stack(count_up, &calls);
  CU_ASSERT_EQUAL(calls, 1);
  CU_ASSERT_PTR_NULL(coroutine_self());
  CU_ASSERT_PTR_NULL(coroutine_loop());
}

static void wake_argument(void *argument) {
  coroutine_wake(argument);
}

static void wake_from_loop_stack(void *argument) {
  (void)argument;
  coroutine_on_loop_stack(wake_argument, coroutine_self());
  coroutine_yield(); /* ends only because the wake was kept */
  note("a");
}

static void test_wake_from_loop_stack(void) {
  run_two(wake_from_loop_stack, NULL, NULL);
  CU_ASSERT_STRING_EQUAL(trail, "a");
}

/* ---- conditions ------------------------------------------------------------------------------------------------- */

static struct condition condition;

static void wait_for_condition(void *argument) {
  CU_ASSERT(condition_wait(&condition, in_ms(30000)));
  note(argument);
}

static void signal_condition(void *argument) {
  (void)argument;
  static char *names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++) loop_spawn(coroutine_loop(), wait_for_condition, names[i]);
  coroutine_sleep(1000, DEADLINE_NEVER);
  CU_ASSERT_STRING_EQUAL(trail, "");
  condition_signal_all(&condition);
  condition_signal_all(&condition);
}

static void test_condition(void) {
  run_two(signal_condition, NULL, NULL);
  CU_ASSERT_STRING_EQUAL(trail, "abc");
  CU_ASSERT_PTR_NULL(condition.first);
}

static void wait_in_vain(void *argument) {
  CU_ASSERT(!condition_wait(&condition, in_ms(*(int *)argument)));
  note("x");
}

static void wait_patiently(void *argument) {
  static int times[] = {20, 1, 10};
  (void)argument;
  for (int i = 0; i < 3; i++) loop_spawn(coroutine_loop(), wait_in_vain, &times[i]);
  yielded = coroutine_self();
  CU_ASSERT(condition_wait(&condition, in_ms(30000)));
  note("y");
}

/* Wakes that are not the condition's don't end the wait. */
static void disturb_then_signal(void *argument) {
  (void)argument;
  while (strlen(trail) < 3) {
    coroutine_wake(yielded);
    coroutine_sleep(1000, DEADLINE_NEVER);
  }
  condition_signal_all(&condition);
}

static void test_condition_deadlines(void) {
  run_two(wait_patiently, disturb_then_signal, NULL);
  CU_ASSERT_STRING_EQUAL(trail, "xxxy");
  CU_ASSERT_PTR_NULL(condition.first);
}

static void wait_alone(void *argument) {
  (void)argument;
  CU_ASSERT(!condition_wait(&condition, in_ms(1)));
  CU_ASSERT_PTR_NULL(condition.first);
}

static void test_condition_left(void) {
  run_two(wait_alone, NULL, NULL);
}

/* Both deadlines have come when the loop gets to look; who is announced first is announced in time. */
static void wait_until_late(void *argument) {
  CU_ASSERT(condition_wait(&condition, *(int64_t *)argument));
  note("a");
}

static void signal_then(void *argument) {
  int64_t deadline = *(int64_t *)argument;
  coroutine_sleep(INT64_MAX, deadline - 1);
  condition_signal_all(&condition);
}

static void wait_and_dawdle(void *argument) {
  int64_t deadline = in_ms(20);
  (void)argument;
  loop_spawn(coroutine_loop(), wait_until_late, &deadline);
  loop_spawn(coroutine_loop(), signal_then, &deadline);
  coroutine_sleep(0, DEADLINE_NEVER);
  while (clock_monotonic_us() <= deadline) continue;
  while (strlen(trail) < 1) coroutine_sleep(1000, DEADLINE_NEVER);
}

static void test_condition_at_deadline(void) {
  run_two(wait_and_dawdle, NULL, NULL);
  CU_ASSERT_STRING_EQUAL(trail, "a");
}

/* ---- for each --------------------------------------------------------------------------------------------------- */

static int at_once, at_once_max, finished;

static void work(void *item) {
  at_once++;
  if (at_once > at_once_max) at_once_max = at_once;
  coroutine_sleep(*(int *)item * 1000, DEADLINE_NEVER);
  at_once--;
  finished++;
  *(int *)item = -1;
}

static void work_on_all(int count, int width) {
  static int times[50];
  void *items[50];
  for (int i = 0; i < count; i++) {
    times[i] = i % 4;
    items[i] = &times[i];
  }
  at_once_max = finished = 0;
  coroutine_for_each(work, items, count, width);
  CU_ASSERT_EQUAL(finished, count);
  for (int i = 0; i < count; i++) CU_ASSERT_EQUAL(times[i], -1);
}

static void work_in_widths(void *argument) {
  (void)argument;
  work_on_all(0, 5);
  CU_ASSERT_EQUAL(at_once_max, 0);
  work_on_all(50, 1);
  CU_ASSERT_EQUAL(at_once_max, 1);
  work_on_all(50, 7);
  CU_ASSERT_EQUAL(at_once_max, 7);
  work_on_all(3, 100);
  CU_ASSERT_EQUAL(at_once_max, 3);
}

static void test_for_each(void) {
  run_two(work_in_widths, NULL, NULL);
}

static void work_and_stop(void *argument) {
  (void)argument;
  work_on_all(10, 10);
  CU_ASSERT_EQUAL(at_once_max, 2);
  loop_stop(coroutine_loop());
}

static void test_for_each_when_full(void) {
  struct loop *loop = loop_new(&(struct loop_options){.max_coroutines = 2});
  loop_spawn(loop, work_and_stop, NULL);
  loop_run(loop);
  loop_free(loop);
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

/* Not instrumented, so that all of it lies on the stack. */
static __attribute__((no_sanitize_address, noinline)) int descend(int levels) {
  char room[1024];
  memset(room, levels & 0xFF, sizeof(room));
  int below = levels > 0 ? descend(levels - 1) : 0;
  return below + ((volatile char *)room)[levels % 1024] * 0 + 1;
}

static void use_40_kib(void *argument) {
  (void)argument;
  CU_ASSERT_EQUAL(descend(39), 40);
}

static void test_stack_use(void) {
  struct loop_figures figures = run_two(use_40_kib, NULL, NULL);
#ifdef FAIL_POINTS
  CU_ASSERT(figures.stack_bytes_max >= 40 * 1024);
  struct loop_figures little = run_two(wake_self_first, NULL, NULL);
  CU_ASSERT(little.stack_bytes_max > 0 && little.stack_bytes_max < figures.stack_bytes_max);
#else
  CU_ASSERT_EQUAL(figures.stack_bytes_max, 0);
#endif
}

/* Some KiB too deep: into the guard, not beyond it. */
static void overflow(void *argument) {
  (void)argument;
#ifdef ADDRESS_SANITIZED
  descend(280);
#else
  descend(90);
#endif
}

/* Ends a child with `run` as a coroutine, or on the loop's stack; returns the signal, or 1 for any other failure. */
static int end_of_child(void (*run)(void *argument), bool in_coroutine) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    if (!freopen("/dev/null", "w", stderr)) _exit(0);
    if (in_coroutine) {
      run_two(run, NULL, NULL);
    } else {
      run(NULL);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status);
  return WEXITSTATUS(status) != 0;
}

static void test_overflow(void) {
  CU_ASSERT_NOT_EQUAL(end_of_child(overflow, true), 0);
}

static void yield_here(void *argument) {
  (void)argument;
  coroutine_yield();
}

static void yield_on_loop_stack(void *argument) {
  coroutine_on_loop_stack(yield_here, argument);
}

static void test_misuse(void) {
  CU_ASSERT_EQUAL(end_of_child(yield_here, false), SIGABRT);
  CU_ASSERT_EQUAL(end_of_child(yield_on_loop_stack, true), SIGABRT);
}

/* ---- labels ----------------------------------------------------------------------------------------------------- */

static void note_label(void *argument) {
  char text[64];
  struct label label = label_here();
  label_text(&label, text, sizeof text);
  note(text);
  note(argument ? argument : "|");
}

static void bear_a_label(void *argument) {
  (void)argument;
  note_label(NULL);
  label_set(&(struct label){.kind = "event", .name = "customer_created", .entry = "12-1", .key = "ann"});
  note_label(NULL);
  coroutine_sleep(2000, DEADLINE_NEVER);
  coroutine_on_loop_stack(note_label, NULL);
  void *items[] = {"a", "b"};
  coroutine_for_each(note_label, items, 2, 2);
  label_set(NULL);
  note_label(NULL);
}

static void bear_another(void *argument) {
  (void)argument;
  label_set(&(struct label){.kind = "method", .name = "CreateCustomer"});
  coroutine_sleep(1000, DEADLINE_NEVER);
  note_label(NULL);
}

static void test_labels(void) {
  run_two(bear_a_label, bear_another, NULL);
  CU_ASSERT_STRING_EQUAL(trail,
                         "|event customer_created 12-1 of key ann|method CreateCustomer|"
                         "event customer_created 12-1 of key ann|event customer_created 12-1 of key anna"
                         "event customer_created 12-1 of key annb|");
  CU_ASSERT_PTR_NULL(label_here().kind);
}

/* ---- many ------------------------------------------------------------------------------------------------------- */

struct crowd {
  int alive;
  double sum;
};

/* Floating point, locals and memory of its own survive many switches among others that do the same. */
static void mix(void *argument) {
  struct crowd *crowd = argument;
  char *mine = strdup("mine");
  double value = crowd->alive++;
  double expected = value;
  for (int i = 0; i < 20; i++) {
    value = sqrt(value) * sqrt(value) + 1;
    expected += 1;
    coroutine_sleep(0, DEADLINE_NEVER);
  }
  CU_ASSERT(fabs(value - expected) < 1e-6);
  CU_ASSERT_STRING_EQUAL(mine, "mine");
  free(mine);
  crowd->sum += value;
  crowd->alive--;
}

static void spawn_many(void *argument) {
  for (int i = 0; i < 1000; i++) CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), mix, argument));
}

static void test_many(void) {
  struct crowd crowd = {0};
  struct loop_figures figures = run_two(spawn_many, NULL, &crowd);
  CU_ASSERT_EQUAL(crowd.alive, 0);
  CU_ASSERT(fabs(crowd.sum - (999.0 * 1000 / 2 + 20 * 1000)) < 1e-3);
  CU_ASSERT(figures.coroutines_max >= 1000);
}

static void run_crowd(struct loop *loop, int count) {
  struct crowd crowd = {0};
  for (int i = 0; i < count; i++) loop_spawn(loop, mix, &crowd);
  loop_spawn(loop, stop_when_alone, loop);
  loop_run(loop);
}

static void test_trim(void) {
  struct loop *loop = loop_new(NULL);
  run_crowd(loop, 300);
  CU_ASSERT_EQUAL(loop_figures(loop).stacks, 301);
  loop_trim(loop);
  CU_ASSERT(loop_figures(loop).stacks < 50);
  run_crowd(loop, 300);
  loop_free(loop);
}

static void *run_a_loop(void *argument) {
  struct loop *loop = loop_new(NULL);
  for (int i = 0; i < 100; i++) loop_spawn(loop, mix, argument);
  loop_spawn(loop, stop_when_alone, loop);
  loop_run(loop);
  loop_free(loop);
  return NULL;
}

static void test_loops_in_threads(void) {
  struct crowd crowds[3] = {0};
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, run_a_loop, &crowds[i]);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
    CU_ASSERT(fabs(crowds[i].sum - (99.0 * 100 / 2 + 20 * 100)) < 1e-3);
  }
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a coroutine that has yielded goes on when it is woken, after the waker has given way", test_yield},
      {"a wake that came before the yield is not lost, and counts once", test_early_wake},
      {"a yield ends at its deadline", test_deadline},
      {"a wake before the deadline ends the yield at once", test_woken_before_deadline},
      {"who was woken in time was in time, even if it runs late", test_woken_in_time},
      {"sleeps end in the order of their times", test_sleep},
      {"a sleep lasts its time in spite of wakes, but not beyond its deadline", test_sleep_bounds},
      {"deadlines that were not needed don't come", test_cancelled_deadlines},
      {"a call on the loop's stack has its room and returns", test_loop_stack},
      {"a wake on the loop's stack for the caller is kept", test_wake_from_loop_stack},
      {"a signal lets all that wait go on, in the order of their coming", test_condition},
      {"a wait for a condition ends at its deadline, and only by deadline or signal", test_condition_deadlines},
      {"nothing is left of a wait that ended by its deadline", test_condition_left},
      {"a signal counts even if the deadline comes before the waiter runs", test_condition_at_deadline},
      {"for each keeps to its width and returns after the last", test_for_each},
      {"for each works on when no more coroutines can be had", test_for_each_when_full},
      {"test builds measure the deepest use of a stack", test_stack_use},
      {"a stack that overflows ends the process", test_overflow},
      {"yielding outside a coroutine ends the process", test_misuse},
      {"a coroutine's label goes with it, to the loop's stack and to its helpers", test_labels},
      {"a thousand coroutines keep their registers and locals apart", test_many},
      {"stacks that nobody uses are given back, and there are new ones afterwards", test_trim},
      {"several threads have a loop each", test_loops_in_threads},
  };
  return suite_main("coroutine", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
