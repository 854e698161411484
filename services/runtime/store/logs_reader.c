/* SPDX-License-Identifier: Apache-2.0 */
#include "store/logs_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "store/log_clock.h"
#include "store/log_merge.h"
#include "store/log_wait.h"

enum { STREAMS_FIRST = 16 };

/* One of the logs. */
struct read_log {
  struct logs_reader *owner;
  size_t number;
  struct event_store *store;
  struct stream_reader *reader;
  size_t *streams; /* numbers over all logs, by those of its reader */
  size_t stream_count, stream_capacity;
  uint64_t redis_era; /* in which it is read, where there are several */
  bool more;          /* a stream may have more than the latest read has brought */
  bool has_next;
  struct read_entry next;
  struct position clock; /* as it was told last; epoch "": there was none, or it was not asked yet */
  struct log_wait wait;
  /* of the read under way */
  struct context context;
  struct status status;
  bool over;
};

/* Where a stream is. */
struct stream_place {
  size_t log, number;
};

/* Where whoever waits can be woken, though no log lies there. */
struct home {
  uint64_t redis_era;
  struct stream_reader *reader;
  struct log_wait wait; /* its store is NULL if there is no such place */
};

struct logs_reader {
  struct read_log *logs;
  size_t log_count;
  struct stream_place *streams;
  size_t stream_count, stream_capacity;
  struct log_merge *merge;
  struct home home;
  bool woken;
  struct condition read_over, wait_over;
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct logs_reader *logs_reader_new(struct event_store *const *stores, size_t count) {
  struct logs_reader *reader = memory_calloc(1, sizeof *reader);
  reader->logs = memory_calloc(count, sizeof *reader->logs);
  reader->log_count = count;
  reader->merge = log_merge_new(count);
  for (size_t i = 0; i < count; i++) {
    struct read_log *log = &reader->logs[i];
    *log = (struct read_log){.owner = reader, .number = i, .store = stores[i], .reader = stream_reader_new()};
    log->redis_era = redis_server_era(stores[i]->server);
    log->wait = (struct log_wait){.reader = log->reader, .store = stores[i], .ended = &reader->wait_over};
  }
  return reader;
}

static coroutine_fn void close_log(struct read_log *log) {
  log_wait_end(&log->wait);
  stream_reader_await(log->reader);
  if (log->has_next) read_entry_release(&log->next);
  stream_reader_free(log->reader);
  free(log->streams);
}

coroutine_fn void logs_reader_free(struct logs_reader *reader) {
  if (!reader) return;
  if (reader->home.reader) log_wait_end(&reader->home.wait);
  stream_reader_free(reader->home.reader);
  for (size_t i = 0; i < reader->log_count; i++) close_log(&reader->logs[i]);
  log_merge_free(reader->merge);
  free(reader->streams);
  free(reader->logs);
  free(reader);
}

/* Returns the list with room for one more, twice as much where it was full. */
static void *with_room(void *list, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return list;
  *capacity = *capacity ? 2 * *capacity : STREAMS_FIRST;
  return memory_realloc(list, *capacity * size);
}

size_t logs_reader_add(struct logs_reader *reader, size_t log, const char *key, const char *after) {
  struct read_log *to = &reader->logs[log];
  to->streams = with_room(to->streams, to->stream_count, &to->stream_capacity, sizeof *to->streams);
  reader->streams = with_room(reader->streams, reader->stream_count, &reader->stream_capacity, sizeof *reader->streams);
  to->streams[to->stream_count++] = reader->stream_count;
  reader->streams[reader->stream_count] =
      (struct stream_place){.log = log, .number = stream_reader_add(to->reader, key, after)};
  return reader->stream_count++;
}

void logs_reader_listen_at(struct logs_reader *reader, struct event_store *home, const char *key) {
  reader->home.redis_era = redis_server_era(home->server);
  reader->home.reader = stream_reader_new();
  reader->home.wait = (struct log_wait){.reader = reader->home.reader, .store = home, .ended = &reader->wait_over};
  stream_reader_add(reader->home.reader, key, "$");
}

void logs_reader_skip(struct logs_reader *reader, size_t stream, const char *after) {
  const struct stream_place *place = &reader->streams[stream];
  stream_reader_skip(reader->logs[place->log].reader, place->number, after);
}

/* Whether there is but one Redis. */
static bool is_single(const struct logs_reader *reader) {
  return reader->log_count == 1 && !reader->home.reader;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Tells the merge how far the log has been read, and what its next entry is. */
static void tell_read(struct read_log *log) {
  struct log_merge *merge = log->owner->merge;
  if (!log->has_next) log->has_next = stream_reader_next(log->reader, &log->next);
  log_merge_read_to(merge, log->number, stream_reader_read_to(log->reader, log->clock.log_time));
  log_merge_next_of(merge, log->number, log->has_next ? log->next.log_time : 0);
}

/* Nobody waits for a log of which no stream is read. */
static void set_clock(struct read_log *log, const struct position *clock) {
  log->clock = *clock;
  log_merge_exists(log->owner->merge, log->number, *clock->epoch && log->stream_count > 0);
}

/* The clock first: what is appended between the two is read, or later than the clock. While there is more to read the
 * clock as it was does. */
static coroutine_fn struct status read_streams(struct read_log *log, struct context *context) {
  struct event_store *store = log->store;
  int64_t awaited = log_merge_awaited_of(log->owner->merge, log->number);
  if (log->more) return stream_reader_read(log->reader, store->reads, context, &log->more);
  struct position clock = {0};
  struct status told = status_ok();
  struct redis_pending *asked = NULL;
  if (awaited > 0) {
    told = clock_move_on(store, context, awaited, &clock);
    if (!status_is_ok(told)) return told;
  } else {
    asked = clock_ask(store, store->reads, context);
  }
  struct status status = stream_reader_read(log->reader, store->reads, context, &log->more);
  if (asked) told = clock_told(store, asked, &clock);
  if (status_is_ok(status)) status = told;
  if (status_is_ok(status)) set_clock(log, &clock);
  return status;
}

static coroutine_fn struct status read_log(struct read_log *log, struct context *context) {
  struct status status = read_streams(log, context);
  if (status_is_ok(status)) tell_read(log);
  return status;
}

static coroutine_fn void read_beside(void *argument) {
  struct read_log *log = argument;
  log->status = read_log(log, &log->context);
  log->over = true;
  condition_signal_all(&log->owner->read_over);
}

/* Each log is of the server that it was of when the reader was made. */
static struct context context_of(const struct read_log *log, const struct context *context, struct arena *arena) {
  struct context own = *context;
  own.arena = arena;
  if (!is_single(log->owner)) own.redis_era = log->redis_era;
  return own;
}

static coroutine_fn struct status read_all(struct logs_reader *reader, const struct context *context) {
  for (size_t i = 0; i < reader->log_count; i++) {
    struct read_log *log = &reader->logs[i];
    log->context = context_of(log, context, arena_new());
    log->over = false;
    bool is_last = i + 1 == reader->log_count;
    if (is_last || !loop_spawn(coroutine_loop(), read_beside, log)) read_beside(log);
  }
  struct status result = status_ok();
  for (size_t i = 0; i < reader->log_count; i++) {
    struct read_log *log = &reader->logs[i];
    while (!log->over) condition_wait(&reader->read_over, DEADLINE_NEVER);
    if (status_is_ok(result)) result = status_copy(log->status, context->arena);
    arena_free(log->context.arena);
  }
  return result;
}

/* Whether nobody had begun the log when it was read. */
static bool was_absent(const struct read_log *log) {
  return log->stream_count > 0 && !*log->clock.epoch;
}

/* A log that is absent is not waited for by entries that were read before that was found: what causes one of them was
 * there by then (log_merge.h). Those that were read just now may be younger, so it is looked for once more. If it has
 * been begun meanwhile it is waited for, and the next read brings it. */
static coroutine_fn struct status look_for_absent(struct logs_reader *reader, const struct context *context) {
  struct status status = status_ok();
  for (size_t i = 0; i < reader->log_count && status_is_ok(status); i++) {
    struct read_log *log = &reader->logs[i];
    if (!was_absent(log)) continue;
    struct context own = context_of(log, context, context->arena);
    struct position clock;
    status = clock_told(log->store, clock_ask(log->store, log->store->reads, &own), &clock);
    if (status_is_ok(status)) log_merge_exists(reader->merge, i, *clock.epoch);
  }
  return status;
}

coroutine_fn struct status logs_reader_read(struct logs_reader *reader, const struct context *context, bool *ret_more) {
  struct context own = *context;
  struct status status = reader->log_count == 1 ? read_log(&reader->logs[0], &own) : read_all(reader, context);
  if (status_is_ok(status) && logs_reader_held(reader) > 0) status = look_for_absent(reader, context);
  *ret_more = false;
  for (size_t i = 0; i < reader->log_count; i++) *ret_more = *ret_more || reader->logs[i].more;
  return status;
}

/* Not while a log is absent: what is read ahead could be younger than that. */
coroutine_fn void logs_reader_read_ahead(struct logs_reader *reader, const struct context *context) {
  for (size_t i = 0; reader->log_count > 1 && i < reader->log_count; i++) {
    if (was_absent(&reader->logs[i])) return;
  }
  for (size_t i = 0; i < reader->log_count; i++) {
    struct read_log *log = &reader->logs[i];
    struct context own = context_of(log, context, NULL);
    stream_reader_read_ahead(log->reader, log->store->reads, &own);
  }
}

bool logs_reader_reads_ahead(const struct logs_reader *reader) {
  for (size_t i = 0; i < reader->log_count; i++) {
    if (stream_reader_reads_ahead(reader->logs[i].reader)) return true;
  }
  return false;
}

coroutine_fn void logs_reader_await(struct logs_reader *reader) {
  for (size_t i = 0; i < reader->log_count; i++) stream_reader_await(reader->logs[i].reader);
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

static void begin_waits(struct logs_reader *reader, int64_t ms) {
  for (size_t i = 0; i < reader->log_count; i++) {
    log_wait_begin(&reader->logs[i].wait, reader->logs[i].redis_era, ms);
  }
  if (reader->home.reader) log_wait_begin(&reader->home.wait, reader->home.redis_era, ms);
}

/* Returns whether one of the waits is over; the first of those that have failed counts. */
static bool is_one_over(struct logs_reader *reader, struct arena *arena, struct status *ret_status) {
  bool over = false;
  *ret_status = status_ok();
  for (size_t i = 0; i <= reader->log_count; i++) {
    struct log_wait *wait = i < reader->log_count ? &reader->logs[i].wait : &reader->home.wait;
    struct status status;
    if (!log_wait_is_over(wait, arena, &status)) continue;
    if (status_is_ok(*ret_status)) *ret_status = status;
    over = true;
  }
  return over;
}

coroutine_fn struct status logs_reader_wait(struct logs_reader *reader, const struct context *context, int64_t ms) {
  if (is_single(reader)) {
    return stream_reader_wait(reader->logs[0].reader, reader->logs[0].store->blocking, context, ms);
  }
  struct status status;
  int64_t end_us = clock_monotonic_us() + ms * 1000;
  reader->woken = false;
  begin_waits(reader, ms);
  while (!is_one_over(reader, context->arena, &status) && !reader->woken) {
    if (!condition_wait(&reader->wait_over, end_us)) return status_ok();
  }
  return status;
}

bool logs_reader_wake(struct logs_reader *reader) {
  if (is_single(reader)) return false;
  reader->woken = true;
  condition_signal_all(&reader->wait_over);
  return true;
}

/* ---- handing out ------------------------------------------------------------------------------------------------ */

/* What was read ahead is there without having been told. */
static void tell_all(struct logs_reader *reader) {
  for (size_t i = 0; i < reader->log_count; i++) {
    if (!reader->logs[i].has_next) tell_read(&reader->logs[i]);
  }
}

bool logs_reader_has_next(struct logs_reader *reader) {
  size_t first;
  tell_all(reader);
  return log_merge_first(reader->merge, &first);
}

int64_t logs_reader_next_log_time(struct logs_reader *reader) {
  size_t first;
  tell_all(reader);
  return log_merge_first(reader->merge, &first) ? reader->logs[first].next.log_time : 0;
}

bool logs_reader_next(struct logs_reader *reader, struct read_entry *ret_entry) {
  size_t first;
  tell_all(reader);
  if (!log_merge_first(reader->merge, &first)) return false;
  struct read_log *log = &reader->logs[first];
  *ret_entry = log->next;
  ret_entry->stream = log->streams[log->next.stream];
  log->has_next = false;
  tell_read(log);
  return true;
}

size_t logs_reader_held(const struct logs_reader *reader) {
  size_t held = 0;
  for (size_t i = 0; i < reader->log_count; i++) {
    held += stream_reader_held(reader->logs[i].reader) + reader->logs[i].has_next;
  }
  return held;
}

bool logs_reader_is_caught_up(const struct logs_reader *reader) {
  for (size_t i = 0; i < reader->log_count; i++) {
    if (reader->logs[i].has_next || !stream_reader_is_caught_up(reader->logs[i].reader)) return false;
  }
  return true;
}

struct position logs_reader_handed_out(const struct logs_reader *reader, size_t log) {
  struct position position = {.log_time = log_merge_handed_out(reader->merge, log)};
  memcpy(position.epoch, reader->logs[log].clock.epoch, sizeof position.epoch);
  return position;
}
