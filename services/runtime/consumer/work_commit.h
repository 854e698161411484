/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's side of a unit of work (work.h): makes it for a batch of events, and commits it.
 *
 * When a unit ends the next one of the batch begins in the same struct: what was read or written before stays known to
 * it, as long as nothing is discarded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "consumer/outbox.h"
#include "consumer/work.h"
#include "loop/coroutine.h"

struct work_options {
  struct event_store *store;
  struct context *context;           /* of the batch: its arena holds the work */
  void *user;                        /* work_user */
  const char *epoch;                 /* the lease's, as text */
  const struct view *const *views;   /* all that records may be put into; NULL behind the last */
  const struct outbox_route *outbox; /* NULL if the service sends nothing */
  const struct dead_letter *retried; /* what the event is, if it is a dead letter; NULL otherwise */
  bool shadow; /* views are those that are built anew (view_shadow.h); nothing else of the work will be made */
};

struct work *work_new(const struct work_options *options);

/* From here on the work is `event`'s: its guards, changes and derived ids; NULL means nobody's. */
void work_begin(struct work *work, const struct event *event);

/* What the event's handler has given that can't be stored or sent, or NULL. */
const char *work_fault(const struct work *work);

/* Reads the records that were wanted and are not known yet, one command for each view. Yields. */
coroutine_fn struct status work_fetch(struct work *work);

/* How much the present unit changes, counted in commands and fields; many bytes count as further ones. */
size_t work_changes(const struct work *work);

/* Returns true when the present unit changes an entity that it has changed already, or one that was ended before it and
 * is not committed yet. One transaction can't: its guards are all checked before its first change. The unit must end
 * before the second change. */
bool work_conflicts(const struct work *work);

/* Forgets what the present unit has put, and all that was read or put before. To be called when no unit is being
 * committed. */
void work_discard(struct work *work);

/* Returns whether the present unit changes nothing but records of views. To be asked before work_close. */
bool work_writes_only_views(const struct work *work);

/* Adds to the transaction the records and messages that handlers have put. To be called once before work_end_unit, when
 * the work is nobody's (work_begin). */
void work_close(struct work *work);

/* Adds to another transaction the records that handlers have put, and nothing else that they have given. */
void work_write_views(const struct work *work, struct transaction *transaction);

/* Ends the present unit, which lives in the work's arena. The next one begins: it is made on what this one has put,
 * while that is committed. */
struct work_unit;
struct work_unit *work_end_unit(struct work *work);

/* The messages that the unit sends, packed. */
const struct redis_arguments *work_unit_sends(const struct work_unit *unit);

/* Why a unit was not written. */
struct work_refusal {
  const struct event *event; /* whose guard or change it is; NULL if it is not of an event */
  const char *why;           /* for people */
  const char *entity;        /* whose guard does not hold: type and id; NULL means of no entity */
  int64_t version;           /* the version of it that the handler has met; 0 if it has met none */
  int64_t actual;            /* the one that it has; 0 if there is none */
};

/* Writes the unit, and what work_transaction was given for it, in one transaction. Yields. Errors: as transaction_run;
 * FAILED_PRECONDITION LEASE_LOST (another holder's epoch), WORK_REFUSED (with *ret_refusal). Nothing has been written
 * then, or, when the answer was lost, all; and what was put since was put on what is not so. */
coroutine_fn struct status work_commit(struct work_unit *unit, struct context *context,
                                       struct work_refusal *ret_refusal);
