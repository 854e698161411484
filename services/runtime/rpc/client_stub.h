/* SPDX-License-Identifier: Apache-2.0 */
/* Generated protobuf-c stubs on top of client calls.
 *
 * A stub calls service->invoke with its typed closure cast to ProtobufCClosure. The closure is always
 * rpc_reply_closure, whose type is ProtobufCClosure's own, so that calling it is well defined; it keeps the message in
 * the struct rpc_reply. Another closure ends the process: it would have no context to go by. */
#pragma once

#include "rpc/client_call.h"

/* Makes the call and waits for its end. Fills in `call->channel`. */
typedef void client_stub_call(void *channel, struct client_call *call);

/* A client in the arena whose calls are made by `make_call(channel, ...)`. */
ProtobufCService *client_stub_new(struct arena *arena, const ProtobufCServiceDescriptor *descriptor,
                                  client_stub_call *make_call, void *channel);
