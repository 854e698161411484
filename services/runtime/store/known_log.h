/* SPDX-License-Identifier: Apache-2.0 */
/* Known log: what this process has seen of the shop's log, to notice when Redis comes back without it.
 *
 * A Redis that was restored from an older file, or that took over without the last writes, looks like any other to a
 * process that has just started. One that ran before knows the latest log time that it was told, its epoch, and the
 * last entries of each stream that it appended or applied. These are compared with the log before the first append on
 * every connection, and once a second (store_watch.h). When something is missing, the log has lost it: the service is
 * not ready, its consumer halts, and nothing is appended on a fresh connection, until what was missing is there again,
 * an operator accepts the loss, or the process ends.
 *
 * An operator accepts a loss (service/log_service.h), which is stored in the hash `<service>_position`: as a field
 * `accepted` with a log time that is not before what is missing; or, where only the epoch is another, by setting the
 * field `epoch` to the present one. A replica of
 * Redis that took over may lack the clock's last ticks, which are not entries: in that case only entries count. A Redis
 * that was emptied altogether (nothing in it is older than the last look) counts as a fresh shop: the process begins
 * with it and logs that.
 *
 * Where answers wait for replicas of Redis (replica_barrier.h), nobody was told of what these don't have, and no mail
 * was sent for it. So only that counts which they are known to have: a replica that takes over without the last of what
 * the process has seen goes on with it, and the log says what is gone. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "redis/redis_arguments.h"
#include "store/log_loss.h"
#include "store/log_time.h"

struct event_store;
struct known_log;

struct known_log *known_log_new(struct event_store *store, struct arena *arena);
void known_log_free(struct known_log *known);

/* Notes that the log has been said to reach as far as `position`. */
void known_log_saw(struct known_log *known, const struct position *position);

/* Notes that this process has appended the entry to a stream of its own, or applied it. */
void known_log_appended(struct known_log *known, const char *stream_key, int64_t log_time);
void known_log_applied(struct known_log *known, const char *stream_key, const char *entry_id);

/* The first notes that replicas of Redis are about to be asked whether they have all that is known now, the second that
 * they have it, of the same server. */
void known_log_asks_replicas(struct known_log *known);
void known_log_is_on_replicas(struct known_log *known);

/* Returns OK unless the log that a fresh connection met lacks something that is known. Mostly it need not ask Redis.
 * Errors: UNAVAILABLE (LOG_RESET: what is missing and what to do; or those of redis_command). */
coroutine_fn struct status known_log_check(struct known_log *known, struct context *context);

/* Compares the log with what is known, and looks whether an operator has accepted a loss. Errors: those of
 * redis_command. */
coroutine_fn struct status known_log_look(struct known_log *known, struct context *context);

/* What is missing and what to do; "" means nothing. */
const char *known_log_loss(const struct known_log *known);

/* The same in parts, until the loop turns; NULL means nothing. */
const struct log_loss *known_log_lost(const struct known_log *known);

/* How far this process has seen the log; its epoch is "" if it has seen nothing. */
const struct position *known_log_end(const struct known_log *known);

/* Tells, one after another, the streams that this process has appended to or applied, each with the id of the last
 * entry
 * ("": it has forgotten which). *ret_stream_key is the stream before, NULL for the first one. Returns false behind the
 * last one. */
bool known_log_next(const struct known_log *known, const char **ret_stream_key, const char **ret_id);

/* What a stream holds, and what it held before somebody trimmed it or deleted entries. */
struct stream_sight {
  bool exists;          /* if not, all else is empty */
  const char *first;    /* id of the first entry; "" if there is none */
  const char *last;     /* id of the last entry that was ever added; "0-0" if there is none */
  const char *deleted;  /* the highest id that was deleted one by one; "0-0" if there is none. Trimming doesn't count */
  int64_t added;        /* how many entries were ever added */
  int64_t length;       /* how many entries it holds */
  const char *group_at; /* how far the service's consumer group is; "" means there is no group */
  int64_t group_read;   /* how many entries were ever added up to there; -1 if unknown */
};

/* Looks at `keys->count` streams; *ret_sights, one for each, lives in the context's arena. With `groups` it also looks
 * at the service's group in each, which the user needs the right to do. Errors: as redis_command. */
coroutine_fn struct status streams_look(struct event_store *store, struct context *context,
                                        const struct redis_arguments *keys, bool groups,
                                        const struct stream_sight **ret_sights);

/* Adds the keys of all streams that there are. It looks at all keys, so it is for rare occasions. */
coroutine_fn struct status streams_find(struct event_store *store, struct context *context,
                                        struct redis_arguments *keys);
