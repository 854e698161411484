/* SPDX-License-Identifier: Apache-2.0 */
/* Redis connection: keeps one socket to a Redis server up; for this folder only.
 *
 * Asks where the server is, unless the URL says it (redis_master.h), resolves its name, tries its addresses in turn,
 * greets (AUTH, SELECT, CLIENT SETNAME, CLIENT ID, PING) and tells that it is ready. When the socket is lost, or the
 * attempt failed, it waits (50 ms doubling to 2 s, with jitter; to 500 ms where another server may take over) and
 * starts again, asking anew. One log line when Redis goes away, one when it is back. Its owner embeds it, and keeps the
 * memory until `stopped`. All events come on the loop's stack. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "loop/loop.h"
#include "redis/redis_dial.h"
#include "redis/redis_greeting.h"
#include "redis/redis_master.h"
#include "redis/redis_metrics.h"
#include "redis/redis_socket.h"
#include "redis/redis_url.h"

enum redis_connection_state {
  REDIS_CONNECTION_WAITING,    /* for the next attempt */
  REDIS_CONNECTION_ASKING,     /* where the master is */
  REDIS_CONNECTION_RESOLVING,  /* the host's name */
  REDIS_CONNECTION_CONNECTING, /* and greeting */
  REDIS_CONNECTION_READY,
  REDIS_CONNECTION_STOPPED,
};

struct redis_connection_events {
  void (*ready)(void *owner);
  void (*replica)(void *owner); /* a replica was greeted, and is left; greeting.identity tells which server that is */
  void (*stopped)(void *owner);
  void *owner;
};

struct redis_connection {
  /* Set by the owner before redis_connection_start. */
  struct loop *loop;
  struct redis_url url;
  struct tls_client *tls;                        /* NULL: plain text */
  const char *password;                          /* NULL if there is none */
  const char *name;                              /* for CLIENT SETNAME */
  const char *purpose;                           /* for the log */
  bool identifies;                               /* greeting.identity is wanted */
  const char *key;                               /* greeting.key */
  const char *sentinel_user, *sentinel_password; /* NULL if there is none */
  int slot;                                      /* of our keys in a cluster */
  struct redis_master_known *known;
  int64_t connect_timeout_ms;
  struct redis_connection_events events;
  struct redis_metrics metrics;

  /* For the owner to read. */
  enum redis_connection_state state;
  struct redis_socket *socket; /* NULL if there is none */
  char reason[256];            /* why it isn't ready; "" when it is */
  uint64_t generation;         /* times it became ready */
  int64_t client_id;           /* CLIENT ID; 0 if there is none */

  /* Its own. */
  uv_timer_t timer; /* next attempt, or the end of this one */
  struct redis_master_asker asker;
  char host[REDIS_HOST_SIZE]; /* of the server that is, or was last, connected to; "" if none is known yet */
  int port;
  char doubt[160]; /* see redis_master_asker.found */
  struct redis_dial dial;
  struct redis_greeting greeting;
  bool timer_closed;
  bool quiet;            /* its coming and going is logged for debugging only */
  bool away;             /* and the log has said so */
  bool tls_fails;        /* the last attempt ended by it */
  bool told_tls_failure; /* the log has said so in this outage */
  int64_t away_since_us; /* for the log */
  int64_t ready_since_us;
  int64_t backoff_ms;
};

void redis_connection_start(struct redis_connection *connection);

/* Declares the socket dead, for `reason`; the connection starts anew. Not from `ready`. */
void redis_connection_fail(struct redis_connection *connection, const char *reason);

/* The same where a server is known to answer at the address: the next attempt follows soon, however many failed. */
void redis_connection_start_anew(struct redis_connection *connection, const char *reason);

/* Keeps `reason` as the connection's, unless it is empty. */
void redis_connection_note(struct redis_connection *connection, const char *reason);

/* Ends the connection; `stopped` follows when nothing of libuv refers to it any more. */
void redis_connection_stop(struct redis_connection *connection);
