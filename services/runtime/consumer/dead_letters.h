/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters: what the leader knows of the events that could not be handled, and of the later events of their keys
 * (dead_letter.h says how they are stored).
 *
 * A key is held, so that its later events follow the first one, until a retry has handled them all
 * (dead_letter_drain.h) or an operator removes it from the set of keys by hand. What is known of that set here decides
 * only how events are tried: the commit is refused unless it is still so (tests/model/parked_keys.py), so that a key
 * goes on as soon as it is removed. A list stays in the set of lists until it is empty, whatever becomes of its key:
 * dead letters are always counted. Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/dead_letter.h"
#include "loop/coroutine.h"
#include "store/event.h"
#include "store/transaction.h"

struct dead_letters;

/* The caller owns it. */
struct dead_letters *dead_letters_new(struct event_store *store);
void dead_letters_free(struct dead_letters *letters);

/* Reads both sets and the retries, and takes lists that are empty out of theirs. Logs which keys go on though there are
 * dead letters of them. Yields. */
coroutine_fn struct status dead_letters_load(struct dead_letters *letters, struct context *context);

/* Does so unless there is nothing to know: no key is held, there is no list, and nobody has asked for a retry since. */
coroutine_fn struct status dead_letters_refresh(struct dead_letters *letters, struct context *context);

/* Returns whether no key is held, there is no list, and nothing is to be retried, as far as is known here. */
bool dead_letters_is_empty(const struct dead_letters *letters);

/* Returns whether the key is held. */
bool dead_letters_holds(const struct dead_letters *letters, const char *key);

/* A key that is to be retried, and who asked for it; NULL if there is none. The texts live until the next load. */
struct dead_letters_retry {
  const char *key, *by;
  struct dead_letters_retry *next;
};
const struct dead_letters_retry *dead_letters_next_retry(const struct dead_letters *letters);

/* Forgets the retry of a key, which has ended; the second also that the key is held. */
void dead_letters_retry_ended(struct dead_letters *letters, const char *key);
void dead_letters_key_freed(struct dead_letters *letters, const char *key);

/* Adds to a transaction that the retry of a key has ended. */
void dead_letters_end_retry(struct transaction *transaction, const char *key);

/* Adds to a transaction that a retry could not handle the dead letter, which must still be the first of its list, and
 * has ended: its key stays held. */
void dead_letters_refuse_retry(struct transaction *transaction, const struct dead_letter *letter,
                               const struct dead_letter_note *before, const char *reason);

/* Dead-letters an event: adds the line, and its key to the set and to what is held. The reason dead_letters_follower
 * does not hold the key: an operator may have freed that meanwhile. */
void dead_letters_add(struct dead_letters *letters, struct transaction *transaction, const struct event *event,
                      const char *key, const char *reason);

/* Dead-letters a message of the outbox, whose key holds no events. */
void dead_letters_add_message(struct transaction *transaction, const void *message, size_t size, const char *reason);

/* They say that what was added since the last call of either is in Redis, or is not. */
void dead_letters_committed(struct dead_letters *letters);
void dead_letters_discard(struct dead_letters *letters);

/* Returns whether no key is held, which is the usual case, and makes a transaction require it, without naming the keys
 * of its events. */
bool dead_letters_holds_none(const struct dead_letters *letters);
void dead_letters_require_none(const struct dead_letters *letters, struct transaction *transaction);

/* Makes the transaction require that of these keys, those in `held` are held and those in `free` are not. */
void dead_letters_require(const struct dead_letters *letters, struct transaction *transaction,
                          const struct redis_arguments *held, const struct redis_arguments *free);

/* Tells whether the key is held or there are dead letters of it, for a service's own decisions about the key.
 * Yields. */
coroutine_fn struct status dead_letters_find(struct event_store *store, struct context *context, const char *key,
                                             bool *ret_found);
