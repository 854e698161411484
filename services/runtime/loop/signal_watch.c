/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/signal_watch.h"

#include <stdlib.h>
#include <uv.h>

#include "base/memory.h"
#include "loop/loop.h"

struct signal_watch {
  uv_signal_t handle; /* first: libuv gives it back */
  void (*run)(void *argument, int number);
  void *argument;
};

static void on_signal(uv_signal_t *handle, int number) {
  struct signal_watch *watch = (struct signal_watch *)handle;
  watch->run(watch->argument, number);
}

struct signal_watch *signal_watch_open(struct loop *loop, int number, void (*run)(void *argument, int number),
                                       void *argument) {
  struct signal_watch *watch = memory_alloc(sizeof *watch);
  watch->run = run;
  watch->argument = argument;
  uv_signal_init(loop_uv(loop), &watch->handle);
  uv_signal_start(&watch->handle, on_signal, number);
  return watch;
}

static void closed(uv_handle_t *handle) {
  free(handle);
}

void signal_watch_close(struct signal_watch *watch) {
  uv_close((uv_handle_t *)&watch->handle, closed);
}
