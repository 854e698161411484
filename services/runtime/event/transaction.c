#include "event/transaction.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct transaction transaction_of(struct event_store *store, struct arena *arena) {
  return (struct transaction){.store = store,
                              .arena = arena,
                              .guard_keys = redis_arguments_empty(arena),
                              .guards = redis_arguments_empty(arena),
                              .change_keys = redis_arguments_empty(arena),
                              .changes = redis_arguments_empty(arena)};
}

static int add_guard(struct transaction *transaction, const char *name, const char *key) {
  redis_add_text(&transaction->guards, name);
  if (key) redis_add_text(&transaction->guard_keys, key);
  return (int)++transaction->guard_count;
}

int transaction_require_absent(struct transaction *transaction, const char *key) {
  return add_guard(transaction, "absent", key);
}

int transaction_require_field(struct transaction *transaction, const char *key, const char *field, const char *value) {
  int number = add_guard(transaction, "field", key);
  redis_add_text(&transaction->guards, field);
  redis_add_text(&transaction->guards, value);
  return number;
}

int transaction_require_no_field(struct transaction *transaction, const char *key, const char *field) {
  int number = add_guard(transaction, "no_field", key);
  redis_add_text(&transaction->guards, field);
  return number;
}

int transaction_require_value(struct transaction *transaction, const char *key, const char *value) {
  int number = add_guard(transaction, "value", key);
  redis_add_text(&transaction->guards, value);
  return number;
}

int transaction_require_before(struct transaction *transaction, int64_t log_time) {
  int number = add_guard(transaction, "before", NULL);
  redis_add_number(&transaction->guards, log_time);
  return number;
}

void transaction_request(struct transaction *transaction, const char *key, const void *value, size_t size, bool timed) {
  transaction->request_key = key;
  transaction->request_value = value;
  transaction->request_value_size = size;
  transaction->request_timed = timed;
}

static struct redis_arguments *add_change(struct transaction *transaction, const char *name, const char *key) {
  redis_add_text(&transaction->changes, name);
  redis_add_text(&transaction->change_keys, key);
  transaction->change_count++;
  return &transaction->changes;
}

static void add_list(struct redis_arguments *changes, const struct redis_arguments *list) {
  redis_add_number(changes, (int64_t)list->count);
  redis_add_all(changes, list);
}

void transaction_set_value(struct transaction *transaction, const char *key, const char *value) {
  redis_add_text(add_change(transaction, "set", key), value);
}

void transaction_set_fields(struct transaction *transaction, const char *key, const struct redis_arguments *fields) {
  add_list(add_change(transaction, "hset", key), fields);
}

void transaction_set_field(struct transaction *transaction, const char *key, const char *field, const void *value,
                           size_t size) {
  struct redis_arguments *changes = add_change(transaction, "hset", key);
  redis_add_number(changes, 2);
  redis_add_text(changes, field);
  redis_add_bytes(changes, value, size);
}

void transaction_remove_field(struct transaction *transaction, const char *key, const char *field) {
  redis_add_text(add_change(transaction, "hdel", key), field);
}

void transaction_add_member(struct transaction *transaction, const char *key, const char *member) {
  redis_add_text(add_change(transaction, "sadd", key), member);
}

void transaction_remove_member(struct transaction *transaction, const char *key, const char *member) {
  redis_add_text(add_change(transaction, "srem", key), member);
}

void transaction_add_scored(struct transaction *transaction, const char *key, const char *member, int64_t score) {
  struct redis_arguments *changes = add_change(transaction, "zadd", key);
  redis_add_number(changes, score);
  redis_add_text(changes, member);
}

void transaction_remove_scored(struct transaction *transaction, const char *key, const char *member) {
  redis_add_text(add_change(transaction, "zrem", key), member);
}

void transaction_push(struct transaction *transaction, const char *key, const struct redis_arguments *values) {
  add_list(add_change(transaction, "rpush", key), values);
}

void transaction_trim(struct transaction *transaction, const char *key, int64_t count) {
  redis_add_number(add_change(transaction, "ltrim", key), count);
}

void transaction_delete(struct transaction *transaction, const char *key) {
  add_change(transaction, "del", key);
}

void transaction_append(struct transaction *transaction, const char *key, const struct redis_arguments *fields) {
  add_list(add_change(transaction, "xadd", key), fields);
  transaction->event_count++;
}

static struct redis_arguments all_keys(const struct transaction *transaction) {
  struct redis_arguments keys = redis_arguments_empty(transaction->arena);
  redis_add_text(&keys, clock_key(transaction->store, transaction->arena));
  if (transaction->request_key) redis_add_text(&keys, transaction->request_key);
  redis_add_all(&keys, &transaction->guard_keys);
  redis_add_all(&keys, &transaction->change_keys);
  return keys;
}

static struct redis_arguments all_values(const struct transaction *transaction) {
  struct redis_arguments values = redis_arguments_empty(transaction->arena);
  redis_add_number(&values, (int64_t)transaction->guard_count);
  redis_add_number(&values, (int64_t)transaction->change_count);
  redis_add_number(&values, (int64_t)transaction->event_count);
  redis_add_number(&values, transaction->after);
  redis_add_number(&values, transaction->request_key ? transaction->store->request_seconds * 1000 : 0);
  redis_add_bytes(&values, transaction->request_value ? transaction->request_value : "",
                  transaction->request_value_size);
  redis_add_text(&values, transaction->request_timed ? "1" : "");
  redis_add_all(&values, &transaction->guards);
  redis_add_all(&values, &transaction->changes);
  return values;
}

/* See the answers in lua/transaction.lua. */
static struct transaction_result result_of(const struct redis_reply *reply) {
  struct transaction_result result = {.outcome = TRANSACTION_REFUSED};
  const char *outcome = redis_reply_text(redis_reply_at(reply, 0));
  if (strcmp(outcome, "replayed") == 0) {
    result.outcome = TRANSACTION_REPLAYED;
    result.record = redis_reply_at(reply, 1)->text;
    result.record_size = redis_reply_at(reply, 1)->size;
  } else if (strcmp(outcome, "refused") == 0) {
    result.refused_by = (int)redis_reply_number(redis_reply_at(reply, 1), 0);
    result.actual = redis_reply_text(redis_reply_at(reply, 2));
  } else {
    result.outcome = TRANSACTION_DONE;
    result.first = redis_reply_number(redis_reply_at(reply, 1), 0);
    position_from_reply(redis_reply_at(reply, 2), redis_reply_at(reply, 3), &result.position);
  }
  return result;
}

struct status transaction_run(struct transaction *transaction, struct context *context,
                              struct transaction_result *ret_result) {
  struct event_store *store = transaction->store;
  struct redis_arguments keys = all_keys(transaction), values = all_values(transaction);
  const struct redis_reply *reply;
  struct status status = event_function_call(store, context, store->library, "transaction", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  *ret_result = result_of(reply);
  if (ret_result->position.log_time) event_store_saw(store, &ret_result->position);
  return status_ok();
}
