/* SPDX-License-Identifier: Apache-2.0 */
/* The clients: on the loop and blocking. */
#include <arpa/inet.h>
#include <ordershop/v1/customer.pb-c.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo_server.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "rpc/rpc_blocking_client.h"
#include "rpc/rpc_client.h"
#include "shop_brand.h"
#include "suite.h"

enum { US_PER_MS = 1000, PATIENCE_MS = 60000, MANY = 1000, THREADS = 16 };

static struct rpc_channel *open_channel(struct context *context, int port) {
  struct rpc_channel *channel = NULL;
  struct rpc_channel_options options = {.brand = &shop_brand, .peer = "customer"};
  const char *target = arena_printf(context->arena, "dns:///127.0.0.1:%d", port);
  CU_ASSERT_FATAL(status_is_ok(rpc_channel_open(coroutine_loop(), context->arena, target, &options, &channel)));
  return channel;
}

static const ProtobufCServiceDescriptor *const customers = &ordershop__v1__customer_service__descriptor;

static struct rpc_reply get(struct rpc_channel *channel, struct context *context, const char *id) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return rpc_client_call(channel, context, customers, "GetCustomer", &request);
}

static struct status get_once(struct rpc_channel *channel, struct context *context, const char *id) {
  return get(channel, context, id).status;
}

static struct status get_blocking(struct rpc_blocking_channel *channel, struct context *context, const char *id) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return rpc_blocking_call(channel, context, customers, "GetCustomer", &request).status;
}

/* A port that was free a moment ago. */
static int free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(address);
  int probe = socket(AF_INET, SOCK_STREAM, 0);
  CU_ASSERT_FATAL(bind(probe, (struct sockaddr *)&address, size) == 0);
  CU_ASSERT_FATAL(getsockname(probe, (struct sockaddr *)&address, &size) == 0);
  close(probe);
  return ntohs(address.sin_port);
}

static struct echo_server *start_at(int port) {
  char listen[32];
  snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
  return echo_server_start(&(struct rpc_server_options){.listen = listen}, NULL);
}

/* ---- on the loop ------------------------------------------------------------------------------------------------ */

static void test_call(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  struct rpc_reply reply = get(channel, context, "it");
  CU_ASSERT_EQUAL_FATAL(reply.status.code, STATUS_OK);
  CU_ASSERT_STRING_EQUAL(((const Ordershop__V1__Customer *)reply.message)->id, "it");
  reply = get(channel, context, "fail");
  CU_ASSERT_EQUAL(reply.status.code, STATUS_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(status_reason(reply.status), "CUSTOMER_NOT_FOUND");
  CU_ASSERT_PTR_NULL(reply.message);
  rpc_channel_close(channel);
  echo_server_stop(server);
}

static void test_misspelt_call(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  struct status misspelt = rpc_client_call(channel, context, customers, "GetCustmer", &request).status;
  CU_ASSERT_EQUAL(misspelt.code, STATUS_INTERNAL);
  CU_ASSERT_STRING_EQUAL(status_reason(misspelt), "CALL_INVALID");
  CU_ASSERT_PTR_NOT_NULL(strstr(misspelt.message, "GetCustmer of ordershop.v1.CustomerService: the service has no"));
  struct status mistyped = rpc_client_call(channel, context, customers, "DeleteCustomer", &request).status;
  CU_ASSERT_STRING_EQUAL(status_reason(mistyped), "CALL_INVALID");
  CU_ASSERT_PTR_NOT_NULL(strstr(mistyped.message, "its request is of another type"));
  rpc_channel_close(channel);
  echo_server_stop(server);
}

static void test_target(struct context *context) {
  struct rpc_channel *channel = NULL;
  struct status status = rpc_channel_open(coroutine_loop(), context->arena, "",
                                          &(struct rpc_channel_options){.brand = &shop_brand}, &channel);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NULL(channel);
}

static void test_dead_peer(struct context *context) {
  int64_t begin_us = clock_monotonic_us();
  struct rpc_channel *channel = open_channel(context, free_port());
  struct status status = get_once(channel, context, "it");
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "PEER_UNREACHABLE");
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "customer"));
  for (int i = 0; i < 100; i++) CU_ASSERT_EQUAL(get_once(channel, context, "it").code, STATUS_UNAVAILABLE);
  CU_ASSERT(clock_monotonic_us() - begin_us < at_once_us());
  rpc_channel_close(channel);
}

static void test_unknown_host(struct context *context) {
  struct rpc_channel *channel = NULL;
  CU_ASSERT_FATAL(status_is_ok(rpc_channel_open(coroutine_loop(), context->arena, "dns:///no-such-host.invalid:50053",
                                                &(struct rpc_channel_options){.brand = &shop_brand}, &channel)));
  CU_ASSERT_EQUAL(get_once(channel, context, "it").code, STATUS_UNAVAILABLE);
  rpc_channel_close(channel);
}

static bool recovers(struct rpc_channel *channel, struct context *context) {
  int64_t end_us = patience_end_us();
  while (get_once(channel, context, "it").code != STATUS_OK) {
    if (clock_monotonic_us() > end_us) return false;
    coroutine_sleep(5 * US_PER_MS, DEADLINE_NEVER);
  }
  return true;
}

static void test_recovery(struct context *context) {
  int port = free_port();
  struct rpc_channel *channel = open_channel(context, port);
  CU_ASSERT_EQUAL(get_once(channel, context, "it").code, STATUS_UNAVAILABLE);
  for (int i = 0; i < 3; i++) {
    struct echo_server *server = start_at(port);
    CU_ASSERT_PTR_NOT_NULL_FATAL(server);
    CU_ASSERT(recovers(channel, context));
    echo_server_stop(server);
    CU_ASSERT_EQUAL(get_once(channel, context, "it").code, STATUS_UNAVAILABLE);
  }
  rpc_channel_close(channel);
}

static void test_deadline(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  struct context soon = {.arena = context->arena, .deadline_us = clock_monotonic_us() + 100 * US_PER_MS};
  CU_ASSERT_EQUAL(get_once(channel, &soon, "wait").code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT(clock_monotonic_us() >= soon.deadline_us - 5 * US_PER_MS); /* gRPC counts in milliseconds */
  soon.deadline_us = clock_monotonic_us() - 1;
  CU_ASSERT_EQUAL(get_once(channel, &soon, "it").code, STATUS_DEADLINE_EXCEEDED);
  rpc_channel_close(channel);
  echo_server_stop(server);
}

struct crowd {
  struct rpc_channel *channel;
  int succeeded;
};

static void crowd_run(void *item) {
  struct crowd *crowd = item;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + PATIENCE_MS * US_PER_MS};
  crowd->succeeded += get_once(crowd->channel, &context, "wait").code == STATUS_OK;
  arena_free(context.arena);
}

/* Most wait in line then. */
static void *open_gate_when_called(void *argument) {
  struct echo_server *server = argument;
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  while (atomic_load(&server->started) == 0 && clock_monotonic_us() < until) usleep(1000);
  echo_server_open_gate(server);
  return NULL;
}

static void test_crowd(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct crowd crowd = {.channel = open_channel(context, server->port)};
  pthread_t gate;
  void *items[MANY];
  for (int i = 0; i < MANY; i++) items[i] = &crowd;
  pthread_create(&gate, NULL, open_gate_when_called, server);
  coroutine_for_each(crowd_run, items, MANY, MANY);
  pthread_join(gate, NULL);
  CU_ASSERT_EQUAL(atomic_load(&server->started), MANY);
  CU_ASSERT_EQUAL(crowd.succeeded, MANY);
  rpc_channel_close(crowd.channel);
  echo_server_stop(server);
}

/* ---- blocking --------------------------------------------------------------------------------------------------- */

static void *blocking_calls(void *argument) {
  static const char *const id = "it";
  long succeeded = 0;
  for (int i = 0; i < 50; i++) {
    struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + PATIENCE_MS * US_PER_MS};
    succeeded += get_blocking(argument, &context, id).code == STATUS_OK;
    arena_free(context.arena);
  }
  return (void *)succeeded;
}

static void test_blocking_threads(void) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct arena *arena = arena_new();
  struct rpc_blocking_channel *channel;
  const char *target = arena_printf(arena, "127.0.0.1:%d", server->port);
  CU_ASSERT_FATAL(status_is_ok(
      rpc_blocking_channel_open(arena, target, &(struct rpc_channel_options){.brand = &shop_brand}, &channel)));
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, blocking_calls, channel);
  for (int i = 0; i < THREADS; i++) {
    void *succeeded;
    pthread_join(threads[i], &succeeded);
    CU_ASSERT_EQUAL((long)succeeded, 50);
  }
  rpc_blocking_channel_close(channel);
  arena_free(arena);
  echo_server_stop(server);
}

static void *start_later(void *argument) {
  usleep(300 * US_PER_MS);
  return start_at(*(int *)argument);
}

static struct status blocking_get(int port, bool wait_for_ready, int64_t timeout_ms, struct arena *arena) {
  struct rpc_blocking_channel *channel;
  const char *target = arena_printf(arena, "127.0.0.1:%d", port);
  const struct rpc_channel_options options = {
      .brand = &shop_brand, .peer = "customer", .wait_for_ready = wait_for_ready};
  CU_ASSERT_FATAL(status_is_ok(rpc_blocking_channel_open(arena, target, &options, &channel)));
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + timeout_ms * US_PER_MS};
  struct status status = get_blocking(channel, &context, "it");
  rpc_blocking_channel_close(channel);
  return status;
}

static void test_wait_for_ready(void) {
  int port = free_port();
  struct arena *arena = arena_new();
  pthread_t starter;
  void *server;
  CU_ASSERT_EQUAL(blocking_get(port, false, PATIENCE_MS, arena).code, STATUS_UNAVAILABLE);
  CU_ASSERT_EQUAL(blocking_get(port, true, 100, arena).code, STATUS_DEADLINE_EXCEEDED);
  pthread_create(&starter, NULL, start_later, &port);
  CU_ASSERT_EQUAL(blocking_get(port, true, PATIENCE_MS, arena).code, STATUS_OK);
  pthread_join(starter, &server);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  arena_free(arena);
  echo_server_stop(server);
}

#define ON_LOOP(name)                \
  static void name##_on_loop(void) { \
    in_coroutine(name);              \
  }

ON_LOOP(test_call)
ON_LOOP(test_misspelt_call)
ON_LOOP(test_target)
ON_LOOP(test_dead_peer)
ON_LOOP(test_unknown_host)
ON_LOOP(test_recovery)
ON_LOOP(test_deadline)
ON_LOOP(test_crowd)

static const struct test tests[] = {
    {"a call by name yields and returns message or status", test_call_on_loop},
    {"a call of no such method, or with another request, is refused and says so", test_misspelt_call_on_loop},
    {"an empty target is INVALID_ARGUMENT", test_target_on_loop},
    {"a peer that is down is UNAVAILABLE at once and named", test_dead_peer_on_loop},
    {"a host that nobody knows is UNAVAILABLE", test_unknown_host_on_loop},
    {"a peer that comes back is called again, many times over", test_recovery_on_loop},
    {"a call ends at its deadline", test_deadline_on_loop},
    {"a thousand calls are made at once and all succeed", test_crowd_on_loop},
    {"many threads share a blocking client", test_blocking_threads},
    {"a blocking client waits for the server only if it is told to", test_wait_for_ready},
};

int main(int argc, char **argv) {
  return suite_main("rpc clients", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
