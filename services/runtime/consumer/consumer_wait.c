/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "consumer/consumer_parts.h"

enum { LOOK_FIRST_US = 1000 };

/* Which connection the active replica reads on while it blocks; 0: none. */
static int64_t blocked_client(const struct consumer *consumer) {
  if (consumer->blocked) return redis_client_id(consumer->store->blocking);
  return consumer->lease.epoch != 0 ? 0 : consumer->lease.holder_client;
}

void consumer_poke(struct consumer *consumer) {
  consumer->poked = true;
  condition_signal_all(&consumer->wake);
  int64_t client = blocked_client(consumer);
  if (client == 0 || consumer->unblocking || !redis_is_ready(consumer->store->commands)) return;
  consumer->unblocking = true;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
  struct redis_arguments command = redis_command_of(context.arena, "CLIENT", "UNBLOCK", NULL);
  redis_add_number(&command, client);
  const struct redis_reply *reply;
  /* Whatever becomes of it: whoever waits pokes again. */
  (void)redis_command(consumer->store->commands, &context, &command, &reply);
  arena_free(context.arena);
  consumer->unblocking = false;
}

static struct status position_now(struct consumer *consumer, struct context *context, struct position *ret_position) {
  if (consumer_is_active(consumer)) {
    *ret_position = consumer->position;
    return status_ok();
  }
  return position_read(consumer->store, context, ret_position);
}

/* Whether the position can be reached at all. That of a halted consumer says nothing, not even that something has been
 * applied. */
static struct status check_running(struct consumer *consumer, struct context *context) {
  if (!event_store_is_ready(consumer->store)) {
    return status_error(context->arena, STATUS_UNAVAILABLE, "REDIS_UNREACHABLE", "%s",
                        event_store_reason(consumer->store));
  }
  if (consumer->state != CONSUMER_HALTED) return status_ok();
  return status_error(context->arena, STATUS_UNAVAILABLE, "CONSUMER_HALTED", "events are not handled: %s",
                      consumer->halt_reason);
}

static struct status check_deadline(struct context *context) {
  if (clock_monotonic_us() < context->deadline_us) return status_ok();
  return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, "POSITION_NOT_REACHED",
                      "the position was not reached in time");
}

/* The active replica says when it has moved; elsewhere it is looked for, with growing pauses. */
static void pause_until(struct consumer *consumer, int64_t deadline_us, int64_t *pause_us) {
  bool here = consumer_is_active(consumer);
  int64_t end_us = clock_monotonic_us() + (here ? POKE_US : *pause_us);
  if (end_us > deadline_us) end_us = deadline_us;
  if (here) {
    condition_wait(&consumer->moved, end_us);
  } else {
    coroutine_sleep(end_us - clock_monotonic_us(), end_us);
  }
  *pause_us = *pause_us * 2 < POKE_US ? *pause_us * 2 : POKE_US;
}

static struct status wait_for(struct consumer *consumer, struct context *context, const struct position *after) {
  int64_t pause_us = LOOK_FIRST_US;
  while (true) {
    struct position position;
    struct status status = check_running(consumer, context);
    if (status_is_ok(status)) status = position_now(consumer, context, &position);
    if (!status_is_ok(status) || position_has_seen(&position, after)) return status;
    status = check_deadline(context);
    if (!status_is_ok(status)) return status;
    consumer_poke(consumer);
    if (consumer_is_active(consumer) && position_has_seen(&consumer->position, after)) return status_ok();
    pause_until(consumer, context->deadline_us, &pause_us);
  }
}

bool consumer_has_seen(const struct consumer *consumer, const char *after) {
  struct position position;
  return consumer_is_active(consumer) && position_parse(after, &position) &&
         position_has_seen(&consumer->position, &position);
}

struct status consumer_wait_for(struct consumer *consumer, struct context *context, const char *after) {
  if (consumer_has_seen(consumer, after)) return status_ok();
  struct position position;
  if (!position_parse(after, &position)) {
    return status_error(context->arena, STATUS_INVALID_ARGUMENT, "POSITION_INVALID",
                        "ordershop-after is no position that this shop has told");
  }
  struct status status = event_store_check_position(consumer->store, context, &position);
  if (!status_is_ok(status)) return status;
  consumer->waiters++;
  status = wait_for(consumer, context, &position);
  consumer->waiters--;
  return status;
}
