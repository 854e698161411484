/* SPDX-License-Identifier: Apache-2.0 */
/* Log progress: how far the logs have been read, and what that means for whoever has a position.
 *
 * All logs together have been read up to the least log time of those that are read. A log that nobody has begun yet, or
 * of which no stream is known, holds up nothing. Plain values; threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "log_places.h"
#include "log_streams.h"
#include "store/logs_reader.h"
#include "store/positions.h"

struct log_progress {
  const struct log_places *places;
  const struct log_streams *streams;
  struct position read_to[LOG_PLACES_MAX]; /* of each log; an epoch of "" while nobody has begun that log */
  int64_t all_read_to;                     /* log time up to which all logs have been read */
  int64_t last[LOG_STREAMS_MAX];           /* of each stream, the last entry that was read; 0 if there is none */
  bool complete;                           /* the reader has been at the end of these logs */
};

/* Begins with the positions that the index has reached; those of logs that it does not name begin at 0. `streams`
 * must live as long. */
void log_progress_begin(struct log_progress *progress, const struct log_streams *streams,
                        const struct positions *indexed);

/* Begins again at 0, with the logs of these epochs, one for each log. */
void log_progress_begin_again(struct log_progress *progress, const struct position *epochs);

/* ---- moving it on ----------------------------------------------------------------------------------------------- */

/* Tells how far each log has been read when everything up to a log time has been taken in, and what the reader has
 * handed out. Changes nothing. */
void log_progress_reach(const struct log_progress *progress, const struct logs_reader *reader, int64_t log_time,
                        struct position ret_read_to[LOG_PLACES_MAX]);

/* Notes that. Returns whether it is further than before. */
bool log_progress_move_to(struct log_progress *progress, const struct position *read_to);

/* Returns `read_to`, one for each log, with the logs' names. */
struct positions log_progress_positions(const struct log_progress *progress, const struct position *read_to);

/* Returns the id in Redis behind which a stream is still to be read, in `arena`. */
const char *log_progress_id(const struct log_progress *progress, struct arena *arena, size_t stream);

/* ---- positions of others ---------------------------------------------------------------------------------------- */

/* The position of whoever has seen everything up to a log time, in `arena`; "" if there is no log yet. */
const char *log_progress_position(const struct log_progress *progress, struct arena *arena, int64_t log_time);

/* Tells up to which log time whoever has a position has seen everything. Returns false if no part of it is of a log
 * that is read. */
bool log_progress_seen_with(const struct log_progress *progress, const struct positions *positions,
                            int64_t *ret_log_time);

/* Returns whether all has been read up to a position, as far as that is of logs that are read. */
bool log_progress_has_seen(const struct log_progress *progress, const struct positions *positions);
