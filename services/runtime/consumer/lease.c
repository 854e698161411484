/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/lease.h"

#include "base/reason.h"

const char *lease_epoch_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_lease_epoch", store->service);
}

const char *lease_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_lease", store->service);
}

struct status lease_lost(struct arena *arena) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_lease_lost, "the lease is another replica's");
}
