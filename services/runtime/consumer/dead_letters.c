/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/dead_letters.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key_table.h"
#include "base/log.h"
#include "base/memory.h"

enum {
  LOOKED_AT = 100,  /* lists of free keys, at each load */
  ADDED_MAX = 1000, /* members of a set, in a command */
};

/* A key whose commit is still to come. */
struct added_key {
  const char *key;
  struct added_key *next;
};

struct dead_letters {
  struct event_store *store;
  struct arena *arena;    /* of what follows */
  struct key_table *keys; /* the set, as it was read or written last, and `added` */
  struct key_table *left; /* free keys that have a list, of which the log has been told */
  struct added_key *added;
  struct dead_letters_retry *retries;
  bool has_lists;
};

static void begin_tables(struct dead_letters *letters) {
  letters->arena = arena_new();
  letters->keys = key_table_new(letters->arena);
  letters->left = key_table_new(letters->arena);
  letters->added = NULL;
  letters->retries = NULL;
  letters->has_lists = false;
}

struct dead_letters *dead_letters_new(struct event_store *store) {
  struct dead_letters *letters = memory_calloc(1, sizeof *letters);
  letters->store = store;
  begin_tables(letters);
  return letters;
}

void dead_letters_free(struct dead_letters *letters) {
  if (!letters) return;
  arena_free(letters->arena);
  free(letters);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

struct loading {
  struct dead_letters *letters;
  struct context *context;
  const struct redis_reply *keys, *lists, *retries;
  struct key_table *told; /* what was left before */
};

static coroutine_fn struct status read_sets(struct loading *loading) {
  struct event_store *store = loading->letters->store;
  struct arena *arena = loading->context->arena;
  struct redis_arguments keys = redis_command_of(arena, "SMEMBERS", dead_letters_keys_key(store, arena), NULL);
  struct redis_arguments lists = redis_command_of(arena, "SMEMBERS", dead_letters_lists_key(store, arena), NULL);
  struct redis_arguments retries = redis_command_of(arena, "HGETALL", dead_letters_retries_key(store, arena), NULL);
  struct redis_pending *first = redis_send(store->commands, loading->context, &keys);
  struct redis_pending *second = redis_send(store->commands, loading->context, &lists);
  struct redis_pending *third = redis_send(store->commands, loading->context, &retries);
  struct status status = redis_receive(first, &loading->keys), other = redis_receive(second, &loading->lists);
  struct status last = redis_receive(third, &loading->retries);
  if (status_is_ok(status)) status = other;
  return status_is_ok(status) ? last : status;
}

/* Lists of an older version of this library, which kept no set of them. */
static coroutine_fn struct status register_lists(struct loading *loading) {
  struct event_store *store = loading->letters->store;
  struct arena *arena = loading->context->arena;
  struct key_table *known = key_table_new(arena);
  for (size_t i = 0; i < loading->lists->count; i++) {
    *key_table_at(known, redis_reply_text(redis_reply_at(loading->lists, i))) = known;
  }
  struct redis_arguments add = redis_command_of(arena, "SADD", dead_letters_lists_key(store, arena), NULL);
  size_t before = add.count;
  for (size_t i = 0; i < loading->keys->count && add.count < before + ADDED_MAX; i++) {
    const char *key = redis_reply_text(redis_reply_at(loading->keys, i));
    if (!key_table_find(known, key)) redis_add_text(&add, key);
  }
  const struct redis_reply *reply;
  return add.count > before ? redis_command(store->commands, loading->context, &add, &reply) : status_ok();
}

/* A list stays if it has got an entry since it was looked at. */
static coroutine_fn struct status unregister_list(struct loading *loading, const char *key) {
  struct event_store *store = loading->letters->store;
  struct arena *arena = loading->context->arena;
  struct transaction transaction = transaction_of(store, arena);
  struct transaction_result result;
  transaction_require_absent(&transaction, dead_letters_list_key(store, arena, key));
  transaction_remove_member(&transaction, dead_letters_lists_key(store, arena), key);
  return transaction_run(&transaction, loading->context, &result);
}

static coroutine_fn struct status look_at_list(struct loading *loading, const char *key) {
  struct dead_letters *letters = loading->letters;
  struct arena *arena = loading->context->arena;
  struct redis_arguments length =
      redis_command_of(arena, "LLEN", dead_letters_list_key(letters->store, arena, key), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(letters->store->commands, loading->context, &length, &reply);
  if (!status_is_ok(status)) return status;
  int64_t events = redis_reply_number(reply, 0);
  if (events == 0) return unregister_list(loading, key);
  if (strcmp(key, DEAD_LETTERS_OUTBOX) == 0) return status; /* which never is held */
  *key_table_at(letters->left, key) = letters;
  if (!key_table_find(loading->told, key)) {
    log_event(LOG_WARN, "a key goes on, though it has dead letters", "key", key, "events", log_number(events), NULL);
  }
  return status_ok();
}

static coroutine_fn struct status look_at_lists(struct loading *loading) {
  struct status status = status_ok();
  size_t looked = 0;
  for (size_t i = 0; i < loading->lists->count && looked < LOOKED_AT && status_is_ok(status); i++) {
    const char *key = redis_reply_text(redis_reply_at(loading->lists, i));
    if (dead_letters_holds(loading->letters, key)) continue;
    looked++;
    status = look_at_list(loading, key);
  }
  return status;
}

static void note_retries(struct dead_letters *letters, const struct redis_reply *retries) {
  for (size_t i = 0; i + 1 < retries->count; i += 2) {
    struct dead_letters_retry *retry = arena_alloc(letters->arena, sizeof *retry);
    *retry = (struct dead_letters_retry){
        .key = arena_strdup(letters->arena, redis_reply_text(redis_reply_at(retries, i))),
        .by = arena_strdup(letters->arena, redis_reply_text(redis_reply_at(retries, i + 1))),
        .next = letters->retries};
    letters->retries = retry;
  }
}

coroutine_fn struct status dead_letters_load(struct dead_letters *letters, struct context *context) {
  struct loading loading = {.letters = letters, .context = context, .told = letters->left};
  struct status status = read_sets(&loading);
  if (!status_is_ok(status)) return status;
  struct arena *before = letters->arena;
  begin_tables(letters);
  for (size_t i = 0; i < loading.keys->count; i++) {
    *key_table_at(letters->keys, redis_reply_text(redis_reply_at(loading.keys, i))) = letters;
  }
  letters->has_lists = loading.lists->count > 0;
  note_retries(letters, loading.retries);
  status = register_lists(&loading);
  if (status_is_ok(status)) status = look_at_lists(&loading);
  arena_free(before);
  return status;
}

/* A retry may be asked for that this process knows nothing of: of messages, or of a key that was held by hand. */
coroutine_fn struct status dead_letters_refresh(struct dead_letters *letters, struct context *context) {
  if (!dead_letters_is_empty(letters)) return dead_letters_load(letters, context);
  struct event_store *store = letters->store;
  struct redis_arguments exists =
      redis_command_of(context->arena, "EXISTS", dead_letters_retries_key(store, context->arena), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &exists, &reply);
  if (!status_is_ok(status) || redis_reply_number(reply, 0) == 0) return status;
  return dead_letters_load(letters, context);
}

coroutine_fn struct status dead_letters_find(struct event_store *store, struct context *context, const char *key,
                                             bool *ret_found) {
  struct arena *arena = context->arena;
  struct redis_arguments member = redis_command_of(arena, "SISMEMBER", dead_letters_keys_key(store, arena), key, NULL);
  struct redis_arguments list = redis_command_of(arena, "EXISTS", dead_letters_list_key(store, arena, key), NULL);
  struct redis_pending *first = redis_send(store->commands, context, &member);
  struct redis_pending *second = redis_send(store->commands, context, &list);
  const struct redis_reply *is_member, *exists;
  struct status status = redis_receive(first, &is_member), other = redis_receive(second, &exists);
  if (status_is_ok(status)) status = other;
  if (status_is_ok(status)) *ret_found = redis_reply_number(is_member, 0) + redis_reply_number(exists, 0) > 0;
  return status;
}

/* ---- asking and adding ------------------------------------------------------------------------------------------ */

bool dead_letters_is_empty(const struct dead_letters *letters) {
  return key_table_count(letters->keys) == 0 && !letters->has_lists && !letters->retries;
}

bool dead_letters_holds(const struct dead_letters *letters, const char *key) {
  return key_table_find(letters->keys, key) != NULL;
}

static void add_line(struct transaction *transaction, const char *key, const void *line, size_t size) {
  struct redis_arguments values = redis_arguments_empty(transaction->arena);
  redis_add_bytes(&values, line, size);
  transaction_push(transaction, dead_letters_list_key(transaction->store, transaction->arena, key), &values);
  transaction_add_member(transaction, dead_letters_lists_key(transaction->store, transaction->arena), key);
}

/* What is noted when it is dead-lettered first. */
static void add_first_note(struct transaction *transaction, const char *id, const char *reason) {
  int64_t now_us = clock_wall_us();
  dead_letter_put_note(
      transaction, id,
      &(struct dead_letter_note){.attempts = 1, .first_us = now_us, .last_us = now_us, .reason = reason});
}

void dead_letters_add_message(struct transaction *transaction, const void *message, size_t size, const char *reason) {
  struct dead_letter letter = dead_letter_of(transaction->arena, DEAD_LETTERS_OUTBOX, message, size);
  add_line(transaction, letter.key, message, size);
  add_first_note(transaction, letter.id, reason);
}

void dead_letters_add(struct dead_letters *letters, struct transaction *transaction, const struct event *event,
                      const char *key, const char *reason) {
  const char *event_id = event->event_id ? event->event_id : "-";
  const char *line = arena_printf(transaction->arena, "%s %s %s %s", event->stream, event->id, event_id, reason);
  add_line(transaction, key, line, strlen(line));
  if (reason == dead_letters_follower) return;
  add_first_note(transaction, event->id, reason);
  transaction_add_member(transaction, dead_letters_keys_key(letters->store, transaction->arena), key);
  if (dead_letters_holds(letters, key)) return;
  struct added_key *added = arena_alloc(letters->arena, sizeof *added);
  *added = (struct added_key){.key = arena_strdup(letters->arena, key), .next = letters->added};
  letters->added = added;
  *key_table_at(letters->keys, key) = added;
}

void dead_letters_committed(struct dead_letters *letters) {
  letters->added = NULL;
}

void dead_letters_discard(struct dead_letters *letters) {
  for (; letters->added; letters->added = letters->added->next) {
    *key_table_at(letters->keys, letters->added->key) = NULL;
  }
}

bool dead_letters_holds_none(const struct dead_letters *letters) {
  return key_table_count(letters->keys) == 0;
}

void dead_letters_require_none(const struct dead_letters *letters, struct transaction *transaction) {
  transaction_require_absent(transaction, dead_letters_keys_key(letters->store, transaction->arena));
}

void dead_letters_require(const struct dead_letters *letters, struct transaction *transaction,
                          const struct redis_arguments *held, const struct redis_arguments *free) {
  transaction_require_members(transaction, dead_letters_keys_key(letters->store, transaction->arena), held, free);
}

/* ---- retries ---------------------------------------------------------------------------------------------------- */

const struct dead_letters_retry *dead_letters_next_retry(const struct dead_letters *letters) {
  return letters->retries;
}

void dead_letters_retry_ended(struct dead_letters *letters, const char *key) {
  for (struct dead_letters_retry **at = &letters->retries; *at; at = &(*at)->next) {
    if (strcmp((*at)->key, key) != 0) continue;
    *at = (*at)->next;
    return;
  }
}

void dead_letters_key_freed(struct dead_letters *letters, const char *key) {
  *key_table_at(letters->keys, key) = NULL;
  dead_letters_retry_ended(letters, key);
}

void dead_letters_end_retry(struct transaction *transaction, const char *key) {
  transaction_remove_field(transaction, dead_letters_retries_key(transaction->store, transaction->arena), key);
}

void dead_letters_refuse_retry(struct transaction *transaction, const struct dead_letter *letter,
                               const struct dead_letter_note *before, const char *reason) {
  dead_letter_require_first(transaction, letter);
  struct dead_letter_note note = *before;
  note.attempts++;
  note.last_us = clock_wall_us();
  if (note.first_us == 0) note.first_us = note.last_us;
  note.reason = reason;
  dead_letter_put_note(transaction, letter->id, &note);
  dead_letters_end_retry(transaction, letter->key);
}
