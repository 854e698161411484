/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations of many orders in one call: between the order service and inventory stands a server that passes the
 * calls on, counts them, and does to them what can happen to calls. */
#include <ordershop/internal/v1/stock.pb-c.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fault_shop.h"
#include "patience.h"
#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"
#include "shop_brand.h"
#include "shop_reasons.h"

enum { ORDERS = 16, STOCK = 1000000 };

/* ---- between order and inventory -------------------------------------------------------------------------------- */

enum disturbance {
  UNDISTURBED,
  OLDER_INVENTORY, /* it knows no batches */
  ANSWERS_LOST,    /* of reservations, after these were made */
};

static struct between {
  pthread_t thread;
  sem_t opened;
  struct loop *loop;
  struct arena *arena;
  struct rpc_channel *inventory;
  struct rpc_server *server;
  int port, inventory_port;
  atomic_int disturbance;
  atomic_bool stopping;
  atomic_int alone, batches, batched; /* reservations that came alone, batches, reservations in these */
} between;

static struct status pass_on(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct rpc_reply reply =
      rpc_client_call(between.inventory, &call->context, call->descriptor, call->method->name, request);
  *ret_reply = reply.message;
  bool lost = atomic_load(&between.disturbance) == ANSWERS_LOST && strcmp(call->method->name, "ReleaseStock") != 0;
  if (!lost || !status_is_ok(reply.status)) return reply.status;
  return status_error(call->context.arena, STATUS_UNAVAILABLE, reason_peer_unreachable, "the answer was lost");
}

static struct status pass_on_one(struct rpc_call *call, const void *request, const void **ret_reply) {
  atomic_fetch_add(&between.alone, 1);
  return pass_on(call, request, ret_reply);
}

static struct status pass_on_batch(struct rpc_call *call, const void *request, const void **ret_reply) {
  const Ordershop__Internal__V1__BatchReserveStockRequest *batch = request;
  atomic_fetch_add(&between.batches, 1);
  if (atomic_load(&between.disturbance) == OLDER_INVENTORY) {
    return status_error(call->context.arena, STATUS_UNIMPLEMENTED, reason_method_unknown, "unknown method");
  }
  atomic_fetch_add(&between.batched, (int)batch->n_reservations);
  return pass_on(call, request, ret_reply);
}

static const struct rpc_method methods[] = {
    {.name = "ReserveStock", .handler = pass_on_one},
    {.name = "BatchReserveStock", .handler = pass_on_batch},
    {.name = "ReleaseStock", .handler = pass_on},
};

static void serve(void *argument) {
  (void)argument;
  rpc_server_start(between.server);
  sem_post(&between.opened);
  while (!atomic_load(&between.stopping)) coroutine_sleep(1000, DEADLINE_NEVER);
  rpc_server_drain(between.server, 0);
  rpc_server_free(between.server);
  rpc_channel_close(between.inventory);
  loop_stop(between.loop);
}

static void *run_between(void *argument) {
  between.loop = loop_new(NULL);
  between.arena = arena_new();
  static struct rpc_service service = {.descriptor = &ordershop__internal__v1__stock_service__descriptor,
                                       .methods = ROWS(methods)};
  const struct rpc_server_options options = {.brand = &shop_brand, .listen = "127.0.0.1:0"};
  const struct rpc_channel_options to_inventory = {.brand = &shop_brand, .peer = "inventory"};
  const char *target = arena_printf(between.arena, "127.0.0.1:%d", between.inventory_port);
  struct status status = rpc_channel_open(between.loop, between.arena, target, &to_inventory, &between.inventory);
  if (status_is_ok(status))
    status = rpc_server_open(between.loop, between.arena, &options, &service, 1, &between.server);
  if (!status_is_ok(status)) abort(); /* the suite has not begun */
  between.port = rpc_server_port(between.server);
  loop_spawn(between.loop, serve, NULL);
  loop_run(between.loop);
  loop_free(between.loop);
  arena_free(between.arena);
  return argument;
}

static void start_between(void) {
  between.inventory_port = private_shop_port(shop, ORDERSHOP_INVENTORY);
  sem_init(&between.opened, 0, 0);
  pthread_create(&between.thread, NULL, run_between, NULL);
  sem_wait(&between.opened);
  private_shop_set_variable(shop, arena_printf(arena, "ORDERSHOP_INVENTORY_ADDRESS=127.0.0.1:%d", between.port));
}

static void stop_between(void) {
  atomic_store(&between.stopping, true);
  pthread_join(between.thread, NULL);
  sem_destroy(&between.opened);
}

static const Ordershop__V1__Customer *customer;

/* The order service is new: what it has learned of inventory is forgotten. */
static void begin_with(enum disturbance disturbance) {
  private_shop_stop_service(shop, ORDERSHOP_ORDER);
  start_service(ORDERSHOP_ORDER);
  customer = new_customer();
  atomic_store(&between.disturbance, (int)disturbance);
  atomic_store(&between.alone, 0);
  atomic_store(&between.batches, 0);
  atomic_store(&between.batched, 0);
}

/* ---- many orders at once ---------------------------------------------------------------------------------------- */

/* Every fourth is of `scarce`, if there is such a product. */
static struct ordershop_answer *order_at_once(struct ordershop_client *by, const char *product_id, const char *scarce) {
  const void *requests[ORDERS];
  for (size_t i = 0; i < ORDERS; i++) {
    requests[i] = order_request(customer->id, scarce && i % 4 == 3 ? scarce : product_id, 1, NULL);
  }
  return ask_all(by, ORDERSHOP_ORDER, "CreateOrder", requests, ORDERS);
}

/* So long as no batch has come, there may have been too few at the same moment. */
static bool needs_another_round(int64_t end_us) {
  bool is_patient = clock_monotonic_us() < end_us;
  CU_ASSERT_TRUE(is_patient);
  return atomic_load(&between.batches) == 0 && is_patient;
}

static void orders_at_once_are_reserved_in_batches_each_with_its_own_outcome(void) {
  begin_with(UNDISTURBED);
  const Ordershop__V1__Product *plenty = new_stocked_product(STOCK), *scarce = new_stocked_product(0);
  int64_t ordered = 0, end_us = patience_end_us();
  do {
    struct ordershop_answer *answers = order_at_once(client, plenty->id, scarce->id);
    for (size_t i = 0; i < ORDERS; i++) {
      if (i % 4 == 3) {
        assert_refused(answers[i], STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
      } else {
        CU_ASSERT_EQUAL(answers[i].status.code, STATUS_OK);
        ordered++;
      }
    }
  } while (needs_another_round(end_us));
  CU_ASSERT_TRUE(atomic_load(&between.batched) > atomic_load(&between.batches));
  CU_ASSERT_TRUE(stock_becomes(plenty->id, STOCK - ordered, ordered));
  CU_ASSERT_TRUE(stock_becomes(scarce->id, 0, 0));
  CU_ASSERT_TRUE(attempts_end());
}

static void an_order_that_comes_alone_is_reserved_without_a_batch(void) {
  begin_with(UNDISTURBED);
  const Ordershop__V1__Product *product = new_stocked_product(STOCK);
  for (int i = 0; i < 3; i++) new_order(customer->id, product->id, 1);
  CU_ASSERT_EQUAL(atomic_load(&between.alone), 3);
  CU_ASSERT_EQUAL(atomic_load(&between.batches), 0);
}

static void an_older_inventory_without_batches_is_asked_one_by_one(void) {
  begin_with(OLDER_INVENTORY);
  const Ordershop__V1__Product *product = new_stocked_product(STOCK);
  int64_t ordered = 0, end_us = patience_end_us();
  do {
    CU_ASSERT_EQUAL(count_ok(order_at_once(once, product->id, NULL), ORDERS), ORDERS);
    ordered += ORDERS;
  } while (needs_another_round(end_us));
  CU_ASSERT_EQUAL(atomic_load(&between.batched), 0);
  CU_ASSERT_EQUAL(atomic_load(&between.alone), ordered);
  CU_ASSERT_TRUE(stock_becomes(product->id, STOCK - ordered, ordered));
}

static void what_a_batch_has_reserved_is_given_back_when_its_answer_is_lost(void) {
  begin_with(ANSWERS_LOST);
  const Ordershop__V1__Product *product = new_stocked_product(STOCK);
  int64_t end_us = patience_end_us();
  do {
    struct ordershop_answer *answers = order_at_once(once, product->id, NULL);
    for (size_t i = 0; i < ORDERS; i++) assert_refused(answers[i], STATUS_UNAVAILABLE, "PEER_UNREACHABLE");
  } while (needs_another_round(end_us));
  CU_ASSERT_TRUE(atomic_load(&between.batched) > 0);
  CU_ASSERT_TRUE(stock_becomes(product->id, STOCK, 0)); /* long before the reservations expire */
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=3600", NULL};
  fault_shop_open(&(struct private_shop_options){.variables = variables});
  start_between();
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  stop_between();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"orders at once are reserved in batches, each with its own outcome",
       orders_at_once_are_reserved_in_batches_each_with_its_own_outcome},
      {"an order that comes alone is reserved without a batch", an_order_that_comes_alone_is_reserved_without_a_batch},
      {"an older inventory without batches is asked one by one",
       an_older_inventory_without_batches_is_asked_one_by_one},
      {"what a batch has reserved is given back when its answer is lost",
       what_a_batch_has_reserved_is_given_back_when_its_answer_is_lost},
  };
  return suite_main("reservation batches", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
