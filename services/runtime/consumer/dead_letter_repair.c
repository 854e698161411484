/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/dead_letter_repair.h"

#include <string.h>

#include "base/log.h"

enum { KEYS_AT_ONCE = 100 };

static void log_operation(const struct operation *operation) {
  log_event(LOG_WARN, "an operator repairs dead letters", "action", operation->action, "subject", operation->subject,
            "id", operation->id, "reason", operation->reason, "by", operation->by, NULL);
}

/* ---- retries ---------------------------------------------------------------------------------------------------- */

/* A key that goes on though it has dead letters is held again, so that its later events keep their order. */
static void add_retry(struct transaction *transaction, const char *key, const char *by) {
  const struct event_store *store = transaction->store;
  struct arena *arena = transaction->arena;
  if (strcmp(key, DEAD_LETTERS_OUTBOX) != 0) {
    transaction_add_member(transaction, dead_letters_keys_key(store, arena), key);
  }
  transaction_set_field(transaction, dead_letters_retries_key(store, arena), key, by, strlen(by));
}

coroutine_fn struct status dead_letters_ask_retry(struct event_store *store, struct context *context,
                                                  const struct redis_arguments *keys,
                                                  const struct operation *operation) {
  struct status status = status_ok();
  for (size_t done = 0; done < keys->count && status_is_ok(status);) {
    struct transaction transaction = transaction_of(store, context->arena);
    transaction.checks_kinds = true;
    if (done == 0) operation_record(&transaction, operation);
    for (size_t end = done + KEYS_AT_ONCE; done < keys->count && done < end; done++) {
      add_retry(&transaction, keys->values[done], operation->by);
    }
    struct transaction_result result;
    status = transaction_run(&transaction, context, &result);
  }
  if (status_is_ok(status)) log_operation(operation);
  return status;
}

coroutine_fn struct status dead_letters_count_retries(const struct event_store *store, struct context *context,
                                                      const struct redis_arguments *keys, size_t *ret_count) {
  *ret_count = 0;
  if (keys->count == 0) return status_ok();
  struct redis_arguments get =
      redis_command_of(context->arena, "HMGET", dead_letters_retries_key(store, context->arena), NULL);
  redis_add_all(&get, keys);
  const struct redis_reply *found;
  struct status status = redis_command(store->commands, context, &get, &found);
  for (size_t i = 0; status_is_ok(status) && i < found->count; i++) {
    *ret_count += redis_reply_text(found->elements[i]) != NULL;
  }
  return status;
}

/* ---- skipping --------------------------------------------------------------------------------------------------- */

static struct status not_first(struct arena *arena, const struct dead_letter *first, const char *id) {
  struct status status = status_error(arena, STATUS_FAILED_PRECONDITION, reason_dead_letter_not_first,
                                      "the first dead letter of %s is %s, not %s", first->key, first->id, id);
  return status_with_metadata(status, arena, "first", first->id);
}

static coroutine_fn struct status find_first(const struct event_store *store, struct context *context,
                                             const struct operation *operation, struct dead_letter_sight *ret_first) {
  struct dead_letter_sight *first;
  size_t count;
  struct status status = dead_letters_read(store, context, operation->subject, 0, 1, &first, &count);
  if (!status_is_ok(status)) return status;
  if (count == 0) return status_not_found(context->arena, "dead_letter", operation->id);
  *ret_first = *first;
  if (strcmp(first->letter.id, operation->id) == 0) return status;
  return not_first(context->arena, &first->letter, operation->id);
}

coroutine_fn struct status dead_letter_skip(struct event_store *store, struct context *context,
                                            const struct operation *operation, struct dead_letter_sight *ret_skipped) {
  struct transaction_result result;
  struct status status;
  do {
    status = find_first(store, context, operation, ret_skipped);
    if (!status_is_ok(status)) return status;
    struct transaction transaction = transaction_of(store, context->arena);
    dead_letter_take(&transaction, &ret_skipped->letter);
    add_retry(&transaction, operation->subject, operation->by);
    operation_record(&transaction, operation);
    status = transaction_run(&transaction, context, &result);
  } while (status_is_ok(status) && result.outcome == TRANSACTION_REFUSED);
  if (status_is_ok(status)) log_operation(operation);
  return status;
}
