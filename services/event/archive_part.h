/* SPDX-License-Identifier: Apache-2.0 */
/* Archive part: takes a part of a log out of Redis into a file of the archive.
 *
 * In this order: the file is written, entry by entry as the index names them and Redis tells them; it is synced to the
 * disk; it gets its name in the archive, which is synced; Redis is told how far the archive is (archive_link.h), and
 * then to trim the streams up to the last entry that the archive has of them. An end before the name is there leaves
 * all in Redis, an end after it leaves some of it in both, which whoever reads tells once, since a place of the index
 * is read from Redis if it is there and else from the archive. Who comes next trims what was left. The archive must be
 * locked (archive_lock). Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive.h"
#include "base/context.h"
#include "base/status.h"
#include "event_log.h"
#include "loop/coroutine.h"

enum { ARCHIVE_PART_EVENTS = 50000 }; /* in a file */

struct archive_part_request {
  struct event_log *log;
  size_t number;           /* of the log */
  int64_t until;           /* log time: no entry behind it is archived */
  const char *by, *reason; /* for the record */
};

/* Writes the next part of the log, of one UTC day at most; *ret_events is 0 and nothing is written if there are no
 * events. *ret_more says whether there are more of them. Errors: those of archive.h and redis_command;
 * FAILED_PRECONDITION (ARCHIVE_MISMATCH: streams and index differ). */
coroutine_fn struct status archive_part_write(const struct archive_part_request *request, struct context *context,
                                              size_t *ret_events, bool *ret_more);

/* Has Redis trim the log's streams up to what is archived; the last entry that the archive has of a stream stays.
 * Streams in which a service's own entities lie are left alone, and so are those of services of one's own. *ret_trimmed
 * is how many entries went. Errors: those of redis_command. */
coroutine_fn struct status archive_trim(struct event_log *log, size_t number, struct context *context,
                                        int64_t *ret_trimmed);
