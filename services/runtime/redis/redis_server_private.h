/* SPDX-License-Identifier: Apache-2.0 */
/* What connections tell their redis_server; for this folder only. */
#pragma once

#include "redis/redis_greeting.h"
#include "redis/redis_master.h"
#include "redis/redis_server.h"

/* What the process knows of where the server is. */
struct redis_master_known *redis_server_known(struct redis_server *server);

/* Both have no effect on a connection that belongs to none. */
void redis_server_join(struct redis *redis);
void redis_server_part(struct redis *redis);

/* `redis` has greeted a master. If the others talk to another server, they leave it. */
void redis_server_met(struct redis *redis, const struct redis_identity *identity);

/* `redis` has greeted a replica. If that is the server that the others talk to, they leave it. */
void redis_server_met_replica(struct redis *redis, const struct redis_identity *identity);

/* `redis` got an error reply. All leave a server that is not a master any more; that a server refuses writes is kept
 * for redis_server_refusal. */
void redis_server_heard(struct redis *redis, const char *error);
