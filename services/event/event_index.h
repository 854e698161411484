/* SPDX-License-Identifier: Apache-2.0 */
/* Event index: finds the entries of the log by their entity, event id, cause and attempt, in a file of SQLite.
 *
 * It is a projection of the log, or of several, in the order of log time: it has all entries up to the positions that
 * it names, and may be removed at any time, since it is made again from the streams. One process has it at a time. A
 * row takes about 200 bytes; of an entry it has the place in the log and ids, nothing else.
 *
 * The functions block, since they work on a file: they are for loop/blocking.h. Any thread; one is at work at a time,
 * others wait. Errors, of all: UNAVAILABLE (INDEX_UNWRITABLE: the disk is full, for instance); DATA_LOSS
 * (INDEX_DAMAGED), after which event_index_clear makes a new file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "store/positions.h"

struct event_index;

/* An id as it is stored: the 16 bytes of a UUID, or the beginning of any other text; 0 bytes for none. */
struct index_key {
  unsigned char bytes[48];
  size_t size;
};
struct index_key index_key_of(const char *id);

struct index_row {
  int64_t log_time;
  size_t stream; /* its number */
  struct index_key entity, event, cause, attempt;
};

/* What all entries must be that are looked for; what is empty is not asked for. */
struct index_query {
  const size_t *streams; /* any of these */
  size_t stream_count;
  const struct index_key *entities; /* any of these */
  size_t entity_count;
  struct index_key event, cause, attempt;
  int64_t after, until; /* log times: after < log time <= until */
  bool newest_first;
  size_t limit;
};

/* Entries of several logs may have one log time, and then belong together: so many more than `limit` may be found. */
enum { INDEX_TIES = 16 };

/* An entry that was found. */
struct index_place {
  int64_t log_time;
  size_t stream;
};

/* Returns how many of `count` places the first `some` are, with those that have the last one's log time. */
static inline size_t index_places_with_ties(const struct index_place *places, size_t count, size_t some) {
  while (some > 0 && some < count && places[some].log_time == places[some - 1].log_time) some++;
  return some;
}

/* Opens the file `folder`/events.sqlite. It is made if it isn't there, or is none of this version. Errors, beside those
 * above: INVALID_ARGUMENT (EVENT_FOLDER_UNWRITABLE: also where another process has it). */
struct status event_index_open(struct arena *arena, const char *folder, struct event_index **ret_index);
void event_index_close(struct event_index *index);

/* Takes everything out, by making a new file. */
struct status event_index_clear(struct event_index *index, struct arena *arena);

/* Tells up to which position of each log the entries are there; none of a log that it knows nothing of. */
struct status event_index_positions(struct event_index *index, struct arena *arena, struct positions *ret_positions);

/* Tells the names of the streams, by their numbers. */
struct status event_index_streams(struct event_index *index, struct arena *arena, const char ***ret_names,
                                  size_t *ret_count);

/* Adds the next stream. */
struct status event_index_add_stream(struct event_index *index, struct arena *arena, const char *name);

/* Adds rows and moves the positions, all or nothing. Rows that are there already stay. */
struct status event_index_add(struct event_index *index, struct arena *arena, const struct index_row *rows,
                              size_t count, const struct positions *positions);

/* Finds entries, `limit` of them, and those that have the last one's log time, too; the result lives in the arena. */
struct status event_index_find(struct event_index *index, struct arena *arena, const struct index_query *query,
                               struct index_place **ret_places, size_t *ret_count);

/* Of one stream, the first and last entry behind a log time, and, if `counted`, how many there are, which takes time in
 * proportion to them. */
struct index_extent {
  int64_t first, last, count; /* 0 if there are none */
};
struct status event_index_extent(struct event_index *index, struct arena *arena, size_t stream, int64_t after,
                                 bool counted, struct index_extent *ret_extent);
