/* SPDX-License-Identifier: Apache-2.0 */
#include "log_check.h"

#include <string.h>

#include "base/log.h"
#include "store/event_store.h"

/* Whether each stream of a log still has the last entry that was read of it. */
static coroutine_fn struct status look_for_last(const struct log_progress *progress, struct context *context,
                                                size_t number, bool *ret_there) {
  size_t count = log_streams_count(progress->streams);
  struct redis_pending **asked = arena_calloc(context->arena, count, sizeof *asked);
  for (size_t i = 0; i < count; i++) {
    const struct log_stream *stream = log_streams_at(progress->streams, i);
    if (progress->last[i] == 0 || stream->log != number) continue;
    const char *id = log_time_text(context->arena, progress->last[i]);
    struct redis_arguments range = redis_command_of(context->arena, "XRANGE", stream->key, id, id, "COUNT", "1", NULL);
    asked[i] = redis_send(progress->places->stores[number]->commands, context, &range);
  }
  struct status result = status_ok();
  *ret_there = true;
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    if (!asked[i]) continue;
    struct status status = redis_receive(asked[i], &reply);
    if (!status_is_ok(status)) result = status;
    if (status_is_ok(status) && reply->count == 0) *ret_there = false;
  }
  return result;
}

static coroutine_fn struct status check_log(struct log_check *check, struct context *context, size_t number,
                                            const struct position *end, bool *ret_same) {
  struct log_progress *progress = check->progress;
  uint64_t generation = redis_generation(progress->places->stores[number]->commands);
  struct position *read_to = &progress->read_to[number];
  bool is_new = !*read_to->epoch && read_to->log_time == 0;
  struct status status = status_ok();
  *ret_same = strcmp(read_to->epoch, end->epoch) == 0;
  if (*ret_same && check->checked[number] != generation) status = look_for_last(progress, context, number, ret_same);
  if (status_is_ok(status)) check->checked[number] = generation;
  if (*ret_same || !is_new) return status;
  memcpy(read_to->epoch, end->epoch, sizeof read_to->epoch);
  *ret_same = true;
  return status;
}

static void log_other(const struct log_progress *progress, struct arena *arena, size_t number,
                      const struct position *end) {
  const struct position *read_to = &progress->read_to[number];
  log_event(LOG_WARN, "the log is not the one that was read: its index is made anew", "log",
            progress->places->stores[number]->log, "epoch", end->epoch, "ends_at", log_time_text(arena, end->log_time),
            "epoch_before", read_to->epoch, "read_to", log_time_text(arena, read_to->log_time), NULL);
}

coroutine_fn struct status log_check_all(struct log_check *check, struct context *contexts, const struct position *ends,
                                         bool *ret_same) {
  bool same = true;
  for (size_t i = 0; i < check->progress->places->count && same; i++) {
    struct status status = check_log(check, &contexts[i], i, &ends[i], &same);
    if (!status_is_ok(status)) return status;
    if (!same) log_other(check->progress, contexts[i].arena, i, &ends[i]);
  }
  *ret_same = same;
  return status_ok();
}
