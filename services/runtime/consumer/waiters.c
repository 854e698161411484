/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/waiters.h"

#include "base/clock.h"
#include "store/commit.h"
#include "store/positions.h"

enum { LOOK_FIRST_US = 1000, UNBLOCK_US = 5000000 };

/* Which connection the leader reads on while it blocks; 0 if there is none. */
static int64_t blocked_client(const struct waiters *waiters) {
  const struct leader *leader = waiters->progress->leader;
  if (waiters->blocked) return redis_client_id(waiters->progress->store->blocking);
  return leader->epoch != 0 ? 0 : leader->leader_client;
}

coroutine_fn void waiters_poke(struct waiters *waiters) {
  struct redis *commands = waiters->progress->store->commands;
  waiters->poked = true;
  condition_signal_all(&waiters->wake);
  committer_hurry(waiters->progress->store->committer);
  int64_t client = blocked_client(waiters);
  if (client == 0 || waiters->unblocking || !redis_is_ready(commands)) return;
  waiters->unblocking = true;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + UNBLOCK_US};
  struct redis_arguments command = redis_command_of(context.arena, "CLIENT", "UNBLOCK", NULL);
  redis_add_number(&command, client);
  const struct redis_reply *reply;
  /* It does not matter if this fails: a call that waits pokes again. */
  (void)redis_command(commands, &context, &command, &reply);
  arena_free(context.arena);
  waiters->unblocking = false;
}

static coroutine_fn struct status position_now(const struct progress *progress, struct context *context,
                                               struct position *ret_position) {
  if (progress_is_current(progress)) {
    *ret_position = progress->position;
    return status_ok();
  }
  return position_read(progress->store, context, ret_position);
}

/* Checks whether the position can be reached at all. The position of a halted consumer says nothing, not even that
 * something has been applied. */
static struct status check_running(const struct progress *progress, struct context *context) {
  if (!event_store_is_ready(progress->store)) {
    return status_error(context->arena, STATUS_UNAVAILABLE, reason_redis_unreachable, "%s",
                        event_store_reason(progress->store));
  }
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
                                           const struct position *after) {
  struct progress *progress = waiters->progress;
  int64_t pause_us = LOOK_FIRST_US;
  while (true) {
    struct position position;
    struct status status = check_running(progress, context);
    if (status_is_ok(status)) status = position_now(progress, context, &position);
    if (!status_is_ok(status) || position_has_seen(&position, after)) return status;
    status = check_deadline(context);
    if (!status_is_ok(status)) return status;
    waiters_poke(waiters);
    if (progress_is_current(progress) && position_has_seen(&progress->position, after)) return status_ok();
    pause_until(progress, context->deadline_us, &pause_us);
  }
}

/* The part of the log that this consumer follows; NULL if there is none. */
static const struct position *wanted_of(const struct waiters *waiters, const struct positions *after) {
  return positions_of(after, waiters->progress->store->log);
}

bool waiters_has_seen(const struct waiters *waiters, const char *after) {
  const struct progress *progress = waiters->progress;
  struct positions positions;
  if (!progress_is_current(progress) || !positions_parse(after, &positions)) return false;
  const struct position *wanted = wanted_of(waiters, &positions);
  return !wanted || position_has_seen(&progress->position, wanted);
}

coroutine_fn struct status waiters_wait_for(struct waiters *waiters, struct context *context, const char *after) {
  if (waiters_has_seen(waiters, after)) return status_ok();
  struct positions positions;
  if (!positions_parse(after, &positions)) return position_invalid(context->arena);
  const struct position *wanted = wanted_of(waiters, &positions);
  if (!wanted) return status_ok();
  struct status status = event_store_check_position(waiters->progress->store, context, wanted);
  if (!status_is_ok(status)) return status;
  waiters->count++;
  status = wait_for(waiters, context, wanted);
  waiters->count--;
  return status;
}
