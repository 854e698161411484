/* SPDX-License-Identifier: Apache-2.0 */
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "client/load/load.h"
#include "client/retry.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "rpc/rpc_client.h"
#include "shop_brand.h"

enum {
  PAUSE_MS = 10,
  TICK_US = 1000,        /* how often calls of a rate are begun */
  UNDER_WAY_MAX = 20000, /* calls of a rate; what the machine has no room for can't be called */
};

struct run {
  const struct load_options *options;
  const struct load_shop *shop;
  struct arena *arena;
  const struct load_target *target;
  struct rpc_channel **channels;
  const ProtobufCServiceDescriptor *service;
  const ProtobufCMethodDescriptor *method;
  const ProtobufCMessage *(*make_request)(struct run *run, struct arena *arena);
  int64_t measured_us, end_us; /* calls that end between these count */
  uint64_t random;
  uint64_t under_way; /* calls of a rate */
  struct condition ended;
  struct load_result result;
  struct status status;
};

/* One of those who keep a call under way, or of those who make a single one. */
struct caller {
  struct run *run;
  struct rpc_channel *channel;
  int64_t begin_us; /* of a single call: when it was to begin */
};

/* ---- requests --------------------------------------------------------------------------------------------------- */

/* xorshift64: the choice of products shall cost nothing. */
static int pick(struct run *run, int count) {
  uint64_t *random = &run->random;
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return (int)(*random % (uint64_t)count);
}

static const ProtobufCMessage *make_order(struct run *run, struct arena *arena) {
  Ordershop__V1__Order *order = arena_alloc(arena, sizeof(*order));
  ordershop__v1__order__init(order);
  order->customer_id = run->shop->customer_ids[pick(run, run->options->customer_count)];
  order->n_product_ids = (size_t)run->options->products;
  order->product_ids = arena_calloc(arena, order->n_product_ids, sizeof(*order->product_ids));
  for (size_t i = 0; i < order->n_product_ids; i++) {
    order->product_ids[i] = run->shop->product_ids[pick(run, run->options->product_count)];
  }
  Ordershop__V1__CreateOrderRequest *request = arena_alloc(arena, sizeof(*request));
  ordershop__v1__create_order_request__init(request);
  request->order = order;
  request->request_id = (char *)uuid_random(arena);
  return &request->base;
}

static const ProtobufCMessage *make_customer(struct run *run, struct arena *arena) {
  Ordershop__V1__Customer *customer = arena_alloc(arena, sizeof(*customer));
  ordershop__v1__customer__init(customer);
  customer->name = arena_strdup(arena, "Load");
  customer->email = arena_printf(arena, "load.%d@example.com", pick(run, 1000000));
  Ordershop__V1__CreateCustomerRequest *request = arena_alloc(arena, sizeof(*request));
  ordershop__v1__create_customer_request__init(request);
  request->customer = customer;
  request->request_id = (char *)uuid_random(arena);
  return &request->base;
}

static const ProtobufCMessage *make_get(struct run *run, struct arena *arena) {
  Ordershop__V1__GetCustomerRequest *request = arena_alloc(arena, sizeof(*request));
  ordershop__v1__get_customer_request__init(request);
  request->id = run->shop->customer_ids[pick(run, run->options->customer_count)];
  return &request->base;
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static void note_failure(struct run *run, struct status status) {
  struct load_result *result = &run->result;
  if (result->failures++ == 0) result->first_failure = status_copy(status, run->arena);
  result->by_code[status.code < LOAD_CODES ? status.code : STATUS_UNKNOWN]++;
}

static void note(struct run *run, struct status status, int64_t begun_us, int64_t now_us) {
  struct load_result *result = &run->result;
  if (!status_is_ok(status)) note_failure(run, status);
  if (now_us < run->measured_us || now_us >= run->end_us) return;
  if (status.code == STATUS_RESOURCE_EXHAUSTED) latency_add(&result->refused, now_us - begun_us);
  if (!status_is_ok(status)) return;
  latency_add(&result->latency, now_us - begun_us);
  result->by_second[(now_us - run->measured_us) / 1000000]++;
}

/* With its retries, of the same request: it has a request id. */
static coroutine_fn struct status call_once(struct caller *caller, struct context *context,
                                            const ProtobufCMessage *request) {
  static const struct retry_policy as_the_library = {.attempts = 5, .first_backoff_ms = 100};
  struct run *run = caller->run;
  for (int tries = 1;; tries++) {
    struct status status = rpc_client_call(caller->channel, context, run->service, run->method->name, request).status;
    if (status_is_ok(status) || !run->options->retry) return status;
    int64_t delay_ms = retry_delay_ms(&as_the_library, status, false, tries, arc4random());
    if (delay_ms < 0 || clock_monotonic_us() + delay_ms * 1000 >= context->deadline_us) return status;
    run->result.retries++;
    coroutine_sleep(delay_ms * 1000, context->deadline_us);
  }
}

static coroutine_fn void keep_calling(void *argument) {
  struct caller *caller = argument;
  struct run *run = caller->run;
  struct arena *arena = arena_new();
  for (int64_t now_us; (now_us = clock_monotonic_us()) < run->end_us;) {
    arena_reset(arena);
    struct context context = {.arena = arena, .deadline_us = now_us + run->options->deadline_ms * 1000};
    struct status status = call_once(caller, &context, run->make_request(run, arena));
    note(run, status, now_us, clock_monotonic_us());
    if (!status_is_ok(status))
      coroutine_sleep(PAUSE_MS * 1000, run->end_us); /* a server that is down is not hammered */
  }
  arena_free(arena);
}

static coroutine_fn void keep_in_flight(struct run *run) {
  int count = run->options->in_flight;
  struct caller *callers = arena_calloc(run->arena, (size_t)count, sizeof(*callers));
  void **items = arena_calloc(run->arena, (size_t)count, sizeof(*items));
  for (int i = 0; i < count; i++) {
    callers[i] = (struct caller){.run = run, .channel = run->channels[i % run->options->connections]};
    items[i] = &callers[i];
  }
  coroutine_for_each(keep_calling, items, count, count);
}

static coroutine_fn void call_single(void *argument) {
  struct caller *caller = argument;
  struct run *run = caller->run;
  struct arena *arena = arena_new();
  struct context context = {.arena = arena, .deadline_us = caller->begin_us + run->options->deadline_ms * 1000};
  struct status status = call_once(caller, &context, run->make_request(run, arena));
  note(run, status, caller->begin_us, clock_monotonic_us());
  arena_free(arena);
  free(caller);
  if (--run->under_way == 0) condition_signal_all(&run->ended);
}

static void begin_single(struct run *run, uint64_t number, int64_t begin_us) {
  struct caller *caller = memory_alloc(sizeof(*caller));
  *caller = (struct caller){
      .run = run, .channel = run->channels[number % (uint64_t)run->options->connections], .begin_us = begin_us};
  if (loop_spawn(coroutine_loop(), call_single, caller)) {
    run->under_way++;
    return;
  }
  free(caller);
  note_failure(run, status_error(NULL, STATUS_UNKNOWN, NULL, "too many calls are under way here to begin another"));
}

/* Begins calls when they are due, whatever becomes of those before: real callers don't wait for each other. */
static coroutine_fn void keep_rate(struct run *run) {
  int64_t begun_us = clock_monotonic_us(), due_us = begun_us;
  uint64_t number = 0;
  for (int64_t now_us; (now_us = clock_monotonic_us()) < run->end_us;) {
    for (; due_us <= now_us; due_us = begun_us + (int64_t)(number * 1000000 / (uint64_t)run->options->rate)) {
      begin_single(run, number++, due_us);
    }
    coroutine_sleep(TICK_US, run->end_us);
  }
  while (run->under_way > 0) condition_wait(&run->ended, DEADLINE_NEVER);
}

static coroutine_fn void call_all(struct run *run) {
  const struct load_options *options = run->options;
  size_t seconds = (size_t)(options->duration_ms / 1000);
  run->measured_us = clock_monotonic_us() + options->warm_up_ms * 1000;
  run->end_us = run->measured_us + options->duration_ms * 1000;
  run->result.by_second = arena_calloc(run->arena, seconds, sizeof(*run->result.by_second));
  run->result.seconds = (double)seconds;
  if (options->in_flight > 0) keep_in_flight(run);
  if (options->in_flight == 0) keep_rate(run);
}

static coroutine_fn void run_on_loop(void *argument) {
  struct run *run = argument;
  int opened = 0;
  const struct rpc_channel_options options = {.brand = &shop_brand, .peer = "the service", .tls = run->target->tls};
  for (; opened < run->options->connections && status_is_ok(run->status); opened++) {
    run->status =
        rpc_channel_open(coroutine_loop(), run->arena, run->target->address, &options, &run->channels[opened]);
  }
  if (status_is_ok(run->status)) call_all(run);
  for (int i = 0; i < opened; i++) rpc_channel_close(run->channels[i]);
  loop_stop(coroutine_loop());
}

static void choose_method(struct run *run) {
  static const struct {
    const ProtobufCServiceDescriptor *service;
    const char *method;
    const ProtobufCMessage *(*make_request)(struct run *run, struct arena *arena);
  } modes[] = {
      [LOAD_ORDER] = {&ordershop__v1__order_service__descriptor, "CreateOrder", make_order},
      [LOAD_CUSTOMER] = {&ordershop__v1__customer_service__descriptor, "CreateCustomer", make_customer},
      [LOAD_GET] = {&ordershop__v1__customer_service__descriptor, "GetCustomer", make_get},
  };
  run->service = modes[run->options->mode].service;
  run->method = protobuf_c_service_descriptor_get_method_by_name(run->service, modes[run->options->mode].method);
  run->make_request = modes[run->options->mode].make_request;
}

struct status load_run(struct arena *arena, const struct load_target *target, const struct load_options *options,
                       const struct load_shop *shop, struct load_result *ret_result) {
  struct run run = {
      .options = options, .shop = shop, .arena = arena, .target = target, .random = (uint64_t)clock_monotonic_us() | 1};
  run.channels = arena_calloc(arena, (size_t)options->connections, sizeof(*run.channels));
  choose_method(&run);
  const struct loop_options loop_options = {.max_coroutines = UNDER_WAY_MAX, .unwatched = true};
  struct loop *loop = loop_new(&loop_options);
  loop_spawn(loop, run_on_loop, &run);
  loop_run(loop);
  loop_free(loop);
  if (status_is_ok(run.status)) *ret_result = run.result;
  return run.status;
}
