/* SPDX-License-Identifier: Apache-2.0 */
#include "store/logs_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "loop/loop.h"
#include "store/log_clock.h"
#include "store/log_merge.h"

enum { NUMBERS_FIRST = 16 };

/* One of the logs. */
struct read_log {
  struct logs_reader *owner;
  size_t number;
  struct event_store *store;
  struct stream_reader *reader;
  size_t *streams; /* numbers over all logs, by those of its reader */
  size_t stream_count, stream_capacity;
  bool more; /* a stream may have more than the latest read has brought */
  bool has_next;
  struct read_entry next;
  char epoch[LOG_EPOCH_SIZE];
  /* of the read under way */
  struct context context;
  struct status status;
  bool over;
};

struct logs_reader {
  struct read_log *logs;
  size_t log_count, stream_count;
  struct log_merge *merge;
  struct condition read_over;
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct logs_reader *logs_reader_new(struct event_store *const *stores, size_t count) {
  struct logs_reader *reader = memory_calloc(1, sizeof *reader);
  reader->logs = memory_calloc(count, sizeof *reader->logs);
  reader->log_count = count;
  reader->merge = log_merge_new(count);
  for (size_t i = 0; i < count; i++) {
    reader->logs[i] =
        (struct read_log){.owner = reader, .number = i, .store = stores[i], .reader = stream_reader_new()};
  }
  return reader;
}

void logs_reader_free(struct logs_reader *reader) {
  if (!reader) return;
  for (size_t i = 0; i < reader->log_count; i++) {
    struct read_log *log = &reader->logs[i];
    if (log->has_next) read_entry_release(&log->next);
    stream_reader_free(log->reader);
    free(log->streams);
  }
  log_merge_free(reader->merge);
  free(reader->logs);
  free(reader);
}

size_t logs_reader_add(struct logs_reader *reader, size_t log, const char *key, const char *after) {
  struct read_log *to = &reader->logs[log];
  if (to->stream_count == to->stream_capacity) {
    to->stream_capacity = to->stream_capacity ? 2 * to->stream_capacity : NUMBERS_FIRST;
    to->streams = memory_realloc(to->streams, to->stream_capacity * sizeof *to->streams);
  }
  to->streams[to->stream_count++] = reader->stream_count;
  stream_reader_add(to->reader, key, after);
  return reader->stream_count++;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Tells the merge what the log's next entry is. */
static void tell_next(struct read_log *log) {
  if (!log->has_next) log->has_next = stream_reader_next(log->reader, &log->next);
  log_merge_next_of(log->owner->merge, log->number, log->has_next ? log->next.log_time : 0);
}

/* Tells the merge how far the log has been read; `clock` is what was told before. */
static void tell_read(struct read_log *log, const struct position *clock) {
  struct log_merge *merge = log->owner->merge;
  memcpy(log->epoch, clock->epoch, sizeof log->epoch);
  log_merge_exists(merge, log->number, *clock->epoch != '\0');
  log_merge_read_to(merge, log->number, stream_reader_read_to(log->reader, clock->log_time));
  tell_next(log);
}

/* The clock first: what is appended between the two is read, or later than the clock. */
static coroutine_fn struct status read_log(struct read_log *log) {
  int64_t awaited = log_merge_awaited_of(log->owner->merge, log->number);
  struct context *context = &log->context;
  struct position clock = {0};
  if (awaited > 0 && !log->more) {
    struct status moved = clock_move_on(log->store, context, awaited, &clock);
    if (!status_is_ok(moved)) return moved;
    struct status status = stream_reader_read(log->reader, log->store->reads, context, &log->more);
    if (status_is_ok(status)) tell_read(log, &clock);
    return status;
  }
  struct redis_pending *asked = clock_ask(log->store, log->store->reads, context);
  struct status status = stream_reader_read(log->reader, log->store->reads, context, &log->more);
  struct status told = clock_told(log->store, asked, &clock);
  if (status_is_ok(status)) status = told;
  if (status_is_ok(status)) tell_read(log, &clock);
  return status;
}

static coroutine_fn void read_beside(void *argument) {
  struct read_log *log = argument;
  log->status = read_log(log);
  log->over = true;
  condition_signal_all(&log->owner->read_over);
}

coroutine_fn struct status logs_reader_read(struct logs_reader *reader, const struct context *context, bool *ret_more) {
  for (size_t i = 0; i < reader->log_count; i++) {
    struct read_log *log = &reader->logs[i];
    log->context = *context;
    log->context.arena = arena_new();
    log->over = false;
    bool is_last = i + 1 == reader->log_count;
    if (is_last || !loop_spawn(coroutine_loop(), read_beside, log)) read_beside(log);
  }
  struct status result = status_ok();
  *ret_more = false;
  for (size_t i = 0; i < reader->log_count; i++) {
    struct read_log *log = &reader->logs[i];
    while (!log->over) condition_wait(&reader->read_over, DEADLINE_NEVER);
    if (status_is_ok(result)) result = status_copy(log->status, context->arena);
    *ret_more = *ret_more || log->more;
    arena_free(log->context.arena);
  }
  return result;
}

/* ---- handing out ------------------------------------------------------------------------------------------------ */

bool logs_reader_next(struct logs_reader *reader, struct read_entry *ret_entry) {
  size_t first;
  if (!log_merge_first(reader->merge, &first)) return false;
  struct read_log *log = &reader->logs[first];
  *ret_entry = log->next;
  ret_entry->stream = log->streams[log->next.stream];
  log->has_next = false;
  tell_next(log);
  return true;
}

size_t logs_reader_held(const struct logs_reader *reader) {
  size_t held = 0;
  for (size_t i = 0; i < reader->log_count; i++) {
    held += stream_reader_held(reader->logs[i].reader) + reader->logs[i].has_next;
  }
  return held;
}

struct position logs_reader_handed_out(const struct logs_reader *reader, size_t log) {
  struct position position = {.log_time = log_merge_handed_out(reader->merge, log)};
  memcpy(position.epoch, reader->logs[log].epoch, sizeof position.epoch);
  return position;
}
