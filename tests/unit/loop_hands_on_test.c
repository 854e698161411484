/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop does for code above it: work that blocks, and signals. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/blocking.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "loop/signal_watch.h"
#include "patience.h"
#include "suite.h"

static struct loop *loop;

/* ---- blocking work ---------------------------------------------------------------------------------------------- */

/* Another thread reads from the pipe, which only the loop's thread writes into. */
static int ends[2];
static char got;
static bool on_another_thread, blocked_is_over;
static pthread_t loop_thread;

static void read_one(void *argument) {
  on_another_thread = !pthread_equal(pthread_self(), loop_thread);
  if (read(*(int *)argument, &got, 1) != 1) got = '\0';
}

static void block(void *argument) {
  (void)argument;
  blocking_run(read_one, &ends[0]);
  blocked_is_over = true;
  loop_stop(loop);
}

static void write_one(void *argument) {
  (void)argument;
  CU_ASSERT_FALSE(blocked_is_over);
  CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
}

static void blocking_work_leaves_others_their_turn(void) {
  CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
  loop_thread = pthread_self();
  loop = loop_new(NULL);
  loop_spawn(loop, block, NULL);
  loop_spawn(loop, write_one, NULL);
  loop_run(loop);
  loop_free(loop);
  CU_ASSERT_EQUAL(got, 'x');
  CU_ASSERT_TRUE(on_another_thread);
  close(ends[0]);
  close(ends[1]);
}

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static int signals, last;
static struct condition told;

static void note(void *argument, int number) {
  CU_ASSERT_PTR_EQUAL(argument, &signals);
  CU_ASSERT_PTR_NULL(coroutine_self());
  last = number;
  signals++;
  condition_signal_all(&told);
}

static void signal_oneself(void *argument) {
  (void)argument;
  struct signal_watch *watch = signal_watch_open(loop, SIGUSR1, note, &signals);
  for (int i = 1; i <= 2; i++) {
    kill(getpid(), SIGUSR1);
    while (signals < i && condition_wait(&told, patience_end_us())) continue;
    CU_ASSERT_EQUAL(signals, i);
  }
  CU_ASSERT_EQUAL(last, SIGUSR1);
  signal_watch_close(watch);
  loop_stop(loop);
}

static void a_signal_is_told_on_the_loops_stack(void) {
  struct sigaction before, after;
  sigaction(SIGUSR1, NULL, &before);
  loop = loop_new(NULL);
  loop_spawn(loop, signal_oneself, NULL);
  loop_run(loop);
  loop_free(loop);
  sigaction(SIGUSR1, NULL, &after);
  CU_ASSERT(before.sa_handler == after.sa_handler);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"work that blocks runs on another thread, and others have their turn", blocking_work_leaves_others_their_turn},
      {"a signal is told on the loop's stack, each time, until the watch is closed",
       a_signal_is_told_on_the_loops_stack},
  };
  return suite_main("loop: blocking work and signals", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
