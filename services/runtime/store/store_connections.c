/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_connections.h"

#include <stdio.h>

#include "store/replica_barrier.h"

bool event_store_is_apart(const struct event_store *store) {
  return *store->log || store->follows_others;
}

bool event_store_is_ready(const struct event_store *store) {
  return redis_is_ready(store->commands) && redis_is_ready(store->reads) &&
         (!store->blocking || redis_is_ready(store->blocking));
}

const char *event_store_reason(const struct event_store *store) {
  if (!redis_is_ready(store->commands)) return redis_reason(store->commands);
  if (!redis_is_ready(store->reads)) return redis_reason(store->reads);
  if (store->blocking && !redis_is_ready(store->blocking)) return redis_reason(store->blocking);
  return "";
}

const char *event_store_refusal(const struct event_store *store) {
  if (store->reads_only) return "";
  const char *refusal = redis_server_refusal(store->server);
  return *refusal ? refusal : replica_barrier_reason(store->barrier);
}

const char *clock_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s", store->clock_key);
}

const char *position_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_position", store->service);
}

bool clock_parse(const char *text, struct position *ret_last) {
  char id[ENTRY_ID_SIZE];
  struct position last;
  if (!text || sscanf(text, "%43s %16s", id, last.epoch) != 2 || !log_time_parse(id, &last.log_time)) return false;
  *ret_last = last;
  return true;
}
