/* SPDX-License-Identifier: Apache-2.0 */
#include "log_progress.h"

#include <stdio.h>
#include <string.h>

static bool is_read(const struct log_progress *progress, const struct position *read_to, size_t number) {
  return log_streams_has_log(progress->streams, number) && *read_to[number].epoch;
}

static int64_t least_of(const struct log_progress *progress, const struct position *read_to) {
  int64_t least = 0;
  for (size_t i = 0; i < progress->places->count; i++) {
    if (is_read(progress, read_to, i) && (least == 0 || read_to[i].log_time < least)) least = read_to[i].log_time;
  }
  return least;
}

void log_progress_begin(struct log_progress *progress, const struct log_streams *streams,
                        const struct positions *indexed) {
  const struct log_places *places = log_streams_places(streams);
  memset(progress, 0, sizeof *progress);
  progress->places = places;
  progress->streams = streams;
  for (size_t i = 0; i < places->count; i++) {
    const struct position *part = positions_of(indexed, places->stores[i]->log);
    if (part) progress->read_to[i] = *part;
  }
  progress->all_read_to = least_of(progress, progress->read_to);
}

void log_progress_begin_again(struct log_progress *progress, const struct position *epochs) {
  memset(progress->last, 0, sizeof progress->last);
  for (size_t i = 0; i < progress->places->count; i++) {
    progress->read_to[i] = epochs[i];
    progress->read_to[i].log_time = 0;
  }
  progress->all_read_to = 0;
  progress->complete = false;
}

/* ---- moving it on ----------------------------------------------------------------------------------------------- */

void log_progress_reach(const struct log_progress *progress, const struct logs_reader *reader, int64_t log_time,
                        struct position ret_read_to[LOG_PLACES_MAX]) {
  for (size_t i = 0; i < progress->places->count; i++) {
    ret_read_to[i] = progress->read_to[i];
    if (!*ret_read_to[i].epoch) continue;
    int64_t handed_out = logs_reader_handed_out(reader, i).log_time;
    int64_t to = handed_out > log_time ? handed_out : log_time;
    if (to > ret_read_to[i].log_time) ret_read_to[i].log_time = to;
  }
}

bool log_progress_move_to(struct log_progress *progress, const struct position *read_to) {
  size_t size = progress->places->count * sizeof *read_to;
  bool moved = memcmp(progress->read_to, read_to, size) != 0;
  memcpy(progress->read_to, read_to, size);
  int64_t least = least_of(progress, read_to);
  if (least > progress->all_read_to) progress->all_read_to = least;
  return moved;
}

struct positions log_progress_positions(const struct log_progress *progress, const struct position *read_to) {
  struct positions positions = {.count = progress->places->count};
  for (size_t i = 0; i < progress->places->count; i++) {
    struct log_position *part = &positions.parts[i];
    snprintf(part->log, sizeof part->log, "%s", progress->places->stores[i]->log);
    part->position = read_to[i];
  }
  return positions;
}

const char *log_progress_id(const struct log_progress *progress, struct arena *arena, size_t stream) {
  int64_t last = progress->last[stream];
  return last > 0 ? log_time_text(arena, last) : "0-0";
}

/* ---- positions of others ---------------------------------------------------------------------------------------- */

const char *log_progress_position(const struct log_progress *progress, struct arena *arena, int64_t log_time) {
  struct positions positions = {.count = 0};
  for (size_t i = 0; i < progress->places->count; i++) {
    struct position part = progress->read_to[i];
    part.log_time = log_time;
    if (is_read(progress, progress->read_to, i)) {
      positions_advance(&positions, progress->places->stores[i]->log, &part);
    }
  }
  return positions_text(arena, &positions);
}

bool log_progress_seen_with(const struct log_progress *progress, const struct positions *positions,
                            int64_t *ret_log_time) {
  bool found = false;
  for (size_t i = 0; i < progress->places->count; i++) {
    const struct position *part = positions_of(positions, progress->places->stores[i]->log);
    if (part && (!found || part->log_time < *ret_log_time)) *ret_log_time = part->log_time;
    found = found || part;
  }
  return found;
}

bool log_progress_has_seen(const struct log_progress *progress, const struct positions *positions) {
  for (size_t i = 0; i < progress->places->count; i++) {
    const struct position *part = positions_of(positions, progress->places->stores[i]->log);
    if (part && !position_has_seen(&progress->read_to[i], part)) return false;
  }
  return true;
}
