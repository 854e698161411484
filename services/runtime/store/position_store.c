/* SPDX-License-Identifier: Apache-2.0 */
#include "store/position_store.h"

#include <stdio.h>
#include <stdlib.h>

const char *position_store_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_position", store->service);
}

int64_t position_of_entry(const char *entry_id) {
  int64_t log_time;
  if (log_time_parse(entry_id, &log_time)) return log_time;
  return strtoll(entry_id, NULL, 10) * 1000 + 999;
}

struct status position_read(struct event_store *store, struct context *context, struct position *ret_position) {
  struct redis_arguments get =
      redis_command_of(context->arena, "HMGET", position_store_key(store, context->arena), "log", "epoch", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  const char *log = redis_reply_text(redis_reply_at(reply, 0)), *epoch = redis_reply_text(redis_reply_at(reply, 1));
  struct position position = {.log_time = log ? position_of_entry(log) : 0};
  snprintf(position.epoch, sizeof position.epoch, "%s", epoch ? epoch : "");
  *ret_position = position;
  return status_ok();
}
