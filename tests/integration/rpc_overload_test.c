/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is called more often than it can answer: who waits in line, who is refused, who isn't held up. */
#include <grpc/health/v1/health.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo_call.h"
#include "echo_server.h"
#include "loop/coroutine.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"
#include "suite.h"

enum { CROWD = 40, US_PER_MS = 1000, PATIENCE_MS = 60000 };
#define GET_PATH "/ordershop.v1.CustomerService/GetCustomer"

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static struct echo_call *begin(int port, const char *id, const char *ask) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  struct echo_call *call = echo_call_open(port, GET_PATH, PATIENCE_MS, ask ? "x-ask" : NULL, ask);
  echo_call_send(call, &request);
  echo_call_send_end(call);
  return call;
}

static int end(struct echo_call *call) {
  struct arena *arena = arena_new();
  ProtobufCMessage *message;
  echo_call_receive(call, PATIENCE_MS, arena, &ordershop__v1__customer__descriptor, &message);
  int code = echo_call_finish(call);
  echo_call_free(call);
  arena_free(arena);
  return code;
}

static int end_all(struct echo_call **calls, size_t count) {
  int ok = 0;
  for (size_t i = 0; i < count; i++) ok += end(calls[i]) == STATUS_OK;
  return ok;
}

struct client {
  struct arena *arena;
  struct rpc_blocking_channel *channel;
};

static struct client client_open(int port) {
  struct client client = {.arena = arena_new()};
  const char *target = arena_printf(client.arena, "127.0.0.1:%d", port);
  CU_ASSERT_FATAL(status_is_ok(rpc_blocking_channel_open(
      client.arena, target, &(struct rpc_channel_options){.brand = &shop_brand}, &client.channel)));
  return client;
}

static void client_close(struct client *client) {
  rpc_blocking_channel_close(client->channel);
  arena_free(client->arena);
}

static struct status call(struct client *client, const ProtobufCServiceDescriptor *service, const char *method,
                          const void *request, int64_t timeout_ms) {
  struct context context = {.arena = client->arena, .deadline_us = clock_monotonic_us() + timeout_ms * US_PER_MS};
  return rpc_blocking_call(client->channel, &context, service, method, request).status;
}

static struct status get(struct client *client, const char *id, int64_t timeout_ms) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return call(client, &ordershop__v1__customer_service__descriptor, "GetCustomer", &request, timeout_ms);
}

static bool has_calls(struct echo_server *server, size_t count) {
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  while (rpc_server_calls(server->rpc) != count && clock_monotonic_us() < until) usleep(1000);
  return rpc_server_calls(server->rpc) == count;
}

/* More calls than are worked on at once, none of which ends before the gate is open. */
static struct echo_server *start_with_a_line(struct echo_call **calls) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  for (int i = 0; i < CROWD; i++) calls[i] = begin(server->port, "wait", NULL);
  CU_ASSERT_FATAL(has_calls(server, CROWD));
  return server;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_line(void) {
  struct echo_call *calls[CROWD];
  struct echo_server *server = start_with_a_line(calls);
  int started = atomic_load(&server->started);
  CU_ASSERT(started > 0 && started < CROWD);
  echo_server_open_gate(server);
  CU_ASSERT_EQUAL(end_all(calls, CROWD), CROWD);
  CU_ASSERT_EQUAL(atomic_load(&server->started), CROWD);
  echo_server_stop(server);
}

/* Asks until it has been seen that nothing ends. */
static void test_refusal(void) {
  struct echo_call *calls[CROWD];
  struct echo_server *server = start_with_a_line(calls);
  struct client client = client_open(server->port);
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  struct status status;
  do {
    status = get(&client, "other", 1000);
  } while (status.code == STATUS_DEADLINE_EXCEEDED && clock_monotonic_us() < until);
  CU_ASSERT_EQUAL(status.code, STATUS_RESOURCE_EXHAUSTED);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "OVERLOADED");
  CU_ASSERT(status.details && status.details->retry_delay_ms > 0);
  echo_server_open_gate(server);
  CU_ASSERT_EQUAL(end_all(calls, CROWD), CROWD);
  CU_ASSERT_EQUAL(get(&client, "other", PATIENCE_MS).code, STATUS_OK);
  client_close(&client);
  echo_server_stop(server);
}

static void test_others(void) {
  struct echo_call *calls[CROWD];
  struct echo_server *server = start_with_a_line(calls);
  struct client client = client_open(server->port);
  Ordershop__V1__CreateCustomerRequest create = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  Grpc__Health__V1__HealthCheckRequest check = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  struct status created =
      call(&client, &ordershop__v1__customer_service__descriptor, "CreateCustomer", &create, PATIENCE_MS);
  CU_ASSERT_EQUAL(created.code, STATUS_OK);
  CU_ASSERT_EQUAL(call(&client, &grpc__health__v1__health__descriptor, "Check", &check, PATIENCE_MS).code, STATUS_OK);
  client_close(&client);
  echo_server_open_gate(server);
  CU_ASSERT_EQUAL(end_all(calls, CROWD), CROWD);
  echo_server_stop(server);
}

static void test_gone(void) {
  struct echo_call *calls[CROWD];
  struct echo_server *server = start_with_a_line(calls);
  int started = atomic_load(&server->started);
  for (int i = started; i < CROWD; i++) echo_call_cancel(calls[i]);
  CU_ASSERT(has_calls(server, (size_t)started));
  echo_server_open_gate(server);
  CU_ASSERT_EQUAL(end_all(calls, CROWD), started);
  CU_ASSERT_EQUAL(atomic_load(&server->started), started);
  echo_server_stop(server);
}

/* The line holds 16 MiB: fifteen of these, and not one more. */
static void test_large_requests(void) {
  struct echo_call *calls[CROWD], *large[15];
  struct echo_server *server = start_with_a_line(calls);
  char *id = malloc(1024 * 1024 + 1);
  memset(id, 'x', 1024 * 1024);
  id[1024 * 1024] = '\0';
  for (size_t i = 0; i < SUITE_SIZE(large); i++) {
    large[i] = begin(server->port, id, NULL);
    CU_ASSERT_FATAL(has_calls(server, CROWD + i + 1));
  }
  CU_ASSERT_EQUAL(end(begin(server->port, id, NULL)), STATUS_RESOURCE_EXHAUSTED);
  free(id);
  echo_server_open_gate(server);
  CU_ASSERT_EQUAL(end_all(large, SUITE_SIZE(large)), SUITE_SIZE(large));
  CU_ASSERT_EQUAL(end_all(calls, CROWD), CROWD);
  echo_server_stop(server);
}

static void test_drain(void) {
  struct echo_call *calls[CROWD];
  struct echo_server *server = start_with_a_line(calls);
  echo_server_drain(server, PATIENCE_MS);
  echo_server_open_gate(server);
  CU_ASSERT_EQUAL(end_all(calls, CROWD), CROWD);
  echo_server_stop(server);
}

static void test_drain_grace(void) {
  struct echo_call *calls[CROWD];
  struct echo_server *server = start_with_a_line(calls);
  echo_server_drain(server, 100);
  CU_ASSERT_EQUAL(end_all(calls, CROWD), 0);
  CU_ASSERT(has_calls(server, 0));
  CU_ASSERT(atomic_load(&server->started) < CROWD);
  echo_server_stop(server);
}

static atomic_bool may_go_on;

static struct status rest_if_asked(struct rpc_call *call, void *argument) {
  (void)argument;
  if (!rpc_call_metadata(call, "x-ask")) return status_ok();
  rpc_call_rest(call);
  while (!atomic_load(&may_go_on)) coroutine_sleep(US_PER_MS, call->context.deadline_us);
  rpc_call_resume(call);
  return status_ok();
}

static void test_rest(void) {
  struct echo_server *server = echo_server_start(&(struct rpc_server_options){.before = rest_if_asked}, NULL);
  struct echo_call *calls[CROWD];
  atomic_store(&may_go_on, false);
  for (int i = 0; i < CROWD; i++) calls[i] = begin(server->port, "other", "rest");
  CU_ASSERT(has_calls(server, CROWD));
  struct client client = client_open(server->port);
  CU_ASSERT_EQUAL(get(&client, "other", PATIENCE_MS).code, STATUS_OK);
  client_close(&client);
  atomic_store(&may_go_on, true);
  CU_ASSERT_EQUAL(end_all(calls, CROWD), CROWD);
  echo_server_stop(server);
}

static const struct test tests[] = {
    {"of many calls some are worked on, the others wait in line, and all are answered", test_line},
    {"while nothing ends, a call is refused with a time to retry, before its deadline", test_refusal},
    {"a method whose calls wait holds up neither other methods nor health", test_others},
    {"calls whose callers go away leave the line", test_gone},
    {"large requests don't all wait", test_large_requests},
    {"a drain lets calls in line finish", test_drain},
    {"a drain ends calls in line after its grace", test_drain_grace},
    {"calls that rest hold nobody up", test_rest},
};

int main(int argc, char **argv) {
  return suite_main("rpc overload", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
