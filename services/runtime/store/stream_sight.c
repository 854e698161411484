/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stream_sight.h"

static const char *text_at(const struct redis_reply *reply, size_t index) {
  const char *text = redis_reply_text(redis_reply_at(reply, index));
  return text ? text : "";
}

static struct stream_sight sight_of(const struct redis_reply *reply) {
  struct stream_sight sight = {.first = "", .last = "", .deleted = "", .group_at = "", .group_read = -1};
  if (!reply || reply->count == 0) return sight;
  sight.exists = true;
  sight.first = text_at(reply, 0);
  sight.last = text_at(reply, 1);
  sight.deleted = text_at(reply, 2);
  sight.added = redis_reply_number(redis_reply_at(reply, 3), 0);
  sight.length = redis_reply_number(redis_reply_at(reply, 4), 0);
  sight.group_at = text_at(reply, 5);
  sight.group_read = redis_reply_number(redis_reply_at(reply, 6), -1);
  return sight;
}

struct status streams_look(struct event_store *store, struct context *context, const struct redis_arguments *keys,
                           bool groups, const struct stream_sight **ret_sights) {
  struct redis_arguments values = redis_arguments_empty(context->arena);
  redis_add_text(&values, groups ? store->service : "");
  const struct redis_reply *reply;
  struct status status =
      redis_function_call(store->commands, context, store->library, "streams_look", keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  struct stream_sight *sights = arena_calloc(context->arena, keys->count + 1, sizeof *sights);
  for (size_t i = 0; i < keys->count; i++) sights[i] = sight_of(redis_reply_at(reply, i));
  *ret_sights = sights;
  return status_ok();
}
