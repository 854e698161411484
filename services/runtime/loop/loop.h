/* SPDX-License-Identifier: Apache-2.0 */
/* Loop: the one thread that runs all coroutines of a service, on libuv.
 *
 * Everything here is for the loop's thread, except loop_post. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

struct loop_options {
  size_t stack_bytes;    /* of a coroutine; 0 means 64 KiB (256 KiB under sanitizers) */
  size_t max_coroutines; /* living at once; 0 means 10,000 */
  bool unwatched;        /* without a watchdog: a program in a terminal may stand until somebody reads on */
};

/* Returns a new loop, which the caller owns. `options` may be NULL. */
struct loop *loop_new(const struct loop_options *options);

/* Runs until loop_stop. All coroutines must have ended before loop_free. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
void loop_free(struct loop *loop);

/* Returns the libuv loop (uv_loop_t), which is for the handles of this layer and of Redis' connections. Others have
 * signal_watch.h, blocking.h, fd_watch.h and listener.h. */
struct uv_loop_s *loop_uv(struct loop *loop);

/* A task handed over from another thread: embed it, set `run`, post it. It runs on the loop's own stack, in the order
 * of posting; the loop does not touch it after calling `run`. */
struct loop_task {
  void (*run)(struct loop_task *task);
  struct loop_task *next; /* the loop's */
};

/* Any thread. */
void loop_post(struct loop *loop, struct loop_task *task);

/* Registers a function that is called at the end of every turn of the loop, before it sleeps: the place to flush what
 * the turn's coroutines have buffered. Embed the struct. */
struct loop_flush {
  void (*run)(struct loop_flush *flush);
  struct loop_flush *next;
};
void loop_flush_add(struct loop *loop, struct loop_flush *flush);
void loop_flush_remove(struct loop *loop, struct loop_flush *flush);

/* Another library's way to wait for events (gRPC's completion queue), which takes the place of the loop's sleep in
 * libuv: its events are then handled without changing threads. While the loop sleeps there, a thread watches libuv's
 * descriptor and ends the sleep when libuv has something to do. At most one poller at a time. */
struct loop_poller {
  /* Handles what is there, on the loop's own stack. If nothing is, waits for at most `timeout_ms` (-1 means without
   * limit, 0 not at all) or until `wake`. Called once a turn, after the flushes. */
  void (*poll)(struct loop_poller *poller, int timeout_ms);
  void (*wake)(struct loop_poller *poller); /* any thread; may come when nobody sleeps any more */
};

/* Sets the poller; with NULL the loop sleeps in libuv. Once this has returned, the previous poller is not called again.
 */
void loop_set_poller(struct loop *loop, struct loop_poller *poller);

/* Lets what the poller waits for, and what other threads post, come together: when the loop next sleeps, it looks at
 * the poller `us` later, and handles in one turn what would have ended a sleep each. A timer, or anything else that
 * libuv has to do, ends this sleep. A loop that is busy does not sleep, and loses no time. */
void loop_gather(struct loop *loop, int64_t us);

/* Starts a coroutine, which first runs when the caller next gives way. Returns false if max_coroutines live already. */
bool loop_spawn(struct loop *loop, void (*run)(void *argument), void *argument);

/* Gives back the stacks that are kept for coroutines to come, except for a few. */
void loop_trim(struct loop *loop);

/* After a coroutine did not give way, which stopped everything else, this returns which one it was, by its label, and
 * for how long it lasted. It does so for as long again, at most 10 s; otherwise it returns "". The text is valid until
 * the next call. See watchdog.h. */
const char *loop_stall(const struct loop *loop);

struct loop_figures {
  size_t coroutines;      /* living */
  size_t coroutines_max;  /* at once since the start */
  size_t stacks;          /* of living coroutines, and kept for those to come */
  size_t stack_bytes_max; /* deepest use of a stack that was measured (test builds), else 0 */
};

/* Returns how many coroutines and stacks there are now. */
struct loop_figures loop_figures(const struct loop *loop);
