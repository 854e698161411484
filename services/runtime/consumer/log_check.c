/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/log_check.h"

#include <string.h>

#include "store/known_log.h"
#include "store/log_clock.h"

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

/* Checks that the stored positions are of this log, and not past its end. An entry that was added by hand may lie past
 * the clock. */
static coroutine_fn struct status check_positions(struct progress *progress, struct context *context) {
  struct arena *arena = context->arena;
  struct position last, *position = &progress->position;
  struct status status = clock_read(progress->store, context, &last);
  if (!status_is_ok(status)) return status;
  if (!position->epoch[0]) memcpy(position->epoch, last.epoch, LOG_EPOCH_SIZE);
  if (strcmp(position->epoch, last.epoch) != 0) {
    return log_reset(progress, arena,
                     arena_printf(arena, "its epoch is %s, that of the positions is %s", last.epoch, position->epoch));
  }
  int64_t end = last.log_time;
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (progress->streams[i].position > end) end = progress->streams[i].position;
  }
  if (position->log_time <= end) return status_ok();
  return log_reset(progress, arena,
                   arena_printf(arena, "the position %s lies past its end, %s",
                                log_time_text(arena, position->log_time), log_time_text(arena, last.log_time)));
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
  if (progress->accepted_loss >= end) {
    skip_gap(stream, sight, arena, end);
    return status_ok();
  }
  const char *end_id = log_time_text(arena, end);
  return status_error(
      arena, STATUS_FAILED_PRECONDITION, reason_log_gap,
      "the log has a gap: entries of %s up to %s were removed before they were applied, the last one that "
      "was is %s; to go on without them: HSET %s accepted %s",
      name, end_id, stream->applied, progress->key, end_id);
}

coroutine_fn struct status log_check_streams(struct progress *progress, struct context *context) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  for (size_t i = 0; i < progress->stream_count; i++) redis_add_text(&keys, progress->streams[i].key);
  const struct stream_sight *sights;
  struct status status = streams_look(progress->store, context, &keys, true, &sights);
  for (size_t i = 0; status_is_ok(status) && i < progress->stream_count; i++) {
    status = check_stream(progress, context->arena, &progress->streams[i], &sights[i]);
  }
  return status;
}

coroutine_fn struct status log_check(struct progress *progress, struct context *context) {
  struct status status = check_known(progress, context);
  if (status_is_ok(status)) status = check_positions(progress, context);
  if (status_is_ok(status)) status = log_check_streams(progress, context);
  return status;
}
