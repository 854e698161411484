/* SPDX-License-Identifier: Apache-2.0 */
/* Deferral log: says in the log why mails are deferred, once when a reason comes up and once when it is over, however
 * many mails it hits and however often they are tried.
 *
 * A reason is known by its codes, "504 5.5.2": the rest of a server's answer mostly names the recipient. It is over
 * when no mail is deferred any more, or when it hasn't come up for an hour, twice the longest time between two tries of
 * a mail. The loop's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mail_delivery.h"

enum { DEFERRAL_REASONS = 16 }; /* more at once than that, and the end of the oldest isn't said */

/* All zero at first. */
struct deferral_log {
  struct deferral_reason {
    char codes[64];
    int64_t seen_us; /* clock_monotonic_us */
  } reasons[DEFERRAL_REASONS];
  size_t count;
};

/* Notes those of the parcels that were deferred. */
void deferral_log_note(struct deferral_log *log, const struct mail_parcel *parcels, size_t count);

/* Says what is over, when it is known whether any mail is deferred now. */
void deferral_log_review(struct deferral_log *log, bool any_deferred);
