/* SPDX-License-Identifier: Apache-2.0 */
/* How a server ends: its connections are handed away, and it finishes what it has begun.
 *
 *   its address is closed        who connects now finds another server
 *   its streams end              UNAVAILABLE
 *   no call is half read         see below
 *   gRPC's server is shut down   GOAWAY: clients begin no more calls on their connections
 *   calls in flight finish       within the grace; then they are cancelled
 *
 * gRPC's shutdown ends the calls that it has begun to read, and not yet handed over, with CANCELLED, which no client
 * tries again. So it is called at a moment at which there is none: they are counted where they begin, by a hook that
 * gRPC has for authentication, and where they arrive. A call that begins from then on is refused by the same hook,
 * and one that gRPC doesn't read any more ends with its connection: both are UNAVAILABLE. For rpc/rpc_server.c.
 * Threads: the loop's. */
#pragma once

#include "rpc/server_call.h"

/* What the drain needs of gRPC's credentials, before the server starts. It keeps a reference. */
void server_drain_prepare(struct rpc_server *server, grpc_server_credentials *credentials);

/* Shuts down a server that nobody waits for: all its calls end. Loop's stack. */
void server_drain_at_once(struct rpc_server *server);
