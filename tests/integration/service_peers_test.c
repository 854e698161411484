/* SPDX-License-Identifier: Apache-2.0 */
/* A service that calls a peer of another brand: what travels with the call has the names that the peer knows. */
#include <ordershop/v1/customer.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <descriptor_set.h>

#include "await_serving.h"
#include "base/clock.h"
#include "echo_server.h"
#include "private_redis.h"
#include "rpc/rpc_blocking_client.h"
#include "service/entity_command.h"
#include "shop_brand.h"
#include "suite.h"

static const char POSITION[] = "epoch/1548699678802-91";

enum { METHODS = 16, WAIT_US = 60 * 1000 * 1000 };

static const struct brand notebook = {.name = "notebook",
                                      .environment_prefix = "NOTEBOOK_",
                                      .error_domain = "notebook",
                                      .after_metadata = "notebook-after",
                                      .position_metadata = "notebook-position",
                                      .clock_key = "notebook_clock",
                                      .identity_prefix = "spiffe://notebook/"};

/* ---- the service: its methods ask the customer service for what came along with the call -------------------
 */

enum { GET_CUSTOMER, CALLS };

static const struct peer_method calls[CALLS] = {[GET_CUSTOMER] = {.peer = "customer", .name = "GetCustomer"}};

static struct status ask_the_peer(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request;
  Ordershop__V1__GetCustomerRequest get = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  get.id = "context";
  struct context context = call->context;
  context.after = POSITION;
  struct rpc_reply reply = service_call(service_of(call), GET_CUSTOMER, &context, &get);
  *ret_reply = reply.message;
  return reply.status;
}

static const struct entity_type customer_type = {.name = "customer",
                                                 .descriptor = &ordershop__v1__customer__descriptor};
static const struct resource customers = {.type = &customer_type};

static int serve(int port, int peer_port, const char *redis_url) {
  static struct rpc_method methods[METHODS];
  const ProtobufCServiceDescriptor *descriptor = &ordershop__v1__customer_service__descriptor;
  for (unsigned i = 0; i < descriptor->n_methods; i++) {
    methods[i] =
        (struct rpc_method){.name = descriptor->methods[i].name, .handler = ask_the_peer, .resource = &customers};
  }
  const struct service_definition definition = {
      .brand = &notebook,
      .name = "asker",
      .purpose = "asks",
      .port = 50058,
      .services = {{.descriptor = descriptor, .methods = {methods, descriptor->n_methods}}},
      .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
      .peers = {{.name = "customer", .port = 50051, .service = descriptor, .brand = &shop_brand}},
      .calls = ROWS(calls)};
  char name[] = "notebook-asker", listen[64], url[128], peer[64];
  snprintf(listen, sizeof listen, "--listen=127.0.0.1:%d", port);
  snprintf(url, sizeof url, "--redis-url=%s", redis_url);
  snprintf(peer, sizeof peer, "--customer-address=dns:///127.0.0.1:%d", peer_port);
  char *argv[] = {name, listen, url, peer, NULL};
  return service_main(&definition, 4, argv);
}

/* ---- the test's side -------------------------------------------------------------------------------------------- */

static struct private_redis *redis;
static struct arena *arena;
static struct rpc_blocking_channel *channel;
static struct echo_server *peer;
static pid_t process;

static void test_peer_of_another_brand(void) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + WAIT_US};
  struct rpc_reply reply =
      rpc_blocking_call(channel, &context, &ordershop__v1__customer_service__descriptor, "GetCustomer", &request);
  CU_ASSERT_EQUAL_FATAL(reply.status.code, STATUS_OK);
  CU_ASSERT_STRING_EQUAL(((const Ordershop__V1__Customer *)reply.message)->name, POSITION);
}

static int set_up(void) {
  redis = private_redis_start(NULL);
  arena = arena_new();
  int port = private_redis_free_ports(2);
  pid_t parent = getpid();
  process = fork(); /* before this process has threads */
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    _exit(serve(port, port + 1, private_redis_url(redis)));
  }
  const char *listen = arena_printf(arena, "127.0.0.1:%d", port + 1);
  peer = echo_server_start(&(struct rpc_server_options){.listen = listen}, NULL);
  static const struct rpc_channel_options options = {.brand = &notebook, .peer = "asker", .wait_for_ready = true};
  const char *target = arena_printf(arena, "dns:///127.0.0.1:%d", port);
  bool opened = status_is_ok(rpc_blocking_channel_open(arena, target, &options, &channel));
  return peer && opened && await_serving(channel) ? 0 : 1;
}

static int tear_down(void) {
  rpc_blocking_channel_close(channel);
  kill(process, SIGTERM);
  waitpid(process, NULL, 0);
  echo_server_stop(peer);
  private_redis_free(redis);
  arena_free(arena);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a position reaches a peer of another brand under the key that the peer knows", test_peer_of_another_brand},
  };
  return suite_main("service, peers", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
