/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/event.h"
#include "store/known_log.h"

struct progress progress_of(const struct leader *leader, struct arena *arena, const struct subscription *subscriptions,
                            size_t count) {
  struct event_store *store = leader->store;
  struct progress progress = {.store = store, .leader = leader, .key = position_key(store, arena)};
  const struct subscribed_stream *subscribed =
      subscription_streams(arena, subscriptions, count, &progress.stream_count);
  progress.streams = arena_calloc(arena, progress.stream_count, sizeof *progress.streams);
  for (size_t i = 0; i < progress.stream_count; i++) {
    progress.streams[i].subscribed = &subscribed[i];
    progress.streams[i].key = event_stream_key(store, arena, subscribed[i].name);
  }
  return progress;
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static void load_stream(struct progress_stream *stream, const struct redis_reply *stored) {
  const struct redis_reply *id = redis_reply_field(stored, stream->subscribed->name);
  snprintf(stream->applied, ENTRY_ID_SIZE, "%s", redis_reply_text(id) ? redis_reply_text(id) : "0-0");
  stream->position = strcmp(stream->applied, "0-0") == 0 ? 0 : log_time_of_entry(stream->applied);
  stream->applied_count = 0;
  stream->gap_count = 0;
}

coroutine_fn struct status progress_load(struct progress *progress, struct context *context) {
  struct redis_arguments get = redis_command_of(context->arena, "HGETALL", progress->key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(progress->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  const char *log = redis_reply_text(redis_reply_field(reply, "log"));
  const char *epoch = redis_reply_text(redis_reply_field(reply, "epoch"));
  const char *accepted = redis_reply_text(redis_reply_field(reply, "accepted"));
  progress->position.log_time = log ? log_time_of_entry(log) : 0;
  snprintf(progress->position.epoch, LOG_EPOCH_SIZE, "%s", epoch ? epoch : "");
  progress->stored_log = progress->position.log_time;
  progress->accepted_loss = accepted ? log_time_of_entry(accepted) : 0;
  for (size_t i = 0; i < progress->stream_count; i++) load_stream(&progress->streams[i], reply);
  return status_ok();
}

bool progress_is_current(const struct progress *progress) {
  return progress->loaded && !*progress->halt_reason && leader_leads(progress->leader);
}

const char *progress_halt_reason(const struct progress *progress) {
  return progress->leader->follows ? "" : progress->halt_reason;
}

/* ---- moving ----------------------------------------------------------------------------------------------------- */

void progress_applied(struct progress *progress, struct progress_stream *stream, const char *entry_id,
                      int64_t log_time) {
  known_log_applied(progress->store->known, stream->key, entry_id);
  stream->position = log_time;
  snprintf(stream->applied, ENTRY_ID_SIZE, "%s", entry_id);
  stream->applied_count++;
}

void progress_skip_gap(struct progress_stream *stream, struct arena *arena, int64_t log_time) {
  if (log_time > stream->position) {
    stream->position = log_time;
    snprintf(stream->applied, ENTRY_ID_SIZE, "%s", log_time_text(arena, log_time));
  }
  stream->gap_count++;
}

void progress_moved_to(struct progress *progress, int64_t log_time) {
  if (log_time <= progress->position.log_time) return;
  progress->position.log_time = log_time;
  condition_signal_all(&progress->moved);
}

/* ---- storing ---------------------------------------------------------------------------------------------------- */

void progress_add(const struct progress *progress, struct transaction *transaction, int64_t log_time,
                  const struct stream_move *moved) {
  struct arena *arena = transaction->arena;
  int64_t log = log_time > progress->position.log_time ? log_time : progress->position.log_time;
  struct redis_arguments fields = redis_arguments_empty(arena);
  redis_add_text(&fields, "epoch");
  redis_add_text(&fields, progress->position.epoch);
  redis_add_text(&fields, "log");
  redis_add_text(&fields, log_time_text(arena, log));
  for (size_t i = 0; moved && i < progress->stream_count; i++) {
    if (!moved[i].last) continue;
    redis_add_text(&fields, progress->streams[i].subscribed->name);
    redis_add_text(&fields, moved[i].last);
  }
  transaction_set_fields(transaction, progress->key, &fields);
}

void progress_stored(struct progress *progress, int64_t log_time) {
  progress->stored_log = log_time;
  progress->stored_us = clock_monotonic_us();
}
