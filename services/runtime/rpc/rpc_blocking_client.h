/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking gRPC client for programs without a loop: the same generated stubs, the same struct rpc_reply (rpc_client.h),
 * but a call blocks its thread. Any number of threads may share a channel and its clients. */
#pragma once

#include "rpc/rpc_client.h"

struct rpc_blocking_channel;

/* Errors: INVALID_ARGUMENT. Needs no loop. */
struct status rpc_blocking_channel_open(struct arena *arena, const char *target,
                                        const struct rpc_channel_options *options,
                                        struct rpc_blocking_channel **ret_channel);
void rpc_blocking_channel_close(struct rpc_blocking_channel *channel);

/* Waits, for a caller who is going to try again: meanwhile the channel connects again if it must, which between calls
 * nothing else drives. */
void rpc_blocking_channel_rest(struct rpc_blocking_channel *channel, int64_t duration_ms);

/* A client of one service over a channel; lives in the arena. Calls it makes wait for the connection at most until the
 * context's deadline when `wait_for_ready`, else fail at once when it is known to be down. */
ProtobufCService *rpc_blocking_client_new(struct arena *arena, struct rpc_blocking_channel *channel,
                                          const ProtobufCServiceDescriptor *descriptor, bool wait_for_ready);
