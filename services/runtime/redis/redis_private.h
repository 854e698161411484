/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind redis.h share. */
#pragma once

#include "base/log.h"
#include "loop/coroutine.h"
#include "redis/redis.h"
#include "redis/redis_connection.h"
#include "redis/redis_server.h"

/* One place in the line of answers that are due. It outlives the command's context when the waiter gives up. */
struct redis_ticket {
  struct redis_pending *pending; /* NULL if nobody waits any more */
  struct redis_ticket *next;
  int64_t sent_us;
  int64_t extra_ms; /* that the answer may take beyond the reply timeout */
  size_t size;      /* of the command */
};

struct redis {
  struct arena *arena; /* of itself */
  struct loop *loop;
  struct redis_connection connection;
  struct redis_server *server;     /* NULL if it has none in common with others, or is closed */
  struct redis_master_known known; /* where it has no server */
  struct redis *next;              /* of the same server */
  uint64_t left_era;               /* the last one that began with its being told to leave, or with its greeting */
  struct loop_flush flush;
  const char *key_prefix;
  size_t key_prefix_size;
  struct condition became_ready; /* or is closing */
  size_t holds; /* what keeps it from being freed: its owner, handles of libuv, waiters for readiness */

  /* Commands under way. */
  size_t max_pending;
  int64_t reply_timeout_ms;
  struct redis_ticket *first, *last; /* in the order of sending, which is that of answering */
  struct redis_ticket *spare;
  bool has_spoken; /* since the last flush */
  size_t pending, pending_bytes;
  uv_timer_t watchdog; /* looks after answers that don't come */
  bool suspected;      /* the watchdog has found the link silent once */

  /* See redis_denial.h. */
  char denial[512];
  int64_t denied_us; /* 0 means never */
};

static inline bool redis_is_closing(const struct redis *redis) {
  return redis->connection.state == REDIS_CONNECTION_STOPPED;
}

/* Returns UNAVAILABLE with the reason why the connection isn't ready. */
struct status redis_unreachable(const struct redis *redis, struct arena *arena);
