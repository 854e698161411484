/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/view_source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "store/logs_reader.h"
#include "store/stream_look.h"

struct source_stream {
  const struct progress_stream *stream;
  size_t log;          /* number of its log, as the reader counts them */
  int64_t taken_to;    /* log time of the last event that was taken */
  int64_t begin, gone; /* when it was looked at first: log time of its first entry, and how many were gone before it */
  int64_t told;        /* how many of those were taken */
};

struct view_source {
  struct arena *arena;
  const struct progress *progress;
  const struct archived_events *archived;
  struct source_stream *streams;
  size_t stream_count;
  struct event_store **stores; /* of the logs */
  size_t log_count;
  int64_t place;              /* log time: all up to it were taken */
  int64_t last;               /* log time of the last event that was taken */
  struct logs_reader *reader; /* NULL unless Redis is read */
  struct read_entry next;     /* of it; not taken yet */
  bool has_next;
  struct arena *page_arena; /* what was told from the archive; NULL if nothing was */
  struct read_entry *page;
  size_t page_count, page_taken;
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static size_t number_of_log(struct view_source *source, struct event_store *store) {
  size_t i = 0;
  while (i < source->log_count && source->stores[i] != store) i++;
  if (i == source->log_count) source->stores[source->log_count++] = store;
  return i;
}

struct view_source *view_source_new(struct arena *arena, const struct progress *progress,
                                    const struct progress_stream *const *streams, size_t count,
                                    const struct archived_events *archived) {
  static const struct archived_events nobody = {.read_archived = NULL};
  struct view_source *source = arena_calloc(arena, 1, sizeof *source);
  source->arena = arena;
  source->progress = progress;
  source->archived = archived ? archived : &nobody;
  source->streams = arena_calloc(arena, count + 1, sizeof(*source->streams));
  source->stores = arena_calloc(arena, progress->log_count + 1, sizeof(*source->stores));
  for (size_t i = 0; i < count; i++) {
    size_t log = number_of_log(source, progress->logs[streams[i]->log].store);
    source->streams[source->stream_count++] = (struct source_stream){.stream = streams[i], .log = log};
  }
  return source;
}

static coroutine_fn void close_reader(struct view_source *source) {
  if (source->has_next) read_entry_release(&source->next);
  logs_reader_free(source->reader);
  source->has_next = false;
  source->reader = NULL;
}

static void drop_page(struct view_source *source) {
  if (source->page_arena) arena_free(source->page_arena);
  source->page_arena = NULL;
  source->page_count = source->page_taken = 0;
}

coroutine_fn void view_source_free(struct view_source *source) {
  if (!source) return;
  close_reader(source);
  drop_page(source);
}

/* ---- what Redis has --------------------------------------------------------------------------------------------- */

/* In another service's Redis this one may call no function. */
static coroutine_fn struct status look_at_log(const struct view_source *source, size_t log, struct context *context,
                                              const struct stream_sight **sights) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  bool is_foreign = source->stores[log] != source->progress->store;
  struct context own = *context;
  if (is_foreign) own.redis_era = 0;
  for (size_t i = 0; i < source->stream_count; i++) {
    if (source->streams[i].log == log) redis_add_text(&keys, source->streams[i].stream->key);
  }
  const struct stream_sight *found;
  struct status status = is_foreign ? streams_look_plainly(source->stores[log], &own, &keys, &found)
                                    : streams_look(source->stores[log], &own, &keys, false, &found);
  for (size_t i = 0; status_is_ok(status) && i < source->stream_count; i++) {
    if (source->streams[i].log == log) sights[i] = found++;
  }
  return status;
}

static coroutine_fn struct status look(const struct view_source *source, struct context *context,
                                       const struct stream_sight ***ret_sights) {
  *ret_sights = arena_calloc(context->arena, source->stream_count + 1, sizeof(**ret_sights));
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < source->log_count; i++) {
    status = look_at_log(source, i, context, *ret_sights);
  }
  return status;
}

static int64_t gone_from(const struct stream_sight *sight) {
  return sight->added - sight->length;
}

/* Whether Redis has all entries of the stream behind that log time. */
static bool has_all_behind(const struct stream_sight *sight, int64_t log_time) {
  return gone_from(sight) == 0 || (*sight->first && log_time_of_entry(sight->first) <= log_time + 1);
}

static struct status gap(struct arena *arena, const struct source_stream *at, const struct stream_sight *sight,
                         const char *hint) {
  const char *name = at->stream->subscribed->name;
  if (!sight->exists) {
    return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_gap,
                        "the view can't be built from the log: the stream %s is gone, of which %s was applied", name,
                        at->stream->applied);
  }
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_gap,
                      "the view can't be built from the log: %" PRId64 " of %" PRId64
                      " entries of the stream %s were removed; it now begins at %s%s",
                      gone_from(sight), sight->added, name, *sight->first ? sight->first : "its end", hint);
}

/* The last entry that was archived stays in Redis, and the consumer has applied it. */
static struct status check_stream(const struct view_source *source, struct arena *arena, const struct source_stream *at,
                                  const struct stream_sight *sight) {
  if (!sight->exists && strcmp(at->stream->applied, "0-0") != 0) return gap(arena, at, sight, "");
  if (gone_from(sight) == 0) return status_ok();
  if (!*sight->first || log_time_of_entry(sight->first) > at->stream->position) return gap(arena, at, sight, "");
  if (source->archived->read_archived) return status_ok();
  const char *setting = source->archived->setting;
  const char *hint = arena_printf(arena, "; if they are archived, set %s", setting ? setting : "");
  return gap(arena, at, sight, setting ? hint : "");
}

static struct status check_streams(const struct view_source *source, struct arena *arena,
                                   const struct stream_sight *const *sights) {
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < source->stream_count; i++) {
    status = check_stream(source, arena, &source->streams[i], sights[i]);
  }
  return status;
}

coroutine_fn struct status view_source_check(struct view_source *source, struct context *context, int64_t *ret_events) {
  const struct stream_sight **sights;
  *ret_events = 0;
  struct status status = look(source, context, &sights);
  if (status_is_ok(status)) status = check_streams(source, context->arena, sights);
  for (size_t i = 0; status_is_ok(status) && i < source->stream_count; i++) {
    source->streams[i].gone = gone_from(sights[i]);
    source->streams[i].begin = *sights[i]->first ? log_time_of_entry(sights[i]->first) : 0;
    *ret_events += sights[i]->added;
  }
  return status;
}

/* ---- what was archived ------------------------------------------------------------------------------------------ */

/* All that is gone was asked for when Redis has the rest: as much must have been told. */
static struct status check_told(const struct view_source *source, struct arena *arena) {
  for (size_t i = 0; i < source->stream_count; i++) {
    const struct source_stream *at = &source->streams[i];
    if (at->told == at->gone) continue;
    return status_error(arena, STATUS_FAILED_PRECONDITION, reason_log_gap,
                        "the view can't be built from the log: %" PRId64
                        " entries of the stream %s were removed, of which the archive has %" PRId64,
                        at->gone, at->stream->subscribed->name, at->told);
  }
  return status_ok();
}

static size_t number_of_stream(const struct view_source *source, const char *name) {
  size_t i = 0;
  while (i < source->stream_count && strcmp(source->streams[i].stream->subscribed->name, name) != 0) i++;
  return i;
}

static size_t log_of(const struct view_source *source, const struct read_entry *entry) {
  return source->streams[entry->stream].log;
}

/* Of entries with the same log time, that of the first log comes first, as in logs_reader.h. */
static void put_in_order(const struct view_source *source, struct read_entry *entries, size_t count) {
  for (size_t i = 1; i < count; i++) {
    for (size_t j = i; j > 0 && entries[j].log_time == entries[j - 1].log_time &&
                       log_of(source, &entries[j]) < log_of(source, &entries[j - 1]);
         j--) {
      struct read_entry earlier = entries[j];
      entries[j] = entries[j - 1];
      entries[j - 1] = earlier;
    }
  }
}

static void keep_page(struct view_source *source, const struct archived_page *told) {
  source->page = arena_calloc(source->page_arena, told->count + 1, sizeof(*source->page));
  for (size_t i = 0; i < told->count; i++) {
    const struct archived_event *event = &told->events[i];
    size_t stream = number_of_stream(source, event->stream);
    if (stream == source->stream_count || event->log_time <= source->streams[stream].taken_to) continue;
    source->page[source->page_count++] =
        (struct read_entry){.stream = stream, .log_time = event->log_time, .entry = event->entry};
  }
  put_in_order(source, source->page, source->page_count);
  source->place = told->told_to;
}

/* Up to the last of the streams' first entries: then all that is behind the place is in Redis, unless more has been
 * trimmed. */
static int64_t end_of_gone(const struct view_source *source, const struct stream_sight *const *sights) {
  int64_t until = 0;
  for (size_t i = 0; i < source->stream_count; i++) {
    int64_t begin = has_all_behind(sights[i], source->place) ? 0 : log_time_of_entry(sights[i]->first);
    if (begin > until) until = begin;
  }
  return until;
}

static coroutine_fn struct status read_archive(struct view_source *source, struct context *context, int64_t until) {
  const char **names = arena_calloc(context->arena, source->stream_count + 1, sizeof *names);
  for (size_t i = 0; i < source->stream_count; i++) names[i] = source->streams[i].stream->subscribed->name;
  const struct archived_range range = {
      .streams = names, .stream_count = source->stream_count, .after = source->place, .until = until};
  struct archived_page told = {0};
  source->page_arena = arena_new();
  struct context own = *context;
  own.arena = source->page_arena;
  struct status status =
      status_copy(source->archived->read_archived(source->archived->argument, &own, &range, &told), context->arena);
  if (status_is_ok(status)) keep_page(source, &told);
  return status;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void open_reader(struct view_source *source, struct arena *arena) {
  source->reader = logs_reader_new(source->stores, source->log_count);
  for (size_t i = 0; i < source->stream_count; i++) {
    const struct source_stream *at = &source->streams[i];
    logs_reader_add(source->reader, at->log, at->stream->key, log_time_text(arena, source->place));
  }
}

static bool redis_has_all_behind(const struct view_source *source, const struct stream_sight *const *sights) {
  for (size_t i = 0; i < source->stream_count; i++) {
    if (!has_all_behind(sights[i], source->place)) return false;
  }
  return true;
}

/* Begins to read Redis if that has all behind the place, or reads on what is archived. */
static coroutine_fn struct status choose(struct view_source *source, struct context *context) {
  const struct stream_sight **sights;
  struct status status = look(source, context, &sights);
  if (status_is_ok(status)) status = check_streams(source, context->arena, sights);
  if (!status_is_ok(status)) return status;
  if (!redis_has_all_behind(source, sights)) return read_archive(source, context, end_of_gone(source, sights));
  status = check_told(source, context->arena);
  if (status_is_ok(status)) open_reader(source, context->arena);
  return status;
}

/* What Redis has trimmed before the look was perhaps not read any more. An entry of another log may have the log time
 * of the last one that was taken. */
static coroutine_fn struct status read_redis(struct view_source *source, struct context *context, bool *ret_more) {
  if (source->last > source->place) source->place = source->last - 1;
  const struct stream_sight **sights;
  struct status status = logs_reader_read(source->reader, context, ret_more);
  if (status_is_ok(status)) status = look(source, context, &sights);
  if (status_is_ok(status) && !redis_has_all_behind(source, sights)) close_reader(source);
  return status;
}

coroutine_fn struct status view_source_read(struct view_source *source, struct context *context, bool *ret_at_end) {
  *ret_at_end = false;
  if (view_source_next(source)) return status_ok();
  drop_page(source);
  if (!source->reader) {
    struct status status = choose(source, context);
    if (!status_is_ok(status) || !source->reader) return status;
  }
  bool more = true;
  struct status status = read_redis(source, context, &more);
  if (!status_is_ok(status) || !source->reader) return status;
  *ret_at_end = !more && !view_source_next(source) && logs_reader_is_caught_up(source->reader);
  return status;
}

/* ---- taking ----------------------------------------------------------------------------------------------------- */

static bool was_taken(const struct view_source *source, const struct read_entry *entry) {
  return entry->log_time <= source->streams[entry->stream].taken_to;
}

const struct read_entry *view_source_next(struct view_source *source) {
  if (source->page_taken < source->page_count) return &source->page[source->page_taken];
  while (source->reader && !source->has_next && logs_reader_next(source->reader, &source->next)) {
    source->has_next = !was_taken(source, &source->next);
    if (!source->has_next) read_entry_release(&source->next);
  }
  return source->has_next ? &source->next : NULL;
}

void view_source_take(struct view_source *source) {
  const struct read_entry *entry = view_source_next(source);
  struct source_stream *at = &source->streams[entry->stream];
  at->taken_to = source->last = entry->log_time;
  if (entry->log_time < at->begin) at->told++;
  if (source->page_taken < source->page_count) {
    source->page_taken++;
  } else {
    source->has_next = false;
  }
}

void view_source_release(const struct read_entry *entry) {
  if (entry->page) read_entry_release(entry);
}
