/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "consumer/consumer_parts.h"

enum {
  BACKOFF_FIRST_US = 50000,
  BACKOFF_MOST_US = 2000000,
  HALTED_US = 1000000,    /* a halted consumer looks again */
  HOUSEKEEP_US = 1000000, /* also how often parked keys are looked at again */
  GROUPS_US = 100000,     /* groups follow at the latest so long after the positions, while there is work */
  STORE_US = 500000,      /* the position of an idle consumer that nobody asks for */
  READY_POLL_US = 20000,
  HOUSEKEEP_DEADLINE_US = 5000000,
};

static bool holds_lease(const struct consumer *consumer) {
  return consumer->lease.epoch != 0 && consumer->lease.epoch == consumer->round_epoch;
}

static struct status lease_lost(struct arena *arena) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, "LEASE_LOST", "the lease is another replica's");
}

void consumer_moved_to(struct consumer *consumer, int64_t log_time) {
  if (log_time <= consumer->position.log_time) return;
  consumer->position.log_time = log_time;
  condition_signal_all(&consumer->moved);
}

/* ---- taking up the stored positions ----------------------------------------------------------------------------- */

static void take_stream(struct consumer_stream *stream, const struct redis_reply *stored) {
  const struct redis_reply *id = redis_reply_field(stored, stream->subscribed->name);
  snprintf(stream->applied, ENTRY_ID_SIZE, "%s", redis_reply_text(id) ? redis_reply_text(id) : "0-0");
  stream->position = log_time_of_entry(stream->applied);
  if (strcmp(stream->applied, "0-0") == 0) stream->position = 0;
  memcpy(stream->group_at, stream->applied, ENTRY_ID_SIZE);
  stream->group_behind = 0;
}

static struct status load_positions(struct consumer *consumer, struct context *context) {
  struct redis_arguments get = redis_command_of(context->arena, "HGETALL", consumer->position_key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(consumer->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  const char *log = redis_reply_text(redis_reply_field(reply, "log"));
  const char *epoch = redis_reply_text(redis_reply_field(reply, "epoch"));
  consumer->position.log_time = log ? log_time_of_entry(log) : 0;
  consumer->stored_log = consumer->position.log_time;
  const char *accepted = redis_reply_text(redis_reply_field(reply, "accepted"));
  consumer->accepted_loss = accepted ? log_time_of_entry(accepted) : 0;
  snprintf(consumer->position.epoch, LOG_EPOCH_SIZE, "%s", epoch ? epoch : "");
  for (size_t i = 0; i < consumer->stream_count; i++) take_stream(&consumer->streams[i], reply);
  return status_ok();
}

/* Lets the consumer groups show what has been applied, and makes them where they are missing. */
static struct status move_groups(struct consumer *consumer, struct context *context, bool all) {
  struct arena *arena = context->arena;
  struct redis_arguments keys = redis_arguments_empty(arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, consumer->epoch_key);
  redis_add_text(&values, consumer->epoch);
  redis_add_text(&values, consumer->store->service);
  for (size_t i = 0; i < consumer->stream_count; i++) {
    struct consumer_stream *stream = &consumer->streams[i];
    if (!all && stream->group_behind == 0) continue;
    redis_add_text(&keys, stream->key);
    redis_add_text(&values, arena_strdup(arena, stream->applied));
    redis_add_text(&values, arena_strdup(arena, stream->group_at));
    redis_add_number(&values, (int64_t)stream->group_behind);
    memcpy(stream->group_at, stream->applied, ENTRY_ID_SIZE);
    stream->group_behind = 0;
  }
  consumer->groups_us = clock_monotonic_us();
  if (keys.count == 1) return status_ok();
  const struct redis_reply *reply;
  struct status status = redis_function_call(consumer->store->commands, context, consumer->store->library,
                                             "groups_move", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  return redis_reply_number(reply, 0) == 1 ? status_ok() : lease_lost(arena);
}

static struct status take_up(struct consumer *consumer) {
  consumer->redis_era = redis_server_era(consumer->store->server);
  struct context context = consumer_context(consumer, consumer->round_arena, CALL_US);
  consumer->round_epoch = consumer->lease.epoch;
  snprintf(consumer->epoch, sizeof consumer->epoch, "%" PRId64, consumer->round_epoch);
  struct status status = alone_load(consumer, &context);
  if (status_is_ok(status)) status = load_positions(consumer, &context);
  if (status_is_ok(status)) status = consumer_check_log(consumer, &context);
  if (status_is_ok(status)) status = parking_load(consumer->parking, &context);
  if (status_is_ok(status)) status = move_groups(consumer, &context, true);
  if (!status_is_ok(status)) return status;
  consumer->parking_us = clock_monotonic_us();
  consumer_read_begin(consumer);
  outbox_wake(consumer->outbox);
  return status_ok();
}

/* ---- between the pages ------------------------------------------------------------------------------------------ */

static struct status store_position(struct consumer *consumer, struct context *context) {
  struct transaction transaction = transaction_of(consumer->store, context->arena);
  transaction_require_value(&transaction, consumer->epoch_key, consumer->epoch);
  struct redis_arguments fields = redis_arguments_empty(context->arena);
  redis_add_text(&fields, "epoch");
  redis_add_text(&fields, consumer->position.epoch);
  redis_add_text(&fields, "log");
  redis_add_text(&fields, log_time_text(context->arena, consumer->position.log_time));
  transaction_set_fields(&transaction, consumer->position_key, &fields);
  int64_t log = consumer->position.log_time;
  struct transaction_result result;
  struct status status = transaction_run(&transaction, context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome != TRANSACTION_DONE) return lease_lost(context->arena);
  consumer->stored_log = log;
  consumer->stored_us = clock_monotonic_us();
  return status_ok();
}

/* It is tried again every second: only when it begins to fail and when it ends. */
static void say_housekeeping(struct consumer *consumer, struct status status) {
  bool fails = !status_is_ok(status);
  if (fails && !consumer->housekeeping_fails) {
    log_event(LOG_WARN, "housekeeping failed, it is tried again", "reason", status.message, NULL);
  }
  if (!fails && consumer->housekeeping_fails) log_event(LOG_INFO, "housekeeping is done again", NULL);
  consumer->housekeeping_fails = fails;
}

static struct status housekeep(struct consumer *consumer, struct context *context) {
  consumer->housekeep_us = clock_monotonic_us();
  if (!parking_is_empty(consumer->parking)) {
    struct status status = parking_load(consumer->parking, context);
    if (!status_is_ok(status)) return status;
  }
  if (!consumer->options.housekeep) return status_ok();
  bool ticked = consumer->tick_wanted;
  consumer->tick_wanted = false;
  context->deadline_us = consumer->housekeep_us + HOUSEKEEP_DEADLINE_US;
  bool tick = false;
  struct status status =
      consumer->options.housekeep(consumer->options.user, context, consumer->position.log_time, consumer->epoch, &tick);
  say_housekeeping(consumer, status);
  if (!status_is_ok(status)) return status_ok();
  /* After a tick it was called at once; the next tick waits for the next poll. */
  consumer->tick_wanted = tick && !ticked;
  return status_ok();
}

/* What is done about once a second, however busy the consumer is. */
static struct status keep_house(struct consumer *consumer, bool caught_up) {
  int64_t now_us = clock_monotonic_us();
  bool due = now_us - consumer->housekeep_us >= HOUSEKEEP_US || (consumer->tick_wanted && caught_up);
  bool groups_due = now_us - consumer->groups_us >= GROUPS_US;
  if (!due && !groups_due) return status_ok();
  struct context context = consumer_context(consumer, arena_new(), CALL_US);
  struct status status = status_ok();
  if (groups_due) status = move_groups(consumer, &context, false);
  if (due && caught_up && status_is_ok(status)) status = consumer_check_streams(consumer, &context);
  if (due && status_is_ok(status)) status = housekeep(consumer, &context);
  status = status_copy(status, consumer->round_arena);
  arena_free(context.arena);
  return status;
}

/* Everything has been read: says so to those who wait, here and (by the store) elsewhere. */
static struct status tell_position(struct consumer *consumer, int64_t seen, bool asked) {
  consumer_moved_to(consumer, seen);
  bool due = asked || clock_monotonic_us() - consumer->stored_us >= STORE_US;
  if (!due || consumer->stored_log >= consumer->position.log_time) return status_ok();
  struct context context = consumer_context(consumer, arena_new(), CALL_US);
  struct status status = status_copy(store_position(consumer, &context), consumer->round_arena);
  arena_free(context.arena);
  return status;
}

/* ---- one poll --------------------------------------------------------------------------------------------------- */

/* The clock before a read: when the read brings nothing, everything up to it has been applied. */
static struct status look_at_clock(struct consumer *consumer, int64_t *ret_last) {
  struct context context = consumer_context(consumer, arena_new(), CALL_US);
  struct position last;
  struct status status = consumer->tick_wanted ? clock_tick(consumer->store, &context, &last)
                                               : clock_read(consumer->store, &context, &last);
  status = status_copy(status, consumer->round_arena);
  arena_free(context.arena);
  if (!status_is_ok(status)) return status;
  if (strcmp(last.epoch, consumer->position.epoch) != 0 || *event_store_loss(consumer->store)) {
    return status_error(consumer->round_arena, STATUS_ABORTED, "LOG_CHANGED", "the log is not the one that was read");
  }
  *ret_last = last.log_time;
  return status_ok();
}

static struct status handle_pages(struct consumer *consumer, size_t *ret_events) {
  size_t events, all = 0;
  do {
    struct status status = consumer_page(consumer, &events);
    if (!status_is_ok(status)) return status;
    all += events;
  } while (events > 0 && !consumer->stopping && holds_lease(consumer));
  *ret_events = all;
  return status_ok();
}

static void linger(struct consumer *consumer) {
  if (consumer->poked || consumer->waiters > 0 || consumer->stopping) return;
  int64_t pause_us = (consumer->options.linger_ms ? consumer->options.linger_ms : 5) * 1000;
  condition_wait(&consumer->wake, clock_monotonic_us() + pause_us);
}

static bool groups_are_behind(const struct consumer *consumer) {
  for (size_t i = 0; i < consumer->stream_count; i++) {
    if (consumer->streams[i].group_behind > 0) return true;
  }
  return false;
}

/* How long a block may last at most, for what is due then. */
static int64_t block_ms(const struct consumer *consumer) {
  int64_t now_us = clock_monotonic_us(), end_us = now_us + BLOCK_MS * 1000;
  bool housekeeps = consumer->options.housekeep || !parking_is_empty(consumer->parking);
  if (housekeeps && consumer->housekeep_us + HOUSEKEEP_US < end_us) end_us = consumer->housekeep_us + HOUSEKEEP_US;
  if (groups_are_behind(consumer) && consumer->groups_us + GROUPS_US < end_us) end_us = consumer->groups_us + GROUPS_US;
  return end_us > now_us ? (end_us - now_us) / 1000 + 1 : 1;
}

static struct status block(struct consumer *consumer, bool *ret_woken) {
  *ret_woken = false;
  if (consumer->poked || consumer->stopping) return status_ok();
  return consumer_block(consumer, block_ms(consumer), ret_woken);
}

struct poll_state {
  bool behind; /* the last read brought a full page: there is more, the clock doesn't matter yet */
  bool woken;  /* the block ended before its time: perhaps by another replica that waits */
};

/* Reads, handles, and when there is nothing left waits for more. */
static struct status poll_once(struct consumer *consumer, struct poll_state *poll) {
  int64_t seen = 0;
  bool asked = poll->woken && !consumer->poked, full;
  consumer->poked = false;
  struct status status = poll->behind ? status_ok() : look_at_clock(consumer, &seen);
  if (status_is_ok(status)) status = consumer_read(consumer, &full);
  if (!status_is_ok(status)) return status;
  poll->behind = full;
  poll->woken = false;
  size_t events;
  status = handle_pages(consumer, &events);
  if (!status_is_ok(status)) return status;
  if (full || !event_merge_is_caught_up(consumer->merge)) return keep_house(consumer, false);

  status = tell_position(consumer, seen, asked && events == 0);
  if (status_is_ok(status)) status = keep_house(consumer, true);
  if (!status_is_ok(status)) return status;
  if (events == 0 && !consumer->tick_wanted) return block(consumer, &poll->woken);
  if (events > 0) linger(consumer);
  return status_ok();
}

/* ---- rounds ----------------------------------------------------------------------------------------------------- */

static void say_trouble(struct consumer *consumer, struct status status) {
  bool is_lacking = strcmp(status_reason(status), "LOG_GAP") == 0;
  if (is_lacking || strcmp(status_reason(status), "LOG_RESET") == 0) {
    snprintf(consumer->halt_reason, sizeof consumer->halt_reason, "%s", status.message);
    if (consumer->state != CONSUMER_HALTED) {
      log_event(LOG_ERROR, "the consumer stops", "reason", status_reason(status), "detail", status.message, NULL);
    }
    consumer->state = CONSUMER_HALTED;
    consumer->in_trouble = true;
    return;
  }
  /* Said elsewhere: by the connection that it is lost and back, by the service's readiness that writes are refused. */
  bool is_outage = strcmp(status_reason(status), "REDIS_UNREACHABLE") == 0 || !event_store_is_ready(consumer->store);
  if (is_outage || *event_store_refusal(consumer->store)) return;
  if (consumer->in_trouble) return;
  consumer->in_trouble = true;
  log_event(LOG_WARN, "events can't be handled, they are tried again", "reason", status_reason(status), "detail",
            status.message, NULL);
}

static void say_well(struct consumer *consumer) {
  if (consumer->in_trouble) log_event(LOG_INFO, "events are handled again", NULL);
  consumer->in_trouble = false;
  consumer->state = CONSUMER_ACTIVE;
}

static struct status run_round(struct consumer *consumer, int64_t *backoff_us) {
  struct status status = take_up(consumer);
  if (status_is_ok(status) && consumer->state != CONSUMER_HALTED) consumer->state = CONSUMER_ACTIVE;
  struct poll_state poll = {.woken = true};
  while (status_is_ok(status) && !consumer->stopping && holds_lease(consumer)) {
    status = poll_once(consumer, &poll);
    if (!status_is_ok(status)) break;
    say_well(consumer);
    *backoff_us = BACKOFF_FIRST_US;
  }
  return status;
}

static void wait_until_active(struct consumer *consumer) {
  while (!consumer->stopping && (!event_store_is_ready(consumer->store) || consumer->lease.epoch == 0)) {
    condition_wait(&consumer->lease_changed, clock_monotonic_us() + READY_POLL_US);
  }
}

static void back_off(struct consumer *consumer, int64_t *backoff_us) {
  int64_t end_us = clock_monotonic_us() + (consumer->state == CONSUMER_HALTED ? HALTED_US : *backoff_us);
  *backoff_us = *backoff_us * 2 < BACKOFF_MOST_US ? *backoff_us * 2 : BACKOFF_MOST_US;
  while (!consumer->stopping && condition_wait(&consumer->wake, end_us)) continue;
}

static void end_round(struct consumer *consumer, struct status status, int64_t *backoff_us) {
  alone_trust(consumer);
  if (strcmp(status_reason(status), "LEASE_LOST") == 0) {
    if (holds_lease(consumer)) consumer->lease.epoch = 0;
    condition_signal_all(&consumer->keeper_wake);
    return;
  }
  if (status_is_ok(status)) return;
  say_trouble(consumer, status);
  back_off(consumer, backoff_us);
}

void consumer_run(void *argument) {
  struct consumer *consumer = argument;
  int64_t backoff_us = BACKOFF_FIRST_US;
  while (!consumer->stopping) {
    wait_until_active(consumer);
    if (consumer->stopping) break;
    consumer->round_arena = arena_new();
    struct status status = run_round(consumer, &backoff_us);
    end_round(consumer, status, &backoff_us);
    consumer_read_end(consumer);
    arena_free(consumer->round_arena);
  }
  consumer->running--;
  condition_signal_all(&consumer->ended);
}
