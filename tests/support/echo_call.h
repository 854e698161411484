/* SPDX-License-Identifier: Apache-2.0 */
/* A gRPC call by hand, for what the clients don't do: streams, cancelling, bytes that are no message, any metadata.
 * Beside services/runtime/rpc/ the only code that includes <grpc/...>. Blocks its thread; one thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct echo_call;

/* A call of the method "/service/method" at 127.0.0.1:port. `key` may be NULL means no metadata. */
struct echo_call *echo_call_open(int port, const char *path, int64_t timeout_ms, const char *key, const char *value);

/* Sends a message, or bytes as one. Returns false if the call is over. */
bool echo_call_send(struct echo_call *call, const void *message);
bool echo_call_send_bytes(struct echo_call *call, const void *bytes, size_t size);

/* No more messages. */
void echo_call_send_end(struct echo_call *call);

enum echo_received { ECHO_MESSAGE, ECHO_END, ECHO_NOTHING_YET };

/* The next message, waited for at most `timeout_ms`; after ECHO_NOTHING_YET ask again. */
enum echo_received echo_call_receive(struct echo_call *call, int64_t timeout_ms, struct arena *arena,
                                     const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **ret_message);

void echo_call_cancel(struct echo_call *call);

/* Waits for the status. Returns its code; text and trailers live as long as the call. */
int echo_call_finish(struct echo_call *call);
const char *echo_call_message(struct echo_call *call);
const char *echo_call_trailer(struct echo_call *call, const char *key);

/* Cancels it if it is not finished. */
void echo_call_free(struct echo_call *call);
