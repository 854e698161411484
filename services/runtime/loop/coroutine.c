/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/coroutine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "base/poison.h"
#include "loop/scheduler.h"

#ifdef ADDRESS_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

enum {
  POOLED_MAX = 512, /* ended coroutines kept with their stacks */
  POOLED_TRIMMED = 32,
  CACHE_LINE = 64,
  COLOURS = 8,
  COLOUR_BYTES = 448,
};

/* ---- the thread's scheduler ------------------------------------------------------------------------------------- */

static _Thread_local struct scheduler *thread_scheduler;

void scheduler_enter(struct scheduler *scheduler) {
  thread_scheduler = scheduler;
}

void scheduler_leave(void) {
  thread_scheduler = NULL;
}

/* Not inlined: the address of a thread's variable must not be kept across a switch. */
__attribute__((noinline)) struct scheduler *scheduler_here(void) {
  __asm__ volatile("");
  return thread_scheduler;
}

struct loop *coroutine_loop(void) {
  struct scheduler *scheduler = scheduler_here();
  return scheduler ? scheduler->loop : NULL;
}

struct coroutine *coroutine_self(void) {
  struct scheduler *scheduler = scheduler_here();
  return scheduler ? scheduler->running : NULL;
}

static _Noreturn void misuse(const char *what) {
  log_event(LOG_ERROR, what, NULL);
  log_stop();
  abort();
}

/* The running coroutine of a function that must not be called on the loop's stack. */
static struct coroutine *self_or_abort(void) {
  struct coroutine *self = coroutine_self();
  if (!self) misuse("a function that yields was called outside a coroutine");
  return self;
}

/* ---- switching --------------------------------------------------------------------------------------------------
 *
 * Boost.Context switches, which makes no system call. AddressSanitizer is told of each switch before and after it. */

#ifdef ADDRESS_SANITIZED
static void switch_begins(void **fake_stack, const void *bottom, size_t size) {
  __sanitizer_start_switch_fiber(fake_stack, bottom, size);
}
static void switch_ended(void *fake_stack, const void **ret_bottom, size_t *ret_size) {
  __sanitizer_finish_switch_fiber(fake_stack, ret_bottom, ret_size);
}
#else
static void switch_begins(void **fake_stack, const void *bottom, size_t size) {
  (void)fake_stack, (void)bottom, (void)size;
}
static void switch_ended(void *fake_stack, const void **ret_bottom, size_t *ret_size) {
  (void)fake_stack, (void)ret_bottom, (void)ret_size;
}
#endif

/* From the coroutine's stack to the loop's; returns when the coroutine is resumed. `ending` says that no frame of it is
 * left. */
static void switch_to_loop(struct scheduler *scheduler, struct coroutine *self, bool ending) {
  switch_begins(ending ? NULL : &self->fake_stack, scheduler->stack_bottom, scheduler->stack_size);
  scheduler->fcontext = jump_fcontext(scheduler->fcontext, NULL).from;
  switch_ended(ending ? NULL : self->fake_stack, &scheduler->stack_bottom, &scheduler->stack_size);
}

/* Bottom frame of every coroutine; a pooled coroutine has yielded in it. */
static __attribute__((no_sanitize_address)) void coroutine_entry(struct fcontext_transfer transfer) {
  struct coroutine *self = transfer.data;
  struct scheduler *scheduler = self->scheduler;
  scheduler->fcontext = transfer.from;
  switch_ended(NULL, &scheduler->stack_bottom, &scheduler->stack_size);
  while (true) {
    self->run(self->argument);
    self->state = COROUTINE_ENDED;
    switch_to_loop(scheduler, self, true);
  }
}

/* From the loop's stack to the coroutine's; returns when it yields, ends or wants a call on the loop's stack. */
static void switch_to_coroutine(struct scheduler *scheduler, struct coroutine *coroutine) {
  switch_begins(&scheduler->fake_stack, coroutine->stack.bottom, coroutine->stack.size);
  coroutine->fcontext = jump_fcontext(coroutine->fcontext, coroutine).from;
  switch_ended(scheduler->fake_stack, NULL, NULL);
}

/* ---- birth and death -------------------------------------------------------------------------------------------- */

/* Stacks lie at equal offsets in their pages, so the tops of all would share a few lines of the processor's cache;
 * each stack therefore starts a little lower than the one before. Halves the cost of a switch among 1000 coroutines. */
static size_t next_colour(struct scheduler *scheduler) {
  scheduler->stacks_made++;
  return scheduler->stacks_made % COLOURS * COLOUR_BYTES;
}

static struct coroutine *coroutine_new(struct scheduler *scheduler) {
  struct stack stack;
  size_t top = sizeof(struct coroutine) + COLOURS * COLOUR_BYTES;
  if (!stack_map(scheduler->stack_bytes + top, &stack)) return NULL;
  size_t offset = (stack.size - sizeof(struct coroutine) - next_colour(scheduler)) & ~(size_t)(CACHE_LINE - 1);
  struct coroutine *coroutine = (struct coroutine *)(stack.bottom + offset);
  *coroutine = (struct coroutine){.scheduler = scheduler, .stack = stack};
  coroutine->fcontext = make_fcontext(coroutine, offset, coroutine_entry);
  scheduler->stacks++;
  return coroutine;
}

static struct coroutine *coroutine_take(struct scheduler *scheduler) {
  struct coroutine *coroutine = scheduler->pool;
  if (!coroutine) return coroutine_new(scheduler);
  scheduler->pool = coroutine->next;
  scheduler->pooled--;
  return coroutine;
}

static void coroutine_release(struct scheduler *scheduler, struct coroutine *coroutine) {
  struct stack stack = coroutine->stack;
  scheduler->stacks--;
  stack_unmap(&stack);
}

/* From here on no other thread looks at it. */
static void forget_label(struct scheduler *scheduler, struct coroutine *coroutine) {
  pthread_mutex_lock(&scheduler->labels);
  atomic_store(&scheduler->current, NULL);
  coroutine->label = (struct label){0};
  pthread_mutex_unlock(&scheduler->labels);
}

static void coroutine_put_back(struct scheduler *scheduler, struct coroutine *coroutine) {
  forget_label(scheduler, coroutine);
  scheduler->coroutines--;
  size_t used = stack_used(&coroutine->stack);
  if (used > scheduler->stack_bytes_max) scheduler->stack_bytes_max = used;
  if (scheduler->pooled >= POOLED_MAX) {
    coroutine_release(scheduler, coroutine);
    return;
  }
  coroutine->next = scheduler->pool;
  scheduler->pool = coroutine;
  scheduler->pooled++;
}

void scheduler_init(struct scheduler *scheduler) {
  pthread_mutex_init(&scheduler->labels, NULL);
}

static void shrink_pool(struct scheduler *scheduler, size_t max) {
  for (; scheduler->pooled > max; scheduler->pooled--) {
    struct coroutine *coroutine = scheduler->pool;
    scheduler->pool = coroutine->next;
    coroutine_release(scheduler, coroutine);
  }
}

void scheduler_trim(struct scheduler *scheduler) {
  shrink_pool(scheduler, POOLED_TRIMMED);
}

void scheduler_clear(struct scheduler *scheduler) {
  shrink_pool(scheduler, 0);
  timers_clear(&scheduler->timers);
  pthread_mutex_destroy(&scheduler->labels);
}

static void make_ready(struct scheduler *scheduler, struct coroutine *coroutine) {
  coroutine->next = NULL;
  if (scheduler->ready_first) {
    scheduler->ready_last->next = coroutine;
  } else {
    scheduler->ready_first = coroutine;
  }
  scheduler->ready_last = coroutine;
}

bool scheduler_spawn(struct scheduler *scheduler, void (*run)(void *argument), void *argument) {
  if (scheduler->coroutines >= scheduler->max_coroutines) return false;
  struct coroutine *coroutine = coroutine_take(scheduler);
  if (!coroutine) return false;
  coroutine->run = run;
  coroutine->argument = argument;
  coroutine->state = COROUTINE_NEW;
  coroutine->woken = false;
  make_ready(scheduler, coroutine);
  scheduler->coroutines++;
  if (scheduler->coroutines > scheduler->coroutines_max) scheduler->coroutines_max = scheduler->coroutines;
  return true;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static void resume(struct scheduler *scheduler, struct coroutine *coroutine) {
  coroutine->state = COROUTINE_RUNNING;
  uint64_t resumes = atomic_load_explicit(&scheduler->resumes, memory_order_relaxed);
  atomic_store_explicit(&scheduler->resumes, resumes + 1, memory_order_relaxed); /* only this thread writes it */
  atomic_store_explicit(&scheduler->current, coroutine, memory_order_release);
  while (true) {
    scheduler->running = coroutine;
    switch_to_coroutine(scheduler, coroutine);
    scheduler->running = NULL;
    void (*run)(void *argument) = scheduler->call;
    if (!run) break;
    scheduler->call = NULL;
    run(scheduler->call_argument);
  }
  if (coroutine->state == COROUTINE_ENDED) coroutine_put_back(scheduler, coroutine);
  atomic_store_explicit(&scheduler->current, NULL, memory_order_release);
}

void scheduler_run_ready(struct scheduler *scheduler, int max) {
  for (int i = 0; i < max && scheduler->ready_first; i++) {
    struct coroutine *coroutine = scheduler->ready_first;
    scheduler->ready_first = coroutine->next;
    resume(scheduler, coroutine);
  }
}

void scheduler_expire(struct scheduler *scheduler, int64_t now_us) {
  struct timer *timer;
  while ((timer = timers_first(&scheduler->timers)) && timer->deadline_us <= now_us) {
    struct coroutine *coroutine = (struct coroutine *)timer;
    timers_remove(&scheduler->timers, timer);
    /* A coroutine that was woken before its deadline has not timed out. */
    if (coroutine->state != COROUTINE_YIELDED) continue;
    coroutine->timed_out = true;
    coroutine->state = COROUTINE_READY;
    make_ready(scheduler, coroutine);
  }
}

/* ---- yielding --------------------------------------------------------------------------------------------------- */

static void yield(struct coroutine *self) {
  self->timed_out = false;
  self->state = COROUTINE_YIELDED;
  switch_to_loop(self->scheduler, self, false);
}

coroutine_fn void coroutine_yield(void) {
  struct coroutine *self = self_or_abort();
  if (!self->woken) yield(self);
  self->woken = false;
}

coroutine_fn bool coroutine_yield_until(int64_t deadline_us) {
  struct coroutine *self = self_or_abort();
  struct timers *timers = &self->scheduler->timers;
  bool timed_out = false;
  if (!self->woken) {
    if (deadline_us != DEADLINE_NEVER) timers_add(timers, &self->deadline, deadline_us);
    yield(self);
    timers_remove(timers, &self->deadline);
    timed_out = self->timed_out;
  }
  self->woken = false;
  return !timed_out;
}

void coroutine_wake(struct coroutine *coroutine) {
  if (coroutine->state == COROUTINE_YIELDED) {
    coroutine->state = COROUTINE_READY;
    make_ready(coroutine->scheduler, coroutine);
  } else if (coroutine->state != COROUTINE_READY) {
    coroutine->woken = true;
  }
}

void coroutine_on_loop_stack(void (*run)(void *argument), void *argument) {
  struct coroutine *self = coroutine_self();
  if (!self) {
    run(argument);
    return;
  }
  struct scheduler *scheduler = self->scheduler;
  scheduler->call = run;
  scheduler->call_argument = argument;
  switch_to_loop(scheduler, self, false);
}
