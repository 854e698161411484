/* SPDX-License-Identifier: Apache-2.0 */
/* Private masters: a Redis that fails over by itself: a master and its replica with the shipped configurations, and
 * those who decide that the replica takes over: three sentinels, or two more masters of a cluster.
 *
 * Everybody is on 127.0.0.1 and ends with the program. The keys of the shop must have the prefix PRIVATE_PREFIX in a
 * cluster. What can't be done ends the test program with a message. Blocking; one thread. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "private_redis.h"

/* Its slot is one of the master's. */
#define PRIVATE_PREFIX "{shop1}:"

enum private_arrangement { PRIVATE_SINGLE, PRIVATE_SENTINELS, PRIVATE_CLUSTER };

struct private_masters;

/* Starts them and waits until the replica could take over. `users` is a folder that make_users.sh has made. */
struct private_masters *private_masters_start(enum private_arrangement arrangement, const char *users);
void private_masters_free(struct private_masters *masters); /* NULL is allowed */

/* Returns the value of ORDERSHOP_REDIS_URL for that user. */
const char *private_masters_url(const struct private_masters *masters, struct arena *arena, const char *user);

/* The two that change places, as private_masters_change_places has told. */
struct private_redis *private_masters_master(struct private_masters *masters);
struct private_redis *private_masters_replica(struct private_masters *masters);

/* Lets no sentinel, replica or other node of the cluster reach the master, nor it them. Services still do. */
void private_masters_cut_off(struct private_masters *masters);

/* Whether the replica has become a master. */
bool private_masters_have_failed_over(struct private_masters *masters);

/* What was the replica is the master from now on, and the other way round. */
void private_masters_change_places(struct private_masters *masters);

/* As private_redis_has_denied, of both. */
bool private_masters_have_denied(struct private_masters *masters);

/* Brings back what was the master before, whether it was killed, paused or cut off, as a replica, and waits until it
 * could take over. */
void private_masters_bring_back(struct private_masters *masters);
