/* SPDX-License-Identifier: Apache-2.0 */
/* Parking: where the events go that could not be handled, and the later ones of their keys (dead letters).
 *
 * `<service>_parked:<key>` is a list of lines "<stream> <entry id> <event id or -> <reason>" in log order; the set
 * `<service>_parked_keys` names the keys, `<service>_parked_lists` the lists. A key stays parked until an operator
 * removes it from the set of keys. What is known of that set here decides only how events are tried: the commit is
 * refused unless it is still so (tests/model/parked_keys.py), so that a key goes on as soon as it is removed. A list
 * stays in the set of lists until it is empty, whatever becomes of its key: what lies parked is always counted. Belongs
 * to the consumer's coroutine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "store/event.h"
#include "store/transaction.h"

#define PARKING_KEY_UNDECODABLE "undecodable"
#define PARKING_KEY_OUTBOX "outbox"

struct parking;

/* The caller owns it. */
struct parking *parking_new(struct event_store *store);
void parking_free(struct parking *parking);

/* Reads both sets, and takes lists that are empty out of theirs. Says in the log which keys go on though events of them
 * lie parked. Parks. */
struct status parking_load(struct parking *parking, struct context *context);

/* Nothing is parked, as far as is known here. */
bool parking_is_empty(const struct parking *parking);

bool parking_holds(const struct parking *parking, const char *key);

/* The reason of an event that is parked because one of its key is. It does not park the key: an operator may have freed
 * that meanwhile. */
extern const char parking_follower[];

/* Parks an event: adds the line, and its key to the set and to what is held. */
void parking_add(struct parking *parking, struct transaction *transaction, const struct event *event, const char *key,
                 const char *reason);

/* Parks a line under a key that holds up no events. */
void parking_add_line(struct transaction *transaction, const char *key, const void *line, size_t size);

/* What was added since the last of the two is in Redis, or is not. */
void parking_committed(struct parking *parking);
void parking_discard(struct parking *parking);

/* Requires that of these keys, those in `held` are parked and those in `free` are not. */
void parking_require(const struct parking *parking, struct transaction *transaction, const struct redis_arguments *held,
                     const struct redis_arguments *free);

/* Whether the key is parked or events of it lie parked, for a service's own decisions about it. Parks. */
struct status parking_find(struct event_store *store, struct context *context, const char *key, bool *ret_parked);

/* `<service>_parked:<key>`, `<service>_parked_keys` and `<service>_parked_lists`. */
const char *parking_list_key(const struct event_store *store, struct arena *arena, const char *key);
const char *parking_set_key(const struct event_store *store, struct arena *arena);
const char *parking_lists_key(const struct event_store *store, struct arena *arena);
