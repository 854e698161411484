/* SPDX-License-Identifier: Apache-2.0 */
/* Replica barrier: lets an answer go out only when enough replicas of Redis have what it tells.
 *
 * A replica that takes over lacks what the master had not sent it yet, and a caller may have been told of that. So
 * between the end of a command's handler and its answer there is a barrier: a write on a connection of its own, and
 * WAIT behind it. A replica that has this write has all that the server did before, whoever asked for it, also what an
 * earlier try of the same command has done. One barrier is under way at a time; all who come meanwhile share the next,
 * and no commit waits for any. Behind WAIT the server's INFO tells whether it has the same data still
 * (redis/redis_server.h): it might have become a replica, and a master again, meanwhile. tests/model/replica_barrier.py
 * says what each of these is for.
 *
 * Where the server can tell what replicas have on their disks, that counts (WAITAOF: Redis 7.2 and later, with an
 * append-only file, for users who may); otherwise what they have in memory.
 *
 * Once a barrier has found too few replicas, the next one follows at once, until there are enough; then all is as
 * before. While nobody calls, there is one a second. Threads: the loop's. */
#pragma once

#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "redis/redis.h"

struct event_store;
struct replica_barrier;

/* What becomes of commands while too few replicas have what was written. */
enum replicas_missing {
  REPLICAS_REFUSE, /* they are UNAVAILABLE */
  REPLICAS_WARN,   /* they are answered as if no replicas were asked for, which log and status say */
};

struct replica_barrier_options {
  int64_t replicas; /* at least 1 */
  enum replicas_missing missing;
};

/* Opens the connection, as `connection` says, and starts its coroutine. Errors: as redis_open. */
struct status replica_barrier_start(struct loop *loop, struct arena *arena, struct event_store *store,
                                    const struct redis_options *connection,
                                    const struct replica_barrier_options *options,
                                    struct replica_barrier **ret_barrier);

/* Closes the connection, and yields until the coroutine has ended. Those who wait are UNAVAILABLE. */
coroutine_fn void replica_barrier_stop(struct replica_barrier *barrier);

/* In all of the following, a barrier that is NULL lets everything through. */

/* To be asked before a command begins, whose context then stays in the present era (redis/redis_server.h). Errors:
 * UNAVAILABLE (REPLICAS_MISSING; REDIS_UNREACHABLE): it must not begin. */
struct status replica_barrier_admit(struct replica_barrier *barrier, struct context *context);

/* Yields until enough replicas have all that has been written, by anybody, before this call. Errors, all of which leave
 * open what becomes of it: UNAVAILABLE (REPLICAS_MISSING: they don't have it within a second, on their disks within
 * three more; REDIS_UNREACHABLE: the connection broke, or the server, or its data, is not that of the context's era any
 * more), DEADLINE_EXCEEDED, and those of redis_command. */
coroutine_fn struct status replica_barrier_pass(struct replica_barrier *barrier, struct context *context);

/* Why commands are refused; "" if they aren't. */
const char *replica_barrier_reason(const struct replica_barrier *barrier);

/* What log and status say where commands are answered nevertheless; "" if there is nothing to say. */
const char *replica_barrier_warning(const struct replica_barrier *barrier);

/* Whether an answer may be given that no replica has. */
bool replica_barrier_lets_through(const struct replica_barrier *barrier);

/* As redis_denial, of its connection. */
const char *replica_barrier_denial(const struct replica_barrier *barrier);
