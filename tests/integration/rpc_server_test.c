/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: opening, overload, strangers on its port, drain. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <ordershop/v1/customer.pb-c.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo_call.h"
#include "echo_server.h"
#include "patience.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"
#include "suite.h"

enum { US_PER_MS = 1000, PATIENCE_MS = 60000 };
#define GET_PATH "/ordershop.v1.CustomerService/GetCustomer"

/* A client of its own connection, for one server. */
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

static struct status get(struct client *client, const char *id) {
  struct context context = {.arena = client->arena, .deadline_us = clock_monotonic_us() + PATIENCE_MS * US_PER_MS};
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return rpc_blocking_call(client->channel, &context, &ordershop__v1__customer_service__descriptor, "GetCustomer",
                           &request)
      .status;
}

/* A call in flight: GetCustomer with id wait. */
static struct echo_call *wait_begin(struct echo_server *server) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)"wait";
  struct echo_call *call = echo_call_open(server->port, GET_PATH, PATIENCE_MS, NULL, NULL);
  echo_call_send(call, &request);
  echo_call_send_end(call);
  return call;
}

static int wait_end(struct echo_call *call) {
  struct arena *arena = arena_new();
  ProtobufCMessage *message;
  echo_call_receive(call, PATIENCE_MS, arena, &ordershop__v1__customer__descriptor, &message);
  int code = echo_call_finish(call);
  echo_call_free(call);
  arena_free(arena);
  return code;
}

static bool reaches(atomic_int *counter, int value) {
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  while (atomic_load(counter) < value && clock_monotonic_us() < until) continue;
  return atomic_load(counter) >= value;
}

static bool drains_by(struct echo_server *server, int64_t until_us) {
  while (!echo_server_is_drained(server) && clock_monotonic_us() < until_us) continue;
  return echo_server_is_drained(server);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void test_port_taken(void) {
  struct echo_server *first = echo_server_start(NULL, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  char listen[32];
  snprintf(listen, sizeof(listen), "127.0.0.1:%d", first->port);
  struct status status;
  CU_ASSERT_PTR_NULL(echo_server_start(&(struct rpc_server_options){.listen = listen}, &status));
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, listen));
  struct client client = client_open(first->port);
  CU_ASSERT_EQUAL(get(&client, "it").code, STATUS_OK);
  client_close(&client);
  echo_server_stop(first);
}

static void test_address(void) {
  static const char *const addresses[] = {"",        "localhost",       "127.0.0.1:",   ":50051",
                                          "[::1]:x", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:123456"};
  for (size_t i = 0; i < SUITE_SIZE(addresses); i++) {
    struct status status;
    CU_ASSERT_PTR_NULL(echo_server_start(&(struct rpc_server_options){.listen = addresses[i]}, &status));
    CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  }
}

static void test_brand(void) {
  struct arena *own = arena_new();
  struct rpc_server *server;
  struct status status =
      rpc_server_open(NULL, own, &(struct rpc_server_options){.listen = "127.0.0.1:0"}, NULL, 0, &server);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(status.message, "rpc_server_options.brand is missing.");
  arena_free(own);
}

static struct status no_handler(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)call, (void)request, (void)ret_reply;
  return status_ok();
}

/* Opens a server whose table lacks or breaks something; it must refuse before it needs a loop. */
static struct status open_with(const struct rpc_method *methods, size_t count) {
  static struct arena *arena;
  if (!arena) arena = arena_new();
  struct rpc_service service = {.descriptor = &ordershop__v1__customer_service__descriptor,
                                .methods = {methods, count}};
  struct rpc_server *server;
  struct rpc_server_options options = {.brand = &shop_brand, .listen = "127.0.0.1:0"};
  struct status status = rpc_server_open(NULL, arena, &options, &service, 1, &server);
  struct status kept = {.code = status.code, .message = status.code ? strdup(status.message) : NULL};
  arena_free(arena);
  arena = NULL;
  return kept;
}

static void check_table_fault(const struct rpc_method *methods, size_t count, const char *name) {
  struct status status = open_with(methods, count);
  CU_ASSERT_EQUAL_FATAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, name));
  free((char *)status.message);
}

static void test_table(void) {
  struct rpc_method method = {.name = "GetCustomer", .handler = no_handler};
  check_table_fault(&method, 1, "is missing");
  struct rpc_method twice[7];
  for (size_t i = 0; i < SUITE_SIZE(twice); i++) twice[i] = method;
  check_table_fault(twice, 2, "is missing");
  method.handler = NULL;
  check_table_fault(&method, 1, "needs either");
  method.handler = no_handler;
  method.name = "Marry";
  check_table_fault(&method, 1, "Marry is no method");
}

/* ---- load ------------------------------------------------------------------------------------------------------- */

static void test_overload(void) {
  struct echo_server *server = echo_server_start(&(struct rpc_server_options){.max_calls = 3}, NULL);
  struct echo_call *calls[3];
  for (int i = 0; i < 3; i++) calls[i] = wait_begin(server);
  CU_ASSERT(reaches(&server->started, 3));
  struct client client = client_open(server->port);
  struct status status = get(&client, "one more");
  CU_ASSERT_EQUAL(status.code, STATUS_RESOURCE_EXHAUSTED);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "OVERLOADED");
  CU_ASSERT(status.details && status.details->retry_delay_ms > 0);
  echo_server_open_gate(server);
  for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(wait_end(calls[i]), STATUS_OK);
  CU_ASSERT_EQUAL(get(&client, "now").code, STATUS_OK);
  client_close(&client);
  echo_server_stop(server);
}

static struct status refuse(struct rpc_call *call, void *argument) {
  return status_error(call->context.arena, STATUS_PERMISSION_DENIED, "REFUSED", "%s", (const char *)argument);
}

static void test_before(void) {
  struct rpc_server_options options = {.before = refuse, .argument = (void *)"not today"};
  struct echo_server *server = echo_server_start(&options, NULL);
  struct client client = client_open(server->port);
  struct status status = get(&client, "it");
  CU_ASSERT_EQUAL(status.code, STATUS_PERMISSION_DENIED);
  CU_ASSERT_STRING_EQUAL(status.message, "not today");
  client_close(&client);
  echo_server_stop(server);
}

/* How often it was asked; it wants another run, or says no. */
struct retries {
  int asked;
  bool again;
};

static struct status ask_for_another_run(struct rpc_call *call, struct status refusal, void *argument,
                                         bool *ret_again) {
  struct retries *retries = argument;
  retries->asked++;
  *ret_again = retries->again;
  if (retries->again) return refusal;
  return status_error(call->context.arena, STATUS_ABORTED, "STILL_NO", "after %s", status_reason(refusal));
}

static void test_retry(void) {
  struct retries retries = {.again = true};
  struct rpc_server_options options = {.retry = ask_for_another_run, .argument = &retries};
  struct echo_server *server = echo_server_start(&options, NULL);
  struct client client = client_open(server->port);
  CU_ASSERT_EQUAL(get(&client, "it").code, STATUS_OK);
  CU_ASSERT_EQUAL(retries.asked, 0);
  CU_ASSERT_STRING_EQUAL(status_reason(get(&client, "fail")), "CUSTOMER_NOT_FOUND");
  CU_ASSERT_EQUAL(retries.asked, 1);
  retries.again = false;
  struct status status = get(&client, "fail");
  CU_ASSERT_STRING_EQUAL(status_reason(status), "STILL_NO");
  CU_ASSERT_EQUAL(retries.asked, 2);
  client_close(&client);
  echo_server_stop(server);
}

/* ---- strangers -------------------------------------------------------------------------------------------------- */

static struct sockaddr_in address_of(const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, host, &address.sin_addr);
  return address;
}

static int connect_from(const char *host, int port) {
  const struct sockaddr_in own = address_of(host, 0), server = address_of("127.0.0.1", port);
  int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(socket_fd, (const struct sockaddr *)&own, sizeof(own)), 0);
  CU_ASSERT_EQUAL_FATAL(connect(socket_fd, (const struct sockaddr *)&server, sizeof(server)), 0);
  return socket_fd;
}

static int connect_to(int port) {
  return connect_from("127.0.0.1", port);
}

static void test_garbage(void) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  char garbage[4096];
  memset(garbage, 0xA5, sizeof(garbage));
  int sockets[20];
  for (size_t i = 0; i < SUITE_SIZE(sockets); i++) {
    sockets[i] = connect_to(server->port);
    const char *text = i % 2 ? "GET / HTTP/1.1\r\n\r\n" : garbage;
    size_t size = i % 2 ? strlen(text) : sizeof(garbage);
    CU_ASSERT(i % 4 == 3 || send(sockets[i], text, size, MSG_NOSIGNAL) > 0); /* every fourth says nothing */
  }
  struct client client = client_open(server->port);
  CU_ASSERT_EQUAL(get(&client, "it").code, STATUS_OK);
  client_close(&client);
  for (size_t i = 0; i < SUITE_SIZE(sockets); i++) close(sockets[i]);
  echo_server_stop(server);
}

static void test_large_metadata(void) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  char *value = malloc(40001);
  memset(value, 'v', 40000);
  value[40000] = '\0';
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  struct echo_call *call = echo_call_open(server->port, GET_PATH, PATIENCE_MS, "x-ask", value);
  echo_call_send(call, &request);
  CU_ASSERT_EQUAL(wait_end(call), STATUS_RESOURCE_EXHAUSTED);
  free(value);
  echo_server_stop(server);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

/* The server greets a connection that it takes with its settings; one that it refuses is reset. */
static bool is_taken(int connection) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
  char byte;
  send(connection, preface, sizeof(preface) - 1, MSG_NOSIGNAL);
  return recv(connection, &byte, 1, 0) == 1;
}

/* Another connection becomes possible. */
static bool is_taken_soon(int port) {
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  bool taken = false;
  while (!taken && clock_monotonic_us() < until) {
    int connection = connect_to(port);
    taken = is_taken(connection);
    close(connection);
  }
  return taken;
}

static void test_connections(void) {
  const struct rpc_server_options options = {.connections = 4, .connections_per_address = 4};
  struct echo_server *server = echo_server_start(&options, NULL);
  int connections[6];
  for (int i = 0; i < 6; i++) {
    connections[i] = connect_to(server->port);
    CU_ASSERT_EQUAL(is_taken(connections[i]), i < 4);
  }
  close(connections[1]);
  CU_ASSERT(is_taken_soon(server->port));
  for (int i = 0; i < 6; i++) {
    if (i != 1) close(connections[i]);
  }
  echo_server_stop(server);
}

static void test_connections_per_address(void) {
  const struct rpc_server_options options = {.connections = 6, .connections_per_address = 3};
  struct echo_server *server = echo_server_start(&options, NULL);
  int connections[5];
  for (int i = 0; i < 5; i++) {
    connections[i] = connect_from("127.0.0.2", server->port);
    CU_ASSERT_EQUAL(is_taken(connections[i]), i < 3);
  }
  struct client other = client_open(server->port);
  CU_ASSERT_EQUAL(get(&other, "it").code, STATUS_OK);
  client_close(&other);
  for (int i = 0; i < 5; i++) close(connections[i]);
  echo_server_stop(server);
}

static bool comes_to_refuse(struct echo_server *server, bool wanted) {
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  while (echo_server_refuses(server) != wanted && clock_monotonic_us() < until) usleep(US_PER_MS);
  return echo_server_refuses(server) == wanted;
}

/* The client has its socket before: only the server's end lacks a descriptor. */
static void test_no_descriptors(void) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  CU_ASSERT(is_taken_soon(server->port)); /* what gRPC opens at the first connection is open now */
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  const struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max}; /* poll takes so many, too */
  const struct sockaddr_in address = address_of("127.0.0.1", server->port);
  int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setrlimit(RLIMIT_NOFILE, &none);
  CU_ASSERT_EQUAL(connect(waiting, (const struct sockaddr *)&address, sizeof(address)), 0);
  CU_ASSERT(comes_to_refuse(server, true));
  setrlimit(RLIMIT_NOFILE, &limit);
  CU_ASSERT(is_taken(waiting));
  CU_ASSERT(comes_to_refuse(server, false));
  close(waiting);
  echo_server_stop(server);
}

static bool is_served(const char *listen, const char *host) {
  struct echo_server *server = echo_server_start(&(struct rpc_server_options){.listen = listen}, NULL);
  if (!server) return false;
  struct arena *arena = arena_new();
  struct client client = {.arena = arena};
  const char *target = arena_printf(arena, "%s:%d", host, server->port);
  CU_ASSERT_FATAL(status_is_ok(
      rpc_blocking_channel_open(arena, target, &(struct rpc_channel_options){.brand = &shop_brand}, &client.channel)));
  bool served = status_is_ok(get(&client, "it"));
  client_close(&client);
  echo_server_stop(server);
  return served;
}

static bool has_ipv6(void) {
  const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int socket_fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool has = socket_fd >= 0 && bind(socket_fd, (const struct sockaddr *)&loopback, sizeof(loopback)) == 0;
  if (socket_fd >= 0) close(socket_fd);
  return has;
}

static void test_listen_addresses(void) {
  CU_ASSERT(is_served("127.0.0.1:0", "127.0.0.1"));
  CU_ASSERT(is_served("localhost:0", "127.0.0.1"));
  CU_ASSERT(is_served("0.0.0.0:0", "127.0.0.1"));
  CU_ASSERT(is_served("[::]:0", "127.0.0.1"));
  CU_ASSERT(!has_ipv6() || is_served("[::1]:0", "[::1]"));
  CU_ASSERT(!has_ipv6() || is_served("[::]:0", "[::1]"));
  CU_ASSERT(!has_ipv6() || is_served("0.0.0.0:0", "[::1]"));
  struct status status;
  CU_ASSERT_PTR_NULL(echo_server_start(&(struct rpc_server_options){.listen = "192.0.2.1:0"}, &status));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "192.0.2.1:0: the address is none of this machine's"));
  CU_ASSERT_PTR_NULL(echo_server_start(&(struct rpc_server_options){.listen = "no.such.invalid:0"}, &status));
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
}

/* ---- drain ------------------------------------------------------------------------------------------------------ */

static void test_drain_finishes(void) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct echo_call *call = wait_begin(server);
  CU_ASSERT(reaches(&server->started, 1));
  echo_server_drain(server, PATIENCE_MS);
  struct client late = client_open(server->port);
  struct status status;
  int64_t until = patience_end_us(); /* the drain begins in the background */
  do {
    status = get(&late, "late");
  } while (status_is_ok(status) && clock_monotonic_us() < until);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  client_close(&late);
  CU_ASSERT(!echo_server_is_drained(server));
  echo_server_open_gate(server);
  CU_ASSERT_EQUAL(wait_end(call), STATUS_OK);
  CU_ASSERT(drains_by(server, patience_end_us()));
  echo_server_stop(server);
}

static void test_drain_grace(void) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct echo_call *call = wait_begin(server);
  CU_ASSERT(reaches(&server->started, 1));
  int64_t begin_us = clock_monotonic_us();
  echo_server_drain(server, 300);
  CU_ASSERT(drains_by(server, patience_end_us()));
  CU_ASSERT(clock_monotonic_us() - begin_us >= 300 * US_PER_MS);
  CU_ASSERT_EQUAL(atomic_load(&server->cancelled), 1);
  CU_ASSERT_NOT_EQUAL(wait_end(call), STATUS_OK);
  echo_server_stop(server);
}

static void test_drain_idle(void) {
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct client client = client_open(server->port);
  CU_ASSERT_EQUAL(get(&client, "connected").code, STATUS_OK);
  int64_t begin_us = clock_monotonic_us();
  echo_server_drain(server, PATIENCE_MS);
  CU_ASSERT(drains_by(server, begin_us + at_once_us()));
  client_close(&client);
  echo_server_stop(server);
}

static const struct test tests[] = {
    {"a port that is taken is UNAVAILABLE, and who has it goes on", test_port_taken},
    {"an address that is none is INVALID_ARGUMENT", test_address},
    {"a server without a brand is refused", test_brand},
    {"a method table that does not fit its descriptor is refused", test_table},
    {"a call beyond max_calls is RESOURCE_EXHAUSTED with a time to retry", test_overload},
    {"what runs before each handler can refuse the call", test_before},
    {"what is asked after a refusal can have the handler run once more, or refuse otherwise", test_retry},
    {"garbage, HTTP/1 and silence on the port leave the server serving", test_garbage},
    {"metadata above the limit is refused", test_large_metadata},
    {"connections beyond the bound are refused, and taken again when others have ended", test_connections},
    {"one address' connections are bounded, and those of others are taken", test_connections_per_address},
    {"a server without descriptors says so, and takes who waits when there are some", test_no_descriptors},
    {"it listens on IPv4, IPv6, names and all addresses, and says what is none of the machine's",
     test_listen_addresses},
    {"a drain lets calls in flight finish and refuses new ones", test_drain_finishes},
    {"a drain cancels what is left after its grace", test_drain_grace},
    {"a drain with idle connections ends at once", test_drain_idle},
};

int main(int argc, char **argv) {
  return suite_main("rpc server", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
