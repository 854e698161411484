/* SPDX-License-Identifier: Apache-2.0 */
#include "private_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "patience.h"
#include "redis/redis_slot.h"

/* The masters of the beginning come first, then their replicas, in the same order. */
enum { MASTERS = PRIVATE_CLUSTER_MASTERS, NODES = 2 * MASTERS, POLL_US = 5000, DOWN_AFTER_MS = 1000 };

struct private_cluster {
  struct arena *arena;
  struct private_redis *nodes[NODES];
};

/* Mails, customers and crm; billings, products and stock; orders. */
static const struct { int first, last; } slots[MASTERS] = {{0, 8191}, {8192, 15359}, {15360, 16383}};

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "private cluster: %s\n", what);
  exit(2);
}

static void wait_until(struct private_cluster *cluster, bool (*holds)(struct private_cluster *cluster),
                       const char *what) {
  int64_t deadline = patience_end_us();
  while (!holds(cluster)) {
    if (clock_monotonic_us() > deadline) {
      fprintf(stderr, "%s\n", private_redis_command(private_cluster_master(cluster, 0), "CLUSTER NODES"));
      fail(what);
    }
    usleep(POLL_US);
  }
}

static bool says(struct private_redis *node, const char *command, const char *part) {
  if (!private_redis_is_running(node)) return false;
  const char *answer = private_redis_command(node, command);
  return answer && strstr(answer, part);
}

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

static struct private_redis *start_node(struct private_cluster *cluster, const char *users) {
  const char *arguments =
      arena_printf(cluster->arena,
                   "--include %s/deploy/redis/transactional.conf --include %s/replication.conf --aclfile %s/users.acl "
                   "--repl-diskless-sync-delay 0 --protected-mode no --cluster-enabled yes --cluster-node-timeout %d "
                   "--cluster-replica-validity-factor 0 --cluster-announce-ip 127.0.0.1",
                   ORDERSHOP_SOURCE_BUILT, users, users, DOWN_AFTER_MS);
  return private_redis_start(&(struct private_redis_options){.persistent = true, .arguments = arguments});
}

static void give_slots(struct private_cluster *cluster) {
  for (int i = 0; i < NODES; i++) {
    private_redis_command(cluster->nodes[i], "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
    if (i < MASTERS) {
      private_redis_command(cluster->nodes[i], "CLUSTER ADDSLOTSRANGE %d %d", slots[i].first, slots[i].last);
    }
  }
}

static void meet(struct private_cluster *cluster) {
  for (int i = 1; i < NODES; i++) {
    private_redis_command(cluster->nodes[0], "CLUSTER MEET 127.0.0.1 %d", private_redis_port(cluster->nodes[i]));
  }
}

static bool all_have_met(struct private_cluster *cluster) {
  for (int i = 0; i < NODES; i++) {
    if (!says(cluster->nodes[i], "CLUSTER INFO", "cluster_known_nodes:6")) return false;
    if (!says(cluster->nodes[i], "CLUSTER INFO", "cluster_state:ok")) return false;
  }
  return true;
}

static bool replicas_are_made(struct private_cluster *cluster) {
  for (int i = 0; i < MASTERS; i++) {
    const char *id = arena_strdup(cluster->arena, private_redis_command(cluster->nodes[i], "CLUSTER MYID"));
    const char *told = private_redis_command(cluster->nodes[MASTERS + i], "CLUSTER REPLICATE %s", id);
    if (strcmp(told, "OK") != 0) return false;
  }
  return true;
}

static bool is_master(struct private_redis *node) {
  return private_redis_is_running(node) && strncmp(private_redis_command(node, "ROLE"), "master", 6) == 0;
}

static bool is_content(struct private_cluster *cluster) {
  for (int i = 0; i < NODES; i++) {
    struct private_redis *node = cluster->nodes[i];
    if (!says(node, "CLUSTER INFO", "cluster_state:ok") || says(node, "CLUSTER NODES", "fail")) return false;
    if (!is_master(node) && !says(node, "INFO replication", "master_link_status:up")) return false;
  }
  for (int i = 0; i < MASTERS; i++) {
    if (is_master(cluster->nodes[i]) == is_master(cluster->nodes[MASTERS + i])) return false;
  }
  return true;
}

void private_cluster_await_content(struct private_cluster *cluster) {
  wait_until(cluster, is_content, "the cluster does not get ready");
}

struct private_cluster *private_cluster_start(struct arena *arena, const char *users) {
  struct private_cluster *cluster = arena_calloc(arena, 1, sizeof *cluster);
  cluster->arena = arena;
  for (int i = 0; i < NODES; i++) cluster->nodes[i] = start_node(cluster, users);
  give_slots(cluster);
  meet(cluster);
  wait_until(cluster, all_have_met, "the nodes don't meet");
  wait_until(cluster, replicas_are_made, "there are no replicas");
  private_cluster_await_content(cluster);
  return cluster;
}

void private_cluster_free(struct private_cluster *cluster) {
  for (int i = 0; cluster && i < NODES; i++) private_redis_free(cluster->nodes[i]);
}

/* ---- who is who ------------------------------------------------------------------------------------------------- */

const char *private_cluster_url(const struct private_cluster *cluster, const char *user) {
  const char *url = arena_printf(cluster->arena, "redis+cluster://%s@", user);
  for (int i = 0; i < NODES; i++) {
    url =
        arena_printf(cluster->arena, "%s%s127.0.0.1:%d", url, i > 0 ? "," : "", private_redis_port(cluster->nodes[i]));
  }
  return url;
}

struct private_redis *private_cluster_master(struct private_cluster *cluster, size_t number) {
  struct private_redis *replica = cluster->nodes[MASTERS + number];
  return is_master(replica) ? replica : cluster->nodes[number];
}

struct private_redis *private_cluster_master_of(struct private_cluster *cluster, const char *prefix) {
  int slot = redis_slot_of_prefix(prefix);
  size_t number = 0;
  while (slot > slots[number].last) number++;
  return private_cluster_master(cluster, number);
}

bool private_cluster_has_denied(struct private_cluster *cluster) {
  bool denied = false;
  for (int i = 0; i < NODES; i++) {
    if (!private_redis_has_denied(cluster->nodes[i])) continue;
    fprintf(stderr, "%s\n", private_redis_command(cluster->nodes[i], "ACL LOG"));
    denied = true;
  }
  return denied;
}
