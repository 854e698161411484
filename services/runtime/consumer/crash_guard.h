/* SPDX-License-Identifier: Apache-2.0 */
/* Crash guard: an event whose handler ends the process would end it again after every restart.
 *
 * Hash `<service>_alone`: the field `starts` counts the times that a lease was taken up without a commit since, and a
 * field named by an entry's id how often that event began to run alone without coming to an end. After more than five
 * such starts, or when there is such an event, the first events run alone, each with a durable note around its handler.
 * The third note without an end dead-letters the event. Outages don't count: a handler that returns, with whatever
 * status, has not ended the process. One that blocks until the lease is over counts as if it had: its note stays.
 * Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/log_time.h"
#include "store/transaction.h"

enum { CRASH_GUARD_ATTEMPTS = 3 };

struct crash_guard {
  struct event_store *store;
  const char *key;
  int64_t trusted_epoch; /* of the lease: its start has been counted, or nothing ended the process under it */
  size_t alone_left;     /* how many events are still to run alone */
  bool starts_counted;   /* `starts` is there */
  char attempt_left[ENTRY_ID_SIZE]; /* the event whose note could not be taken back; "" means none */
};

struct crash_guard crash_guard_of(struct event_store *store, struct arena *arena);

/* Reads, at the beginning of a term, what earlier processes have left. Yields. */
coroutine_fn struct status crash_guard_load(struct crash_guard *guard, struct context *context);

/* To be called before the first batch under an epoch of the lease: counts the start and decides whether events run
 * alone. Yields. */
coroutine_fn struct status crash_guard_begin(struct crash_guard *guard, struct context *context, int64_t epoch);

/* To be called around the handler of an event that runs alone: they note durably that it is under way, and over. Both
 * yield. */
coroutine_fn struct status crash_guard_attempt(struct crash_guard *guard, struct context *context, const char *entry_id,
                                               int64_t *ret_attempts);
coroutine_fn struct status crash_guard_over(struct crash_guard *guard, struct context *context, const char *entry_id);

/* Counts an event whose handler has come to an end too late for the lease as if it had not come to one. `noted` says
 * whether the note of its beginning is there. Yields. */
coroutine_fn struct status crash_guard_blame(struct crash_guard *guard, struct context *context, const char *entry_id,
                                             bool noted);

/* Adds to a commit that the event is dead-lettered and its notes are done with. */
void crash_guard_forget(const struct crash_guard *guard, struct transaction *transaction, const char *entry_id);

/* The first adds to a commit that the start was a good one. The second says that the commit is done; `alone` means that
 * it had an event that ran alone. */
void crash_guard_add_good_start(const struct crash_guard *guard, struct transaction *transaction);
void crash_guard_committed(struct crash_guard *guard, bool alone);

/* Returns whether there are notes that a commit takes back. */
bool crash_guard_has_notes(const struct crash_guard *guard);

/* Notes that what failed under this epoch of the lease has not ended the process. */
void crash_guard_trust(struct crash_guard *guard, int64_t epoch);
