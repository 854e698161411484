/* SPDX-License-Identifier: Apache-2.0 */
/* Turn: commands that change the same thing are all carried out, one after another, however many come at once.
 *
 * A command tries at once. If the guards of its transaction refuse it because another was quicker, it waits for its
 * turn: within a process those that were refused try again one at a time, in the order in which they came; against
 * those of other replicas, and newcomers, the one whose turn it is tries again after a short pause. Either wait ends
 * with the command's deadline, so that a caller hears of contention only where waiting would not have helped. Threads:
 * the loop's.
 *
 *   struct turn turn = turn_of(store, context, "customer", id);
 *   bool again;
 *   do {
 *     status = try_it(..., &again);
 *   } while (status_is_ok(status) && again && turn_wait(&turn, &status));
 *   turn_end(&turn);
 */
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/keyed_lock.h"
#include "store/event_store.h"

struct turn {
  struct event_store *store;
  struct context *context;
  const char *type, *id;
  int waits;
  struct keyed_lock_holder holder; /* from the first wait on */
};

/* `type` ("customer") tells ids of different things apart; both must live as long as the turn. */
struct turn turn_of(struct event_store *store, struct context *context, const char *type, const char *id);

/* Yields until it is this command's turn to try again; while it is, yields for a pause that is longer each time (1 ms
 * doubling to 64 ms, with jitter). Returns false, with *ret_status DEADLINE_EXCEEDED (CONTENDED), when the deadline is
 * over. */
coroutine_fn bool turn_wait(struct turn *turn, struct status *ret_status);

/* Returns how long the command whose turn it is pauses after its `waits`-th try (0 is the first): 1 ms, doubling to 64
 * ms, with jitter. In microseconds. */
int64_t turn_pause_us(int waits);

/* Lets the next one try. Does nothing if the command has not waited. */
void turn_end(struct turn *turn);
