/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_clock.h"

#include <stdio.h>
#include <string.h>

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

coroutine_fn struct status clock_tick(struct event_store *store, struct context *context, struct position *ret_now) {
  struct redis_arguments keys = redis_arguments_empty(context->arena), none = redis_arguments_empty(context->arena);
  redis_add_text(&keys, clock_key(store, context->arena));
  const struct redis_reply *reply;
  struct status status = known_log_check(store->known, context);
  if (status_is_ok(status)) {
    status = redis_function_call(store->commands, context, store->library, "clock_tick", &keys, &none, &reply);
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
