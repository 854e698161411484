#include "rpc/client_call.h"

#include <grpc/support/alloc.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/error_details.h"
#include "rpc/rpc_credentials.h"
#include "rpc/rpc_wire.h"

enum {
  DEFAULT_MESSAGE_BYTES = 8 * 1024 * 1024,
  DEFAULT_KEEPALIVE_MS = 30000,
  KEEPALIVE_TIMEOUT_MS = 10000,
  BACKOFF_FIRST_MS = 100,
  BACKOFF_MOST_MS = 2000,
  CONNECT_MS = 2000, /* for one attempt */
  RESOLVE_MS = 1000, /* between two look-ups of a name: a peer that comes back may have another address */
  METADATA_BYTES = 16 * 1024,
  METADATA_MOST = 2,
};

static grpc_arg integer(const char *key, int64_t value) {
  grpc_arg argument = {.type = GRPC_ARG_INTEGER, .key = (char *)key};
  argument.value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
  return argument;
}

static grpc_arg text(const char *key, const char *value) {
  grpc_arg argument = {.type = GRPC_ARG_STRING, .key = (char *)key};
  argument.value.string = (char *)value;
  return argument;
}

static grpc_channel *create_channel(const char *target, const struct rpc_channel_options *options) {
  grpc_arg arguments[] = {
      text(GRPC_ARG_LB_POLICY_NAME, "round_robin"),
      integer(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
      integer(GRPC_ARG_ENABLE_RETRIES, 0), /* what may have been executed is not sent again */
      integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
              options->max_message_bytes > 0 ? options->max_message_bytes : DEFAULT_MESSAGE_BYTES),
      integer(GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES),
      integer(GRPC_ARG_KEEPALIVE_TIME_MS, options->keepalive_ms > 0 ? options->keepalive_ms : DEFAULT_KEEPALIVE_MS),
      integer(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
      integer(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
      integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, BACKOFF_FIRST_MS),
      integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, BACKOFF_MOST_MS),
      integer(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_MS),
      integer(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, RESOLVE_MS),
      integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1), /* each channel has connections of its own */
      integer(GRPC_ARG_ENABLE_CHANNELZ, 0),
  };
  grpc_channel_args list = {.num_args = sizeof(arguments) / sizeof(arguments[0]), .args = arguments};
  grpc_channel_credentials *credentials = rpc_credentials_for_channel();
  grpc_channel *channel = grpc_channel_create(target, credentials, &list);
  grpc_channel_credentials_release(credentials);
  return channel;
}

struct status client_channel_open(struct arena *arena, const char *target, const struct rpc_channel_options *options,
                                  struct client_channel *ret_channel) {
  static const struct rpc_channel_options defaults = {.peer = NULL};
  if (!options) options = &defaults;
  if (!target || !*target) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, "ADDRESS_INVALID", "The peer%s%s has no address.",
                        options->peer ? " " : "", options->peer ? options->peer : "");
  }
  ret_channel->grpc = create_channel(target, options);
  ret_channel->target = arena_strdup(arena, target);
  ret_channel->peer = arena_strdup(arena, options->peer ? options->peer : "the server");
  return status_ok();
}

void client_channel_close(struct client_channel *channel) {
  grpc_channel_destroy(channel->grpc);
}

static bool create_call(struct client_call *call, grpc_completion_queue *queue) {
  const char *path = arena_printf(call->context->arena, "/%s/%s", call->service->name, call->method->name);
  grpc_slice method = grpc_slice_from_copied_string(path);
  call->grpc = grpc_channel_create_call(call->channel->grpc, NULL, GRPC_PROPAGATE_DEFAULTS, queue, method, NULL,
                                        rpc_wire_time(call->context->deadline_us), NULL);
  grpc_slice_unref(method);
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
  return grpc_call_start_batch(call->grpc, ops, 6, tag, NULL);
}

static void release(struct client_call *call) {
  grpc_metadata_array_destroy(&call->headers);
  grpc_metadata_array_destroy(&call->trailers);
  grpc_slice_unref(call->message);
  if (call->sent) grpc_byte_buffer_destroy(call->sent);
  if (call->received) grpc_byte_buffer_destroy(call->received);
  grpc_call_unref(call->grpc);
}

bool client_call_start(struct client_call *call, grpc_completion_queue *queue, void *tag) {
  struct arena *arena = call->context->arena;
  if (call->context->deadline_us <= clock_monotonic_us()) { /* gRPC would round up to a millisecond */
    call->status = status_error(arena, STATUS_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "No time is left to call %s.",
                                call->channel->peer);
    return false;
  }
  if (!create_call(call, queue)) {
    call->status =
        status_error(arena, STATUS_INTERNAL, "CALL_REFUSED", "gRPC makes no call to %s.", call->channel->peer);
    return false;
  }
  grpc_metadata metadata[METADATA_MOST];
  size_t count = add_metadata(metadata, 0, "ordershop-after", call->context->after);
  count = add_metadata(metadata, count, "traceparent", call->context->traceparent);
  grpc_metadata_array_init(&call->headers);
  grpc_metadata_array_init(&call->trailers);
  call->message = grpc_empty_slice();
  call->sent = rpc_wire_pack(call->request);
  grpc_call_error error = start_batch(call, metadata, count, tag);
  for (size_t i = 0; i < count; i++) grpc_slice_unref(metadata[i].value);
  if (error == GRPC_CALL_OK) return true;
  call->status = status_error(arena, STATUS_INTERNAL, "CALL_REFUSED", "gRPC refuses a call to %s: %s.",
                              call->channel->peer, grpc_call_error_to_string(error));
  release(call);
  return false;
}

/* No call is cancelled on this side, so without details it was gRPC that said CANCELLED: a server that shuts down drops
 * calls that have just arrived. */
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
    status.details = error_details_unpack(arena, GRPC_SLICE_START_PTR(*details), GRPC_SLICE_LENGTH(*details));
  }
  if (status.details || !is_unreachable(status.code)) return status;
  return status_error(arena, STATUS_UNAVAILABLE, "PEER_UNREACHABLE", "Can't reach %s at %s: %s", call->channel->peer,
                      call->channel->target, status.message);
}

static struct status result_of(struct client_call *call) {
  struct arena *arena = call->context->arena;
  if (call->code != GRPC_STATUS_OK) return error_of(call);
  const void *reply = call->received ? rpc_wire_unpack(arena, call->method->output, call->received) : NULL;
  if (!reply) {
    return status_error(arena, STATUS_INTERNAL, "REPLY_INVALID", "%s answered with no %s.", call->channel->peer,
                        call->method->output->name);
  }
  const grpc_slice *position = rpc_wire_metadata(&call->trailers, "ordershop-position");
  if (position) call->position = rpc_wire_text(arena, *position);
  call->reply = reply;
  return status_ok();
}

void client_call_finish(struct client_call *call) {
  call->status = result_of(call);
  release(call);
}
