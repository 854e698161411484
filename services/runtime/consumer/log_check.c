/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/log_check.h"

#include <string.h>

#include "store/known_log.h"
#include "store/log_clock.h"

/* ---- the log as a whole ----------------------------------------------------------------------------------------- */

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

/* How far the log reaches. An entry that was added by hand may lie past the clock. */
static int64_t end_of_log(const struct progress *progress, size_t number, const struct position *clock) {
  int64_t end = clock->log_time;
  for (size_t i = 0; i < progress->stream_count; i++) {
    const struct progress_stream *stream = &progress->streams[i];
    if (stream->log == number && stream->position > end) end = stream->position;
  }
  return end;
}

/* Looks whether the stored positions are of this log, and not past its end. */
static coroutine_fn struct status find_wrong_positions(struct progress *progress, size_t number,
                                                       struct context *context, struct log_losses *losses) {
  struct arena *arena = context->arena;
  struct progress_log *log = &progress->logs[number];
  struct position last, *position = &log->position;
  struct status status = read_clock(log, context, &last);
  if (!status_is_ok(status)) return status;
  struct log_loss loss = {.stream = "", .end = position->log_time};
  if (!position->epoch[0]) memcpy(position->epoch, last.epoch, LOG_EPOCH_SIZE);
  if (strcmp(position->epoch, last.epoch) != 0) {
    loss.kind = LOG_LOSS_EPOCH;
    loss.field = log->epoch_field;
    loss.value = arena_strdup(arena, last.epoch);
    loss.detail = arena_printf(arena, "its epoch is %s, that of the positions (%s) is %s",
                               *last.epoch ? last.epoch : "missing", log->epoch_field, position->epoch);
    log_losses_add(losses, &loss);
  }
  if (position->log_time <= end_of_log(progress, number, &last)) return status_ok();
  loss.kind = LOG_LOSS_POSITION;
  loss.after = last.log_time;
  loss.field = log->log_field;
  loss.value = log_time_text(arena, last.log_time);
  loss.detail = arena_printf(arena, "the position %s (%s) lies past its end, %s",
                             log_time_text(arena, position->log_time), log->log_field, loss.value);
  log_losses_add(losses, &loss);
  return status_ok();
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

static bool ends_before_position(const struct progress_stream *stream, const struct stream_sight *sight) {
  bool reaches_position = sight->exists && log_time_of_entry(sight->last) >= stream->position;
  return !reaches_position && stream->position > 0;
}

static void add_position(struct log_losses *losses, struct arena *arena, const struct progress_stream *stream,
                         const struct stream_sight *sight) {
  const char *name = stream->subscribed->name, *last = sight->exists ? sight->last : "0-0";
  const struct log_loss loss = {
      .kind = LOG_LOSS_POSITION,
      .stream = name,
      .after = log_time_of_entry(last),
      .end = stream->position,
      .detail = arena_printf(arena, "the position %s of %s lies past its end", stream->applied, name),
      .field = name,
      .value = last};
  log_losses_add(losses, &loss);
}

static void add_gap(struct log_losses *losses, struct arena *arena, const struct progress_stream *stream, int64_t end,
                    const char *field) {
  const char *name = stream->subscribed->name, *end_id = log_time_text(arena, end);
  const struct log_loss loss = {
      .kind = LOG_LOSS_GAP,
      .stream = name,
      .after = stream->position,
      .end = end,
      .detail = arena_printf(
          arena, "entries of %s up to %s were removed before they were applied, the last one that was is %s", name,
          end_id, stream->applied),
      .field = field,
      .value = end_id};
  log_losses_add(losses, &loss);
}

static void look_at_stream(const struct progress *progress, struct arena *arena, struct progress_stream *stream,
                           const struct stream_sight *sight, struct log_losses *losses) {
  if (ends_before_position(stream, sight)) {
    add_position(losses, arena, stream, sight);
    return;
  }
  int64_t end = sight->exists ? end_of_gap(stream, sight) : 0;
  if (end == 0) return;
  const struct progress_log *log = &progress->logs[stream->log];
  if (log->accepted_loss >= end) {
    skip_gap(stream, sight, arena, end);
  } else {
    add_gap(losses, arena, stream, end, log->accepted_field);
  }
}

/* Another service's log has no group of this one: what was counted stands for it. */
static void count_as_group(struct progress_stream *stream, struct stream_sight *sight) {
  if (strcmp(sight->last, stream->applied) == 0) stream->count = sight->added;
  sight->group_at = stream->applied;
  sight->group_read = stream->count;
}

static coroutine_fn struct status look_at_streams(struct progress *progress, size_t number, struct context *context,
                                                  struct log_losses *losses) {
  const struct progress_log *log = &progress->logs[number];
  const struct stream_sight *sights;
  struct status status = progress_look(progress, number, true, context, &sights);
  size_t seen = 0;
  for (size_t i = 0; status_is_ok(status) && i < progress->stream_count; i++) {
    struct progress_stream *stream = &progress->streams[i];
    if (stream->log != number) continue;
    struct stream_sight sight = sights[seen++];
    if (log->is_foreign) count_as_group(stream, &sight);
    look_at_stream(progress, context->arena, stream, &sight, losses);
  }
  return status;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

/* Tells the first loss. */
static struct status tell(const struct progress *progress, struct arena *arena, const struct log_losses *losses) {
  if (losses->count == 0) return status_ok();
  const struct log_loss *loss = &losses->rows[0];
  const char *reason = loss->kind == LOG_LOSS_GAP ? reason_log_gap : reason_log_reset;
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason, "%s", log_loss_text(arena, progress->store, loss));
}

coroutine_fn struct status log_check_find(struct progress *progress, size_t number, struct context *context,
                                          struct log_losses *losses) {
  struct context own = *context;
  if (progress->logs[number].is_foreign) own.redis_era = 0; /* it is of another server */
  struct status status = find_wrong_positions(progress, number, &own, losses);
  return status_is_ok(status) ? look_at_streams(progress, number, context, losses) : status;
}

coroutine_fn struct status log_check_streams(struct progress *progress, struct context *context) {
  struct log_losses losses = {.arena = context->arena};
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < progress->log_count; i++) {
    status = look_at_streams(progress, i, context, &losses);
  }
  return status_is_ok(status) ? tell(progress, context->arena, &losses) : status;
}

coroutine_fn struct status log_check(struct progress *progress, struct context *context) {
  struct log_losses losses = {.arena = context->arena};
  struct status status = check_known(progress, context);
  for (size_t i = 0; status_is_ok(status) && i < progress->log_count; i++) {
    status = log_check_find(progress, i, context, &losses);
  }
  return status_is_ok(status) ? tell(progress, context->arena, &losses) : status;
}
