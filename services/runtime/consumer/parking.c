/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/parking.h"

#include <stdlib.h>
#include <string.h>

#include "base/key_table.h"
#include "base/log.h"
#include "base/memory.h"

const char parking_follower[] = "after a parked event of its key";

enum {
  LOOKED_AT = 100,   /* lists of free keys, at each load */
  ADDED_MOST = 1000, /* members of a set, in a command */
};

/* A key whose commit is still to come. */
struct added_key {
  const char *key;
  struct added_key *next;
};

struct parking {
  struct event_store *store;
  struct arena *arena;    /* of what follows */
  struct key_table *keys; /* the set, as it was read or written last, and `added` */
  struct key_table *left; /* free keys that have a list, of which the log has been told */
  struct added_key *added;
  bool has_lists;
};

static void begin_tables(struct parking *parking) {
  parking->arena = arena_new();
  parking->keys = key_table_new(parking->arena);
  parking->left = key_table_new(parking->arena);
  parking->added = NULL;
  parking->has_lists = false;
}

struct parking *parking_new(struct event_store *store) {
  struct parking *parking = memory_calloc(1, sizeof *parking);
  parking->store = store;
  begin_tables(parking);
  return parking;
}

void parking_free(struct parking *parking) {
  if (!parking) return;
  arena_free(parking->arena);
  free(parking);
}

const char *parking_list_key(const struct event_store *store, struct arena *arena, const char *key) {
  return redis_key(store->commands, arena, "%s_parked:%s", store->service, key);
}

const char *parking_set_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_parked_keys", store->service);
}

const char *parking_lists_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_parked_lists", store->service);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

struct loading {
  struct parking *parking;
  struct context *context;
  const struct redis_reply *keys, *lists;
  struct key_table *told; /* what was left before */
};

static struct status read_sets(struct loading *loading) {
  struct event_store *store = loading->parking->store;
  struct arena *arena = loading->context->arena;
  struct redis_arguments keys = redis_command_of(arena, "SMEMBERS", parking_set_key(store, arena), NULL);
  struct redis_arguments lists = redis_command_of(arena, "SMEMBERS", parking_lists_key(store, arena), NULL);
  struct redis_pending *first = redis_send(store->commands, loading->context, &keys);
  struct redis_pending *second = redis_send(store->commands, loading->context, &lists);
  struct status status = redis_receive(first, &loading->keys), other = redis_receive(second, &loading->lists);
  return status_is_ok(status) ? status : other;
}

/* Lists of an older version of this library, which kept no set of them. */
static struct status register_lists(struct loading *loading) {
  struct event_store *store = loading->parking->store;
  struct arena *arena = loading->context->arena;
  struct key_table *known = key_table_new(arena);
  for (size_t i = 0; i < loading->lists->count; i++) {
    *key_table_at(known, redis_reply_text(redis_reply_at(loading->lists, i))) = known;
  }
  struct redis_arguments add = redis_command_of(arena, "SADD", parking_lists_key(store, arena), NULL);
  size_t before = add.count;
  for (size_t i = 0; i < loading->keys->count && add.count < before + ADDED_MOST; i++) {
    const char *key = redis_reply_text(redis_reply_at(loading->keys, i));
    if (!key_table_find(known, key)) redis_add_text(&add, key);
  }
  const struct redis_reply *reply;
  return add.count > before ? redis_command(store->commands, loading->context, &add, &reply) : status_ok();
}

/* A list that has got an entry since it was looked at stays. */
static struct status unregister_list(struct loading *loading, const char *key) {
  struct event_store *store = loading->parking->store;
  struct arena *arena = loading->context->arena;
  struct transaction transaction = transaction_of(store, arena);
  struct transaction_result result;
  transaction_require_absent(&transaction, parking_list_key(store, arena, key));
  transaction_remove_member(&transaction, parking_lists_key(store, arena), key);
  return transaction_run(&transaction, loading->context, &result);
}

static struct status look_at_list(struct loading *loading, const char *key) {
  struct parking *parking = loading->parking;
  struct arena *arena = loading->context->arena;
  struct redis_arguments length = redis_command_of(arena, "LLEN", parking_list_key(parking->store, arena, key), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(parking->store->commands, loading->context, &length, &reply);
  if (!status_is_ok(status)) return status;
  int64_t events = redis_reply_number(reply, 0);
  if (events == 0) return unregister_list(loading, key);
  *key_table_at(parking->left, key) = parking;
  if (!key_table_find(loading->told, key)) {
    log_event(LOG_WARN, "a key goes on, though events of it lie parked", "key", key, "events", log_number(events),
              NULL);
  }
  return status_ok();
}

static struct status look_at_lists(struct loading *loading) {
  struct status status = status_ok();
  size_t looked = 0;
  for (size_t i = 0; i < loading->lists->count && looked < LOOKED_AT && status_is_ok(status); i++) {
    const char *key = redis_reply_text(redis_reply_at(loading->lists, i));
    if (parking_holds(loading->parking, key) || strcmp(key, PARKING_KEY_OUTBOX) == 0) continue;
    looked++;
    status = look_at_list(loading, key);
  }
  return status;
}

struct status parking_load(struct parking *parking, struct context *context) {
  struct loading loading = {.parking = parking, .context = context, .told = parking->left};
  struct status status = read_sets(&loading);
  if (!status_is_ok(status)) return status;
  struct arena *before = parking->arena;
  begin_tables(parking);
  for (size_t i = 0; i < loading.keys->count; i++) {
    *key_table_at(parking->keys, redis_reply_text(redis_reply_at(loading.keys, i))) = parking;
  }
  parking->has_lists = loading.lists->count > 0;
  status = register_lists(&loading);
  if (status_is_ok(status)) status = look_at_lists(&loading);
  arena_free(before);
  return status;
}

struct status parking_find(struct event_store *store, struct context *context, const char *key, bool *ret_parked) {
  struct arena *arena = context->arena;
  struct redis_arguments member = redis_command_of(arena, "SISMEMBER", parking_set_key(store, arena), key, NULL);
  struct redis_arguments list = redis_command_of(arena, "EXISTS", parking_list_key(store, arena, key), NULL);
  struct redis_pending *first = redis_send(store->commands, context, &member);
  struct redis_pending *second = redis_send(store->commands, context, &list);
  const struct redis_reply *is_member, *exists;
  struct status status = redis_receive(first, &is_member), other = redis_receive(second, &exists);
  if (status_is_ok(status)) status = other;
  if (status_is_ok(status)) *ret_parked = redis_reply_number(is_member, 0) + redis_reply_number(exists, 0) > 0;
  return status;
}

/* ---- asking and adding ------------------------------------------------------------------------------------------ */

bool parking_is_empty(const struct parking *parking) {
  return key_table_count(parking->keys) == 0 && !parking->has_lists;
}

bool parking_holds(const struct parking *parking, const char *key) {
  return key_table_find(parking->keys, key) != NULL;
}

void parking_add_line(struct transaction *transaction, const char *key, const void *line, size_t size) {
  struct redis_arguments values = redis_arguments_empty(transaction->arena);
  redis_add_bytes(&values, line, size);
  transaction_push(transaction, parking_list_key(transaction->store, transaction->arena, key), &values);
  transaction_add_member(transaction, parking_lists_key(transaction->store, transaction->arena), key);
}

void parking_add(struct parking *parking, struct transaction *transaction, const struct event *event, const char *key,
                 const char *reason) {
  const char *event_id = event->event_id ? event->event_id : "-";
  const char *line = arena_printf(transaction->arena, "%s %s %s %s", event->stream, event->id, event_id, reason);
  parking_add_line(transaction, key, line, strlen(line));
  if (reason == parking_follower) return;
  transaction_add_member(transaction, parking_set_key(parking->store, transaction->arena), key);
  if (parking_holds(parking, key)) return;
  struct added_key *added = arena_alloc(parking->arena, sizeof *added);
  *added = (struct added_key){.key = arena_strdup(parking->arena, key), .next = parking->added};
  parking->added = added;
  *key_table_at(parking->keys, key) = added;
}

void parking_committed(struct parking *parking) {
  parking->added = NULL;
}

void parking_discard(struct parking *parking) {
  for (; parking->added; parking->added = parking->added->next) {
    *key_table_at(parking->keys, parking->added->key) = NULL;
  }
}

void parking_require(const struct parking *parking, struct transaction *transaction, const struct redis_arguments *held,
                     const struct redis_arguments *free) {
  const char *set = parking_set_key(parking->store, transaction->arena);
  if (key_table_count(parking->keys) == 0) {
    transaction_require_absent(transaction, set); /* the usual case, without naming every key */
  } else {
    transaction_require_members(transaction, set, held, free);
  }
}
