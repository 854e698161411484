/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/leader.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "consumer/consumer_metrics.h"

enum { READY_POLL_US = 20000, CALL_US = 5000000, RENEWALS = 3 };

/* ---- the lease -------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status acquire(struct leader *leader, struct context *context, bool anew) {
  struct event_store *store = leader->store;
  struct arena *arena = context->arena;
  struct redis_arguments keys = redis_arguments_empty(arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, lease_key(store, arena));
  redis_add_text(&keys, lease_epoch_key(store, arena));
  redis_add_text(&values, leader->holder);
  redis_add_number(&values, store->blocking ? redis_client_id(store->blocking) : 0);
  redis_add_number(&values, leader->lease_ms);
  redis_add_number(&values, anew);
  const struct redis_reply *reply;
  struct status status =
      redis_function_call(store->commands, context, store->library, "lease_acquire", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  leader->epoch = redis_reply_number(redis_reply_at(reply, 0), 0);
  leader->follows = leader->epoch == 0;
  leader->leader_client = redis_reply_number(redis_reply_at(reply, 1), 0);
  return status_ok();
}

coroutine_fn struct status leader_acquire(struct leader *leader, struct context *context) {
  return acquire(leader, context, false);
}

coroutine_fn struct status leader_release(struct leader *leader, struct context *context) {
  struct event_store *store = leader->store;
  struct redis_arguments keys = redis_arguments_empty(context->arena), values = redis_arguments_empty(context->arena);
  redis_add_text(&keys, lease_key(store, context->arena));
  redis_add_text(&values, leader->holder);
  leader->epoch = 0;
  return redis_function_call(store->commands, context, store->library, "lease_release", &keys, &values, NULL);
}

/* ---- its keeper ------------------------------------------------------------------------------------------------- */

/* Without an answer the lease counts as held until it may have run out. */
static coroutine_fn void renew(struct leader *leader) {
  int64_t sent_us = clock_monotonic_us(), epoch = leader->epoch;
  struct context context = {.arena = arena_new(), .deadline_us = sent_us + leader->lease_ms * 1000 / 2};
  struct status status = leader_acquire(leader, &context);
  if (status_is_ok(status) && leader->epoch) {
    leader->until_us = sent_us + leader->lease_ms * 1000;
    if (leader->epoch != epoch) {
      (*consumer_metrics()->leases)++;
      log_event(LOG_INFO, "this replica handles the events", "epoch", log_number(leader->epoch), NULL);
    }
  }
  arena_free(context.arena);
}

static coroutine_fn void give_back(struct leader *leader) {
  if (leader->epoch && redis_is_ready(leader->store->commands)) {
    struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
    (void)leader_release(leader, &context);
    arena_free(context.arena);
  }
  leader->epoch = 0;
}

static bool may_acquire(const struct leader *leader) {
  bool held = leader->epoch && clock_monotonic_us() < leader->until_us;
  return event_store_is_ready(leader->store) && (held || !leader->retiring);
}

coroutine_fn void leader_keep(struct leader *leader) {
  while (!leader->stopping) {
    int64_t pause_us = READY_POLL_US;
    if (may_acquire(leader)) {
      renew(leader);
      pause_us = leader->lease_ms * 1000 / RENEWALS;
    }
    if (leader->epoch && clock_monotonic_us() >= leader->until_us) leader->epoch = 0;
    condition_signal_all(&leader->changed);
    if (!leader->stopping) condition_wait(&leader->wake, clock_monotonic_us() + pause_us);
  }
  give_back(leader);
}

void leader_retire(struct leader *leader) {
  leader->retiring = true;
}

void leader_stop(struct leader *leader) {
  leader->stopping = true;
  condition_signal_all(&leader->wake);
}

/* ---- terms ------------------------------------------------------------------------------------------------------ */

static coroutine_fn struct status leave_epoch(struct leader *leader, struct arena *arena) {
  struct context context = leader_context(leader, arena, CALL_US);
  struct status status = acquire(leader, &context, true);
  return status_is_ok(status) && leader->epoch == 0 ? lease_lost(arena) : status;
}

coroutine_fn struct status leader_begin_term(struct leader *leader, struct arena *arena) {
  struct term *term = &leader->term;
  term->redis_era = redis_server_era(leader->store->server);
  struct status status = leader_holds_term(leader) ? leave_epoch(leader, arena) : status_ok();
  if (!status_is_ok(status)) return status;
  (*consumer_metrics()->terms)++;
  term->epoch = leader->epoch;
  snprintf(term->epoch_text, sizeof term->epoch_text, "%" PRId64, term->epoch);
  return status;
}

bool leader_holds_term(const struct leader *leader) {
  return leader->epoch != 0 && leader->epoch == leader->term.epoch;
}

void leader_lost_term(struct leader *leader) {
  if (leader_holds_term(leader)) leader->epoch = 0;
  condition_signal_all(&leader->wake);
}

bool leader_leads(const struct leader *leader) {
  return leader_holds_term(leader) && leader->term.redis_era == redis_server_era(leader->store->server);
}

struct context leader_context(const struct leader *leader, struct arena *arena, int64_t us) {
  return (struct context){
      .arena = arena, .deadline_us = clock_monotonic_us() + us, .redis_era = leader->term.redis_era};
}
