/* SPDX-License-Identifier: Apache-2.0 */
#include "echo_call.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rpc/rpc_credentials.h"
#include "rpc/rpc_runtime.h"
#include "rpc/rpc_wire.h"

enum { US_PER_MS = 1000 };

struct echo_call {
  struct arena *arena;
  grpc_channel *channel;
  grpc_completion_queue *queue;
  grpc_call *grpc;
  grpc_byte_buffer *incoming;
  grpc_metadata_array headers, trailers;
  grpc_status_code code;
  grpc_slice message;
  bool receiving, finished;
};

/* Tags: one batch of a kind at a time. */
static char start_tag, send_tag, receive_tag, status_tag;

static void start(struct echo_call *call, const grpc_op *ops, size_t count, void *tag) {
  if (grpc_call_start_batch(call->grpc, ops, count, tag, NULL) != GRPC_CALL_OK) abort();
}

static grpc_event pluck(struct echo_call *call, void *tag, int64_t timeout_ms) {
  gpr_timespec until = rpc_wire_time(clock_monotonic_us() + timeout_ms * US_PER_MS);
  return grpc_completion_queue_pluck(call->queue, tag, until, NULL);
}

static bool complete(struct echo_call *call, void *tag) {
  grpc_event event;
  do {
    event = pluck(call, tag, 1000);
  } while (event.type == GRPC_QUEUE_TIMEOUT);
  return event.success;
}

static void start_call(struct echo_call *call, const char *key, const char *value) {
  grpc_metadata metadata = {.key = grpc_slice_from_copied_string(key ? key : ""),
                            .value = grpc_slice_from_copied_string(value ? value : "")};
  grpc_op first[] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_RECV_INITIAL_METADATA}};
  first[0].data.send_initial_metadata.count = key ? 1 : 0;
  first[0].data.send_initial_metadata.metadata = &metadata;
  first[1].data.recv_initial_metadata.recv_initial_metadata = &call->headers;
  grpc_op last = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
  last.data.recv_status_on_client.status = &call->code;
  last.data.recv_status_on_client.status_details = &call->message;
  last.data.recv_status_on_client.trailing_metadata = &call->trailers;
  start(call, first, 2, &start_tag);
  start(call, &last, 1, &status_tag);
  grpc_slice_unref(metadata.key);
  grpc_slice_unref(metadata.value);
}

struct echo_call *echo_call_open(int port, const char *path, int64_t timeout_ms, const char *key, const char *value) {
  struct echo_call *call = calloc(1, sizeof(*call));
  rpc_library_acquire();
  call->arena = arena_new();
  uint64_t version;
  grpc_channel_credentials *credentials = rpc_credentials_for_channel(NULL, &version);
  grpc_arg no_proxy = {.type = GRPC_ARG_INTEGER, .key = GRPC_ARG_ENABLE_HTTP_PROXY, .value.integer = 0};
  grpc_channel_args arguments = {.num_args = 1, .args = &no_proxy};
  call->channel = grpc_channel_create(arena_printf(call->arena, "127.0.0.1:%d", port), credentials, &arguments);
  grpc_channel_credentials_release(credentials);
  call->queue = grpc_completion_queue_create_for_pluck(NULL);
  call->message = grpc_empty_slice();
  grpc_metadata_array_init(&call->headers);
  grpc_metadata_array_init(&call->trailers);
  grpc_slice method = grpc_slice_from_copied_string(path);
  call->grpc = grpc_channel_create_call(call->channel, NULL, GRPC_PROPAGATE_DEFAULTS, call->queue, method, NULL,
                                        rpc_wire_time(clock_monotonic_us() + timeout_ms * US_PER_MS), NULL);
  grpc_slice_unref(method);
  start_call(call, key, value);
  return call;
}

static bool send_buffer(struct echo_call *call, grpc_byte_buffer *buffer) {
  grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
  op.data.send_message.send_message = buffer;
  start(call, &op, 1, &send_tag);
  bool sent = complete(call, &send_tag);
  grpc_byte_buffer_destroy(buffer);
  return sent;
}

bool echo_call_send(struct echo_call *call, const void *message) {
  return send_buffer(call, rpc_wire_pack(message));
}

bool echo_call_send_bytes(struct echo_call *call, const void *bytes, size_t size) {
  grpc_slice slice = grpc_slice_from_copied_buffer(bytes, size);
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  return send_buffer(call, buffer);
}

void echo_call_send_end(struct echo_call *call) {
  grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
  start(call, &op, 1, &send_tag);
  complete(call, &send_tag);
}

enum echo_received echo_call_receive(struct echo_call *call, int64_t timeout_ms, struct arena *arena,
                                     const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **ret_message) {
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &call->incoming;
  if (!call->receiving) start(call, &op, 1, &receive_tag);
  call->receiving = true;
  if (pluck(call, &receive_tag, timeout_ms).type == GRPC_QUEUE_TIMEOUT) return ECHO_NOTHING_YET;
  call->receiving = false;
  if (!call->incoming) return ECHO_END;
  *ret_message = rpc_wire_unpack(arena, descriptor, call->incoming);
  grpc_byte_buffer_destroy(call->incoming);
  call->incoming = NULL;
  return ECHO_MESSAGE;
}

void echo_call_cancel(struct echo_call *call) {
  grpc_call_cancel(call->grpc, NULL);
}

int echo_call_finish(struct echo_call *call) {
  if (!call->finished) {
    complete(call, &status_tag);
    complete(call, &start_tag);
    if (call->receiving) complete(call, &receive_tag);
    call->finished = true;
  }
  return (int)call->code;
}

const char *echo_call_message(struct echo_call *call) {
  return rpc_wire_text(call->arena, call->message);
}

const char *echo_call_trailer(struct echo_call *call, const char *key) {
  const grpc_slice *value = rpc_wire_metadata(&call->trailers, key);
  return value ? rpc_wire_text(call->arena, *value) : NULL;
}

void echo_call_free(struct echo_call *call) {
  if (!call->finished) {
    echo_call_cancel(call);
    echo_call_finish(call);
  }
  if (call->incoming) grpc_byte_buffer_destroy(call->incoming);
  grpc_metadata_array_destroy(&call->headers);
  grpc_metadata_array_destroy(&call->trailers);
  grpc_slice_unref(call->message);
  grpc_call_unref(call->grpc);
  grpc_channel_destroy(call->channel);
  grpc_completion_queue_shutdown(call->queue);
  while (pluck(call, NULL, 1000).type != GRPC_QUEUE_SHUTDOWN) continue;
  grpc_completion_queue_destroy(call->queue);
  arena_free(call->arena);
  free(call);
  rpc_library_release();
}
