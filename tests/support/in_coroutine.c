/* SPDX-License-Identifier: Apache-2.0 */
#include "in_coroutine.h"

#include "loop/coroutine.h"
#include "loop/loop.h"
#include "patience.h"

static void run(void *argument) {
  void (*body)(struct context *) = *(void (**)(struct context *))argument;
  struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
  body(&context);
  arena_free(context.arena);
  loop_stop(coroutine_loop());
}

void in_coroutine(void (*body)(struct context *context)) {
  struct loop *loop = loop_new(NULL);
  loop_spawn(loop, run, &body);
  loop_run(loop);
  loop_free(loop);
}
