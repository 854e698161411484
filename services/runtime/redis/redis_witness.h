/* SPDX-License-Identifier: Apache-2.0 */
/* Redis witness: a sentinel, or a node of a cluster, that is asked over a fresh socket where the master is; for this
 * folder only.
 *
 * A sentinel is asked SENTINEL GET-MASTER-ADDR-BY-NAME, MASTER (whose config-epoch orders what sentinels say) and
 * CKQUORUM; a node CLUSTER SLOTS and NODES (whose config epoch of the slot's owner does the same). All questions go out
 * in one write. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "redis/redis_socket.h"
#include "redis/redis_url.h"

enum { REDIS_HOST_SIZE = 256 };

struct redis_testimony {
  /* What the witness has told of the master; "" if it told nothing. */
  char host[REDIS_HOST_SIZE];
  int port;
  int64_t epoch;    /* of two that differ, the higher one is newer; 0 if it is not told */
  char node[64];    /* of a cluster: the node's id */
  char doubt[160];  /* why the master, if it is away, won't be replaced: NOQUORUM ...; "" if there is no reason */
  char reason[160]; /* why it told nothing */
};

struct redis_witness {
  /* Set by the owner. */
  const struct redis_url *url;
  const struct redis_address *address; /* its own */
  const char *user, *password;         /* NULL if there is none */
  int slot;                            /* of our keys in a cluster */
  void (*told)(void *owner);           /* all answers are there; not if the socket closes before */
  void *owner;

  struct redis_testimony testimony;
};

/* Sends the questions. `witness` must live as long as the socket. */
void redis_witness_ask(struct redis_witness *witness, struct redis_socket *socket);
