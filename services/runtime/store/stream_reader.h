/* SPDX-License-Identifier: Apache-2.0 */
/* Stream reader: reads several streams of one Redis as one, in log order.
 *
 * It reads by XREAD from a place of its own in each stream, merges what it has read (event_merge.h) and hands it out
 * entry by entry; what it hands out lives until it is released. XREAD, not XREADGROUP: reading by a group takes entries
 * out of it, and nothing can refuse that to a reader that was stopped and wakes up too late.
 *
 * While the owner handles what it has, the next entries can be read ahead. One owner, one loop. The functions that read
 * yield; only one of them may run at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "redis/redis.h"

struct stream_reader;
struct read_page;

/* An entry that was read; release it when it has been handled. */
struct read_entry {
  size_t stream; /* number of its stream */
  int64_t log_time;
  const struct redis_reply *entry; /* an element of an XREAD answer: id and fields */
  struct read_page *page;          /* the reader's */
};

/* The caller owns it. stream_reader_free also releases what was not handed out or not released; nothing may be being
 * read (stream_reader_await). NULL is allowed. */
struct stream_reader *stream_reader_new(void);
void stream_reader_free(struct stream_reader *reader);

/* Adds a stream, of which the entries after the id `after` will be read ("0-0" means all). Returns its number: streams
 * are numbered from 0 in the order in which they are added. The key is copied. A stream that is added later is read
 * once everything that was read before has been handed out. */
size_t stream_reader_add(struct stream_reader *reader, const char *key, const char *after);

/* Entries up to the id `after` will not be read any more; without effect if more has been read already. */
void stream_reader_skip(struct stream_reader *reader, size_t stream, const char *after);

/* Reads the next entries of all streams of which less than a page is held, if there are such; or tells what has come of
 * reading ahead, if that was begun since the last call. *ret_more says whether a stream may have more. The context's
 * arena gets the error, if there is one: those of redis_command. Yields. */
coroutine_fn struct status stream_reader_read(struct stream_reader *reader, struct redis *redis,
                                              const struct context *context, bool *ret_more);

/* Begins to read the next entries, in a coroutine of its own, if a stream may have more and less than a page of it is
 * held. What comes is handed out as soon as it is there. Yields until Redis has been asked. */
coroutine_fn void stream_reader_read_ahead(struct stream_reader *reader, struct redis *redis,
                                           const struct context *context);

/* The first returns whether that is under way, the second yields until it is over. */
bool stream_reader_reads_ahead(const struct stream_reader *reader);
coroutine_fn void stream_reader_await(struct stream_reader *reader);

/* The next entry in log order; false if there is none until the next read. */
bool stream_reader_next(struct stream_reader *reader, struct read_entry *ret_entry);
void read_entry_release(const struct read_entry *entry);

/* Returns the log time up to which everything has been read; `clock` as for event_merge_read_to. */
int64_t stream_reader_read_to(const struct stream_reader *reader, int64_t clock);

/* How many entries were read and not handed out yet. */
size_t stream_reader_held(const struct stream_reader *reader);

/* Returns whether everything that the latest read found has been handed out, and no stream had more. */
bool stream_reader_is_caught_up(const struct stream_reader *reader);

/* Waits until a stream has something that was not read yet, or for `ms`. `redis` is a connection for blocking commands.
 * Errors: those of redis_command. Yields. */
coroutine_fn struct status stream_reader_wait(const struct stream_reader *reader, struct redis *redis,
                                              const struct context *context, int64_t ms);
