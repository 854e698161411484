/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "redis/redis_arguments.h"

/* The first thing that went wrong says why. */
static void note(struct redis_witness *witness, const char *reason) {
  struct redis_testimony *testimony = &witness->testimony;
  if (!*testimony->reason) snprintf(testimony->reason, sizeof testimony->reason, "%s", reason);
}

static void note_error(struct redis_witness *witness, const redisReply *reply) {
  note(witness, reply->type == REDIS_REPLY_ERROR ? reply->str : "it does not answer as Redis does");
}

static const char *text_of(const redisReply *reply) {
  return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ? reply->str : NULL;
}

static bool is_list(const redisReply *reply, size_t least) {
  return reply->type == REDIS_REPLY_ARRAY && reply->elements >= least;
}

/* A port that is none, or a name that is too long to be one, tells nothing. */
static void take_address(struct redis_witness *witness, const char *host, long long port) {
  struct redis_testimony *testimony = &witness->testimony;
  if (port < 1 || port > 65535 || strlen(host) >= sizeof testimony->host) {
    note(witness, "it names an address that can't be one");
    return;
  }
  snprintf(testimony->host, sizeof testimony->host, "%s", host);
  testimony->port = (int)port;
}

/* A NULL reply says that the socket closes, in all of these. */
static void on_auth(void *owner, const redisReply *reply) {
  if (reply && reply->type != REDIS_REPLY_STATUS) note_error(owner, reply);
}

/* ---- a sentinel ------------------------------------------------------------------------------------------------- */

static void on_master_address(void *owner, const redisReply *reply) {
  struct redis_witness *witness = owner;
  if (!reply) return;
  if (reply->type == REDIS_REPLY_NIL) {
    char reason[128];
    snprintf(reason, sizeof reason, "it knows no master '%s'", witness->url->master_name);
    note(witness, reason);
  } else if (is_list(reply, 2) && text_of(reply->element[0]) && text_of(reply->element[1])) {
    take_address(witness, reply->element[0]->str, atoll(reply->element[1]->str));
  } else if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "unknown command")) {
    note(witness, "it is no sentinel");
  } else {
    note_error(witness, reply);
  }
}

static void on_master(void *owner, const redisReply *reply) {
  struct redis_witness *witness = owner;
  if (!reply || !is_list(reply, 2)) return;
  for (size_t i = 0; i + 1 < reply->elements; i += 2) {
    const char *name = text_of(reply->element[i]), *value = text_of(reply->element[i + 1]);
    if (name && value && strcmp(name, "config-epoch") == 0) witness->testimony.epoch = atoll(value);
  }
}

static void on_quorum(void *owner, const redisReply *reply) {
  struct redis_witness *witness = owner;
  if (!reply) return;
  bool lacks = reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOQUORUM", 8) == 0;
  if (lacks) snprintf(witness->testimony.doubt, sizeof witness->testimony.doubt, "%s", reply->str);
  witness->told(witness->owner);
}

static void ask_sentinel(struct redis_witness *witness, struct redis_socket *socket, struct arena *arena) {
  const char *name = witness->url->master_name;
  struct redis_arguments address = redis_command_of(arena, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name, NULL);
  struct redis_arguments master = redis_command_of(arena, "SENTINEL", "MASTER", name, NULL);
  struct redis_arguments quorum = redis_command_of(arena, "SENTINEL", "CKQUORUM", name, NULL);
  redis_socket_send(socket, &address, on_master_address, witness);
  redis_socket_send(socket, &master, on_master, witness);
  redis_socket_send(socket, &quorum, on_quorum, witness);
}

/* ---- a node of a cluster ---------------------------------------------------------------------------------------- */

/* A range of CLUSTER SLOTS: first slot, last slot, master, replicas. */
static bool has_slot(const redisReply *range, int slot) {
  return is_list(range, 3) && range->element[0]->type == REDIS_REPLY_INTEGER &&
         range->element[1]->type == REDIS_REPLY_INTEGER && range->element[0]->integer <= slot &&
         slot <= range->element[1]->integer;
}

/* A node of CLUSTER SLOTS: host, port, id. No host means the one that was asked, "?" one that it does not know. */
static void take_node(struct redis_witness *witness, const redisReply *node) {
  if (!is_list(node, 3) || node->element[1]->type != REDIS_REPLY_INTEGER || !text_of(node->element[2])) {
    note(witness, "it does not answer as a node of a cluster does");
    return;
  }
  const char *host = text_of(node->element[0]);
  if (host && strcmp(host, "?") == 0) {
    note(witness, "it does not know the name of the master (cluster-announce-hostname)");
    return;
  }
  snprintf(witness->testimony.node, sizeof witness->testimony.node, "%s", node->element[2]->str);
  take_address(witness, host && *host ? host : witness->address->host, node->element[1]->integer);
}

static void on_slots(void *owner, const redisReply *reply) {
  struct redis_witness *witness = owner;
  if (!reply) return;
  if (reply->type != REDIS_REPLY_ARRAY) {
    note_error(witness, reply);
    return;
  }
  for (size_t i = 0; i < reply->elements; i++) {
    if (!has_slot(reply->element[i], witness->slot)) continue;
    take_node(witness, reply->element[i]->element[2]);
    return;
  }
  char reason[80];
  snprintf(reason, sizeof reason, "it knows no master of slot %d", witness->slot);
  note(witness, reason);
}

/* The line of CLUSTER NODES that begins with `id`; NULL if there is none. Others may name it, too: as their master. */
static const char *line_of(const char *nodes, const char *id) {
  size_t size = strlen(id);
  for (const char *line = nodes; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, id, size) == 0 && line[size] == ' ') return line;
  }
  return NULL;
}

/* A line has: id, address, flags, master, ping sent, pong received, config epoch, link, slots. */
static void on_nodes(void *owner, const redisReply *reply) {
  struct redis_witness *witness = owner;
  struct redis_testimony *testimony = &witness->testimony;
  if (!reply) return;
  const char *line = text_of(reply) && *testimony->node ? line_of(reply->str, testimony->node) : NULL;
  char flags[128];
  long long epoch;
  if (line && sscanf(line, "%*s %*s %127s %*s %*s %*s %lld", flags, &epoch) == 2) {
    testimony->epoch = epoch;
    bool failed = strstr(flags, "fail") && !strstr(flags, "fail?");
    if (failed) snprintf(testimony->doubt, sizeof testimony->doubt, "the cluster counts this node as failed");
  }
  witness->told(witness->owner);
}

static void ask_node(struct redis_witness *witness, struct redis_socket *socket, struct arena *arena) {
  struct redis_arguments slots = redis_command_of(arena, "CLUSTER", "SLOTS", NULL);
  struct redis_arguments nodes = redis_command_of(arena, "CLUSTER", "NODES", NULL);
  redis_socket_send(socket, &slots, on_slots, witness);
  redis_socket_send(socket, &nodes, on_nodes, witness);
}

/* ---- either ----------------------------------------------------------------------------------------------------- */

void redis_witness_ask(struct redis_witness *witness, struct redis_socket *socket) {
  struct arena *arena = arena_new();
  witness->testimony = (struct redis_testimony){0};
  if (witness->password) {
    struct redis_arguments auth = redis_arguments_of(arena, "AUTH");
    if (witness->user) redis_add_text(&auth, witness->user);
    redis_add_text(&auth, witness->password);
    redis_socket_send(socket, &auth, on_auth, witness);
  }
  if (witness->url->arrangement == REDIS_SENTINEL) {
    ask_sentinel(witness, socket, arena);
  } else {
    ask_node(witness, socket, arena);
  }
  arena_free(arena);
}
