/* SPDX-License-Identifier: Apache-2.0 */
/* Log check: finds out whether the log is whole, as far as the stored positions tell: it must be of their epoch and not
 * shorter than they are, and no entry may have been removed before it was applied. Entries at or below a stream's
 * position may be gone. What this process itself has seen of the log is checked by known_log. Threads: the loop's. */
#pragma once

#include "consumer/progress.h"
#include "loop/coroutine.h"
#include "store/log_loss.h"

/* Checks the log at the beginning of a term. A service without positions begins at this log, and one for which an
 * operator has accepted a gap goes on after it. Errors: FAILED_PRECONDITION (LOG_RESET; LOG_GAP); those of
 * redis_command. Yields. */
coroutine_fn struct status log_check(struct progress *progress, struct context *context);

/* Checks, when all has been read, that no entry was removed meanwhile. Errors: as above. Yields. */
coroutine_fn struct status log_check_streams(struct progress *progress, struct context *context);

/* Adds all that is missing of the log of that number by the stored positions, which `progress` has loaded. Errors:
 * those of redis_command. Yields. */
coroutine_fn struct status log_check_find(struct progress *progress, size_t number, struct context *context,
                                          struct log_losses *losses);
