/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters: where events go that could not be handled, and the later events of their keys.
 *
 * `<service>_parked:<key>` is a list of lines "<stream> <entry id> <event id or -> <reason>" in log order; the set
 * `<service>_parked_keys` names the keys that are held, `<service>_parked_lists` the lists. A key is held, so that its
 * later events follow the first one, until an operator removes it from the set of keys. What is known of that set here
 * decides only how events are tried: the commit is refused unless it is still so (tests/model/parked_keys.py), so that
 * a key goes on as soon as it is removed. A list stays in the set of lists until it is empty, whatever becomes of its
 * key: dead letters are always counted. Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event.h"
#include "store/transaction.h"

#define DEAD_LETTERS_UNDECODABLE "undecodable"
#define DEAD_LETTERS_OUTBOX "outbox"

struct dead_letters;

/* The caller owns it. */
struct dead_letters *dead_letters_new(struct event_store *store);
void dead_letters_free(struct dead_letters *letters);

/* Reads both sets, and takes lists that are empty out of theirs. Logs which keys go on though there are dead letters of
 * them. Yields. */
coroutine_fn struct status dead_letters_load(struct dead_letters *letters, struct context *context);

/* Returns whether no key is held and there is no list, as far as is known here. */
bool dead_letters_is_empty(const struct dead_letters *letters);

/* Returns whether the key is held. */
bool dead_letters_holds(const struct dead_letters *letters, const char *key);

/* The reason of an event that is dead-lettered because an earlier one of its key was. It does not hold the key: an
 * operator may have freed that meanwhile. */
extern const char dead_letters_follower[];

/* Dead-letters an event: adds the line, and its key to the set and to what is held. */
void dead_letters_add(struct dead_letters *letters, struct transaction *transaction, const struct event *event,
                      const char *key, const char *reason);

/* Adds a line under a key that holds no events. */
void dead_letters_add_line(struct transaction *transaction, const char *key, const void *line, size_t size);

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

/* `<service>_parked:<key>`, `<service>_parked_keys` and `<service>_parked_lists`. */
const char *dead_letters_list_key(const struct event_store *store, struct arena *arena, const char *key);
const char *dead_letters_keys_key(const struct event_store *store, struct arena *arena);
const char *dead_letters_lists_key(const struct event_store *store, struct arena *arena);
