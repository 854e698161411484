/* SPDX-License-Identifier: Apache-2.0 */
/* Commit: the transactions of concurrent calls, carried out by one Redis function.
 *
 * What a function costs Redis' one thread besides its changes (the call itself, the clock, and with it the sync to
 * disk) is so paid once for many calls. A transaction that comes while no commit is under way is sent at once; those
 * that come while one is under way wait in line, and make the next one. One that can wait (patience_us) begins no
 * commit of its own for so long, but goes with the next. A commit has at most as many steps as Redis carries out well
 * within 10 ms; a transaction that is bigger goes alone.
 *
 * Each transaction has its own outcome (lua/transactions.lua): one that is refused, or fails, takes no others with it.
 * What hits the function as a whole (Redis is away, or refuses writes) hits all that it carries. A caller whose
 * deadline comes while it waits in line leaves it, and nothing was done; one whose transaction has been sent does not
 * learn what became of it. Threads: the loop's. */
#pragma once

#include "base/arena.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "store/store_connections.h"

/* Starts carrying out the store's transactions. */
struct committer *committer_start(struct loop *loop, struct arena *arena, struct event_store *store);

/* Ends the patience of those in line: they are sent as soon as the commit under way has ended. */
void committer_hurry(struct committer *committer);

/* Yields until those under way have ended. No transaction may be run afterwards. */
coroutine_fn void committer_stop(struct committer *committer);
