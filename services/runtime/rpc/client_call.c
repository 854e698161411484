/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/client_call.h"

#include <grpc/support/alloc.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/traceparent.h"
#include "rpc/error_details.h"
#include "rpc/rpc_wire.h"

enum { METADATA_MAX = 2 };

static bool create_call(struct client_call *call, grpc_completion_queue *queue) {
  const char *path = arena_printf(call->context->arena, "/%s/%s", call->service->name, call->method->name);
  grpc_slice method = grpc_slice_from_copied_string(path);
  grpc_channel *channel;
  call->hold = client_channel_take(call->channel, &channel);
  call->grpc = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, method, NULL,
                                        rpc_wire_time(call->context->deadline_us), NULL);
  grpc_slice_unref(method);
  if (!call->grpc) client_channel_give(call->channel, call->hold);
  return call->grpc != NULL;
}

static size_t add_metadata(grpc_metadata *entries, size_t count, const char *key, const char *value) {
  if (!value) return count;
  grpc_slice text_slice = grpc_slice_from_copied_string(value);
  if (!grpc_header_nonbin_value_is_legal(text_slice)) {
    grpc_slice_unref(text_slice);
    return count;
  }
  entries[count] = (grpc_metadata){.key = grpc_slice_from_static_string(key), .value = text_slice};
  return count + 1;
}

static uint32_t start_flags(const struct client_call *call) {
  if (!call->wait_for_ready) return 0;
  return GRPC_INITIAL_METADATA_WAIT_FOR_READY | GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
}

static grpc_call_error start_batch(struct client_call *call, grpc_metadata *metadata, size_t count, void *tag) {
  grpc_op ops[6] = {
      {.op = GRPC_OP_SEND_INITIAL_METADATA, .flags = start_flags(call)},
      {.op = GRPC_OP_SEND_MESSAGE},
      {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
      {.op = GRPC_OP_RECV_INITIAL_METADATA},
      {.op = GRPC_OP_RECV_MESSAGE},
      {.op = GRPC_OP_RECV_STATUS_ON_CLIENT},
  };
  ops[0].data.send_initial_metadata.count = count;
  ops[0].data.send_initial_metadata.metadata = metadata;
  ops[1].data.send_message.send_message = call->sent;
  ops[3].data.recv_initial_metadata.recv_initial_metadata = &call->headers;
  ops[4].data.recv_message.recv_message = &call->received;
  ops[5].data.recv_status_on_client.trailing_metadata = &call->trailers;
  ops[5].data.recv_status_on_client.status = &call->code;
  ops[5].data.recv_status_on_client.status_details = &call->message;
  return grpc_call_start_batch(call->grpc, ops, call->streams ? 4 : 6, tag, NULL);
}

void client_call_read(struct client_call *call, void *tag) {
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &call->received;
  grpc_call_start_batch(call->grpc, &op, 1, tag, NULL);
}

void client_call_await_status(struct client_call *call, void *tag) {
  grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
  op.data.recv_status_on_client.trailing_metadata = &call->trailers;
  op.data.recv_status_on_client.status = &call->code;
  op.data.recv_status_on_client.status_details = &call->message;
  grpc_call_start_batch(call->grpc, &op, 1, tag, NULL);
}

const void *client_call_take(struct client_call *call, struct arena *arena) {
  const void *message = rpc_wire_unpack(arena, call->method->output, call->received);
  grpc_byte_buffer_destroy(call->received);
  call->received = NULL;
  return message;
}

static void release(struct client_call *call) {
  grpc_metadata_array_destroy(&call->headers);
  grpc_metadata_array_destroy(&call->trailers);
  grpc_slice_unref(call->message);
  if (call->sent) grpc_byte_buffer_destroy(call->sent);
  if (call->received) grpc_byte_buffer_destroy(call->received);
  grpc_call_unref(call->grpc);
  client_channel_give(call->channel, call->hold);
}

static bool resolve_fault(struct client_call *call, const char *method, const char *what) {
  log_event(LOG_ERROR, "a call that can't be made", "service", call->service->name, "method", method, "reason", what,
            NULL);
  call->status = status_error(call->context->arena, STATUS_INTERNAL, reason_call_invalid, "%s of %s: %s", method,
                              call->service->name, what);
  return false;
}

bool client_call_resolve(struct client_call *call, const char *method) {
  call->method = protobuf_c_service_descriptor_get_method_by_name(call->service, method);
  if (!call->method) return resolve_fault(call, method, "the service has no such method");
  if (call->request->descriptor == call->method->input) return true;
  return resolve_fault(call, method, "its request is of another type");
}

bool client_call_start(struct client_call *call, grpc_completion_queue *queue, void *tag) {
  struct arena *arena = call->context->arena;
  if (call->context->deadline_us <= clock_monotonic_us()) { /* gRPC would round up to a millisecond */
    call->status = status_error(arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                                "No time is left to call %s.", call->channel->peer);
    return false;
  }
  if (!create_call(call, queue)) {
    call->status =
        status_error(arena, STATUS_INTERNAL, reason_call_refused, "gRPC makes no call to %s.", call->channel->peer);
    return false;
  }
  grpc_metadata metadata[METADATA_MAX];
  size_t count = add_metadata(metadata, 0, call->channel->options.brand->after_metadata, call->context->after);
  const char *traceparent = call->traceparent;
  if (!traceparent) traceparent = traceparent_child(arena, call->context->traceparent);
  count = add_metadata(metadata, count, "traceparent", traceparent);
  grpc_metadata_array_init(&call->headers);
  grpc_metadata_array_init(&call->trailers);
  call->message = grpc_empty_slice();
  call->sent = rpc_wire_pack(call->request);
  grpc_call_error error = start_batch(call, metadata, count, tag);
  for (size_t i = 0; i < count; i++) grpc_slice_unref(metadata[i].value);
  if (error == GRPC_CALL_OK) return true;
  call->status = status_error(arena, STATUS_INTERNAL, reason_call_refused, "gRPC refuses a call to %s: %s.",
                              call->channel->peer, grpc_call_error_to_string(error));
  release(call);
  return false;
}

/* Nobody asks for the status of a call that was cancelled on this side, so without details it was gRPC that said
 * CANCELLED: a server that shuts down drops calls that have just arrived. */
static bool is_unreachable(enum status_code code) {
  return code == STATUS_UNAVAILABLE || code == STATUS_CANCELLED;
}

/* An error as the peer has sent it, or as the channel has made it. */
static struct status error_of(const struct client_call *call) {
  struct arena *arena = call->context->arena;
  const grpc_slice *details = rpc_wire_metadata(&call->trailers, "grpc-status-details-bin");
  struct status status = {
      .code = (enum status_code)call->code,
      .message = rpc_wire_text(arena, call->message),
  };
  if (details) {
    status.details = error_details_unpack(arena, call->channel->options.brand, GRPC_SLICE_START_PTR(*details),
                                          GRPC_SLICE_LENGTH(*details));
  }
  if (status.details || !is_unreachable(status.code)) return status;
  struct status unreachable =
      status_error(arena, STATUS_UNAVAILABLE, reason_peer_unreachable, "Can't reach %s at %s: %s", call->channel->peer,
                   call->channel->target, status.message);
  return status_with_metadata(unreachable, arena, "peer", call->channel->peer);
}

static struct status result_of(struct client_call *call) {
  struct arena *arena = call->context->arena;
  if (call->code != GRPC_STATUS_OK) return error_of(call);
  if (call->streams) return status_ok();
  const void *reply = call->received ? rpc_wire_unpack(arena, call->method->output, call->received) : NULL;
  if (!reply) {
    return status_error(arena, STATUS_INTERNAL, reason_reply_invalid, "%s answered with no %s.", call->channel->peer,
                        call->method->output->name);
  }
  const grpc_slice *position = rpc_wire_metadata(&call->trailers, call->channel->options.brand->position_metadata);
  if (position) call->position = rpc_wire_text(arena, *position);
  call->reply = reply;
  return status_ok();
}

void client_call_finish(struct client_call *call) {
  call->status = result_of(call);
  release(call);
}

struct rpc_reply client_call_reply(const struct client_call *call) {
  return (struct rpc_reply){.status = call->status, .message = call->reply, .position = call->position};
}
