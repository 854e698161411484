/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "loop/blocking.h"

/* What a thread reads of a file while the coroutine that made it waits. */
struct intake {
  struct archive *archive;
  const struct log_streams *streams;
  struct arena *arena, *scratch;
  const char *log;
  int64_t after, until;
  struct index_row *rows;
  size_t count, room;
  struct status status;
};

static bool lacks(struct archive *archive, const struct log_progress *progress, size_t number) {
  return archive_until(archive, progress->places->stores[number]->log) > progress->read_to[number].log_time;
}

bool archive_intake_lacks(struct archive *archive, const struct log_progress *progress) {
  for (size_t i = 0; i < progress->places->count; i++) {
    if (lacks(archive, progress, i)) return true;
  }
  return false;
}

/* ---- a file ----------------------------------------------------------------------------------------------------- */

static const struct log_stream *stream_of(const struct log_streams *streams, const char *name) {
  const struct log_stream *stream;
  for (size_t i = 0; (stream = log_streams_at(streams, i)); i++) {
    if (strcmp(stream->name, name) == 0) return stream;
  }
  return NULL;
}

static struct status take_row(void *argument, const char *name, const struct redis_reply *reply) {
  struct intake *intake = argument;
  const struct log_stream *stream = stream_of(intake->streams, name);
  if (!stream) return status_ok(); /* there are LOG_STREAMS_MAX */
  struct log_entry entry = log_entry_of(intake->scratch, stream, reply);
  if (intake->count == intake->room) {
    intake->room = 2 * intake->room + 1024;
    intake->rows = memory_realloc(intake->rows, intake->room * sizeof *intake->rows);
  }
  if (entry.log_time > intake->after) intake->rows[intake->count++] = index_writer_row(&entry);
  arena_reset(intake->scratch);
  return status_ok();
}

static int by_log_time(const void *left, const void *right) {
  const struct index_row *one = left, *other = right;
  return one->log_time < other->log_time ? -1 : one->log_time > other->log_time;
}

static void read_file(void *argument) {
  struct intake *intake = argument;
  intake->scratch = arena_new();
  intake->status =
      archive_each(intake->archive, intake->arena, intake->log, intake->after, take_row, intake, &intake->until);
  arena_free(intake->scratch);
  if (intake->count > 0) qsort(intake->rows, intake->count, sizeof *intake->rows, by_log_time);
}

/* Notes how far the log was read, when the index has it. */
static void move_on(struct archive *archive, const struct log_streams *streams, struct log_progress *progress,
                    size_t number, const struct position *read_to) {
  const struct log_stream *stream;
  for (size_t i = 0; (stream = log_streams_at(streams, i)); i++) {
    int64_t last = archive_last(archive, progress->places->stores[number]->log, stream->name);
    if (stream->log == number && last > progress->last[i]) progress->last[i] = last;
  }
  log_progress_move_to(progress, read_to);
}

static coroutine_fn struct status take_file(struct archive *archive, struct log_streams *streams,
                                            struct log_progress *progress, struct index_writer *writer,
                                            struct arena *arena, size_t number) {
  struct position read_to[LOG_PLACES_MAX];
  memcpy(read_to, progress->read_to, sizeof read_to);
  struct intake intake = {.archive = archive,
                          .streams = streams,
                          .arena = arena,
                          .log = progress->places->stores[number]->log,
                          .after = read_to[number].log_time};
  blocking_run(read_file, &intake);
  read_to[number].log_time = intake.until;
  struct positions positions = log_progress_positions(progress, read_to);
  struct status status = intake.status;
  if (status_is_ok(status)) status = index_writer_add_rows(writer, arena, intake.rows, intake.count, &positions);
  if (status_is_ok(status)) move_on(archive, streams, progress, number, read_to);
  free(intake.rows);
  return status;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static void add_streams(struct archive *archive, struct log_streams *streams, struct arena *arena, const char *log) {
  const char *name;
  for (size_t i = 0; (name = archive_stream_name(archive, arena, log, i)); i++) log_streams_add(streams, name);
}

coroutine_fn struct status archive_intake(struct archive *archive, struct log_streams *streams,
                                          struct log_progress *progress, struct index_writer *writer,
                                          struct arena *arena) {
  struct status status = status_ok();
  for (size_t i = 0; i < progress->places->count; i++) {
    add_streams(archive, streams, arena, progress->places->stores[i]->log);
    while (status_is_ok(status) && lacks(archive, progress, i)) {
      status = take_file(archive, streams, progress, writer, arena, i);
    }
  }
  return status;
}
