/* SPDX-License-Identifier: Apache-2.0 */
/* Archive catalog: which files an archive has (archive.h), and what was archived last of each stream. It does not
 * change once it is read. Reading it blocks; otherwise any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct archive_catalog;

/* A file. */
struct archive_part {
  const char *name; /* in the folder */
  const char *log;
  int64_t after, until; /* log times: it has what is after < log time <= until */
};

/* Reads the folder; "" has no files. The caller owns the result. Errors: those of archive_file.h, also DATA_LOSS
 * (ARCHIVE_DAMAGED) where a file is missing. */
struct status archive_catalog_read(struct arena *arena, const char *folder, struct archive_catalog **ret_catalog);

/* NULL is allowed. */
void archive_catalog_free(struct archive_catalog *catalog);

/* The name of the file that has that part of a log. */
const char *archive_part_name(struct arena *arena, const char *log, int64_t after, int64_t until);

/* The log time up to which the log is archived; 0 if nothing of it is. */
int64_t archive_catalog_until(const struct archive_catalog *catalog, const char *log);

/* The log time of the last entry of a stream that was archived; 0 if there is none. */
int64_t archive_catalog_last(const struct archive_catalog *catalog, const char *log, const char *stream);

/* Stream `number` of those that were ever archived of the log; NULL behind the last. */
const char *archive_catalog_stream(const struct archive_catalog *catalog, const char *log, size_t number);

/* The log's first file that reaches beyond `after`; NULL if there is none. */
const struct archive_part *archive_catalog_behind(const struct archive_catalog *catalog, const char *log,
                                                  int64_t after);
