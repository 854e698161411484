/* SPDX-License-Identifier: Apache-2.0 */
/* Work: the unit of work, everything that handling a batch of events changes, committed at once.
 *
 * Handlers read views through it, seeing what earlier events of the batch have put, and add changes: records of views,
 * entities with their events, messages for the outbox. One transaction then makes all of it and moves the consumer's
 * positions, if this replica still holds the lease: each event has its effect exactly once, however often it is read. A
 * work that isn't committed leaves nothing. Belongs to the consumer's coroutine. Memory: the work's arena.
 *
 * What a handler gives that can't be stored or sent (NULL; a record or message of another type; more than 1 MiB; text
 * that is not UTF-8; an id that is not a UUID; see also record.h, entity_store.h) dead-letters its event, with what was
 * wrong, once the handler has returned, as does an entity that can't be created or changed since it exists already or
 * does not. An entity that others change at the same time makes the handler run again. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/dead_letter.h"
#include "loop/coroutine.h"
#include "store/entity_store.h"
#include "store/event.h"
#include "store/view.h"

struct work;

/* The context for what the handler asks of Redis, the service's store, and the work's arena. */
struct context *work_context(struct work *work);
struct event_store *work_store(struct work *work);
struct arena *work_arena(struct work *work);

/* The service literal's user pointer. */
void *work_user(struct work *work);

/* The lease's epoch as text, for fenced functions of the service's own (event_run_handler). */
const char *work_epoch(struct work *work);

/* The dead letter that the handler's event is; NULL if the event comes from the log. A run handler (subscription.h) is
 * then given this event alone, which lies before the stored position of its stream: instead of looking at the position
 * and moving it, its transaction takes the dead letter off (dead_letter_take). */
const struct dead_letter *work_retried(const struct work *work);

/* Says that a record will be needed, so that a batch's records are fetched together. For subscription.want. */
void work_want(struct work *work, const struct view *view, const char *key);

/* Gets the record as of this event, or NULL if there is none. The message may be changed and put back. May yield. */
coroutine_fn struct status work_get(struct work *work, const struct view *view, const char *key, void **ret_record);

/* Puts a record into a view, or removes it. The view must be among those that the definition names (`views`). */
void work_put(struct work *work, const struct view *view, const char *key, const void *record);
void work_remove(struct work *work, const struct view *view, const char *key);

/* Creates an entity of the service's own, with its event caused by `event`. Its id is the one in `entity`, or, if that
 * is empty, one derived from the event, which is set in `entity`: it is the same however often the handler runs, and
 * another for each of the entities of a type that the event creates, counted in order. */
void work_create(struct work *work, const struct entity_type *type, void *entity, const struct event *event);

/* Changes an own entity that the handler has loaded. Others may change it meanwhile: then the handler runs again. What
 * was loaded does not show what earlier events of the batch have done to entities; but a second change of an entity,
 * however it was loaded, makes the unit commit first and the handler run again, on what is then stored. */
void work_update(struct work *work, const struct entity_type *type, void *entity, const struct event *event);

/* The transaction itself, for changes of the service's own keys. No guards may be added; a key that holds another kind
 * of value dead-letters the event. */
struct transaction *work_transaction(struct work *work);

/* Puts a message, of the type that the service's outbox_route names, into the outbox (outbox.h): it is delivered to the
 * peer after the commit, in order, until the peer has taken it. Where its type has a field `traceparent`, and the
 * message leaves that empty, it is sent with the event's. */
void work_send(struct work *work, const void *message);
