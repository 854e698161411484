/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher: a small service for tests of consumers, with customers as its events' entity.
 *
 * It subscribes to customer_created, customer_updated and customer_deleted. For each event it appends the entry's id to
 * the list `watcher_effects` (each event once, in the order of handling) and puts the customer into the view `seen`
 * (deleted: removes it). A customer's name may ask for more:
 *   refuse    the handler answers INVALID_ARGUMENT
 *   crash     the handler kills the process
 *   away      the handler answers UNAVAILABLE while the key `watcher_away` exists
 *   mail      a mail with the event's id is sent through the outbox
 *   found     an entity `finding` with the event's id is created
 *   again     the entity `finding` with the id WATCHER_FINDING is created if there is none, else changed
 * and any other name what the test's own `obey` makes of it.
 * Run in a coroutine of the test, or as a process of its own that can be killed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/context.h"
#include "consumer/consumer.h"
#include "private_redis.h"

#define WATCHER_FINDING "5f1b1c6e-0c4e-4f0e-9a63-6f2f3a1d7c10"

struct watcher {
  struct event_store *store;
  struct event_store *others[2]; /* of the owners "first" and "second"; NULL if there are none */
  struct consumer *consumer;
  struct rpc_channel *channel; /* to the mails; NULL if there is none */
};

struct watcher_options {
  const char *url;
  int64_t lease_ms;
  int64_t events_may_wait_ms; /* see consumer_options */
  const char *mail_address;   /* where mails are sent; NULL if the watcher has no outbox */
  bool by_runs;               /* handle created and updated events by apply_run, with a function of the watcher's own */
  const char *owners[2]; /* URLs of the Redises of two owners, for their reader (foreign_reader.h): created and updated
                            events lie in the first one's, deleted ones in the second's; both NULL: in the watcher's */
  const char *owner_prefixes[2]; /* what the keys of each owner begin with; NULL means nothing */
  /* What handlers do besides, told the customer's name; and what they want before. NULL means nothing. */
  struct status (*obey)(struct work *work, const struct event *event, const char *name);
  void (*want)(struct work *work, const struct event *event);
  struct status (*housekeep)(void *user, struct context *context, int64_t position, const char *epoch, bool *ret_tick);
  void *user;
  const struct archived_events
      *archived; /* what a rebuild of its view reads that has left Redis; NULL if nothing does */
};

extern const struct view watcher_seen;
extern const struct entity_type watcher_finding;

/* Starts it on the loop of the running coroutine. */
struct watcher watcher_start(struct arena *arena, const struct watcher_options *options);
void watcher_stop(struct watcher *watcher);

/* The epoch of the lease that it holds; 0 if it holds none. */
int64_t watcher_epoch(const struct watcher *watcher);

/* A process that does nothing else; ends by SIGTERM (gracefully) and SIGKILL. Call it outside of coroutines. `log`:
 * file that its log is appended to; NULL if there is none. */
pid_t watcher_fork(const struct watcher_options *options, const char *log);

/* Sends the signal and waits for the end. */
void watcher_end(pid_t process, int with);

#define WATCHER_TRACE "0af7651916cd43dd8448eb211c80319c"

/* Appends events of the trace WATCHER_TRACE to a stream (customer_...), one for each of the `count` customers
 * "<id>-<first>" and following (or just "<id>" when count is 1), at most 250 in a transaction. Returns the last one's
 * log time. */
struct position watcher_append(struct event_store *store, struct context *context, const char *stream, const char *id,
                               int64_t first, size_t count, const char *name);

/* Yields until the list of effects has so many elements, or the deadline comes: false. */
bool watcher_handles(struct private_redis *redis, struct context *context, int64_t effects);

/* The same outside of coroutines, for as long as a test is patient. */
bool watcher_process_handles(struct private_redis *redis, int64_t effects);

/* Yields until `holds(argument)`, or the deadline: false. */
bool eventually(struct context *context, bool (*holds)(void *argument), void *argument);
