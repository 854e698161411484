/* SPDX-License-Identifier: Apache-2.0 */
/* A service that is loaded: so many connections to it, spread over all addresses of its name, each made again when it
 * has ended. One thread. */
#pragma once

#include <poll.h>

#include "client/load/http2_connection.h"

struct peer_connections;

struct peer_options {
  const char *name;   /* "order", for messages */
  const char *target; /* gRPC's name of it: client/target.h */
  SSL_CTX *tls;       /* NULL means plain text */
  int connections;
  void (*done)(void *argument, struct call *call); /* as in http2_options */
  void *argument;
};

/* Errors: INVALID_ARGUMENT ADDRESS_INVALID (it is no name that can be looked up here, as "unix:..."). */
struct status peer_check_target(struct arena *arena, const char *name, const char *target);

/* Looks the name up and begins to connect. The caller owns the result; texts must live as long. Errors:
 * INVALID_ARGUMENT ADDRESS_INVALID (no such name), UNAVAILABLE (the name is not known). */
struct status peer_open(struct arena *arena, const struct peer_options *options, struct peer_connections **ret_peer);

/* Calls that are under way are done. */
void peer_close(struct peer_connections *peer);

const char *peer_name(const struct peer_connections *peer);

/* Why it can't be called at present, as a clause. */
const char *peer_failure(const struct peer_connections *peer);

/* Begins a call on the next connection that takes one. Returns false if none does. */
bool peer_call(struct peer_connections *peer, struct call *call, int64_t timeout_us);

/* Sends what is waiting. */
void peer_flush(struct peer_connections *peer);

/* Returns how many descriptors peer_poll fills at present. */
size_t peer_poll_size(const struct peer_connections *peer);
void peer_poll(const struct peer_connections *peer, struct pollfd *fds);

/* Reads and writes where poll said so; `fds` are those of peer_poll. */
void peer_step(struct peer_connections *peer, const struct pollfd *fds);

/* Connects again where it is time. Returns when that is next, or INT64_MAX. */
int64_t peer_reconnect(struct peer_connections *peer, int64_t now_us);
