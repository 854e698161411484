/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_backlog.h"

#include <string.h>

#include "base/key_table.h"
#include "consumer/dead_letters.h"
#include "consumer/foreign_backlog.h"
#include "store/known_log.h"

/* Everything up to it has been applied, of all logs that there are. */
static int64_t least_position(const struct progress *progress) {
  int64_t least = 0;
  for (size_t i = 0; i < progress->log_count; i++) {
    const struct position *position = &progress->logs[i].position;
    if (*position->epoch && (least == 0 || position->log_time < least)) least = position->log_time;
  }
  return least;
}

struct consumer_backlog consumer_backlog_unread(const struct progress *progress) {
  return (struct consumer_backlog){
      .position = least_position(progress), .lag_entries = -1, .lag_us = -1, .parked_keys = -1, .parked_events = -1};
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

static void add_members(struct key_table *names, struct redis_arguments *list, const struct redis_reply *members) {
  for (size_t i = 0; i < members->count; i++) {
    const char *name = redis_reply_text(redis_reply_at(members, i));
    void **known = key_table_at(names, name);
    if (!*known) redis_add_text(list, name);
    *known = names;
  }
}

/* The keys that are held, then those that only have a list. */
static coroutine_fn struct status read_names(const struct event_store *store, struct context *context,
                                             struct redis_arguments *names, size_t *ret_held) {
  struct arena *arena = context->arena;
  struct redis_arguments keys = redis_command_of(arena, "SMEMBERS", dead_letters_keys_key(store, arena), NULL);
  struct redis_arguments lists = redis_command_of(arena, "SMEMBERS", dead_letters_lists_key(store, arena), NULL);
  const struct redis_reply *held_keys, *listed;
  struct redis_pending *first = redis_send(store->commands, context, &keys);
  struct redis_pending *second = redis_send(store->commands, context, &lists);
  struct status status = redis_receive(first, &held_keys), other = redis_receive(second, &listed);
  if (status_is_ok(status)) status = other;
  if (!status_is_ok(status)) return status;
  struct key_table *known = key_table_new(arena);
  add_members(known, names, held_keys);
  *ret_held = names->count;
  add_members(known, names, listed);
  return status_ok();
}

/* A key counts while it is held or its list holds events. */
static coroutine_fn struct status count_dead_letters(const struct event_store *store, struct context *context,
                                                     struct consumer_backlog *backlog) {
  struct redis_arguments names = redis_arguments_empty(context->arena);
  size_t held;
  struct status status = read_names(store, context, &names, &held);
  if (!status_is_ok(status)) return status;
  struct redis_pending **pending = arena_calloc(context->arena, names.count + 1, sizeof *pending);
  for (size_t i = 0; i < names.count; i++) {
    const char *list = dead_letters_list_key(store, context->arena, names.values[i]);
    struct redis_arguments length = redis_command_of(context->arena, "LLEN", list, NULL);
    pending[i] = redis_send(store->commands, context, &length);
  }
  int64_t keys = 0, events = 0;
  for (size_t i = 0; i < names.count; i++) {
    const struct redis_reply *reply;
    struct status received = redis_receive(pending[i], &reply);
    if (!status_is_ok(status)) continue;
    status = received;
    if (!status_is_ok(status)) continue;
    keys += i < held || redis_reply_number(reply, 0) > 0;
    events += redis_reply_number(reply, 0);
  }
  if (!status_is_ok(status)) return status;
  backlog->parked_keys = keys;
  backlog->parked_events = events;
  return status_ok();
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status call_function(const struct progress *progress, struct context *context,
                                                const struct redis_reply **ret_reply) {
  struct event_store *store = progress->store;
  struct redis_arguments keys = redis_arguments_empty(context->arena), values = redis_arguments_empty(context->arena);
  redis_add_text(&keys, progress->key);
  redis_add_text(&keys, clock_key(store, context->arena));
  redis_add_text(&keys, dead_letters_keys_key(store, context->arena));
  redis_add_text(&keys, dead_letters_lists_key(store, context->arena));
  redis_add_text(&values, store->service);
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (progress->logs[progress->streams[i].log].is_foreign) continue;
    redis_add_text(&keys, progress->streams[i].key);
    redis_add_text(&values, progress->streams[i].subscribed->name);
  }
  return redis_function_call(store->commands, context, store->library, "backlog_read", &keys, &values, ret_reply);
}

/* The log time just before the oldest entry of the streams; INT64_MAX if there is none. */
static coroutine_fn struct status find_beginning(const struct progress *progress, struct context *context,
                                                 int64_t *ret_beginning) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  for (size_t i = 0; i < progress->stream_count; i++) {
    if (!progress->logs[progress->streams[i].log].is_foreign) redis_add_text(&keys, progress->streams[i].key);
  }
  const struct stream_sight *streams;
  struct status status = streams_look(progress->store, context, &keys, false, &streams);
  if (!status_is_ok(status)) return status;
  *ret_beginning = INT64_MAX;
  for (size_t i = 0; i < keys.count; i++) {
    if (!streams[i].exists || !*streams[i].first) continue;
    int64_t first = log_time_of_entry(streams[i].first);
    if (first <= *ret_beginning) *ret_beginning = first - 1;
  }
  return status_ok();
}

/* Of the clock's "<last id> <epoch>". An idle consumer's position follows the clock by seconds, though nothing waits
 * for it: hence the entries decide whether there is a lag. Who has no position yet begins with the oldest entry. */
static coroutine_fn struct status measure_lag(const struct progress *progress, struct context *context,
                                              const char *clock, struct consumer_backlog *backlog) {
  backlog->lag_us = 0;
  if (backlog->lag_entries == 0 || !*clock) return status_ok();
  int64_t last = log_time_of_entry(arena_memdup(context->arena, clock, strcspn(clock, " ")));
  int64_t from = backlog->position;
  struct status status = from == 0 ? find_beginning(progress, context, &from) : status_ok();
  if (status_is_ok(status) && last > from) backlog->lag_us = last - from;
  return status;
}

coroutine_fn struct status consumer_backlog_read(const struct progress *progress, struct context *context,
                                                 struct consumer_backlog *ret_backlog) {
  const struct redis_reply *reply;
  struct status status = call_function(progress, context, &reply);
  if (!status_is_ok(status)) return status;
  struct consumer_backlog backlog = consumer_backlog_unread(progress);
  const char *stored = redis_reply_text(redis_reply_at(reply, 0)), *clock = redis_reply_text(redis_reply_at(reply, 1));
  backlog.position = progress->log_count > 0 ? progress->logs[0].position.log_time : 0;
  if (!progress_is_current(progress)) backlog.position = stored && *stored ? log_time_of_entry(stored) : 0;
  backlog.lag_entries = redis_reply_number(redis_reply_at(reply, 2), -1);
  status = measure_lag(progress, context, clock ? clock : "", &backlog);
  if (!status_is_ok(status)) return status;
  int64_t keys = redis_reply_number(redis_reply_at(reply, 3), -1);
  int64_t lists = redis_reply_number(redis_reply_at(reply, 4), -1);
  backlog.parked_keys = keys > lists ? keys : lists;
  if (backlog.parked_keys == 0) backlog.parked_events = 0;
  if (backlog.parked_keys > 0 && keys <= BACKLOG_KEYS_MAX && lists <= BACKLOG_KEYS_MAX) {
    status = count_dead_letters(progress->store, context, &backlog);
  }
  if (!status_is_ok(status)) return status;
  if (progress_has_foreign(progress)) status = foreign_backlog_add(progress, context, &backlog);
  *ret_backlog = backlog;
  return status;
}
