/* SPDX-License-Identifier: Apache-2.0 */
#include "echo_server.h"

#include <ctype.h>
#include <descriptor_set.h>
#include <ordershop/v1/customer.pb-c.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "loop/coroutine.h"
#include "rpc/reflection.h"
#include "shop_brand.h"

enum { US_PER_MS = 1000, GRACE_MS = 2000 };

struct echo_thread {
  pthread_t thread;
  struct loop *loop;
  struct arena *arena;
  struct rpc_server_options options;
  struct condition gate;
  bool gate_open;
  bool refuses; /* when it was looked last */
  size_t calls; /* likewise */
  struct status status;
  sem_t opened;
  atomic_bool draining, drained;
  bool drain_begun; /* test's thread */
};

/* Something to do on the server's loop, waited for. */
struct order {
  struct loop_task task;
  struct echo_server *server;
  void (*run)(struct echo_server *server, int64_t value);
  int64_t value;
  sem_t done;
};

static void order_run(struct loop_task *task) {
  struct order *order = (struct order *)task;
  order->run(order->server, order->value);
  sem_post(&order->done);
}

static void on_loop(struct echo_server *server, void (*run)(struct echo_server *server, int64_t value), int64_t value) {
  struct order order = {.task.run = order_run, .server = server, .run = run, .value = value};
  sem_init(&order.done, 0, 0);
  loop_post(server->thread->loop, &order.task);
  sem_wait(&order.done);
  sem_destroy(&order.done);
}

/* ---- handlers --------------------------------------------------------------------------------------------------- */

static Ordershop__V1__Customer *customer_new(struct arena *arena) {
  Ordershop__V1__Customer *customer = arena_alloc(arena, sizeof(*customer));
  ordershop__v1__customer__init(customer);
  return customer;
}

static struct status create(struct rpc_call *call, const void *request, const void **ret_reply) {
  const Ordershop__V1__CreateCustomerRequest *asked = request;
  const char *ask = rpc_call_metadata(call, "x-ask");
  Ordershop__V1__Customer *customer = asked->customer ? asked->customer : customer_new(call->context.arena);
  if (isdigit((unsigned char)*customer->name)) rpc_call_tell_position(call, customer->name);
  if (ask) rpc_call_add_trailer(call, "x-echo", ask);
  *ret_reply = customer;
  return status_ok();
}

static struct status fail(struct rpc_call *call) {
  static const struct field_violation second = {.field = "email", .description = "must be set"};
  static const struct field_violation first = {.field = "id", .description = "must be \xC3\xA4 UUID", .next = &second};
  static const struct error_metadata two = {.key = "available", .value = "1"};
  static const struct error_metadata one = {.key = "wanted", .value = "3", .next = &two};
  struct error_details *details = arena_calloc(call->context.arena, 1, sizeof(*details));
  *details = (struct error_details){
      .reason = "CUSTOMER_NOT_FOUND",
      .metadata = &one,
      .violations = &first,
      .resource_type = "customer",
      .resource_name = "fail",
      .retry_delay_ms = 1500,
  };
  rpc_call_tell_position(call, "failed-too");
  return (struct status){.code = STATUS_NOT_FOUND, .message = "no customer \xC3\xBC 100 %", .details = details};
}

static struct status wait_for_gate(struct rpc_call *call) {
  struct echo_server *server = call->service;
  struct arena *arena = call->context.arena;
  atomic_fetch_add(&server->started, 1);
  while (!server->thread->gate_open) {
    if (rpc_call_cancelled(call)) {
      atomic_fetch_add(&server->cancelled, 1);
      return status_error(arena, STATUS_CANCELLED, "GONE", "gone");
    }
    if (clock_monotonic_us() >= call->context.deadline_us) {
      return status_error(arena, STATUS_DEADLINE_EXCEEDED, "LATE", "the handler ran out of time");
    }
    int64_t soon_us = clock_monotonic_us() + 10 * US_PER_MS;
    condition_wait(&server->thread->gate, soon_us < call->context.deadline_us ? soon_us : call->context.deadline_us);
  }
  return status_ok();
}

/* An id says a word, behind which dashes may fill it up to the length of an id. */
static bool says(const char *id, const char *word) {
  size_t length = strlen(word);
  return strncmp(id, word, length) == 0 && id[length + strspn(id + length, "-")] == '\0';
}

static struct status get(struct rpc_call *call, const void *request, const void **ret_reply) {
  const Ordershop__V1__GetCustomerRequest *asked = request;
  Ordershop__V1__Customer *customer = customer_new(call->context.arena);
  customer->id = asked->id;
  if (says(asked->id, "fail")) return fail(call);
  if (says(asked->id, "nothing")) return status_ok();
  if (says(asked->id, "mistyped")) {
    *ret_reply = asked;
    return status_ok();
  }
  if (says(asked->id, "context")) {
    if (call->context.after) customer->name = (char *)call->context.after;
    if (call->context.traceparent) customer->email = (char *)call->context.traceparent;
    customer->version = (call->context.deadline_us - clock_monotonic_us()) / US_PER_MS;
  }
  struct status status = says(asked->id, "wait") ? wait_for_gate(call) : status_ok();
  if (status_is_ok(status)) *ret_reply = customer;
  return status;
}

static struct status other(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request, (void)ret_reply;
  return status_error(call->context.arena, STATUS_UNIMPLEMENTED, "NOT_HERE", "not in the test's server");
}

static const struct rpc_method methods[] = {
    {.name = "CreateCustomer", .handler = create}, {.name = "BatchCreateCustomers", .handler = other},
    {.name = "GetCustomer", .handler = get},       {.name = "ListCustomers", .handler = other},
    {.name = "UpdateCustomer", .handler = other},  {.name = "DeleteCustomer", .handler = other},
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static const char *const health_names[] = {"ordershop.v1.CustomerService", NULL};
static const char *const reflected_names[] = {"ordershop.v1.CustomerService", "grpc.health.v1.Health",
                                              "grpc.reflection.v1.ServerReflection",
                                              "grpc.reflection.v1alpha.ServerReflection", NULL};

static struct status open_server(struct echo_server *server) {
  struct echo_thread *thread = server->thread;
  struct reflection *reflection;
  struct rpc_service *services = arena_calloc(thread->arena, 4, sizeof(services[0]));
  const struct descriptor_set set = {ordershop_descriptor_set, &ordershop_descriptor_set_size};
  struct status status = reflection_new(thread->arena, &set, 1, reflected_names, &reflection);
  if (!status_is_ok(status)) return status;
  server->health = health_new(thread->arena, health_names);
  services[0] = (struct rpc_service){
      .descriptor = &ordershop__v1__customer_service__descriptor,
      .methods = ROWS(methods),
      .user = server,
  };
  services[1] = health_service(server->health);
  reflection_services(reflection, services + 2);
  return rpc_server_open(thread->loop, thread->arena, &thread->options, services, 4, &server->rpc);
}

static void *run_thread(void *argument) {
  struct echo_server *server = argument;
  struct echo_thread *thread = server->thread;
  thread->loop = loop_new(NULL);
  thread->arena = arena_new();
  thread->status = open_server(server);
  if (status_is_ok(thread->status)) {
    server->port = rpc_server_port(server->rpc);
    rpc_server_start(server->rpc);
    sem_post(&thread->opened);
    loop_run(thread->loop);
    rpc_server_free(server->rpc);
  } else {
    static char message[512];
    snprintf(message, sizeof(message), "%s", thread->status.message);
    thread->status = (struct status){.code = thread->status.code, .message = message};
    sem_post(&thread->opened);
  }
  loop_free(thread->loop);
  arena_free(thread->arena);
  return NULL;
}

static void server_free(struct echo_server *server) {
  pthread_join(server->thread->thread, NULL);
  sem_destroy(&server->thread->opened);
  free(server->thread);
  free(server);
}

struct echo_server *echo_server_start(const struct rpc_server_options *options, struct status *ret_status) {
  struct echo_server *server = calloc(1, sizeof(*server));
  struct echo_thread *thread = calloc(1, sizeof(*thread));
  server->thread = thread;
  if (options) thread->options = *options;
  thread->options.brand = &shop_brand;
  if (!thread->options.listen) thread->options.listen = "127.0.0.1:0";
  sem_init(&thread->opened, 0, 0);
  pthread_create(&thread->thread, NULL, run_thread, server);
  sem_wait(&thread->opened);
  if (ret_status) *ret_status = thread->status;
  if (status_is_ok(thread->status)) return server;
  server_free(server);
  return NULL;
}

static void open_gate(struct echo_server *server, int64_t value) {
  (void)value;
  server->thread->gate_open = true;
  condition_signal_all(&server->thread->gate);
}

void echo_server_open_gate(struct echo_server *server) {
  on_loop(server, open_gate, 0);
}

static void set_ready(struct echo_server *server, int64_t value) {
  health_set_ready(server->health, value != 0);
}

void echo_server_set_ready(struct echo_server *server, bool ready) {
  on_loop(server, set_ready, ready);
}

static void look_for_refusal(struct echo_server *server, int64_t value) {
  (void)value;
  server->thread->refuses = *rpc_server_refusal(server->rpc) != '\0';
}

bool echo_server_refuses(struct echo_server *server) {
  on_loop(server, look_for_refusal, 0);
  return server->thread->refuses;
}

static void count_calls(struct echo_server *server, int64_t value) {
  (void)value;
  server->thread->calls = rpc_server_calls(server->rpc);
}

size_t echo_server_calls(struct echo_server *server) {
  on_loop(server, count_calls, 0);
  return server->thread->calls;
}

struct drain {
  struct echo_server *server;
  int64_t grace_ms;
};

static void drain_run(void *argument) {
  struct drain drain = *(struct drain *)argument;
  free(argument);
  rpc_server_drain(drain.server->rpc, drain.grace_ms);
  atomic_store(&drain.server->thread->drained, true);
}

static void drain_begin(struct echo_server *server, int64_t grace_ms) {
  struct drain *drain = malloc(sizeof(*drain));
  *drain = (struct drain){.server = server, .grace_ms = grace_ms};
  loop_spawn(server->thread->loop, drain_run, drain);
}

void echo_server_drain(struct echo_server *server, int64_t grace_ms) {
  server->thread->drain_begun = true;
  on_loop(server, drain_begin, grace_ms);
}

bool echo_server_is_drained(struct echo_server *server) {
  return atomic_load(&server->thread->drained);
}

static void stop_run(void *argument) {
  struct echo_server *server = argument;
  while (!echo_server_is_drained(server)) coroutine_sleep(US_PER_MS, DEADLINE_NEVER);
  loop_stop(server->thread->loop);
}

static void stop_begin(struct echo_server *server, int64_t value) {
  (void)value;
  loop_spawn(server->thread->loop, stop_run, server);
}

void echo_server_stop(struct echo_server *server) {
  if (!server->thread->drain_begun) echo_server_drain(server, GRACE_MS);
  on_loop(server, stop_begin, 0);
  server_free(server);
}
