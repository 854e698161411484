/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking gRPC client for programs without a loop: calls by name as in rpc_client.h, but a call blocks its thread. Any
 * number of threads may share a channel. */
#pragma once

#include "rpc/rpc_client.h"

struct rpc_blocking_channel;

/* Errors: INVALID_ARGUMENT. Needs no loop. */
struct status rpc_blocking_channel_open(struct arena *arena, const char *target,
                                        const struct rpc_channel_options *options,
                                        struct rpc_blocking_channel **ret_channel);
void rpc_blocking_channel_close(struct rpc_blocking_channel *channel);

/* Waits, for a caller that is going to try again. Meanwhile the channel connects again if it must, which nothing else
 * drives between calls. */
void rpc_blocking_channel_rest(struct rpc_blocking_channel *channel, int64_t duration_ms);

/* As rpc_client_call. */
struct rpc_reply rpc_blocking_call(struct rpc_blocking_channel *channel, struct context *context,
                                   const ProtobufCServiceDescriptor *service, const char *method, const void *request);

/* A call whose answer is a stream of messages; one thread reads it. */
struct rpc_blocking_stream;

/* Sends the request. The context's deadline is that of the whole stream; its arena must live as long as the stream.
 * Errors, as far as they show at once: those of rpc_client_call. The caller closes the stream. */
struct status rpc_blocking_stream_open(struct rpc_blocking_channel *channel, struct context *context,
                                       const ProtobufCServiceDescriptor *service, const char *method,
                                       const void *request, struct rpc_blocking_stream **ret_stream);

/* Waits for the next message, at most until `deadline_us`, and decodes it into `arena`. *ret_message is NULL where none
 * has come in time, or, with *ret_ended set, where the peer has ended the stream well. Errors: what it has ended with
 * otherwise. */
struct status rpc_blocking_stream_read(struct rpc_blocking_stream *stream, struct arena *arena, int64_t deadline_us,
                                       const void **ret_message, bool *ret_ended);

/* Ends it, whatever it is about. */
void rpc_blocking_stream_close(struct rpc_blocking_stream *stream);
