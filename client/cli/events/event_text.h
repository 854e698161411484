/* SPDX-License-Identifier: Apache-2.0 */
/* Shows events to people and programs, each as a line of text or as JSON. Whatever an event holds, what can't be
 * decoded is shown as such. Any thread. */
#pragma once

#include <jansson.h>
#include <ordershop/v1/event.pb-c.h>

#include "base/arena.h"

/* The name of a stream, taken apart. */
struct stream_name {
  const char *entity;    /* "gift_card" of "gift_card_created" */
  const char *happening; /* "created"; "" where the stream is named otherwise */
};
struct stream_name stream_name_of(struct arena *arena, const char *stream);

/* Returns a line with the time, the entity, what happened, its id and fields, and the event that caused it, in colours
 * where standard output has them. The event has `entity_bytes`; `type` is that of its entity (message/entity_types.h),
 * NULL if it isn't known. */
const char *event_text(struct arena *arena, const ProtobufCMessageDescriptor *type, const Ordershop__V1__Event *event);

/* Returns {"id", "stream", "eventId", "cause", "time", and the entity by the name of its type: "customer": {...}}; for
 * an entity that can't be decoded there is "error" instead. The caller owns the result. */
json_t *event_json(struct arena *arena, const ProtobufCMessageDescriptor *type, const Ordershop__V1__Event *event);
