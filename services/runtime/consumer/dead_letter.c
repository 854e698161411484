/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/uuid.h"
#include "consumer/crash_guard.h"
#include "store/log_time.h"

const char dead_letters_follower[] = "after a parked event of its key";

/* ---- keys ------------------------------------------------------------------------------------------------------- */

const char *dead_letters_list_key(const struct event_store *store, struct arena *arena, const char *key) {
  return redis_key(store->commands, arena, "%s_parked:%s", store->service, key);
}

const char *dead_letters_keys_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_parked_keys", store->service);
}

const char *dead_letters_lists_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_parked_lists", store->service);
}

const char *dead_letters_notes_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_parked_notes", store->service);
}

const char *dead_letters_retries_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_parked_retries", store->service);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

/* Cuts the text at its first blank; returns what comes behind it, or NULL if there is no blank. */
static char *cut_word(char *text) {
  char *blank = strchr(text, ' ');
  if (!blank) return NULL;
  *blank = '\0';
  return blank + 1;
}

bool dead_letter_read(struct arena *arena, const struct dead_letter *letter, struct dead_letter_event *ret_event) {
  if (strcmp(letter->key, DEAD_LETTERS_OUTBOX) == 0 || strlen(letter->line) != letter->size) return false;
  char *stream = arena_memdup(arena, letter->line, letter->size);
  char *entry = cut_word(stream), *event_id = entry ? cut_word(entry) : NULL;
  char *reason = event_id ? cut_word(event_id) : NULL;
  unsigned long long ms, counter;
  char rest;
  if (!reason || sscanf(entry, "%20llu-%20llu%c", &ms, &counter, &rest) != 2) return false;
  *ret_event = (struct dead_letter_event){
      .stream = stream, .entry = entry, .event_id = strcmp(event_id, "-") == 0 ? NULL : event_id, .reason = reason};
  return true;
}

struct dead_letter dead_letter_of(struct arena *arena, const char *key, const void *line, size_t size) {
  struct dead_letter letter = {.key = key, .line = line, .size = size};
  struct dead_letter_event event;
  bool is_event = dead_letter_read(arena, &letter, &event);
  letter.id = is_event ? event.entry : uuid_derive(arena, "dead letter", line, size);
  return letter;
}

/* ---- notes ------------------------------------------------------------------------------------------------------ */

/* A text without a note is that of an older version, or of an event that only follows another one. */
struct dead_letter_note dead_letter_note_read(struct arena *arena, const char *text, const char *reason) {
  struct dead_letter_note note = {.reason = reason};
  int end = 0;
  if (text &&
      sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %n", &note.attempts, &note.first_us, &note.last_us, &end) ==
          3 &&
      end > 0) {
    note.reason = arena_strdup(arena, text + end);
    return note;
  }
  return (struct dead_letter_note){.reason = reason, .attempts = strcmp(reason, dead_letters_follower) != 0};
}

const char *dead_letter_note_text(struct arena *arena, const struct dead_letter_note *note) {
  return arena_printf(arena, "%" PRId64 " %" PRId64 " %" PRId64 " %s", note->attempts, note->first_us, note->last_us,
                      note->reason);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

int dead_letter_require_first(struct transaction *transaction, const struct dead_letter *letter) {
  struct redis_arguments first = redis_arguments_empty(transaction->arena);
  redis_add_bytes(&first, letter->line, letter->size);
  return transaction_require_beginning(
      transaction, dead_letters_list_key(transaction->store, transaction->arena, letter->key), &first);
}

int dead_letter_take(struct transaction *transaction, const struct dead_letter *letter) {
  struct arena *arena = transaction->arena;
  int guard = dead_letter_require_first(transaction, letter);
  transaction_trim(transaction, dead_letters_list_key(transaction->store, arena, letter->key), 1);
  transaction_remove_field(transaction, dead_letters_notes_key(transaction->store, arena), letter->id);
  struct crash_guard alone = crash_guard_of(transaction->store, arena);
  crash_guard_forget(&alone, transaction, letter->id);
  return guard;
}

void dead_letter_put_note(struct transaction *transaction, const char *id, const struct dead_letter_note *note) {
  const char *text = dead_letter_note_text(transaction->arena, note);
  transaction_set_field(transaction, dead_letters_notes_key(transaction->store, transaction->arena), id, text,
                        strlen(text));
}
