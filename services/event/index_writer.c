/* SPDX-License-Identifier: Apache-2.0 */
#include "index_writer.h"

#include "loop/blocking.h"

/* What a thread does while the coroutine that made it waits. */
struct index_work {
  struct index_writer *writer;
  struct arena *arena;
  const struct index_row *rows;
  size_t count;
  const struct positions *positions;
  struct status status;
};

struct index_row index_writer_row(const struct log_entry *entry) {
  return (struct index_row){.log_time = entry->log_time,
                            .stream = entry->stream->number,
                            .entity = index_key_of(entry->entity_id),
                            .event = index_key_of(entry->event_id),
                            .cause = index_key_of(entry->cause),
                            .attempt = index_key_of(entry->attempt_id)};
}

static struct status add_streams(struct index_writer *writer, struct arena *arena) {
  const struct log_stream *stream;
  for (; (stream = log_streams_at(writer->streams, writer->known)); writer->known++) {
    struct status status = event_index_add_stream(writer->index, arena, stream->name);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

static void add_rows(void *argument) {
  struct index_work *work = argument;
  struct event_index *index = work->writer->index;
  work->status = add_streams(work->writer, work->arena);
  if (!status_is_ok(work->status)) return;
  work->status = event_index_add(index, work->arena, work->rows, work->count, work->positions);
}

static void clear_index(void *argument) {
  struct index_work *work = argument;
  work->status = event_index_clear(work->writer->index, work->arena);
}

coroutine_fn struct status index_writer_add(struct index_writer *writer, struct arena *arena,
                                            const struct log_entry *entries, size_t count,
                                            const struct positions *positions) {
  struct index_row *rows = arena_calloc(arena, count, sizeof *rows);
  for (size_t i = 0; i < count; i++) rows[i] = index_writer_row(&entries[i]);
  return index_writer_add_rows(writer, arena, rows, count, positions);
}

coroutine_fn struct status index_writer_add_rows(struct index_writer *writer, struct arena *arena,
                                                 const struct index_row *rows, size_t count,
                                                 const struct positions *positions) {
  struct index_work work = {.writer = writer, .arena = arena, .rows = rows, .count = count, .positions = positions};
  blocking_run(add_rows, &work);
  return work.status;
}

coroutine_fn struct status index_writer_clear(struct index_writer *writer, struct arena *arena) {
  struct index_work work = {.writer = writer, .arena = arena};
  blocking_run(clear_index, &work);
  if (status_is_ok(work.status)) writer->known = 0;
  return work.status;
}
