/* SPDX-License-Identifier: Apache-2.0 */
/* Event: an entry of a stream `events:<entity>_<created|updated|deleted>`.
 *
 * Fields of an entry: `event_id` (UUID), `entity` (the whole resource as protobuf, after the change or, for *deleted*,
 * as it last was; for *updated* without the field that its type has `told_once`, entity_store.h), then, where they
 * apply, `cause` (event id of the event that led to it), `attempt_id`, `traceparent`. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/status.h"
#include "redis/redis_reply.h"
#include "store/transaction.h"

struct event {
  int64_t log_time;
  const char *id;     /* the entry's id, "1548699678802-91" */
  const char *stream; /* "customer_created" */
  const char *event_id;
  const void *entity; /* decoded, of the stream's type */
  const void *entity_bytes;
  size_t entity_size;
  const char *cause;       /* NULL if there is none */
  const char *attempt_id;  /* NULL if there is none */
  const char *traceparent; /* NULL if there is none */
};

/* What an event says besides its entity. All may be NULL. */
struct event_origin {
  const char *cause;
  const char *attempt_id;
  const char *traceparent;
};

/* Adds an event on `events:<stream>` with a new event id (put into *ret_event_id unless that is NULL). */
void event_append(struct transaction *transaction, const char *stream, const void *entity_bytes, size_t entity_size,
                  const struct event_origin *origin, const char **ret_event_id);

/* The name of a stream, which its key ends with; a part of the key. */
const char *event_stream_name(const char *key);

/* The key of a stream. */
const char *event_stream_key(const struct event_store *store, struct arena *arena, const char *stream);

/* Decodes one element of an XRANGE or XREAD answer. Errors: DATA_LOSS with what is wrong (then the event's
 * log_time, id and stream are set all the same). */
struct status event_decode(struct arena *arena, const char *stream, const ProtobufCMessageDescriptor *descriptor,
                           const struct redis_reply *entry, struct event *ret_event);

/* Returns an entry with that id and these fields, as XRANGE tells it, in the arena; the event's entity need not be
 * decoded. */
const struct redis_reply *event_entry(struct arena *arena, const struct event *event);
