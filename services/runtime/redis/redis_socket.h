/* SPDX-License-Identifier: Apache-2.0 */
/* Redis socket: commands to a server and its answers, in order; for this folder only.
 *
 * It is a link (redis_link.h) that hiredis' parser reads from. It frees itself after `closed`, which comes exactly
 * once, on the loop's stack or in redis_socket_close; answers that are due get a NULL reply before. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "loop/loop.h"
#include "redis/redis_arguments.h"
#include "tls/tls_client.h"

struct redis_socket;

struct redis_socket_events {
  void (*connected)(void *owner);
  void (*closed)(void *owner, const char *reason); /* reason: "" if redis_socket_close was called */
  void *owner;
};

/* The answer to a command; NULL if the socket closes, and redis_socket_reason says why. */
typedef void redis_answered(void *owner, const redisReply *reply);

/* Starts to connect to a numeric address. `tls` is the session to be had with the server, NULL for plain text; it
 * belongs to the socket from now on. Returns NULL with `ret_reason` (a text of `size` bytes) if that fails at once;
 * then no event comes. */
struct redis_socket *redis_socket_open(struct loop *loop, const char *address, int port, struct tls_session *tls,
                                       const struct redis_socket_events *events, char *ret_reason, size_t size);

/* Queues a command; `answered` is called on the loop's stack. Returns false if the socket is closing. */
bool redis_socket_send(struct redis_socket *socket, const struct redis_arguments *arguments, redis_answered *answered,
                       void *owner);

/* Writes what is queued; for the end of the loop's turn. What `connected` queues is written without it. */
void redis_socket_flush(struct redis_socket *socket);

/* Closes at once, or when `answered` returns if called from there. */
void redis_socket_close(struct redis_socket *socket);

/* Returns why the server, or the network, ended it; "" if it is open, or was closed. */
const char *redis_socket_reason(const struct redis_socket *socket);

/* See redis_link.h. Both may be asked within `closed`, too. */
const char *redis_socket_delay(const struct redis_socket *socket);
const char *redis_socket_tls_failure(const struct redis_socket *socket);

/* Returns when the last bytes came (clock_monotonic_us); 0 if there is none yet. */
int64_t redis_socket_last_read_us(const struct redis_socket *socket);
