/* SPDX-License-Identifier: Apache-2.0 */
/* Shows events to people and programs, each entry of a stream as a line of text or of JSON. Whatever the entry holds,
 * what can't be decoded is shown as such. Any thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "redis/redis_reply.h"

/* The name of a stream, taken apart. */
struct stream_name {
  const char *entity;    /* "gift_card" of "gift_card_created" */
  const char *happening; /* "created"; "" where the stream is named otherwise */
};
struct stream_name stream_name_of(struct arena *arena, const char *stream);

/* Returns a line with the time, the entity, what happened, its id and fields, and the event that caused it, in colours
 * where standard output has them. `stream` is the stream's name without prefix, "customer_created"; `type` is that of
 * its entities (entity_types.h), NULL if it isn't known. */
const char *event_text(struct arena *arena, const char *stream, const ProtobufCMessageDescriptor *type,
                       const struct redis_reply *entry);

/* Returns {"id", "stream", "eventId", "cause", "time", and the entity by the name of its type: "customer": {...}}; for
 * an entity that can't be decoded there is "error" instead. */
const char *event_json(struct arena *arena, const char *stream, const ProtobufCMessageDescriptor *type,
                       const struct redis_reply *entry);
