/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/waiters.h"

#include "base/clock.h"
#include "store/commit.h"
#include "store/positions.h"

enum { LOOK_FIRST_US = 1000 };

/* Which connection the leader reads on while it blocks; 0 if there is none. */
static int64_t blocked_client(const struct waiters *waiters) {
  const struct leader *leader = waiters->progress->leader;
  if (waiters->reader) return redis_client_id(waiters->progress->store->blocking);
  return leader->epoch != 0 ? 0 : leader->leader_client;
}

coroutine_fn void waiters_poke(struct waiters *waiters) {
  const struct event_store *store = waiters->progress->store;
  waiters->poked = true;
  condition_signal_all(&waiters->wake);
  committer_hurry(store->committer);
  if (waiters->reader && logs_reader_wake(waiters->reader)) return;
  int64_t client = blocked_client(waiters);
  if (client == 0 || waiters->unblocking) return;
  waiters->unblocking = true;
  redis_unblock(store->commands, client);
  waiters->unblocking = false;
}

/* What of a position is of the logs that the consumer follows. */
struct wanted {
  size_t count;               /* of the logs */
  const struct position **of; /* of each; NULL means nothing */
};

static bool is_anything(const struct wanted *wanted) {
  size_t i = 0;
  while (i < wanted->count && !wanted->of[i]) i++;
  return i < wanted->count;
}

static bool has_seen(const struct wanted *wanted, const struct position *positions) {
  for (size_t i = 0; i < wanted->count; i++) {
    if (wanted->of[i] && !position_has_seen(&positions[i], wanted->of[i])) return false;
  }
  return true;
}

static bool has_seen_here(const struct progress *progress, const struct wanted *wanted) {
  for (size_t i = 0; i < wanted->count; i++) {
    if (wanted->of[i] && !position_has_seen(&progress->logs[i].position, wanted->of[i])) return false;
  }
  return progress_is_current(progress);
}

static coroutine_fn struct status look(const struct progress *progress, struct context *context,
                                       const struct wanted *wanted, bool *ret_seen) {
  *ret_seen = has_seen_here(progress, wanted);
  if (progress_is_current(progress)) return status_ok();
  struct position *positions = arena_calloc(context->arena, progress->log_count, sizeof *positions);
  struct status status = progress_read(progress, context, positions);
  if (status_is_ok(status)) *ret_seen = has_seen(wanted, positions);
  return status;
}

/* A Redis that is away holds up those who wait for what it holds. */
static struct status check_redis(const struct progress *progress, struct context *context) {
  const struct event_store *away = event_store_is_ready(progress->store) ? NULL : progress->store;
  for (size_t i = 0; !away && i < progress->log_count; i++) {
    if (!event_store_is_ready(progress->logs[i].store)) away = progress->logs[i].store;
  }
  if (!away) return status_ok();
  return status_error(context->arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "%s", event_store_reason(away));
}

/* Checks whether the position can be reached at all. The position of a halted consumer says nothing, not even that
 * something has been applied. */
static struct status check_running(const struct progress *progress, struct context *context) {
  struct status status = check_redis(progress, context);
  if (!status_is_ok(status)) return status;
  const char *halted = progress_halt_reason(progress);
  if (!*halted) return status_ok();
  return status_error(context->arena, STATUS_UNAVAILABLE, reason_consumer_halted, "events are not handled: %s", halted);
}

static struct status check_deadline(struct context *context) {
  if (clock_monotonic_us() < context->deadline_us) return status_ok();
  return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, reason_position_not_reached,
                      "the position was not reached in time");
}

/* Waits for the position to move: the leader knows when it has; other replicas look for it, with growing pauses. */
static coroutine_fn void pause_until(struct progress *progress, int64_t deadline_us, int64_t *pause_us) {
  bool here = progress_is_current(progress);
  int64_t end_us = clock_monotonic_us() + (here ? WAITERS_POKE_US : *pause_us);
  if (end_us > deadline_us) end_us = deadline_us;
  if (here) {
    condition_wait(&progress->moved, end_us);
  } else {
    coroutine_sleep(end_us - clock_monotonic_us(), end_us);
  }
  *pause_us = *pause_us * 2 < WAITERS_POKE_US ? *pause_us * 2 : WAITERS_POKE_US;
}

static coroutine_fn struct status wait_for(struct waiters *waiters, struct context *context,
                                           const struct wanted *wanted) {
  struct progress *progress = waiters->progress;
  int64_t pause_us = LOOK_FIRST_US;
  while (true) {
    bool seen = false;
    struct status status = check_running(progress, context);
    if (status_is_ok(status)) status = look(progress, context, wanted, &seen);
    if (!status_is_ok(status) || seen) return status;
    status = check_deadline(context);
    if (!status_is_ok(status)) return status;
    waiters_poke(waiters);
    if (has_seen_here(progress, wanted)) return status_ok();
    pause_until(progress, context->deadline_us, &pause_us);
  }
}

/* Parts of logs that this consumer does not follow say nothing to it. */
static struct wanted wanted_of(const struct progress *progress, struct arena *arena, const struct positions *after) {
  struct wanted wanted = {.count = progress->log_count};
  wanted.of = arena_calloc(arena, wanted.count + 1, sizeof *wanted.of);
  for (size_t i = 0; i < wanted.count; i++) wanted.of[i] = positions_of(after, progress->logs[i].store->log);
  return wanted;
}

bool waiters_has_seen(const struct waiters *waiters, const char *after) {
  const struct progress *progress = waiters->progress;
  struct positions positions;
  if (!progress_is_current(progress) || !positions_parse(after, &positions)) return false;
  for (size_t i = 0; i < progress->log_count; i++) {
    const struct position *wanted = positions_of(&positions, progress->logs[i].store->log);
    if (wanted && !position_has_seen(&progress->logs[i].position, wanted)) return false;
  }
  return true;
}

/* Checks that each part is of the log that there is; also that of the service's own log, if it does not follow that. */
static coroutine_fn struct status check_wanted(const struct progress *progress, struct context *context,
                                               const struct positions *after, const struct wanted *wanted) {
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < wanted->count; i++) {
    struct context own = *context;
    if (progress->logs[i].is_foreign) own.redis_era = 0;
    if (wanted->of[i]) status = event_store_check_position(progress->logs[i].store, &own, wanted->of[i]);
  }
  const struct position *own = positions_of(after, progress->store->log);
  bool is_followed = progress->log_count > 0 && !progress->logs[0].is_foreign;
  if (!status_is_ok(status) || !own || is_followed) return status;
  return event_store_check_position(progress->store, context, own);
}

coroutine_fn struct status waiters_wait_for(struct waiters *waiters, struct context *context, const char *after) {
  const struct progress *progress = waiters->progress;
  if (waiters_has_seen(waiters, after)) return status_ok();
  struct positions positions;
  if (!positions_parse(after, &positions)) return position_invalid(context->arena);
  struct wanted wanted = wanted_of(progress, context->arena, &positions);
  struct status status = check_wanted(progress, context, &positions, &wanted);
  if (!status_is_ok(status) || !is_anything(&wanted)) return status;
  waiters->count++;
  status = wait_for(waiters, context, &wanted);
  waiters->count--;
  return status;
}
