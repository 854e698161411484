/* SPDX-License-Identifier: Apache-2.0 */
/* The deliverer of an outbox (outbox.h): a coroutine of the consumer. Takes the list's first messages, calls the peer,
 * and removes them by a transaction that refuses an older epoch. */
#pragma once

#include "consumer/leader.h"
#include "consumer/outbox.h"
#include "loop/coroutine.h"

struct outbox;

struct outbox_options {
  struct event_store *store;
  const struct leader *leader; /* delivers only while this replica is the leader */
  const struct outbox_route *route;
  struct rpc_channel *channel;
};

struct outbox *outbox_new(struct arena *arena, const struct outbox_options *options);

/* `<service>_outbox`. */
const char *outbox_key(const struct event_store *store, struct arena *arena);

/* The coroutine's body: returns after outbox_stop, when the call under way has ended. */
coroutine_fn void outbox_run(struct outbox *outbox);

/* Says that there may be something to deliver. NULL is allowed. */
void outbox_wake(struct outbox *outbox);
void outbox_stop(struct outbox *outbox);
