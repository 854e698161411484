/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the consumer share (consumer.h); for these only.
 *
 *   consumer.c        life: start, stop, the lease's keeper, readiness
 *   consumer_round.c  the course of an active consumer: load, read, handle, idle, begin again after a failure
 *   consumer_log.c    whether the log is whole
 *   consumer_read.c   from Redis into the merge
 *   consumer_page.c   from the merge through the handlers into a transaction
 *   consumer_alone.c  suspicion: events that may have ended the process run alone
 *   consumer_wait.c   consumer_wait_for
 *   consumer_backlog.c  how far it is behind, for the service's status */
#pragma once

#include "base/clock.h"
#include "base/key_table.h"
#include "consumer/consumer.h"
#include "consumer/lease.h"
#include "consumer/outbox_delivery.h"
#include "consumer/parking.h"
#include "loop/coroutine.h"
#include "store/event_merge.h"

enum {
  PAGE_EVENTS = 256,
  BLOCK_MS = 2000, /* at most so long: a blocked reader may hang at a failover (docs/redis.md) */
  CALL_US = 5000000,
  POKE_US = 20000, /* whoever waits pokes again so often, in case a poke came just before the block */
};

enum consumer_state {
  CONSUMER_STARTING,
  CONSUMER_STANDBY,
  CONSUMER_ACTIVE,
  CONSUMER_HALTED, /* waits for an operator */
};

struct consumer_stream {
  const struct subscribed_stream *subscribed;
  const char *key;
  int64_t position;            /* log time of the last entry applied */
  char applied[ENTRY_ID_SIZE]; /* its id; "0-0": none */
  char read_to[ENTRY_ID_SIZE]; /* last entry read */
  char group_at[ENTRY_ID_SIZE];
  size_t group_behind; /* entries applied since the group was moved there */
};

/* An entry that was read and is not handled yet. */
struct incoming {
  struct read_batch *batch;
  const struct redis_reply *entry;
};

struct consumer {
  struct loop *loop;
  struct consumer_options options;
  struct event_store *store;
  struct consumer_stream *streams;
  size_t stream_count;
  const char *epoch_key, *position_key, *attempts_key;

  struct lease lease;
  int64_t lease_until_us; /* when it ends unless it is renewed */
  struct condition keeper_wake, lease_changed;

  enum consumer_state state;
  char halt_reason[512]; /* with two keys, whose prefix may have 64 characters */

  /* The round: from taking up the stored positions to the next failure. */
  char epoch[24]; /* the lease's, as text */
  int64_t round_epoch;
  uint64_t redis_era;       /* of the server that the round began with: what was read there is committed there */
  struct position position; /* everything up to it has been applied */
  int64_t accepted_loss;    /* an operator has accepted that the log lacks entries up to it; 0: none */
  int64_t stored_log;       /* as the store has it */
  int64_t stored_us;        /* when it was stored */
  struct arena *round_arena;
  struct event_merge *merge;
  struct read_batch *batches;
  size_t read_count; /* entries asked of each stream */
  struct parking *parking;
  int64_t parking_us, housekeep_us, groups_us; /* when last done */
  bool tick_wanted;

  /* Suspicion; see consumer_alone.c. */
  int64_t trusted_epoch;
  size_t alone_left;
  bool starts_counted;
  char attempt_left[ENTRY_ID_SIZE];

  /* Waking. */
  bool stopping, blocked, poked, unblocking;
  size_t waiters;
  struct condition wake, moved, ended;
  int running; /* coroutines */

  struct consumer_figures figures;
  bool in_trouble;         /* said so in the log */
  bool housekeeping_fails; /* likewise */
  struct outbox *outbox;
};

/* For what the round does next: `us` from now on, and of no other server than the round. */
static inline struct context consumer_context(const struct consumer *consumer, struct arena *arena, int64_t us) {
  return (struct context){.arena = arena, .deadline_us = clock_monotonic_us() + us, .redis_era = consumer->redis_era};
}

/* True if this replica handles the events and its position is that of the present server. */
static inline bool consumer_is_active(const struct consumer *consumer) {
  return consumer->state == CONSUMER_ACTIVE && consumer->lease.epoch != 0 &&
         consumer->redis_era == redis_server_era(consumer->store->server);
}

/* ---- consumer_log.c ---- */

/* At the begin of a round: that the log is the one of the stored positions, and whole as far as they tell. Errors:
 * LOG_RESET, LOG_GAP, those of redis_command. Parks. */
struct status consumer_check_log(struct consumer *consumer, struct context *context);

/* When all has been read: that no entry was removed meanwhile. Errors: as above. Parks. */
struct status consumer_check_streams(struct consumer *consumer, struct context *context);

/* ---- consumer_read.c ---- */

/* Begins at the stored positions; frees what was read and not handled. */
void consumer_read_begin(struct consumer *consumer);
void consumer_read_end(struct consumer *consumer);

/* Reads the next entries of all streams that the merge wants. Parks. */
struct status consumer_read(struct consumer *consumer, bool *ret_full);

/* Parks until a stream has something new, somebody pokes, or `ms` have passed. */
struct status consumer_block(struct consumer *consumer, int64_t ms, bool *ret_in_time);

void incoming_release(struct incoming *incoming);

/* ---- consumer_page.c ---- */

/* Takes up to a page of events from the merge, handles and commits them. */
struct status consumer_page(struct consumer *consumer, size_t *ret_events);

/* ---- consumer_alone.c ---- */

/* Reads what earlier processes have left. */
struct status alone_load(struct consumer *consumer, struct context *context);

/* Before the first page of a lease: counts the start; decides whether events run alone. */
struct status alone_begin(struct consumer *consumer, struct context *context);

/* Around the handler of an event that runs alone: durable notes that it is under way and over. */
struct status alone_attempt(struct consumer *consumer, struct context *context, const char *entry_id,
                            int64_t *ret_attempts);
struct status alone_over(struct consumer *consumer, struct context *context, const char *entry_id);

/* Counts an event whose handler has come to an end, but too late for the lease, like one that has not. `noted`: the
 * note of its beginning is there. */
struct status alone_blame(struct consumer *consumer, struct context *context, const char *entry_id, bool noted);

/* Adds to a commit that the start was a good one. */
void alone_commit(struct consumer *consumer, struct transaction *transaction);

/* The round failed without ending the process. */
void alone_trust(struct consumer *consumer);

enum { ALONE_ATTEMPTS = 3 };

/* ---- consumer_round.c ---- */

/* The consumer's coroutine. */
void consumer_run(void *argument);

/* Everything up to `log_time` has been applied. */
void consumer_moved_to(struct consumer *consumer, int64_t log_time);

/* ---- consumer_wait.c ---- */

/* Ends the block of the active replica, wherever it runs, and the pause between pages here. Parks. */
void consumer_poke(struct consumer *consumer);
