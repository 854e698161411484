/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection to Redis says of why it is away. The loop's thread. */
#pragma once

#include <stdbool.h>

#include "base/context.h"
#include "loop/coroutine.h"
#include "redis/redis.h"

/* Polls until redis_reason contains `part`. Returns false at the context's deadline, and prints what the reason is. */
coroutine_fn bool redis_reason_becomes(const struct redis *redis, const struct context *context, const char *part);
