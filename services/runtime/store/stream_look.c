/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stream_look.h"

#include <string.h>

#include "store/store_connections.h"

static const struct stream_sight no_sight = {.first = "", .last = "", .deleted = "", .group_at = "", .group_read = -1};

static const char *text_of(const struct redis_reply *stream, const char *field, const char *otherwise) {
  const char *text = redis_reply_text(redis_reply_field(stream, field));
  return text ? text : otherwise;
}

static struct stream_sight sight_of(const struct redis_reply *stream) {
  const char *first = redis_reply_text(redis_reply_at(redis_reply_field(stream, "first-entry"), 0));
  return (struct stream_sight){
      .exists = true,
      .first = first ? first : "",
      .last = text_of(stream, "last-generated-id", "0-0"),
      .deleted = text_of(stream, "max-deleted-entry-id", "0-0"),
      .added = redis_reply_number(redis_reply_field(stream, "entries-added"), 0),
      .length = redis_reply_number(redis_reply_field(stream, "length"), 0),
      .group_at = "",
      .group_read = -1,
  };
}

/* Sends a command for each key but those to be left out, and receives the answers, NULL where none was asked for. */
static coroutine_fn struct status ask_each(struct event_store *store, struct context *context,
                                           const struct redis_arguments *keys, const char *const words[2],
                                           const bool *left_out, const struct redis_reply **ret_replies) {
  struct arena *arena = context->arena;
  struct redis_pending **asked = arena_calloc(arena, keys->count + 1, sizeof *asked);
  struct status result = status_ok();
  for (size_t i = 0; i < keys->count; i++) {
    if (left_out[i]) continue;
    struct redis_arguments command = redis_arguments_of(arena, words[0]);
    if (words[1]) redis_add_text(&command, words[1]);
    redis_add_text(&command, keys->values[i]);
    asked[i] = redis_send(store->commands, context, &command);
  }
  for (size_t i = 0; i < keys->count; i++) {
    if (!asked[i]) continue;
    struct status status = redis_receive(asked[i], &ret_replies[i]);
    if (status_is_ok(result)) result = status;
  }
  return result;
}

/* XINFO is an error where there is no stream, hence the types are asked for first. */
coroutine_fn struct status streams_look_plainly(struct event_store *store, struct context *context,
                                                const struct redis_arguments *keys,
                                                const struct stream_sight **ret_sights) {
  static const char *const type[2] = {"TYPE"}, *const info[2] = {"XINFO", "STREAM"};
  struct arena *arena = context->arena;
  const struct redis_reply **replies = arena_calloc(arena, keys->count + 1, sizeof(struct redis_reply *));
  bool *missing = arena_calloc(arena, keys->count + 1, sizeof *missing);
  struct status status = ask_each(store, context, keys, type, missing, replies);
  for (size_t i = 0; status_is_ok(status) && i < keys->count; i++) {
    const char *kind = redis_reply_text(replies[i]);
    missing[i] = !kind || strcmp(kind, "stream") != 0;
  }
  if (status_is_ok(status)) status = ask_each(store, context, keys, info, missing, replies);
  if (!status_is_ok(status)) return status;
  struct stream_sight *sights = arena_calloc(arena, keys->count + 1, sizeof *sights);
  for (size_t i = 0; i < keys->count; i++) sights[i] = missing[i] ? no_sight : sight_of(replies[i]);
  *ret_sights = sights;
  return status;
}
