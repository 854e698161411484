/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/blocking.h"

#include <stdbool.h>
#include <uv.h>

#include "loop/coroutine.h"
#include "loop/loop.h"

/* On the stack of the coroutine that waits. */
struct work {
  uv_work_t request; /* first: libuv gives it back */
  uv_loop_t *uv;
  void (*run)(void *argument);
  void *argument;
  struct coroutine *coroutine;
  bool done;
};

static void on_thread(uv_work_t *request) {
  struct work *work = (struct work *)request;
  work->run(work->argument);
}

static void on_done(uv_work_t *request, int status) {
  (void)status; /* nothing cancels it */
  struct work *work = (struct work *)request;
  work->done = true;
  coroutine_wake(work->coroutine);
}

static void queue(void *argument) {
  struct work *work = argument;
  uv_queue_work(work->uv, &work->request, on_thread, on_done);
}

coroutine_fn void blocking_run(void (*run)(void *argument), void *argument) {
  struct work work = {.uv = loop_uv(coroutine_loop()), .run = run, .argument = argument, .coroutine = coroutine_self()};
  coroutine_on_loop_stack(queue, &work);
  while (!work.done) coroutine_yield();
}
