/* SPDX-License-Identifier: Apache-2.0 */
#include "log_check.h"

#include <string.h>

#include "archive_link.h"
#include "base/log.h"
#include "store/event_store.h"

/* Whether each stream of a log still has the last entry that was read of it, unless that is archived. */
static coroutine_fn struct status look_for_last(const struct log_check *check, struct context *context, size_t number,
                                                bool *ret_there) {
  const struct log_progress *progress = check->progress;
  const struct event_store *store = progress->places->stores[number];
  size_t count = log_streams_count(progress->streams);
  struct redis_pending **asked = arena_calloc(context->arena, count, sizeof *asked);
  for (size_t i = 0; i < count; i++) {
    const struct log_stream *stream = log_streams_at(progress->streams, i);
    if (progress->last[i] == 0 || stream->log != number) continue;
    if (progress->last[i] <= archive_last(check->archive, store->log, stream->name)) continue;
    const char *id = log_time_text(context->arena, progress->last[i]);
    struct redis_arguments range = redis_command_of(context->arena, "XRANGE", stream->key, id, id, "COUNT", "1", NULL);
    asked[i] = redis_send(store->commands, context, &range);
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
  bool is_empty = read_to->log_time == 0, is_new = is_empty && !*read_to->epoch, given_up = false;
  struct status status = status_ok();
  bool same = strcmp(read_to->epoch, end->epoch) == 0;
  if (!same || check->checked[number] != generation) {
    status = archive_link_check(check->archive, progress->streams, number, context, &given_up);
    /* Only an index that has just been made anew names nothing that is given up (tests/model/archive.py). */
    if (status_is_ok(status) && given_up && is_empty) {
      status = archive_link_give_up(check->archive, progress->places->stores[number], context);
      given_up = false;
    }
    same = same && !given_up;
    if (status_is_ok(status) && same) status = look_for_last(check, context, number, &same);
  }
  if (!status_is_ok(status)) return status;
  check->checked[number] = given_up ? 0 : generation;
  *ret_same = same;
  if (same || !is_new) return status;
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
