/* SPDX-License-Identifier: Apache-2.0 */
/* Lease: which replica of a service is its active consumer.
 *
 * `<service>_lease` ("<holder> <client id of its blocking connection>") lives `lease_ms` and is renewed by its holder
 * every third of it; `<service>_lease_epoch` is a number that grows with every new holder and never comes again.
 * Functions that make effects refuse an older epoch, so a holder that was stopped and wakes up too late writes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "store/event_store.h"

struct lease {
  struct event_store *store;
  const char *holder; /* random, one per process start */
  int64_t lease_ms;
  int64_t epoch;         /* 0: not held */
  int64_t holder_client; /* client id of the holder's blocking connection, whoever it is; 0: unknown */
};

/* Takes or renews the lease; sets epoch (0 when somebody else holds it) and holder_client. Parks. */
struct status lease_acquire(struct lease *lease, struct context *context);

/* Gives it back, if it is ours. Parks. */
struct status lease_release(struct lease *lease, struct context *context);

/* The key of the epoch, for guards. */
const char *lease_epoch_key(const struct event_store *store, struct arena *arena);
