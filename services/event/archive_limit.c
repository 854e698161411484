/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_limit.h"

#include <stdio.h>
#include <string.h>

#include "log_readers.h"

static void hold(struct archive_limit *limit, int64_t until, const char *name) {
  if (until < 0) until = 0;
  if (until >= limit->until) return;
  *limit = (struct archive_limit){.until = until, .held_by = name};
}

static void hold_all(const struct log_readers *readers, struct archive_limit *limits, const char *name) {
  for (size_t i = 0; i < event_log_places(readers->log)->count; i++) hold(&limits[i], 0, name);
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

static void hold_by_positions(const struct log_readers *readers, struct archive_limit *limits) {
  for (size_t i = 0; i < readers->count; i++) {
    const struct log_reader *reader = &readers->rows[i];
    for (size_t log = 0; log < event_log_places(readers->log)->count; log++) {
      if (reader->follows[log]) hold(&limits[log], reader->log_to[log], reader->name);
    }
  }
  if (readers->count == LOG_READERS_MAX) hold_all(readers, limits, "more services than are looked at");
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

/* The number of the log that has the stream; that of the shop's if it is not known. */
static size_t log_of(const struct event_log *log, const char *stream) {
  const struct log_stream *at;
  for (size_t i = 0; (at = event_log_stream(log, i)); i++) {
    if (strcmp(at->name, stream) == 0) return at->log;
  }
  return 0;
}

/* The line of a dead letter (consumer/dead_letter.h): "<stream> <entry id> ...". One that can't be read holds all. */
static void hold_by_letter(const struct log_readers *readers, const struct log_reader *reader, const char *line,
                           struct archive_limit *limits) {
  char stream[256], entry[64];
  int64_t log_time;
  if (sscanf(line, "%255s %63s", stream, entry) != 2 || (log_time = log_time_of_entry(entry)) == 0) {
    hold_all(readers, limits, reader->name);
  } else {
    hold(&limits[log_of(readers->log, stream)], log_time - 1, reader->name);
  }
}

/* The first of each list is the oldest one of its key. The list `outbox` has messages, not events. */
static coroutine_fn struct status hold_by_letters(struct log_readers *readers, const struct log_reader *reader,
                                                  struct archive_limit *limits) {
  struct context *context = &readers->contexts[reader->log];
  struct redis *redis = log_readers_redis(readers, reader->log);
  if (reader->dead_letters < 0) hold_all(readers, limits, reader->name);
  size_t count = reader->dead_letters < 0 || !reader->parked ? 0 : reader->parked->count;
  for (size_t i = 0; i < count; i++) {
    const char *name = redis_reply_text(reader->parked->elements[i]);
    if (!name || strcmp(name, "outbox") == 0) continue;
    const char *key = redis_key(redis, context->arena, "%s_parked:%s", reader->name, name);
    struct redis_arguments first = redis_command_of(context->arena, "LINDEX", key, "0", NULL);
    const struct redis_reply *reply;
    struct status status = redis_command(redis, context, &first, &reply);
    if (!status_is_ok(status)) return status;
    if (redis_reply_text(reply)) hold_by_letter(readers, reader, reply->text, limits);
  }
  return status_ok();
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

coroutine_fn struct status archive_limits_find(struct event_log *log, struct context *context, int64_t old_enough,
                                               struct archive_limit ret_limits[LOG_PLACES_MAX]) {
  struct log_readers *readers;
  for (size_t i = 0; i < event_log_places(log)->count; i++) {
    int64_t read_to = event_log_read_of(log, i)->log_time;
    ret_limits[i] = (struct archive_limit){.until = read_to < old_enough ? read_to : old_enough, .held_by = ""};
  }
  struct status status = log_readers_ask(log, context, &readers);
  if (status_is_ok(status)) hold_by_positions(readers, ret_limits);
  for (size_t i = 0; status_is_ok(status) && i < readers->count; i++) {
    status = hold_by_letters(readers, &readers->rows[i], ret_limits);
  }
  return status;
}
