/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static const int64_t SECOND_US = 1000000;

/* ---- when ------------------------------------------------------------------------------------------------------- */

bool mail_retry_plan(int64_t since_us, int64_t now_us, int64_t give_up_us, int64_t *ret_next_us) {
  const int64_t min_us = SECOND_US, max_us = 1800 * SECOND_US;
  int64_t deferred_us = now_us - since_us, last_us = since_us + give_up_us;
  if (deferred_us >= give_up_us) return false;
  int64_t wait_us = deferred_us < min_us ? min_us : deferred_us > max_us ? max_us : deferred_us;
  *ret_next_us = now_us + wait_us < last_us ? now_us + wait_us : last_us;
  return true;
}

/* ---- which mails ------------------------------------------------------------------------------------------------ */

static const char *next_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "mail_deferred");
}

static const char *since_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "mail_deferred_since");
}

void mail_retry_put(struct transaction *transaction, const char *id, int64_t since_us, int64_t next_us) {
  struct arena *arena = transaction->arena;
  const char *since = arena_printf(arena, "%" PRId64, since_us);
  transaction_add_scored(transaction, next_key(transaction->store, arena), id, next_us);
  transaction_set_field(transaction, since_key(transaction->store, arena), id, since, strlen(since));
}

void mail_retry_remove(struct transaction *transaction, const char *id) {
  transaction_remove_scored(transaction, next_key(transaction->store, transaction->arena), id);
  transaction_remove_field(transaction, since_key(transaction->store, transaction->arena), id);
}

/* The ids whose next try is due by `until`, at most `max`. */
static coroutine_fn struct status read_ids(struct event_store *store, struct context *context, const char *until,
                                           size_t max, const struct redis_reply **ret_ids) {
  struct redis_arguments range = redis_command_of(context->arena, "ZRANGEBYSCORE", next_key(store, context->arena),
                                                  "-inf", until, "LIMIT", "0", NULL);
  redis_add_number(&range, (int64_t)max);
  return redis_command(store->commands, context, &range, ret_ids);
}

/* One that is in the sorted set alone was deferred just now, as far as known. */
static coroutine_fn struct status load_since(struct event_store *store, struct context *context,
                                             struct mail_retry *retries, size_t count) {
  struct redis_arguments get = redis_command_of(context->arena, "HMGET", since_key(store, context->arena), NULL);
  for (size_t i = 0; i < count; i++) redis_add_text(&get, retries[i].id);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    const char *since = redis_reply_text(redis_reply_at(reply, i));
    retries[i].since_us = since ? strtoll(since, NULL, 10) : clock_wall_us();
  }
  return status;
}

coroutine_fn struct status mail_retry_load_due(struct event_store *store, struct context *context, size_t max,
                                               struct mail_retry *ret_retries, size_t *ret_count) {
  const char *now = arena_printf(context->arena, "%" PRId64, clock_wall_us());
  const struct redis_reply *ids;
  *ret_count = 0;
  struct status status = read_ids(store, context, now, max, &ids);
  if (!status_is_ok(status) || ids->count == 0) return status;
  for (size_t i = 0; i < ids->count; i++) ret_retries[i].id = redis_reply_text(redis_reply_at(ids, i));
  *ret_count = ids->count;
  return load_since(store, context, ret_retries, ids->count);
}

coroutine_fn struct status mail_retry_any(struct event_store *store, struct context *context, bool *ret_any) {
  const struct redis_reply *ids;
  struct status status = read_ids(store, context, "+inf", 1, &ids);
  if (status_is_ok(status)) *ret_any = ids->count > 0;
  return status;
}

/* ---- why, for the log ------------------------------------------------------------------------------------------- */

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

/* Where a new one goes: the next place, or that of the reason that hasn't come up for longest. */
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
