/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC client on the loop: calls by name.
 *
 *   struct rpc_reply reply = rpc_client_call(channel, &context, &coupon__v1__coupon_service__descriptor,
 *                                            "RedeemCoupon", &request);
 *   if (!status_is_ok(reply.status)) return reply.status;
 *   const Coupon__V1__RedeemCouponResponse *response = reply.message;
 *
 * A handler calls the peers of its service by service_call (service/service.h), whose methods are known at start.
 *
 * A call yields the coroutine until its answer or the context's deadline, which is sent along, as are `<brand>-after`
 * and `traceparent`. Errors come back with the peer's code, message and details; a peer that can't be reached is
 * UNAVAILABLE (PEER_UNREACHABLE). Calls don't wait for a connection: one to a peer that is known to be down fails at
 * once.
 * Threads: the loop's; coroutines only. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/brand.h"
#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "tls/tls_files.h"

struct rpc_channel;

struct rpc_channel_options {
  const struct brand *brand; /* the peer's, which is also its callers': required */
  const char *peer;          /* for messages and logs: "inventory" */
  int64_t max_message_bytes; /* of an answer; 0 means 8 MiB */
  int64_t keepalive_ms;      /* 0 means 30,000 */
  struct tls_files *tls;     /* the own identity, and whom to trust; NULL means plain text */
  bool wait_for_ready; /* blocking channels: a call waits for the connection until its deadline; if false, it fails at
                          once when the peer is known to be down, as on the loop */
  bool use_proxy;      /* connect through the HTTP proxy that http_proxy and its kin name, as gRPC would by itself */
};

/* `target` is a gRPC name ("dns:///localhost:50053"). Connects on first use and again by itself; round_robin over all
 * addresses of the name. Errors: INVALID_ARGUMENT. */
struct status rpc_channel_open(struct loop *loop, struct arena *arena, const char *target,
                               const struct rpc_channel_options *options, struct rpc_channel **ret_channel);

/* No call may be under way. */
void rpc_channel_close(struct rpc_channel *channel);

/* What a call has come to. */
struct rpc_reply {
  struct status status;
  const void *message;  /* the decoded answer, of the method's type, in the context's arena; NULL unless status is OK */
  const char *position; /* the answer's `<brand>-position` trailer, or NULL */
};

/* Calls `method` ("RedeemCoupon") of `service`; yields. `request` is its request message. Errors, beside those above:
 * INTERNAL (CALL_INVALID), which is also in the log: the service has no such method, or the request is of another type.
 */
coroutine_fn struct rpc_reply rpc_client_call(struct rpc_channel *channel, struct context *context,
                                              const ProtobufCServiceDescriptor *service, const char *method,
                                              const void *request);

/* A call whose answer is a stream of messages. One coroutine reads it. */
struct rpc_client_stream;

/* Sends the request, which is needed only now. The context's deadline is that of the whole stream; its arena must live
 * as long as the stream. Errors, as far as they show at once: those of rpc_client_call. The caller closes the stream.
 */
struct status rpc_client_stream_open(struct rpc_channel *channel, struct context *context,
                                     const ProtobufCServiceDescriptor *service, const char *method, const void *request,
                                     struct rpc_client_stream **ret_stream);

/* Waits for the next message, at most until `deadline_us`, and decodes it into `arena`. *ret_message is NULL where none
 * has come in time, where the coroutine was woken for something else, or, with *ret_ended set, where the peer has ended
 * the stream well. Errors: what it has ended with otherwise, in the context's arena. */
coroutine_fn struct status rpc_client_stream_read(struct rpc_client_stream *stream, struct arena *arena,
                                                  int64_t deadline_us, const void **ret_message, bool *ret_ended);

/* Ends it, whatever it is about. NULL is allowed. */
coroutine_fn void rpc_client_stream_close(struct rpc_client_stream *stream);
