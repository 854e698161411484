/* SPDX-License-Identifier: Apache-2.0 */
/* Archive intake: takes into the index what it lacks of the archive, before the logs are read on behind that. This is
 * so where the index is made anew, or is older than the archive. Threads: the loop's. */
#pragma once

#include <stdbool.h>

#include "archive.h"
#include "base/arena.h"
#include "base/status.h"
#include "index_writer.h"
#include "log_progress.h"
#include "log_streams.h"
#include "loop/coroutine.h"

/* Returns whether the archive has more of a log than was read of it. */
bool archive_intake_lacks(struct archive *archive, const struct log_progress *progress);

/* Takes that in, file by file; what was taken in before an error stays. Errors: those of archive.h and
 * event_index_add. */
coroutine_fn struct status archive_intake(struct archive *archive, struct log_streams *streams,
                                          struct log_progress *progress, struct index_writer *writer,
                                          struct arena *arena);
