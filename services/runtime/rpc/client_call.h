/* One unary call of a client: what the clients on the loop and the blocking ones share.
 *
 * client_call_start (one batch with all six operations) -> the tag comes out of the queue -> client_call_finish.
 * The deadline is gRPC's to keep: the batch always completes. Loop's stack or a thread's, never a coroutine's. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "base/context.h"
#include "base/status.h"
#include "rpc/rpc_client.h"

/* A connection to a peer, made by client_channel_open. */
struct client_channel {
  grpc_channel *grpc;
  const char *peer;   /* for messages */
  const char *target; /* likewise */
};

struct client_call {
  /* in */
  const struct client_channel *channel;
  struct context *context;
  const ProtobufCServiceDescriptor *service;
  const ProtobufCMethodDescriptor *method;
  const ProtobufCMessage *request;
  bool wait_for_ready;
  /* out */
  struct status status;
  const void *reply;    /* decoded, in the context's arena; NULL unless status is OK */
  const char *position; /* `ordershop-position`, or NULL */
  /* gRPC's, while it runs */
  grpc_call *grpc;
  grpc_byte_buffer *sent, *received;
  grpc_metadata_array headers, trailers;
  grpc_status_code code;
  grpc_slice message;
};

/* The library must have been acquired (rpc_library_acquire). Errors: INVALID_ARGUMENT (no target). */
struct status client_channel_open(struct arena *arena, const char *target, const struct rpc_channel_options *options,
                                  struct client_channel *ret_channel);
void client_channel_close(struct client_channel *channel);

/* False: no time is left, or gRPC refuses the call; call->status says why, and nothing has to be finished. */
bool client_call_start(struct client_call *call, grpc_completion_queue *queue, void *tag);

/* After the tag came: fills what is out, frees what is gRPC's. */
void client_call_finish(struct client_call *call);
