/* SPDX-License-Identifier: Apache-2.0 */
#include "log_readers.h"

#include <string.h>

#include "store/log_time.h"

enum { PARKED_KEYS_MAX = 1000 };

static struct log_reader *reader_of(struct log_readers *readers, const char *name) {
  for (size_t i = 0; i < readers->count; i++) {
    if (strcmp(readers->rows[i].name, name) == 0) return &readers->rows[i];
  }
  if (readers->count == LOG_READERS_MAX) return NULL;
  struct arena *arena = readers->context->arena;
  struct log_reader *reader = &readers->rows[readers->count++];
  *reader =
      (struct log_reader){.name = arena_strdup(arena, name),
                          .log = log_places_of_service(event_log_places(readers->log), name),
                          .reads = arena_calloc(arena, readers->stream_count, sizeof *reader->reads),
                          .applied_to = arena_calloc(arena, readers->stream_count + 1, sizeof *reader->applied_to)};
  return reader;
}

static void note_groups(struct log_readers *readers, size_t stream, const struct redis_reply *groups) {
  for (size_t i = 0; i < groups->count; i++) {
    const char *name = redis_reply_text(redis_reply_field(groups->elements[i], "name"));
    struct log_reader *reader = name ? reader_of(readers, name) : NULL;
    if (!reader) continue;
    reader->reads[stream] = true;
    reader->follows[event_log_stream(readers->log, stream)->log] = true;
  }
}

struct redis *log_readers_redis(const struct log_readers *readers, size_t log) {
  return event_log_places(readers->log)->stores[log]->reads;
}

static struct redis_pending *send_of_stream(struct log_readers *readers, size_t stream,
                                            struct redis_arguments command) {
  const struct log_stream *of = event_log_stream(readers->log, stream);
  redis_add_text(&command, of->key);
  return redis_send(log_readers_redis(readers, of->log), &readers->contexts[of->log], &command);
}

/* A stream that has no entry yet has no groups either, and XINFO is refused. */
static coroutine_fn struct status ask_streams(struct log_readers *readers) {
  const struct context *context = readers->context;
  struct redis_pending **lengths = arena_calloc(context->arena, readers->stream_count, sizeof *lengths);
  for (size_t i = 0; i < readers->stream_count; i++) {
    lengths[i] = send_of_stream(readers, i, redis_arguments_of(context->arena, "XLEN"));
  }
  struct status result = status_ok();
  for (size_t i = 0; i < readers->stream_count; i++) {
    const struct redis_reply *reply;
    struct status status = redis_receive(lengths[i], &reply);
    if (status_is_ok(status)) readers->lengths[i] = redis_reply_number(reply, 0);
    if (!status_is_ok(status)) result = status;
  }
  return result;
}

static coroutine_fn struct status ask_groups(struct log_readers *readers) {
  const struct context *context = readers->context;
  struct redis_pending **asked = arena_calloc(context->arena, readers->stream_count, sizeof *asked);
  for (size_t i = 0; i < readers->stream_count; i++) {
    if (readers->lengths[i] == 0) continue;
    asked[i] = send_of_stream(readers, i, redis_command_of(context->arena, "XINFO", "GROUPS", NULL));
  }
  struct status result = status_ok();
  for (size_t i = 0; i < readers->stream_count; i++) {
    const struct redis_reply *reply;
    if (!asked[i]) continue;
    struct status status = redis_receive(asked[i], &reply);
    if (status_is_ok(status)) note_groups(readers, i, reply);
    if (!status_is_ok(status)) result = status;
  }
  return result;
}

/* The hash `<service>_position` (consumer/progress.h), of one log: all up to its field `log` has been applied, too.
 * Groups are only in streams beside the hash; elsewhere that an entry was applied tells who reads. */
static void note_position(struct log_readers *readers, struct log_reader *reader, const struct redis_reply *hash,
                          size_t log) {
  struct arena *arena = readers->context->arena;
  const char *name = event_log_places(readers->log)->stores[log]->log;
  bool is_own = log == reader->log;
  const char *epoch =
      redis_reply_text(redis_reply_field(hash, is_own ? "epoch" : arena_printf(arena, "epoch:%s", name)));
  const char *all = redis_reply_text(redis_reply_field(hash, is_own ? "log" : arena_printf(arena, "log:%s", name)));
  if (all) reader->follows[log] = true;
  if (!epoch || strcmp(epoch, event_log_read_of(readers->log, log)->epoch) != 0) return;
  int64_t applied = all ? log_time_of_entry(all) : 0;
  reader->log_to[log] = applied;
  for (size_t i = 0; i < readers->stream_count; i++) {
    const struct log_stream *stream = event_log_stream(readers->log, i);
    if (stream->log != log) continue;
    const char *at = redis_reply_text(redis_reply_field(hash, stream->name));
    int64_t own = at ? log_time_of_entry(at) : 0;
    reader->applied_to[i] = own > applied ? own : applied;
    if (!is_own && at) reader->reads[i] = true;
  }
  int64_t *least = &reader->applied_to[readers->stream_count];
  if (applied > 0 && (*least == 0 || applied < *least)) *least = applied;
}

static coroutine_fn struct status count_dead_letters(struct log_readers *readers, struct log_reader *reader) {
  struct context *context = &readers->contexts[reader->log];
  struct redis *redis = log_readers_redis(readers, reader->log);
  const char *key = redis_key(redis, context->arena, "%s_parked_lists", reader->name);
  struct redis_arguments members = redis_command_of(context->arena, "SMEMBERS", key, NULL);
  const struct redis_reply *lists, *length;
  struct status status = redis_command(redis, context, &members, &lists);
  if (!status_is_ok(status)) return status;
  reader->parked = lists;
  reader->dead_letters = lists->count > PARKED_KEYS_MAX ? -1 : 0;
  for (size_t i = 0; i < lists->count && reader->dead_letters >= 0 && status_is_ok(status); i++) {
    const char *list =
        redis_key(redis, context->arena, "%s_parked:%s", reader->name, redis_reply_text(lists->elements[i]));
    struct redis_arguments count = redis_command_of(context->arena, "LLEN", list, NULL);
    status = redis_command(redis, context, &count, &length);
    if (status_is_ok(status)) reader->dead_letters += redis_reply_number(length, 0);
  }
  return status;
}

static coroutine_fn struct status ask_reader(struct log_readers *readers, struct log_reader *reader) {
  struct context *context = &readers->contexts[reader->log];
  struct redis *redis = log_readers_redis(readers, reader->log);
  const char *key = redis_key(redis, context->arena, "%s_position", reader->name);
  struct redis_arguments all = redis_command_of(context->arena, "HGETALL", key, NULL);
  const struct redis_reply *hash;
  struct status status = redis_command(redis, context, &all, &hash);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < event_log_places(readers->log)->count; i++) note_position(readers, reader, hash, i);
  return count_dead_letters(readers, reader);
}

/* Those of the contract, which may read streams of Redises that know nothing of them. */
static void add_followers(struct log_readers *readers) {
  if (event_log_places(readers->log)->count == 1) return;
  for (size_t i = 0; log_places_owners[i]; i++) reader_of(readers, log_places_owners[i]);
}

coroutine_fn struct status log_readers_ask(struct event_log *log, struct context *context,
                                           struct log_readers **ret_readers) {
  struct arena *arena = context->arena;
  struct log_readers *readers = arena_calloc(arena, 1, sizeof *readers);
  readers->log = log;
  readers->context = context;
  log_places_contexts(event_log_places(log), context, readers->contexts);
  while (event_log_stream(log, readers->stream_count)) readers->stream_count++;
  readers->lengths = arena_calloc(arena, readers->stream_count, sizeof *readers->lengths);
  struct status status = ask_streams(readers);
  if (status_is_ok(status)) status = ask_groups(readers);
  add_followers(readers);
  for (size_t i = 0; i < readers->count && status_is_ok(status); i++) status = ask_reader(readers, &readers->rows[i]);
  if (status_is_ok(status)) *ret_readers = readers;
  return status;
}
