/* SPDX-License-Identifier: Apache-2.0 */
/* Lease: the key in Redis that says which replica of a service is the leader (leader.h), and how long it lasts.
 *
 * `<service>_lease` ("<holder> <client id of its blocking connection>") lives LEASE_MS and is renewed by its holder
 * every third of it. `<service>_lease_epoch` is a number that grows with every new holder, and with every term of the
 * same one (leader.h), and is never used again; it has nothing to do with the epoch of the log (store/log_time.h).
 * Functions that make effects refuse an older epoch, so a leader that was stopped and wakes up too late writes nothing.
 * Any thread. */
#pragma once

#include "base/status.h"
#include "store/event_store.h"

/* Unless the consumer's options say otherwise. */
enum { LEASE_MS = 3000 };

/* Returns the key of the service's lease, in the arena. */
const char *lease_key(const struct event_store *store, struct arena *arena);

/* The key of the lease's epoch, for guards and for fenced functions of a service's own, which compare it with
 * work_epoch or with what housekeep gets. */
const char *lease_epoch_key(const struct event_store *store, struct arena *arena);

/* Returns FAILED_PRECONDITION LEASE_LOST, for when a function has found another epoch than the term's. */
struct status lease_lost(struct arena *arena);
