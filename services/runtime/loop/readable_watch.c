/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/readable_watch.h"

#include <stdlib.h>
#include <uv.h>

#include "base/memory.h"
#include "loop/loop.h"

struct readable_watch {
  uv_poll_t handle; /* first: libuv gives it back */
  void (*run)(void *argument);
  void *argument;
};

static void on_readable(uv_poll_t *handle, int status, int events) {
  struct readable_watch *watch = (struct readable_watch *)handle;
  (void)status, (void)events; /* an error shows when the library reads */
  watch->run(watch->argument);
}

struct readable_watch *readable_watch_open(struct loop *loop, int descriptor, void (*run)(void *argument),
                                           void *argument) {
  struct readable_watch *watch = memory_alloc(sizeof *watch);
  watch->run = run;
  watch->argument = argument;
  uv_poll_init(loop_uv(loop), &watch->handle, descriptor);
  uv_poll_start(&watch->handle, UV_READABLE, on_readable);
  return watch;
}

static void closed(uv_handle_t *handle) {
  free(handle);
}

void readable_watch_close(struct readable_watch *watch) {
  if (watch) uv_close((uv_handle_t *)&watch->handle, closed);
}
