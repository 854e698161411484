/* Parking: where the events go that could not be handled, and the later ones of their keys (dead letters).
 *
 * `<service>_parked:<key>` is a list of lines "<stream> <entry id> <event id or -> <reason>" in log order; the set
 * `<service>_parked_keys` names the keys. A key stays parked until an operator removes it from the set; the consumer
 * looks again every second while the set is not empty. Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "event/event.h"
#include "event/transaction.h"

#define PARKING_KEY_UNDECODABLE "undecodable"

struct parking;

/* The caller owns it. */
struct parking *parking_new(struct event_store *store);
void parking_free(struct parking *parking);

/* Reads the set. Parks. */
struct status parking_load(struct parking *parking, struct context *context);

bool parking_holds(const struct parking *parking, const char *key);
size_t parking_count(const struct parking *parking);

/* The reason of an event that is parked because one of its key is. It does not park the key: an operator may have freed
 * that meanwhile. */
extern const char parking_follower[];

/* Parks an event: adds the line, and its key to the set and to what is held. */
void parking_add(struct parking *parking, struct transaction *transaction, const struct event *event, const char *key,
                 const char *reason);

/* `<service>_parked:<key>` and `<service>_parked_keys`. */
const char *parking_list_key(const struct event_store *store, struct arena *arena, const char *key);
const char *parking_set_key(const struct event_store *store, struct arena *arena);
