/* Redis greeting: what a fresh link says before it serves; for this folder only.
 *
 * RESP2, all in one write: AUTH where there is a password, SELECT where the database isn't 0, CLIENT SETNAME, CLIENT
 * ID, ROLE, and PING, which a server that is still loading its data refuses. A replica is of no use: it takes no
 * writes, and consumer groups write even when they read. A user who may not use CLIENT and ROLE is served nevertheless.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "redis/redis_link.h"
#include "redis/redis_url.h"

struct redis_greeting {
  const struct redis_url *url;
  const char *password; /* NULL: none */
  const char *name;
  /* Told the outcome once per refused command or at the end; nothing if the link closes before. */
  void (*welcomed)(void *owner, int64_t client_id);
  void (*refused)(void *owner, const char *reason);
  void *owner;
  int64_t client_id; /* its own */
};

/* `greeting` must live as long as the link. */
void redis_greeting_send(struct redis_greeting *greeting, struct redis_link *link);
