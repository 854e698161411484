/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction costs: one that creates a customer, with 1, 4, 16, 64 and 256 callers at once, on a Redis of its
 * own that syncs its log. Prints, for a transaction, the CPU time of this process and of Redis, the time in Redis'
 * functions, how many transactions a function carried, and the latency. */
#include <ordershop/v1/customer.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "cpu_time.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "shop_brand.h"
#include "store/entity_store.h"
#include "store/event_store.h"
#include "store/request_record.h"

enum { TRANSACTIONS = 8192, CALLERS_MAX = 256 };

struct caller {
  struct event_store *store;
  int transactions, failed;
  int64_t slowest_us;
};

static const struct entity_type customers = {
    .name = "customer", .descriptor = &ordershop__v1__customer__descriptor, .ids_set = true};

static struct private_redis *server;

static bool create_customer(struct event_store *store, struct context *context) {
  Ordershop__V1__Customer *customer = message_new(context->arena, &ordershop__v1__customer__descriptor);
  customer->id = (char *)uuid_random(context->arena);
  customer->name = (char *)"Ada Lovelace";
  customer->email = (char *)"ada@example.com";
  Ordershop__V1__Customer *request = message_share(context->arena, customer);
  struct request_record record =
      request_record_of(store, context->arena, "CreateCustomer", request, uuid_random(context->arena));
  struct transaction transaction = transaction_of(store, context->arena);
  entity_put_created(&transaction, &customers, customer, NULL);
  request_record_add(&record, &transaction, NULL);
  struct transaction_result result;
  struct status status = transaction_run(&transaction, context, &result);
  return status_is_ok(status) && result.outcome == TRANSACTION_DONE;
}

static void call(void *item) {
  struct caller *caller = item;
  struct context context = {.arena = arena_new()};
  for (int i = 0; i < caller->transactions; i++) {
    int64_t start_us = clock_monotonic_us();
    context.deadline_us = start_us + 10 * 1000 * 1000;
    if (!create_customer(caller->store, &context)) caller->failed++;
    int64_t took_us = clock_monotonic_us() - start_us;
    if (took_us > caller->slowest_us) caller->slowest_us = took_us;
    arena_reset(context.arena);
  }
  arena_free(context.arena);
}

static void measure(struct event_store *store, int count) {
  struct caller callers[CALLERS_MAX];
  void *items[CALLERS_MAX];
  int transactions = count == 1 ? TRANSACTIONS / 8 : TRANSACTIONS;
  for (int i = 0; i < count; i++) {
    callers[i] = (struct caller){.store = store, .transactions = transactions / count};
    items[i] = &callers[i];
  }
  private_redis_command(server, "CONFIG RESETSTAT");
  double theirs_us = server_cpu_us(server), own_us = own_cpu_us();
  int64_t start_us = clock_monotonic_us();
  coroutine_for_each(call, items, count, count);
  double took_us = (double)(clock_monotonic_us() - start_us);
  own_us = own_cpu_us() - own_us;
  theirs_us = server_cpu_us(server) - theirs_us;
  int failed = 0;
  int64_t slowest_us = 0;
  for (int i = 0; i < count; i++) {
    failed += callers[i].failed;
    if (callers[i].slowest_us > slowest_us) slowest_us = callers[i].slowest_us;
  }
  double calls = server_figure(server, "commandstats", "cmdstat_fcall:calls=");
  const char *stats = private_redis_command(server, "INFO commandstats"), *at = strstr(stats, "cmdstat_fcall:");
  double functions_us = at ? atof(strstr(at, "usec=") + strlen("usec=")) : 0;
  printf(
      "%3d callers %8.0f/s  own CPU %6.1f us  Redis' CPU %6.1f us  functions %6.1f us  %5.1f a function  mean %7.0f "
      "us, "
      "slowest %7.0f us  %d failed\n",
      count, transactions / took_us * 1e6, own_us / transactions, theirs_us / transactions, functions_us / transactions,
      transactions / calls, took_us * count / transactions, (double)slowest_us, failed);
}

static void benchmark(struct context *context) {
  struct event_store_options options = {.brand = &shop_brand,
                                        .service = "customer",
                                        .redis_url = private_redis_url(server),
                                        .key_prefix = "",
                                        .request_seconds = 3600};
  struct event_store *store;
  if (!status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store))) abort();
  if (!status_is_ok(redis_wait_ready(store->commands, context->deadline_us))) abort();
  create_customer(store, context);
  static const int counts[] = {1, 2, 4, 16, 64, 256};
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) measure(store, counts[i]);
  }
  event_store_close(store);
}

int main(void) {
  server = private_redis_start(&(struct private_redis_options){.persistent = true});
  in_coroutine(benchmark);
  private_redis_free(server);
  return 0;
}
