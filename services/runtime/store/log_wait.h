/* SPDX-License-Identifier: Apache-2.0 */
/* Log wait: waits for entries of one log beside those for others, each on a connection of its own. Who waits for
 * several logs goes on when one of them has something; the waits for the others stay as they are, so that each event
 * costs one block, not one for each Redis. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/store_connections.h"
#include "store/stream_reader.h"

/* A zero-initialised one, with these three set, is not under way. They must live until it has ended. */
struct log_wait {
  const struct stream_reader *reader;
  struct event_store *store;
  struct condition *ended; /* signalled when it has ended */
  /* private */
  bool under_way;
  bool is_over; /* and nobody was told yet how it has ended */
  int64_t ms;
  struct context context;
  struct status status;
};

/* Begins it, unless it is under way or over: for `ms`, in the era of Redis that is given. */
void log_wait_begin(struct log_wait *wait, uint64_t redis_era, int64_t ms);

/* Returns whether it is over, once for each time. Then *ret_status is what stream_reader_wait has told, in `arena`. */
bool log_wait_is_over(struct log_wait *wait, struct arena *arena, struct status *ret_status);

/* Ends it: yields until it is over. A Redis that allows no CLIENT UNBLOCK is waited for. */
coroutine_fn void log_wait_end(struct log_wait *wait);
