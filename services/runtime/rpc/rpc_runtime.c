/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_runtime.h"

#include <grpc/support/log.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "rpc/rpc_mutex.h"
#include "tls/tls_openssl.h"

enum { COMPLETIONS_PER_TURN = 512, COMPLAINT_BYTES = 128, COMPLAINT_US = 60 * 1000 * 1000 };

struct rpc_runtime {
  struct loop_poller poller; /* first: the loop holds a pointer to it */
  struct loop *loop;
  grpc_completion_queue *queue;
  int users;
  /* For waking: a call that is never made. An empty batch of it completes at once, which ends a sleep in the queue. */
  grpc_channel *nowhere;
  grpc_call *never;
  struct rpc_arrival woken;
  struct rpc_runtime *next;
};

/* The runtimes of the loops; a process has one, a test some. */
static pthread_mutex_t runtimes_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct rpc_runtime *runtimes;

/* ---- library ---------------------------------------------------------------------------------------------------- */

/* Programs without a loop have no log: their calls' statuses say it all. */
static atomic_bool has_runtime;

/* A client that can't connect, or is refused, comes again and again, so the same words make one line a minute. */
static bool complaint_is_old(const char *text) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static char last[COMPLAINT_BYTES];
  static int64_t told_us;
  char begin[COMPLAINT_BYTES];
  snprintf(begin, sizeof(begin), "%s", text);
  int64_t now_us = clock_monotonic_us();
  pthread_mutex_lock(&mutex);
  bool old = strcmp(begin, last) == 0 && now_us - told_us < COMPLAINT_US;
  if (!old) {
    memcpy(last, begin, sizeof(last));
    told_us = now_us;
  }
  pthread_mutex_unlock(&mutex);
  return old;
}

/* That a server refuses a client is told nowhere else. */
static bool is_refusal(const char *text) {
  return strncmp(text, "Handshake failed", strlen("Handshake failed")) == 0 && atomic_load(&has_runtime);
}

static bool is_verbose(void) {
  const char *verbosity = getenv("GRPC_VERBOSITY");
  return verbosity && *verbosity;
}

/* gRPC's complaints (a peer that sends garbage, an address that is taken) are told to callers as statuses as well;
 * GRPC_VERBOSITY puts them into the log for those who look for the cause. */
static void log_grpc(gpr_log_func_args *entry) {
  bool wanted = is_verbose();
  bool is_error = entry->severity == GPR_LOG_SEVERITY_ERROR;
  if (!wanted && !(is_error && is_refusal(entry->message))) return;
  enum log_level level = is_error && !complaint_is_old(entry->message) ? LOG_WARN : LOG_DEBUG;
  log_event(level, "gRPC", "text", entry->message, "file", entry->file, "line", log_number(entry->line), NULL);
}

void rpc_library_acquire(void) {
  gpr_set_log_function(log_grpc);
  if (!is_verbose()) gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  rpc_mutex_stop_detector();
  tls_openssl_outlive_main();
  grpc_init();
}

void rpc_library_release(void) {
  grpc_shutdown_blocking();
}

/* ---- polling ---------------------------------------------------------------------------------------------------- */

/* Runs the next completion. Returns false if none came in time. */
static bool take(struct rpc_runtime *runtime, gpr_timespec until) {
  grpc_event event = grpc_completion_queue_next(runtime->queue, until, NULL);
  if (event.type != GRPC_OP_COMPLETE) return false;
  struct rpc_arrival *arrival = event.tag;
  arrival->ok = event.success != 0;
  arrival->run(arrival);
  return true;
}

static gpr_timespec time_in(int timeout_ms) {
  if (timeout_ms < 0) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
}

static void poll_queue(struct loop_poller *poller, int timeout_ms) {
  struct rpc_runtime *runtime = (struct rpc_runtime *)poller;
  if (timeout_ms != 0 && !take(runtime, time_in(timeout_ms))) return;
  for (int i = 0; i < COMPLETIONS_PER_TURN && take(runtime, gpr_inf_past(GPR_CLOCK_MONOTONIC)); i++) continue;
}

void rpc_runtime_wait(struct rpc_runtime *runtime) {
  take(runtime, gpr_inf_future(GPR_CLOCK_MONOTONIC));
}

static void wake(struct loop_poller *poller) {
  struct rpc_runtime *runtime = (struct rpc_runtime *)poller;
  grpc_call_start_batch(runtime->never, NULL, 0, &runtime->woken, NULL);
}

static void ignore(struct rpc_arrival *arrival) {
  (void)arrival;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static struct rpc_runtime *runtime_new(struct loop *loop) {
  struct rpc_runtime *runtime = memory_calloc(1, sizeof(*runtime));
  rpc_library_acquire();
  atomic_store(&has_runtime, true);
  runtime->poller = (struct loop_poller){.poll = poll_queue, .wake = wake};
  runtime->loop = loop;
  runtime->queue = grpc_completion_queue_create_for_next(NULL);
  runtime->woken.run = ignore;
  runtime->nowhere = grpc_lame_client_channel_create("nowhere", GRPC_STATUS_UNAVAILABLE, "nowhere");
  runtime->never =
      grpc_channel_create_call(runtime->nowhere, NULL, 0, runtime->queue, grpc_slice_from_static_string("/never"), NULL,
                               gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
  loop_set_poller(loop, &runtime->poller);
  return runtime;
}

static void runtime_free(struct rpc_runtime *runtime) {
  loop_set_poller(runtime->loop, NULL);
  grpc_call_unref(runtime->never);
  grpc_channel_destroy(runtime->nowhere);
  grpc_completion_queue_shutdown(runtime->queue);
  while (take(runtime, gpr_inf_future(GPR_CLOCK_MONOTONIC))) continue;
  grpc_completion_queue_destroy(runtime->queue);
  rpc_library_release();
  free(runtime);
}

struct rpc_runtime *rpc_runtime_acquire(struct loop *loop) {
  pthread_mutex_lock(&runtimes_mutex);
  struct rpc_runtime *runtime = runtimes;
  while (runtime && runtime->loop != loop) runtime = runtime->next;
  if (!runtime) {
    runtime = runtime_new(loop);
    runtime->next = runtimes;
    runtimes = runtime;
  }
  runtime->users++;
  pthread_mutex_unlock(&runtimes_mutex);
  return runtime;
}

grpc_completion_queue *rpc_runtime_queue(struct rpc_runtime *runtime) {
  return runtime->queue;
}

static void runtime_unlink(struct rpc_runtime *runtime) {
  struct rpc_runtime **link = &runtimes;
  while (*link != runtime) link = &(*link)->next;
  *link = runtime->next;
}

void rpc_runtime_release(struct rpc_runtime *runtime) {
  if (--runtime->users > 0) return;
  pthread_mutex_lock(&runtimes_mutex);
  runtime_unlink(runtime);
  pthread_mutex_unlock(&runtimes_mutex);
  runtime_free(runtime);
}
