/* SPDX-License-Identifier: Apache-2.0 */
/* Memory watch: gives back to the system what the start, or a burst of connections and calls, has needed and nobody
 * needs any more.
 *
 * malloc keeps what was freed, in pieces between what is still in use, and the loop keeps the stacks of coroutines that
 * have ended; a service that had ten times the usual load once would stay that big for ever. malloc itself only gives
 * back what lies at the heap's end, and does so at almost every turn of a busy service, which needs it again in the
 * next one: the watch has it leave that off. Threads: the loop's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

struct memory_watch {
  int64_t looked_us;
  int64_t pause_us; /* until it looks again */
  size_t min_bytes; /* the least in use that it has ever seen */
};

/* To be called before other threads run. The loop's thread does nearly everything, so that a heap for each of the
 * others, as malloc has it, would only take memory. */
void memory_watch_begin(void);

/* To be called often, from the start on. Looks every 2 s or, while there is little to gain, every 32 s at least. Takes
 * some milliseconds when there is much to give back. */
void memory_watch_look(struct memory_watch *watch, struct loop *loop);
