/* SPDX-License-Identifier: Apache-2.0 */
/* The one way that all calls go: request id, position, tries. */
#include <grpc/health/v1/health.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/client.h"
#include "client/client_reasons.h"
#include "client/request.h"
#include "client/tls_probe.h"
#include "rpc/rpc_blocking_client.h"

enum { PROBE_MS = 1000 };

struct call {
  struct ordershop_client *client;
  struct rpc_blocking_channel *channel;
  const ProtobufCServiceDescriptor *service;
  const char *method;
  const ProtobufCMessage *request;
  struct context context; /* deadline filled in; `after` as the caller gave it */
  bool conditional;
};

static struct rpc_reply send_once(const struct call *call, const char *after) {
  struct context context = call->context;
  context.after = after;
  struct rpc_reply reply = rpc_blocking_call(call->channel, &context, call->service, call->method, call->request);
  if (reply.position) position_memory_advance(&call->client->position, reply.position);
  return reply;
}

static bool is_log_reset(struct status status) {
  return status.code == STATUS_FAILED_PRECONDITION && status_is(status, reason_log_reset);
}

/* One try; a second one at once if the position that the client remembers is of a log that is no more. */
static struct rpc_reply try_call(const struct call *call) {
  struct position_memory *memory = &call->client->position;
  if (call->context.after) return send_once(call, call->context.after);
  const char *remembered = position_memory_read(memory, call->context.arena);
  struct rpc_reply reply = send_once(call, remembered);
  if (!remembered || !is_log_reset(reply.status)) return reply;
  position_memory_forget(memory, remembered);
  return send_once(call, NULL);
}

struct status client_explain(const struct ordershop_client *client, enum ordershop_service service, struct arena *arena,
                             struct status status) {
  if (!status_is(status, reason_peer_unreachable)) return status;
  const char *address = client->peers[service].address;
  const char *finding = tls_probe(arena, address, client->tls, PROBE_MS);
  if (!finding) return status;
  return status_error(arena, STATUS_UNAVAILABLE, reason_peer_refused, "Can't talk to %s at %s: %s",
                      client->peers[service].name, address, finding);
}

static struct ordershop_answer call_until_done(const struct call *call) {
  for (int tries = 1;; tries++) {
    struct rpc_reply reply = try_call(call);
    struct ordershop_answer answer = {.status = reply.status, .message = reply.message};
    if (status_is_ok(reply.status)) return answer;
    int64_t delay = retry_delay_ms(&call->client->retry, reply.status, call->conditional, tries, arc4random());
    if (delay < 0 || clock_monotonic_us() + delay * 1000 >= call->context.deadline_us) return answer;
    rpc_blocking_channel_rest(call->channel, delay);
  }
}

static struct context with_deadline(const struct ordershop_client *client, const struct context *context) {
  struct context result = *context;
  if (!result.deadline_us) result.deadline_us = clock_monotonic_us() + client->deadline_ms * 1000;
  return result;
}

struct ordershop_answer client_call_once(struct ordershop_client *client, const struct context *context,
                                         enum ordershop_service service, const ProtobufCServiceDescriptor *descriptor,
                                         const char *method, const void *request) {
  struct context limited = with_deadline(client, context);
  struct rpc_reply reply = rpc_blocking_call(client->peers[service].channel, &limited, descriptor, method, request);
  return (struct ordershop_answer){.status = client_explain(client, service, limited.arena, reply.status),
                                   .message = reply.message};
}

static struct ordershop_answer refuse(const struct context *context, const char *method, const char *what) {
  return (struct ordershop_answer){
      .status = status_error(context->arena, STATUS_INVALID_ARGUMENT, reason_call_invalid, "%s: %s", method, what)};
}

struct ordershop_answer ordershop_call(struct ordershop_client *client, const struct context *context,
                                       enum ordershop_service service, const char *method, const void *request) {
  if (service >= ORDERSHOP_SERVICE_COUNT) return refuse(context, method, "the client knows no methods of that service");
  const ProtobufCServiceDescriptor *descriptor = ordershop_service_descriptor(service);
  const ProtobufCMethodDescriptor *found = protobuf_c_service_descriptor_get_method_by_name(descriptor, method);
  if (!found) return refuse(context, method, "there is no such method");
  const ProtobufCMessage *message = request;
  if (message->descriptor != found->input) return refuse(context, method, "the request is of another type");
  struct call call = {.client = client,
                      .channel = client->peers[service].channel,
                      .service = descriptor,
                      .method = method,
                      .request = request_with_id(context->arena, message),
                      .context = with_deadline(client, context),
                      .conditional = request_is_conditional(message)};
  struct ordershop_answer answer = call_until_done(&call);
  answer.status = client_explain(client, service, context->arena, answer.status);
  return answer;
}

struct status ordershop_check_health(struct ordershop_client *client, const struct context *context,
                                     enum ordershop_service service, bool *ret_serving) {
  struct context limited = with_deadline(client, context);
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  /* "" asks for the program as a whole */
  const char *asked = service < ORDERSHOP_SERVICE_COUNT ? ordershop_service_descriptor(service)->name : "";
  request.service = arena_strdup(limited.arena, asked);
  struct rpc_reply reply = rpc_blocking_call(client->peers[service].channel, &limited,
                                             &grpc__health__v1__health__descriptor, "Check", &request);
  if (!status_is_ok(reply.status)) return client_explain(client, service, limited.arena, reply.status);
  const Grpc__Health__V1__HealthCheckResponse *response = reply.message;
  *ret_serving = response->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
  return status_ok();
}
