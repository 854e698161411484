/* SPDX-License-Identifier: Apache-2.0 */
#include "await_serving.h"

#include <grpc/health/v1/health.pb-c.h>
#include <unistd.h>

#include "base/clock.h"
#include "patience.h"

enum { POLL_US = 20 * 1000 };

int health_of(struct rpc_blocking_channel *channel) {
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
  struct rpc_reply reply =
      rpc_blocking_call(channel, &context, &grpc__health__v1__health__descriptor, "Check", &request);
  const Grpc__Health__V1__HealthCheckResponse *response = reply.message;
  int health = status_is_ok(reply.status) ? (int)response->status : 0;
  arena_free(context.arena);
  return health;
}

bool await_serving(struct rpc_blocking_channel *channel) {
  const int serving = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
  int64_t end_us = patience_end_us();
  while (clock_monotonic_us() < end_us) {
    if (health_of(channel) == serving) return true;
    usleep(POLL_US);
  }
  return false;
}
