/* SPDX-License-Identifier: Apache-2.0 */
/* Turns hiredis' replies into ours; for this folder only, as the one place that knows hiredis. */
#pragma once

#include <hiredis/hiredis.h>

#include "redis/redis_reply.h"

/* Returns a deep copy in `arena`; an error becomes a text with `error` set. hiredis frees the source. */
const struct redis_reply *redis_reply_copy(struct arena *arena, const redisReply *source);
