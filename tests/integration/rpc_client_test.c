/* SPDX-License-Identifier: Apache-2.0 */
/* The clients: on the loop and blocking. */
#include <arpa/inet.h>
#include <grpc/health/v1/health.pb-c.h>
#include <grpc/reflection/v1/reflection.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo_server.h"
#include "forwarder.h"
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

/* ---- streams on the loop ---------------------------------------------------------------------------------------- */

typedef Grpc__Health__V1__HealthCheckResponse health_response;

#define HEALTH(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

static struct rpc_client_stream *watch_health(struct rpc_channel *channel, struct context *context) {
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  struct rpc_client_stream *stream = NULL;
  struct status status =
      rpc_client_stream_open(channel, context, &grpc__health__v1__health__descriptor, "Watch", &request, &stream);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  return stream;
}

/* What a read that waits as long as it takes has had. */
struct reading {
  const void *message;
  bool ended;
  struct status status;
};

static struct reading read_next(struct rpc_client_stream *stream, struct context *context) {
  struct reading reading = {0};
  int64_t end_us = patience_end_us();
  do {
    reading.status = rpc_client_stream_read(stream, context->arena, end_us, &reading.message, &reading.ended);
  } while (status_is_ok(reading.status) && !reading.message && !reading.ended && clock_monotonic_us() < end_us);
  return reading;
}

static int next_health(struct rpc_client_stream *stream, struct context *context) {
  struct reading reading = read_next(stream, context);
  CU_ASSERT_PTR_NOT_NULL_FATAL(reading.message);
  return (int)((const health_response *)reading.message)->status;
}

/* Returns whether the server has no call any more. */
static bool is_forgotten(struct echo_server *server) {
  int64_t end_us = patience_end_us();
  while (echo_server_calls(server) > 0) {
    if (clock_monotonic_us() > end_us) return false;
    coroutine_sleep(5 * US_PER_MS, DEADLINE_NEVER);
  }
  return true;
}

static void test_stream(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  struct rpc_client_stream *stream = watch_health(channel, context);
  CU_ASSERT_EQUAL(next_health(stream, context), HEALTH(NOT_SERVING));
  for (int i = 0; i < 10; i++) {
    echo_server_set_ready(server, i % 2 == 0);
    CU_ASSERT_EQUAL(next_health(stream, context), i % 2 == 0 ? HEALTH(SERVING) : HEALTH(NOT_SERVING));
  }
  CU_ASSERT_EQUAL(get_once(channel, context, "it").code, STATUS_OK);
  rpc_client_stream_close(stream);
  CU_ASSERT(is_forgotten(server));
  rpc_client_stream_close(NULL);
  rpc_channel_close(channel);
  echo_server_stop(server);
}

static void wake(void *argument) {
  coroutine_wake(argument);
}

/* A read that had nothing goes on where it was. */
static void test_stream_without_news(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  struct rpc_client_stream *stream = watch_health(channel, context);
  const void *message;
  bool ended;
  CU_ASSERT_EQUAL(next_health(stream, context), HEALTH(NOT_SERVING));
  int64_t soon_us = clock_monotonic_us() + 50 * US_PER_MS;
  do { /* gRPC may tell of what was sent only now, which is a wake, too */
    CU_ASSERT(status_is_ok(rpc_client_stream_read(stream, context->arena, soon_us, &message, &ended)));
    CU_ASSERT(!message && !ended);
  } while (clock_monotonic_us() < soon_us);
  loop_spawn(coroutine_loop(), wake, coroutine_self());
  CU_ASSERT(status_is_ok(rpc_client_stream_read(stream, context->arena, patience_end_us(), &message, &ended)));
  CU_ASSERT(!message && !ended);
  echo_server_set_ready(server, true);
  CU_ASSERT_EQUAL(next_health(stream, context), HEALTH(SERVING));
  rpc_client_stream_close(stream);
  rpc_channel_close(channel);
  echo_server_stop(server);
}

/* The server has all questions, and ends the stream behind its answer. */
static void test_stream_that_ends_well(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  Grpc__Reflection__V1__ServerReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  struct rpc_client_stream *stream;
  request.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
  request.list_services = (char *)"";
  CU_ASSERT_TRUE_FATAL(
      status_is_ok(rpc_client_stream_open(channel, context, &grpc__reflection__v1__server_reflection__descriptor,
                                          "ServerReflectionInfo", &request, &stream)));
  const Grpc__Reflection__V1__ServerReflectionResponse *response = read_next(stream, context).message;
  CU_ASSERT_PTR_NOT_NULL_FATAL(response);
  CU_ASSERT_EQUAL(response->list_services_response->n_service, 4);
  for (int i = 0; i < 3; i++) { /* nor does it change when it is asked again */
    struct reading end = read_next(stream, context);
    CU_ASSERT(status_is_ok(end.status) && end.ended && !end.message);
  }
  rpc_client_stream_close(stream);
  rpc_channel_close(channel);
  echo_server_stop(server);
}

static void test_stream_of_a_server_that_drains(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  struct rpc_client_stream *stream = watch_health(channel, context);
  CU_ASSERT_EQUAL(next_health(stream, context), HEALTH(NOT_SERVING));
  echo_server_drain(server, 1000);
  struct reading end = read_next(stream, context);
  CU_ASSERT_EQUAL(end.status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(end.status), "SHUTTING_DOWN");
  CU_ASSERT(end.ended && !end.message);
  rpc_client_stream_close(stream);
  rpc_channel_close(channel);
  echo_server_stop(server);
}

static void test_stream_deadline(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  CU_ASSERT(recovers(channel, context)); /* it is connected */
  struct context soon = {.arena = context->arena, .deadline_us = clock_monotonic_us() + 300 * US_PER_MS};
  struct rpc_client_stream *stream = watch_health(channel, &soon);
  struct reading reading = read_next(stream, context);
  if (reading.message) reading = read_next(stream, context); /* else it was late even for the first */
  CU_ASSERT_EQUAL(reading.status.code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT(clock_monotonic_us() >= soon.deadline_us - 5 * US_PER_MS); /* gRPC counts in milliseconds */
  rpc_client_stream_close(stream);
  CU_ASSERT(is_forgotten(server));
  rpc_channel_close(channel);
  echo_server_stop(server);
}

static void test_stream_of_a_peer_that_dies(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct forwarder *between = forwarder_start(server->port);
  struct rpc_channel *channel = open_channel(context, forwarder_port(between));
  for (int i = 0; i < 3; i++) {
    CU_ASSERT(recovers(channel, context));
    struct rpc_client_stream *stream = watch_health(channel, context);
    CU_ASSERT_EQUAL(next_health(stream, context), HEALTH(NOT_SERVING));
    forwarder_cut(between, 1);
    struct reading end = read_next(stream, context);
    CU_ASSERT_EQUAL(end.status.code, STATUS_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(status_reason(end.status), "PEER_UNREACHABLE");
    CU_ASSERT_PTR_NOT_NULL(strstr(end.status.message, "customer"));
    CU_ASSERT(end.ended && !end.message);
    rpc_client_stream_close(stream);
  }
  rpc_channel_close(channel);
  forwarder_free(between);
  echo_server_stop(server);
}

static void test_stream_of_a_dead_peer(struct context *context) {
  struct rpc_channel *channel = open_channel(context, free_port());
  struct rpc_client_stream *stream = watch_health(channel, context);
  CU_ASSERT_STRING_EQUAL(status_reason(read_next(stream, context).status), "PEER_UNREACHABLE");
  rpc_client_stream_close(stream);
  struct rpc_client_stream *none = NULL;
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  struct status misspelt =
      rpc_client_stream_open(channel, context, &grpc__health__v1__health__descriptor, "Wtch", &request, &none);
  CU_ASSERT_STRING_EQUAL(status_reason(misspelt), "CALL_INVALID");
  CU_ASSERT_PTR_NULL(none);
  rpc_channel_close(channel);
}

/* Wherever a stream is: begun, waiting for its first message, with one that nobody has read. */
static void test_streams_that_are_closed_early(struct context *context) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct rpc_channel *channel = open_channel(context, server->port);
  const void *message;
  bool ended;
  for (int i = 0; i < 300; i++) {
    struct rpc_client_stream *stream = watch_health(channel, context);
    if (i % 3 == 1) rpc_client_stream_read(stream, context->arena, clock_monotonic_us(), &message, &ended);
    if (i % 3 == 2) next_health(stream, context);
    rpc_client_stream_close(stream);
  }
  CU_ASSERT(is_forgotten(server));
  rpc_channel_close(channel);
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
ON_LOOP(test_stream)
ON_LOOP(test_stream_without_news)
ON_LOOP(test_stream_that_ends_well)
ON_LOOP(test_stream_of_a_server_that_drains)
ON_LOOP(test_stream_deadline)
ON_LOOP(test_stream_of_a_peer_that_dies)
ON_LOOP(test_stream_of_a_dead_peer)
ON_LOOP(test_streams_that_are_closed_early)

static const struct test tests[] = {
    {"a call by name yields and returns message or status", test_call_on_loop},
    {"a call of no such method, or with another request, is refused and says so", test_misspelt_call_on_loop},
    {"an empty target is INVALID_ARGUMENT", test_target_on_loop},
    {"a peer that is down is UNAVAILABLE at once and named", test_dead_peer_on_loop},
    {"a host that nobody knows is UNAVAILABLE", test_unknown_host_on_loop},
    {"a peer that comes back is called again, many times over", test_recovery_on_loop},
    {"a call ends at its deadline", test_deadline_on_loop},
    {"a thousand calls are made at once and all succeed", test_crowd_on_loop},
    {"a stream's messages come as the server sends them, until it is closed", test_stream_on_loop},
    {"a read of a stream without news ends in time or at a wake, and loses nothing", test_stream_without_news_on_loop},
    {"a stream that the server has ended well says so, however often", test_stream_that_ends_well_on_loop},
    {"a stream ends with UNAVAILABLE when the server drains", test_stream_of_a_server_that_drains_on_loop},
    {"a stream ends at its deadline", test_stream_deadline_on_loop},
    {"a stream whose peer dies midway is UNAVAILABLE, and another one can be opened",
     test_stream_of_a_peer_that_dies_on_loop},
    {"a stream of a peer that is down, or of no such method, says so", test_stream_of_a_dead_peer_on_loop},
    {"streams can be closed at any time", test_streams_that_are_closed_early_on_loop},
    {"many threads share a blocking client", test_blocking_threads},
    {"a blocking client waits for the server only if it is told to", test_wait_for_ready},
};

int main(int argc, char **argv) {
  return suite_main("rpc clients", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
