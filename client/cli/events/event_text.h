/* SPDX-License-Identifier: Apache-2.0 */
/* Events for people and programs: an entry of a stream as a line of text or of JSON. Whatever the entry holds, what
 * can't be decoded is shown as such. Any thread. */
#pragma once

#include "base/arena.h"
#include "redis/redis_reply.h"

/* `stream` is its name without prefix, "customer_created". Text: time, entity, what happened, its id and fields, the
 * event that caused it; in colours where standard output has them. */
const char *event_text(struct arena *arena, const char *stream, const struct redis_reply *entry);

/* {"id", "stream", "eventId", "cause", "time", and the entity by the name of its type: "customer": {...}}; of one that
 * can't be decoded: "error" instead. */
const char *event_json(struct arena *arena, const char *stream, const struct redis_reply *entry);

/* Streams of the shop's contract: name `index`, or NULL behind the last. */
const char *event_stream_known(struct arena *arena, size_t index);
