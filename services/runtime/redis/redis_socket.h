/* SPDX-License-Identifier: Apache-2.0 */
/* Redis socket: one TCP connection of hiredis, driven by the loop; for this folder only.
 *
 * What a turn of the loop sends is written at its end with one write(2); libuv is asked to report the socket as
 * writable only when it took no more. It frees itself after `closed`, which comes exactly once, on the loop's
 * stack or in redis_socket_close; answers that are due get a NULL reply before. */
#pragma once

#include <hiredis/async.h>
#include <stdint.h>

#include "loop/loop.h"
#include "redis/redis_arguments.h"

struct redis_socket;

struct redis_socket_events {
  void (*connected)(void *owner);
  void (*closed)(void *owner, const char *reason); /* reason: "" if redis_socket_close was called */
  void *owner;
};

/* Starts to connect to a numeric address; hiredis would resolve a name blockingly. Returns NULL with `ret_reason` (a
 * text of `size` bytes) if that fails at once; then no event comes. */
struct redis_socket *redis_socket_open(struct loop *loop, const char *address, int port,
                                       const struct redis_socket_events *events, char *ret_reason, size_t size);

/* Queues a command in the protocol's form; `answered` is called on the loop's stack. Returns false if the socket is
 * closing. */
bool redis_socket_send(struct redis_socket *socket, const char *bytes, size_t size, redisCallbackFn *answered,
                       void *data);

/* The same of a command that is not in that form yet; it is for the few that begin a connection. */
void redis_socket_send_command(struct redis_socket *socket, const struct redis_arguments *arguments,
                               redisCallbackFn *answered, void *data);

/* Writes what is queued; for the end of the loop's turn. */
void redis_socket_flush(struct redis_socket *socket);

/* Closes at once, or when hiredis' callback returns if called from one. */
void redis_socket_close(struct redis_socket *socket);

/* Returns when the last bytes came (clock_monotonic_us); 0 if there is none yet. */
int64_t redis_socket_last_read_us(const struct redis_socket *socket);
