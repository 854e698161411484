/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/dead_letter_read.h"

#include <stdlib.h>
#include <string.h>

#include "store/event.h"

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static int compare_texts(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static size_t add_members(const char **names, size_t count, const struct redis_reply *set) {
  for (size_t i = 0; i < set->count; i++) {
    const char *name = redis_reply_text(set->elements[i]);
    if (name) names[count++] = name;
  }
  return count;
}

coroutine_fn struct status dead_letters_list(const struct event_store *store, struct context *context,
                                             struct redis_arguments *ret_keys) {
  struct arena *arena = context->arena;
  struct redis_arguments keys = redis_command_of(arena, "SMEMBERS", dead_letters_keys_key(store, arena), NULL);
  struct redis_arguments lists = redis_command_of(arena, "SMEMBERS", dead_letters_lists_key(store, arena), NULL);
  const struct redis_reply *held, *listed;
  struct redis_pending *first = redis_send(store->commands, context, &keys);
  struct redis_pending *second = redis_send(store->commands, context, &lists);
  struct status status = redis_receive(first, &held), other = redis_receive(second, &listed);
  if (status_is_ok(status)) status = other;
  if (!status_is_ok(status)) return status;
  const char **names = arena_calloc(arena, held->count + listed->count, sizeof *names);
  size_t count = add_members(names, add_members(names, 0, held), listed);
  qsort(names, count, sizeof *names, compare_texts);
  *ret_keys = redis_arguments_empty(arena);
  for (size_t i = 0; i < count; i++) {
    if (i == 0 || strcmp(names[i], names[i - 1]) != 0) redis_add_text(ret_keys, names[i]);
  }
  return status;
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

static struct dead_letter_sight sight_of(struct arena *arena, const char *key, const struct redis_reply *line) {
  struct dead_letter_sight sight = {.letter = dead_letter_of(arena, key, line->text, line->size)};
  if (!dead_letter_read(arena, &sight.letter, &sight.event)) sight.event = (struct dead_letter_event){.reason = ""};
  return sight;
}

/* Adds what is noted of them. */
static coroutine_fn struct status read_notes(const struct event_store *store, struct context *context,
                                             struct dead_letter_sight *const *sights, size_t count) {
  if (count == 0) return status_ok();
  struct redis_arguments get =
      redis_command_of(context->arena, "HMGET", dead_letters_notes_key(store, context->arena), NULL);
  for (size_t i = 0; i < count; i++) redis_add_text(&get, sights[i]->letter.id);
  const struct redis_reply *notes;
  struct status status = redis_command(store->commands, context, &get, &notes);
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    const char *text = redis_reply_text(redis_reply_at(notes, i));
    sights[i]->note = dead_letter_note_read(context->arena, text, sights[i]->event.reason);
  }
  return status;
}

coroutine_fn struct status dead_letters_read(const struct event_store *store, struct context *context, const char *key,
                                             int64_t from, size_t max, struct dead_letter_sight **ret_sights,
                                             size_t *ret_count) {
  struct arena *arena = context->arena;
  struct redis_arguments range = redis_command_of(arena, "LRANGE", dead_letters_list_key(store, arena, key), NULL);
  redis_add_number(&range, from);
  redis_add_number(&range, from + (int64_t)max - 1);
  const struct redis_reply *lines;
  struct status status = redis_command(store->commands, context, &range, &lines);
  if (!status_is_ok(status)) return status;
  struct dead_letter_sight *sights = arena_calloc(arena, lines->count, sizeof *sights);
  struct dead_letter_sight **noted = arena_calloc(arena, lines->count, sizeof *noted);
  for (size_t i = 0; i < lines->count; i++) {
    sights[i] = sight_of(arena, key, lines->elements[i]);
    noted[i] = &sights[i];
  }
  *ret_sights = sights;
  *ret_count = lines->count;
  return read_notes(store, context, noted, lines->count);
}

/* ---- keys with their first dead letters ------------------------------------------------------------------------- */

/* What is asked of a key. */
struct look {
  struct redis_pending *held, *length, *first;
};

static struct redis_pending *ask(const struct event_store *store, struct context *context,
                                 struct redis_arguments command) {
  return redis_send(store->commands, context, &command);
}

static struct look look_at(const struct event_store *store, struct context *context, const char *key) {
  struct arena *arena = context->arena;
  const char *list = dead_letters_list_key(store, arena, key);
  return (struct look){
      .held = ask(store, context, redis_command_of(arena, "SISMEMBER", dead_letters_keys_key(store, arena), key, NULL)),
      .length = ask(store, context, redis_command_of(arena, "LLEN", list, NULL)),
      .first = ask(store, context, redis_command_of(arena, "LRANGE", list, "0", "0", NULL)),
  };
}

/* All is received, whatever has failed. */
static coroutine_fn struct status see(struct context *context, const struct look *look,
                                      struct dead_letter_key_sight *sight) {
  const struct redis_reply *held, *length, *first;
  struct status status = redis_receive(look->held, &held), second = redis_receive(look->length, &length);
  struct status third = redis_receive(look->first, &first);
  if (status_is_ok(status)) status = second;
  if (status_is_ok(status)) status = third;
  if (!status_is_ok(status)) return status;
  sight->held = redis_reply_number(held, 0) == 1;
  sight->count = first->count > 0 ? redis_reply_number(length, 0) : 0;
  if (sight->count > 0) sight->first = sight_of(context->arena, sight->key, first->elements[0]);
  return status;
}

static coroutine_fn struct status read_retries(const struct event_store *store, struct context *context,
                                               struct dead_letter_key_sight *sights, size_t count) {
  struct redis_arguments get =
      redis_command_of(context->arena, "HMGET", dead_letters_retries_key(store, context->arena), NULL);
  for (size_t i = 0; i < count; i++) redis_add_text(&get, sights[i].key);
  const struct redis_reply *retries;
  struct status status = redis_command(store->commands, context, &get, &retries);
  for (size_t i = 0; status_is_ok(status) && i < count; i++) {
    sights[i].retrying = redis_reply_text(redis_reply_at(retries, i)) != NULL;
  }
  return status;
}

coroutine_fn struct status dead_letters_look(const struct event_store *store, struct context *context,
                                             const struct redis_arguments *keys, size_t from, size_t count,
                                             struct dead_letter_key_sight *ret_sights) {
  if (count == 0) return status_ok();
  struct arena *arena = context->arena;
  struct look *looks = arena_calloc(arena, count, sizeof *looks);
  for (size_t i = 0; i < count; i++) {
    ret_sights[i] = (struct dead_letter_key_sight){.key = keys->values[from + i]};
    looks[i] = look_at(store, context, ret_sights[i].key);
  }
  struct dead_letter_sight **noted = arena_calloc(arena, count, sizeof *noted);
  size_t noted_count = 0;
  struct status status = status_ok();
  for (size_t i = 0; i < count; i++) {
    struct status seen = see(context, &looks[i], &ret_sights[i]);
    if (status_is_ok(status)) status = seen;
    if (ret_sights[i].count > 0) noted[noted_count++] = &ret_sights[i].first;
  }
  if (status_is_ok(status)) status = read_notes(store, context, noted, noted_count);
  return status_is_ok(status) ? read_retries(store, context, ret_sights, count) : status;
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

coroutine_fn struct status dead_letter_read_entry(const struct event_store *store, struct context *context,
                                                  const struct dead_letter_event *event,
                                                  const struct redis_reply **ret_entry) {
  struct redis_arguments range =
      redis_command_of(context->arena, "XREVRANGE", event_stream_key(store, context->arena, event->stream),
                       event->entry, event->entry, NULL);
  const struct redis_reply *found = NULL;
  struct status status = redis_command(store->reads, context, &range, &found);
  *ret_entry = redis_reply_at(found, 0);
  return status_is(status, reason_redis_noperm) ? status_ok() : status;
}
