/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_server.h"

#include <stdio.h>
#include <string.h>

#include "redis/redis_private.h"
#include "redis/redis_server_private.h"

struct redis_server {
  struct redis *connections;
  struct redis_identity identity; /* empty: not known */
  uint64_t era;
  bool took_over;
  struct redis_master_known known;
  char refusal[128];
  bool warned;
};

struct redis_server *redis_server_new(struct arena *arena) {
  struct redis_server *server = arena_calloc(arena, 1, sizeof *server);
  server->era = 1;
  return server;
}

uint64_t redis_server_era(const struct redis_server *server) {
  return server->era;
}

bool redis_server_took_over(const struct redis_server *server) {
  return server->took_over;
}

const char *redis_server_refusal(const struct redis_server *server) {
  return server->refusal;
}

void redis_server_takes_writes(struct redis_server *server) {
  server->refusal[0] = '\0';
}

struct redis_master_known *redis_server_known(struct redis_server *server) {
  return &server->known;
}

void redis_server_join(struct redis *redis) {
  if (!redis->server) return;
  redis->next = redis->server->connections;
  redis->server->connections = redis;
}

void redis_server_part(struct redis *redis) {
  if (!redis->server) return;
  struct redis **at = &redis->server->connections;
  while (*at != redis) at = &(*at)->next;
  *at = redis->next;
  redis->server = NULL;
}

/* A connection that is up and has not been told yet. */
static struct redis *next_to_leave(const struct redis_server *server) {
  struct redis *redis = server->connections;
  while (redis && (redis->left_era == server->era || redis->connection.state != REDIS_CONNECTION_READY))
    redis = redis->next;
  return redis;
}

/* Losing a connection runs its listener, which may close any of them: hence each look at the list begins anew. `but`
 * (NULL if there is none) stays: it has just met who serves at the address, so the others don't wait for that. */
static void leave(struct redis_server *server, struct redis *but, const char *reason) {
  server->era++;
  server->refusal[0] = '\0';
  if (but) but->left_era = server->era;
  struct redis *redis;
  while ((redis = next_to_leave(server))) {
    redis->left_era = server->era;
    if (but) {
      redis_connection_start_anew(&redis->connection, reason);
    } else {
      redis_connection_fail(&redis->connection, reason);
    }
  }
}

static void warn_of_no_identity(struct redis_server *server) {
  if (server->warned) return;
  server->warned = true;
  log_event(LOG_WARN, "redis does not tell which server it is, so a failover is noticed later", "do",
            "let the user do INFO (+info|server and ACL LOAD)", NULL);
}

void redis_server_met(struct redis *redis, const struct redis_identity *identity) {
  struct redis_server *server = redis->server;
  if (!server) return;
  if (!*identity->run_id) {
    warn_of_no_identity(server);
    return;
  }
  struct redis_identity before = server->identity;
  server->identity = *identity;
  if (strcmp(before.run_id, identity->run_id) != 0) {
    server->took_over = *before.replication_id && strcmp(identity->followed_id, before.replication_id) == 0;
    leave(server, redis, "another server answers at Redis' address by now");
    return;
  }
  /* It was a replica meanwhile, or has its first replica: whatever was read may be of another history. */
  if (strcmp(before.replication_id, identity->replication_id) != 0) server->era++;
}

bool redis_server_goes_on(struct redis_server *server, const char *info) {
  struct redis_identity now = redis_identity_of(info);
  bool same_server = *now.run_id && strcmp(now.run_id, server->identity.run_id) == 0;
  if (same_server && strcmp(now.replication_id, server->identity.replication_id) == 0) return true;
  server->era++;
  if (same_server) server->identity = now;
  return false;
}

void redis_server_met_replica(struct redis *redis, const struct redis_identity *identity) {
  struct redis_server *server = redis->server;
  if (!server || !*identity->run_id || strcmp(server->identity.run_id, identity->run_id) != 0) return;
  leave(server, redis, "the server has become a replica");
}

static bool begins_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

static bool begins_with_one_of(const char *text, const char *const *starts) {
  while (*starts && !begins_with(text, *starts)) starts++;
  return *starts;
}

/* The server is no master any more, or not of our keys. READONLY and MASTERDOWN are a replica's, and on a connection
 * that is up LOADING, too; UNBLOCKED with these words is what a blocked reader is told at the moment that a master
 * becomes one (replication.c of Redis). MOVED and CLUSTERDOWN are a cluster's; a URL of one server leads nowhere else.
 */
static bool is_of_another_master(const struct redis *redis, const char *error) {
  static const char *const replicas[] = {"READONLY ", "MASTERDOWN ", "LOADING ",
                                         "UNBLOCKED force unblock from blocking operation, instance state changed",
                                         NULL};
  static const char *const clusters[] = {"MOVED ", "CLUSTERDOWN ", NULL};
  if (begins_with_one_of(error, replicas)) return true;
  return redis->connection.url.arrangement == REDIS_CLUSTER && begins_with_one_of(error, clusters);
}

/* It is the server, and does not take all that it is sent. ASK and TRYAGAIN last as long as our slot is on its way to
 * another master. */
static bool is_for_now(const char *error) {
  static const char *const starts[] = {"NOREPLICAS ", "MISCONF ", "ASK ", "TRYAGAIN ", "MOVED ", "CLUSTERDOWN ", NULL};
  return begins_with_one_of(error, starts);
}

void redis_server_heard(struct redis *redis, const char *error) {
  struct redis_server *server = redis->server;
  if (is_of_another_master(redis, error)) {
    if (server) {
      leave(server, NULL, error);
    } else {
      redis_connection_fail(&redis->connection, error);
    }
  } else if (server && is_for_now(error)) {
    snprintf(server->refusal, sizeof server->refusal, "Redis refuses writes: %s", error);
  }
}
