/* SPDX-License-Identifier: Apache-2.0 */
/* Finds where the tail reads the events of services, which is the Redis that flags or variables name, or else that of
 * the local shop. It is used at start, by one thread. */
#pragma once

#include "client/cli/events/event_tail.h"
#include "client/cli/line/command_line.h"

/* Fills where `options[i]` reads (redis_url to key_prefix) for the events of `services[i]`, each of `count`: from the
 * flags --<service>-redis-url, --<service>-redis-password-file and --<service>-key-prefix and their variables, and what
 * the service has none of its own of from --redis-url, --redis-password-file and --key-prefix and theirs. With neither
 * common URL nor password file the common one is the Redis of deploy/local/up.sh (ORDERSHOP_REDIS_PORT), as the user
 * operator where ORDERSHOP_HOME has its password. The texts are in `arena`; the caller closes each redis_tls, after an
 * error, too. Errors: INVALID_ARGUMENT. */
struct status event_redis_read(struct arena *arena, const struct invocation *invocation, const char *const *services,
                               size_t count, struct event_tail_options *options);

/* Returns whether both read the same Redis behind the same prefix. */
bool event_redis_is_one(struct arena *arena, const struct event_tail_options *options,
                        const struct event_tail_options *other);

/* Returns why the tail did not begin, with what to do: where Redis is, and who may read it, when the status says that
 * it is not there or refuses this user. */
struct status event_redis_explain(struct arena *arena, const struct event_tail_options *options, struct status status);
