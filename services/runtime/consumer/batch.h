/* SPDX-License-Identifier: Apache-2.0 */
/* Batch: the events that are taken from the reader one after another while there are some, handled in log order and
 * committed together.
 *
 * What the handlers of a batch give is one unit of work (work.h), committed by one transaction with the positions that
 * the events lead to. A batch is divided into several units where one would take too long for the lease, or would hold
 * up Redis; where an event's change needs what an earlier one of the batch has stored; and around runs
 * (event_run_handler), which store their effects and the positions of their streams themselves: `log` follows with the
 * next commit, or soon after (consumer.c).
 *
 * While a unit is committed the next events are read, and the next unit is handled on what that one has put. It is sent
 * when the commit is known to be made, and forgotten if it is not: so nothing in Redis can tell this from one after the
 * other.
 *
 * An event that its handler refuses for good is dead-lettered. What can't be committed because others were quicker is
 * handled again after a pause, and if that goes on, by the next term; what can't though nobody was quicker, and is
 * refused again and again, is dead-lettered, too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "consumer/consumer_group.h"
#include "consumer/crash_guard.h"
#include "consumer/dead_letters.h"
#include "consumer/leader.h"
#include "consumer/outbox_delivery.h"
#include "consumer/progress.h"
#include "consumer/waiters.h"
#include "loop/coroutine.h"
#include "store/logs_reader.h"

/* What batches read, change and report to. */
struct batch_parts {
  struct event_store *store;
  const struct leader *leader;
  struct progress *progress;
  struct consumer_group *group;
  const struct waiters *waiters;
  struct logs_reader *reader; /* of the term; its logs and streams are those of the progress */
  bool takes_few;             /* at most 256 for a batch instead of 1,024, so that pauses after batches come often */
  struct dead_letters *dead_letters;
  struct crash_guard *guard;
  const struct outbox_route *route; /* NULL if the service sends nothing */
  struct outbox *outbox;            /* NULL likewise */
  const struct view *const *views;  /* all that the handlers put records into; NULL behind the last */
  void *user;                       /* work_user */
};

/* Handles a dead letter, the first of its key's list, once more, as a batch of its own: it is taken off by the commit
 * of its effects. `note` is what is noted of it; `entry` is what the stream, which has that number in the progress,
 * holds. *ret_refusal says why it could not be handled; NULL if it was, or if it is not the first of its list any more.
 * Errors: as batch_handle. Yields. */
coroutine_fn struct status batch_retry(const struct batch_parts *parts, struct arena *arena,
                                       const struct dead_letter *letter, const struct dead_letter_note *note,
                                       size_t stream, const struct redis_reply *entry, const char **ret_refusal);

/* Takes the next events that the reader has, and while there are more those, as many as make a batch, handles them and
 * commits. *ret_events says how many these were. The error, which is put into the arena, is one of Redis; LEASE_LOST;
 * what a handler has answered that says nothing against its event; or ABORTED CONTENDED. Some of the events may have
 * been committed then. Yields. */
coroutine_fn struct status batch_handle(const struct batch_parts *parts, struct arena *arena, size_t *ret_events);
