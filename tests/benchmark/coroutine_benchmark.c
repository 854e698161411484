/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop's parts cost, in nanoseconds of wall time each. Not a test: it prints, it judges nothing. */
#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/context.h"
#include "loop/coroutine.h"
#include "loop/loop.h"

enum { ROUNDS = 2000000, DEADLINE_US = 5000000 };

/* `width` coroutines that wake each other in a ring, each `ROUNDS / width` times. */
struct ring {
  struct coroutine *members[1000];
  int width, alive;
  int64_t deadline_us;
};

static struct loop *loop;
static struct ring ring;
static int done;

static void report(const char *what, int64_t started_us, int64_t count) {
  double ns = (double)(clock_monotonic_us() - started_us) * 1000 / (double)count;
  printf("%-52s %8.1f ns\n", what, ns);
}

static void member_run(void *argument) {
  int place = (int)(intptr_t)argument;
  ring.members[place] = coroutine_self();
  coroutine_yield();
  for (int i = 0; i < ROUNDS / ring.width; i++) {
    coroutine_wake(ring.members[(place + 1) % ring.width]);
    coroutine_yield_until(ring.deadline_us);
  }
  coroutine_wake(ring.members[(place + 1) % ring.width]);
  if (--ring.alive == 0) loop_stop(loop);
}

static void ring_start(void *argument) {
  (void)argument;
  coroutine_wake(ring.members[0]);
}

static void measure_ring(const char *what, int width, int64_t deadline_us) {
  ring.width = ring.alive = width;
  ring.deadline_us = deadline_us;
  for (int i = 0; i < width; i++) loop_spawn(loop, member_run, (void *)(intptr_t)i);
  loop_spawn(loop, ring_start, NULL);
  int64_t started = clock_monotonic_us();
  loop_run(loop);
  report(what, started, ROUNDS);
}

static void nothing(void *argument) {
  (void)argument;
  done++;
}

static void spawner(void *argument) {
  (void)argument;
  struct condition never = {0};
  while (done < ROUNDS) {
    for (int i = 0; i < 64; i++) loop_spawn(loop, nothing, NULL);
    condition_wait(&never, 0);
  }
  loop_stop(loop);
}

static void caller(void *argument) {
  (void)argument;
  for (int i = 0; i < ROUNDS; i++) coroutine_on_loop_stack(nothing, NULL);
  loop_stop(loop);
}

static void measure(const char *what, void (*run)(void *argument)) {
  done = 0;
  loop_spawn(loop, run, NULL);
  int64_t started = clock_monotonic_us();
  loop_run(loop);
  report(what, started, ROUNDS);
}

static void measure_arena(void) {
  int64_t started = clock_monotonic_us();
  for (int i = 0; i < ROUNDS; i++) {
    struct arena *arena = arena_new();
    for (int j = 0; j < 10; j++) *(volatile char *)arena_alloc(arena, 40) = 1;
    arena_free(arena);
  }
  report("arena: new, ten pieces, free", started, ROUNDS);
}

int main(void) {
  loop = loop_new(NULL);
  int64_t later = clock_monotonic_us() + DEADLINE_US * 100;
  measure_ring("wake and yield, 2 coroutines", 2, DEADLINE_NEVER);
  measure_ring("wake and yield, 100 coroutines", 100, DEADLINE_NEVER);
  measure_ring("wake and yield, 1000 coroutines", 1000, DEADLINE_NEVER);
  measure_ring("wake and yield with a deadline, 2 coroutines", 2, later);
  measure_ring("wake and yield with a deadline, 1000 coroutines", 1000, later);
  measure("call on the loop's stack and back", caller);
  measure("spawn and end, 64 in a turn", spawner);
  measure_arena();
  loop_free(loop);
  return 0;
}
