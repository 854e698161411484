/* SPDX-License-Identifier: Apache-2.0 */
/* From hiredis' replies to ours; for this folder only, the one place that knows hiredis. */
#pragma once

#include <hiredis/hiredis.h>

#include "redis/redis_reply.h"

/* A deep copy in `arena`; an error becomes a text with `error` set. hiredis frees the source. */
const struct redis_reply *redis_reply_copy(struct arena *arena, const redisReply *source);
