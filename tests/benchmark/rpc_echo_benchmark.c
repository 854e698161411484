/* SPDX-License-Identifier: Apache-2.0 */
/* What a unary call costs without any work behind it: an echo server in a process of its own, and the client on the
 * loop.
 *
 *   rpc_echo_benchmark [calls in flight, 64] [connections, 4] [seconds, 5]
 *   rpc_echo_benchmark serve ADDRESS     only the server, with health and reflection, until it is killed
 *
 * Prints calls per second, CPU microseconds a call of server and client, latencies, and the server's memory. */
#include <descriptor_set.h>
#include <ordershop/v1/customer.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "rpc/health.h"
#include "rpc/reflection.h"
#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"
#include "shop_brand.h"

enum { CONNECTIONS_MAX = 64, US_PER_SECOND = 1000000, LATENCY_STEPS = 20000, STEP_US = 10, WARM_UP_US = 500000 };

/* ---- server ----------------------------------------------------------------------------------------------------- */

static struct status echo(struct rpc_call *call, const void *request, const void **ret_reply) {
  const Ordershop__V1__CreateCustomerRequest *asked = request;
  (void)call;
  *ret_reply = asked->customer;
  if (asked->customer) return status_ok();
  return status_error(call->context.arena, STATUS_INVALID_ARGUMENT, "EMPTY", "a customer is needed");
}

static struct status refuse(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request, (void)ret_reply;
  return status_error(call->context.arena, STATUS_UNIMPLEMENTED, "NOT_HERE", "only CreateCustomer");
}

static struct rpc_method *methods_of(struct arena *arena, const ProtobufCServiceDescriptor *descriptor) {
  struct rpc_method *methods = arena_calloc(arena, descriptor->n_methods, sizeof(methods[0]));
  for (unsigned i = 0; i < descriptor->n_methods; i++) {
    const char *name = descriptor->methods[i].name;
    methods[i] = (struct rpc_method){.name = name, .handler = strcmp(name, "CreateCustomer") == 0 ? echo : refuse};
  }
  return methods;
}

static void serve(const char *address, int port_pipe) {
  static const char *const names[] = {"ordershop.v1.CustomerService", "grpc.health.v1.Health",
                                      "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
                                      NULL};
  struct arena *arena = arena_new();
  struct loop *loop = loop_new(NULL);
  struct health *health = health_new(arena, names);
  struct reflection *reflection;
  struct rpc_service services[4] = {{.descriptor = &ordershop__v1__customer_service__descriptor},
                                    health_service(health)};
  services[0].methods.rows = methods_of(arena, services[0].descriptor);
  services[0].methods.count = services[0].descriptor->n_methods;
  const struct descriptor_set set = {ordershop_descriptor_set, &ordershop_descriptor_set_size};
  struct status status = reflection_new(arena, &set, 1, names, &reflection);
  if (status_is_ok(status)) reflection_services(reflection, services + 2);
  struct rpc_server_options options = {.brand = &shop_brand, .listen = address};
  struct rpc_server *server = NULL;
  if (status_is_ok(status)) status = rpc_server_open(loop, arena, &options, services, 4, &server);
  if (!status_is_ok(status)) {
    fprintf(stderr, "%s\n", status.message);
    exit(1);
  }
  int port = rpc_server_port(server);
  if (port_pipe >= 0 && write(port_pipe, &port, sizeof(port)) != sizeof(port)) exit(1);
  health_set_ready(health, true);
  rpc_server_start(server);
  loop_run(loop);
}

static pid_t start_server(int *ret_port) {
  int ports[2];
  if (pipe(ports) != 0) exit(1);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve("127.0.0.1:0", ports[1]);
  }
  if (read(ports[0], ret_port, sizeof(*ret_port)) != sizeof(*ret_port)) exit(1);
  return child;
}

/* ---- client ----------------------------------------------------------------------------------------------------- */

struct bench {
  int in_flight, connections, port;
  pid_t server;
  struct rpc_channel *channels[CONNECTIONS_MAX];
  int64_t begin_us, end_us; /* calls that begin in between count */
  long calls, failed;
  long latencies[LATENCY_STEPS];
};

struct worker {
  struct bench *bench;
  struct rpc_channel *channel;
};

static void call_once(struct bench *bench, struct rpc_channel *channel) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + 5 * US_PER_SECOND};
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  customer.name = (char *)"Ada Lovelace";
  customer.email = (char *)"ada@example.org";
  request.customer = &customer;
  request.request_id = (char *)"6f1c0a52-7c1b-4a6e-9d0f-0d8f3c1b2a11";
  int64_t begin_us = clock_monotonic_us();
  struct rpc_reply reply =
      rpc_client_call(channel, &context, &ordershop__v1__customer_service__descriptor, "CreateCustomer", &request);
  int64_t took_us = clock_monotonic_us() - begin_us;
  if (begin_us >= bench->begin_us && begin_us < bench->end_us) {
    int64_t step = took_us / STEP_US;
    bench->calls++;
    bench->failed += reply.status.code != STATUS_OK;
    bench->latencies[step < LATENCY_STEPS ? step : LATENCY_STEPS - 1]++;
  }
  arena_free(context.arena);
}

static void work(void *item) {
  struct worker *worker = item;
  while (clock_monotonic_us() < worker->bench->end_us) call_once(worker->bench, worker->channel);
}

static double latency_ms(const struct bench *bench, double share) {
  long wanted = (long)((double)bench->calls * share), seen = 0;
  for (int i = 0; i < LATENCY_STEPS; i++) {
    seen += bench->latencies[i];
    if (seen > wanted) return i * STEP_US / 1000.0;
  }
  return LATENCY_STEPS * STEP_US / 1000.0;
}

/* CPU time of a process in microseconds, and its resident memory in KiB. */
static void read_process(pid_t pid, double *ret_cpu_us, long *ret_kib) {
  char path[64], text[1024] = "";
  unsigned long user = 0, system = 0;
  long pages = 0;
  snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return;
  size_t size = fread(text, 1, sizeof(text) - 1, file);
  fclose(file);
  text[size] = '\0';
  const char *rest = strrchr(text, ')');
  if (!rest ||
      sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
             &user, &system, &pages) != 3) {
    return;
  }
  *ret_cpu_us = (double)(user + system) * (double)US_PER_SECOND / (double)sysconf(_SC_CLK_TCK);
  *ret_kib = pages * sysconf(_SC_PAGESIZE) / 1024;
}

static void measure(void *argument) {
  struct bench *bench = argument;
  struct arena *arena = arena_new();
  struct worker *workers = arena_calloc(arena, (size_t)bench->in_flight, sizeof(workers[0]));
  void **items = arena_calloc(arena, (size_t)bench->in_flight, sizeof(items[0]));
  const char *target = arena_printf(arena, "127.0.0.1:%d", bench->port);
  for (int i = 0; i < bench->connections; i++) {
    if (!status_is_ok(rpc_channel_open(coroutine_loop(), arena, target,
                                       &(struct rpc_channel_options){.brand = &shop_brand}, &bench->channels[i])))
      exit(1);
  }
  for (int i = 0; i < bench->in_flight; i++) {
    workers[i] = (struct worker){.bench = bench, .channel = bench->channels[i % bench->connections]};
    items[i] = &workers[i];
  }
  coroutine_for_each(work, items, bench->in_flight, bench->in_flight);
  for (int i = 0; i < bench->connections; i++) rpc_channel_close(bench->channels[i]);
  arena_free(arena);
  loop_stop(coroutine_loop());
}

static void report(const struct bench *bench, double server_us, double client_us, long kib) {
  double seconds = (double)(bench->end_us - bench->begin_us + WARM_UP_US) / (double)US_PER_SECOND;
  double all = (double)bench->calls * seconds / (seconds - (double)WARM_UP_US / (double)US_PER_SECOND);
  printf(
      "%.0f calls/s, failed %ld, CPU a call: server %.1f us, client %.1f us, latency ms p50 %.2f p99 %.2f, "
      "server %ld KiB\n",
      all / seconds, bench->failed, server_us / all, client_us / all, latency_ms(bench, 0.5), latency_ms(bench, 0.99),
      kib);
}

static int argument_of(int argc, char **argv, int index, int fallback) {
  return argc > index ? atoi(argv[index]) : fallback;
}

int main(int argc, char **argv) {
  static struct bench bench;
  if (argc == 3 && strcmp(argv[1], "serve") == 0) serve(argv[2], -1);
  bench.in_flight = argument_of(argc, argv, 1, 64);
  bench.connections = argument_of(argc, argv, 2, 4);
  int seconds = argument_of(argc, argv, 3, 5);
  if (bench.in_flight < 1 || bench.connections < 1 || bench.connections > CONNECTIONS_MAX || seconds < 1) return 2;
  bench.server = start_server(&bench.port);
  bench.begin_us = clock_monotonic_us() + WARM_UP_US;
  bench.end_us = bench.begin_us + (int64_t)seconds * US_PER_SECOND;
  struct loop *loop = loop_new(NULL);
  loop_spawn(loop, measure, &bench);
  loop_run(loop);
  loop_free(loop);
  double server_us = 0, client_us = 0;
  long kib = 0, own_kib = 0;
  read_process(bench.server, &server_us, &kib);
  read_process(getpid(), &client_us, &own_kib);
  report(&bench, server_us, client_us, kib);
  kill(bench.server, SIGKILL);
  waitpid(bench.server, NULL, 0);
  return bench.failed > 0;
}
