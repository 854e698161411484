/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/health.h"

#include <grpc/health/v1/health.pb-c.h>
#include <string.h>

#include "loop/coroutine.h"
#include "loop/loop.h"

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

#define STATUS_OF(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

struct health {
  const char *const *names;
  bool ready;
  struct condition changed;
};

struct health *health_new(struct arena *arena, const char *const *names) {
  struct health *health = arena_calloc(arena, 1, sizeof(*health));
  health->names = names;
  return health;
}

void health_set_ready(struct health *health, bool ready) {
  if (health->ready == ready) return;
  health->ready = ready;
  condition_signal_all(&health->changed);
}

/* After a stall calls may come to run before the code that calls health_set_ready. */
bool health_is_ready(const struct health *health) {
  return health->ready && !*loop_stall(coroutine_loop());
}

static serving_status status_of(const struct health *health, const char *name) {
  if (strcmp(name, "liveness") == 0) return STATUS_OF(SERVING);
  bool known = *name == '\0';
  for (const char *const *at = health->names; !known && *at; at++) known = strcmp(name, *at) == 0;
  if (!known) return STATUS_OF(SERVICE_UNKNOWN);
  return health_is_ready(health) ? STATUS_OF(SERVING) : STATUS_OF(NOT_SERVING);
}

static struct status check(struct rpc_call *call, const void *request, const void **ret_reply) {
  const Grpc__Health__V1__HealthCheckRequest *asked = request;
  struct arena *arena = call->context.arena;
  serving_status status = status_of(call->service, asked->service);
  if (status == STATUS_OF(SERVICE_UNKNOWN)) return status_not_found(arena, "service", asked->service);
  Grpc__Health__V1__HealthCheckResponse *reply = arena_alloc(arena, sizeof(*reply));
  grpc__health__v1__health_check_response__init(reply);
  reply->status = status;
  *ret_reply = reply;
  return status_ok();
}

/* Sends the status and each change of it until one side ends. gRPC cancels the call at its deadline. */
static coroutine_fn struct status watch_name(struct rpc_stream *stream, struct health *health, const char *name) {
  Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
  while (true) {
    serving_status status = status_of(health, name);
    if (status == reply.status) {
      if (rpc_stream_wait(stream, &health->changed, DEADLINE_NEVER)) return rpc_stream_end(stream);
      continue;
    }
    reply.status = status;
    struct status written = rpc_stream_write(stream, &reply);
    if (!status_is_ok(written)) return written;
  }
}

static coroutine_fn struct status watch(struct rpc_call *call, struct rpc_stream *stream) {
  const void *message = NULL;
  struct status status = rpc_stream_read(stream, &message);
  if (!status_is_ok(status)) return status;
  if (!message) {
    return status_error(call->context.arena, STATUS_INVALID_ARGUMENT, reason_request_missing,
                        "The call has no request.");
  }
  const Grpc__Health__V1__HealthCheckRequest *asked = message;
  return watch_name(stream, call->service, asked->service);
}

static const struct rpc_method methods[] = {
    {.name = "Check", .handler = check},
    {.name = "Watch", .stream_handler = watch},
};

struct rpc_service health_service(struct health *health) {
  return (struct rpc_service){
      .descriptor = &grpc__health__v1__health__descriptor,
      .methods = ROWS(methods),
      .user = health,
      .exempt = true,
  };
}
