/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_from.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { DIGITS_MAX = 15 }; /* more would not stay within int64 when multiplied */

/* Digits only: strtoll takes blanks and signs, too. */
static bool read_number(const char **at, int64_t *ret_number) {
  size_t digits = strspn(*at, "0123456789");
  if (digits == 0 || digits > DIGITS_MAX) return false;
  *ret_number = strtoll(*at, NULL, 10);
  *at += digits;
  return true;
}

static bool parse_entry(const char *text, struct event_from *ret_from) {
  struct event_from from = {.kind = EVENT_FROM_ENTRY};
  if (!read_number(&text, &from.ms) || *text++ != '-' || !read_number(&text, &from.sequence) || *text) return false;
  *ret_from = from;
  return true;
}

static bool parse_ago(const char *text, struct event_from *ret_from) {
  static const char units[] = "smhd";
  static const int64_t unit_ms[] = {1000, 60 * 1000, 3600 * 1000, 86400 * 1000};
  int64_t number;
  if (!read_number(&text, &number) || number > 1000000 || !*text || text[1]) return false;
  const char *unit = strchr(units, *text);
  if (!unit) return false;
  *ret_from = (struct event_from){.kind = EVENT_FROM_AGO, .ms = number * unit_ms[unit - units]};
  return true;
}

/* ".547" -> 547 ms; what is finer is dropped. */
static int64_t read_fraction(const char **at) {
  if (**at != '.') return 0;
  int64_t ms = 0;
  size_t digits = strspn(*at + 1, "0123456789");
  for (size_t i = 0; i < 3; i++) ms = ms * 10 + (i < digits ? (*at)[1 + i] - '0' : 0);
  *at += 1 + digits;
  return ms;
}

/* "Z" or "+01:00", in seconds to take off. */
static bool read_zone(const char **at, int64_t *ret_seconds) {
  if (**at == 'Z' || **at == 'z') {
    (*at)++;
    *ret_seconds = 0;
    return true;
  }
  struct tm zone = {0};
  int sign = **at == '+' ? 1 : **at == '-' ? -1 : 0;
  const char *end = sign ? strptime(*at + 1, "%H:%M", &zone) : NULL;
  if (!end) return false;
  *at = end;
  *ret_seconds = sign * (zone.tm_hour * 3600 + zone.tm_min * 60);
  return true;
}

static bool parse_time(const char *text, struct event_from *ret_from) {
  struct tm parts = {0};
  const char *at = strptime(text, "%Y-%m-%d", &parts);
  int64_t ms = 0, zone = 0;
  if (!at) return false;
  if (*at) {
    bool separated = *at == 'T' || *at == 't' || *at == ' ';
    at = separated ? strptime(at + 1, "%H:%M:%S", &parts) : NULL;
    if (!at) return false;
    ms = read_fraction(&at);
    if (!read_zone(&at, &zone) || *at) return false;
  }
  int64_t seconds = timegm(&parts) - zone;
  if (seconds < 0) return false;
  *ret_from = (struct event_from){.kind = EVENT_FROM_TIME, .ms = seconds * 1000 + ms};
  return true;
}

bool event_from_parse(const char *text, struct event_from *ret_from) {
  if (strcasecmp(text, "BEGINNING") == 0) {
    *ret_from = (struct event_from){.kind = EVENT_FROM_BEGINNING};
    return true;
  }
  if (strcasecmp(text, "NOW") == 0) {
    *ret_from = (struct event_from){.kind = EVENT_FROM_NOW};
    return true;
  }
  return parse_entry(text, ret_from) || parse_ago(text, ret_from) || parse_time(text, ret_from);
}

/* The last id that there can be before a time. */
static const char *entry_before(struct arena *arena, int64_t ms) {
  return ms > 0 ? arena_printf(arena, "%" PRId64 "-%" PRIu64, ms - 1, UINT64_MAX) : "0-0";
}

const char *event_from_entry(struct arena *arena, const struct event_from *from, const char *end, int64_t now_ms) {
  switch (from->kind) {
    case EVENT_FROM_BEGINNING:
      break;
    case EVENT_FROM_NOW:
      return end;
    case EVENT_FROM_ENTRY:
      return arena_printf(arena, "%" PRId64 "-%" PRId64, from->ms, from->sequence);
    case EVENT_FROM_TIME:
      return entry_before(arena, from->ms);
    case EVENT_FROM_AGO:
      return entry_before(arena, now_ms - from->ms);
  }
  return "0-0";
}
