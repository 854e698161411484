/* SPDX-License-Identifier: Apache-2.0 */
/* Private cluster: a Redis Cluster of three masters, each with a replica, with the shipped configuration, over which
 * the services of a shop spread: each has a hash tag of its own ("{order}:"), and slots are given to masters so that
 * the busiest services are apart. It has the users of deploy/redis/make_users.sh --each.
 *
 * Everybody is on 127.0.0.1 and ends with the program. What can't be done ends the test program with a message.
 * Blocking; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "private_redis.h"

enum { PRIVATE_CLUSTER_MASTERS = 3 };

/* Before the keys of who has no hash tag of its own. */
#define PRIVATE_CLUSTER_PREFIX "{shop}:"

struct private_cluster;

/* Starts them and waits until each replica could take over. `users` is a folder that make_users.sh has made. */
struct private_cluster *private_cluster_start(struct arena *arena, const char *users);
void private_cluster_free(struct private_cluster *cluster); /* NULL is allowed */

/* Returns the value of ORDERSHOP_REDIS_URL for that user. */
const char *private_cluster_url(const struct private_cluster *cluster, const char *user);

/* The present master of the keys that begin with a prefix, which has a hash tag. */
struct private_redis *private_cluster_master_of(struct private_cluster *cluster, const char *prefix);

/* The present master number `number` of the three. */
struct private_redis *private_cluster_master(struct private_cluster *cluster, size_t number);

/* Waits until each master has its replica, and all say that the cluster is well. */
void private_cluster_await_content(struct private_cluster *cluster);

/* As private_redis_has_denied, of all. Tells what was refused. */
bool private_cluster_has_denied(struct private_cluster *cluster);
