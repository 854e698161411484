/* SPDX-License-Identifier: Apache-2.0 */
/* Event store: a service's view of the shop's log in one Redis.
 *
 * Holds the connections (by purpose, so that nothing slow is in front of a command), the Redis functions, the service's
 * name and the latest log time seen. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/brand.h"
#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "redis/redis_function.h"
#include "store/replica_barrier.h"
#include "store/store_connections.h"

struct event_store_options {
  const struct brand *brand; /* of the clock's key and of the functions' library */
  const char *service;
  const char *log; /* name of the log that is in this Redis (positions.h); NULL means the shop's */
  const char *redis_url;
  const char *redis_password;                    /* NULL if there is none */
  const char *sentinel_user, *sentinel_password; /* likewise */
  struct tls_client *redis_tls;                  /* see redis_options.tls */
  const char *key_prefix;
  int64_t request_seconds;
  bool subscribes;                        /* opens the blocking connection */
  int64_t replicas;                       /* of Redis that must have what a command is told; 0 means none */
  enum replicas_missing replicas_missing; /* what becomes of commands where there are fewer */
  bool reads_only; /* the user in Redis may write nothing: nothing is tried, nor is the clock made */
};

/* Opens the connections in the background. Errors: INVALID_ARGUMENT. */
struct status event_store_open(struct loop *loop, struct arena *arena, const struct event_store_options *options,
                               struct event_store **ret_store);
/* Yields until nothing of it runs any more. */
coroutine_fn void event_store_close(struct event_store *store);

/* What the log lacks that this process has seen in it (known_log.h), and what to do; "" means nothing. */
const char *event_store_loss(const struct event_store *store);

/* Makes a library whose Lua source `source` may use the functions of store/lua/log_time.lua, which is put before it. */
struct redis_library *event_library_new(struct arena *arena, const char *owner, const char *source);

/* Checks that a position is one that this log has told. What the present connection has told of the log mostly decides
 * that; otherwise Redis is asked. Errors: FAILED_PRECONDITION (LOG_RESET), UNAVAILABLE (REDIS_UNREACHABLE). */
coroutine_fn struct status event_store_check_position(struct event_store *store, struct context *context,
                                                      const struct position *position);

/* Reads `log` and `epoch` of the service's positions (position_key); both are empty if nothing is stored. */
coroutine_fn struct status position_read(struct event_store *store, struct context *context,
                                         struct position *ret_position);

/* Returns the wall clock or the latest log time seen, whichever is later, in microseconds: the base of expiry times. */
int64_t event_store_now(const struct event_store *store);
