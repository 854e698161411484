/* SPDX-License-Identifier: Apache-2.0 */
#include "service/health_check.h"

#include <grpc/health/v1/health.pb-c.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/rpc_blocking_client.h"

enum { DEADLINE_US = 2 * 1000 * 1000 };

const char *health_check_target(struct arena *arena, const char *listen) {
  const char *port = strrchr(listen, ':');
  const char *host = arena_memdup(arena, listen, (size_t)(port - listen));
  bool is_any = strcmp(host, "[::]") == 0 || strcmp(host, "0.0.0.0") == 0;
  return arena_printf(arena, "dns:///%s%s", is_any ? "localhost" : host, port);
}

static struct status ask(struct arena *arena, const char *target, struct rpc_blocking_channel *channel) {
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + DEADLINE_US};
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  struct rpc_reply reply =
      rpc_blocking_call(channel, &context, &grpc__health__v1__health__descriptor, "Check", &request);
  if (!status_is_ok(reply.status)) return reply.status;
  const Grpc__Health__V1__HealthCheckResponse *response = reply.message;
  if (response->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING) return status_ok();
  return status_error(arena, STATUS_UNAVAILABLE, reason_not_serving, "%s says that it is not ready; its log says why",
                      target);
}

struct status health_check(struct arena *arena, const struct service_definition *definition,
                           const struct service_settings *settings) {
  bool plain = settings->health_listen;
  const char *target = health_check_target(arena, plain ? settings->health_listen : settings->listen);
  const struct rpc_channel_options options = {
      .brand = definition->brand, .peer = definition->name, .tls = plain ? NULL : settings->tls};
  struct rpc_blocking_channel *channel;
  struct status status = rpc_blocking_channel_open(arena, target, &options, &channel);
  if (!status_is_ok(status)) return status;
  status = ask(arena, target, channel);
  rpc_blocking_channel_close(channel);
  return status;
}
