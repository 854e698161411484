/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letter: what could not be handled, as it is stored, and the changes that are made of it.
 *
 * The list `<service>_parked:<key>` has a line for each event, in log order: "<stream> <entry id> <event id or ->
 * <reason>"; the one of the key "outbox" has messages that the peer refused, packed. The set `<service>_parked_keys`
 * names the keys that are held, `<service>_parked_lists` those with a list. The hash `<service>_parked_notes` tells, by
 * the dead letter's id, what came of handling it; the hash `<service>_parked_retries` which keys an operator wants to
 * be retried, and who. Only the first of a list is retried or skipped; whoever does that requires that it still is the
 * first (tests/model/parked_keys.py). Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/event_store.h"
#include "store/transaction.h"

#define DEAD_LETTERS_UNDECODABLE "undecodable"
#define DEAD_LETTERS_OUTBOX "outbox"

/* The reason of an event that is dead-lettered because an earlier one of its key was. */
extern const char dead_letters_follower[];

/* What identifies a dead letter: its key and what is stored in the list. */
struct dead_letter {
  const char *key;
  const void *line; /* with a NUL behind it */
  size_t size;
  const char *id; /* of an event its entry's id; of a message, or a line that can't be read, a UUID made of the line */
};

/* What the line of an event says. */
struct dead_letter_event {
  const char *stream, *entry;
  const char *event_id; /* NULL if it has none */
  const char *reason;   /* why it was dead-lettered first */
};

/* What is known of one whose handler was tried. */
struct dead_letter_note {
  int64_t attempts;          /* how often it was tried; 0 means never: it only follows another one of its key */
  int64_t first_us, last_us; /* wall clock; 0 if unknown */
  const char *reason;        /* the latest */
};

/* Makes it of a list's line, which is not copied. */
struct dead_letter dead_letter_of(struct arena *arena, const char *key, const void *line, size_t size);

/* Returns false if the line is not that of an event. */
bool dead_letter_read(struct arena *arena, const struct dead_letter *letter, struct dead_letter_event *ret_event);

/* Read and write a note; the text NULL gives that of a dead letter without one, whose line says `reason`. */
struct dead_letter_note dead_letter_note_read(struct arena *arena, const char *text, const char *reason);
const char *dead_letter_note_text(struct arena *arena, const struct dead_letter_note *note);

/* Makes a transaction require that the dead letter is the first of its list. Returns the guard's number. */
int dead_letter_require_first(struct transaction *transaction, const struct dead_letter *letter);

/* Requires that, too, and adds that it is taken off, with all notes of it. */
int dead_letter_take(struct transaction *transaction, const struct dead_letter *letter);

/* Adds what was noted of a dead letter. */
void dead_letter_put_note(struct transaction *transaction, const char *id, const struct dead_letter_note *note);

/* `<service>_parked:<key>`, `<service>_parked_keys`, `_parked_lists`, `_parked_notes` and `_parked_retries`. */
const char *dead_letters_list_key(const struct event_store *store, struct arena *arena, const char *key);
const char *dead_letters_keys_key(const struct event_store *store, struct arena *arena);
const char *dead_letters_lists_key(const struct event_store *store, struct arena *arena);
const char *dead_letters_notes_key(const struct event_store *store, struct arena *arena);
const char *dead_letters_retries_key(const struct event_store *store, struct arena *arena);
