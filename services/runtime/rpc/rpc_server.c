/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/error_details.h"
#include "rpc/rpc_credentials.h"
#include "rpc/server_call.h"
#include "rpc/server_drain.h"
#include "rpc/service_table.h"

enum {
  DEFAULT_MESSAGE_BYTES = 1024 * 1024 + 64 * 1024,
  DEFAULT_DEADLINE_MS = 60000,
  DEFAULT_CALLS = 5000,
  DEFAULT_CONNECTIONS = 1000,
  DEFAULT_KEEPALIVE_MS = 30000,
  EXEMPT_RESERVE = 100, /* calls that exempt services may have beyond max_calls */
  /* Posted ahead, per method: calls that gRPC can hand over at once. */
  REQUESTS_MIN = 2,
  UNARY_REQUESTS_MAX = 32,
  METADATA_BYTES = 16 * 1024,
  CALLS_PER_CONNECTION = 1000, /* unary ones and streams; clients keep further ones to themselves */
  HANDSHAKE_MS = 10000,
  KEEPALIVE_TIMEOUT_MS = 10000,
  CLIENT_PING_MS = 10000, /* the most often that clients may ping */
  RETRY_MS = 200,         /* what an overloaded server asks for */
  STREAM_RETRY_MS = 5000, /* likewise, one with too many streams */
  STREAM_MS = 60000,      /* how long a connection that is too old waits for streams */
};

static struct rpc_server_options with_defaults(struct arena *arena, const struct rpc_server_options *given) {
  struct rpc_server_options options = *given;
  options.listen = arena_strdup(arena, given->listen);
  if (options.max_message_bytes <= 0) options.max_message_bytes = DEFAULT_MESSAGE_BYTES;
  if (options.max_message_bytes > INT32_MAX) options.max_message_bytes = INT32_MAX;
  if (options.max_deadline_ms <= 0) options.max_deadline_ms = DEFAULT_DEADLINE_MS;
  if (options.max_calls == 0) options.max_calls = DEFAULT_CALLS;
  if (options.connections == 0) options.connections = DEFAULT_CONNECTIONS;
  if (options.connections_per_address == 0) options.connections_per_address = (options.connections + 1) / 2;
  if (options.keepalive_ms <= 0) options.keepalive_ms = DEFAULT_KEEPALIVE_MS;
  return options;
}

static struct fixed_answer fixed_answer_of(struct arena *arena, const char *domain, struct status status) {
  const void *bytes;
  size_t size = error_details_pack(arena, domain, status, &bytes);
  return (struct fixed_answer){
      .code = (grpc_status_code)status.code,
      .message = grpc_slice_from_copied_string(status.message),
      .details = grpc_slice_from_copied_buffer(bytes, size),
  };
}

static void fixed_answer_drop(struct fixed_answer *answer) {
  grpc_slice_unref(answer->message);
  grpc_slice_unref(answer->details);
}

static void make_fixed_answers(struct arena *arena, struct rpc_server *server) {
  const char *domain = server->options.brand->error_domain;
  struct status overloaded = status_error(arena, STATUS_RESOURCE_EXHAUSTED, reason_overloaded,
                                          "More calls arrive than can be answered in time. Nothing was done.");
  server->overloaded = fixed_answer_of(arena, domain, status_with_retry(overloaded, arena, RETRY_MS));
  struct status crowded =
      status_error(arena, STATUS_RESOURCE_EXHAUSTED, reason_too_many_streams, "There are too many open streams.");
  server->crowded = fixed_answer_of(arena, domain, status_with_retry(crowded, arena, STREAM_RETRY_MS));
  struct status unknown =
      status_error(arena, STATUS_UNIMPLEMENTED, reason_method_unknown, "The server has no such method.");
  server->unimplemented = fixed_answer_of(arena, domain, unknown);
}

static grpc_arg integer(const char *key, int64_t value) {
  grpc_arg argument = {.type = GRPC_ARG_INTEGER, .key = (char *)key};
  argument.value.integer = (int)value;
  return argument;
}

/* Beyond what a connection's age leaves to its calls, those whose deadline is later are cut off: streams. */
static int64_t age_grace_ms(const struct rpc_server_options *options) {
  return options->max_deadline_ms > STREAM_MS ? options->max_deadline_ms : STREAM_MS;
}

static grpc_server *create_server(const struct rpc_server_options *options, struct connection_intake *intake) {
  int64_t age_ms = options->connection_ms > 0 ? options->connection_ms : INT32_MAX;
  grpc_arg arguments[] = {
      connection_intake_argument(intake),
      integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options->max_message_bytes),
      /* what is compressed is only measured before it is unpacked: 1 MiB may become 1 GiB */
      integer(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE),
      integer(GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES),
      integer(GRPC_ARG_MAX_CONCURRENT_STREAMS, CALLS_PER_CONNECTION),
      integer(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_MS),
      integer(GRPC_ARG_KEEPALIVE_TIME_MS, options->keepalive_ms),
      integer(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
      integer(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
      integer(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, CLIENT_PING_MS),
      integer(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
      integer(GRPC_ARG_MAX_CONNECTION_AGE_MS, age_ms),
      integer(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, age_grace_ms(options)),
      integer(GRPC_ARG_ENABLE_CHANNELZ, 0),
  };
  grpc_channel_args list = {.num_args = sizeof(arguments) / sizeof(arguments[0]), .args = arguments};
  return grpc_server_create(&list, NULL);
}

static struct admission *admission_of(struct arena *arena, const struct rpc_service *service,
                                      const struct rpc_method *method) {
  if (service->exempt || !method->handler) return NULL;
  struct admission *admission = arena_alloc(arena, sizeof(*admission));
  admission_init(admission, service->begun_elsewhere);
  return admission;
}

static const char *type_of(const struct rpc_method *method) {
  return method->handler ? "unary" : method->is_bidi ? "bidi_stream" : "server_stream";
}

static const struct metric calls_waiting = {
    .name = "calls_waiting",
    .help = "Calls that have arrived and wait in line until one of those that are worked on has ended.",
    .kind = METRIC_GAUGE};

static const ProtobufCFieldDescriptor *request_id_of(const ProtobufCMethodDescriptor *signature) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(signature->input, "request_id");
  bool is_text = field && field->type == PROTOBUF_C_TYPE_STRING && field->label != PROTOBUF_C_LABEL_REPEATED;
  return is_text ? field : NULL;
}

static struct server_method method_of(struct rpc_server *server, struct arena *arena, const struct rpc_service *service,
                                      const struct rpc_method *method) {
  size_t max = server->options.max_calls + (service->exempt ? EXEMPT_RESERVE : 0);
  const ProtobufCMethodDescriptor *signature =
      protobuf_c_service_descriptor_get_method_by_name(service->descriptor, method->name);
  return (struct server_method){
      .server = server,
      .set_up = method->handler ? unary_call_set_up : stream_call_set_up,
      .service = service,
      .method = method,
      .signature = signature,
      .request_id = request_id_of(signature),
      .admission = admission_of(arena, service, method),
      .calls_max = max,
      .metrics = call_metrics_of(CALL_OF_SERVER, type_of(method), service->descriptor->name, method->name)};
}

static void register_methods(struct rpc_server *server, struct arena *arena, const struct rpc_service *services,
                             size_t service_count) {
  size_t count = 0;
  for (size_t i = 0; i < service_count; i++) count += services[i].methods.count;
  server->methods = arena_calloc(arena, count, sizeof(server->methods[0]));
  for (size_t i = 0; i < service_count; i++) {
    for (size_t j = 0; j < services[i].methods.count; j++) {
      const struct rpc_method *method = &services[i].methods.rows[j];
      struct server_method *entry = &server->methods[server->method_count++];
      *entry = method_of(server, arena, &services[i], method);
      const char *path = arena_printf(arena, "/%s/%s", services[i].descriptor->name, method->name);
      entry->registered = grpc_server_register_method(
          server->grpc, path, NULL, method->handler ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE,
          0);
    }
  }
  server->calls_waiting = metric_gauge(&calls_waiting, NULL);
  server->unknown = (struct server_method){.server = server,
                                           .set_up = unknown_call_set_up,
                                           .calls_max = server->options.max_calls,
                                           .metrics = call_metrics_of(CALL_OF_SERVER, "unary", "unknown", "unknown")};
}

/* "host:port" with a port of 0..65535; gRPC itself takes names of services and more. */
static bool address_is_valid(const char *address) {
  const char *colon = address ? strrchr(address, ':') : NULL;
  if (!colon || colon == address || strlen(colon + 1) > 5) return false;
  if (strspn(colon + 1, "0123456789") != strlen(colon + 1) || !colon[1]) return false;
  return atoi(colon + 1) <= 65535;
}

static struct status open_intake(struct rpc_server *server, struct arena *arena) {
  if (connection_intake_open(&server->intake, server->grpc, server->credentials)) return status_ok();
  return status_error(arena, STATUS_INTERNAL, reason_grpc_unfit, "This gRPC library takes no connections from others.");
}

static void take_connection(void *server, int descriptor) {
  connection_intake_give(&((struct rpc_server *)server)->intake, descriptor);
}

static struct status bind_port(struct rpc_server *server, struct arena *arena) {
  const struct rpc_server_options *options = &server->options;
  const struct listener_options listener = {
      .address = options->listen,
      .connections = options->connections,
      .connections_per_address = options->connections_per_address,
      .unacknowledged_ms = KEEPALIVE_TIMEOUT_MS,
      .take = take_connection,
      .user = server,
  };
  struct status status = listener_open(server->loop, arena, &listener, &server->listener);
  if (status_is_ok(status)) server->port = listener_port(server->listener);
  return status;
}

static void shutdown_arrived(struct rpc_arrival *arrival) {
  struct rpc_server *server = (struct rpc_server *)((char *)arrival - offsetof(struct rpc_server, shutdown));
  server->stopped = true;
  condition_signal_all(&server->changed);
}

static struct rpc_server *server_new(struct loop *loop, struct arena *arena, const struct rpc_server_options *options) {
  struct rpc_server *server = arena_calloc(arena, 1, sizeof(*server));
  server->loop = loop;
  server->options = with_defaults(arena, options);
  server->shutdown.run = shutdown_arrived;
  server->runtime = rpc_runtime_acquire(loop);
  server->queue = rpc_runtime_queue(server->runtime);
  server->grpc = create_server(&server->options, &server->intake);
  grpc_server_register_completion_queue(server->grpc, server->queue, NULL);
  server_drain_prepare(server, rpc_credentials_for_server(arena, server->options.tls, server->options.clients));
  make_fixed_answers(arena, server);
  return server;
}

struct status rpc_server_open(struct loop *loop, struct arena *arena, const struct rpc_server_options *options,
                              const struct rpc_service *services, size_t service_count,
                              struct rpc_server **ret_server) {
  struct status status = brand_require(options->brand, arena, "rpc_server_options");
  if (!status_is_ok(status)) return status;
  if (!address_is_valid(options->listen)) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_address_invalid, "%s is no address: host:port is.",
                        options->listen ? options->listen : "\"\"");
  }
  for (size_t i = 0; i < service_count; i++) {
    status = service_table_check(arena, &services[i]);
    if (!status_is_ok(status)) return status;
  }
  struct rpc_server *server = server_new(loop, arena, options);
  register_methods(server, arena, services, service_count);
  status = open_intake(server, arena);
  if (status_is_ok(status)) status = bind_port(server, arena);
  if (!status_is_ok(status)) {
    rpc_server_free(server);
    return status;
  }
  *ret_server = server;
  return status;
}

int rpc_server_port(const struct rpc_server *server) {
  return server->port;
}

size_t rpc_server_calls(const struct rpc_server *server) {
  return server->calls;
}

const char *rpc_server_refusal(const struct rpc_server *server) {
  return server->listener ? listener_refusal(server->listener) : "";
}

static void post_requests(struct server_method *method, int max) {
  method->requests = REQUESTS_MIN;
  method->requests_max = max;
  for (int i = 0; i < REQUESTS_MIN; i++) server_call_request(method);
}

void rpc_server_start(struct rpc_server *server) {
  grpc_server_start(server->grpc);
  for (size_t i = 0; i < server->method_count; i++) {
    post_requests(&server->methods[i], server->methods[i].method->handler ? UNARY_REQUESTS_MAX : REQUESTS_MIN);
  }
  post_requests(&server->unknown, REQUESTS_MIN);
  listener_start(server->listener);
}

static void free_pool(struct rpc_server *server) {
  while (server->pool) {
    struct server_call *call = server->pool;
    server->pool = call->pooled;
    free(call);
  }
}

static void free_server(void *argument) {
  struct rpc_server *server = argument;
  if (!server->draining) server_drain_at_once(server);
  while (!server->stopped || server->out > 0) rpc_runtime_wait(server->runtime);
  grpc_server_destroy(server->grpc);
  free_pool(server);
  grpc_server_credentials_release(server->credentials);
  fixed_answer_drop(&server->overloaded);
  fixed_answer_drop(&server->crowded);
  fixed_answer_drop(&server->unimplemented);
  rpc_runtime_release(server->runtime);
}

void rpc_server_free(struct rpc_server *server) {
  if (!server) return;
  if (rpc_server_calls(server) > 0) {
    log_event(LOG_ERROR, "calls in flight: the server is not freed", "calls",
              log_number((int64_t)rpc_server_calls(server)), NULL);
    return;
  }
  coroutine_on_loop_stack(free_server, server);
}
