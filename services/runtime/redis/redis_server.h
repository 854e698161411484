/* SPDX-License-Identifier: Apache-2.0 */
/* Redis server: the one server that all connections of a process talk to.
 *
 * A process has several connections to one Redis, and at a failover each would find out by itself: one that writes at
 * once, and one that only reads never. What one of them learns counts for all: when it is refused because the server is
 * not a master any more, or not that of our keys, or greets a server other than the others' (by its run_id), all leave
 * and connect anew. What sentinels or a cluster have told of the master counts for all likewise (redis_master.h). The
 * era counts these changes. What was read in one era must not decide a write in another: a context keeps the era of its
 * first command, and later commands with it are refused when the era is another (UNAVAILABLE, REDIS_UNREACHABLE).
 *
 * A server may also be the right one and refuse writes for a while (too few replicas, a full disk, a slot of a cluster
 * that is on its way to another one): what it said stays here until a write has passed. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct redis;
struct redis_options;
struct redis_server;

/* For redis_options.server; lives as long as the arena, which must outlive redis_close of its connections. */
struct redis_server *redis_server_new(struct arena *arena);

/* Returns the number of servers that the process has agreed on, plus the times that it left one; never 0. */
uint64_t redis_server_era(const struct redis_server *server);

/* Returns true if the present server was a replica of the one before, so that it has what that one had, but for the
 * last moments. */
bool redis_server_took_over(const struct redis_server *server);

/* Returns whether the server, whose INFO (server, replication) has just said `info`, has gone on with the data that it
 * was greeted with. If not, it was a replica meanwhile, or has its first replica: another era begins. */
bool redis_server_goes_on(struct redis_server *server, const char *info);

/* Returns what the server answered to the last write, if it refused that for now: "Redis refuses writes: NOREPLICAS Not
 * ...". "" means that it takes writes, as far as is known. */
const char *redis_server_refusal(const struct redis_server *server);

/* Notes that a write has passed. */
void redis_server_takes_writes(struct redis_server *server);
