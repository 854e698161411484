/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/timers.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

enum { ROOM_FIRST = 64 };

static void put(struct timers *timers, size_t index, struct timer *timer) {
  timers->heap[index] = timer;
  timer->place = index + 1;
}

/* Moves `timer` from the hole at `index` towards the root. */
static void sift_up(struct timers *timers, size_t index, struct timer *timer) {
  while (index > 0) {
    size_t parent = (index - 1) / 2;
    if (timers->heap[parent]->deadline_us <= timer->deadline_us) break;
    put(timers, index, timers->heap[parent]);
    index = parent;
  }
  put(timers, index, timer);
}

/* Moves `timer` from the hole at `index` towards the leaves. */
static void sift_down(struct timers *timers, size_t index, struct timer *timer) {
  while (true) {
    size_t child = 2 * index + 1;
    if (child >= timers->count) break;
    struct timer **heap = timers->heap;
    if (child + 1 < timers->count && heap[child + 1]->deadline_us < heap[child]->deadline_us) child++;
    if (timer->deadline_us <= heap[child]->deadline_us) break;
    put(timers, index, heap[child]);
    index = child;
  }
  put(timers, index, timer);
}

void timers_add(struct timers *timers, struct timer *timer, int64_t deadline_us) {
  if (timers->count == timers->room) {
    timers->room = timers->room > 0 ? timers->room * 2 : ROOM_FIRST;
    timers->heap = memory_realloc(timers->heap, timers->room * sizeof(*timers->heap));
  }
  timer->deadline_us = deadline_us;
  sift_up(timers, timers->count++, timer);
}

void timers_remove(struct timers *timers, struct timer *timer) {
  if (timer->place == 0) return;
  size_t index = timer->place - 1;
  timer->place = 0;
  struct timer *last = timers->heap[--timers->count];
  if (last == timer) return;
  if (index > 0 && last->deadline_us < timers->heap[(index - 1) / 2]->deadline_us) {
    sift_up(timers, index, last);
  } else {
    sift_down(timers, index, last);
  }
}

struct timer *timers_first(const struct timers *timers) {
  return timers->count > 0 ? timers->heap[0] : NULL;
}

void timers_clear(struct timers *timers) {
  free(timers->heap);
  *timers = (struct timers){0};
}
