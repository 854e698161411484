/* SPDX-License-Identifier: Apache-2.0 */
/* W3C trace context, level 1: the text `traceparent`, which says of a call which trace it belongs to.
 *
 *   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *   version, trace id, id of the caller's span, flags: all in lower-case hex
 *
 * A text that breaks the rules is as good as none. Any thread. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

#define TRACE_ID_SIZE 33 /* with the NUL */

/* Returns whether `text` is a traceparent: of version 00 it has exactly these 55 characters; of a later one, which is
 * not known here, it may go on behind a hyphen; ff is no version. Neither id is zero only. NULL is none. */
bool traceparent_is_valid(const char *text);

/* Writes the trace id of a valid one. */
void traceparent_trace_id(const char *valid, char ret_id[TRACE_ID_SIZE]);

/* What a traceparent says. */
struct trace_ids {
  unsigned char trace[16], span[8];
  bool sampled; /* whether the caller records the trace */
};

/* Returns false, with nothing filled, if `text` is not valid; NULL is allowed. */
bool traceparent_parse(const char *text, struct trace_ids *ret_ids);

/* Returns the traceparent of version 00 that says so, in the arena. */
const char *traceparent_text(struct arena *arena, const struct trace_ids *ids);

/* Returns what a call that is made on behalf of `text` carries: the same trace, a span id of its own, and of the flags
 * the one that version 00 knows, in the arena. Returns NULL if `text` is not valid. */
const char *traceparent_child(struct arena *arena, const char *text);
