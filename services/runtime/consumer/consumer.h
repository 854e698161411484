/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer: handles the events that a service subscribes to, each exactly once, in log order over all streams.
 *
 * One replica of a service is the leader, by a lease with an epoch (leader.h); the others stand by. The leader reads
 * the streams from the stored positions on, merged by log time (store/logs_reader.h), hands the events to their
 * handlers and commits each batch (batch.h) with one transaction that moves the positions together with the effects and
 * refuses an older epoch. Whatever fails on the way (an outage, a lost answer, a lost lease) ends the term: positions
 * are read again and only what lies after them is handled.
 *
 * What other services own may lie in Redises of their own. Then the leader reads several logs, each where it lies, as
 * one (store/logs_reader.h), and all that it writes still is one transaction in the service's own Redis. A Redis that
 * is away holds up the consumers that read it, and no calls but those that wait for them.
 *
 * The positions alone decide what is handled; the consumer groups follow them (consumer_group.h). It does not read by
 * XREADGROUP: a replica that was stopped and wakes up after its lease would take entries out of the group that its
 * successor then never sees, and nothing can refuse that.
 *
 * Stored, per service: Hash `<service>_position` (progress.h); Strings `<service>_lease`, `<service>_lease_epoch`; Hash
 * `<service>_alone` (crash_guard.h); List `<service>_parked:<key>` and Sets `<service>_parked_keys`,
 * `<service>_parked_lists` (dead_letters.h); List `<service>_outbox` (outbox.h); Hash `<service>_rebuild`, Hashes
 * `<service>_rebuild:<view>` (view_rebuild.h).
 *
 * An event that can't be decoded, that its handler refuses for good (neither status_is_transient nor an error of
 * Redis), or that ended the process three times while it ran alone, is dead-lettered: appended to
 * `<service>_parked:<key>` with the reason, and so are the later events of its key; other keys go on. Outages
 * dead-letter nothing.
 *
 * When the log has lost its tail (the stored position lies past the clock's, or in another epoch of the log, or this
 * process has seen more; store/known_log.h), or entries were removed before they were applied (log_check.h), the
 * consumer halts, says so (log, readiness) and goes on only when an operator has set the stored position right or
 * accepted the loss. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/archived_events.h"
#include "consumer/outbox.h"
#include "consumer/subscription.h"
#include "consumer/work.h"
#include "loop/coroutine.h"
#include "store/event.h"
#include "store/event_store.h"

struct consumer;
struct log_owner;
struct progress;

struct consumer_options {
  struct event_store *store; /* own Redis: effects, positions, lease */
  const struct subscription *subscriptions;
  size_t subscription_count;
  const struct log_owner *owners; /* those whose streams lie in other Redises; must live as long as the consumer */
  size_t owner_count;
  const struct view *const *views;    /* all that the handlers put records into; NULL behind the last; NULL: none */
  void *user;                         /* work_user */
  const struct outbox_route *outbox;  /* NULL if there is none */
  struct rpc_channel *outbox_channel; /* to the peer of the outbox */
  /* What a rebuild of a view reads that is archived. NULL, or lives as long as the consumer. */
  const struct archived_events *archived;
  /* Optional: called by the leader about once a second and after a tick, when everything up to `position` has been
   * applied of the log in which the streams of `housekeep_owner` lie (NULL: the first one). `epoch` is the lease's, for
   * fenced functions. May yield; after an error it is called again as usual. */
  coroutine_fn struct status (*housekeep)(void *user, struct context *context, int64_t position, const char *epoch,
                                          bool *ret_tick);
  const char *housekeep_owner;
  /* So old an event may become in a peak (peak.h): until then the consumer takes an eighth of the time, so that calls
   * come first. It takes few events at once. 0: it always handles them as quickly as it can, as it does with older ones
   * and after a peak. While a caller waits for a position (consumer_wait_for), it does not pause. */
  int64_t events_may_wait_ms;
  int64_t lease_ms; /* 0 means 3,000 */
};

/* Starts its coroutines; they wait for Redis by themselves. */
struct consumer *consumer_start(struct loop *loop, struct arena *arena, const struct consumer_options *options);

/* Ends the coroutines when the batch in hand is committed, and gives the lease back. Yields. */
coroutine_fn void consumer_stop(struct consumer *consumer);

/* What the consumer of this process does. */
enum consumer_state {
  CONSUMER_STARTING,    /* has not heard from Redis yet who handles the events */
  CONSUMER_ACTIVE,      /* handles them */
  CONSUMER_STANDING_BY, /* waits for the lease, or has it and loads what is stored */
  CONSUMER_HALTED,      /* waits for an operator; consumer_reason says for what */
};
enum consumer_state consumer_state(const struct consumer *consumer);

/* Returns true if it is active and reading, or standing by. If Redis is away, or the consumer halts or is starting, it
 * returns false, and consumer_reason says why. */
bool consumer_is_ready(const struct consumer *consumer);
const char *consumer_reason(const struct consumer *consumer);

/* Returns the outbox's deliverer (outbox_delivery.h); NULL if there is no outbox. */
const struct outbox *consumer_outbox(const struct consumer *consumer);

/* How far it has come (progress.h), as far as this replica knows. */
const struct progress *consumer_progress(const struct consumer *consumer);

/* Returns whether everything up to `after` (a text of positions_text) is known to have been applied: consumer_wait_for
 * would be OK without a wait. */
bool consumer_has_seen(const struct consumer *consumer, const char *after);

/* Waits until everything up to `after` (a text of positions_text) has been applied, by whichever replica is active;
 * only its parts of the logs that the consumer follows count. An idle log is moved on by a tick. Errors:
 * INVALID_ARGUMENT (POSITION_INVALID: not one of ours), FAILED_PRECONDITION (LOG_RESET: another epoch, or past the end
 * of the log), DEADLINE_EXCEEDED (POSITION_NOT_REACHED), UNAVAILABLE (REDIS_UNREACHABLE; CONSUMER_HALTED: it waits for
 * an operator). Yields. */
coroutine_fn struct status consumer_wait_for(struct consumer *consumer, struct context *context, const char *after);

/* Says that something was stored which the leader looks at from time to time, such as a rebuild that is asked for: it
 * looks soon. Yields. */
coroutine_fn void consumer_poke(struct consumer *consumer);

/* The hash of the stored positions. */
const char *consumer_position_key(const struct event_store *store, struct arena *arena);
