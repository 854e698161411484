/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the tail share (event_tail.h); for these only.
 *
 *   event_tail.c          the course: connect, find the beginning, read, hand out, wait
 *   event_tail_streams.c  which streams there are
 *   event_tail_read.c     from Redis into the merge, and out of it */
#pragma once

#include "client/cli/events/event_tail.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "store/event_merge.h"

enum { TAIL_PAGE = 256, TAIL_CALL_US = 5000000 };

struct tailed_stream {
  const char *name;
  const char *key;
  char read_to[44]; /* id of the last entry read */
};

struct event_tail {
  const struct event_tail_options *options;
  struct arena *arena; /* of names and of the result */
  struct loop *loop;
  struct redis *redis;
  struct status result;

  char begin[44]; /* id of the entry behind which reading begins */
  struct tailed_stream *streams;
  size_t stream_count, stream_capacity;
  const char *scan_cursor;
  int64_t scanned_us; /* when the latest scan was over; 0: none was */

  struct event_merge *merge; /* of the first `merged` streams */
  size_t merged;
  bool ended; /* `show` wants no more */
};

/* ---- event_tail_streams.c ---- */

/* The streams that were asked for, or those of the contract, which need not exist yet. */
void tail_name_streams(struct event_tail *tail);

/* A step of the search for streams beyond the contract; each takes little of Redis' time, however many keys there are.
 * Parks. */
struct status tail_scan_step(struct event_tail *tail);

/* The search goes through all keys once at the beginning, then again and again with pauses. */
bool tail_scan_is_due(const struct event_tail *tail);

/* ---- event_tail_read.c ---- */

/* Reads the next entries of all streams and shows what is in order. *ret_more: there is more to read at once. Parks. */
struct status tail_read(struct event_tail *tail, bool *ret_more);
void tail_read_end(struct event_tail *tail);

/* Parks until a stream has something new or `ms` have passed. */
struct status tail_block(struct event_tail *tail, int64_t ms);
