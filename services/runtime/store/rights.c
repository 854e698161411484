/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rights.h"

#include "base/clock.h"
#include "base/log.h"
#include "redis/redis_denial.h"

enum { CHECK_DEADLINE_US = 5 * 1000 * 1000 };

static coroutine_fn struct status ask(struct event_store *store, struct context *context,
                                      const struct redis_reply **ret_reply) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, clock_key(store, context->arena));
  redis_add_text(&keys, redis_key(store->commands, context->arena, "%s_rights", store->service));
  return redis_function_call(store->commands, context, store->library, "rights_missing", &keys, NULL, ret_reply);
}

/* A server that can't tell whether a right is there refuses the command itself if it isn't. */
static void note(struct event_store *store, struct arena *arena, const struct redis_reply *missing) {
  const char *right = arena_printf(arena, "%s %s", redis_reply_text(redis_reply_at(missing, 0)),
                                   redis_reply_text(redis_reply_at(missing, 1)));
  if (missing->count == 2) {
    redis_denial_note(store->commands, right, "");
  } else {
    const char *error = redis_reply_text(redis_reply_at(missing, 2));
    log_event(LOG_ERROR, "can't check the rights of the redis user", "right", right, "error", error, NULL);
  }
}

coroutine_fn void rights_check(struct event_store *store) {
  if (store->reads_only) return;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CHECK_DEADLINE_US};
  const struct redis_reply *reply;
  if (status_is_ok(ask(store, &context, &reply)) && reply->count > 0) note(store, context.arena, reply);
  arena_free(context.arena);
}

const char *rights_denied(const struct event_store *store) {
  const char *denied = redis_denial(store->commands);
  if (!*denied) denied = redis_denial(store->reads);
  if (!*denied && store->blocking) denied = redis_denial(store->blocking);
  if (!*denied) denied = replica_barrier_denial(store->barrier);
  return denied;
}
