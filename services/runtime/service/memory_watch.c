/* SPDX-License-Identifier: Apache-2.0 */
#include "service/memory_watch.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
  PAUSE_US = 2 * 1000 * 1000,
  PAUSE_MAX_US = 32 * 1000 * 1000,
  SLACK_BYTES = 128 * 1024,            /* less than this is not worth the search */
  HEAP_BLOCK_BYTES = 4 * 1024 * 1024,  /* larger ones are mapped and unmapped, one by one */
  HEAP_END_BYTES = 1024 * 1024 * 1024, /* malloc itself never gives back less than this */
};

/* Returns how many bytes in memory belong to no file; 0 if the system doesn't tell. */
static size_t own_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return 0;
  size_t resident = 0, shared = 0;
  int found = fscanf(file, "%*u %zu %zu", &resident, &shared);
  fclose(file);
  return found == 2 && resident > shared ? (resident - shared) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* A look that fails, since there are no descriptors left for it, must not count as the least. */
static size_t look(struct memory_watch *watch) {
  size_t bytes = own_bytes();
  if (bytes > 0 && bytes < watch->min_bytes) watch->min_bytes = bytes;
  return bytes;
}

static void give_back(struct memory_watch *watch, struct loop *loop, size_t before) {
  loop_trim(loop);
  malloc_trim(0);
  size_t after = look(watch);
  /* While a burst lasts, everything is in use, so this is tried less often then. */
  watch->pause_us = after + SLACK_BYTES < before || watch->pause_us >= PAUSE_MAX_US ? PAUSE_US : 2 * watch->pause_us;
  log_event(LOG_DEBUG, "memory given back", "before", log_number((int64_t)before), "after", log_number((int64_t)after),
            NULL);
}

void memory_watch_begin(void) {
  mallopt(M_ARENA_MAX, 1);
}

void memory_watch_look(struct memory_watch *watch, struct loop *loop) {
  int64_t now_us = clock_monotonic_us();
  if (watch->looked_us == 0) {
    *watch = (struct memory_watch){.looked_us = now_us, .pause_us = PAUSE_US, .min_bytes = SIZE_MAX};
    malloc_trim(0); /* what the start alone has needed */
    look(watch);
    mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_BYTES);
    mallopt(M_TRIM_THRESHOLD, HEAP_END_BYTES);
  }
  if (now_us - watch->looked_us < watch->pause_us) return;
  watch->looked_us = now_us;
  size_t bytes = look(watch);
  if (bytes > watch->min_bytes + SLACK_BYTES) give_back(watch, loop, bytes);
}
