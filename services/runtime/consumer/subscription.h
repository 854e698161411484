/* SPDX-License-Identifier: Apache-2.0 */
/* Subscription: which events of an entity a service listens to, and what it does with them.
 *
 *   static const struct subscription subscriptions[] = {
 *       {.entity = &notes__v1__note__descriptor, .created = add_count, .deleted = subtract_count},
 *       {.entity = &notes__v1__author__descriptor, .projection = &authors},
 *   };
 *
 * An entity has three streams: `<entity>_created`, `_updated` and `_deleted`, where <entity> is the message's name in
 * snake case ("gift_card_created"). The service subscribes to those that it has a handler for. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "consumer/work.h"
#include "loop/coroutine.h"
#include "store/event.h"
#include "store/view.h"

/* The effect of an event. An error that is neither transient nor Redis' (REDIS_...) dead-letters the event. */
typedef coroutine_fn struct status event_handler(struct work *work, const struct event *event);

/* The alternative: handles a run of consecutive events of streams with the same handler, by fenced transactions (or
 * functions) of the service's own. Each refuses an older epoch, skips an event that is not after the stored position of
 * its stream, and moves that position together with the effect (hash consumer_position_key, field = stream, value = the
 * entry's id); of a dead letter that is retried (work_retried) it takes that off instead. What the batch has put before
 * the run is committed before it. After an error that dead-letters, the run
 * is repeated event by event. lease_lost (lease.h) is the status for a function that found another epoch. */
typedef coroutine_fn struct status event_run_handler(struct work *work, const struct event *const *events,
                                                     size_t count);

struct subscription {
  const ProtobufCMessageDescriptor *entity;
  /* The service that owns the entity: its streams lie where that one's Redis is. NULL means in the subscriber's own. */
  const char *owner;
  /* For each stream at most one of the two is set; with neither, the service does not subscribe to that stream. */
  event_handler *created, *updated, *deleted;
  event_run_handler *created_run, *updated_run, *deleted_run;
  /* Instead of handlers: the view keeps the entities (projection_keep), each under its id, and follows all three
   * streams. Handlers may read it, and put nothing into it: a rebuild (view_rebuild.h) hands it no other events. */
  const struct view *projection;
  /* Optional: the ordering key of an event: a dead letter holds up later events of the same key only. NULL means the
   * entity's id. Keys are one space of names within the service: events with equal keys share their order and their
   * dead letters, whichever subscriptions they belong to. */
  const char *(*key)(const struct event *event);
  /* Optional: work_want for each record that the handlers will read. */
  void (*want)(struct work *work, const struct event *event);
};

/* A stream that a service subscribes to. */
struct subscribed_stream {
  const char *name; /* "customer_created" */
  const struct subscription *subscription;
  event_handler *handler; /* NULL means a projection, or a run handler */
  event_run_handler *run_handler;
};

/* All streams of the subscriptions, in their order; in the arena. Entities must be set. */
struct subscribed_stream *subscription_streams(struct arena *arena, const struct subscription *subscriptions,
                                               size_t count, size_t *ret_count);

/* The event's ordering key; "" if there is none. */
const char *subscribed_stream_key(const struct subscribed_stream *stream, const struct event *event);
