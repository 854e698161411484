/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/dead_letter_drain.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "consumer/dead_letter_read.h"
#include "consumer/lease.h"

enum {
  DRAIN_US = 100000,
  CALL_US = 5000000,
  MESSAGES = 100,           /* put back at once, */
  MESSAGES_BYTES = 1 << 20, /* and of so many bytes, or one */
};

struct drain {
  const struct batch_parts *parts;
  struct context context;  /* of a step */
  const char *key, *by;    /* of the present retry */
  size_t left;             /* messages still to be put back; 0 means not counted yet */
  char run[ENTRY_ID_SIZE]; /* the one that a run handler has handled, and should have taken off; "" means none */
};

static const char *list_key(const struct drain *drain) {
  return dead_letters_list_key(drain->parts->store, drain->context.arena, drain->key);
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

/* The first guard is that this replica still is the leader. */
static struct transaction begin(const struct drain *drain) {
  struct arena *arena = drain->context.arena;
  struct transaction transaction = transaction_of(drain->parts->store, arena);
  transaction_require_value(&transaction, lease_epoch_key(drain->parts->store, arena),
                            drain->parts->leader->term.epoch_text);
  return transaction;
}

/* *ret_done is false if the list is not what it was read as. */
static coroutine_fn struct status commit(struct drain *drain, struct transaction *transaction, bool *ret_done) {
  struct transaction_result result;
  struct status status = transaction_run(transaction, &drain->context, &result);
  if (!status_is_ok(status)) return status;
  *ret_done = result.outcome == TRANSACTION_DONE;
  return !*ret_done && result.refused_by == 1 ? lease_lost(drain->context.arena) : status;
}

/* ---- ends of a retry -------------------------------------------------------------------------------------------- */

static coroutine_fn struct status free_key(struct drain *drain) {
  const struct event_store *store = drain->parts->store;
  struct arena *arena = drain->context.arena;
  struct transaction transaction = begin(drain);
  transaction_require_absent(&transaction, list_key(drain));
  transaction_remove_member(&transaction, dead_letters_keys_key(store, arena), drain->key);
  transaction_remove_member(&transaction, dead_letters_lists_key(store, arena), drain->key);
  dead_letters_end_retry(&transaction, drain->key);
  bool done;
  struct status status = commit(drain, &transaction, &done);
  if (!status_is_ok(status) || !done) return status;
  log_event(LOG_INFO, "a key goes on: its dead letters were handled", "key", drain->key, "by", drain->by, NULL);
  dead_letters_key_freed(drain->parts->dead_letters, drain->key);
  return status;
}

static coroutine_fn struct status refuse(struct drain *drain, const struct dead_letter *letter,
                                         const struct dead_letter_note *note, const char *reason) {
  struct transaction transaction = begin(drain);
  dead_letters_refuse_retry(&transaction, letter, note, reason);
  bool done;
  struct status status = commit(drain, &transaction, &done);
  if (!status_is_ok(status) || !done) return status;
  log_event(LOG_ERROR, "a dead letter could not be handled again", "id", letter->id, "key", letter->key, "reason",
            reason, NULL);
  dead_letters_retry_ended(drain->parts->dead_letters, drain->key);
  return status;
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

/* The number of the stream, or as many as there are if the service does not subscribe to it. */
static size_t find_stream(const struct progress *progress, const char *name) {
  size_t i = 0;
  while (i < progress->stream_count && strcmp(progress->streams[i].subscribed->name, name) != 0) i++;
  return i;
}

/* A run handler may have decided that there is nothing to do, and left the dead letter where it is. */
static coroutine_fn struct status take_off(struct drain *drain, const struct dead_letter *letter) {
  struct transaction transaction = begin(drain);
  dead_letter_take(&transaction, letter);
  bool done;
  return commit(drain, &transaction, &done);
}

static coroutine_fn struct status handle(struct drain *drain, const struct dead_letter_sight *first) {
  const struct dead_letter *letter = &first->letter;
  const struct dead_letter_event *event = &first->event;
  const struct dead_letter_note *note = &first->note;
  const struct progress *progress = drain->parts->progress;
  size_t stream = find_stream(progress, event->stream);
  if (stream == progress->stream_count) return refuse(drain, letter, note, "the service no longer reads its stream");
  const struct redis_reply *entry = NULL;
  struct status status =
      dead_letter_read_entry(progress->logs[progress->streams[stream].log].store, &drain->context, event, &entry);
  if (!status_is_ok(status)) return status;
  if (!entry) return refuse(drain, letter, note, "its stream does not hold it any more");
  const char *refusal;
  status = batch_retry(drain->parts, drain->context.arena, letter, note, stream, entry, &refusal);
  if (!status_is_ok(status)) return status;
  if (refusal) {
    dead_letters_retry_ended(drain->parts->dead_letters, drain->key);
    return status;
  }
  bool by_run = progress->streams[stream].subscribed->run_handler;
  snprintf(drain->run, sizeof drain->run, "%s", by_run ? letter->id : "");
  return status;
}

static coroutine_fn struct status handle_first(struct drain *drain) {
  struct dead_letter_sight *first;
  size_t count;
  struct status status = dead_letters_read(drain->parts->store, &drain->context, drain->key, 0, 1, &first, &count);
  if (!status_is_ok(status)) return status;
  if (count == 0) return free_key(drain);
  if (!first->event.stream) return refuse(drain, &first->letter, &first->note, "its line is not that of an event");
  if (strcmp(drain->run, first->letter.id) == 0) return take_off(drain, &first->letter);
  return handle(drain, first);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

/* As many of the list's first messages as go into one transaction. */
static struct redis_arguments first_messages(const struct drain *drain, const struct redis_reply *lines) {
  struct redis_arguments messages = redis_arguments_empty(drain->context.arena);
  size_t bytes = 0;
  for (size_t i = 0; i < lines->count && i < drain->left; i++) {
    bytes += lines->elements[i]->size;
    if (i > 0 && bytes > MESSAGES_BYTES) break;
    redis_add_bytes(&messages, lines->elements[i]->text, lines->elements[i]->size);
  }
  return messages;
}

/* The retry ends with the last of the messages that were there when it began: what the peer refuses again comes behind
 * them, and stays. */
static coroutine_fn struct status put_back(struct drain *drain, const struct redis_reply *lines) {
  const struct batch_parts *parts = drain->parts;
  struct arena *arena = drain->context.arena;
  struct redis_arguments messages = first_messages(drain, lines);
  struct transaction transaction = begin(drain);
  transaction_require_beginning(&transaction, list_key(drain), &messages);
  transaction_trim(&transaction, list_key(drain), (int64_t)messages.count);
  for (size_t i = 0; i < messages.count; i++) {
    struct dead_letter letter = dead_letter_of(arena, drain->key, messages.values[i], messages.sizes[i]);
    transaction_remove_field(&transaction, dead_letters_notes_key(parts->store, arena), letter.id);
  }
  transaction_push(&transaction, outbox_key(parts->store, arena), &messages);
  bool ends = messages.count == drain->left;
  if (ends) dead_letters_end_retry(&transaction, drain->key);
  struct outbox_list *list = outbox_known(parts->outbox);
  uint64_t knowledge = outbox_list_push(list);
  bool done = false;
  struct status status = commit(drain, &transaction, &done);
  outbox_list_pushed(list, knowledge, status_is_ok(status) && done, &messages);
  outbox_wake(parts->outbox);
  if (!status_is_ok(status) || !done) return status;
  drain->left -= messages.count;
  if (ends) dead_letters_retry_ended(parts->dead_letters, drain->key);
  return status;
}

static coroutine_fn struct status count_messages(struct drain *drain) {
  struct redis_arguments length = redis_command_of(drain->context.arena, "LLEN", list_key(drain), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(drain->parts->store->commands, &drain->context, &length, &reply);
  if (status_is_ok(status)) drain->left = (size_t)redis_reply_number(reply, 0);
  return status;
}

static coroutine_fn struct status put_back_first(struct drain *drain) {
  struct status status = drain->left == 0 ? count_messages(drain) : status_ok();
  if (!status_is_ok(status)) return status;
  if (drain->left == 0) return free_key(drain);
  struct redis_arguments range = redis_command_of(drain->context.arena, "LRANGE", list_key(drain), "0", NULL);
  redis_add_number(&range, MESSAGES - 1);
  const struct redis_reply *lines;
  status = redis_command(drain->parts->store->commands, &drain->context, &range, &lines);
  if (!status_is_ok(status)) return status;
  return lines->count == 0 ? free_key(drain) : put_back(drain, lines);
}

/* ---- the drain -------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status step(struct drain *drain) {
  bool is_outbox = drain->parts->outbox && strcmp(drain->key, DEAD_LETTERS_OUTBOX) == 0;
  return is_outbox ? put_back_first(drain) : handle_first(drain);
}

coroutine_fn struct status dead_letters_drain(const struct batch_parts *parts, struct arena *arena) {
  int64_t end_us = clock_monotonic_us() + DRAIN_US;
  struct drain drain = {.parts = parts};
  struct status status;
  do {
    const struct dead_letters_retry *next = dead_letters_next_retry(parts->dead_letters);
    if (!drain.key || strcmp(next->key, drain.key) != 0) {
      drain =
          (struct drain){.parts = parts, .key = arena_strdup(arena, next->key), .by = arena_strdup(arena, next->by)};
    }
    drain.context = leader_context(parts->leader, arena_new(), CALL_US);
    status = status_copy(step(&drain), arena);
    arena_free(drain.context.arena);
  } while (status_is_ok(status) && dead_letters_next_retry(parts->dead_letters) && clock_monotonic_us() < end_us &&
           leader_holds_term(parts->leader));
  return status;
}
