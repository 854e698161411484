/* SPDX-License-Identifier: Apache-2.0 */
#include "log_follower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_intake.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "log_check.h"
#include "loop/fail_point.h"
#include "shop_reasons.h"
#include "store/logs_reader.h"

enum {
  BATCH = 1000, /* entries that the index gets at once */
  CALL_US = 5 * 1000 * 1000,
  BLOCK_MS = 1000,
  AGAIN_US = 100 * 1000,       /* after a failure */
  PACE_US = 100 * 1000,        /* between two reads while entries keep coming, */
  WATCHED_PACE_US = 10 * 1000, /* and while somebody watches */
};

/* Wakes the follower when a log has more. */
struct listener {
  struct log_follower *follower;
  size_t number; /* of the log that it listens to */
};

struct log_follower {
  const struct log_places *places;
  struct log_streams *streams;
  struct log_progress *progress;
  struct index_writer *writer;
  struct event_ring *ring;
  int64_t ring_floor; /* log time behind which the ring goes on */
  struct archive *archive;
  struct log_check check;

  struct logs_reader *reader; /* NULL until the first round */
  size_t reader_streams;      /* streams that it reads: the first ones */
  struct listener listeners[LOG_PLACES_MAX];

  uint64_t lives;
  uint64_t rounds; /* reads by this reader that have succeeded */
  uint64_t tries;  /* reads, also those that have failed */
  int64_t read_us; /* when the latest one began */
  bool resting;    /* it lets entries gather before it reads again */
  bool hurried;    /* somebody waits for what it has not read yet */
  bool dirty;      /* there may be something to read */
  bool damaged;    /* somebody who looked into the index has found that */
  char trouble[512];
  const char *trouble_reason;

  struct condition moved, wake, read_over, ended;
  bool stopping;
  int running;
};

/* ---- the reader of the streams ---------------------------------------------------------------------------------- */

/* Has the reader read the streams that have been found since, behind what was taken in of them. */
static void add_streams(struct log_follower *follower, struct arena *arena) {
  const struct log_stream *stream;
  for (; (stream = log_streams_at(follower->streams, follower->reader_streams)); follower->reader_streams++) {
    const char *after = log_progress_id(follower->progress, arena, stream->number);
    logs_reader_add(follower->reader, stream->log, stream->key, after);
  }
}

static coroutine_fn void start_reader(struct log_follower *follower) {
  logs_reader_free(follower->reader);
  follower->reader = logs_reader_new(follower->places->stores, follower->places->count);
  follower->rounds = 0;
  follower->reader_streams = 0;
  struct arena *arena = arena_new();
  add_streams(follower, arena);
  arena_free(arena);
}

/* Reads all anew; the ring goes on behind `ring_floor`. */
static coroutine_fn struct status begin_again(struct log_follower *follower, struct arena *arena,
                                              const struct position *epochs, int64_t ring_floor) {
  follower->progress->complete = false; /* nobody may be answered from an index that is being emptied */
  struct status status = index_writer_clear(follower->writer, arena);
  if (!status_is_ok(status)) return status;
  log_progress_begin_again(follower->progress, epochs);
  event_ring_clear(follower->ring, ring_floor);
  follower->ring_floor = ring_floor;
  start_reader(follower);
  follower->damaged = false;
  condition_signal_all(&follower->moved);
  return status_ok();
}

static coroutine_fn struct status check_logs(struct log_follower *follower, struct context *contexts,
                                             const struct position *ends) {
  bool same;
  struct status status = log_check_all(&follower->check, contexts, ends, &same);
  if (!status_is_ok(status) || same) return status;
  follower->lives++;
  status = begin_again(follower, contexts[0].arena, ends, 0);
  /* What an operator gives up is recorded now, while the index is empty. */
  return status_is_ok(status) ? log_check_all(&follower->check, contexts, ends, &same) : status;
}

/* Takes into the index what it lacks of the archive; then Redis is read behind that. */
static coroutine_fn struct status take_in_archive(struct log_follower *follower, struct arena *arena) {
  struct log_progress *progress = follower->progress;
  if (!archive_intake_lacks(follower->archive, progress)) return status_ok();
  progress->complete = false;
  struct status status = archive_intake(follower->archive, follower->streams, progress, follower->writer, arena);
  start_reader(follower);
  if (!status_is_ok(status) || progress->all_read_to <= follower->ring_floor) return status;
  follower->ring_floor = progress->all_read_to;
  event_ring_clear(follower->ring, follower->ring_floor);
  return status;
}

/* ---- taking in -------------------------------------------------------------------------------------------------- */

/* Whether one more entry fits, or belongs to those that are there, since it has the same log time. */
static bool takes_one_more(const struct log_follower *follower, const struct log_entry *entries, size_t count,
                           size_t room) {
  if (count < room) return true;
  return entries[count - 1].log_time == logs_reader_next_log_time(follower->reader);
}

static size_t next_entries(struct log_follower *follower, struct arena *arena, struct read_entry *read,
                           struct log_entry *entries, size_t room) {
  size_t count = 0;
  while (takes_one_more(follower, entries, count, room) && logs_reader_next(follower->reader, &read[count])) {
    const struct log_stream *stream = log_streams_at(follower->streams, read[count].stream);
    entries[count] = log_entry_of(arena, stream, read[count].entry);
    count++;
  }
  return count;
}

static struct status lost_answer(struct arena *arena, const char *where) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point %s", where);
}

/* First the index, then the ring and the position: whoever hears of an entry finds it. */
static coroutine_fn struct status take_in(struct log_follower *follower, struct arena *arena,
                                          const struct log_entry *entries, size_t count) {
  struct log_progress *progress = follower->progress;
  struct position read_to[LOG_PLACES_MAX];
  log_progress_reach(progress, follower->reader, entries[count - 1].log_time, read_to);
  struct positions positions = log_progress_positions(progress, read_to);
  if (fail_point("event.before_index")) return lost_answer(arena, "event.before_index");
  struct status status = index_writer_add(follower->writer, arena, entries, count, &positions);
  if (!status_is_ok(status)) return status;
  if (fail_point("event.after_index")) return lost_answer(arena, "event.after_index");
  for (size_t i = 0; i < count; i++) {
    progress->last[entries[i].stream->number] = entries[i].log_time;
    event_ring_add(follower->ring, &entries[i]);
  }
  log_progress_move_to(progress, read_to);
  condition_signal_all(&follower->moved);
  return status_ok();
}

/* Takes in what has been read. */
static coroutine_fn struct status hand_out(struct log_follower *follower, struct arena *arena) {
  size_t held = logs_reader_held(follower->reader), room = held < BATCH ? held : BATCH, count;
  struct read_entry *read = arena_calloc(arena, room + INDEX_TIES, sizeof *read);
  struct log_entry *entries = arena_calloc(arena, room + INDEX_TIES, sizeof *entries);
  while (room > 0 && (count = next_entries(follower, arena, read, entries, room)) > 0) {
    struct status status = take_in(follower, arena, entries, count);
    for (size_t i = 0; i < count; i++) read_entry_release(&read[i]);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

static void note_end(struct log_follower *follower, struct arena *arena) {
  struct log_progress *progress = follower->progress;
  struct position read_to[LOG_PLACES_MAX];
  if (!logs_reader_is_caught_up(follower->reader) || !log_streams_is_searched(follower->streams)) return;
  log_progress_reach(progress, follower->reader, 0, read_to);
  bool moved = log_progress_move_to(progress, read_to) || !progress->complete;
  if (!progress->complete) {
    const char *end = log_time_text(arena, progress->all_read_to);
    log_event(LOG_INFO, "the index has the whole log", "read_to", end, NULL);
  }
  progress->complete = true;
  if (moved) condition_signal_all(&follower->moved);
}

/* ---- following -------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status read_once(struct log_follower *follower, const struct context *context,
                                            bool *ret_more) {
  struct context contexts[LOG_PLACES_MAX];
  log_places_contexts(follower->places, context, contexts);
  struct status status = log_streams_search(follower->streams, &contexts[0]);
  if (!status_is_ok(status)) return status;
  add_streams(follower, context->arena);
  struct position ends[LOG_PLACES_MAX];
  follower->dirty = follower->hurried = false;
  follower->read_us = clock_monotonic_us();
  status = log_places_read_clocks(follower->places, contexts, ends);
  if (status_is_ok(status)) status = check_logs(follower, contexts, ends);
  if (status_is_ok(status)) status = take_in_archive(follower, context->arena);
  if (status_is_ok(status)) status = logs_reader_read(follower->reader, &contexts[0], ret_more);
  if (status_is_ok(status)) status = hand_out(follower, context->arena);
  if (!status_is_ok(status)) return status;
  note_end(follower, context->arena);
  follower->rounds++;
  *ret_more = *ret_more || logs_reader_held(follower->reader) > 0 || !log_streams_is_searched(follower->streams);
  return status_ok();
}

/* A damaged file is made anew. */
static coroutine_fn void mend(struct log_follower *follower, struct arena *arena, struct status status) {
  if (!status_is(status, reason_index_damaged) && !follower->damaged) return;
  log_event(LOG_ERROR, "the index of the log is damaged, and is made anew", NULL);
  struct position same[LOG_PLACES_MAX];
  memcpy(same, follower->progress->read_to, sizeof same);
  follower->damaged = !status_is_ok(begin_again(follower, arena, same, follower->progress->all_read_to));
}

/* The reason of what an operator must see to; NULL if it is something else. */
static const char *reason_of_trouble(struct status status) {
  static const char *const reasons[] = {reason_index_unwritable, reason_archive_lost, reason_archive_mismatch,
                                        reason_archive_damaged, reason_archive_unavailable};
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
    if (status_is(status, reasons[i])) return reasons[i];
  }
  return NULL;
}

/* With an archive of another log, or without the one that there was, nothing is told, not even what the index has. */
static void note_trouble(struct log_follower *follower, struct status status) {
  const char *reason = reason_of_trouble(status);
  if (reason && !*follower->trouble) {
    log_event(LOG_ERROR, "the log can't be followed", "reason", status.message, NULL);
  }
  if (reason == reason_archive_mismatch || reason == reason_archive_lost) follower->progress->complete = false;
  follower->trouble_reason = reason;
  snprintf(follower->trouble, sizeof follower->trouble, "%s", reason ? status.message : "");
}

/* Lets entries gather, unless somebody waits for them: one page and one transaction of many cost little more than those
 * of one. An entry that comes after a while of none is read at once. */
static coroutine_fn void rest(struct log_follower *follower) {
  follower->resting = true;
  while (!follower->stopping && !follower->hurried) {
    int64_t pace_us = event_ring_is_watched(follower->ring) ? WATCHED_PACE_US : PACE_US;
    if (!condition_wait(&follower->wake, follower->read_us + pace_us)) break;
  }
  follower->resting = false;
}

static coroutine_fn struct status wait_ready(const struct log_follower *follower) {
  int64_t until_us = clock_monotonic_us() + CALL_US;
  struct status status = status_ok();
  for (size_t i = 0; i < follower->places->count && status_is_ok(status); i++) {
    status = redis_wait_ready(follower->places->stores[i]->commands, until_us);
  }
  return status;
}

/* After a failure the streams are read again behind what was taken in, maybe of other servers. */
static coroutine_fn void follow(void *argument) {
  struct log_follower *follower = argument;
  start_reader(follower);
  while (!follower->stopping) {
    struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US};
    bool more = false;
    struct status status = wait_ready(follower);
    if (status_is_ok(status) && !follower->stopping) status = read_once(follower, &context, &more);
    if (!status_is_ok(status)) start_reader(follower);
    note_trouble(follower, status);
    mend(follower, context.arena, status);
    arena_free(context.arena);
    follower->tries++;
    condition_signal_all(&follower->read_over);
    int64_t until_us = clock_monotonic_us() + (status_is_ok(status) ? BLOCK_MS * 1000 : AGAIN_US);
    while (!follower->stopping && !more && !(follower->dirty && status_is_ok(status))) {
      if (!condition_wait(&follower->wake, until_us)) break;
    }
    if (!more && status_is_ok(status)) rest(follower);
  }
  logs_reader_free(follower->reader);
  follower->running--;
  condition_signal_all(&follower->ended);
}

/* ---- listening -------------------------------------------------------------------------------------------------- */

/* Waits in Redis until a stream of the log has more than was taken in, and tells whether that was possible: there may
 * be no such stream. */
static coroutine_fn bool wait_for_more(const struct log_follower *follower, size_t number) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + BLOCK_MS * 1000 + CALL_US};
  struct redis_arguments read = redis_command_of(context.arena, "XREAD", "COUNT", "1", "BLOCK", NULL);
  redis_add_number(&read, BLOCK_MS);
  redis_add_text(&read, "STREAMS");
  size_t fixed = read.count;
  const struct log_stream *stream;
  for (size_t i = 0; (stream = log_streams_at(follower->streams, i)); i++) {
    if (stream->log == number) redis_add_text(&read, stream->key);
  }
  bool possible = read.count > fixed;
  for (size_t i = 0; (stream = log_streams_at(follower->streams, i)); i++) {
    if (stream->log == number) redis_add_text(&read, log_progress_id(follower->progress, context.arena, i));
  }
  const struct redis_reply *reply;
  struct event_store *store = follower->places->stores[number];
  if (possible) possible = status_is_ok(redis_command_blocking(store->blocking, &context, &read, BLOCK_MS, &reply));
  arena_free(context.arena);
  return possible;
}

/* Each listener has a connection of its own. */
static coroutine_fn void listen(void *argument) {
  const struct listener *listener = argument;
  struct log_follower *follower = listener->follower;
  while (!follower->stopping) {
    uint64_t rounds = follower->rounds;
    bool heard = rounds > 0 && wait_for_more(follower, listener->number);
    if (heard) follower->dirty = true;
    if (heard) condition_signal_all(&follower->wake);
    int64_t until_us = clock_monotonic_us() + (heard ? BLOCK_MS * 1000 : AGAIN_US);
    while (!follower->stopping && (!heard || follower->rounds == rounds)) {
      if (!condition_wait(&follower->read_over, until_us)) break;
    }
  }
  follower->running--;
  condition_signal_all(&follower->ended);
}

/* ---- life, and what others see of it ---------------------------------------------------------------------------- */

struct log_follower *log_follower_start(struct loop *loop, const struct log_follower_parts *parts) {
  struct log_follower *follower = memory_calloc(1, sizeof *follower);
  follower->places = log_streams_places(parts->streams);
  follower->streams = parts->streams;
  follower->progress = parts->progress;
  follower->writer = parts->writer;
  follower->ring = parts->ring;
  follower->check.progress = parts->progress;
  follower->archive = follower->check.archive = parts->archive;
  follower->running = 1 + (int)follower->places->count;
  loop_spawn(loop, follow, follower);
  for (size_t i = 0; i < follower->places->count; i++) {
    follower->listeners[i] = (struct listener){.follower = follower, .number = i};
    loop_spawn(loop, listen, &follower->listeners[i]);
  }
  return follower;
}

coroutine_fn void log_follower_stop(struct log_follower *follower) {
  follower->stopping = true;
  condition_signal_all(&follower->wake);
  condition_signal_all(&follower->read_over);
  while (follower->running > 0) condition_wait(&follower->ended, DEADLINE_NEVER);
  free(follower);
}

const char *log_follower_trouble(const struct log_follower *follower) {
  return follower->trouble;
}

const char *log_follower_trouble_reason(const struct log_follower *follower) {
  return follower->trouble_reason;
}

uint64_t log_follower_lives(const struct log_follower *follower) {
  return follower->lives;
}

struct condition *log_follower_moved(struct log_follower *follower) {
  return &follower->moved;
}

void log_follower_wake(struct log_follower *follower) {
  condition_signal_all(&follower->wake);
}

void log_follower_hurry(struct log_follower *follower) {
  follower->dirty = follower->hurried = true;
  condition_signal_all(&follower->wake);
}

coroutine_fn void log_follower_await_gathered(struct log_follower *follower, const struct context *context) {
  if (!follower->resting) return;
  int64_t until_us = clock_monotonic_us() + PACE_US;
  uint64_t tries = follower->tries;
  log_follower_hurry(follower);
  while (follower->tries == tries && clock_monotonic_us() < until_us) {
    int64_t wait_us = context->deadline_us < until_us ? context->deadline_us : until_us;
    if (!condition_wait(&follower->read_over, wait_us)) return;
  }
}

void log_follower_note_damage(struct log_follower *follower) {
  follower->damaged = true;
}
