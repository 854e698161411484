/* SPDX-License-Identifier: Apache-2.0 */
/* Waiters: calls that wait until everything up to a position has been applied, by whichever replica is the leader.
 *
 * A call that waits pokes the leader: a leader that blocks in Redis for want of events goes on at once, looks at the
 * clock and says how far it is. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"
#include "store/logs_reader.h"

/* A call that waits pokes again at this interval, in case a poke came just before the block. */
enum { WAITERS_POKE_US = 20000 };

struct waiters {
  struct progress *progress;
  struct logs_reader *reader; /* that the consumer blocks by; NULL while it doesn't */
  size_t count;               /* that wait at present */
  bool poked;                 /* since the last poll of the log */
  bool unblocking;            /* somebody is about to end that */
  struct condition wake;      /* of the consumer in a pause: signalled by a poke */
};

/* Ends the block of the leader, wherever it runs, and here the pauses of the consumer and the patience of its commit.
 * Yields. */
coroutine_fn void waiters_poke(struct waiters *waiters);

/* Waits as consumer_wait_for says. Yields. */
coroutine_fn struct status waiters_wait_for(struct waiters *waiters, struct context *context, const char *after);

/* Returns whether waiters_wait_for would be OK without a wait. */
bool waiters_has_seen(const struct waiters *waiters, const char *after);
