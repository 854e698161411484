/* SPDX-License-Identifier: Apache-2.0 */
/* Log time: the order of all events of one shop.
 *
 * An entry's id `<unix ms>-<0..999>` is also a number: microseconds since the Unix epoch, ms * 1000 + the second part,
 * pushed up where needed to stay unique and increasing. It promises order, not time. The clock is what
 * the brand's clock key holds: "<last id> <epoch>", where the epoch is random and changes when the log had to be
 * rebuilt. A position is epoch and log time together: how far a reader is, or what an answer's reader must have seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* "1548699678802-91" from 1548699678802091 and back. False: no such id. */
const char *log_time_text(struct arena *arena, int64_t log_time);
bool log_time_parse(const char *text, int64_t *ret_log_time);

/* The log time of any entry's id, also of one that the log's clock did not make: its second part then counts as at most
 * 999. */
int64_t log_time_of_entry(const char *entry_id);

#define LOG_EPOCH_SIZE 17 /* 16 hex digits and a NUL */

enum { ENTRY_ID_SIZE = 44 }; /* any entry's id, two numbers of 20 digits, and a NUL */

struct position {
  char epoch[LOG_EPOCH_SIZE];
  int64_t log_time;
};

/* The opaque text of the metadata `<brand>-position` and `<brand>-after`. False: not one of ours. */
const char *position_text(struct arena *arena, const struct position *position);
bool position_parse(const char *text, struct position *ret_position);

/* INVALID_ARGUMENT (POSITION_INVALID): what a text that is none is answered with. */
struct status position_invalid(struct arena *arena);

/* Whether a reader that has come to `position` has seen all up to `wanted`: of the same log, and as far. */
bool position_has_seen(const struct position *position, const struct position *wanted);
