/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_group.h"

#include <stdio.h>

#include "base/clock.h"

enum { BEHIND_US = 100000 };

struct group_stream {
  bool fresh;                      /* not moved in this term yet */
  char at[ENTRY_ID_SIZE];          /* "": unknown */
  size_t applied_count, gap_count; /* those of the progress when it was moved there */
};

struct consumer_group consumer_group_of(const struct progress *progress, struct arena *arena) {
  return (struct consumer_group){.progress = progress,
                                 .streams = arena_calloc(arena, progress->stream_count, sizeof(struct group_stream))};
}

static void set_at(struct group_stream *at, const struct progress_stream *stream) {
  snprintf(at->at, sizeof at->at, "%s", stream->applied);
  at->applied_count = stream->applied_count;
  at->gap_count = stream->gap_count;
  at->fresh = false;
}

void consumer_group_begin(struct consumer_group *group) {
  for (size_t i = 0; i < group->progress->stream_count; i++) {
    set_at(&group->streams[i], &group->progress->streams[i]);
    group->streams[i].fresh = true;
  }
}

static bool is_behind(const struct group_stream *at, const struct progress_stream *stream) {
  return at->fresh || at->applied_count != stream->applied_count;
}

int64_t consumer_group_due_us(const struct consumer_group *group) {
  for (size_t i = 0; i < group->progress->stream_count; i++) {
    if (is_behind(&group->streams[i], &group->progress->streams[i])) return group->moved_us + BEHIND_US;
  }
  return INT64_MAX;
}

/* For a stream: the last entry applied, where the group was, and how many entries lie between. After a gap nobody knows
 * that number, so Redis counts anew. */
static void add_move(struct redis_arguments *values, const struct group_stream *at,
                     const struct progress_stream *stream) {
  struct arena *arena = values->arena;
  redis_add_text(values, arena_strdup(arena, stream->applied));
  redis_add_text(values, at->gap_count == stream->gap_count ? arena_strdup(arena, at->at) : "");
  redis_add_number(values, (int64_t)(stream->applied_count - at->applied_count));
}

coroutine_fn struct status consumer_group_move(struct consumer_group *group, struct context *context) {
  const struct progress *progress = group->progress;
  struct event_store *store = progress->store;
  struct redis_arguments keys = redis_arguments_empty(context->arena), values = redis_arguments_empty(context->arena);
  redis_add_text(&keys, lease_epoch_key(store, context->arena));
  redis_add_text(&values, progress->leader->term.epoch_text);
  redis_add_text(&values, store->service);
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (!is_behind(&group->streams[i], &progress->streams[i])) continue;
    redis_add_text(&keys, progress->streams[i].key);
    add_move(&values, &group->streams[i], &progress->streams[i]);
    set_at(&group->streams[i], &progress->streams[i]);
  }
  group->moved_us = clock_monotonic_us();
  if (keys.count == 1) return status_ok();
  const struct redis_reply *reply;
  struct status status =
      redis_function_call(store->commands, context, store->library, "groups_move", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  return redis_reply_number(reply, 0) == 1 ? status_ok() : lease_lost(context->arena);
}
