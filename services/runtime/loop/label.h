/* SPDX-License-Identifier: Apache-2.0 */
/* Label: what a coroutine is at, for the log: the line about a loop that stands and the last line of a process that
 * crashes name it, and all lines that the coroutine writes have its ids. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

struct loop;

struct label {
  const char *kind;  /* "method", "event" ...; NULL means no label */
  const char *name;  /* of a method: its name in the proto; of an event: its stream */
  const char *entry; /* of an event: the entry's id; else NULL */
  const char *key;   /* of an event: its key; else NULL */
  struct log_ids ids;
};

/* Labels the running coroutine, until the next call or the coroutine's end; the label's texts must live as long. NULL
 * means no label. Outside a coroutine it does nothing. Its helpers (coroutine_for_each) bear its label, too. */
void label_set(const struct label *label);

/* Returns the label of the coroutine whose turn it is on this thread's loop, also while it uses the loop's stack; its
 * kind is NULL when there is none. A signal handler may call it. */
struct label label_here(void);

/* Returns that label's ids, for log_ids_from. */
struct log_ids label_ids_here(void);

/* Returns how many microseconds the loop has stood in the running coroutine since it was labelled, as far as the
 * watchdog has seen; 0 means that it hasn't. */
int64_t label_stood_us(void);

/* Writes "event customer_created 1548699678802-91 of key 8c1f...", cut to `size`. Returns false, with an empty text, if
 * there is no label. */
bool label_text(const struct label *label, char *text, size_t size);
