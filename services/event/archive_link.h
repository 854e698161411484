/* SPDX-License-Identifier: Apache-2.0 */
/* Archive link: whether archive and log belong together.
 *
 * Of each stream the last entry that was archived stays in Redis (archive_trim in archive_part.h): where it is missing,
 * the archive is of another log, or the log has lost its end. And Redis keeps a record of how far the archive was when
 * something was trimmed, in the string `event_archive`: where the archive does not reach that far, the folder is not
 * the one that it was, and what has left Redis is not there. The model is tests/model/archive.py. Threads: the loop's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "archive.h"
#include "base/context.h"
#include "base/status.h"
#include "log_streams.h"
#include "loop/coroutine.h"

/* Checks log number `log`; `context` is for it. *ret_given_up becomes true where an operator has given up what is lost
 * (archive_give_up), until archive_link_give_up has recorded that: the index may name events that nobody has any more.
 * NULL: nothing is given up. Errors: FAILED_PRECONDITION (ARCHIVE_LOST, ARCHIVE_MISMATCH), those of archive_refresh and
 * redis_command. */
coroutine_fn struct status archive_link_check(struct archive *archive, const struct log_streams *streams, size_t log,
                                              struct context *context, bool *ret_given_up);

/* Records that nothing is missing any more of the log in `store`: Redis keeps how far the archive is that there is now.
 * To be called when no index names what is given up; a death before that leaves all as it was. Errors: those of
 * redis_command. */
coroutine_fn struct status archive_link_give_up(struct archive *archive, struct event_store *store,
                                                struct context *context);

/* Records how far the archive of the log in `store` is. To be called before anything is trimmed. Errors: those of
 * redis_command. */
coroutine_fn struct status archive_link_record(struct archive *archive, struct event_store *store,
                                               struct context *context);
