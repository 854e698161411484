/* SPDX-License-Identifier: Apache-2.0 */
#include "event_ring.h"

#include <stdlib.h>

#include "base/memory.h"

struct event_ring {
  struct log_entry *entries[EVENT_RING_ENTRIES];
  size_t sizes[EVENT_RING_ENTRIES];
  uint64_t first, end; /* numbers of entries */
  size_t bytes;
  int64_t floor; /* it has all entries behind this log time */
  int64_t from;  /* it takes only entries behind this one: others have been told already */
  size_t watchers;
};

struct event_ring *event_ring_new(void) {
  return memory_calloc(1, sizeof(struct event_ring));
}

void event_ring_free(struct event_ring *ring) {
  event_ring_clear(ring, 0);
  free(ring);
}

static void drop_oldest(struct event_ring *ring) {
  size_t place = ring->first++ % EVENT_RING_ENTRIES;
  if (ring->entries[place]->log_time > ring->floor) ring->floor = ring->entries[place]->log_time;
  ring->bytes -= ring->sizes[place];
  free(ring->entries[place]);
}

void event_ring_add(struct event_ring *ring, const struct log_entry *entry) {
  if (ring->watchers == 0 || entry->log_time <= ring->from) return;
  size_t size;
  struct log_entry *copy = log_entry_copy(entry, &size);
  bool is_full = ring->end - ring->first == EVENT_RING_ENTRIES;
  while (ring->end > ring->first && (is_full || ring->bytes + size > EVENT_RING_BYTES)) {
    drop_oldest(ring);
    is_full = false;
  }
  size_t place = ring->end++ % EVENT_RING_ENTRIES;
  ring->entries[place] = copy;
  ring->sizes[place] = size;
  ring->bytes += size;
}

void event_ring_clear(struct event_ring *ring, int64_t floor) {
  while (ring->end > ring->first) drop_oldest(ring);
  ring->floor = ring->from = floor;
}

static void clear_behind(struct event_ring *ring, int64_t read_to) {
  event_ring_clear(ring, read_to > ring->from ? read_to : ring->from);
}

void event_ring_watch_begin(struct event_ring *ring, int64_t read_to) {
  if (ring->watchers++ == 0) clear_behind(ring, read_to);
}

void event_ring_watch_end(struct event_ring *ring, int64_t read_to) {
  if (--ring->watchers == 0) clear_behind(ring, read_to);
}

bool event_ring_is_watched(const struct event_ring *ring) {
  return ring->watchers > 0;
}

bool event_ring_enter(const struct event_ring *ring, int64_t after, uint64_t *ret_number) {
  if (after < ring->floor) return false;
  uint64_t number = ring->first;
  while (number < ring->end && ring->entries[number % EVENT_RING_ENTRIES]->log_time <= after) number++;
  *ret_number = number;
  return true;
}

const struct log_entry *event_ring_at(const struct event_ring *ring, uint64_t number, bool *ret_gone) {
  *ret_gone = number < ring->first;
  if (*ret_gone || number >= ring->end) return NULL;
  return ring->entries[number % EVENT_RING_ENTRIES];
}
