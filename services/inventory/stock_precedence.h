/* SPDX-License-Identifier: Apache-2.0 */
/* Stock precedence: a change that is refused again and again, because other processes are quicker, makes them wait.
 *
 * A change of a thousand products takes longer to decide than one of three. Where another process changes one of them
 * without a break, it would hardly ever find all as it was read. So, when it has been refused for 200 ms in its turn,
 * it puts its process' name into a key; the other processes look at that key every 20 ms, with what they read or
 * commit, and begin nothing new while it names another one. They can wait without harm, and nothing relies on it: what
 * is decided is compared in any case (stock_change.h). The key goes with the change, or expires after a second.
 *
 *   inventory_precedence   String: the name of the process whose change goes first
 *
 * Threads: the loop's. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/context.h"
#include "loop/coroutine.h"
#include "redis/redis.h"
#include "store/event_store.h"

struct stock_precedence;

/* Lives as long as the arena. */
struct stock_precedence *stock_precedence_new(struct event_store *store, struct arena *arena);

/* Yields while another process goes first, until the context's deadline at the latest. */
coroutine_fn void stock_precedence_wait(struct stock_precedence *precedence, struct context *context);

/* Sends what is to be asked when the stock is read or changed: that this process goes first, unless another one does
 * already, or which one does. Returns NULL if that was asked a moment ago. */
struct redis_pending *stock_precedence_ask(struct stock_precedence *precedence, struct context *context, bool insists);

/* Takes the answer; `pending` may be NULL. Yields. */
coroutine_fn void stock_precedence_hear(struct stock_precedence *precedence, struct redis_pending *pending);

/* Returns whether another process goes first, by the latest answer: what was read is not to be used then. */
bool stock_precedence_gives_way(const struct stock_precedence *precedence);

/* To be called when a change that insisted has ended. Yields. */
coroutine_fn void stock_precedence_end(struct stock_precedence *precedence, struct context *context);
