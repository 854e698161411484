/* SPDX-License-Identifier: Apache-2.0 */
/* Event ring: the newest entries of the log, in memory, for all who watch. Any number of them cost Redis nothing.
 *
 * It keeps entries only while somebody watches; an old one makes way for a new one when there are EVENT_RING_ENTRIES,
 * or EVENT_RING_BYTES of them. Entries are numbered as they came. One owner, one loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_entry.h"

#define EVENT_RING_ENTRIES 10000
#define EVENT_RING_BYTES (32 * 1024 * 1024)

struct event_ring;

/* The caller owns it: event_ring_free, which also frees its entries. */
struct event_ring *event_ring_new(void);
void event_ring_free(struct event_ring *ring);

/* Somebody begins or ends to watch. `read_to` is the log time up to which the log has been read: when the first one
 * begins, and when the last one ends, the ring is emptied, and goes on behind it. */
void event_ring_watch_begin(struct event_ring *ring, int64_t read_to);
void event_ring_watch_end(struct event_ring *ring, int64_t read_to);

/* Returns whether anybody watches. */
bool event_ring_is_watched(const struct event_ring *ring);

/* Empties the ring, which from then on takes only entries behind the log time `floor`. */
void event_ring_clear(struct event_ring *ring, int64_t floor);

/* Adds a copy of an entry, if anybody watches. Entries come in the order of log time. */
void event_ring_add(struct event_ring *ring, const struct log_entry *entry);

/* Tells the number of the first entry behind a log time. Returns false if the ring does not reach back that far. */
bool event_ring_enter(const struct event_ring *ring, int64_t after, uint64_t *ret_number);

/* Returns entry `number`, valid until the coroutine yields, or NULL behind the last. *ret_gone says whether the ring
 * has it no more. */
const struct log_entry *event_ring_at(const struct event_ring *ring, uint64_t number, bool *ret_gone);
