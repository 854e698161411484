/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's side of a unit of work (work.h): makes it for a batch of events, and commits it.
 *
 * After a commit the next unit of the batch begins in the same struct: what was read or written before stays known to
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
  const struct outbox_route *outbox; /* NULL if the service sends nothing */
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

/* Returns true when the present unit changes an entity that it has changed already. One transaction can't: its guards
 * are all checked before its first change. The unit must end before the second change. */
bool work_conflicts(const struct work *work);

/* The messages that the present unit sends, packed; they live in the work's arena. */
struct redis_arguments work_sends(const struct work *work);

/* Forgets what the present unit has put, and all that was read. */
void work_discard(struct work *work);

/* Returns whether the present unit changes nothing but records of views. To be asked before work_close. */
bool work_writes_only_views(const struct work *work);

/* Adds to the transaction the records and messages that handlers have put. To be called once before work_commit, when
 * the work is nobody's (work_begin). */
void work_close(struct work *work);

/* Why a unit was not written. */
struct work_refusal {
  const struct event *event; /* whose guard or change it is; NULL if it is not of an event */
  const char *why;           /* for people */
  const char *entity;        /* whose guard does not hold: type and id; NULL means of no entity */
  int64_t version;           /* the version of it that the handler has met; 0 if it has met none */
  int64_t actual;            /* the one that it has; 0 if there is none */
};

/* Writes the present unit, and what work_transaction was given, in one transaction; afterwards the next unit begins.
 * Yields. Errors: as transaction_run; FAILED_PRECONDITION LEASE_LOST (another holder's epoch), WORK_REFUSED (with
 * *ret_refusal). Nothing has been written then, or, when the answer was lost, all. */
coroutine_fn struct status work_commit(struct work *work, struct work_refusal *ret_refusal);
