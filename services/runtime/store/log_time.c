/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_time.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCH_DIGITS = LOG_EPOCH_SIZE - 1 };

const char *log_time_text(struct arena *arena, int64_t log_time) {
  return arena_printf(arena, "%" PRId64 "-%" PRId64, log_time / 1000, log_time % 1000);
}

/* A decimal number without sign, below `limit`; returns what follows it, or NULL. */
static const char *parse_number(const char *text, int64_t limit, int64_t *ret_number) {
  if (!isdigit((unsigned char)*text)) return NULL;
  char *end;
  errno = 0;
  int64_t number = strtoll(text, &end, 10);
  if (errno || number >= limit) return NULL;
  *ret_number = number;
  return end;
}

/* Log times stay below 2^53, so that Lua's numbers can hold them. */
static const int64_t LOG_TIME_LIMIT = INT64_C(1) << 53;

bool log_time_parse(const char *text, int64_t *ret_log_time) {
  int64_t ms, us;
  const char *dash = parse_number(text, LOG_TIME_LIMIT / 1000, &ms);
  if (!dash || *dash != '-') return false;
  const char *end = parse_number(dash + 1, 1000, &us);
  if (!end || *end) return false;
  *ret_log_time = ms * 1000 + us;
  return true;
}

int64_t log_time_of_entry(const char *entry_id) {
  int64_t log_time;
  if (log_time_parse(entry_id, &log_time)) return log_time;
  return strtoll(entry_id, NULL, 10) * 1000 + 999;
}

const char *position_text(struct arena *arena, const struct position *position) {
  return arena_printf(arena, "%s.%" PRIx64, position->epoch, position->log_time);
}

bool position_parse(const char *text, struct position *ret_position) {
  if (strspn(text, "0123456789abcdef") != EPOCH_DIGITS || text[EPOCH_DIGITS] != '.') return false;
  const char *digits = text + EPOCH_DIGITS + 1;
  size_t count = strspn(digits, "0123456789abcdef");
  if (count == 0 || count > 14 || digits[count]) return false;
  int64_t log_time = strtoll(digits, NULL, 16);
  if (log_time >= LOG_TIME_LIMIT) return false;
  memcpy(ret_position->epoch, text, EPOCH_DIGITS);
  ret_position->epoch[EPOCH_DIGITS] = '\0';
  ret_position->log_time = log_time;
  return true;
}

struct status position_invalid(struct arena *arena) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_position_invalid,
                      "the position that the answer must reflect is not one that a call has returned");
}

bool position_has_seen(const struct position *position, const struct position *wanted) {
  return strcmp(position->epoch, wanted->epoch) == 0 && position->log_time >= wanted->log_time;
}
