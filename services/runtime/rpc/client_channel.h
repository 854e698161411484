/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to a peer, as the clients on the loop and the blocking ones have it: a gRPC channel, exchanged for a
 * new one when the identity's files have changed (calls on the old one end there).
 *
 * Threads: any. Lifetime: longer than its calls. */
#pragma once

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdint.h>

#include "base/status.h"
#include "rpc/rpc_client.h"

struct channel_hold;

struct client_channel {
  const char *peer;      /* for messages */
  const char *target;    /* likewise */
  const char *authority; /* by which it is called; NULL means the target's name */
  struct rpc_channel_options options;
  pthread_mutex_t mutex;
  struct channel_hold *current; /* under the mutex */
};

/* The library must have been acquired (rpc_library_acquire). Errors: INVALID_ARGUMENT (no target). */
struct status client_channel_open(struct arena *arena, const char *target, const struct rpc_channel_options *options,
                                  struct client_channel *ret_channel);

/* No call may be under way. */
void client_channel_close(struct client_channel *channel);

/* Takes gRPC's channel for one call; it stays until it is given back. Loop's stack or a thread's, never a coroutine's.
 */
struct channel_hold *client_channel_take(struct client_channel *channel, grpc_channel **ret_grpc);
void client_channel_give(struct client_channel *channel, struct channel_hold *hold);
