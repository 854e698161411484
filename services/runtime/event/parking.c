#include "event/parking.h"

#include <stdlib.h>

#include "base/memory.h"
#include "event/key_table.h"

const char parking_follower[] = "after a parked event of its key";

struct parking {
  struct event_store *store;
  struct arena *arena; /* of `keys` */
  struct key_table *keys;
};

struct parking *parking_new(struct event_store *store) {
  struct parking *parking = memory_calloc(1, sizeof *parking);
  parking->store = store;
  parking->arena = arena_new();
  parking->keys = key_table_new(parking->arena);
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

struct status parking_load(struct parking *parking, struct context *context) {
  struct redis_arguments members =
      redis_command_of(context->arena, "SMEMBERS", parking_set_key(parking->store, context->arena), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(parking->store->commands, context, &members, &reply);
  if (!status_is_ok(status)) return status;
  arena_reset(parking->arena);
  parking->keys = key_table_new(parking->arena);
  for (size_t i = 0; i < reply->count; i++) {
    const char *key = redis_reply_text(redis_reply_at(reply, i));
    if (key) *key_table_at(parking->keys, key) = parking;
  }
  return status_ok();
}

bool parking_holds(const struct parking *parking, const char *key) {
  return key_table_find(parking->keys, key) != NULL;
}

size_t parking_count(const struct parking *parking) {
  return key_table_count(parking->keys);
}

void parking_add(struct parking *parking, struct transaction *transaction, const struct event *event, const char *key,
                 const char *reason) {
  struct event_store *store = parking->store;
  struct arena *arena = transaction->arena;
  const char *event_id = event->event_id ? event->event_id : "-";
  bool first = reason != parking_follower;
  struct redis_arguments line = redis_arguments_empty(arena);
  redis_add_text(&line, arena_printf(arena, "%s %s %s %s", event->stream, event->id, event_id, reason));
  transaction_push(transaction, parking_list_key(store, arena, key), &line);
  if (!first) return;
  transaction_add_member(transaction, parking_set_key(store, arena), key);
  *key_table_at(parking->keys, key) = parking;
}
