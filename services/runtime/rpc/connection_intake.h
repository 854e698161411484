/* SPDX-License-Identifier: Apache-2.0 */
/* Hands connections that were accepted elsewhere (loop/listener.h) to a gRPC server, as plain text or TLS.
 *
 * gRPC's own listener takes whatever comes, and gives up for ever when the process is out of descriptors. For others'
 * connections gRPC has "external acceptors": a server that listens on "external:<name>" puts a handler of connections
 * where its channel argument of that name points to (its C++ library has that as
 * ServerBuilder::experimental().AddExternalConnectionAcceptor; grpc_server_add_channel_from_fd of the C library knows
 * no TLS). Threads: the loop's; its own stack. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

struct connection_handler;

/* Embed it; it must outlive the gRPC server. */
struct connection_intake {
  struct connection_handler *handler; /* gRPC's; until the server is shut down */
};

/* Returns one of the arguments that the server is to be created with. */
grpc_arg connection_intake_argument(struct connection_intake *intake);

/* To be called before the server starts. Returns false if this gRPC library has no such acceptors. */
bool connection_intake_open(struct connection_intake *intake, grpc_server *server,
                            grpc_server_credentials *credentials);

/* Hands over a connected socket, which is gRPC's from now on. To be called between the server's start and its shutdown.
 */
void connection_intake_give(struct connection_intake *intake, int descriptor);
