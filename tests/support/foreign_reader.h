/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign reader: a user of a private Redis who may do there what a service may in another one's Redis, and nothing
 * else: read streams and move the clock (deploy/redis/users.acl). */
#pragma once

#include "base/arena.h"
#include "private_redis.h"

#define FOREIGN_READER_PASSWORD "secret"

/* Makes the user `reader`; again after each restart of the Redis, which forgets it. */
void foreign_reader_admit(struct private_redis *redis);

/* Where the reader finds it, in `arena`. */
const char *foreign_reader_url(struct private_redis *redis, struct arena *arena);
