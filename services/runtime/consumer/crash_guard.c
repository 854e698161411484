/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/crash_guard.h"

#include <stdio.h>
#include <string.h>

enum {
  STARTS_TOLERATED = 5,
  ALONE_EVENTS = 256, /* run alone after suspicious starts */
  BLAME_US = 5000000,
};
static const char STARTS[] = "starts";

struct crash_guard crash_guard_of(struct event_store *store, struct arena *arena) {
  return (struct crash_guard){.store = store, .key = redis_key(store->commands, arena, "%s_alone", store->service)};
}

static coroutine_fn struct status increment(const struct crash_guard *guard, struct context *context, const char *field,
                                            int64_t *ret_value) {
  struct redis_arguments command = redis_command_of(context->arena, "HINCRBY", guard->key, field, "1", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(guard->store->commands, context, &command, &reply);
  if (status_is_ok(status)) *ret_value = redis_reply_number(reply, 0);
  return status;
}

coroutine_fn struct status crash_guard_load(struct crash_guard *guard, struct context *context) {
  /* This process lives, so the note that it could not take back during an outage was no end of it. */
  if (guard->attempt_left[0]) {
    char left[ENTRY_ID_SIZE];
    memcpy(left, guard->attempt_left, sizeof left);
    struct status status = crash_guard_over(guard, context, left);
    if (!status_is_ok(status)) return status;
  }
  struct redis_arguments get = redis_command_of(context->arena, "HKEYS", guard->key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(guard->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < reply->count; i++) {
    const char *field = redis_reply_text(redis_reply_at(reply, i));
    if (strcmp(field, STARTS) == 0) {
      guard->starts_counted = true;
    } else {
      guard->alone_left = ALONE_EVENTS;
    }
  }
  return status_ok();
}

coroutine_fn struct status crash_guard_begin(struct crash_guard *guard, struct context *context, int64_t epoch) {
  if (guard->trusted_epoch == epoch) return status_ok();
  int64_t starts;
  struct status status = increment(guard, context, STARTS, &starts);
  if (!status_is_ok(status)) return status;
  guard->starts_counted = true;
  guard->trusted_epoch = epoch;
  if (starts > STARTS_TOLERATED) guard->alone_left = ALONE_EVENTS;
  return status_ok();
}

coroutine_fn struct status crash_guard_attempt(struct crash_guard *guard, struct context *context, const char *entry_id,
                                               int64_t *ret_attempts) {
  snprintf(guard->attempt_left, sizeof guard->attempt_left, "%s", entry_id);
  return increment(guard, context, entry_id, ret_attempts);
}

coroutine_fn struct status crash_guard_over(struct crash_guard *guard, struct context *context, const char *entry_id) {
  struct redis_arguments command = redis_command_of(context->arena, "HDEL", guard->key, entry_id, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(guard->store->commands, context, &command, &reply);
  if (status_is_ok(status)) guard->attempt_left[0] = '\0';
  return status;
}

coroutine_fn struct status crash_guard_blame(struct crash_guard *guard, struct context *context, const char *entry_id,
                                             bool noted) {
  int64_t attempts;
  struct context later = context_at_least(context, BLAME_US); /* the handler may have used up the batch's time */
  struct status status = noted ? status_ok() : increment(guard, &later, entry_id, &attempts);
  guard->attempt_left[0] = '\0'; /* the note stays */
  return status;
}

void crash_guard_forget(const struct crash_guard *guard, struct transaction *transaction, const char *entry_id) {
  transaction_remove_field(transaction, guard->key, entry_id);
}

void crash_guard_add_good_start(const struct crash_guard *guard, struct transaction *transaction) {
  if (guard->starts_counted) transaction_remove_field(transaction, guard->key, STARTS);
}

void crash_guard_committed(struct crash_guard *guard, bool alone) {
  guard->starts_counted = false;
  if (alone) guard->attempt_left[0] = '\0';
}

bool crash_guard_has_notes(const struct crash_guard *guard) {
  return guard->starts_counted || guard->attempt_left[0];
}

void crash_guard_trust(struct crash_guard *guard, int64_t epoch) {
  guard->trusted_epoch = epoch;
}
