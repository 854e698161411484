/* SPDX-License-Identifier: Apache-2.0 */
#include "store/transaction.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/store_connections.h"

enum {
  LIST_AT_ONCE = 2000, /* Lua hands at most some 8,000 values to a command */
  HEADER_OBJECTS = 3,  /* of a program */
  STEP_OBJECTS = 3,    /* likewise of a guard or change, besides its values */
  REQUEST_OBJECTS = 3, /* likewise of a request record */
};

/* The numbers by which lua/transactions.lua knows them. */
enum guard {
  GUARD_ABSENT = 1,
  GUARD_VALUE,
  GUARD_FIELD,
  GUARD_NO_FIELD,
  GUARD_MEMBERS,
  GUARD_BEFORE,
  GUARD_FIELD_BELOW,
  GUARD_BEGINNING,
  GUARD_FIELDS,
};
enum change {
  CHANGE_SET = 1,
  CHANGE_HSET,
  CHANGE_HDEL,
  CHANGE_SADD,
  CHANGE_SREM,
  CHANGE_ZADD,
  CHANGE_ZREM,
  CHANGE_RPUSH,
  CHANGE_LTRIM,
  CHANGE_DEL,
  CHANGE_XADD,
  CHANGE_ZADD_LOG_TIME,
  CHANGE_GROUP,
};
enum { HAS_REQUEST = 1, IS_TIMED = 2, CHECKS_KINDS = 4, HAS_AFTER = 8, MOVES_CLOCK = 16 };

static struct transaction_steps no_steps(struct arena *arena) {
  return (struct transaction_steps){.values = redis_arguments_empty(arena)};
}

struct transaction transaction_of(struct event_store *store, struct arena *arena) {
  return (struct transaction){.store = store, .arena = arena, .guards = no_steps(arena), .changes = no_steps(arena)};
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

/* Fields alternate with their values. */
static bool check_pairs(struct transaction *transaction, const struct redis_arguments *fields) {
  if (fields->count % 2 == 0) return true;
  transaction_refuse(transaction, "a field comes without its value");
  return false;
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static void make_room(struct transaction *transaction, struct transaction_steps *steps) {
  enum { FIRST_CAPACITY = 8 };
  if (steps->count < steps->capacity) return;
  steps->capacity = steps->count > 0 ? 2 * steps->count : FIRST_CAPACITY;
  struct transaction_step *more = arena_calloc(transaction->arena, steps->capacity, sizeof *more);
  if (steps->count > 0) memcpy(more, steps->steps, steps->count * sizeof *more);
  steps->steps = more;
}

/* Adds a step, whose values follow. */
static struct redis_arguments *add_step(struct transaction *transaction, struct transaction_steps *steps, int code,
                                        const char *key, size_t values) {
  make_room(transaction, steps);
  steps->steps[steps->count++] = (struct transaction_step){.code = code, .key = key, .values = values};
  return &steps->values;
}

/* ---- guards ----------------------------------------------------------------------------------------------------- */

static struct redis_arguments *add_guard(struct transaction *transaction, enum guard guard, const char *key,
                                         size_t values) {
  return add_step(transaction, &transaction->guards, (int)guard, needed(transaction, key, "the key of a guard"),
                  values);
}

/* Adds a guard that compares texts; the second may be NULL if it has only one. Returns its number. */
static int add_text_guard(struct transaction *transaction, enum guard guard, const char *key, size_t count,
                          const char *first, const char *second) {
  struct redis_arguments *values = add_guard(transaction, guard, key, count);
  redis_add_text(values, needed(transaction, first, "what a guard compares"));
  if (count > 1) redis_add_text(values, needed(transaction, second, "what a guard compares"));
  return (int)transaction->guards.count;
}

int transaction_require_absent(struct transaction *transaction, const char *key) {
  add_guard(transaction, GUARD_ABSENT, key, 0);
  return (int)transaction->guards.count;
}

int transaction_require_field(struct transaction *transaction, const char *key, const char *field, const char *value) {
  return add_text_guard(transaction, GUARD_FIELD, key, 2, field, value);
}

int transaction_require_fields(struct transaction *transaction, const char *key, const struct redis_arguments *fields) {
  if (!check_pairs(transaction, fields)) return 0;
  redis_add_all(add_guard(transaction, GUARD_FIELDS, key, fields->count), fields);
  transaction->lookups += fields->count / 2;
  return (int)transaction->guards.count;
}

int transaction_require_no_field(struct transaction *transaction, const char *key, const char *field) {
  return add_text_guard(transaction, GUARD_NO_FIELD, key, 1, field, NULL);
}

int transaction_require_value(struct transaction *transaction, const char *key, const char *value) {
  return add_text_guard(transaction, GUARD_VALUE, key, 1, value, NULL);
}

int transaction_require_unchanged(struct transaction *transaction, const char *key, const void *value, size_t size) {
  if (!value) return transaction_require_absent(transaction, key);
  redis_add_bytes(add_guard(transaction, GUARD_VALUE, key, 1), value, size);
  return (int)transaction->guards.count;
}

int transaction_require_field_unchanged(struct transaction *transaction, const char *key, const char *field,
                                        const void *value, size_t size) {
  if (!value) return transaction_require_no_field(transaction, key, field);
  struct redis_arguments *values = add_guard(transaction, GUARD_FIELD, key, 2);
  redis_add_text(values, needed(transaction, field, "what a guard compares"));
  redis_add_bytes(values, value, size);
  return (int)transaction->guards.count;
}

int transaction_require_field_below(struct transaction *transaction, const char *key, const char *field,
                                    int64_t log_time) {
  struct redis_arguments *values = add_guard(transaction, GUARD_FIELD_BELOW, key, 2);
  redis_add_text(values, needed(transaction, field, "what a guard compares"));
  redis_add_number(values, log_time);
  return (int)transaction->guards.count;
}

int transaction_require_members(struct transaction *transaction, const char *key, const struct redis_arguments *in,
                                const struct redis_arguments *out) {
  struct redis_arguments *values = add_guard(transaction, GUARD_MEMBERS, key, 1 + in->count + out->count);
  redis_add_number(values, (int64_t)in->count);
  redis_add_all(values, in);
  redis_add_all(values, out);
  transaction->lookups += in->count + out->count;
  return (int)transaction->guards.count;
}

int transaction_require_beginning(struct transaction *transaction, const char *key,
                                  const struct redis_arguments *values) {
  redis_add_all(add_guard(transaction, GUARD_BEGINNING, key, values->count), values);
  return (int)transaction->guards.count;
}

int transaction_require_before(struct transaction *transaction, int64_t log_time) {
  const char *clock = clock_key(transaction->store, transaction->arena);
  redis_add_number(add_guard(transaction, GUARD_BEFORE, clock, 1), log_time);
  transaction->requires_before = true;
  return (int)transaction->guards.count;
}

void transaction_request(struct transaction *transaction, const char *key, const void *value, size_t size, bool timed) {
  transaction->request_key = key;
  transaction->request_value = value;
  transaction->request_value_size = size;
  transaction->request_timed = timed;
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static struct redis_arguments *add_change(struct transaction *transaction, enum change change, const char *key,
                                          size_t values) {
  return add_step(transaction, &transaction->changes, (int)change, needed(transaction, key, "the key of a change"),
                  values);
}

/* Adds a change with one value. */
static void add_text_change(struct transaction *transaction, enum change change, const char *key, const char *text) {
  redis_add_text(add_change(transaction, change, key, 1), needed(transaction, text, "what a change writes or removes"));
}

/* Adds a change with a list of values, or several if they don't fit into one. An empty list changes nothing. */
static void add_list_change(struct transaction *transaction, enum change change, const char *key,
                            const struct redis_arguments *list) {
  for (size_t at = 0; at < list->count; at += LIST_AT_ONCE) {
    size_t count = list->count - at < LIST_AT_ONCE ? list->count - at : LIST_AT_ONCE;
    struct redis_arguments *values = add_change(transaction, change, key, count);
    for (size_t i = at; i < at + count; i++) redis_add_bytes(values, list->values[i], list->sizes[i]);
  }
}

void transaction_set_value(struct transaction *transaction, const char *key, const char *value) {
  add_text_change(transaction, CHANGE_SET, key, value);
}

void transaction_set_fields(struct transaction *transaction, const char *key, const struct redis_arguments *fields) {
  if (check_pairs(transaction, fields)) add_list_change(transaction, CHANGE_HSET, key, fields);
}

void transaction_set_field(struct transaction *transaction, const char *key, const char *field, const void *value,
                           size_t size) {
  struct redis_arguments *values = add_change(transaction, CHANGE_HSET, key, 2);
  redis_add_text(values, needed(transaction, field, "the field of a change"));
  redis_add_bytes(values, needed(transaction, value, "the value of a field"), value ? size : 0);
}

void transaction_remove_field(struct transaction *transaction, const char *key, const char *field) {
  add_text_change(transaction, CHANGE_HDEL, key, field);
}

void transaction_add_member(struct transaction *transaction, const char *key, const char *member) {
  add_text_change(transaction, CHANGE_SADD, key, member);
}

void transaction_remove_member(struct transaction *transaction, const char *key, const char *member) {
  add_text_change(transaction, CHANGE_SREM, key, member);
}

void transaction_add_scored(struct transaction *transaction, const char *key, const char *member, int64_t score) {
  const char *text = needed(transaction, member, "the member of a sorted set");
  if (score == 0) {
    redis_add_text(add_change(transaction, CHANGE_ZADD_LOG_TIME, key, 1), text);
    return;
  }
  struct redis_arguments *values = add_change(transaction, CHANGE_ZADD, key, 2);
  redis_add_number(values, score);
  redis_add_text(values, text);
}

void transaction_remove_scored(struct transaction *transaction, const char *key, const char *member) {
  add_text_change(transaction, CHANGE_ZREM, key, member);
}

void transaction_push(struct transaction *transaction, const char *key, const struct redis_arguments *values) {
  add_list_change(transaction, CHANGE_RPUSH, key, values);
}

/* From the element `from` on, counted from the end if it is negative. */
static void trim_to(struct transaction *transaction, const char *key, int64_t from) {
  struct redis_arguments *values = add_change(transaction, CHANGE_LTRIM, key, 2);
  redis_add_number(values, from);
  redis_add_number(values, -1);
}

void transaction_trim(struct transaction *transaction, const char *key, int64_t count) {
  trim_to(transaction, key, count);
}

void transaction_keep_last(struct transaction *transaction, const char *key, int64_t count) {
  trim_to(transaction, key, -count);
}

void transaction_delete(struct transaction *transaction, const char *key) {
  add_change(transaction, CHANGE_DEL, key, 0);
}

void transaction_follow(struct transaction *transaction, int64_t log_time) {
  if (log_time > transaction->after) transaction->after = log_time;
  transaction->moves_clock = transaction->moves_clock || transaction->store->follows_others;
}

void transaction_append(struct transaction *transaction, const char *key, const struct redis_arguments *fields) {
  if (!check_pairs(transaction, fields)) return;
  if (fields->count == 0) transaction_refuse(transaction, "an event without fields");
  if (fields->count > LIST_AT_ONCE)
    transaction_refuse(transaction, "an event with more than %d fields", LIST_AT_ONCE / 2);
  add_list_change(transaction, CHANGE_XADD, key, fields);
  transaction->event_count++;
  transaction->last_stream = key;
}

void transaction_move_group(struct transaction *transaction, const char *key, const char *group, const char *id,
                            const char *from, size_t count) {
  struct redis_arguments *values = add_change(transaction, CHANGE_GROUP, key, 4);
  redis_add_text(values, group);
  redis_add_text(values, needed(transaction, id, "the place of a consumer group"));
  redis_add_text(values, needed(transaction, from, "the place of a consumer group"));
  redis_add_number(values, (int64_t)count);
}

/* ---- its part of a program -------------------------------------------------------------------------------------- */

static int flags_of(const struct transaction *transaction) {
  int flags = transaction->request_key ? HAS_REQUEST : 0;
  if (transaction->request_timed && transaction->event_count > 0) flags |= IS_TIMED;
  if (transaction->checks_kinds) flags |= CHECKS_KINDS;
  if (transaction->after > 0) flags |= HAS_AFTER;
  if (transaction->after > 0 && transaction->moves_clock) flags |= MOVES_CLOCK;
  return flags;
}

static size_t objects_of(const struct transaction_steps *steps) {
  return steps->count * STEP_OBJECTS + steps->values.count;
}

static void add_as_text(struct program *program, struct arena *arena, int64_t number) {
  const char *text = arena_printf(arena, "%" PRId64, number);
  program_add_text(program, text, strlen(text));
}

static void add_steps(struct program *program, const struct transaction_steps *steps) {
  size_t at = 0;
  for (size_t i = 0; i < steps->count; i++) {
    const struct transaction_step *step = &steps->steps[i];
    program_add_number(program, (size_t)step->code);
    program_add_key(program, step->key);
    program_add_number(program, step->values);
    for (size_t end = at + step->values; at < end; at++) {
      program_add_text(program, steps->values.values[at], steps->values.sizes[at]);
    }
  }
}

void transaction_add_to(const struct transaction *transaction, struct program *program) {
  int flags = flags_of(transaction);
  size_t objects = HEADER_OBJECTS + objects_of(&transaction->guards) + objects_of(&transaction->changes);
  if (flags & HAS_AFTER) objects++;
  if (flags & HAS_REQUEST) objects += REQUEST_OBJECTS;
  program_begin(program, objects);
  program_add_number(program, (size_t)flags);
  program_add_number(program, transaction->guards.count);
  program_add_number(program, transaction->changes.count);
  if (flags & HAS_AFTER) add_as_text(program, transaction->arena, transaction->after);
  if (flags & HAS_REQUEST) {
    program_add_key(program, transaction->request_key);
    add_as_text(program, transaction->arena, transaction->store->request_seconds * 1000);
    program_add_text(program, transaction->request_value, transaction->request_value_size);
  }
  add_steps(program, &transaction->guards);
  add_steps(program, &transaction->changes);
}
