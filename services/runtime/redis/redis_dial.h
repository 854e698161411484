/* SPDX-License-Identifier: Apache-2.0 */
/* Redis dial: resolves a host's name and opens sockets to its addresses, one after the other; for this folder only.
 *
 * Names are resolved by libuv, beside the loop. Its owner embeds it, and keeps the memory while
 * redis_dial_is_resolving. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "loop/loop.h"
#include "redis/redis_socket.h"

struct redis_dial {
  /* Set by the owner before redis_dial_start. */
  struct loop *loop;
  const char *host; /* must live until `resolved`, or redis_dial_end */
  int port;
  struct tls_client *tls;                            /* NULL: plain text */
  void (*resolved)(void *owner, const char *reason); /* NULL: redis_dial_next may be called; else why not */
  void *owner;

  /* Its own. */
  uv_getaddrinfo_t resolve;
  struct addrinfo *addresses, *next_address;
  bool resolving, ended;
};

/* Starts to resolve the name; `resolved` comes later, on the loop's stack. Returns NULL, or why it can't. */
const char *redis_dial_start(struct redis_dial *dial);

/* Starts to connect to the next of the addresses. Returns NULL if there is none left; `ret_reason` (a text of `size`
 * bytes) is then why the last ones could not even be tried, or untouched. */
struct redis_socket *redis_dial_next(struct redis_dial *dial, const struct redis_socket_events *events,
                                     char *ret_reason, size_t size);

/* Forgets the addresses. A resolution that is under way can't always be ended: `resolved` comes nevertheless, with a
 * reason. */
void redis_dial_end(struct redis_dial *dial);

bool redis_dial_is_resolving(const struct redis_dial *dial);
