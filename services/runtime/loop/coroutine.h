/* SPDX-License-Identifier: Apache-2.0 */
/* Coroutines: straight-line code on a stack of its own, one thread, no locks.
 *
 * A coroutine yields only in functions that are marked coroutine_fn: those below, and all that call one. While it is
 * yielded others run, so whatever is shared may have changed afterwards. Deep recursion and libraries with unknown
 * stack needs (gRPC, curl) go through coroutine_on_loop_stack. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Stands before a function that may yield, and so is called by coroutines alone, or before a pointer to such functions.
 * Expands to nothing. tests/quality/coroutine_fn.py checks that a function which calls one is marked, too. */
#define coroutine_fn

struct coroutine;
struct loop;

/* Returns the running coroutine, or NULL on the loop's own stack. */
struct coroutine *coroutine_self(void);

/* Returns the loop that the running coroutine belongs to. */
struct loop *coroutine_loop(void);

/* Yields until coroutine_wake. A wake that came before is not lost: then it returns at once. Wakes can be spurious:
 * call it in a loop that checks what was waited for. */
coroutine_fn void coroutine_yield(void);

/* Yields likewise, but until `deadline_us` (clock_monotonic_us) at the latest. Returns false if the deadline came
 * first. */
coroutine_fn bool coroutine_yield_until(int64_t deadline_us);

/* Makes a waiting coroutine runnable. Loop thread; any stack. */
void coroutine_wake(struct coroutine *coroutine);

/* Yields for a time, but until `deadline_us` at the latest. */
coroutine_fn void coroutine_sleep(int64_t duration_us, int64_t deadline_us);

/* Runs `run` on the loop's own stack and returns when that has returned. On the loop's stack it just calls `run`. */
void coroutine_on_loop_stack(void (*run)(void *argument), void *argument);

/* Condition: coroutines wait for something that others announce. A zero-initialised one is ready to use. */
struct condition_waiter;
struct condition {
  struct condition_waiter *first;
};

/* Yields until the next condition_signal_all. Returns false if the deadline came first. Afterwards, check what was
 * waited for. */
coroutine_fn bool condition_wait(struct condition *condition, int64_t deadline_us);
void condition_signal_all(struct condition *condition);

/* Runs `run(items[i])` for i in 0..count-1 concurrently, at most `width` at once, and yields until all have ended. */
coroutine_fn void coroutine_for_each(void (*run)(void *item), void **items, int count, int width);
