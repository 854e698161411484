#include "event/consumer_backlog.h"

#include <string.h>

#include "event/consumer_parts.h"
#include "event/position_store.h"

enum consumer_role consumer_role(const struct consumer *consumer) {
  if (consumer->state == CONSUMER_STARTING) return CONSUMER_ROLE_STARTING;
  if (consumer->state == CONSUMER_HALTED) return CONSUMER_ROLE_HALTED;
  return consumer_is_active(consumer) ? CONSUMER_ROLE_ACTIVE : CONSUMER_ROLE_STANDING_BY;
}

struct consumer_backlog consumer_backlog_unread(const struct consumer *consumer) {
  return (struct consumer_backlog){
      .position = consumer->position.log_time, .lag_entries = -1, .lag_us = -1, .parked_keys = -1, .parked_events = -1};
}

/* The events of all parked keys: each has a list. */
static struct status count_parked(const struct event_store *store, struct context *context, int64_t *ret_events) {
  struct redis_arguments members =
      redis_command_of(context->arena, "SMEMBERS", parking_set_key(store, context->arena), NULL);
  const struct redis_reply *keys;
  struct status status = redis_command(store->commands, context, &members, &keys);
  if (!status_is_ok(status)) return status;
  struct redis_pending **pending = arena_calloc(context->arena, keys->count + 1, sizeof *pending);
  for (size_t i = 0; i < keys->count; i++) {
    const char *list = parking_list_key(store, context->arena, redis_reply_text(redis_reply_at(keys, i)));
    struct redis_arguments length = redis_command_of(context->arena, "LLEN", list, NULL);
    pending[i] = redis_send(store->commands, context, &length);
  }
  int64_t events = 0;
  for (size_t i = 0; i < keys->count; i++) {
    const struct redis_reply *reply;
    struct status received = redis_receive(pending[i], &reply);
    if (status_is_ok(received)) events += redis_reply_number(reply, 0);
    if (status_is_ok(status)) status = received;
  }
  if (status_is_ok(status)) *ret_events = events;
  return status;
}

static struct status call_function(const struct consumer *consumer, struct context *context,
                                   const struct redis_reply **ret_reply) {
  struct event_store *store = consumer->store;
  struct redis_arguments keys = redis_arguments_empty(context->arena), values = redis_arguments_empty(context->arena);
  redis_add_text(&keys, consumer->position_key);
  redis_add_text(&keys, clock_key(store, context->arena));
  redis_add_text(&keys, parking_set_key(store, context->arena));
  redis_add_text(&values, store->service);
  for (size_t i = 0; i < consumer->stream_count; i++) {
    redis_add_text(&keys, consumer->streams[i].key);
    redis_add_text(&values, consumer->streams[i].subscription->stream);
  }
  return redis_function_call(store->commands, context, store->library, "backlog_read", &keys, &values, ret_reply);
}

/* Of the clock's "<last id> <epoch>". An idle consumer's position follows the clock by seconds, though nothing waits
 * for it: hence the entries decide whether there is a lag. */
static int64_t lag_of(struct arena *arena, const struct consumer_backlog *backlog, const char *clock) {
  if (backlog->lag_entries == 0 || !*clock) return 0;
  int64_t last = position_of_entry(arena_memdup(arena, clock, strcspn(clock, " ")));
  return last > backlog->position ? last - backlog->position : 0;
}

struct status consumer_backlog_read(const struct consumer *consumer, struct context *context,
                                    struct consumer_backlog *ret_backlog) {
  const struct redis_reply *reply;
  struct status status = call_function(consumer, context, &reply);
  if (!status_is_ok(status)) return status;
  struct consumer_backlog backlog = consumer_backlog_unread(consumer);
  const char *stored = redis_reply_text(redis_reply_at(reply, 0)), *clock = redis_reply_text(redis_reply_at(reply, 1));
  if (!consumer_is_active(consumer)) backlog.position = stored && *stored ? position_of_entry(stored) : 0;
  backlog.parked_keys = redis_reply_number(redis_reply_at(reply, 2), -1);
  backlog.lag_entries = redis_reply_number(redis_reply_at(reply, 3), -1);
  backlog.lag_us = lag_of(context->arena, &backlog, clock ? clock : "");
  if (backlog.parked_keys == 0) backlog.parked_events = 0;
  if (backlog.parked_keys > 0 && backlog.parked_keys <= BACKLOG_KEYS_MOST) {
    status = count_parked(consumer->store, context, &backlog.parked_events);
  }
  if (status_is_ok(status)) *ret_backlog = backlog;
  return status;
}
