/* SPDX-License-Identifier: Apache-2.0 */
/* Archive: the oldest part of the logs, in a folder of files that are never changed (archive_file.h).
 *
 * A file is named by the part of a log that it has, `<log>_<after>_<until>.sqlite`; the parts of a log begin at 0-0 and
 * follow each other without a gap. A file gets its name when it is whole and on the disk, so whoever dies while writing
 * leaves a file that nobody reads, and the next writer removes. Several processes may read a folder while one writes:
 * a lock in it sees to that.
 *
 * Without a folder nothing is kept, and nothing is found. Any thread; functions that say so block, and are for
 * loop/blocking.h. Errors, of all: those of archive_file.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive_file.h"
#include "base/arena.h"
#include "base/status.h"
#include "redis/redis_reply.h"

struct archive;

/* Opens the folder, which is made where it is missing; "" means that none is kept. The caller owns the result:
 * archive_close. Blocks. Errors, beside those above: INVALID_ARGUMENT (ARCHIVE_UNAVAILABLE: the folder can't be used).
 */
struct status archive_open(struct arena *arena, const char *folder, struct archive **ret_archive);
void archive_close(struct archive *archive);

/* Whether there is a folder. */
bool archive_is_kept(const struct archive *archive);

/* Notes that an operator gives up what a folder that is lost had, up to the entry with that id; "" means nothing. The
 * text must outlive the archive. */
void archive_give_up(struct archive *archive, const char *until);

/* Returns what archive_give_up has noted. */
const char *archive_given_up(const struct archive *archive);

/* Sees what others have written since it looked last. Blocks. */
struct status archive_refresh(struct archive *archive, struct arena *arena);

/* The log time up to which the log is archived; 0 if nothing of it is. */
int64_t archive_until(struct archive *archive, const char *log);

/* The log time of the last entry of a stream that was archived; 0 if there is none. */
int64_t archive_last(struct archive *archive, const char *log, const char *stream);

/* Stream `number` of those that were ever archived of the log, in the arena; NULL behind the last. */
const char *archive_stream_name(struct archive *archive, struct arena *arena, const char *log, size_t number);

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct archive_place {
  const char *log, *stream;
  int64_t log_time;
  const struct redis_reply *entry; /* to be found: as XRANGE tells it, in the arena; NULL if it is not archived */
};

/* Reads the entries of these places. Blocks. */
struct status archive_read(struct archive *archive, struct arena *arena, struct archive_place *places, size_t count);

/* Has `visit` look at all entries of the log's first file that has some behind `after`, stream by stream, as long as it
 * returns OK; an entry lives until it returns. *ret_until is the log time up to which the file reaches; `after` if
 * there is no such file. Blocks. */
struct status archive_each(struct archive *archive, struct arena *arena, const char *log, int64_t after,
                           struct status (*visit)(void *argument, const char *stream, const struct redis_reply *entry),
                           void *argument, int64_t *ret_until);

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Becomes the folder's only writer until archive_unlock, and sees what others have written, which is there even if the
 * machine loses its power. Blocks. Errors, beside
 * those above: FAILED_PRECONDITION (ARCHIVE_UNDER_WAY: another process is). */
struct status archive_lock(struct archive *archive, struct arena *arena);
void archive_unlock(struct archive *archive);

/* Returns the path, in the arena, at which the next file is to be made. */
const char *archive_next_path(const struct archive *archive, struct arena *arena);

/* Takes the file at that path, which is sealed and closed, into the archive as its part (after, until] of a log. When
 * it has returned OK, the file is there even if the machine loses its power. Blocks. */
struct status archive_add(struct archive *archive, struct arena *arena, const char *log, int64_t after, int64_t until);
