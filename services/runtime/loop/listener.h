/* SPDX-License-Identifier: Apache-2.0 */
/* Listener: takes TCP connections at an address and hands them on, within bounds.
 *
 * There are never more connections than the process has descriptors for, and one client can't take all of them. A
 * connection beyond that is refused at once (reset), so that its client looks elsewhere; one that can't be taken
 * because the system is out of descriptors or memory waits in the kernel until it can. The listener never gives up. The
 * user of a connection closes it: the listener sees by the descriptor that it isn't the same socket any more.
 * Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "loop/loop.h"

struct listener;

struct listener_options {
  const char *address; /* "127.0.0.1:50051", "[::1]:50051", "localhost:50051"; port 0 means any free one; 0.0.0.0 and
                          [::] mean all addresses of the machine, IPv4 and IPv6 */
  size_t connections;  /* at once; at least 1 */
  size_t connections_per_address; /* of them, from one IPv4 address or one IPv6 network of 64 bits; at least 1 */
  int unacknowledged_ms; /* after which a connection whose peer acknowledges nothing is broken (TCP_USER_TIMEOUT) */
  void (*take)(void *user, int descriptor); /* owns the descriptor from then on: non-blocking, close-on-exec */
  void *user;
};

/* Binds the address; connections wait until listener_start. `options` is copied, the address into the arena. Errors:
 * UNAVAILABLE ADDRESS_UNAVAILABLE (the message names address and cause). */
struct status listener_open(struct loop *loop, struct arena *arena, const struct listener_options *options,
                            struct listener **ret_listener);

/* Returns the port that was bound. */
int listener_port(const struct listener *listener);

/* Takes connections from now on. Loop's stack. */
void listener_start(struct listener *listener);

/* Closes the address and frees the listener, on the loop's next turn; connections that were handed on stay. NULL is
 * allowed. Loop's stack. */
void listener_close(struct listener *listener);

/* Returns why connections aren't taken, for people; "" if they are. The text is static or the listener's. */
const char *listener_refusal(const struct listener *listener);
