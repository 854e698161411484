/* SPDX-License-Identifier: Apache-2.0 */
/* This is what a client is made of; it is for the files of the library only. */
#pragma once

#include "client/ordershop_client.h"
#include "client/position_memory.h"
#include "client/retry.h"

struct peer {
  const char *name;
  const char *address;
  struct rpc_blocking_channel *channel;
};

struct ordershop_client {
  struct arena *arena;   /* owns the client itself */
  struct tls_files *tls; /* NULL means plain text */
  struct peer *peers;    /* the shop's services, then own ones */
  size_t peer_count;
  int64_t deadline_ms;
  struct retry_policy retry;
  struct position_memory position;
};

/* Returns a call's last status; if the service could not be reached because of TLS, the status says so (PEER_REFUSED),
 * which gRPC's doesn't. It asks by a connection of its own, for a second at most. */
struct status client_explain(const struct ordershop_client *client, enum ordershop_service service, struct arena *arena,
                             struct status status);

/* Calls a method of what every service serves beside its own: one try, without a request id and without a position. The
 * context needs no deadline. */
struct ordershop_answer client_call_once(struct ordershop_client *client, const struct context *context,
                                         enum ordershop_service service, const ProtobufCServiceDescriptor *descriptor,
                                         const char *method, const void *request);
