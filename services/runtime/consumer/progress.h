/* SPDX-License-Identifier: Apache-2.0 */
/* Progress: how far this service has applied the logs that it follows, by its stored positions, and whether it goes on.
 *
 * Mostly there is one log, in the service's own Redis. Those of services that have a Redis of their own are others
 * (store/positions.h), read where they lie; positions are stored in the service's own Redis all the same.
 *
 * Stored in the hash `<service>_position`: `log` (everything up to it has been applied), `epoch` (of the log), and for
 * each stream the id of the last entry that was applied; of another log `log:<its name>` and `epoch:<its name>`, and
 * for each of its streams `count:<stream>`, how many entries were applied: no consumer group there can tell. The leader
 * moves it together with the effects; the replicas that stand by read it. Threads: the loop's. */
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
#include "store/positions.h"
#include "store/transaction.h"

struct stream_sight; /* store/known_log.h */

/* Where the streams of another service lie. */
struct log_owner {
  const char *name;          /* the service's */
  struct event_store *store; /* only reads there; owners in the same Redis have the same store */
};

/* A log that the service follows. */
struct progress_log {
  struct event_store *store;
  bool is_foreign;       /* not in the service's own Redis */
  const char *log_field; /* its fields in the hash */
  const char *epoch_field;
  const char *accepted_field;
  struct position position; /* everything up to it has been applied, as far as this replica knows */
  int64_t accepted_loss;    /* an operator has accepted that entries up to it are missing; 0 if none are */
  int64_t stored;           /* how far the position is, as Redis has it */
};

struct progress_stream {
  const struct subscribed_stream *subscribed;
  const char *key;
  size_t log;                  /* number of its log */
  int64_t position;            /* log time of the last entry applied */
  char applied[ENTRY_ID_SIZE]; /* its id; "0-0" if there is none */
  size_t applied_count;        /* entries applied since the positions were loaded */
  size_t gap_count;            /* gaps skipped since then */
  int64_t count;               /* of a foreign log: entries applied ever */
  int64_t stored_count;        /* as Redis has it */
};

/* What a transaction applies of a stream, beyond what has been applied. */
struct stream_move {
  const char *last; /* id of the last entry; NULL means none */
  size_t count;     /* entries */
};

/* A place in the merged order of the logs: the entry of the log `log` with that log time. */
struct progress_place {
  size_t log;
  int64_t log_time;
  bool is_shared; /* the next entry has the same log time: two streams of a log may, if it was made of several logs */
};

struct progress {
  struct event_store *store; /* the service's own */
  const struct leader *leader;
  const char *key;
  struct progress_log *logs; /* the one in the own Redis comes first, if the service follows it */
  size_t log_count;
  struct progress_stream *streams;
  size_t stream_count;
  int64_t stored_us;      /* when positions were stored (clock_monotonic_us) */
  bool begun;             /* Redis has said who handles the events, and if it is this replica, it has begun to */
  bool loaded;            /* what is stored was taken up in the present term */
  char halt_reason[512];  /* see progress_halt_reason; it may name two keys, whose prefix may have 64 characters */
  uint64_t events;        /* handled by this replica, dead letters included */
  struct condition moved; /* signalled when a position has moved */
};

/* `leader` must live as long as the result. The streams of subscriptions whose owner is among `owners` lie in that
 * one's store, all others in the leader's. */
struct progress progress_of(const struct leader *leader, struct arena *arena, const struct subscription *subscriptions,
                            size_t count, const struct log_owner *owners, size_t owner_count);

/* Reads the stored positions. Yields. */
coroutine_fn struct status progress_load(struct progress *progress, struct context *context);

/* Reads how far the logs were applied, as it is stored, one for each log, and changes nothing. Yields. */
coroutine_fn struct status progress_read(const struct progress *progress, struct context *context,
                                         struct position *ret_positions);

/* Returns whether this replica handles the events: then positions are what it has taken up in its term, and what it has
 * applied since. */
bool progress_is_current(const struct progress *progress);

/* Returns why the consumer waits for an operator; "" if it doesn't, or if another replica handles the events, which
 * then says so itself. */
const char *progress_halt_reason(const struct progress *progress);

/* The field that says how far the log in `of` has been applied, in the hash of the service whose own store is `own`. */
const char *progress_log_field(struct arena *arena, const struct event_store *own, const struct event_store *of);

/* The number of the log in which the streams of a service lie, by its name in the subscriptions; NULL means the
 * service's own. The first log if it follows none of these. */
size_t progress_log_of(const struct progress *progress, const char *owner);

/* Returns whether events of other Redises' logs lead to what is done in the service's own. */
bool progress_has_foreign(const struct progress *progress);

/* Looks at the streams of log number `log`. *ret_sights, one for each, in the order of `streams`, lives in the
 * context's arena. With `groups` it also looks at the service's group, where the log lies in the service's own Redis.
 * Errors: those of redis_command. */
coroutine_fn struct status progress_look(const struct progress *progress, size_t log, bool groups,
                                         const struct context *context, const struct stream_sight **ret_sights);

/* The store in which a stream of that name lies: where its entries can be read. The service's own if it follows none of
 * that name. */
struct event_store *progress_store_of(const struct progress *progress, const char *stream);

/* Notes that an entry of the stream has been applied. */
void progress_applied(struct progress *progress, struct progress_stream *stream, const char *entry_id,
                      int64_t log_time);

/* Notes that entries of the stream up to `log_time` are gone and will not be waited for. */
void progress_skip_gap(struct progress_stream *stream, struct arena *arena, int64_t log_time);

/* Notes that everything of that log up to `log_time` has been applied: those who wait for it go on. */
void progress_moved_to(struct progress *progress, size_t log, int64_t log_time);

/* Notes that everything up to that entry, in the merged order, has been applied. */
void progress_moved_past(struct progress *progress, const struct progress_place *place);

/* Returns whether positions, or counts, have moved since they were stored. */
bool progress_is_unstored(const struct progress *progress);

/* Adds to a transaction what will be stored: everything up to `place`, which may be behind the positions (NULL means
 * where they are), and where each stream, number i, has moved to by moved[i]. `moved` NULL means no stream has. */
void progress_add(struct progress *progress, struct transaction *transaction, const struct progress_place *place,
                  const struct stream_move *moved);

/* Notes that what was added last is stored now. */
void progress_stored(struct progress *progress);
