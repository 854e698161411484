/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/foreign_backlog.h"

#include <string.h>

#include "store/known_log.h"
#include "store/log_clock.h"

static void *copy_of(struct arena *arena, const void *rows, size_t size) {
  return memcpy(arena_alloc(arena, size), rows, size);
}

/* What is stored, where another replica moves it. */
static coroutine_fn struct status load_copy(const struct progress *progress, struct context *context,
                                            struct progress *ret_copy) {
  struct progress copy = *progress;
  copy.logs = copy_of(context->arena, progress->logs, progress->log_count * sizeof *copy.logs);
  copy.streams = copy_of(context->arena, progress->streams, progress->stream_count * sizeof *copy.streams);
  struct status status = progress_is_current(progress) ? status_ok() : progress_load(&copy, context);
  *ret_copy = copy;
  return status;
}

/* How many entries of the stream were not applied yet. */
static int64_t lag_of(const struct progress_stream *stream, const struct stream_sight *sight) {
  if (!sight->exists || strcmp(sight->last, stream->applied) == 0) return 0;
  if (strcmp(stream->applied, "0-0") == 0) return sight->length;
  return sight->added > stream->count ? sight->added - stream->count : 0;
}

/* The log time just before the first entry, if there is one that comes before `from`, or if that is 0. */
static int64_t beginning_of(const struct stream_sight *sight, int64_t from) {
  if (!sight->exists || !*sight->first) return from;
  int64_t before = log_time_of_entry(sight->first) - 1;
  return from == 0 || before < from ? before : from;
}

static coroutine_fn struct status add_log(const struct progress *progress, size_t number, struct context *context,
                                          struct consumer_backlog *backlog) {
  const struct progress_log *log = &progress->logs[number];
  struct position clock;
  const struct stream_sight *sights;
  struct status status = clock_read(log->store, context, &clock);
  if (status_is_ok(status)) status = progress_look(progress, number, false, context, &sights);
  if (!status_is_ok(status)) return status;
  int64_t lag = 0, beginning = 0;
  size_t seen = 0;
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (progress->streams[i].log != number) continue;
    lag += lag_of(&progress->streams[i], &sights[seen]);
    beginning = beginning_of(&sights[seen++], beginning);
  }
  int64_t from = log->position.log_time > 0 ? log->position.log_time : beginning;
  if (lag > 0 && clock.log_time - from > backlog->lag_us) backlog->lag_us = clock.log_time - from;
  if (backlog->lag_entries >= 0) backlog->lag_entries += lag;
  if (*clock.epoch && log->position.log_time < backlog->position) backlog->position = log->position.log_time;
  return status_ok();
}

coroutine_fn struct status foreign_backlog_add(const struct progress *progress, struct context *context,
                                               struct consumer_backlog *backlog) {
  struct progress now;
  struct status status = load_copy(progress, context, &now);
  bool follows_own = !progress->logs[0].is_foreign;
  if (!follows_own) backlog->position = INT64_MAX;
  for (size_t i = follows_own ? 1 : 0; status_is_ok(status) && i < now.log_count; i++) {
    struct context own = *context;
    own.redis_era = 0;
    status = add_log(&now, i, &own, backlog);
  }
  if (backlog->position == INT64_MAX) backlog->position = 0;
  if (!status_is_ok(status)) backlog->lag_entries = backlog->lag_us = -1;
  return status;
}
