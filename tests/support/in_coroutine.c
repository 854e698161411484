#include "in_coroutine.h"

#include "base/clock.h"
#include "loop/coroutine.h"
#include "loop/loop.h"

enum { DEADLINE_US = 30 * 1000 * 1000 };

static void run(void *argument) {
  void (*body)(struct context *) = *(void (**)(struct context *))argument;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + DEADLINE_US};
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
