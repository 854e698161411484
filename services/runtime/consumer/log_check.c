/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/log_check.h"

#include <string.h>

#include "store/known_log.h"
#include "store/log_clock.h"
#include "store/stream_look.h"

/* ---- the log as a whole ----------------------------------------------------------------------------------------- */

static struct status log_reset(const struct progress *progress, struct arena *arena, const char *what) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_reset,
                      "the log was reset: %s; set %s right to go on", what, progress->key);
}

/* Checks that nothing is missing of what this process has seen. */
static coroutine_fn struct status check_known(const struct progress *progress, struct context *context) {
  struct status status = known_log_check(progress->store->known, context);
  const char *loss = event_store_loss(progress->store);
  if (!status_is_ok(status) || !*loss) return status;
  return status_error(context->arena, STATUS_FAILED_PRECONDITION, reason_log_reset, "%s", loss);
}

/* Reads the clock of a log. One of another service that runs behind what was seen of it, but lacks no entry that was
 * applied, is moved on where another server took over: it may lack the last ticks. */
static coroutine_fn struct status read_clock(const struct progress_log *log, struct context *context,
                                             struct position *ret_last) {
  struct status status = clock_read(log->store, context, ret_last);
  if (!status_is_ok(status) || !log->is_foreign) return status;
  bool is_behind = strcmp(ret_last->epoch, log->position.epoch) == 0 && ret_last->log_time < log->position.log_time;
  if (!is_behind || !redis_server_took_over(log->store->server)) return status;
  return clock_move_on(log->store, context, log->position.log_time, ret_last);
}

/* Checks that the stored positions are of this log, and not past its end. An entry that was added by hand may lie past
 * the clock. */
static coroutine_fn struct status check_positions(struct progress *progress, size_t number, struct context *context) {
  struct arena *arena = context->arena;
  struct progress_log *log = &progress->logs[number];
  struct position last, *position = &log->position;
  struct status status = read_clock(log, context, &last);
  if (!status_is_ok(status)) return status;
  if (!position->epoch[0]) memcpy(position->epoch, last.epoch, LOG_EPOCH_SIZE);
  if (strcmp(position->epoch, last.epoch) != 0) {
    return log_reset(progress, arena,
                     arena_printf(arena, "its epoch is %s, that of the positions (%s) is %s",
                                  *last.epoch ? last.epoch : "missing", log->epoch_field, position->epoch));
  }
  int64_t end = last.log_time;
  for (size_t i = 0; i < progress->stream_count; i++) {
    const struct progress_stream *stream = &progress->streams[i];
    if (stream->log == number && stream->position > end) end = stream->position;
  }
  if (position->log_time <= end) return status_ok();
  return log_reset(
      progress, arena,
      arena_printf(arena, "the position %s (%s) lies past its end, %s", log_time_text(arena, position->log_time),
                   log->log_field, log_time_text(arena, last.log_time)));
}

/* ---- its streams ------------------------------------------------------------------------------------------------ */

/* Returns how many of the entries that were ever added to the stream are certainly applied. The group follows the
 * position, so whoever trims up to the group keeps below this. */
static int64_t surely_applied(const struct progress_stream *stream, const struct stream_sight *sight) {
  bool known = *sight->group_at && log_time_of_entry(sight->group_at) <= stream->position;
  return known && sight->group_read > 0 ? sight->group_read : 0;
}

/* The log time of the last entry that was removed before it was applied; 0 means there is none. */
static int64_t end_of_gap(const struct progress_stream *stream, const struct stream_sight *sight) {
  int64_t last = log_time_of_entry(sight->last), deleted = log_time_of_entry(sight->deleted);
  if (strcmp(sight->deleted, "0-0") != 0 && deleted > stream->position) return deleted;
  if (strcmp(sight->last, stream->applied) == 0) {
    /* All entries that are left have been applied: were they all that were ever added? */
    bool counted = strcmp(sight->group_at, stream->applied) == 0 && sight->group_read >= 0;
    return counted && sight->group_read < sight->added ? last : 0;
  }
  if (!*sight->first) return sight->added > 0 ? last : 0;
  int64_t first = log_time_of_entry(sight->first);
  if (first <= stream->position) return 0;
  return sight->added - sight->length > surely_applied(stream, sight) ? first - 1 : 0;
}

/* The loss is accepted: the service goes on after it, but before all entries that are still there (one that was
 * deleted may lie after others that were not). */
static void skip_gap(struct progress_stream *stream, const struct stream_sight *sight, struct arena *arena,
                     int64_t end) {
  if (*sight->first && log_time_of_entry(sight->first) <= end) end = log_time_of_entry(sight->first) - 1;
  progress_skip_gap(stream, arena, end);
  stream->count = *sight->first ? sight->added - sight->length : sight->added;
}

static struct status check_stream(const struct progress *progress, struct arena *arena, struct progress_stream *stream,
                                  const struct stream_sight *sight) {
  const char *name = stream->subscribed->name;
  bool reaches_position = sight->exists && log_time_of_entry(sight->last) >= stream->position;
  if (!reaches_position && stream->position > 0) {
    return log_reset(progress, arena,
                     arena_printf(arena, "the position %s of %s lies past its end", stream->applied, name));
  }
  if (!sight->exists) return status_ok();
  int64_t end = end_of_gap(stream, sight);
  if (end == 0) return status_ok();
  const struct progress_log *log = &progress->logs[stream->log];
  if (log->accepted_loss >= end) {
    skip_gap(stream, sight, arena, end);
    return status_ok();
  }
  const char *end_id = log_time_text(arena, end);
  return status_error(
      arena, STATUS_FAILED_PRECONDITION, reason_log_gap,
      "the log has a gap: entries of %s up to %s were removed before they were applied, the last one that "
      "was is %s; to go on without them: HSET %s %s %s",
      name, end_id, stream->applied, progress->key, log->accepted_field, end_id);
}

/* Another service's log has no group of this one: what was counted stands for it. */
static void count_as_group(struct progress_stream *stream, struct stream_sight *sight) {
  if (strcmp(sight->last, stream->applied) == 0) stream->count = sight->added;
  sight->group_at = stream->applied;
  sight->group_read = stream->count;
}

static coroutine_fn struct status check_streams_of(struct progress *progress, size_t number, struct context *context) {
  const struct progress_log *log = &progress->logs[number];
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (progress->streams[i].log == number) redis_add_text(&keys, progress->streams[i].key);
  }
  const struct stream_sight *sights;
  struct status status = log->is_foreign ? streams_look_plainly(log->store, context, &keys, &sights)
                                         : streams_look(log->store, context, &keys, true, &sights);
  size_t seen = 0;
  for (size_t i = 0; status_is_ok(status) && i < progress->stream_count; i++) {
    struct progress_stream *stream = &progress->streams[i];
    if (stream->log != number) continue;
    struct stream_sight sight = sights[seen++];
    if (log->is_foreign) count_as_group(stream, &sight);
    status = check_stream(progress, context->arena, stream, &sight);
  }
  return status;
}

/* What is asked of another service's Redis, whose server is another one. */
static struct context context_for(const struct progress_log *log, const struct context *context) {
  struct context own = *context;
  if (log->is_foreign) own.redis_era = 0;
  return own;
}

coroutine_fn struct status log_check_streams(struct progress *progress, struct context *context) {
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < progress->log_count; i++) {
    struct context own = context_for(&progress->logs[i], context);
    status = check_streams_of(progress, i, &own);
  }
  return status;
}

coroutine_fn struct status log_check(struct progress *progress, struct context *context) {
  struct status status = check_known(progress, context);
  for (size_t i = 0; status_is_ok(status) && i < progress->log_count; i++) {
    struct context own = context_for(&progress->logs[i], context);
    status = check_positions(progress, i, &own);
  }
  return status_is_ok(status) ? log_check_streams(progress, context) : status;
}
