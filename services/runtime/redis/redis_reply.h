/* SPDX-License-Identifier: Apache-2.0 */
/* Redis reply: an answer, copied into an arena, and how error replies become statuses.
 *
 * Error replies: OOM -> RESOURCE_EXHAUSTED (REDIS_OUT_OF_MEMORY, with RetryInfo); LOADING, BUSY, MASTERDOWN, READONLY,
 * CLUSTERDOWN, TRYAGAIN, MOVED, ASK, NOREPLICAS, MISCONF, UNBLOCKED -> UNAVAILABLE (REDIS_<word>); NOAUTH, WRONGPASS,
 * NOPERM -> UNAVAILABLE (REDIS_<word>: wrong for all callers alike, cured by the operator); NOGROUP -> NOT_FOUND
 * (REDIS_NOGROUP); BUSYGROUP -> ALREADY_EXISTS (REDIS_BUSYGROUP); "ERR Function not found" -> UNIMPLEMENTED
 * (REDIS_FUNCTION_UNKNOWN); "ERR Library '..' already exists" -> ALREADY_EXISTS (REDIS_LIBRARY_EXISTS); anything else
 * -> INTERNAL (REDIS_ERROR), logged with the command's name. The server's text is the status' message. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum redis_reply_type { REDIS_NIL, REDIS_NUMBER, REDIS_TEXT, REDIS_LIST };

struct redis_reply {
  enum redis_reply_type type;
  int64_t number;                      /* REDIS_NUMBER */
  const char *text;                    /* REDIS_TEXT (bulk and simple strings): binary-safe, NUL behind it */
  size_t size;                         /* of text */
  const struct redis_reply **elements; /* REDIS_LIST */
  size_t count;                        /* of elements; errors inside a list become REDIS_TEXT with error set */
  bool error;
};

/* Returns the number of a REDIS_NUMBER or of a numeric REDIS_TEXT, else `fallback`, also for a NULL reply. */
int64_t redis_reply_number(const struct redis_reply *reply, int64_t fallback);

/* Returns the text of a REDIS_TEXT, else NULL, also for a NULL reply. */
const char *redis_reply_text(const struct redis_reply *reply);

/* Returns element `index` of a list, or NULL if there is none. */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index);

/* Returns the value behind `field` in a flat list of field, value, field, value ... (HGETALL, XINFO), or NULL if there
 * is none. */
const struct redis_reply *redis_reply_field(const struct redis_reply *reply, const char *field);

/* Returns the status for an error reply's text. */
struct status redis_error_status(struct arena *arena, const char *text);

/* Returns whether it was Redis that failed or refused, and not that the request was wrong. */
bool redis_has_failed(struct status status);
