#include "rpc/rpc_runtime.h"

#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "rpc/rpc_mutex.h"

enum { THREADS_MOST = 16 };

static struct {
  pthread_mutex_t mutex;
  int users;
  grpc_completion_queue *queue;
  pthread_t threads[THREADS_MOST];
  int thread_count;
} runtime = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* gRPC's complaints (a peer that sends garbage, an address that is taken) are told to callers as statuses as well; in
 * the log they are for whoever looks for the cause. */
static void log_grpc(gpr_log_func_args *entry) {
  enum log_level level = entry->severity == GPR_LOG_SEVERITY_ERROR ? LOG_WARN : LOG_DEBUG;
  log_event(level, "gRPC", "text", entry->message, "file", entry->file, "line", log_number(entry->line), NULL);
}

void rpc_library_acquire(void) {
  gpr_set_log_function(log_grpc);
  rpc_mutex_stop_detector();
  grpc_init();
}

void rpc_library_release(void) {
  grpc_shutdown_blocking();
}

bool rpc_arrival_to_loop(struct rpc_arrival *arrival) {
  (void)arrival;
  return true;
}

static void *poll_queue(void *argument) {
  grpc_completion_queue *queue = argument;
  for (;;) {
    grpc_event event = grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    if (event.type == GRPC_QUEUE_SHUTDOWN) return NULL;
    struct rpc_arrival *arrival = event.tag;
    arrival->ok = event.success != 0;
    if (arrival->arrived(arrival)) loop_post(arrival->loop, &arrival->task);
  }
}

/* Signals are the loop's: a polling thread takes none. */
static void thread_start(void) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&runtime.threads[runtime.thread_count], NULL, poll_queue, runtime.queue);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error) {
    log_event(LOG_ERROR, "no thread for gRPC", "error", log_number(error), NULL);
    abort();
  }
  pthread_setname_np(runtime.threads[runtime.thread_count++], "grpc-io");
}

grpc_completion_queue *rpc_runtime_acquire(int threads) {
  pthread_mutex_lock(&runtime.mutex);
  if (runtime.users++ == 0) {
    rpc_library_acquire();
    runtime.queue = grpc_completion_queue_create_for_next(NULL);
  }
  while (runtime.thread_count < threads && runtime.thread_count < THREADS_MOST) thread_start();
  grpc_completion_queue *queue = runtime.queue;
  pthread_mutex_unlock(&runtime.mutex);
  return queue;
}

void rpc_runtime_release(void) {
  pthread_mutex_lock(&runtime.mutex);
  if (--runtime.users == 0) {
    grpc_completion_queue_shutdown(runtime.queue);
    while (runtime.thread_count > 0) pthread_join(runtime.threads[--runtime.thread_count], NULL);
    grpc_completion_queue_destroy(runtime.queue);
    rpc_library_release();
  }
  pthread_mutex_unlock(&runtime.mutex);
}
