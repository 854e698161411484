/* SPDX-License-Identifier: Apache-2.0 */
/* Progress: how far this service has applied the log, by its stored positions, and whether it goes on.
 *
 * Stored in the hash `<service>_position`: `log` (everything up to it has been applied), `epoch` (of the log), and for
 * each stream the id of the last entry that was applied. The leader moves it together with the effects; the replicas
 * that stand by read it. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/leader.h"
#include "consumer/subscription.h"
#include "loop/coroutine.h"
#include "store/log_time.h"
#include "store/transaction.h"

struct progress_stream {
  const struct subscribed_stream *subscribed;
  const char *key;
  int64_t position;            /* log time of the last entry applied */
  char applied[ENTRY_ID_SIZE]; /* its id; "0-0" if there is none */
  size_t applied_count;        /* entries applied since the positions were loaded */
  size_t gap_count;            /* gaps skipped since then */
};

/* What a transaction applies of a stream, beyond what has been applied. */
struct stream_move {
  const char *last; /* id of the last entry; NULL means none */
  size_t count;     /* entries */
};

struct progress {
  struct event_store *store;
  const struct leader *leader;
  const char *key;
  struct progress_stream *streams;
  size_t stream_count;
  struct position position; /* everything up to it has been applied, as far as this replica knows */
  int64_t accepted_loss;    /* an operator has accepted that the log lacks entries up to it; 0 if there is none */
  int64_t stored_log;       /* as Redis has it */
  int64_t stored_us;        /* when it was stored (clock_monotonic_us) */
  bool begun;               /* Redis has said who handles the events, and if it is this replica, it has begun to */
  bool loaded;              /* what is stored was taken up in the present term */
  char halt_reason[512];    /* see progress_halt_reason; it may name two keys, whose prefix may have 64 characters */
  uint64_t events;          /* handled by this replica, dead letters included */
  struct condition moved;   /* signalled when `position` has moved */
};

/* `leader` must live as long as the result. */
struct progress progress_of(const struct leader *leader, struct arena *arena, const struct subscription *subscriptions,
                            size_t count);

/* Reads the stored positions. Yields. */
coroutine_fn struct status progress_load(struct progress *progress, struct context *context);

/* Returns whether this replica handles the events: then `position` is what it has taken up in its term, and what it has
 * applied since. */
bool progress_is_current(const struct progress *progress);

/* Returns why the consumer waits for an operator; "" if it doesn't, or if another replica handles the events, which
 * then says so itself. */
const char *progress_halt_reason(const struct progress *progress);

/* Notes that an entry of the stream has been applied. */
void progress_applied(struct progress *progress, struct progress_stream *stream, const char *entry_id,
                      int64_t log_time);

/* Notes that entries of the stream up to `log_time` are gone and will not be waited for. */
void progress_skip_gap(struct progress_stream *stream, struct arena *arena, int64_t log_time);

/* Notes that everything up to `log_time` has been applied: those who wait for it go on. */
void progress_moved_to(struct progress *progress, int64_t log_time);

/* Adds to a transaction what will be stored: everything up to `log_time`, which may be behind the position, and where
 * each stream, number i, has moved to by moved[i]. `moved` NULL means no stream has. */
void progress_add(const struct progress *progress, struct transaction *transaction, int64_t log_time,
                  const struct stream_move *moved);

/* Notes that what was added last is stored now. */
void progress_stored(struct progress *progress, int64_t log_time);
