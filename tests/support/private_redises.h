/* SPDX-License-Identifier: Apache-2.0 */
/* Private Redises: one for each service of a shop that has entities, with the users of deploy/redis/make_users.sh --of;
 * or a cluster in which each has a hash tag of its own (private_cluster.h). What can't be done ends the test program
 * with a message. Blocking; one thread. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "client/ordershop_client.h"
#include "private_cluster.h"
#include "private_redis.h"
#include "shipped_services.h"
#include "store/positions.h"

struct private_redises;

/* Starts them; `folder` gets their users and passwords, and must be there. */
struct private_redises *private_redises_start(struct arena *arena, const char *folder, const char *key_prefix);
struct private_redises *private_redises_start_cluster(struct arena *arena, const char *folder);
void private_redises_free(struct private_redises *redises); /* NULL is allowed */

/* The cluster; NULL if each service has a Redis. */
struct private_cluster *private_redises_cluster(struct private_redises *redises);

/* The Redis of a service, in a cluster the present master of its keys; NULL if it owns no entities. */
struct private_redis *private_redises_of(struct private_redises *redises, enum ordershop_service service);

/* The one in which a key of the shop lies, told without the key's prefix ("order_entity:1", "events:order_created"). */
struct private_redis *private_redises_of_key(struct private_redises *redises, const char *key);

/* What stands before the keys of a service, and before such a key. */
const char *private_redises_prefix(const struct private_redises *redises, enum ordershop_service service);
const char *private_redises_prefix_of_key(const struct private_redises *redises, const char *key);

/* Adds the variables, "NAME=value", that tell a service where all are, to `variables`. Returns how many: at most
 * PRIVATE_REDISES_VARIABLES. */
enum { PRIVATE_REDISES_VARIABLES = 3 * ORDERSHOP_SERVICE_COUNT };
size_t private_redises_variables(struct private_redises *redises, const char *service, char **variables);

/* As private_redis_has_denied, of all. Tells what was refused. */
bool private_redises_have_denied(struct private_redises *redises);

/* Whether the consumer of a service has handled all that the logs tell which it follows, and its outbox is empty. */
bool private_redises_are_followed(struct private_redises *redises, const char *service);

/* Notes the present ends of all logs in `positions`. */
void private_redises_note_ends(struct private_redises *redises, struct positions *positions);
