/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a client: what the clients on the loop and the blocking ones share.
 *
 * Of a unary call: client_call_start (one batch with all six operations) -> the tag comes out of the queue ->
 * client_call_finish. Of one whose answer is a stream: client_call_start (what is sent) -> client_call_read, again and
 * again, until its tag comes with nothing -> client_call_await_status -> its tag comes -> client_call_finish.
 * The deadline is gRPC's to keep: the batch always completes. Loop's stack or a thread's, never a coroutine's. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "base/context.h"
#include "base/status.h"
#include "rpc/client_channel.h"

struct client_call {
  /* in */
  struct client_channel *channel;
  struct context *context;
  const ProtobufCServiceDescriptor *service;
  const ProtobufCMethodDescriptor *method;
  const ProtobufCMessage *request;
  const char *traceparent; /* what is sent; NULL means a child of the context's */
  bool wait_for_ready;
  bool streams; /* the answer is a stream */
  /* out */
  struct status status;
  const void *reply;    /* decoded, in the context's arena; NULL unless status is OK */
  const char *position; /* as in struct rpc_reply */
  /* gRPC's, while it runs */
  struct channel_hold *hold;
  grpc_call *grpc;
  grpc_byte_buffer *sent, *received;
  grpc_metadata_array headers, trailers;
  grpc_status_code code;
  grpc_slice message;
};

/* Finds the method by its name. Returns false if the service has none of that name, or its request is of another type;
 * call->status says so. */
bool client_call_resolve(struct client_call *call, const char *method);

/* Returns false if no time is left, or gRPC refuses the call; call->status says why, and nothing has to be finished. */
bool client_call_start(struct client_call *call, grpc_completion_queue *queue, void *tag);

/* Of a stream: ask for the next message, which is in `received` when the tag comes (NULL: there is none), and for the
 * status that it has ended with. */
void client_call_read(struct client_call *call, void *tag);
void client_call_await_status(struct client_call *call, void *tag);

/* Takes the message that has been received, decoded into the arena; NULL if it is none of the method's type. */
const void *client_call_take(struct client_call *call, struct arena *arena);

/* To be called after the tag came. Fills what is under "out", and frees what is gRPC's. */
void client_call_finish(struct client_call *call);

/* Returns what is under "out", for the caller. */
struct rpc_reply client_call_reply(const struct client_call *call);
