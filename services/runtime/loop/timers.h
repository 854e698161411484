/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of waiting coroutines: a binary heap, earliest first. Belongs to the loop's thread.
 *
 * Most deadlines are taken back long before they come, so adding and removing must be cheap: a later deadline than all
 * others, the common case, is added in O(1), and none costs a system call. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Embed it in what waits. */
struct timer {
  int64_t deadline_us;
  size_t place; /* 1 + index in the heap; 0 means not in it */
};

struct timers {
  struct timer **heap;
  size_t count, room;
};

/* Adds `timer`, which must not be in the heap and must live until it is removed. */
void timers_add(struct timers *timers, struct timer *timer, int64_t deadline_us);

/* Removes `timer`; does nothing if it is not in the heap. */
void timers_remove(struct timers *timers, struct timer *timer);

/* Returns the earliest, or NULL if there is none. */
struct timer *timers_first(const struct timers *timers);

/* Frees the heap's memory, not the timers. */
void timers_clear(struct timers *timers);
