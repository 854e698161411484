/* SPDX-License-Identifier: Apache-2.0 */
/* Positions: what has been seen of several logs, a position in each. That is what the metadata `<brand>-position` and
 * `<brand>-after` carry.
 *
 * A shop has one log, whose name is "". A service whose Redis is its own has another one there, which is named after
 * the service, with a clock and an epoch of its own: a place in the one says nothing about the other. As text a
 * position of the shop's log is "<epoch>.<log time>" (position_text), of another one "<log>:<epoch>.<log time>"; they
 * are separated by commas. Plain values, no allocation. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/log_time.h"

enum {
  LOG_NAME_SIZE = 33, /* with the NUL */
  POSITIONS_MAX = 32, /* logs */
};

struct log_position {
  char log[LOG_NAME_SIZE];
  struct position position;
};

/* Each log has one part at most. */
struct positions {
  size_t count;
  struct log_position parts[POSITIONS_MAX];
};

/* Reads a text. Returns false, and leaves *ret_positions undefined, if it is not one of ours. */
bool positions_parse(const char *text, struct positions *ret_positions);

/* Returns the text, in `arena`; "" if there is no part. */
const char *positions_text(struct arena *arena, const struct positions *positions);

/* The part of a log, or NULL. */
const struct position *positions_of(const struct positions *positions, const char *log);

/* Notes that `log` has been seen up to `position`, if that is later than what was noted, or of another epoch: then that
 * log was rebuilt, and what was heard last counts. If there are too many logs, nothing is noted. */
void positions_advance(struct positions *positions, const char *log, const struct position *position);

/* Does that for all parts of `others`. */
void positions_advance_all(struct positions *positions, const struct positions *others);

/* Returns the text `after`, or none if that is NULL, with `position` of `log` noted, in `arena`. What is no position of
 * ours is left out. */
const char *positions_text_with(struct arena *arena, const char *after, const char *log,
                                const struct position *position);

/* Returns the latest log time of the logs other than `log`; 0 if there is none. */
int64_t positions_latest_besides(const struct positions *positions, const char *log);
