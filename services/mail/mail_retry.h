/* SPDX-License-Identifier: Apache-2.0 */
/* Mail retry: when a mail that the mail server has deferred is tried again, when it is given up, and what the log says
 * of that.
 *
 * It is kept in `mail_deferred`, a sorted set of mails' ids by the time of the next try (Unix microseconds), and
 * `mail_deferred_since`, which says when each was deferred first. mail_events.c has them delivered. The loop's thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "loop/coroutine.h"
#include "mail_delivery.h"
#include "store/transaction.h"

/* ---- when ------------------------------------------------------------------------------------------------------- */

/* Plans tries that come later and later: after a second at first, then each time when it has been deferred for twice as
 * long, at most half an hour later (RFC 5321, 4.5.4.1), and for the last time when `give_up_us` have passed since
 * `since_us`, its first deferral. Returns false if they have passed, and the mail is given up. Times are of
 * clock_wall_us. */
bool mail_retry_plan(int64_t since_us, int64_t now_us, int64_t give_up_us, int64_t *ret_next_us);

/* ---- which mails ------------------------------------------------------------------------------------------------ */

struct mail_retry {
  const char *id;
  int64_t since_us;
};

void mail_retry_put(struct transaction *transaction, const char *id, int64_t since_us, int64_t next_us);
void mail_retry_remove(struct transaction *transaction, const char *id);

/* Loads those whose time has come, at most `max`, into `ret_retries`. Yields. Errors: as redis_command. */
coroutine_fn struct status mail_retry_load_due(struct event_store *store, struct context *context, size_t max,
                                               struct mail_retry *ret_retries, size_t *ret_count);

/* Tells whether any mail is deferred. Yields. Errors: as redis_command. */
coroutine_fn struct status mail_retry_any(struct event_store *store, struct context *context, bool *ret_any);

/* ---- why, for the log ------------------------------------------------------------------------------------------- */

/* Says why mails are deferred, once when a reason comes up and once when it is over, however many mails it hits and
 * however often they are tried.
 *
 * A reason is known by its codes, "504 5.5.2": the rest of a server's answer mostly names the recipient. It is over
 * when no mail is deferred any more, or when it hasn't come up for an hour, twice the longest time between two tries of
 * a mail. */
enum { DEFERRAL_REASONS = 16 }; /* if there are more at once, the end of the oldest isn't said */

/* All zero at first. */
struct deferral_log {
  struct deferral_reason {
    char codes[64];
    int64_t seen_us; /* clock_monotonic_us */
  } reasons[DEFERRAL_REASONS];
  size_t count;
};

/* Notes the parcels that were deferred. */
void deferral_log_note(struct deferral_log *log, const struct mail_parcel *parcels, size_t count);

/* Says what is over, when it is known whether any mail is deferred now. */
void deferral_log_review(struct deferral_log *log, bool any_deferred);
