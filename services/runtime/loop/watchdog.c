/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/watchdog.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/scheduler.h"

enum {
  LOOK_US = 200 * 1000,
  STALL_US = 1000 * 1000,
  ENDLESS_US = 60 * 1000 * 1000,
  RECOVERY_MAX_US = 10 * 1000 * 1000,
  WHAT_SIZE = 192,
};

struct watchdog {
  struct scheduler *scheduler;
  pthread_t thread;
  pthread_mutex_t mutex; /* of what follows */
  pthread_cond_t end;
  bool ending;
  /* The latest stall. */
  bool standing;
  int64_t stood_us, ended_us;
  char what[WHAT_SIZE];
  /* The thread's own: the last look. */
  uint64_t resumes;
  int64_t looked_us, same_us;
  char told[WHAT_SIZE + 64]; /* the loop's own */
};

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* Whether the coroutine whose turn it was at the last look still has the same turn; says in it how long it has. */
static bool look_at_current(struct watchdog *watchdog, int64_t elapsed_us, char what[WHAT_SIZE]) {
  struct scheduler *scheduler = watchdog->scheduler;
  pthread_mutex_lock(&scheduler->labels);
  struct coroutine *current = atomic_load(&scheduler->current);
  uint64_t resumes = atomic_load(&scheduler->resumes);
  bool same = current && resumes == watchdog->resumes;
  watchdog->same_us = same ? watchdog->same_us + elapsed_us : 0;
  watchdog->resumes = resumes;
  if (same && !label_text(&current->label, what, WHAT_SIZE)) snprintf(what, WHAT_SIZE, "something without a label");
  if (same && watchdog->same_us >= STALL_US) atomic_store(&current->stood_us, watchdog->same_us);
  pthread_mutex_unlock(&scheduler->labels);
  return same;
}

static const char *milliseconds(int64_t us) {
  return log_number(us / 1000);
}

static void note_stall(struct watchdog *watchdog, const char *what) {
  bool begins = !watchdog->standing;
  watchdog->standing = true;
  watchdog->stood_us = watchdog->same_us;
  snprintf(watchdog->what, sizeof watchdog->what, "%s", what);
  if (begins) {
    log_event(LOG_WARN, "everything stands still, because it does not give way", "at", what, "ms",
              milliseconds(watchdog->stood_us), NULL);
  }
  if (watchdog->stood_us < ENDLESS_US) return;
  log_event(LOG_ERROR, "the process ends, because it stood still for too long", "at", what, "ms",
            milliseconds(watchdog->stood_us), NULL);
  log_stop();
  abort();
}

static void note_end(struct watchdog *watchdog, int64_t now_us) {
  watchdog->standing = false;
  watchdog->ended_us = now_us;
  log_event(LOG_WARN, "everything goes on", "at", watchdog->what, "ms", milliseconds(watchdog->stood_us), NULL);
}

/* A look that comes late, because the whole process was stopped or got no time, counts as two at most. */
static void look(struct watchdog *watchdog) {
  char what[WHAT_SIZE];
  int64_t now_us = clock_monotonic_us(), elapsed_us = now_us - watchdog->looked_us;
  watchdog->looked_us = now_us;
  bool same = look_at_current(watchdog, elapsed_us < 2 * LOOK_US ? elapsed_us : 2 * LOOK_US, what);
  if (same && watchdog->same_us >= STALL_US) {
    note_stall(watchdog, what);
  } else if (watchdog->standing) {
    note_end(watchdog, now_us);
  }
}

static struct timespec monotonic(int64_t us) {
  return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

static void *watchdog_run(void *argument) {
  struct watchdog *watchdog = argument;
  pthread_mutex_lock(&watchdog->mutex);
  watchdog->looked_us = clock_monotonic_us();
  while (!watchdog->ending) {
    struct timespec until = monotonic(clock_monotonic_us() + LOOK_US);
    pthread_cond_timedwait(&watchdog->end, &watchdog->mutex, &until);
    if (!watchdog->ending) look(watchdog);
  }
  pthread_mutex_unlock(&watchdog->mutex);
  return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct watchdog *watchdog_start(struct scheduler *scheduler) {
  struct watchdog *watchdog = memory_calloc(1, sizeof *watchdog);
  watchdog->scheduler = scheduler;
  pthread_mutex_init(&watchdog->mutex, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&watchdog->end, &attributes);
  pthread_condattr_destroy(&attributes);
  sigset_t all, before; /* signals are the loop's */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&watchdog->thread, NULL, watchdog_run, watchdog);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed) {
    log_event(LOG_ERROR, "can't start the watchdog's thread", "error", log_number(failed), NULL);
    log_stop();
    abort();
  }
  pthread_setname_np(watchdog->thread, "watchdog");
  return watchdog;
}

void watchdog_stop(struct watchdog *watchdog) {
  pthread_mutex_lock(&watchdog->mutex);
  watchdog->ending = true;
  pthread_cond_signal(&watchdog->end);
  pthread_mutex_unlock(&watchdog->mutex);
  pthread_join(watchdog->thread, NULL);
  pthread_cond_destroy(&watchdog->end);
  pthread_mutex_destroy(&watchdog->mutex);
  free(watchdog);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

const char *watchdog_stall(struct watchdog *watchdog) {
  char *told = watchdog->told;
  pthread_mutex_lock(&watchdog->mutex);
  int64_t stood_us = watchdog->stood_us;
  int64_t recovery_us = stood_us < RECOVERY_MAX_US ? stood_us : RECOVERY_MAX_US;
  /* while it is noted as standing, the thread has not seen yet that it is over */
  bool stall = watchdog->standing || clock_monotonic_us() - watchdog->ended_us < recovery_us;
  told[0] = '\0';
  if (stall) {
    snprintf(told, sizeof watchdog->told, "everything stood still for %" PRId64 ".%" PRId64 " s in %s",
             stood_us / 1000000, stood_us / 100000 % 10, watchdog->what);
  }
  pthread_mutex_unlock(&watchdog->mutex);
  return told;
}
