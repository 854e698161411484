/* SPDX-License-Identifier: Apache-2.0 */
/* Private Redis: a real redis-server of one test program, in a folder of its own, on a free port of 127.0.0.1.
 *
 * It ends with the program, however that ends. What cannot be done (no redis-server, no free port ...) ends the test
 * program with a message: no test makes sense then. Functions block, but for milliseconds; they may be called from
 * coroutines. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "redis/redis_reply.h"
#include "store/positions.h"

struct private_redis;

struct private_redis_options {
  bool persistent;       /* append-only file, synced at every write: survives private_redis_kill */
  const char *password;  /* of the default user; NULL if there is none */
  const char *arguments; /* more for redis-server, by blanks: "--cluster-enabled yes"; NULL if there is none */
  const char *file; /* content of a configuration file, which the server may write: a sentinel's, for instance, whose
                       `arguments` begin with --sentinel; NULL if there is none */
};

/* Starts it and waits until it answers. `options` may be NULL. */
struct private_redis *private_redis_start(const struct private_redis_options *options);

/* The first of `count` neighbouring ports that are free at this moment, for servers of the test besides Redis. */
int private_redis_free_ports(int count);

/* Kills it and removes its folder. NULL is allowed. */
void private_redis_free(struct private_redis *redis);

void private_redis_stop(struct private_redis *redis); /* SIGTERM; returns when it has ended */
void private_redis_kill(struct private_redis *redis); /* SIGKILL; likewise */
/* Starts it again on the same port and folder; kills it before if it runs. */
void private_redis_restart(struct private_redis *redis);

bool private_redis_is_running(const struct private_redis *redis);

void private_redis_pause(struct private_redis *redis); /* SIGSTOP: connections stay, nothing answers */
void private_redis_resume(struct private_redis *redis);

int private_redis_port(const struct private_redis *redis);
const char *private_redis_url(const struct private_redis *redis); /* redis://127.0.0.1:<port>/0 */
const char *private_redis_folder(const struct private_redis *redis);

/* Runs a command in hiredis' format ("SET %s %b") on a connection of its own and returns the answer as text: numbers in
 * decimals, elements of lists one a line, errors as they are; NULL for nil. Valid until the next call. */
const char *private_redis_command(struct private_redis *redis, const char *format, ...);

/* The same for answers that are numbers; -1 for others. */
int64_t private_redis_number(struct private_redis *redis, const char *format, ...);

/* Notes in `positions` where the log ends whose clock has that prefix; `log` is its name there. */
void private_redis_note_end(struct private_redis *redis, const char *key_prefix, const char *log,
                            struct positions *positions);

/* The answer as it is, binary-safe, in `arena`. */
const struct redis_reply *private_redis_reply(struct private_redis *redis, struct arena *arena, const char *format,
                                              ...);

/* Tells the helper the password that it must use from now on (after CONFIG SET requirepass). */
void private_redis_use_password(struct private_redis *redis, const char *password);

/* Whether a user was refused a command or a key since the start (or ACL LOG RESET): a right that is missing shows here
 * even where the caller goes on without. False if the server doesn't run. */
bool private_redis_has_denied(struct private_redis *redis);
