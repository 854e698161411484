/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/poison.h"
#include "loop/fd_watch.h"
#include "loop/label.h"
#include "loop/scheduler.h"
#include "loop/watchdog.h"

enum {
#ifdef ADDRESS_SANITIZED
  STACK_BYTES = 256 * 1024,
#else
  STACK_BYTES = 64 * 1024,
#endif
  MAX_COROUTINES = 10000,
  RUNS_PER_TURN = 512, /* of coroutines, before I/O has its turn */
  US_PER_MS = 1000,
  US_PER_S = 1000 * 1000,
  NS_PER_US = 1000,
};

struct loop {
  struct scheduler scheduler;
  uv_loop_t uv;
  uv_prepare_t turn;
  uv_check_t polled;
  uv_idle_t busy;    /* active: there is more to do, the poll must not sleep */
  uv_async_t wakeup; /* ends the sleep when a task is posted */
  uv_timer_t timer;  /* ends the sleep when a deadline comes */
  int64_t timer_us;  /* for when it is set; 0 means it isn't */
  struct loop_flush *flushes;
  bool stopping;
  /* Tasks of other threads, newest first. */
  _Atomic(struct loop_task *) posted;
  atomic_bool asleep; /* is, or is about to be, in a poll that only `wakeup` or the poller's wake ends */
  pthread_mutex_t poller_mutex;
  struct loop_poller *poller;
  struct fd_watch *watch; /* of libuv's descriptor, with a poller */
  int64_t gather_us;      /* for the next sleep in the poller; 0 means that it ends with the first event */
  bool watched;
  struct watchdog *watchdog; /* while it runs */
};

uv_loop_t *loop_uv(struct loop *loop) {
  return &loop->uv;
}

struct loop_figures loop_figures(const struct loop *loop) {
  const struct scheduler *scheduler = &loop->scheduler;
  return (struct loop_figures){.coroutines = scheduler->coroutines,
                               .coroutines_max = scheduler->coroutines_max,
                               .stacks = scheduler->stacks,
                               .stack_bytes_max = scheduler->stack_bytes_max};
}

bool loop_spawn(struct loop *loop, void (*run)(void *argument), void *argument) {
  return scheduler_spawn(&loop->scheduler, run, argument);
}

void loop_trim(struct loop *loop) {
  scheduler_trim(&loop->scheduler);
}

/* ---- tasks of other threads ------------------------------------------------------------------------------------- */

/* Ends a sleep, or one that is about to begin; a loop that is awake needs nothing. The mutex keeps the poller there. */
static void wake(struct loop *loop) {
  if (!atomic_load(&loop->asleep) || !atomic_exchange(&loop->asleep, false)) return;
  pthread_mutex_lock(&loop->poller_mutex);
  if (loop->poller) {
    loop->poller->wake(loop->poller);
  } else {
    uv_async_send(&loop->wakeup);
  }
  pthread_mutex_unlock(&loop->poller_mutex);
}

void loop_post(struct loop *loop, struct loop_task *task) {
  struct loop_task *first = atomic_load_explicit(&loop->posted, memory_order_relaxed);
  do {
    task->next = first;
  } while (!atomic_compare_exchange_weak(&loop->posted, &first, task));
  /* A loop that is awake looks at the list before it sleeps; that saves a system call per task under load. */
  wake(loop);
}

static void run_posted(struct loop *loop) {
  if (!atomic_load_explicit(&loop->posted, memory_order_relaxed)) return;
  struct loop_task *newest = atomic_exchange(&loop->posted, NULL), *oldest = NULL;
  while (newest) {
    struct loop_task *task = newest;
    newest = task->next;
    task->next = oldest;
    oldest = task;
  }
  while (oldest) {
    struct loop_task *task = oldest;
    oldest = task->next;
    task->run(task);
  }
}

/* ---- flushes ---------------------------------------------------------------------------------------------------- */

void loop_flush_add(struct loop *loop, struct loop_flush *flush) {
  struct loop_flush **link = &loop->flushes;
  while (*link) link = &(*link)->next;
  flush->next = NULL;
  *link = flush;
}

void loop_flush_remove(struct loop *loop, struct loop_flush *flush) {
  struct loop_flush **link = &loop->flushes;
  while (*link && *link != flush) link = &(*link)->next;
  if (*link) *link = flush->next;
}

static void run_flushes(struct loop *loop) {
  struct loop_flush *flush = loop->flushes;
  while (flush) {
    struct loop_flush *next = flush->next; /* it may remove itself */
    flush->run(flush);
    flush = next;
  }
}

/* ---- turns ------------------------------------------------------------------------------------------------------
 *
 * A turn is libuv's prepare callback: whatever libuv has called since the last poll (timers, closings, I/O) is followed
 * by the coroutines that it woke, and these by the flushes, before libuv sleeps. */

static void wakeup_sent(uv_async_t *wakeup) {
  (void)wakeup; /* the next turn looks for posted tasks */
}

static void timer_fired(uv_timer_t *timer) {
  ((struct loop *)timer->data)->timer_us = 0;
}

static void nothing_to_do(uv_idle_t *busy) {
  (void)busy;
}

/* Makes the sleep end at the first deadline. A timer that is set for an earlier time stays: it costs one idle turn,
 * setting it anew for each deadline would cost more. */
static void set_timer(struct loop *loop) {
  const struct timer *first = timers_first(&loop->scheduler.timers);
  if (!first || (loop->timer_us != 0 && loop->timer_us <= first->deadline_us)) return;
  int64_t now_us = clock_monotonic_us();
  int64_t wait_us = first->deadline_us > now_us ? first->deadline_us - now_us : 0;
  uint64_t wait_ms = ((uint64_t)wait_us + US_PER_MS - 1) / US_PER_MS;
  uv_update_time(&loop->uv);
  uv_timer_start(&loop->timer, timer_fired, wait_ms, 0);
  loop->timer_us = first->deadline_us > 0 ? first->deadline_us : 1;
}

void loop_gather(struct loop *loop, int64_t us) {
  loop->gather_us = us;
}

/* Sleeps without the poller, whose events come together meanwhile. */
static void gather(struct loop *loop) {
  uv_idle_stop(&loop->busy);
  uv_update_time(&loop->uv);
  int64_t timer_us = (int64_t)uv_backend_timeout(&loop->uv) * US_PER_MS; /* negative means that there is none */
  int64_t us = timer_us >= 0 && timer_us < loop->gather_us ? timer_us : loop->gather_us;
  struct timespec time = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * NS_PER_US};
  struct pollfd uv = {.fd = uv_backend_fd(&loop->uv), .events = POLLIN};
  loop->gather_us = 0;
  ppoll(&uv, 1, &time, NULL);
}

/* Sleeps in the poller, or, if the loop is busy, lets it look; libuv only looks afterwards. */
static void poll_elsewhere(struct loop *loop, bool busy) {
  int timeout_ms = 0;
  if (!busy && loop->gather_us > 0) {
    gather(loop);
  } else if (!busy && !fd_watch_arm(loop->watch)) {
    uv_idle_stop(&loop->busy);
    uv_update_time(&loop->uv);
    timeout_ms = uv_backend_timeout(&loop->uv);
  }
  loop->poller->poll(loop->poller, timeout_ms);
  atomic_store(&loop->asleep, false);
}

/* Decides whether the poll that follows may sleep: an active idle handle makes libuv only look. */
static void prepare_poll(struct loop *loop) {
  bool busy = loop->scheduler.ready_first != NULL;
  if (!busy) {
    set_timer(loop);
    atomic_store(&loop->asleep, true);
    busy = atomic_load(&loop->posted) != NULL;
  }
  if (loop->poller) {
    poll_elsewhere(loop, busy);
    busy = true;
  }
  if (busy) {
    uv_idle_start(&loop->busy, nothing_to_do);
  } else {
    uv_idle_stop(&loop->busy);
  }
}

static void turn(uv_prepare_t *prepare) {
  struct loop *loop = prepare->data;
  run_posted(loop);
  if (timers_first(&loop->scheduler.timers)) scheduler_expire(&loop->scheduler, clock_monotonic_us());
  scheduler_run_ready(&loop->scheduler, RUNS_PER_TURN);
  run_flushes(loop);
  prepare_poll(loop);
}

static void polled(uv_check_t *check) {
  struct loop *loop = check->data;
  atomic_store(&loop->asleep, false);
}

void loop_stop(struct loop *loop) {
  loop->stopping = true;
  uv_stop(&loop->uv);
}

void loop_run(struct loop *loop) {
  scheduler_enter(&loop->scheduler);
  if (loop->watched) loop->watchdog = watchdog_start(&loop->scheduler);
  while (!loop->stopping) uv_run(&loop->uv, UV_RUN_DEFAULT);
  if (loop->watchdog) watchdog_stop(loop->watchdog);
  loop->watchdog = NULL;
  loop->stopping = false;
  scheduler_leave();
}

const char *loop_stall(const struct loop *loop) {
  return loop->watchdog ? watchdog_stall(loop->watchdog) : "";
}

static void descriptor_ready(void *argument) {
  wake(argument);
}

void loop_set_poller(struct loop *loop, struct loop_poller *poller) {
  if (loop->watch) fd_watch_free(loop->watch);
  pthread_mutex_lock(&loop->poller_mutex);
  loop->poller = poller;
  pthread_mutex_unlock(&loop->poller_mutex);
  loop->watch = poller ? fd_watch_new(uv_backend_fd(&loop->uv), descriptor_ready, loop) : NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void check_uv(int error, const char *what) {
  if (error == 0) return;
  log_event(LOG_ERROR, "the event loop failed", "call", what, "error", uv_strerror(error), NULL);
  log_stop();
  abort();
}

static void handles_init(struct loop *loop) {
  uv_loop_t *uv = &loop->uv;
  check_uv(uv_loop_init(uv), "uv_loop_init");
  check_uv(uv_async_init(uv, &loop->wakeup, wakeup_sent), "uv_async_init");
  uv_timer_init(uv, &loop->timer);
  uv_prepare_init(uv, &loop->turn);
  uv_check_init(uv, &loop->polled);
  uv_idle_init(uv, &loop->busy);
  loop->timer.data = loop->turn.data = loop->polled.data = loop;
  uv_prepare_start(&loop->turn, turn);
  uv_check_start(&loop->polled, polled);
}

struct loop *loop_new(const struct loop_options *options) {
  log_ids_from(label_ids_here);
  struct loop *loop = memory_calloc(1, sizeof(*loop));
  struct scheduler *scheduler = &loop->scheduler;
  scheduler->loop = loop;
  scheduler->stack_bytes = options && options->stack_bytes > 0 ? options->stack_bytes : STACK_BYTES;
  scheduler->max_coroutines = options && options->max_coroutines > 0 ? options->max_coroutines : MAX_COROUTINES;
  loop->watched = !options || !options->unwatched;
  scheduler_init(scheduler);
  pthread_mutex_init(&loop->poller_mutex, NULL);
  handles_init(loop);
  return loop;
}

void loop_free(struct loop *loop) {
  uv_handle_t *handles[] = {(uv_handle_t *)&loop->wakeup, (uv_handle_t *)&loop->timer, (uv_handle_t *)&loop->turn,
                            (uv_handle_t *)&loop->polled, (uv_handle_t *)&loop->busy};
  for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) uv_close(handles[i], NULL);
  while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) continue;
  check_uv(uv_loop_close(&loop->uv), "uv_loop_close");
  scheduler_clear(&loop->scheduler);
  pthread_mutex_destroy(&loop->poller_mutex);
  free(loop);
}
