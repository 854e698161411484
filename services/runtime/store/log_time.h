/* SPDX-License-Identifier: Apache-2.0 */
/* Log time: the order of all events of one shop.
 *
 * An entry's id `<unix ms>-<0..999>` is also a number: microseconds since the Unix epoch, ms * 1000 + the second part,
 * pushed up where needed to stay unique and increasing. It promises order, not time. The clock is what the brand's
 * clock key holds: "<last id> <epoch>", where the epoch is random and changes when the log had to be rebuilt. A
 * position is epoch and log time together: how far a reader has come, or what an answer's reader must have seen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Convert 1548699678802091 to "1548699678802-91" and back. log_time_parse returns false if the text is not such an
 * id. */
const char *log_time_text(struct arena *arena, int64_t log_time);
bool log_time_parse(const char *text, int64_t *ret_log_time);

/* Returns the log time of any entry's id, even of one that the log's clock did not make: then its second part counts as
 * at most 999. */
int64_t log_time_of_entry(const char *entry_id);

#define LOG_EPOCH_SIZE 17 /* 16 hex digits and a NUL */

enum { ENTRY_ID_SIZE = 44 }; /* any entry's id, two numbers of 20 digits, and a NUL */

struct position {
  char epoch[LOG_EPOCH_SIZE];
  int64_t log_time;
};

/* Its text, a part of what the metadata `<brand>-position` and `<brand>-after` carry (positions.h). position_parse
 * returns false if it is not one of ours. */
const char *position_text(struct arena *arena, const struct position *position);
bool position_parse(const char *text, struct position *ret_position);

/* Returns INVALID_ARGUMENT (POSITION_INVALID), the answer to a text that is not a position. */
struct status position_invalid(struct arena *arena);

/* Returns whether a reader that has come to `position` has seen all up to `wanted`: the position is of the same log and
 * at least as far. */
bool position_has_seen(const struct position *position, const struct position *wanted);
