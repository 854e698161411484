/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer group: lets the service's group in each of its streams show what has been applied, so that XINFO GROUPS
 * tells operators the lag, and whoever trims knows what is still needed. Nothing is read by it: the stored positions
 * decide (consumer.h). Threads: the loop's. */
#pragma once

#include <stdint.h>

#include "consumer/progress.h"
#include "loop/coroutine.h"

struct group_stream;

struct consumer_group {
  const struct progress *progress;
  struct group_stream *streams; /* where the group is in each, as far as is known */
  int64_t moved_us;             /* when it was moved last (clock_monotonic_us) */
};

struct consumer_group consumer_group_of(const struct progress *progress, struct arena *arena);

/* Says that the positions have just been loaded: the next move looks at all streams, and makes groups that are
 * missing. */
void consumer_group_begin(struct consumer_group *group);

/* When it will be time to move (clock_monotonic_us), at most 100 ms behind the positions; INT64_MAX if it is where they
 * are. */
int64_t consumer_group_due_us(const struct consumer_group *group);

/* Moves the group to the positions. Yields. Errors: LEASE_LOST; those of redis_command. */
coroutine_fn struct status consumer_group_move(struct consumer_group *group, struct context *context);
