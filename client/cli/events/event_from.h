/* SPDX-License-Identifier: Apache-2.0 */
/* Says where in the log something begins or ends, which is the value of --from and the like. It has no side effects.
 * Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum event_from_kind {
  EVENT_FROM_BEGINNING,
  EVENT_FROM_NOW,
  EVENT_FROM_ENTRY, /* behind that entry */
  EVENT_FROM_TIME,  /* entries of that time and later */
  EVENT_FROM_AGO,   /* a time before now */
};

struct event_from {
  enum event_from_kind kind;
  int64_t ms, sequence; /* an entry's id; a Unix time or a duration in ms */
};

/* Parses "BEGINNING", "NOW" (in any case), "1795460356547-731", "2026-11-23T18:59:16.5Z" (or with +01:00, or without a
 * time of day, in UTC), "10m" (s, m, h, d). Returns false if it is none of these. */
bool event_from_parse(const char *text, struct event_from *ret_from);

/* Returns the id of the entry behind which reading begins. `end` is that of the log's last entry, `now_ms` Redis' time.
 */
const char *event_from_entry(struct arena *arena, const struct event_from *from, const char *end, int64_t now_ms);
