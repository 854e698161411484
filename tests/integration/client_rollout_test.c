/* SPDX-License-Identifier: Apache-2.0 */
/* The client library while servers behind one name come and go, as in a rollout: no call fails. The servers are at two
 * addresses of loopback and one port, as pods are; a name server tells which there are. */
#include <ordershop/v1/customer.pb-c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/ordershop_client.h"
#include "echo_server.h"
#include "name_server.h"
#include "patience.h"
#include "private_redis.h"
#include "private_shop.h"
#include "suite.h"

enum { CALLERS = 4, POLL_US = 5000, AGE_MS = 200, DRAIN_MS = 5000 };

static const char *const first_only[] = {"127.0.0.1", NULL};
static const char *const second_only[] = {"127.0.0.2", NULL};
static const char *const both[] = {"127.0.0.1", "127.0.0.2", NULL};

static struct name_server *names;
static struct ordershop_client *client;
static struct arena *arena;
static pthread_t callers[CALLERS];
static atomic_bool ends;
static atomic_int calls, failures;
static int port;

/* ---- servers ---------------------------------------------------------------------------------------------------- */

static struct echo_server *start_at(const char *host) {
  const struct rpc_server_options options = {.listen = arena_printf(arena, "%s:%d", host, port),
                                             .connection_ms = AGE_MS};
  struct status status = status_ok();
  struct echo_server *server = echo_server_start(&options, &status);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  return server;
}

/* How many connections there are to a server at 127.0.0.<host>: lines with it as the remote end. gRPC's sockets are
 * IPv6 ones, with mapped addresses. */
static int connections_to(int host) {
  char wanted[32];
  snprintf(wanted, sizeof(wanted), "%02X00007F:%04X 01 ", (unsigned)host, (unsigned)port);
  FILE *table = fopen("/proc/net/tcp6", "re");
  char line[256];
  int count = 0;
  while (fgets(line, sizeof(line), table)) count += strstr(line, wanted) != NULL;
  fclose(table);
  return count;
}

static bool becomes_connected_to(int host) {
  int64_t deadline_us = patience_end_us();
  while (connections_to(host) == 0) {
    if (clock_monotonic_us() > deadline_us) return false;
    usleep(POLL_US);
  }
  return true;
}

/* ---- callers ---------------------------------------------------------------------------------------------------- */

static void *keep_calling(void *argument) {
  (void)argument;
  struct arena *own = arena_new();
  while (!atomic_load(&ends)) {
    arena_reset(own);
    struct context context = {.arena = own};
    Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
    request.id = (char *)"it";
    struct ordershop_answer answer = ordershop_call(client, &context, ORDERSHOP_CUSTOMER, "GetCustomer", &request);
    atomic_fetch_add(&calls, 1);
    if (status_is_ok(answer.status)) continue;
    if (atomic_fetch_add(&failures, 1) == 0) fprintf(stderr, "the first failure: %s\n", answer.status.message);
  }
  arena_free(own);
  return NULL;
}

/* Some more calls are made from now on. */
static bool calls_go_on(void) {
  int64_t deadline_us = patience_end_us();
  int wanted = atomic_load(&calls) + 10 * CALLERS;
  while (atomic_load(&calls) < wanted) {
    if (clock_monotonic_us() > deadline_us) return false;
    usleep(POLL_US);
  }
  return true;
}

static void begin(const char *const *addresses) {
  arena = arena_new();
  port = private_redis_free_ports(1);
  names = name_server_start(addresses);
  struct ordershop_client_options options = {.attempts = 0};
  options.addresses[ORDERSHOP_CUSTOMER] =
      arena_printf(arena, "dns://127.0.0.1:%d/customer.test:%d", name_server_port(names), port);
  CU_ASSERT_FATAL(status_is_ok(ordershop_client_open(arena, &options, &client)));
  atomic_store(&ends, false);
  atomic_store(&calls, 0);
  atomic_store(&failures, 0);
}

static void begin_calls(void) {
  for (int i = 0; i < CALLERS; i++) pthread_create(&callers[i], NULL, keep_calling, NULL);
  CU_ASSERT_TRUE(calls_go_on());
}

static void end(void) {
  atomic_store(&ends, true);
  for (int i = 0; i < CALLERS; i++) pthread_join(callers[i], NULL);
  CU_ASSERT_EQUAL(atomic_load(&failures), 0);
  ordershop_client_close(client);
  name_server_stop(names);
  arena_free(arena);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void a_server_that_is_new_is_found_when_connections_come_of_age(void) {
  begin(first_only);
  struct echo_server *first = start_at("127.0.0.1");
  begin_calls();
  struct echo_server *second = start_at("127.0.0.2");
  name_server_set(names, both);
  CU_ASSERT_TRUE(becomes_connected_to(2));
  CU_ASSERT_TRUE(calls_go_on());
  end();
  echo_server_stop(first);
  echo_server_stop(second);
}

/* As Kubernetes does with a pod: the new one is ready and joins the name, the old one leaves it, then comes SIGTERM. */
static void replace(struct echo_server *old, const char *const *meanwhile, int host, const char *const *afterwards) {
  name_server_set(names, meanwhile);
  CU_ASSERT_TRUE(becomes_connected_to(host));
  name_server_set(names, afterwards);
  echo_server_drain(old, DRAIN_MS);
  echo_server_stop(old);
  CU_ASSERT_TRUE(calls_go_on());
}

static void servers_are_replaced_one_by_one_and_no_call_fails(void) {
  begin(first_only);
  struct echo_server *first = start_at("127.0.0.1");
  begin_calls();
  for (int round = 0; round < 3; round++) {
    struct echo_server *second = start_at("127.0.0.2");
    replace(first, both, 2, second_only);
    first = start_at("127.0.0.1");
    replace(second, both, 1, first_only);
  }
  end();
  echo_server_stop(first);
}

static void a_server_that_is_gone_for_a_moment_costs_no_call(void) {
  begin(first_only);
  struct echo_server *first = start_at("127.0.0.1");
  begin_calls();
  echo_server_stop(first);
  struct echo_server *second = start_at("127.0.0.2"); /* the name tells of it only later */
  usleep(300 * 1000);
  name_server_set(names, second_only);
  CU_ASSERT_TRUE(becomes_connected_to(2));
  CU_ASSERT_TRUE(calls_go_on());
  end();
  echo_server_stop(second);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a server that is new is found when connections come of age",
       a_server_that_is_new_is_found_when_connections_come_of_age},
      {"servers are replaced one by one, and no call fails", servers_are_replaced_one_by_one_and_no_call_fails},
      {"a server that is gone for a moment costs no call", a_server_that_is_gone_for_a_moment_costs_no_call},
  };
  return suite_main("client rollout", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
