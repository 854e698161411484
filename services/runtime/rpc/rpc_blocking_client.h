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
