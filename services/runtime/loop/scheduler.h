/* SPDX-License-Identifier: Apache-2.0 */
/* What loop.c and coroutine.c share: which coroutines live, which can run, and the switch between their stacks and the
 * loop's. Loop thread. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "loop/coroutine.h"
#include "loop/fcontext.h"
#include "loop/label.h"
#include "loop/stack.h"
#include "loop/timers.h"

struct loop;
struct scheduler;

enum coroutine_state {
  COROUTINE_NEW,     /* queued for its first run */
  COROUTINE_RUNNING, /* on its stack, or waiting for coroutine_on_loop_stack */
  COROUTINE_YIELDED,
  COROUTINE_READY, /* woken, queued */
  COROUTINE_ENDED, /* pooled */
};

/* A coroutine's place in the list of those that wait for a condition. */
struct condition_waiter {
  struct coroutine *coroutine;
  struct condition_waiter *next;
  struct condition_waiter **link; /* what points to this one; NULL means signalled */
};

/* A coroutine lies at the top of its own stack; a pooled one waits in its entry function for the next thing to run. */
struct coroutine {
  struct timer deadline; /* first: expired timers are cast back */
  fcontext fcontext;     /* while it does not run */
  struct scheduler *scheduler;
  struct coroutine *next; /* in the ready queue or the pool */
  void (*run)(void *argument);
  void *argument;
  enum coroutine_state state;
  bool woken;     /* a wake that no yield has taken yet */
  bool timed_out; /* made ready by its deadline */
  struct condition_waiter waiter;
  struct label label;
  _Atomic(int64_t) stood_us; /* since it was labelled; the watchdog's */
  struct stack stack;
  void *fake_stack; /* AddressSanitizer's */
};

struct scheduler {
  struct loop *loop; /* whose it is */
  struct coroutine *ready_first, *ready_last;
  struct coroutine *running; /* NULL means the loop's own stack is in use */
  /* Whose turn it is: `running`, or the one that the loop's stack is used for. Another thread that holds `labels` may
   * read it and its label; coroutines end under that mutex. */
  _Atomic(struct coroutine *) current;
  _Atomic(uint64_t) resumes; /* counts turns: one that does not end is a stall (watchdog.h) */
  pthread_mutex_t labels;
  struct coroutine *pool;
  size_t pooled;
  size_t stacks_made;
  struct timers timers;
  fcontext fcontext;            /* of the loop's stack, while a coroutine runs */
  void (*call)(void *argument); /* to run on the loop's stack for `running` */
  void *call_argument;
  const void *stack_bottom; /* the loop's stack, for AddressSanitizer */
  size_t stack_size;
  void *fake_stack;
  size_t stack_bytes, max_coroutines;
  /* loop_figures */
  size_t coroutines, coroutines_max, stacks, stack_bytes_max;
};

/* The scheduler of the loop that runs in this thread, or NULL if there is none; the loop enters and leaves it around
 * its run. */
struct scheduler *scheduler_here(void);
void scheduler_enter(struct scheduler *scheduler);
void scheduler_leave(void);

/* Starts a coroutine (loop_spawn). */
bool scheduler_spawn(struct scheduler *scheduler, void (*run)(void *argument), void *argument);

/* Gives back most of the stacks that are kept (loop_trim). */
void scheduler_trim(struct scheduler *scheduler);

/* Runs ready coroutines until none is left or coroutines have run `max` times, so that I/O has its turn in between. */
void scheduler_run_ready(struct scheduler *scheduler, int max);

/* Makes the coroutines ready whose deadline is `now_us` or earlier. */
void scheduler_expire(struct scheduler *scheduler, int64_t now_us);

/* Initialises the mutex; all else of a scheduler is zero at first. */
void scheduler_init(struct scheduler *scheduler);

/* Frees pooled coroutines, and the mutex. */
void scheduler_clear(struct scheduler *scheduler);
