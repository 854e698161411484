/* SPDX-License-Identifier: Apache-2.0 */
/* Redis: one asynchronous connection, shared by all coroutines of the loop.
 *
 * Commands of many coroutines travel in one write at the end of the loop's turn and are answered in order. The
 * connection asks anew at every connect where the master is (redis_master.h), if sentinels or a cluster tell that, and
 * what the name's address is, reconnects by itself with backoff (50 ms doubling to 2 s, with
 * jitter) and logs once when it is lost and once when it is back. While it is away, commands are refused at once with
 * UNAVAILABLE (REDIS_UNREACHABLE). A command that may have been executed is never sent again. Several connections
 * serve different purposes, so that a long read never holds up a command; they agree on one server (redis_server.h). A
 * server that is still loading its data, or that is a replica (it takes no writes, and consumer groups write even when
 * they read), counts as unreachable.
 * Threads: the loop's. Functions marked coroutine_fn may yield. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "redis/redis_arguments.h"
#include "redis/redis_reply.h"
#include "redis/redis_server.h"
#include "tls/tls_client.h"

struct redis;

struct redis_options {
  const char *url;               /* redis://[user@]host[:port][/db], or of sentinels or a cluster; see redis_url.h */
  const char *password;          /* NULL if there is none. Never part of the URL, never logged */
  const char *sentinel_user;     /* of the sentinels, which have users of their own; NULL means default user */
  const char *sentinel_password; /* NULL if there is none */
  struct tls_client *tls;  /* if the URL says TLS: who one is, and whom one trusts; must outlive the loop's last turn */
  const char *key_prefix;  /* prepended to every key by redis_key; NULL if there is none. In a cluster it has a hash
                              tag, {...}, so that all keys are in one slot */
  const char *key;         /* without the prefix: one that the user may GET. In a cluster a server is asked for it
                              before it counts as up; NULL means that it isn't */
  const char *purpose;     /* "commands", "reads", "blocking": for logs and CLIENT SETNAME */
  const char *client_name; /* the service's name, for CLIENT SETNAME */
  struct redis_server *server; /* what it has in common with other connections; NULL means nothing */
  bool quiet;                  /* one of several connections to the same server: log its loss and return at LOG_DEBUG */
  size_t max_pending;          /* commands waiting for an answer; beyond, and beyond 64 MiB of them:
                                  RESOURCE_EXHAUSTED (OVERLOADED). 0 means 10,000 */
  int64_t connect_timeout_ms;  /* 0 means 2,000 */
  int64_t reply_timeout_ms; /* a connection counts as dead if no byte comes for so long while answers are due. 0 means
                               5,000 */
};

/* Opens the connection in the background; redis_is_ready tells when it is up. `options` is copied. `arena` is for the
 * status. Errors: INVALID_ARGUMENT (REDIS_URL_INVALID, also if the URL is a cluster's and the prefix has no hash tag,
 * or if it says TLS and `tls` is NULL). */
struct status redis_open(struct loop *loop, struct arena *arena, const struct redis_options *options,
                         struct redis **ret_redis);

/* Ends the connection; waiting commands and redis_wait_ready are answered UNAVAILABLE. The memory is freed when the
 * loop has turned; the listener is not told. This may be called on any stack, and in the listener, too. */
void redis_close(struct redis *redis);

/* Returns whether the connection is up: connected, authenticated, database selected, and the server says that it
 * serves. */
bool redis_is_ready(const struct redis *redis);

/* Returns whether sentinels or a cluster are asked where the server is. */
bool redis_asks_for_master(const struct redis *redis);

/* Returns how often it has connected; this changes whenever what a connection knew (blocking client id, loaded
 * functions) is gone. */
uint64_t redis_generation(const struct redis *redis);

/* Returns why it isn't ready, for health and errors; "" when it is. */
const char *redis_reason(const struct redis *redis);

/* Returns the CLIENT ID of the present connection; 0 when there is none. */
int64_t redis_client_id(const struct redis *redis);

/* Yields until ready. Errors: UNAVAILABLE (REDIS_UNREACHABLE) at the deadline, without an arena; redis_reason tells
 * more. */
coroutine_fn struct status redis_wait_ready(struct redis *redis, int64_t deadline_us);

/* Returns `format` with the prefix before it, in `arena`: the one place where keys are made. */
const char *redis_key(const struct redis *redis, struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *redis_key_prefix(const struct redis *redis);

/* Returns `pattern`, which is for SCAN, with the prefix before it, whose characters stand for themselves. */
const char *redis_key_pattern(const struct redis *redis, struct arena *arena, const char *pattern);

/* Sends a command and yields until its answer, which lives in the context's arena. Not for SUBSCRIBE and MONITOR.
 * Errors: UNAVAILABLE REDIS_UNREACHABLE (not sent, or the connection broke: it may have been executed),
 *   DEADLINE_EXCEEDED (likewise: it may be executed), RESOURCE_EXHAUSTED (OVERLOADED: queue full, nothing sent;
 *   REDIS_OUT_OF_MEMORY: maxmemory), and for other error replies the mapping in redis_reply.h. */
coroutine_fn struct status redis_command(struct redis *redis, struct context *context,
                                         const struct redis_arguments *arguments, const struct redis_reply **ret_reply);

/* The same in two steps, so that one coroutine can have several commands under way: each redis_send is followed by
 * exactly one redis_receive, in any order, in the same coroutine and context. */
struct redis_pending;
struct redis_pending *redis_send(struct redis *redis, struct context *context, const struct redis_arguments *arguments);
coroutine_fn struct status redis_receive(struct redis_pending *pending, const struct redis_reply **ret_reply);

/* Returns whether the command was sent, and neither answered nor given up yet. */
bool redis_is_sent(const struct redis_pending *pending);

/* Returns OK if a command of that context would be sent now, or else why not: the connection is not up, or the context
 * met another server before, or its deadline is over. */
struct status redis_may_ask(const struct redis *redis, struct context *context);

/* Returns the status for an error that is told within an answer; it is logged as that of a command. */
struct status redis_refusal(struct redis *redis, struct arena *arena, const char *command, const char *error);

/* Sends a command that may take `extra_ms` longer than the reply timeout (BLOCK); otherwise as redis_command. */
coroutine_fn struct status redis_command_blocking(struct redis *redis, struct context *context,
                                                  const struct redis_arguments *arguments, int64_t extra_ms,
                                                  const struct redis_reply **ret_reply);

/* Asks the server to end the block of another connection, which may be another process's, by CLIENT UNBLOCK with its
 * redis_client_id, and yields until the answer. Whether there was one is not told, since the block may begin
 * afterwards: callers that wait ask again. It does nothing if the connection isn't ready. */
coroutine_fn void redis_unblock(struct redis *redis, int64_t client);
