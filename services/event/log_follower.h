/* SPDX-License-Identifier: Apache-2.0 */
/* Log follower: the one reader of the logs. It reads all streams, merged in the order of log time
 * (store/logs_reader.h), and takes what it reads into the index (index_writer.h), then into the ring (event_ring.h):
 * whoever hears of an entry finds it. What the index lacks of the archive it takes in first (archive_intake.h).
 *
 * While it has nothing to read, one listener for each log waits in that log's Redis, and wakes it. While entries keep
 * coming, it lets them gather: it reads within 100 ms, or within 10 ms while somebody watches, and at once if somebody
 * waits for what it has not read (log_follower_hurry). If the logs turn out to be others than those that were read, or
 * the index is damaged, it empties the index and reads all anew. After a failure it tries again by itself. Threads: the
 * loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "archive.h"
#include "base/context.h"
#include "event_ring.h"
#include "index_writer.h"
#include "log_progress.h"
#include "log_streams.h"
#include "loop/coroutine.h"
#include "loop/loop.h"

struct log_follower;

/* What it works on; all is borrowed, and must live until log_follower_stop has returned. It alone adds streams, moves
 * the progress, and writes the index. */
struct log_follower_parts {
  struct log_streams *streams;
  struct log_progress *progress;
  struct index_writer *writer;
  struct event_ring *ring;
  struct archive *archive;
};

/* Begins to read behind the progress, which is checked against the logs first. */
struct log_follower *log_follower_start(struct loop *loop, const struct log_follower_parts *parts);

/* Ends that, and frees it. Yields until nothing of it runs any more. */
coroutine_fn void log_follower_stop(struct log_follower *follower);

/* Why the log can't be followed, since the index can't be written or the archive is not as it must be, "" if it can;
 * valid until the coroutine yields. log_follower_trouble_reason is the reason, for errors. */
const char *log_follower_trouble(const struct log_follower *follower);
const char *log_follower_trouble_reason(const struct log_follower *follower);

/* Grows each time that the logs turn out to be others than were read. */
uint64_t log_follower_lives(const struct log_follower *follower);

/* Signalled when the progress or the lives change. */
struct condition *log_follower_moved(struct log_follower *follower);

/* Somebody has begun to watch: has it look at that. */
void log_follower_wake(struct log_follower *follower);

/* Somebody waits for what has not been read yet: has it read at once. */
void log_follower_hurry(struct log_follower *follower);

/* Yields until what gathered has been read, if it lets entries gather now; for 100 ms at most. */
coroutine_fn void log_follower_await_gathered(struct log_follower *follower, const struct context *context);

/* Somebody has found that the index is damaged: has it made anew after the next read. */
void log_follower_note_damage(struct log_follower *follower);
