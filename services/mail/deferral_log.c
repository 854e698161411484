/* SPDX-License-Identifier: Apache-2.0 */
#include "deferral_log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static const int64_t OVER_US = 3600 * INT64_C(1000000);

/* "504 5.5.2 <shop>: Helo command rejected" -> "504 5.5.2"; what begins with no code is a reason as a whole. */
static struct deferral_reason reason_of(const char *text) {
  struct deferral_reason reason = {.seen_us = clock_monotonic_us()};
  size_t size = strlen(text), reply = strspn(text, "0123456789");
  if (reply > 0) {
    size_t enhanced = text[reply] == ' ' ? strspn(text + reply + 1, "0123456789.") : 0;
    size = enhanced > 0 ? reply + 1 + enhanced : reply;
  }
  snprintf(reason.codes, sizeof reason.codes, "%.*s", (int)size, text);
  return reason;
}

static struct deferral_reason *find(struct deferral_log *log, const struct deferral_reason *reason) {
  for (size_t i = 0; i < log->count; i++) {
    if (strcmp(log->reasons[i].codes, reason->codes) == 0) return &log->reasons[i];
  }
  return NULL;
}

/* Where a new one goes: the next place, or that of the one that hasn't come for longest. */
static struct deferral_reason *place_for(struct deferral_log *log) {
  if (log->count < DEFERRAL_REASONS) return &log->reasons[log->count++];
  struct deferral_reason *oldest = log->reasons;
  for (size_t i = 1; i < log->count; i++) {
    if (log->reasons[i].seen_us < oldest->seen_us) oldest = &log->reasons[i];
  }
  return oldest;
}

static void note_one(struct deferral_log *log, const struct mail_parcel *parcel) {
  struct deferral_reason reason = reason_of(parcel->reason);
  struct deferral_reason *known = find(log, &reason);
  if (known) {
    known->seen_us = reason.seen_us;
    return;
  }
  *place_for(log) = reason;
  log_event(LOG_WARN, "mails are deferred, they are tried again", "reason", parcel->reason, "first", parcel->mail->id,
            NULL);
}

void deferral_log_note(struct deferral_log *log, const struct mail_parcel *parcels, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (parcels[i].outcome == MAIL_DEFERRED) note_one(log, &parcels[i]);
  }
}

void deferral_log_review(struct deferral_log *log, bool any_deferred) {
  int64_t now_us = clock_monotonic_us();
  size_t kept = 0;
  for (size_t i = 0; i < log->count; i++) {
    if (any_deferred && now_us - log->reasons[i].seen_us < OVER_US) {
      log->reasons[kept++] = log->reasons[i];
    } else {
      log_event(LOG_INFO, "mails are no longer deferred for this reason", "codes", log->reasons[i].codes, NULL);
    }
  }
  log->count = kept;
}
