/* SPDX-License-Identifier: Apache-2.0 */
/* Event merge: merges pages of several streams into one order, by log time, up to a watermark.
 *
 * XREAD's COUNT is per stream, so a backlog arrives skewed: a stream that gave a full page may have more before the
 * last entries of the others. An entry may be handed out only when every stream is known to have nothing before it: a
 * stream that gave less than a full page in the latest read is complete (all streams of a read are one snapshot, and
 * later entries are later in log time); one that gave a full page, or was not read because it still holds a page, is
 * complete up to its last entry, or up to where all were complete before. Pure logic, no I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct merge_entry {
  int64_t log_time;
  void *value; /* the caller's */
};

struct event_merge;

/* The caller owns it. */
struct event_merge *event_merge_new(size_t stream_count, size_t page_size);
void event_merge_free(struct event_merge *merge);

/* Returns whether the next read must ask for the stream: it must if less than a page of it is held. */
bool event_merge_wants(const struct event_merge *merge, size_t stream);

/* Adds an entry that was read. Those of a stream are added in its order. */
void event_merge_add(struct event_merge *merge, size_t stream, int64_t log_time, void *value);

/* Says that the read is over: `read[i]` tells whether stream i was asked, `full[i]` whether it gave a full page. */
void event_merge_read_done(struct event_merge *merge, const bool *read, const bool *full);

/* Returns the log time up to which all streams are known to have been read. `clock` is what the log's clock was when
 * the latest read began: at its end, later entries are later than that. Where there is no stream there is nothing to
 * read before it. */
int64_t event_merge_read_to(const struct event_merge *merge, int64_t clock);

/* Hands out the next entry in log order at or below the watermark. Returns false if there is none until the next
 * read. */
bool event_merge_next(struct event_merge *merge, struct merge_entry *ret_entry, size_t *ret_stream);

/* Returns true when nothing is held and every stream was complete in the latest read. */
bool event_merge_is_caught_up(const struct event_merge *merge);

/* How many entries are held. */
size_t event_merge_held(const struct event_merge *merge);
