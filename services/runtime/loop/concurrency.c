/* SPDX-License-Identifier: Apache-2.0 */
/* What coroutine.h offers beyond yielding and waking: sleep, conditions, many at once. */
#include "base/clock.h"
#include "loop/coroutine.h"
#include "loop/label.h"
#include "loop/scheduler.h"

coroutine_fn void coroutine_sleep(int64_t duration_us, int64_t deadline_us) {
  int64_t until;
  if (__builtin_add_overflow(clock_monotonic_us(), duration_us, &until)) until = INT64_MAX;
  if (deadline_us < until) until = deadline_us;
  while (coroutine_yield_until(until)) continue;
}

/* ---- condition -------------------------------------------------------------------------------------------------- */

static void waiter_add(struct condition *condition, struct condition_waiter *waiter) {
  waiter->next = condition->first;
  waiter->link = &condition->first;
  if (waiter->next) waiter->next->link = &waiter->next;
  condition->first = waiter;
}

static void waiter_remove(struct condition_waiter *waiter) {
  *waiter->link = waiter->next;
  if (waiter->next) waiter->next->link = waiter->link;
}

coroutine_fn bool condition_wait(struct condition *condition, int64_t deadline_us) {
  struct coroutine *self = coroutine_self();
  struct condition_waiter *waiter = &self->waiter;
  waiter->coroutine = self;
  waiter_add(condition, waiter);
  while (waiter->link) {
    if (coroutine_yield_until(deadline_us) || !waiter->link) continue;
    waiter_remove(waiter);
    return false;
  }
  return true;
}

void condition_signal_all(struct condition *condition) {
  /* Waiters were added in front; the one that has waited longest runs first. */
  struct condition_waiter *oldest = NULL;
  while (condition->first) {
    struct condition_waiter *waiter = condition->first;
    condition->first = waiter->next;
    waiter->next = oldest;
    oldest = waiter;
  }
  while (oldest) {
    struct condition_waiter *waiter = oldest;
    oldest = waiter->next;
    waiter->link = NULL;
    coroutine_wake(waiter->coroutine);
  }
}

/* ---- for each --------------------------------------------------------------------------------------------------- */

/* On the caller's stack; the caller works like the coroutines that it spawns, and waits for the last of them. */
struct crew {
  void (*run)(void *item);
  void **items;
  int count;
  int next;    /* index of the next item */
  int helpers; /* spawned and not yet ended */
  struct coroutine *caller;
  bool waiting;
};

static void crew_work(struct crew *crew) {
  while (crew->next < crew->count) crew->run(crew->items[crew->next++]);
}

static void helper_run(void *argument) {
  struct crew *crew = argument;
  label_set(&crew->caller->label);
  crew_work(crew);
  crew->helpers--;
  if (crew->helpers == 0 && crew->waiting) coroutine_wake(crew->caller);
}

coroutine_fn void coroutine_for_each(void (*run)(void *item), void **items, int count, int width) {
  struct crew crew = {.run = run, .items = items, .count = count, .caller = coroutine_self()};
  int helpers = (width < count ? width : count) - 1;
  while (crew.helpers < helpers && scheduler_spawn(scheduler_here(), helper_run, &crew)) crew.helpers++;
  crew_work(&crew);
  crew.waiting = true;
  while (crew.helpers > 0) coroutine_yield();
}
