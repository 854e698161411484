/* SPDX-License-Identifier: Apache-2.0 */
/* Redis greeting: what a fresh socket says before it serves; for this folder only.
 *
 * It is RESP2, all in one write: AUTH where there is a password, SELECT where the database isn't 0, CLIENT SETNAME,
 * CLIENT ID, INFO where the server's identity matters, ROLE, GET of a key in a cluster, and PING, which a server that
 * is still loading its data refuses. A replica is of no use: it takes no writes, and consumer groups write even when
 * they read; neither is a node of a cluster that does not hold the key, nor a sentinel. A user who may not use CLIENT,
 * INFO and ROLE is served nevertheless. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "redis/redis_socket.h"
#include "redis/redis_url.h"

enum { REDIS_ID_SIZE = 41 }; /* 40 hex digits and a NUL */

/* Which server it is; empty where it did not say. */
struct redis_identity {
  char run_id[REDIS_ID_SIZE];         /* changes with every start of the server */
  char replication_id[REDIS_ID_SIZE]; /* of the history of its data: changes when a replica takes over */
  char followed_id[REDIS_ID_SIZE];    /* the history that it has followed and gone on with; zeros: none */
};

/* The identity that the text of INFO tells. */
struct redis_identity redis_identity_of(const char *info);

struct redis_greeting {
  const struct redis_url *url;
  const char *password; /* NULL if there is none */
  const char *name;
  bool identifies; /* asks for `identity` */
  const char *key; /* one that the server must hold; NULL if it need not show that */
  /* These are told the outcome, once per refused command or at the end, and nothing if the socket closes before. */
  void (*welcomed)(void *owner, int64_t client_id);
  void (*refused)(void *owner, const char *reason);
  void *owner;

  /* What it has learned. */
  int64_t client_id;
  struct redis_identity identity;
  bool is_replica;
};

/* `greeting` must live as long as the socket. */
void redis_greeting_send(struct redis_greeting *greeting, struct redis_socket *socket);
