/* SPDX-License-Identifier: Apache-2.0 */
/* Shows events to people and programs, each entry of a stream as a line of text or of JSON. Whatever the entry holds,
 * what can't be decoded is shown as such. Any thread. */
#pragma once

#include "base/arena.h"
#include "redis/redis_reply.h"

/* Returns a line with the time, the entity, what happened, its id and fields, and the event that caused it, in colours
 * where standard output has them. `stream` is the stream's name without prefix, "customer_created". */
const char *event_text(struct arena *arena, const char *stream, const struct redis_reply *entry);

/* Returns {"id", "stream", "eventId", "cause", "time", and the entity by the name of its type: "customer": {...}}; for
 * an entity that can't be decoded there is "error" instead. */
const char *event_json(struct arena *arena, const char *stream, const struct redis_reply *entry);

/* Returns the name of stream `index` of the shop's contract, or NULL behind the last. */
const char *event_stream_known(struct arena *arena, size_t index);
