/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1.Health over a real connection. */
#include <grpc/health/v1/health.pb-c.h>
#include <string.h>

#include "base/clock.h"
#include "echo_call.h"
#include "echo_server.h"
#include "patience.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"
#include "suite.h"

enum { PATIENCE_MS = 60000, MOMENT_MS = 50, US_PER_MS = 1000 };

#define SAYS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name
#define SERVICE "ordershop.v1.CustomerService"

static struct echo_server *server;
static struct arena *arena;
static struct rpc_blocking_channel *channel;

static int set_up(void) {
  server = echo_server_start(&(struct rpc_server_options){.max_calls = 1}, NULL);
  if (!server) return 1;
  arena = arena_new();
  struct status status = rpc_blocking_channel_open(arena, arena_printf(arena, "127.0.0.1:%d", server->port),
                                                   &(struct rpc_channel_options){.brand = &shop_brand}, &channel);
  return status_is_ok(status) ? 0 : 1;
}

static int tear_down(void) {
  rpc_blocking_channel_close(channel);
  arena_free(arena);
  if (server) echo_server_stop(server);
  return 0;
}

static struct rpc_reply check(const char *service) {
  static struct context context;
  context = (struct context){.arena = arena, .deadline_us = clock_monotonic_us() + PATIENCE_MS * US_PER_MS};
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  request.service = (char *)service;
  return rpc_blocking_call(channel, &context, &grpc__health__v1__health__descriptor, "Check", &request);
}

static int status_in(const void *message) {
  return message ? (int)((const Grpc__Health__V1__HealthCheckResponse *)message)->status : -1;
}

static int checked(const char *service) {
  return status_in(check(service).message);
}

static struct echo_call *watch(const char *service) {
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  request.service = (char *)service;
  struct echo_call *call = echo_call_open(server->port, "/grpc.health.v1.Health/Watch", PATIENCE_MS, NULL, NULL);
  echo_call_send(call, &request);
  echo_call_send_end(call);
  return call;
}

/* The next status that the watch is told, or -1. */
static int watched(struct echo_call *call) {
  ProtobufCMessage *message;
  enum echo_received received =
      echo_call_receive(call, PATIENCE_MS, arena, &grpc__health__v1__health_check_response__descriptor, &message);
  return received == ECHO_MESSAGE ? status_in(message) : -1;
}

static void test_check(void) {
  echo_server_set_ready(server, false);
  CU_ASSERT_EQUAL(checked(""), SAYS(NOT_SERVING));
  CU_ASSERT_EQUAL(checked(SERVICE), SAYS(NOT_SERVING));
  CU_ASSERT_EQUAL(checked("liveness"), SAYS(SERVING));
  echo_server_set_ready(server, true);
  CU_ASSERT_EQUAL(checked(""), SAYS(SERVING));
  CU_ASSERT_EQUAL(checked(SERVICE), SAYS(SERVING));
  CU_ASSERT_EQUAL(checked("liveness"), SAYS(SERVING));
}

static void test_unknown(void) {
  CU_ASSERT_EQUAL(check("no.Such").status.code, STATUS_NOT_FOUND);
  struct echo_call *call = watch("no.Such");
  CU_ASSERT_EQUAL(watched(call), SAYS(SERVICE_UNKNOWN));
  ProtobufCMessage *message;
  CU_ASSERT_EQUAL(
      echo_call_receive(call, MOMENT_MS, arena, &grpc__health__v1__health_check_response__descriptor, &message),
      ECHO_NOTHING_YET);
  echo_call_free(call);
}

static void test_watch(void) {
  echo_server_set_ready(server, false);
  struct echo_call *call = watch(SERVICE), *live = watch("liveness");
  CU_ASSERT_EQUAL(watched(call), SAYS(NOT_SERVING));
  CU_ASSERT_EQUAL(watched(live), SAYS(SERVING));
  for (int i = 0; i < 3; i++) {
    echo_server_set_ready(server, true);
    CU_ASSERT_EQUAL(watched(call), SAYS(SERVING));
    echo_server_set_ready(server, true);
    echo_server_set_ready(server, false);
    CU_ASSERT_EQUAL(watched(call), SAYS(NOT_SERVING));
  }
  ProtobufCMessage *message;
  CU_ASSERT_EQUAL(
      echo_call_receive(live, MOMENT_MS, arena, &grpc__health__v1__health_check_response__descriptor, &message),
      ECHO_NOTHING_YET);
  echo_call_free(call);
  echo_call_free(live);
}

static void test_watch_cancelled(void) {
  echo_server_set_ready(server, true);
  struct echo_call *first = watch(""), *second = watch("");
  CU_ASSERT(watched(first) >= 0 && watched(second) >= 0);
  echo_call_free(first);
  echo_server_set_ready(server, false);
  CU_ASSERT_EQUAL(watched(second), SAYS(NOT_SERVING));
  echo_server_set_ready(server, true);
  CU_ASSERT_EQUAL(watched(second), SAYS(SERVING));
  echo_call_free(second);
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  while (rpc_server_calls(server->rpc) > 0 && clock_monotonic_us() < until) continue;
  CU_ASSERT_EQUAL(rpc_server_calls(server->rpc), 0);
}

static void test_watch_drained(void) {
  struct echo_call *call = watch("");
  CU_ASSERT(watched(call) >= 0);
  int64_t begin_us = clock_monotonic_us();
  echo_server_drain(server, PATIENCE_MS);
  CU_ASSERT_EQUAL(watched(call), -1);
  CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_UNAVAILABLE);
  echo_call_free(call);
  echo_server_stop(server);
  server = NULL;
  CU_ASSERT(clock_monotonic_us() - begin_us < at_once_us());
}

static const struct test tests[] = {
    {"Check says whether the process is ready, and that it lives", test_check},
    {"unknown names are NOT_FOUND for Check and SERVICE_UNKNOWN for Watch", test_unknown},
    {"Watch tells each change and nothing else", test_watch},
    {"a watch that goes away leaves the others and no call behind", test_watch_cancelled},
    {"a drain ends watches at once", test_watch_drained},
};

int main(int argc, char **argv) {
  return suite_main("rpc health", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
