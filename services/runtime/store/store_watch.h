/* SPDX-License-Identifier: Apache-2.0 */
/* Store watch: looks once a second whether Redis would still take a command, is still the server that its address
 * means, and still has the log that this process knows.
 *
 * A service that nobody writes to would learn neither that its server has become a replica, nor that it refuses writes,
 * nor that the address leads to another one, or that sentinels or a cluster know another master, while old connections
 * stay up. So each second it
 *   - compares the log with what is known of it (known_log.h)
 *   - removes a key that never exists, which Redis refuses whenever it refuses writes, and which changes nothing
 *   - connects anew, greets and leaves, by which it meets another server there, or this one in another role (twice a
 * second where sentinels or a cluster are asked) What is learned counts for all connections (redis/redis_server.h).
 * Threads: the loop's. */
#pragma once

#include "loop/coroutine.h"
#include "store/store_connections.h"

struct store_watch;

/* Starts its coroutines. `connection` is what the store's connections were opened with. */
struct store_watch *store_watch_start(struct loop *loop, struct arena *arena, struct event_store *store,
                                      const struct redis_options *connection);

/* Yields until they have ended, which is soon once the store's connections are closed. */
coroutine_fn void store_watch_stop(struct store_watch *watch);
