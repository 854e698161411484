/* SPDX-License-Identifier: Apache-2.0 */
/* Finds where the tail reads, which is the Redis that flags or variables name, or else that of the local shop. It is
 * used at start, by one thread. */
#pragma once

#include "client/cli/events/event_tail.h"
#include "client/cli/line/command_line.h"

/* Fills redis_url, redis_password and key_prefix of `options` from the flags --redis-url, --redis-password-file and
 * --key-prefix and their variables. With neither URL nor password file it is the Redis of deploy/local/up.sh
 * (ORDERSHOP_REDIS_PORT), as the user operator where ORDERSHOP_HOME has its password. Errors: INVALID_ARGUMENT. */
struct status event_redis_read(struct arena *arena, const struct invocation *invocation,
                               struct event_tail_options *options);

/* Returns why the tail did not begin, with what to do: where Redis is, and who may read it, when the status says that
 * it is not there or refuses this user. */
struct status event_redis_explain(struct arena *arena, const struct event_tail_options *options, struct status status);
