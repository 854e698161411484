/* SPDX-License-Identifier: Apache-2.0 */
#include "private_masters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "forwarder.h"
#include "patience.h"

/* The master and the replica are the first two nodes; the other masters of a cluster are nodes, too. */
enum { SENTINELS = 3, NODES = 4, POLL_US = 5000, DOWN_AFTER_MS = 700 };

struct private_masters {
  struct arena *arena;
  enum private_arrangement arrangement;
  const char *users;
  struct private_redis *nodes[NODES]; /* NULL where the arrangement has none */
  struct forwarder *buses[NODES];     /* of a cluster: the way to each node's bus */
  struct private_redis *sentinels[SENTINELS];
  int master; /* index of the node, 0 or 1 */
  bool is_cut_off;
  bool has_denied; /* before it was cut off */
};

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "private masters: %s\n", what);
  exit(2);
}

/* What they say of each other. */
static void show(struct private_masters *masters) {
  for (int i = 0; i < NODES; i++) {
    if (!masters->nodes[i] || !private_redis_is_running(masters->nodes[i])) continue;
    bool is_node = masters->arrangement == PRIVATE_CLUSTER;
    fprintf(stderr, "%s\n", private_redis_command(masters->nodes[i], is_node ? "CLUSTER NODES" : "INFO replication"));
  }
  for (int i = 0; i < SENTINELS && masters->sentinels[i]; i++) {
    fprintf(stderr, "%s\n", private_redis_command(masters->sentinels[i], "INFO sentinel"));
  }
}

static void wait_until(struct private_masters *masters, bool (*holds)(struct private_masters *masters),
                       const char *what) {
  int64_t deadline = patience_end_us();
  while (!holds(masters)) {
    if (clock_monotonic_us() > deadline) {
      show(masters);
      fail(what);
    }
    usleep(POLL_US);
  }
}

struct private_redis *private_masters_master(struct private_masters *masters) {
  return masters->nodes[masters->master];
}

struct private_redis *private_masters_replica(struct private_masters *masters) {
  return masters->nodes[1 - masters->master];
}

void private_masters_change_places(struct private_masters *masters) {
  masters->master = 1 - masters->master;
}

static bool says(struct private_redis *server, const char *command, const char *part) {
  const char *answer = private_redis_command(server, command);
  return answer && strstr(answer, part);
}

bool private_masters_have_failed_over(struct private_masters *masters) {
  return strncmp(private_redis_command(private_masters_replica(masters), "ROLE"), "master", 6) == 0;
}

static bool replica_follows(struct private_masters *masters) {
  return says(private_masters_replica(masters), "INFO replication", "master_link_status:up");
}

/* ---- sentinels -------------------------------------------------------------------------------------------------- */

static const char *first_line_of(struct arena *arena, const char *path) {
  char line[256] = "";
  FILE *file = fopen(path, "r");
  if (!file || !fgets(line, sizeof line, file)) fail(path);
  fclose(file);
  return arena_memdup(arena, line, strcspn(line, "\n"));
}

static void start_sentinels(struct private_masters *masters) {
  const char *password =
      first_line_of(masters->arena, arena_printf(masters->arena, "%s/sentinel.password", masters->users));
  const char *file = arena_printf(masters->arena,
                                  "sentinel monitor shop 127.0.0.1 %d 2\n"
                                  "sentinel auth-user shop sentinel\nsentinel auth-pass shop %s\n"
                                  "sentinel down-after-milliseconds shop %d\nsentinel failover-timeout shop 3000\n",
                                  private_redis_port(masters->nodes[0]), password, DOWN_AFTER_MS);
  for (int i = 0; i < SENTINELS; i++) {
    masters->sentinels[i] =
        private_redis_start(&(struct private_redis_options){.arguments = "--sentinel", .file = file});
  }
}

/* The value of a field of a flat list, as private_redis_command tells it: a line each. */
static bool field_is(const char *list, const char *field, const char *value) {
  char lines[128];
  snprintf(lines, sizeof lines, "\n%s\n%s\n", field, value);
  return strstr(list, lines);
}

/* It knows the others, the master is the present one and well, and so is the replica. */
static bool sentinel_is_content(struct private_masters *masters, struct private_redis *sentinel) {
  const char *master = private_redis_command(sentinel, "SENTINEL MASTER shop");
  char port[8];
  snprintf(port, sizeof port, "%d", private_redis_port(private_masters_master(masters)));
  if (!field_is(master, "port", port) || !field_is(master, "flags", "master")) return false;
  if (!field_is(master, "num-other-sentinels", "2")) return false;
  snprintf(port, sizeof port, "%d", private_redis_port(private_masters_replica(masters)));
  const char *replicas = private_redis_command(sentinel, "SENTINEL REPLICAS shop");
  return field_is(replicas, "port", port) && field_is(replicas, "flags", "slave") &&
         field_is(replicas, "master-link-status", "ok");
}

static bool sentinels_are_content(struct private_masters *masters) {
  for (int i = 0; i < SENTINELS; i++) {
    if (!sentinel_is_content(masters, masters->sentinels[i])) return false;
  }
  return replica_follows(masters);
}

/* ---- a cluster -------------------------------------------------------------------------------------------------- */

/* The address that a node's own connections come from. */
static const char *source_of(struct private_masters *masters, int node) {
  return arena_printf(masters->arena, "127.0.0.%d", 11 + node);
}

static void meet(struct private_masters *masters) {
  static const char *const slots[NODES] = {"10923 16383", NULL, "0 5460", "5461 10922"};
  for (int i = 0; i < NODES; i++) {
    private_redis_command(masters->nodes[i], "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
    if (slots[i])
      private_redis_command(masters->nodes[i], arena_printf(masters->arena, "CLUSTER ADDSLOTSRANGE %s", slots[i]));
  }
  for (int i = 1; i < NODES; i++) {
    private_redis_command(masters->nodes[0], "CLUSTER MEET 127.0.0.1 %d %d", private_redis_port(masters->nodes[i]),
                          forwarder_port(masters->buses[i]));
  }
}

static bool all_have_met(struct private_masters *masters) {
  for (int i = 0; i < NODES; i++) {
    const char *info = private_redis_command(masters->nodes[i], "CLUSTER INFO");
    if (!strstr(info, "cluster_state:ok") || !strstr(info, "cluster_known_nodes:4")) return false;
  }
  return true;
}

static bool replica_is_made(struct private_masters *masters) {
  const char *id = arena_strdup(masters->arena, private_redis_command(masters->nodes[0], "CLUSTER MYID"));
  return strcmp(private_redis_command(masters->nodes[1], "CLUSTER REPLICATE %s", id), "OK") == 0;
}

/* All know the replica as one, and count nobody as failed. */
static bool cluster_is_content(struct private_masters *masters) {
  char master[128], replica[128];
  snprintf(master, sizeof master, "127.0.0.1:%d@", private_redis_port(private_masters_master(masters)));
  snprintf(replica, sizeof replica, "127.0.0.1:%d@", private_redis_port(private_masters_replica(masters)));
  for (int i = 0; i < NODES; i++) {
    if (!says(masters->nodes[i], "CLUSTER INFO", "cluster_state:ok")) return false;
    const char *nodes = private_redis_command(masters->nodes[i], "CLUSTER NODES");
    const char *of_master = strstr(nodes, master), *of_replica = strstr(nodes, replica);
    if (strstr(nodes, "fail") || strstr(nodes, "disconnected") || !of_master || !of_replica) return false;
    if (strncmp(strchr(of_master, ' '), " master", 7) != 0 &&
        strncmp(strchr(of_master, ' '), " myself,master", 14) != 0)
      return false;
    if (strncmp(strchr(of_replica, ' '), " slave", 6) != 0 &&
        strncmp(strchr(of_replica, ' '), " myself,slave", 13) != 0)
      return false;
  }
  return replica_follows(masters);
}

static void bar_bus(struct private_masters *masters, int node, bool barred) {
  for (int i = 0; i < NODES; i++) {
    forwarder_bar(masters->buses[i], !barred ? NULL : i == node ? "" : source_of(masters, node));
  }
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

static struct private_redis *start_node(struct private_masters *masters, int node, const char *configuration,
                                        const char *more) {
  const char *arguments =
      arena_printf(masters->arena,
                   "--include %s/deploy/redis/%s --include %s/replication.conf --aclfile "
                   "%s/users.acl --repl-diskless-sync-delay 0 --repl-timeout 5 --protected-mode no %s",
                   ORDERSHOP_SOURCE_BUILT, configuration, masters->users, masters->users, more);
  if (masters->arrangement == PRIVATE_CLUSTER) {
    /* The bus port, which is the port + 10000, is known to the forwarder only once the server has one. */
    masters->buses[node] = forwarder_start(0);
    arguments = arena_printf(masters->arena,
                             "%s --cluster-enabled yes --cluster-node-timeout %d --cluster-replica-validity-factor 0 "
                             "--cluster-announce-ip 127.0.0.1 --cluster-announce-bus-port %d --bind-source-addr %s",
                             arguments, DOWN_AFTER_MS, forwarder_port(masters->buses[node]), source_of(masters, node));
  }
  struct private_redis *server =
      private_redis_start(&(struct private_redis_options){.persistent = true, .arguments = arguments});
  if (masters->buses[node]) forwarder_lead_to(masters->buses[node], private_redis_port(server) + 10000);
  return server;
}

static void start_with_sentinels(struct private_masters *masters) {
  masters->nodes[0] = start_node(masters, 0, "transactional.conf", "");
  masters->nodes[1] =
      start_node(masters, 1, "replica.conf",
                 arena_printf(masters->arena, "--replicaof 127.0.0.1 %d", private_redis_port(masters->nodes[0])));
  wait_until(masters, replica_follows, "the replica does not follow");
  start_sentinels(masters);
  wait_until(masters, sentinels_are_content, "the sentinels don't find each other");
}

static void start_cluster(struct private_masters *masters) {
  for (int i = 0; i < NODES; i++) masters->nodes[i] = start_node(masters, i, "transactional.conf", "");
  meet(masters);
  wait_until(masters, all_have_met, "the nodes don't meet");
  wait_until(masters, replica_is_made, "there is no replica");
  wait_until(masters, cluster_is_content, "the cluster does not get ready");
}

struct private_masters *private_masters_start(enum private_arrangement arrangement, const char *users) {
  struct arena *arena = arena_new();
  struct private_masters *masters = arena_calloc(arena, 1, sizeof *masters);
  masters->arena = arena;
  masters->arrangement = arrangement;
  masters->users = arena_strdup(arena, users);
  if (arrangement == PRIVATE_SENTINELS) start_with_sentinels(masters);
  if (arrangement == PRIVATE_CLUSTER) start_cluster(masters);
  return masters;
}

void private_masters_free(struct private_masters *masters) {
  if (!masters) return;
  for (int i = 0; i < SENTINELS; i++) private_redis_free(masters->sentinels[i]);
  for (int i = 0; i < NODES; i++) private_redis_free(masters->nodes[i]);
  for (int i = 0; i < NODES; i++) forwarder_free(masters->buses[i]);
  arena_free(masters->arena);
}

static const char *list_places(struct arena *arena, struct private_redis *const *servers, int count) {
  const char *list = "";
  for (int i = 0; i < count; i++) {
    list = arena_printf(arena, "%s%s127.0.0.1:%d", list, i > 0 ? "," : "", private_redis_port(servers[i]));
  }
  return list;
}

const char *private_masters_url(const struct private_masters *masters, struct arena *arena, const char *user) {
  if (masters->arrangement == PRIVATE_SENTINELS) {
    return arena_printf(arena, "redis+sentinel://%s@%s/shop", user, list_places(arena, masters->sentinels, SENTINELS));
  }
  return arena_printf(arena, "redis+cluster://%s@%s", user, list_places(arena, masters->nodes, NODES));
}

/* At that server alone. A sentinel whose login is refused goes on as the default user, which is the test's. */
static void refuse_others(struct private_redis *server) {
  private_redis_command(server, "ACL SETUSER sentinel off");
  private_redis_command(server, "ACL SETUSER replica off");
  private_redis_command(server, "ACL SETUSER default -ping -info");
  private_redis_command(server, "CLIENT KILL USER sentinel");
  private_redis_command(server, "CLIENT KILL USER replica");
}

static void take_others(struct private_redis *server) {
  private_redis_command(server, "ACL SETUSER sentinel on");
  private_redis_command(server, "ACL SETUSER replica on");
  private_redis_command(server, "ACL SETUSER default +@all");
  private_redis_command(server, "ACL LOG RESET");
}

void private_masters_cut_off(struct private_masters *masters) {
  struct private_redis *server = private_masters_master(masters);
  masters->is_cut_off = true;
  masters->has_denied = masters->has_denied || private_redis_has_denied(server);
  if (masters->arrangement == PRIVATE_CLUSTER) bar_bus(masters, masters->master, true);
  refuse_others(server);
}

bool private_masters_have_denied(struct private_masters *masters) {
  return masters->has_denied || private_redis_has_denied(masters->nodes[0]) ||
         private_redis_has_denied(masters->nodes[1]);
}

void private_masters_bring_back(struct private_masters *masters) {
  struct private_redis *before = private_masters_replica(masters);
  private_redis_resume(before);
  if (!private_redis_is_running(before)) private_redis_restart(before);
  if (masters->is_cut_off) take_others(before);
  if (masters->is_cut_off && masters->arrangement == PRIVATE_CLUSTER) bar_bus(masters, 1 - masters->master, false);
  masters->is_cut_off = false;
  if (masters->arrangement == PRIVATE_SENTINELS) {
    /* Sentinels would do it, some seconds later. */
    private_redis_command(before, "REPLICAOF 127.0.0.1 %d", private_redis_port(private_masters_master(masters)));
    wait_until(masters, sentinels_are_content, "the sentinels don't take the old master for a replica");
  } else {
    wait_until(masters, cluster_is_content, "the cluster does not take the old master for a replica");
  }
}
