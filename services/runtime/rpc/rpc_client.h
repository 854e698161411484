/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC client on the loop: generated protobuf-c stubs as typed calls.
 *
 *   ProtobufCService *stock = rpc_client_new(arena, channel, &ordershop__internal__v1__stock_service__descriptor);
 *   struct rpc_reply reply = {.context = &call->context};
 *   ordershop__internal__v1__stock_service__reserve_stock(
 *       stock, &request, (Ordershop__Internal__V1__ReserveStockResponse_Closure)rpc_reply_closure, &reply);
 *   if (reply.status.code) return reply.status;
 *
 * A call parks the coroutine until its answer or the context's deadline, which is sent along, as are `ordershop-after`
 * and `traceparent`. Errors come back with the peer's code, message and details; a peer that can't be reached is
 * UNAVAILABLE (PEER_UNREACHABLE). Calls wait for no connection: what is known to be down fails at once.
 * Threads: the loop's; coroutines only. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/loop.h"
#include "tls/tls_files.h"

struct rpc_channel;

struct rpc_channel_options {
  const char *peer;          /* for messages and logs: "inventory" */
  int64_t max_message_bytes; /* of an answer; 0: 8 MiB */
  int64_t keepalive_ms;      /* 0: 30,000 */
  struct tls_files *tls;     /* the own identity, and whom to trust; NULL: plain text */
  bool use_proxy; /* connect through the HTTP proxy that http_proxy and its kin name, as gRPC would by itself */
};

/* `target` is a gRPC name ("dns:///localhost:50053"). Connects on first use and again by itself; round_robin over all
 * addresses of the name. Errors: INVALID_ARGUMENT. */
struct status rpc_channel_open(struct loop *loop, struct arena *arena, const char *target,
                               const struct rpc_channel_options *options, struct rpc_channel **ret_channel);

/* No call may be under way. */
void rpc_channel_close(struct rpc_channel *channel);

/* Result of a call through a generated stub, and its closure data. */
struct rpc_reply {
  struct context *context; /* in: deadline, metadata, arena for the answer */
  struct status status;    /* out */
  const void *message;     /* out: the decoded answer, in the context's arena; NULL unless status is OK */
  const char *position;    /* out: the answer's `ordershop-position` trailer, or NULL */
};

/* The closure to pass to generated stubs, cast to the stub's closure type; its data is a struct rpc_reply. */
void rpc_reply_closure(const ProtobufCMessage *message, void *closure_data);

/* A client of one service over a channel; lives in the arena. */
ProtobufCService *rpc_client_new(struct arena *arena, struct rpc_channel *channel,
                                 const ProtobufCServiceDescriptor *descriptor);

/* A call by descriptor, for code that does not know the types. */
struct status rpc_client_call(struct rpc_channel *channel, struct context *context,
                              const ProtobufCServiceDescriptor *service, const ProtobufCMethodDescriptor *method,
                              const void *request, const void **ret_reply);
