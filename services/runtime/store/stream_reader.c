/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stream_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "store/event_merge.h"
#include "store/log_time.h"

/* A read asks for about as many entries of each stream as fit into this, by the size of those that came last. */
static const size_t READ_BYTES = 2 * 1024 * 1024;
enum { PAGE = 256, COUNT_FIRST = 64, COUNT_MIN = 16, STREAMS_FIRST = 16 };

struct read_stream {
  char *key;
  char read_to[ENTRY_ID_SIZE]; /* id of the last entry read */
};

/* What one read brought; it lives until its last entry is released. */
struct read_page {
  struct arena *arena;
  size_t waiting; /* entries not released yet */
  struct read_page *next, **at;
};

/* A read in a coroutine of its own. */
struct ahead {
  struct redis *redis;
  struct context context; /* its arena has the error; NULL means that nothing was begun since the owner read */
  bool under_way;
  struct condition over;
  struct status status;
};

struct stream_reader {
  struct read_stream *streams;
  size_t stream_count, stream_capacity;
  struct event_merge *merge; /* of the first `merged` streams */
  size_t merged;
  size_t read_count; /* entries to ask of each stream */
  bool more;         /* a stream may have more than the latest read has brought */
  struct read_page *pages;
  struct ahead ahead;
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct stream_reader *stream_reader_new(void) {
  struct stream_reader *reader = memory_calloc(1, sizeof *reader);
  reader->read_count = COUNT_FIRST;
  return reader;
}

static struct read_page *page_new(struct stream_reader *reader) {
  struct read_page *page = memory_calloc(1, sizeof *page);
  page->arena = arena_new();
  page->next = reader->pages;
  page->at = &reader->pages;
  if (page->next) page->next->at = &page->next;
  reader->pages = page;
  return page;
}

static void page_free(struct read_page *page) {
  *page->at = page->next;
  if (page->next) page->next->at = page->at;
  arena_free(page->arena);
  free(page);
}

void stream_reader_free(struct stream_reader *reader) {
  if (!reader) return;
  arena_free(reader->ahead.context.arena);
  // page_free takes its page out of the list. NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
  while (reader->pages) page_free(reader->pages);
  event_merge_free(reader->merge);
  for (size_t i = 0; i < reader->stream_count; i++) free(reader->streams[i].key);
  free(reader->streams);
  free(reader);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

size_t stream_reader_add(struct stream_reader *reader, const char *key, const char *after) {
  if (reader->stream_count == reader->stream_capacity) {
    reader->stream_capacity = reader->stream_capacity ? 2 * reader->stream_capacity : STREAMS_FIRST;
    reader->streams = memory_realloc(reader->streams, reader->stream_capacity * sizeof *reader->streams);
  }
  size_t size = strlen(key) + 1;
  struct read_stream *stream = &reader->streams[reader->stream_count];
  stream->key = memcpy(memory_alloc(size), key, size);
  snprintf(stream->read_to, sizeof stream->read_to, "%s", after);
  return reader->stream_count++;
}

void stream_reader_skip(struct stream_reader *reader, size_t stream, const char *after) {
  char *read_to = reader->streams[stream].read_to;
  if (log_time_of_entry(after) > log_time_of_entry(read_to)) snprintf(read_to, ENTRY_ID_SIZE, "%s", after);
}

/* The merge has a fixed number of streams: new ones come in when nothing is held. */
static void take_in_streams(struct stream_reader *reader) {
  if (reader->merge && (reader->merged == reader->stream_count || event_merge_held(reader->merge) > 0)) return;
  event_merge_free(reader->merge);
  reader->merge = event_merge_new(reader->stream_count, PAGE);
  reader->merged = reader->stream_count;
}

/* Adds XREAD's list of streams and of where they were read to, for all or for those that are asked. */
static void add_streams(const struct stream_reader *reader, const bool *asked, struct redis_arguments *command) {
  size_t count = reader->merge ? reader->merged : reader->stream_count;
  redis_add_text(command, "STREAMS");
  for (size_t i = 0; i < count; i++) {
    if (!asked || asked[i]) redis_add_text(command, reader->streams[i].key);
  }
  for (size_t i = 0; i < count; i++) {
    if (!asked || asked[i]) redis_add_text(command, reader->streams[i].read_to);
  }
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static size_t stream_of(const struct stream_reader *reader, const char *key) {
  size_t i = 0;
  while (i + 1 < reader->merged && strcmp(reader->streams[i].key, key) != 0) i++;
  return i;
}

static void add_entries(struct stream_reader *reader, size_t stream, struct read_page *page,
                        const struct redis_reply *entries) {
  struct read_entry *held = arena_calloc(page->arena, entries->count, sizeof *held);
  const char *id = NULL;
  for (size_t i = 0; i < entries->count; i++) {
    id = redis_reply_text(redis_reply_at(entries->elements[i], 0));
    held[i] = (struct read_entry){
        .stream = stream, .log_time = log_time_of_entry(id), .entry = entries->elements[i], .page = page};
    event_merge_add(reader->merge, stream, held[i].log_time, &held[i]);
  }
  page->waiting += entries->count;
  if (id) snprintf(reader->streams[stream].read_to, ENTRY_ID_SIZE, "%s", id);
}

static void adapt_count(struct stream_reader *reader, size_t bytes, size_t entries) {
  if (entries == 0) return;
  size_t count = READ_BYTES * entries / bytes;
  if (count < COUNT_MIN) count = COUNT_MIN;
  reader->read_count = count < PAGE ? count : PAGE;
}

static bool wants_any(const struct stream_reader *reader) {
  for (size_t i = 0; i < reader->merged; i++) {
    if (event_merge_wants(reader->merge, i)) return true;
  }
  return false;
}

static coroutine_fn struct status read_into(struct stream_reader *reader, struct read_page *page, struct redis *redis,
                                            const struct context *context) {
  struct context own = *context;
  own.arena = page->arena;
  bool *asked = arena_calloc(page->arena, reader->merged, sizeof *asked);
  bool *full = arena_calloc(page->arena, reader->merged, sizeof *full);
  for (size_t i = 0; i < reader->merged; i++) asked[i] = event_merge_wants(reader->merge, i);
  if (!wants_any(reader)) return status_ok();

  struct redis_arguments command = redis_command_of(page->arena, "XREAD", "COUNT", NULL);
  redis_add_number(&command, (int64_t)reader->read_count);
  add_streams(reader, asked, &command);
  const struct redis_reply *reply = NULL;
  size_t before = arena_used(page->arena);
  struct status status = redis_command(redis, &own, &command, &reply);
  if (!status_is_ok(status)) return status_copy(status, context->arena);

  reader->more = false;
  for (size_t i = 0; i < reply->count; i++) {
    const struct redis_reply *of_stream = redis_reply_at(reply, i), *entries = redis_reply_at(of_stream, 1);
    size_t stream = stream_of(reader, redis_reply_text(redis_reply_at(of_stream, 0)));
    add_entries(reader, stream, page, entries);
    full[stream] = entries->count >= reader->read_count;
    reader->more = reader->more || full[stream];
  }
  event_merge_read_done(reader->merge, asked, full);
  adapt_count(reader, arena_used(page->arena) - before, page->waiting);
  return status_ok();
}

static coroutine_fn struct status read_page(struct stream_reader *reader, struct redis *redis,
                                            const struct context *context) {
  take_in_streams(reader);
  struct read_page *page = page_new(reader);
  struct status status = read_into(reader, page, redis, context);
  if (page->waiting == 0) page_free(page);
  return status;
}

bool stream_reader_reads_ahead(const struct stream_reader *reader) {
  return reader->ahead.under_way;
}

coroutine_fn void stream_reader_await(struct stream_reader *reader) {
  while (reader->ahead.under_way) condition_wait(&reader->ahead.over, DEADLINE_NEVER);
}

static coroutine_fn struct status end_ahead(struct stream_reader *reader, struct arena *arena) {
  struct ahead *ahead = &reader->ahead;
  stream_reader_await(reader);
  struct status status = status_copy(ahead->status, arena);
  arena_free(ahead->context.arena);
  ahead->context.arena = NULL;
  return status;
}

coroutine_fn struct status stream_reader_read(struct stream_reader *reader, struct redis *redis,
                                              const struct context *context, bool *ret_more) {
  struct status status =
      reader->ahead.context.arena ? end_ahead(reader, context->arena) : read_page(reader, redis, context);
  *ret_more = reader->more;
  return status;
}

static coroutine_fn void read_ahead(void *argument) {
  struct stream_reader *reader = argument;
  struct ahead *ahead = &reader->ahead;
  ahead->status = read_page(reader, ahead->redis, &ahead->context);
  ahead->under_way = false;
  condition_signal_all(&ahead->over);
}

coroutine_fn void stream_reader_read_ahead(struct stream_reader *reader, struct redis *redis,
                                           const struct context *context) {
  struct ahead *ahead = &reader->ahead;
  bool has_failed = ahead->context.arena && !status_is_ok(ahead->status);
  if (ahead->under_way || has_failed || !reader->more || !wants_any(reader)) return;
  ahead->redis = redis;
  arena_free(ahead->context.arena);
  ahead->context = *context;
  ahead->context.arena = arena_new();
  ahead->status = status_ok();
  ahead->under_way = loop_spawn(coroutine_loop(), read_ahead, reader);
  if (ahead->under_way) coroutine_sleep(0, DEADLINE_NEVER);
}

bool stream_reader_next(struct stream_reader *reader, struct read_entry *ret_entry) {
  struct merge_entry next;
  size_t stream;
  if (!reader->merge || !event_merge_next(reader->merge, &next, &stream)) return false;
  *ret_entry = *(const struct read_entry *)next.value;
  return true;
}

void read_entry_release(const struct read_entry *entry) {
  if (--entry->page->waiting == 0) page_free(entry->page);
}

int64_t stream_reader_read_to(const struct stream_reader *reader, int64_t clock) {
  return reader->merge ? event_merge_read_to(reader->merge, clock) : 0;
}

size_t stream_reader_held(const struct stream_reader *reader) {
  return reader->merge ? event_merge_held(reader->merge) : 0;
}

bool stream_reader_is_caught_up(const struct stream_reader *reader) {
  return reader->merge && event_merge_is_caught_up(reader->merge);
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

/* Asks for one entry, only to be woken: a blocking read is answered with the first stream that has something, though an
 * earlier entry may be in another. What came is read again, without blocking. */
coroutine_fn struct status stream_reader_wait(const struct stream_reader *reader, struct redis *redis,
                                              const struct context *context, int64_t ms) {
  struct context own = *context;
  own.arena = arena_new();
  struct redis_arguments command = redis_command_of(own.arena, "XREAD", "COUNT", "1", "BLOCK", NULL);
  redis_add_number(&command, ms);
  add_streams(reader, NULL, &command);
  const struct redis_reply *reply;
  struct status status = status_copy(redis_command_blocking(redis, &own, &command, ms, &reply), context->arena);
  arena_free(own.arena);
  return status;
}
