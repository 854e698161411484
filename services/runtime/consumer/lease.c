/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/lease.h"

const char *lease_epoch_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_lease_epoch", store->service);
}

static const char *lease_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_lease", store->service);
}

struct status lease_acquire(struct lease *lease, struct context *context) {
  struct event_store *store = lease->store;
  struct arena *arena = context->arena;
  struct redis_arguments keys = redis_arguments_empty(arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, lease_key(store, arena));
  redis_add_text(&keys, lease_epoch_key(store, arena));
  redis_add_text(&values, lease->holder);
  redis_add_number(&values, store->blocking ? redis_client_id(store->blocking) : 0);
  redis_add_number(&values, lease->lease_ms);
  const struct redis_reply *reply;
  struct status status =
      redis_function_call(store->commands, context, store->library, "lease_acquire", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  lease->epoch = redis_reply_number(redis_reply_at(reply, 0), 0);
  lease->holder_client = redis_reply_number(redis_reply_at(reply, 1), 0);
  return status_ok();
}

struct status lease_release(struct lease *lease, struct context *context) {
  struct event_store *store = lease->store;
  struct redis_arguments keys = redis_arguments_empty(context->arena), values = redis_arguments_empty(context->arena);
  redis_add_text(&keys, lease_key(store, context->arena));
  redis_add_text(&values, lease->holder);
  lease->epoch = 0;
  return redis_function_call(store->commands, context, store->library, "lease_release", &keys, &values, NULL);
}
