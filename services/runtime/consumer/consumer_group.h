/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer group: lets the service's group in each of its streams show what has been applied, so that XINFO GROUPS
 * tells operators the lag, and whoever trims knows what is still needed. Nothing is read by it: the stored positions
 * decide (consumer.h). In another service's Redis there is none: it could not move in the same transaction as the
 * effects, and who reads there may write nothing. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "consumer/progress.h"
#include "loop/coroutine.h"

struct group_stream;

struct consumer_group {
  struct progress *progress;
  struct group_stream *streams; /* where the group is in each, as far as is known */
  struct group_stream *next;    /* where it will be once the transaction under way is done */
  int64_t moved_us;             /* when it was moved last (clock_monotonic_us) */
};

struct consumer_group consumer_group_of(struct progress *progress, struct arena *arena);

/* Says that the positions have just been loaded: the next move looks at all streams, and makes groups that are
 * missing. */
void consumer_group_begin(struct consumer_group *group);

/* When it will be time to move (clock_monotonic_us), at most 100 ms behind the positions; INT64_MAX if it is where they
 * are. */
int64_t consumer_group_due_us(const struct consumer_group *group);

/* Returns whether it may move again: not more often than every 100 ms, since nobody looks that closely. */
bool consumer_group_may_move(const struct consumer_group *group);

/* Adds to a transaction that the group moves to the positions, and beyond by `moved` (one for each stream; NULL means
 * nowhere). It should be the last change: whatever is wrong with a group then leaves no half of the others. */
void consumer_group_add(struct consumer_group *group, struct transaction *transaction, const struct stream_move *moved);

/* Says that this was done. Whoever does not say so adds it to a later transaction. */
void consumer_group_moved(struct consumer_group *group);

/* Stores the position, where commits of batches have not told it, and moves the group: a transaction for these alone.
 * At the beginning of a term that has to work where Redis is out of memory, too. Errors: as transaction_run;
 * LEASE_LOST. */
coroutine_fn struct status consumer_group_store(struct consumer_group *group, struct context *context, bool begins);
