/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_clock.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "store/known_log.h"
#include "store/stream_reader.h"

void position_from_reply(const struct redis_reply *log_time, const struct redis_reply *epoch,
                         struct position *ret_position) {
  struct position position = {.log_time = redis_reply_number(log_time, 0)};
  const char *text = redis_reply_text(epoch);
  snprintf(position.epoch, sizeof position.epoch, "%s", text ? text : "");
  *ret_position = position;
}

void clock_saw(struct event_store *store, const struct position *position) {
  known_log_saw(store->known, position);
  bool same_log = strcmp(store->latest.epoch, position->epoch) == 0 &&
                  store->latest_generation == redis_generation(store->commands);
  if (same_log && position->log_time <= store->latest.log_time) return;
  store->latest = *position;
  store->latest_generation = redis_generation(store->commands);
}

coroutine_fn struct status clock_make(struct event_store *store, struct context *context, struct position *ret_now) {
  struct arena *arena = context->arena;
  struct redis_arguments keys = redis_arguments_empty(arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, clock_key(store, arena));
  struct status status = streams_find(store, context, &keys);
  if (!status_is_ok(status)) return status;

  char epoch[LOG_EPOCH_SIZE] = "";
  for (const char *c = uuid_random(arena); *c && strlen(epoch) < LOG_EPOCH_SIZE - 1; c++) {
    if (*c != '-') strncat(epoch, c, 1);
  }
  redis_add_text(&values, epoch);
  const struct redis_reply *reply;
  status = redis_function_call(store->commands, context, store->library, "clock_make", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  position_from_reply(redis_reply_at(reply, 0), redis_reply_at(reply, 1), ret_now);
  if (strcmp(ret_now->epoch, epoch) == 0) {
    log_event(LOG_WARN, "made the log's clock", "epoch", epoch, "streams", log_number((int64_t)keys.count - 1), NULL);
  }
  return status_ok();
}

static coroutine_fn struct status tick_to(struct event_store *store, struct context *context, int64_t log_time,
                                          struct position *ret_now) {
  struct redis_arguments keys = redis_arguments_empty(context->arena), values = redis_arguments_empty(context->arena);
  redis_add_text(&keys, clock_key(store, context->arena));
  if (log_time > 0) redis_add_number(&values, log_time);
  const struct redis_reply *reply;
  struct status status = known_log_check(store->known, context);
  if (status_is_ok(status)) {
    status = redis_function_call(store->commands, context, store->library, "clock_tick", &keys, &values, &reply);
  }
  if (!status_is_ok(status)) return status;
  struct position now;
  if (reply->count == 0) {
    status = clock_make(store, context, &now);
    if (!status_is_ok(status)) return status;
  } else {
    position_from_reply(redis_reply_at(reply, 0), redis_reply_at(reply, 1), &now);
  }
  clock_saw(store, &now);
  *ret_now = now;
  return status_ok();
}

coroutine_fn struct status clock_tick(struct event_store *store, struct context *context, struct position *ret_now) {
  return tick_to(store, context, 0, ret_now);
}

/* ---- another service's clock ------------------------------------------------------------------------------------ */

enum { TOGETHER = 3, SET_CLOCK_US = 5000000 };

/* Sends commands, with nothing of others in between, and receives their answers. */
static coroutine_fn struct status ask_together(struct redis *redis, struct context *context,
                                               const struct redis_arguments commands[TOGETHER],
                                               const struct redis_reply *ret_replies[TOGETHER]) {
  struct redis_pending *pending[TOGETHER];
  struct status result = status_ok();
  for (size_t i = 0; i < TOGETHER; i++) pending[i] = redis_send(redis, context, &commands[i]);
  for (size_t i = 0; i < TOGETHER; i++) {
    struct status status = redis_receive(pending[i], &ret_replies[i]);
    if (status_is_ok(result)) result = status;
  }
  return result;
}

/* Watches the clock, and tells it and the server's time. */
static coroutine_fn struct status watch_clock(struct event_store *store, struct context *context, const char *key,
                                              struct position *ret_last, int64_t *ret_server_us) {
  struct arena *arena = context->arena;
  const struct redis_arguments commands[TOGETHER] = {redis_command_of(arena, "WATCH", key, NULL),
                                                     redis_command_of(arena, "GET", key, NULL),
                                                     redis_arguments_of(arena, "TIME")};
  const struct redis_reply *replies[TOGETHER];
  struct status status = ask_together(store->commands, context, commands, replies);
  if (!status_is_ok(status)) return status;
  *ret_last = (struct position){0};
  (void)clock_parse(redis_reply_text(replies[1]), ret_last);
  *ret_server_us = redis_reply_number(redis_reply_at(replies[2], 0), 0) * 1000000 +
                   redis_reply_number(redis_reply_at(replies[2], 1), 0);
  return status_ok();
}

/* Sets the clock unless it has changed since it was watched: then *ret_set is false. The deadline must not come between
 * MULTI and EXEC, or the connection would stay within a transaction. */
static coroutine_fn struct status set_watched_clock(struct event_store *store, const struct context *caller,
                                                    const char *key, const struct position *clock, bool *ret_set) {
  struct context context = *caller;
  context.deadline_us = clock_monotonic_us() + SET_CLOCK_US;
  struct arena *arena = context.arena;
  const char *value = arena_printf(arena, "%s %s", log_time_text(arena, clock->log_time), clock->epoch);
  const struct redis_arguments commands[TOGETHER] = {redis_arguments_of(arena, "MULTI"),
                                                     redis_command_of(arena, "SET", key, value, NULL),
                                                     redis_arguments_of(arena, "EXEC")};
  const struct redis_reply *replies[TOGETHER];
  struct status status = ask_together(store->commands, &context, commands, replies);
  *ret_set = status_is_ok(status) && replies[2]->type == REDIS_LIST;
  return status;
}

static coroutine_fn struct status try_to_move_on(struct event_store *store, struct context *context, int64_t log_time,
                                                 struct position *ret_now, bool *ret_done) {
  const char *key = clock_key(store, context->arena);
  uint64_t connection = redis_generation(store->commands);
  struct position last;
  int64_t server_us;
  struct status status = watch_clock(store, context, key, &last, &server_us);
  if (!status_is_ok(status)) return status;
  struct position now = last;
  if (server_us > now.log_time) now.log_time = server_us;
  if (log_time > now.log_time) now.log_time = log_time;
  *ret_now = now;
  *ret_done = !*last.epoch || now.log_time == last.log_time;
  /* On another connection nothing is watched. */
  if (*ret_done || connection != redis_generation(store->commands)) return status_ok();
  return set_watched_clock(store, context, key, &now, ret_done);
}

coroutine_fn struct status clock_move_on(struct event_store *store, struct context *context, int64_t log_time,
                                         struct position *ret_now) {
  if (!store->reads_only) return tick_to(store, context, log_time, ret_now);
  struct keyed_lock_holder holder = {0};
  if (!keyed_lock_acquire(&store->turns, &holder, "clock", context->deadline_us)) {
    return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                        "the clock of another log could not be moved on within the deadline");
  }
  struct status status = status_ok();
  bool done = false;
  while (status_is_ok(status) && !done) status = try_to_move_on(store, context, log_time, ret_now, &done);
  keyed_lock_release(&store->turns, &holder);
  return status;
}

struct redis_pending *clock_ask(struct event_store *store, struct redis *redis, struct context *context) {
  struct redis_arguments get = redis_command_of(context->arena, "GET", clock_key(store, context->arena), NULL);
  return redis_send(redis, context, &get);
}

coroutine_fn struct status clock_told(struct event_store *store, struct redis_pending *asked,
                                      struct position *ret_last) {
  const struct redis_reply *reply;
  struct status status = redis_receive(asked, &reply);
  if (!status_is_ok(status)) return status;
  struct position last = {0};
  if (clock_parse(redis_reply_text(reply), &last)) clock_saw(store, &last);
  *ret_last = last;
  return status_ok();
}

coroutine_fn struct status clock_read(struct event_store *store, struct context *context, struct position *ret_last) {
  struct position last;
  struct status status = clock_told(store, clock_ask(store, store->commands, context), &last);
  if (!status_is_ok(status)) return status;
  if (!*last.epoch && !store->reads_only) return clock_tick(store, context, ret_last);
  *ret_last = last;
  return status_ok();
}
