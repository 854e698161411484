/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer: handles the events that a service subscribes to, each exactly once, in log order over all streams.
 *
 * One replica of a service is active, by a lease with an epoch (lease.h); the others stand by. The active one reads the
 * streams from the stored positions on, merges them by log time up to a watermark (event_merge.h), hands the events to
 * their handlers and commits the page with one transaction (work.h) that moves the positions together with the effects
 * and refuses an older epoch. Whatever fails on the way (an outage, a lost answer, a lost lease) ends the round:
 * positions are read again and only what lies behind them is handled.
 *
 * The positions alone decide what is handled; the consumer groups follow them, for operators (XINFO GROUPS: lag) and
 * for trimming. It does not read by XREADGROUP: a replica that was stopped and wakes up after its lease would take
 * entries out of the group that its successor then never sees, and nothing can refuse it that.
 *
 * Stored, per service: Hash `<service>_position`: field `log` (everything up to it has been applied), `epoch`, and one
 * per stream; String `<service>_lease`, `<service>_lease_epoch`; Hash `<service>_alone`; List
 * `<service>_parked:<key>` (dead letters, see parking.h), Sets `<service>_parked_keys` and `<service>_parked_lists`;
 * List
 * `<service>_outbox`.
 *
 * Parking: an event that can't be decoded, that its handler refuses for good (neither status_is_transient nor a trouble
 * of Redis), or that ended the process three times while it ran alone, is appended to `<service>_parked:<key>` with the
 * reason, and so are the later events of its key; other keys go on. Outages park nothing.
 *
 * A log that lost its tail (the stored position lies past the clock's, or in another epoch, or this process has seen
 * more; known_log.h), or entries that were removed before they were applied: the consumer stops, says so (log,
 * readiness) and goes on only when an operator has set the stored position right or accepted the loss. Threads: the
 * loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/outbox.h"
#include "consumer/subscription.h"
#include "consumer/work.h"
#include "store/event.h"
#include "store/event_store.h"

struct consumer;

struct consumer_options {
  struct event_store *store; /* own Redis: effects, positions, lease */
  const struct subscription *subscriptions;
  size_t subscription_count;
  void *user;                         /* work_user */
  const struct outbox_route *outbox;  /* NULL: none */
  struct rpc_channel *outbox_channel; /* to the peer of the outbox */
  /* Optional: called by the active consumer about once a second and after a tick, when everything up to `position` has
   * been applied. `epoch` is the lease's, for fenced functions. Parks at will; errors are retried at the next turn. */
  struct status (*housekeep)(void *user, struct context *context, int64_t position, const char *epoch, bool *ret_tick);
  int64_t lease_ms;  /* 0: 3,000 */
  int64_t linger_ms; /* pause after a page so that the next one is fuller; 0: 5; skipped when somebody waits */
};

/* Starts its coroutines; they wait for Redis by themselves. */
struct consumer *consumer_start(struct loop *loop, struct arena *arena, const struct consumer_options *options);

/* Parks until the page in hand is committed, gives the lease back, ends the coroutines. */
void consumer_stop(struct consumer *consumer);

/* Active and reading, or standing by. False (with the reason): Redis away, log reset. */
bool consumer_is_ready(const struct consumer *consumer);
const char *consumer_reason(const struct consumer *consumer);

/* Everything up to `after` (a text of position_text) is known to have been applied: consumer_wait_for would be OK
 * without a wait. */
bool consumer_has_seen(const struct consumer *consumer, const char *after);

/* Parks until everything up to `after` (a text of position_text) has been applied, by whichever replica is active. An
 * idle log is moved on by a tick. Errors: INVALID_ARGUMENT (POSITION_INVALID: not one of ours), FAILED_PRECONDITION
 * (LOG_RESET: another epoch, or past the end of the log), DEADLINE_EXCEEDED (POSITION_NOT_REACHED), UNAVAILABLE
 * (REDIS_UNREACHABLE; CONSUMER_HALTED: it waits for an operator). */
struct status consumer_wait_for(struct consumer *consumer, struct context *context, const char *after);

/* The key of the lease's epoch, and the epoch that this replica holds (0: none), for the service's own fenced
 * functions. */
const char *consumer_epoch_key(const struct event_store *store, struct arena *arena);
int64_t consumer_epoch(const struct consumer *consumer);

/* The hash of the stored positions. */
const char *consumer_position_key(const struct event_store *store, struct arena *arena);

/* How the consumer is doing, for metrics and tests. */
struct consumer_figures {
  uint64_t events; /* handled by this replica, parked ones included */
  uint64_t parked; /* events that were parked by this replica */
  uint64_t pages;
  struct position position; /* everything up to it has been applied; as far as this replica knows */
};
struct consumer_figures consumer_figures(const struct consumer *consumer);
