/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/event.h"
#include "store/stream_look.h"

/* ---- which logs ------------------------------------------------------------------------------------------------- */

static struct event_store *store_of(const struct log_owner *owners, size_t count, const char *owner,
                                    struct event_store *own) {
  for (size_t i = 0; owner && i < count; i++) {
    if (strcmp(owners[i].name, owner) == 0) return owners[i].store;
  }
  return own;
}

static size_t log_in(const struct progress *progress, const struct event_store *store) {
  size_t i = 0;
  while (i < progress->log_count && progress->logs[i].store != store) i++;
  return i;
}

static const char *field_of(struct arena *arena, const char *what, const struct event_store *own,
                            const struct event_store *of) {
  return of == own ? what : arena_printf(arena, "%s:%s", what, of->log);
}

const char *progress_log_field(struct arena *arena, const struct event_store *own, const struct event_store *of) {
  return field_of(arena, "log", own, of);
}

/* Returns its number. */
static size_t add_log(struct progress *progress, struct arena *arena, struct event_store *store) {
  size_t number = log_in(progress, store);
  if (number < progress->log_count) return number;
  progress->logs[progress->log_count++] =
      (struct progress_log){.store = store,
                            .is_foreign = store != progress->store,
                            .log_field = field_of(arena, "log", progress->store, store),
                            .epoch_field = field_of(arena, "epoch", progress->store, store),
                            .accepted_field = field_of(arena, "accepted", progress->store, store)};
  return number;
}

struct progress progress_of(const struct leader *leader, struct arena *arena, const struct subscription *subscriptions,
                            size_t count, const struct log_owner *owners, size_t owner_count) {
  struct event_store *store = leader->store;
  struct progress progress = {.store = store, .leader = leader, .key = position_key(store, arena)};
  const struct subscribed_stream *subscribed =
      subscription_streams(arena, subscriptions, count, &progress.stream_count);
  progress.streams = arena_calloc(arena, progress.stream_count, sizeof *progress.streams);
  progress.logs = arena_calloc(arena, owner_count + 1, sizeof *progress.logs);
  for (size_t i = 0; i < count; i++) {
    if (store_of(owners, owner_count, subscriptions[i].owner, store) == store) add_log(&progress, arena, store);
  }
  for (size_t i = 0; i < progress.stream_count; i++) {
    struct event_store *lies_in = store_of(owners, owner_count, subscribed[i].subscription->owner, store);
    progress.streams[i].subscribed = &subscribed[i];
    progress.streams[i].key = event_stream_key(lies_in, arena, subscribed[i].name);
    progress.streams[i].log = add_log(&progress, arena, lies_in);
  }
  return progress;
}

size_t progress_log_of(const struct progress *progress, const char *owner) {
  for (size_t i = 0; i < progress->stream_count; i++) {
    const char *other = progress->streams[i].subscribed->subscription->owner;
    if (owner && other && strcmp(owner, other) == 0) return progress->streams[i].log;
  }
  return 0;
}

bool progress_has_foreign(const struct progress *progress) {
  return progress->log_count > 0 && progress->logs[progress->log_count - 1].is_foreign;
}

coroutine_fn struct status progress_look(const struct progress *progress, size_t log, bool groups,
                                         const struct context *context, const struct stream_sight **ret_sights) {
  struct context own = *context;
  struct redis_arguments keys = redis_arguments_empty(own.arena);
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (progress->streams[i].log == log) redis_add_text(&keys, progress->streams[i].key);
  }
  struct event_store *store = progress->logs[log].store;
  if (!progress->logs[log].is_foreign) return streams_look(store, &own, &keys, groups, ret_sights);
  own.redis_era = 0; /* it is of another server, where this service may call no functions */
  return streams_look_plainly(store, &own, &keys, ret_sights);
}

struct event_store *progress_store_of(const struct progress *progress, const char *stream) {
  for (size_t i = 0; i < progress->stream_count; i++) {
    const struct progress_stream *known = &progress->streams[i];
    if (strcmp(known->subscribed->name, stream) == 0) return progress->logs[known->log].store;
  }
  return progress->store;
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static const char *count_field(struct arena *arena, const struct progress_stream *stream) {
  return arena_printf(arena, "count:%s", stream->subscribed->name);
}

static void load_stream(struct progress_stream *stream, bool is_foreign, const struct redis_reply *stored,
                        struct arena *arena) {
  const struct redis_reply *id = redis_reply_field(stored, stream->subscribed->name);
  snprintf(stream->applied, ENTRY_ID_SIZE, "%s", redis_reply_text(id) ? redis_reply_text(id) : "0-0");
  stream->position = strcmp(stream->applied, "0-0") == 0 ? 0 : log_time_of_entry(stream->applied);
  stream->applied_count = 0;
  stream->gap_count = 0;
  const char *counted = is_foreign ? redis_reply_text(redis_reply_field(stored, count_field(arena, stream))) : NULL;
  stream->count = stream->stored_count = counted ? strtoll(counted, NULL, 10) : 0;
}

static struct position position_of(const struct redis_reply *log_time, const struct redis_reply *epoch) {
  const char *log_text = redis_reply_text(log_time), *epoch_text = redis_reply_text(epoch);
  struct position position = {.log_time = log_text ? log_time_of_entry(log_text) : 0};
  snprintf(position.epoch, sizeof position.epoch, "%s", epoch_text ? epoch_text : "");
  return position;
}

static void load_log(struct progress_log *log, const struct redis_reply *stored) {
  const char *accepted = redis_reply_text(redis_reply_field(stored, log->accepted_field));
  log->position = position_of(redis_reply_field(stored, log->log_field), redis_reply_field(stored, log->epoch_field));
  log->stored = log->position.log_time;
  log->accepted_loss = accepted ? log_time_of_entry(accepted) : 0;
}

coroutine_fn struct status progress_load(struct progress *progress, struct context *context) {
  struct redis_arguments get = redis_command_of(context->arena, "HGETALL", progress->key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(progress->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < progress->log_count; i++) load_log(&progress->logs[i], reply);
  for (size_t i = 0; i < progress->stream_count; i++) {
    struct progress_stream *stream = &progress->streams[i];
    load_stream(stream, progress->logs[stream->log].is_foreign, reply, context->arena);
  }
  return status_ok();
}

coroutine_fn struct status progress_read(const struct progress *progress, struct context *context,
                                         struct position *ret_positions) {
  struct redis_arguments get = redis_command_of(context->arena, "HMGET", progress->key, NULL);
  for (size_t i = 0; i < progress->log_count; i++) {
    redis_add_text(&get, progress->logs[i].log_field);
    redis_add_text(&get, progress->logs[i].epoch_field);
  }
  const struct redis_reply *reply;
  struct status status = redis_command(progress->store->commands, context, &get, &reply);
  for (size_t i = 0; status_is_ok(status) && i < progress->log_count; i++) {
    ret_positions[i] = position_of(redis_reply_at(reply, 2 * i), redis_reply_at(reply, 2 * i + 1));
  }
  return status;
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
  if (!progress->logs[stream->log].is_foreign) known_log_applied(progress->store->known, stream->key, entry_id);
  stream->position = log_time;
  snprintf(stream->applied, ENTRY_ID_SIZE, "%s", entry_id);
  stream->applied_count++;
  stream->count++;
}

void progress_skip_gap(struct progress_stream *stream, struct arena *arena, int64_t log_time) {
  if (log_time > stream->position) {
    stream->position = log_time;
    snprintf(stream->applied, ENTRY_ID_SIZE, "%s", log_time_text(arena, log_time));
  }
  stream->gap_count++;
}

void progress_moved_to(struct progress *progress, size_t log, int64_t log_time) {
  struct position *position = &progress->logs[log].position;
  if (log_time <= position->log_time) return;
  position->log_time = log_time;
  condition_signal_all(&progress->moved);
}

/* How far a log is applied when everything up to `place` is: of the others everything has been handed out that comes
 * before that entry, and so it is with its own where another one has the same log time. Where nobody has begun a log
 * yet, nothing can be said of it. */
static int64_t reached(const struct progress *progress, size_t log, const struct progress_place *place) {
  const struct position *position = &progress->logs[log].position;
  if (!place || !*position->epoch) return position->log_time;
  int64_t log_time = log == place->log && !place->is_shared ? place->log_time : place->log_time - 1;
  return log_time > position->log_time ? log_time : position->log_time;
}

void progress_moved_past(struct progress *progress, const struct progress_place *place) {
  for (size_t i = 0; i < progress->log_count; i++) progress_moved_to(progress, i, reached(progress, i, place));
}

/* ---- storing ---------------------------------------------------------------------------------------------------- */

static bool has_uncounted(const struct progress *progress, const struct progress_stream *stream) {
  return progress->logs[stream->log].is_foreign && stream->count != stream->stored_count;
}

bool progress_is_unstored(const struct progress *progress) {
  for (size_t i = 0; i < progress->log_count; i++) {
    if (progress->logs[i].position.log_time > progress->logs[i].stored) return true;
  }
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (has_uncounted(progress, &progress->streams[i])) return true;
  }
  return false;
}

static void add_stream(const struct progress *progress, const struct progress_stream *stream,
                       const struct stream_move *move, struct redis_arguments *fields) {
  if (move && move->last) {
    redis_add_text(fields, stream->subscribed->name);
    redis_add_text(fields, move->last);
  }
  int64_t count = stream->count + (move ? (int64_t)move->count : 0);
  if (!progress->logs[stream->log].is_foreign || count == stream->stored_count) return;
  redis_add_text(fields, count_field(fields->arena, stream));
  redis_add_number(fields, count);
}

void progress_add(struct progress *progress, struct transaction *transaction, const struct progress_place *place,
                  const struct stream_move *moved) {
  struct arena *arena = transaction->arena;
  struct redis_arguments fields = redis_arguments_empty(arena);
  for (size_t i = 0; i < progress->log_count; i++) {
    const struct progress_log *log = &progress->logs[i];
    int64_t log_time = reached(progress, i, place);
    if (log->is_foreign && log_time == log->stored) continue;
    redis_add_text(&fields, log->epoch_field);
    redis_add_text(&fields, log->position.epoch);
    redis_add_text(&fields, log->log_field);
    redis_add_text(&fields, log_time_text(arena, log_time));
  }
  for (size_t i = 0; i < progress->stream_count; i++) {
    add_stream(progress, &progress->streams[i], moved ? &moved[i] : NULL, &fields);
  }
  if (fields.count > 0) transaction_set_fields(transaction, progress->key, &fields);
}

void progress_stored(struct progress *progress) {
  for (size_t i = 0; i < progress->log_count; i++) progress->logs[i].stored = progress->logs[i].position.log_time;
  for (size_t i = 0; i < progress->stream_count; i++) progress->streams[i].stored_count = progress->streams[i].count;
  progress->stored_us = clock_monotonic_us();
}
