/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_greeting.h"

#include <stdio.h>
#include <string.h>

#include "redis/redis_arguments.h"

static bool is_error(const redisReply *reply) {
  return reply->type == REDIS_REPLY_ERROR;
}

/* What to do about a server that does not let us in; "" means its own words must do. */
static const char *advice_for(const char *error) {
  if (strncmp(error, "WRONGPASS", 9) == 0) {
    return "; check the user in the Redis URL, the password file, and that Redis knows the user (ACL LOAD)";
  }
  if (strncmp(error, "NOAUTH", 6) == 0) return " Give a user in the Redis URL, and a password file.";
  return "";
}

static void refuse(struct redis_greeting *greeting, const redisReply *reply) {
  if (!is_error(reply)) {
    greeting->refused(greeting->owner, "the server does not answer as Redis does");
    return;
  }
  char reason[256];
  snprintf(reason, sizeof reason, "%s%s", reply->str, advice_for(reply->str));
  greeting->refused(greeting->owner, reason);
}

/* AUTH and SELECT. A NULL reply says that the socket closes, in all of these. */
static void on_required(void *greeting, const redisReply *reply) {
  if (reply && reply->type != REDIS_REPLY_STATUS) refuse(greeting, reply);
}

/* Errors that concern the connection as a whole. PING reports errors that only some commands meet, too (MISCONF: no
 * writes); those commands report them. */
static bool is_unusable(const redisReply *reply) {
  static const char *const starts[] = {"LOADING ", "NOAUTH ", "DENIED ", "ERR max number of clients"};
  if (!is_error(reply)) return false;
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
    if (strncmp(reply->str, starts[i], strlen(starts[i])) == 0) return true;
  }
  return false;
}

static void on_name(void *greeting, const redisReply *reply) {
  if (reply && is_unusable(reply)) refuse(greeting, reply);
}

static void on_client_id(void *owner, const redisReply *reply) {
  struct redis_greeting *greeting = owner;
  if (reply && reply->type == REDIS_REPLY_INTEGER) greeting->client_id = reply->integer;
}

/* The value of a line "<name>:<value>" of INFO, of `size` bytes with its NUL; "" if there is none. */
static void read_info(const char *info, const char *name, char *value, size_t size) {
  value[0] = '\0';
  for (const char *line = info; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || line[length] != ':') continue;
    line += length + 1;
    snprintf(value, size, "%.*s", (int)strcspn(line, "\r\n"), line);
    return;
  }
}

struct redis_identity redis_identity_of(const char *info) {
  struct redis_identity identity;
  read_info(info, "run_id", identity.run_id, REDIS_ID_SIZE);
  read_info(info, "master_replid", identity.replication_id, REDIS_ID_SIZE);
  read_info(info, "master_replid2", identity.followed_id, REDIS_ID_SIZE);
  return identity;
}

static void on_info(void *owner, const redisReply *reply) {
  struct redis_greeting *greeting = owner;
  if (!reply || reply->type != REDIS_REPLY_STRING) return;
  greeting->identity = redis_identity_of(reply->str);
}

static void on_role(void *owner, const redisReply *reply) {
  struct redis_greeting *greeting = owner;
  if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) return;
  const char *role = reply->element[0]->str;
  if (role && strcmp(role, "slave") == 0) {
    greeting->is_replica = true;
    greeting->refused(greeting->owner, "the server is a replica");
  } else if (role && strcmp(role, "sentinel") == 0) {
    greeting->refused(greeting->owner, "the server is a sentinel: give a URL redis+sentinel://host:port,.../NAME");
  }
}

/* A node of a cluster that does not hold the key, or not alone, says so; what else the key may be is not its matter. */
static void on_key(void *greeting, const redisReply *reply) {
  static const char *const starts[] = {"MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN "};
  if (!reply || !is_error(reply)) return;
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
    if (strncmp(reply->str, starts[i], strlen(starts[i])) != 0) continue;
    refuse(greeting, reply);
    return;
  }
}

static void on_ping(void *owner, const redisReply *reply) {
  struct redis_greeting *greeting = owner;
  if (!reply) return;
  if (is_unusable(reply) || (!is_error(reply) && reply->type != REDIS_REPLY_STATUS)) {
    refuse(greeting, reply);
    return;
  }
  greeting->welcomed(greeting->owner, greeting->client_id);
}

static void send_auth(struct redis_greeting *greeting, struct redis_socket *socket, struct arena *arena) {
  struct redis_arguments arguments = redis_arguments_of(arena, "AUTH");
  if (greeting->url->user) redis_add_text(&arguments, greeting->url->user);
  redis_add_text(&arguments, greeting->password);
  redis_socket_send(socket, &arguments, on_required, greeting);
}

void redis_greeting_send(struct redis_greeting *greeting, struct redis_socket *socket) {
  struct arena *arena = arena_new();
  greeting->client_id = 0;
  greeting->identity = (struct redis_identity){0};
  greeting->is_replica = false;
  if (greeting->password) send_auth(greeting, socket, arena);
  if (greeting->url->database != 0) {
    struct redis_arguments select = redis_arguments_of(arena, "SELECT");
    redis_add_number(&select, greeting->url->database);
    redis_socket_send(socket, &select, on_required, greeting);
  }
  struct redis_arguments name = redis_command_of(arena, "CLIENT", "SETNAME", greeting->name, NULL);
  struct redis_arguments id = redis_command_of(arena, "CLIENT", "ID", NULL);
  struct redis_arguments info = redis_command_of(arena, "INFO", "server", "replication", NULL);
  struct redis_arguments role = redis_arguments_of(arena, "ROLE");
  struct redis_arguments ping = redis_arguments_of(arena, "PING");
  redis_socket_send(socket, &name, on_name, greeting);
  redis_socket_send(socket, &id, on_client_id, greeting);
  if (greeting->identifies) redis_socket_send(socket, &info, on_info, greeting);
  redis_socket_send(socket, &role, on_role, greeting);
  if (greeting->key) {
    struct redis_arguments get = redis_command_of(arena, "GET", greeting->key, NULL);
    redis_socket_send(socket, &get, on_key, greeting);
  }
  redis_socket_send(socket, &ping, on_ping, greeting);
  arena_free(arena);
}
