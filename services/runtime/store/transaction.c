/* SPDX-License-Identifier: Apache-2.0 */
#include "store/transaction.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/known_log.h"

enum { LIST_AT_ONCE = 2000 }; /* Lua hands at most some 8,000 values to a command */

struct transaction transaction_of(struct event_store *store, struct arena *arena) {
  return (struct transaction){.store = store,
                              .arena = arena,
                              .guard_keys = redis_arguments_empty(arena),
                              .guards = redis_arguments_empty(arena),
                              .change_keys = redis_arguments_empty(arena),
                              .changes = redis_arguments_empty(arena)};
}

void transaction_refuse(struct transaction *transaction, const char *format, ...) {
  if (transaction->fault) return;
  char text[512];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  transaction->fault = arena_strdup(transaction->arena, text);
}

/* Returns the text; if it is NULL, that is a fault, and the result "". */
static const char *needed(struct transaction *transaction, const char *text, const char *what) {
  if (text) return text;
  transaction_refuse(transaction, "%s is NULL", what);
  return "";
}

static int add_guard(struct transaction *transaction, const char *name) {
  redis_add_text(&transaction->guards, name);
  return (int)++transaction->guard_count;
}

static int add_key_guard(struct transaction *transaction, const char *name, const char *key) {
  redis_add_text(&transaction->guard_keys, needed(transaction, key, "the key of a guard"));
  return add_guard(transaction, name);
}

static void add_guard_text(struct transaction *transaction, const char *text) {
  redis_add_text(&transaction->guards, needed(transaction, text, "what a guard compares"));
}

int transaction_require_absent(struct transaction *transaction, const char *key) {
  return add_key_guard(transaction, "absent", key);
}

int transaction_require_field(struct transaction *transaction, const char *key, const char *field, const char *value) {
  int number = add_key_guard(transaction, "field", key);
  add_guard_text(transaction, field);
  add_guard_text(transaction, value);
  return number;
}

int transaction_require_no_field(struct transaction *transaction, const char *key, const char *field) {
  int number = add_key_guard(transaction, "no_field", key);
  add_guard_text(transaction, field);
  return number;
}

int transaction_require_value(struct transaction *transaction, const char *key, const char *value) {
  int number = add_key_guard(transaction, "value", key);
  add_guard_text(transaction, value);
  return number;
}

int transaction_require_members(struct transaction *transaction, const char *key, const struct redis_arguments *in,
                                const struct redis_arguments *out) {
  int number = add_key_guard(transaction, "members", key);
  redis_add_number(&transaction->guards, (int64_t)in->count);
  redis_add_number(&transaction->guards, (int64_t)(in->count + out->count));
  redis_add_all(&transaction->guards, in);
  redis_add_all(&transaction->guards, out);
  return number;
}

int transaction_require_before(struct transaction *transaction, int64_t log_time) {
  int number = add_guard(transaction, "before");
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
  redis_add_text(&transaction->change_keys, needed(transaction, key, "the key of a change"));
  transaction->change_count++;
  return &transaction->changes;
}

/* Adds a change with one argument. */
static void add_text_change(struct transaction *transaction, const char *name, const char *key, const char *text) {
  redis_add_text(add_change(transaction, name, key), needed(transaction, text, "what a change writes or removes"));
}

/* Adds a change with a list of arguments, or several if they don't fit into one. An empty list changes nothing. */
static void add_list_change(struct transaction *transaction, const char *name, const char *key,
                            const struct redis_arguments *list) {
  for (size_t at = 0; at < list->count; at += LIST_AT_ONCE) {
    size_t count = list->count - at < LIST_AT_ONCE ? list->count - at : LIST_AT_ONCE;
    struct redis_arguments *changes = add_change(transaction, name, key);
    redis_add_number(changes, (int64_t)count);
    for (size_t i = at; i < at + count; i++) redis_add_bytes(changes, list->values[i], list->sizes[i]);
  }
}

/* Fields alternate with their values. */
static bool check_pairs(struct transaction *transaction, const struct redis_arguments *fields) {
  if (fields->count % 2 == 0) return true;
  transaction_refuse(transaction, "a field comes without its value");
  return false;
}

void transaction_set_fields(struct transaction *transaction, const char *key, const struct redis_arguments *fields) {
  if (check_pairs(transaction, fields)) add_list_change(transaction, "hset", key, fields);
}

void transaction_set_field(struct transaction *transaction, const char *key, const char *field, const void *value,
                           size_t size) {
  struct redis_arguments *changes = add_change(transaction, "hset", key);
  redis_add_number(changes, 2);
  redis_add_text(changes, needed(transaction, field, "the field of a change"));
  redis_add_bytes(changes, needed(transaction, value, "the value of a field"), value ? size : 0);
}

void transaction_remove_field(struct transaction *transaction, const char *key, const char *field) {
  add_text_change(transaction, "hdel", key, field);
}

void transaction_add_member(struct transaction *transaction, const char *key, const char *member) {
  add_text_change(transaction, "sadd", key, member);
}

void transaction_remove_member(struct transaction *transaction, const char *key, const char *member) {
  add_text_change(transaction, "srem", key, member);
}

void transaction_add_scored(struct transaction *transaction, const char *key, const char *member, int64_t score) {
  struct redis_arguments *changes = add_change(transaction, "zadd", key);
  redis_add_number(changes, score);
  redis_add_text(changes, needed(transaction, member, "the member of a sorted set"));
}

void transaction_remove_scored(struct transaction *transaction, const char *key, const char *member) {
  add_text_change(transaction, "zrem", key, member);
}

void transaction_push(struct transaction *transaction, const char *key, const struct redis_arguments *values) {
  add_list_change(transaction, "rpush", key, values);
}

void transaction_trim(struct transaction *transaction, const char *key, int64_t count) {
  redis_add_number(add_change(transaction, "ltrim", key), count);
}

void transaction_delete(struct transaction *transaction, const char *key) {
  add_change(transaction, "del", key);
}

void transaction_append(struct transaction *transaction, const char *key, const struct redis_arguments *fields) {
  if (!check_pairs(transaction, fields)) return;
  if (fields->count == 0) transaction_refuse(transaction, "an event without fields");
  add_list_change(transaction, "xadd", key, fields);
  transaction->event_count++;
  transaction->last_stream = key;
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
  redis_add_text(&values, transaction->checks_kinds ? "1" : "");
  redis_add_all(&values, &transaction->guards);
  redis_add_all(&values, &transaction->changes);
  return values;
}

static struct status wrong_kind(struct transaction *transaction, const struct redis_reply *reply) {
  transaction->wrong_change = (size_t)redis_reply_number(redis_reply_at(reply, 1), 0);
  return status_error(transaction->arena, STATUS_INTERNAL, reason_redis_wrongtype, "the key %s holds a %s",
                      transaction->change_keys.values[transaction->wrong_change - 1],
                      redis_reply_text(redis_reply_at(reply, 2)));
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

coroutine_fn struct status transaction_run(struct transaction *transaction, struct context *context,
                                           struct transaction_result *ret_result) {
  struct event_store *store = transaction->store;
  if (transaction->fault) {
    return status_error(transaction->arena, STATUS_INTERNAL, reason_change_invalid, "%s", transaction->fault);
  }
  struct redis_arguments keys = all_keys(transaction), values = all_values(transaction);
  const struct redis_reply *reply;
  struct status status = event_function_call(store, context, store->library, "transaction", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  if (strcmp(redis_reply_text(redis_reply_at(reply, 0)), "kind") == 0) return wrong_kind(transaction, reply);
  *ret_result = result_of(reply);
  if (!ret_result->position.log_time) return status_ok();
  event_store_saw(store, &ret_result->position);
  known_log_appended(store->known, transaction->last_stream, ret_result->position.log_time);
  return status_ok();
}
