/* SPDX-License-Identifier: Apache-2.0 */
/* Suspicion: an event whose handler ends the process would end it again after every restart.
 *
 * Hash `<service>_alone`: the field `starts` counts the times that a lease was taken up without a commit since, and
 * a field named by an entry's id how often that event began to run alone without coming to an end. After more than five
 * such starts, or when there is such an event, the first events run alone, each with a durable note around its handler.
 * The third note without an end parks the event. Outages don't count: a handler that returns, with whatever status, has
 * not ended the process. One that blocks until its lease is over has, as it were: its note stays. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumer/consumer_parts.h"

enum { STARTS_TOLERATED = 5 };
static const char STARTS[] = "starts";

static struct status increment(struct consumer *consumer, struct context *context, const char *field,
                               int64_t *ret_value) {
  struct redis_arguments command =
      redis_command_of(context->arena, "HINCRBY", consumer->attempts_key, field, "1", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(consumer->store->commands, context, &command, &reply);
  if (status_is_ok(status)) *ret_value = redis_reply_number(reply, 0);
  return status;
}

struct status alone_over(struct consumer *consumer, struct context *context, const char *entry_id) {
  struct redis_arguments command = redis_command_of(context->arena, "HDEL", consumer->attempts_key, entry_id, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(consumer->store->commands, context, &command, &reply);
  if (status_is_ok(status)) consumer->attempt_left[0] = '\0';
  return status;
}

struct status alone_load(struct consumer *consumer, struct context *context) {
  /* This process lives: what it could not take back during an outage was no end of it. */
  if (consumer->attempt_left[0]) {
    char left[ENTRY_ID_SIZE];
    memcpy(left, consumer->attempt_left, sizeof left);
    struct status status = alone_over(consumer, context, left);
    if (!status_is_ok(status)) return status;
  }
  struct redis_arguments get = redis_command_of(context->arena, "HKEYS", consumer->attempts_key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(consumer->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < reply->count; i++) {
    const char *field = redis_reply_text(redis_reply_at(reply, i));
    if (strcmp(field, STARTS) == 0) {
      consumer->starts_counted = true;
    } else {
      consumer->alone_left = PAGE_EVENTS;
    }
  }
  return status_ok();
}

struct status alone_begin(struct consumer *consumer, struct context *context) {
  if (consumer->trusted_epoch == consumer->round_epoch) return status_ok();
  int64_t starts;
  struct status status = increment(consumer, context, STARTS, &starts);
  if (!status_is_ok(status)) return status;
  consumer->starts_counted = true;
  consumer->trusted_epoch = consumer->round_epoch;
  if (starts > STARTS_TOLERATED) consumer->alone_left = PAGE_EVENTS;
  return status_ok();
}

struct status alone_attempt(struct consumer *consumer, struct context *context, const char *entry_id,
                            int64_t *ret_attempts) {
  snprintf(consumer->attempt_left, sizeof consumer->attempt_left, "%s", entry_id);
  return increment(consumer, context, entry_id, ret_attempts);
}

struct status alone_blame(struct consumer *consumer, struct context *context, const char *entry_id, bool noted) {
  int64_t attempts;
  struct context later = context_at_least(context, CALL_US); /* the handler may have used up the page's time */
  struct status status = noted ? status_ok() : increment(consumer, &later, entry_id, &attempts);
  consumer->attempt_left[0] = '\0'; /* the note stays */
  return status;
}

void alone_commit(struct consumer *consumer, struct transaction *transaction) {
  if (consumer->starts_counted) transaction_remove_field(transaction, consumer->attempts_key, STARTS);
}

void alone_trust(struct consumer *consumer) {
  consumer->trusted_epoch = consumer->round_epoch;
}
