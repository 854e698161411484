/* SPDX-License-Identifier: Apache-2.0 */
/* A method handler that blocks: who it was is told once in the log, and the service is not ready for a while. */
#include <fcntl.h>
#include <grpc/health/v1/health.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/status.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <descriptor_set.h>

#include "await_serving.h"
#include "base/clock.h"
#include "base/message.h"
#include "private_redis.h"
#include "rpc/rpc_blocking_client.h"
#include "service/entity_command.h"
#include "shop_brand.h"
#include "suite.h"

enum { BLOCK_US = 2 * 1000 * 1000, METHODS = 16, WAIT_US = 60 * 1000 * 1000 };

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

/* ---- the service: GetCustomer blocks ---------------------------------------------------------------------------- */

static struct status block(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request;
  usleep(BLOCK_US);
  *ret_reply = message_new(call->context.arena, call->signature->output);
  return status_ok();
}

static const struct entity_type customer_type = {.name = "customer",
                                                 .descriptor = &ordershop__v1__customer__descriptor};
static const struct resource customers = {.type = &customer_type};

static int serve(int port, const char *redis_url) {
  static struct rpc_method methods[METHODS];
  const ProtobufCServiceDescriptor *descriptor = &ordershop__v1__customer_service__descriptor;
  for (unsigned i = 0; i < descriptor->n_methods; i++) {
    methods[i] = (struct rpc_method){.name = descriptor->methods[i].name, .handler = block, .resource = &customers};
  }
  const struct service_definition definition = {
      .brand = &shop_brand,
      .name = "blocker",
      .purpose = "blocks",
      .port = 50058,
      .services = {{.descriptor = descriptor, .methods = {methods, descriptor->n_methods}}},
      .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size}};
  char name[] = "ordershop-blocker", listen[64], url[128];
  snprintf(listen, sizeof listen, "--listen=127.0.0.1:%d", port);
  snprintf(url, sizeof url, "--redis-url=%s", redis_url);
  char *argv[] = {name, listen, url, NULL};
  return service_main(&definition, 3, argv);
}

/* ---- the test's side -------------------------------------------------------------------------------------------- */

static struct private_redis *redis;
static struct arena *arena;
static struct rpc_blocking_channel *channel;
static pid_t process;
static char log_path[256];

static struct rpc_reply call_service(const ProtobufCServiceDescriptor *service, const char *method,
                                     const void *request) {
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + WAIT_US};
  return rpc_blocking_call(channel, &context, service, method, request);
}

static struct status get_customer(void) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  return call_service(&ordershop__v1__customer_service__descriptor, "GetCustomer", &request).status;
}

static const char *reason(void) {
  Ordershop__V1__GetServiceStatusRequest request = ORDERSHOP__V1__GET_SERVICE_STATUS_REQUEST__INIT;
  struct rpc_reply reply = call_service(&ordershop__v1__status_service__descriptor, "GetServiceStatus", &request);
  return status_is_ok(reply.status) ? ((const Ordershop__V1__ServiceStatus *)reply.message)->reason : "";
}

/* How many lines of the service's log hold both. */
static int lines_with(const char *one, const char *other) {
  char line[4096];
  int count = 0;
  FILE *log = fopen(log_path, "r");
  while (log && fgets(line, sizeof line, log)) count += strstr(line, one) && strstr(line, other);
  if (log) fclose(log);
  return count;
}

static void test_stall(void) {
  CU_ASSERT_TRUE_FATAL(await_serving(channel));
  CU_ASSERT_TRUE(status_is_ok(get_customer()));
  CU_ASSERT_EQUAL(health_of(channel), NOT_SERVING);
  const char *why = reason();
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "everything stood still for "));
  CU_ASSERT_PTR_NOT_NULL(strstr(why, " s in method GetCustomer"));
  CU_ASSERT_TRUE(await_serving(channel));
  CU_ASSERT_STRING_EQUAL(reason(), "");
  CU_ASSERT_EQUAL(lines_with("everything stands still", "at=\"method GetCustomer\""), 1);
  CU_ASSERT_EQUAL(lines_with("everything goes on", "at=\"method GetCustomer\""), 1);
  CU_ASSERT_EQUAL(lines_with("not serving", "method GetCustomer"), 1);
}

/* What is only slow, or stopped from outside, is no stall. */
static void test_stopped(void) {
  CU_ASSERT_TRUE_FATAL(await_serving(channel));
  int before = lines_with("everything stands still", "");
  kill(process, SIGSTOP);
  usleep(BLOCK_US);
  kill(process, SIGCONT);
  CU_ASSERT_EQUAL(health_of(channel), SERVING);
  CU_ASSERT_EQUAL(lines_with("everything stands still", ""), before);
}

static int set_up(void) {
  redis = private_redis_start(NULL);
  arena = arena_new();
  int port = private_redis_free_ports(1);
  const char *folder = getenv("TMPDIR");
  snprintf(log_path, sizeof log_path, "%s/service_stall.%d.log", folder ? folder : "/tmp", (int)getpid());
  pid_t parent = getpid();
  process = fork();
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    dup2(open(log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    _exit(serve(port, private_redis_url(redis)));
  }
  static const struct rpc_channel_options options = {.brand = &shop_brand, .peer = "blocker", .wait_for_ready = true};
  const char *target = arena_printf(arena, "dns:///127.0.0.1:%d", port);
  return status_is_ok(rpc_blocking_channel_open(arena, target, &options, &channel)) ? 0 : 1;
}

static int tear_down(void) {
  rpc_blocking_channel_close(channel);
  kill(process, SIGTERM);
  waitpid(process, NULL, 0);
  unlink(log_path);
  private_redis_free(redis);
  arena_free(arena);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a method that blocks is named once, and the service is not ready for as long again", test_stall},
      {"a process that is stopped from outside does not stand still", test_stopped},
  };
  return suite_main("service, stall", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
