/* SPDX-License-Identifier: Apache-2.0 */
/* Leader: the one replica of a service that handles its events, decided by a lease in Redis (lease.h).
 *
 * A term is what a leader does under one epoch of the lease on one server of Redis: from taking up the stored positions
 * to the next failure. Each has an epoch of its own, so that a commit whose answer was lost, and which Redis carries
 * out only after the positions were read again, is refused (tests/model/consumer_terms.py). Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/lease.h"
#include "loop/coroutine.h"
#include "store/event_store.h"

struct term {
  int64_t epoch;       /* of the lease */
  char epoch_text[24]; /* the same, for guards */
  uint64_t redis_era;  /* what was read there is committed there */
};

struct leader {
  struct event_store *store;
  const char *holder; /* this process: random, one per start */
  int64_t lease_ms;
  int64_t epoch;         /* of the lease that this replica holds; 0 means it holds none */
  int64_t until_us;      /* when the lease ends unless it is renewed (clock_monotonic_us) */
  bool follows;          /* another replica is the leader, by Redis' latest answer */
  int64_t leader_client; /* client id of the leader's blocking connection, whoever it is; 0 if unknown */
  struct term term;      /* the latest one */
  struct condition changed;
  struct condition wake; /* the keeper's */
  bool retiring, stopping;
};

/* Takes or renews the lease; sets epoch, follows and leader_client. Yields. */
coroutine_fn struct status leader_acquire(struct leader *leader, struct context *context);

/* Gives the lease back if it is ours. Yields. */
coroutine_fn struct status leader_release(struct leader *leader, struct context *context);

/* The body of the coroutine that keeps the lease: takes it when it is free, renews it, and gives it back when
 * leader_stop has been called. `changed` is signalled after each try. */
coroutine_fn void leader_keep(struct leader *leader);

/* From now on the lease is renewed while it is held, but not taken again. */
void leader_retire(struct leader *leader);

/* Ends leader_keep, which gives the lease back first. */
void leader_stop(struct leader *leader);

/* Begins a term with the lease that is held now; if that has had one under its epoch, it gets a new epoch first. To be
 * called before the positions are read. Yields. Errors: as redis_command; LEASE_LOST. */
coroutine_fn struct status leader_begin_term(struct leader *leader, struct arena *arena);

/* Returns whether the lease is still that of the term. */
bool leader_holds_term(const struct leader *leader);

/* Says that a function has found another epoch than the term's: the keeper tries at once to get the lease back. */
void leader_lost_term(struct leader *leader);

/* Returns whether the lease is still that of the term, and Redis is still its server. */
bool leader_leads(const struct leader *leader);

/* Returns a context for what is done in the term: it lasts for `us` from now, and for no other server. */
struct context leader_context(const struct leader *leader, struct arena *arena, int64_t us);
