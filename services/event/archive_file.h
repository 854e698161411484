/* SPDX-License-Identifier: Apache-2.0 */
/* Archive file: a part of a log in a file of SQLite, which is written once and then only read.
 *
 *   segment  one row: which log, which part of it (after < log time <= until), who had it written, when and why
 *   stream   of each stream that was ever archived: how many entries the file has of it, and the last one that this
 * file or an earlier one has block    some entries of a stream (archive_block.h)
 *
 * All functions block: they are for loop/blocking.h. A file belongs to one thread at a time. Errors, of all:
 * UNAVAILABLE (ARCHIVE_UNAVAILABLE: the disk is full, the file can't be read, for instance), DATA_LOSS
 * (ARCHIVE_DAMAGED). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct archive_file;

struct archive_segment {
  const char *log; /* "" is the shop's */
  const char *epoch;
  int64_t after, until; /* log times */
  const char *by, *reason;
};

struct archive_stream {
  const char *name;
  int64_t entries; /* in the file */
  int64_t last;    /* log time of the last one that was archived, by this file or an earlier one; 0 if there is none */
};

struct archive_block {
  const char *stream;
  int64_t first, last; /* log times */
  size_t entries;
  const void *bytes;
  size_t size;
};

/* Closes it, whatever has become of it; NULL is allowed. */
void archive_file_close(struct archive_file *file);

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Makes a new file, in place of one of that name. */
struct status archive_file_create(struct arena *arena, const char *path, const struct archive_segment *segment,
                                  struct archive_file **ret_file);

struct status archive_file_add_block(struct archive_file *file, struct arena *arena, const struct archive_block *block);
struct status archive_file_add_stream(struct archive_file *file, struct arena *arena,
                                      const struct archive_stream *stream);

/* Ends the writing: when it has returned OK, all of the file is on the disk, but for its name in the folder. */
struct status archive_file_seal(struct archive_file *file, struct arena *arena);

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct status archive_file_open(struct arena *arena, const char *path, struct archive_file **ret_file);

/* Tells the streams, in the arena. */
struct status archive_file_streams(struct archive_file *file, struct arena *arena, struct archive_stream **ret_streams,
                                   size_t *ret_count);

/* Finds the block that would have the entry, in the arena; its `bytes` are NULL if there is none. */
struct status archive_file_find(struct archive_file *file, struct arena *arena, const char *stream, int64_t log_time,
                                struct archive_block *ret_block);

/* Has `visit` look at all blocks, as long as it returns OK; a block lives until it returns. */
struct status archive_file_each(struct archive_file *file, struct arena *arena,
                                struct status (*visit)(void *argument, const struct archive_block *block),
                                void *argument);
