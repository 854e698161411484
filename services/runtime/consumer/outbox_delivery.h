/* SPDX-License-Identifier: Apache-2.0 */
/* The deliverer of an outbox (outbox.h): a coroutine of the consumer. Calls the peer with the list's first messages,
 * which it knows from the commits here or reads (outbox_list.h), and removes them by a transaction that refuses an
 * older epoch and a list that begins with others. */
#pragma once

#include "consumer/leader.h"
#include "consumer/outbox.h"
#include "consumer/outbox_list.h"
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

/* Returns how many messages are in the list, or -1 if that can't be known, since Redis is away. */
coroutine_fn int64_t outbox_length(struct event_store *store, int64_t deadline_us);

/* What is known of the list: for commits that push. */
struct outbox_list *outbox_known(struct outbox *outbox);

/* The coroutine's body: returns after outbox_stop, when the call under way has ended. */
coroutine_fn void outbox_run(struct outbox *outbox);

/* How long the message that is first in the list has been so, in microseconds, as far as this replica knows; 0 if none
 * waits, or another replica delivers. */
int64_t outbox_waiting_us(const struct outbox *outbox);

/* Says that there may be something to deliver. NULL is allowed. */
void outbox_wake(struct outbox *outbox);
void outbox_stop(struct outbox *outbox);
