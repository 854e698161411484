/* SPDX-License-Identifier: Apache-2.0 */
/* Operations: the record of what operators have done to a service, and who.
 *
 * The list `<service>_operations` has a line for each, the latest at its end: "<time> <tab> <by> <tab> <action> <tab>
 * <subject> <tab> <id> <tab> <reason>", with the time as Unix microseconds. It keeps the last 1,000. A line is written
 * together with what it tells of. Threads: the loop's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/transaction.h"

enum { OPERATIONS_MAX = 1000 };

/* All texts are set, and may be empty. Their control characters are replaced by blanks. */
struct operation {
  int64_t time_us; /* wall clock; set when it is recorded */
  const char *by, *action, *subject, *id, *reason;
};

/* The list's key, and the line that is appended for an operation that is done now. */
const char *operations_key(const struct event_store *store, struct arena *arena);
const char *operation_line(struct arena *arena, const struct operation *operation);

/* Adds it to a transaction. */
void operation_record(struct transaction *transaction, const struct operation *operation);

/* Reads the latest ones, `max` at most, the latest first. Yields. Errors: those of redis_command. */
coroutine_fn struct status operations_read(const struct event_store *store, struct context *context, size_t max,
                                           struct operation **ret_operations, size_t *ret_count);
