/* SPDX-License-Identifier: Apache-2.0 */
/* Store connections: the parts of an event store (event_store.h), and what they tell without asking Redis: whether the
 * connections are up, and the names of the keys. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/keyed_lock.h"
#include "redis/redis.h"
#include "redis/redis_function.h"
#include "store/log_time.h"

struct committer;
struct store_watch;
struct known_log;
struct replica_barrier;

struct event_store {
  const char *clock_key;       /* the brand's */
  const char *log;             /* name of the log in this Redis (positions.h): "" is the shop's */
  const char *service;         /* "order": prefix of the service's own keys, its consumer group's and consumer's name */
  struct redis *commands;      /* short commands and functions */
  struct redis *reads;         /* lists and catching up */
  struct redis *blocking;      /* XREAD with BLOCK; NULL in services without subscriptions */
  struct redis_server *server; /* the one that they all talk to */
  struct committer *committer; /* of its transactions (store/commit.h) */
  /* Called before each commit, which is made if it returns OK; NULL if nobody wants to know. */
  coroutine_fn struct status (*before_commit)(void *argument, struct context *context);
  void *before_commit_argument;
  struct store_watch *watch;
  struct replica_barrier *barrier; /* that answers to commands wait for; NULL if they wait for no replicas of Redis */
  struct known_log *known;         /* of the shop's log, by this process */
  struct redis_library *library;   /* the generic functions (store/lua) */
  int64_t request_seconds;         /* how long a request record is kept */
  bool reads_only;                 /* its user in Redis may write nothing */
  bool follows_others;             /* the service follows logs in other Redises, too (transaction_follow) */
  struct position latest;          /* the latest log time that an answer carried */
  uint64_t latest_generation;      /* of `commands`, which told it: behind another connection may be another log */
  struct keyed_locks turns;        /* of commands that change the same thing (store/turn.h) */
};

/* Returns whether the service's log and those that it follows lie in several Redises. */
bool event_store_is_apart(const struct event_store *store);

/* Whether all connections are up, and if not, why. */
bool event_store_is_ready(const struct event_store *store);
const char *event_store_reason(const struct event_store *store);

/* Why Redis, which is up, takes no writes at present, or what is written would not count, since replicas lack it; "" if
 * all is well. */
const char *event_store_refusal(const struct event_store *store);

/* The key of the clock, first key of every function that appends. */
const char *clock_key(const struct event_store *store, struct arena *arena);

/* Parses the content of the clock's key. Returns false if it is not valid (NULL, for instance). */
bool clock_parse(const char *text, struct position *ret_last);

/* The hash `<service>_position`, which says how far the service has applied the log: fields `log` and `epoch`, and one
 * for each stream, with entry ids as values. */
const char *position_key(const struct event_store *store, struct arena *arena);
