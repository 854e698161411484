/* SPDX-License-Identifier: Apache-2.0 */
/* Services without their peers, and services that are told to stop: what callers notice of it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/customer_client.h"
#include "client/order_client.h"
#include "fault_shop.h"
#include "patience.h"

/* Longer than a test is patient; services end calls after a minute. */
enum { FAR_MS = 55000, LOADERS = 4, ANSWERS = 50, GRACE_MS = 1000 };

/* The time for calls in flight when a service stops, for those tests in which nothing must wait for it. */
#define LONG_GRACE "ORDERSHOP_GRACE_SECONDS=200"

static const Ordershop__V1__Customer *customer;
static const Ordershop__V1__Product *product;

static bool is_at_once(int64_t begin_us) {
  return clock_monotonic_us() - begin_us < at_once_us();
}

static bool exits_at_once(enum ordershop_service service) {
  return private_shop_await_exit(shop, service) * 1000 < at_once_us();
}

static struct ordershop_answer order_once(int64_t deadline_ms) {
  return ask_within(once, deadline_ms, ORDERSHOP_ORDER, "CreateOrder",
                    order_request(customer->id, product->id, 1, NULL));
}

/* ---- peers ------------------------------------------------------------------------------------------------------ */

static void without_the_inventory_orders_are_unavailable_at_once_and_come_back_by_themselves(void) {
  private_shop_kill_service(shop, ORDERSHOP_INVENTORY);
  order_once(0); /* the connection may still have to notice */
  int64_t begin = clock_monotonic_us();
  assert_refused(order_once(FAR_MS), STATUS_UNAVAILABLE, "PEER_UNREACHABLE");
  CU_ASSERT_TRUE(is_at_once(begin));
  const Ordershop__V1__ListOrdersRequest list = ORDERSHOP__V1__LIST_ORDERS_REQUEST__INIT;
  must(ORDERSHOP_ORDER, "ListOrders", &list);
  CU_ASSERT_TRUE(health_says(ORDERSHOP_ORDER, "")); /* it is not the order service that is ill */
  start_service(ORDERSHOP_INVENTORY);
  new_order(customer->id, product->id, 1);
}

static void orders_wait_for_an_inventory_that_stands_still_no_longer_than_their_deadline(void) {
  private_shop_pause_service(shop, ORDERSHOP_INVENTORY);
  int64_t begin = clock_monotonic_us();
  struct status status = order_once(300).status;
  CU_ASSERT_TRUE(status.code == STATUS_DEADLINE_EXCEEDED || status.code == STATUS_UNAVAILABLE);
  CU_ASSERT_TRUE(is_at_once(begin));
  private_shop_resume_service(shop, ORDERSHOP_INVENTORY);
  new_order(customer->id, product->id, 1);
}

static void orders_go_on_without_the_services_of_customers_and_products(void) {
  private_shop_kill_service(shop, ORDERSHOP_CUSTOMER);
  private_shop_kill_service(shop, ORDERSHOP_PRODUCT);
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 2);
  CU_ASSERT_EQUAL(order->total_cents, 200);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  /* What is not known here would have to be asked for. */
  assert_refused(ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(new_id(), product->id, 1, NULL)),
                 STATUS_UNAVAILABLE, "PEER_UNREACHABLE");
  start_service(ORDERSHOP_CUSTOMER);
  start_service(ORDERSHOP_PRODUCT);
}

static void without_the_order_service_billings_are_unavailable_at_once_and_come_back_by_themselves(void) {
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 1);
  private_shop_kill_service(shop, ORDERSHOP_ORDER);
  const Ordershop__V1__CreateBillingRequest *request = billing_request(order->id, new_id());
  ask(once, ORDERSHOP_BILLING, "CreateBilling", request);
  int64_t begin = clock_monotonic_us();
  assert_refused(ask_within(once, FAR_MS, ORDERSHOP_BILLING, "CreateBilling", request), STATUS_UNAVAILABLE,
                 "PEER_UNREACHABLE");
  CU_ASSERT_TRUE(is_at_once(begin));
  start_service(ORDERSHOP_ORDER);
  must(ORDERSHOP_BILLING, "CreateBilling", request);
}

/* ---- stopping under load ---------------------------------------------------------------------------------------- */

static atomic_bool loading;
static atomic_size_t answers, failures;

static struct status create_and_read_back(struct arena *in) {
  Ordershop__V1__Customer given = ORDERSHOP__V1__CUSTOMER__INIT;
  given.name = "Load";
  given.email = "load@example.com";
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  request.customer = &given;
  struct context context = {.arena = in};
  const Ordershop__V1__Customer *created, *read;
  struct status status = ordershop_create_customer(client, &context, &request, &created);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__GetCustomerRequest get = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  get.id = created->id;
  return ordershop_get_customer(client, &context, &get, &read);
}

static struct status order_and_cancel(struct arena *in) {
  char *product_ids[] = {product->id};
  Ordershop__V1__Order given = ORDERSHOP__V1__ORDER__INIT;
  given.customer_id = customer->id;
  given.product_ids = product_ids;
  given.n_product_ids = 1;
  Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  request.order = &given;
  struct context context = {.arena = in};
  const Ordershop__V1__Order *created;
  struct status status = ordershop_create_order(client, &context, &request, &created);
  if (!status_is_ok(status)) return status;
  Ordershop__V1__DeleteOrderRequest cancel = ORDERSHOP__V1__DELETE_ORDER_REQUEST__INIT;
  cancel.id = created->id;
  return ordershop_delete_order(client, &context, &cancel);
}

static void *load(void *argument) {
  struct status (*step)(struct arena * in) = *(struct status(**)(struct arena *))argument;
  while (atomic_load(&loading)) {
    struct arena *in = arena_new();
    struct status status = step(in);
    if (!status_is_ok(status)) fprintf(stderr, "under load: %s\n", status.message);
    atomic_fetch_add(status_is_ok(status) ? &answers : &failures, 1);
    arena_free(in);
  }
  return NULL;
}

static bool has_answers(const void *wanted) {
  return atomic_load(&answers) >= *(const size_t *)wanted;
}

static void wait_for_answers(void) {
  size_t wanted = atomic_load(&answers) + ANSWERS;
  CU_ASSERT_TRUE(eventually(has_answers, &wanted));
}

/* Stops and starts the service while calls go on that need it. */
static void assert_restart_unnoticed(enum ordershop_service service, struct status (*step)(struct arena *in)) {
  pthread_t threads[LOADERS];
  atomic_store(&loading, true);
  atomic_store(&failures, 0);
  for (int i = 0; i < LOADERS; i++) pthread_create(&threads[i], NULL, load, &step);
  wait_for_answers();
  private_shop_terminate_service(shop, service);
  CU_ASSERT_TRUE(exits_at_once(service));
  private_shop_start_service(shop, service);
  wait_for_answers();
  atomic_store(&loading, false);
  for (int i = 0; i < LOADERS; i++) pthread_join(threads[i], NULL);
  CU_ASSERT_EQUAL(atomic_load(&failures), 0);
}

static void a_restart_of_the_customer_service_under_load_fails_no_call_of_the_client_library(void) {
  assert_restart_unnoticed(ORDERSHOP_CUSTOMER, create_and_read_back);
}

static void a_restart_of_the_order_service_under_load_fails_no_call_of_the_client_library(void) {
  assert_restart_unnoticed(ORDERSHOP_ORDER, order_and_cancel);
}

static void a_restart_of_the_inventory_under_load_fails_no_order_and_leaks_no_stock(void) {
  const Ordershop__V1__Product *all = product;
  product = new_stocked_product(1000);
  assert_restart_unnoticed(ORDERSHOP_INVENTORY, order_and_cancel);
  CU_ASSERT_TRUE(stock_becomes(product->id, 1000, 0));
  product = all;
}

/* ---- stopping with a call in flight ----------------------------------------------------------------------------- */

static bool stops(const void *service) {
  return private_shop_log_lines(shop, *(const enum ordershop_service *)service, "message=stopping") > 0;
}

static struct asking *begin_order_and_terminate(void) {
  static const enum ordershop_service service = ORDERSHOP_ORDER;
  private_shop_arm(shop, service, "order.after_reserve", "pause");
  struct asking *asking = ask_begin(once, service, "CreateOrder", order_request(customer->id, product->id, 1, NULL));
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, service, "order.after_reserve"));
  int before = private_shop_log_lines(shop, service, "message=stopping");
  CU_ASSERT_EQUAL(before, 0);
  private_shop_terminate_service(shop, service);
  CU_ASSERT_TRUE(eventually(stops, &service));
  return asking;
}

/* Those that come while connections are being handed away are still answered. */
static bool new_calls_are_refused(const void *argument) {
  (void)argument;
  return order_once(0).status.code == STATUS_UNAVAILABLE;
}

static void a_call_in_flight_is_answered_before_the_service_ends(void) {
  struct asking *asking = begin_order_and_terminate();
  CU_ASSERT_TRUE(eventually(new_calls_are_refused, NULL));
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  CU_ASSERT_EQUAL(ask_end(asking).status.code, STATUS_OK);
  CU_ASSERT_TRUE(exits_at_once(ORDERSHOP_ORDER));
  start_service(ORDERSHOP_ORDER);
}

static void a_call_that_does_not_end_holds_a_stopping_service_up_for_the_grace_time_only(void) {
  private_shop_set_variable(shop, "ORDERSHOP_GRACE_SECONDS=1");
  private_shop_set_variable(shop, "ASAN_OPTIONS=detect_leaks=0"); /* what the call holds is left behind, on purpose */
  private_shop_stop_service(shop, ORDERSHOP_INVENTORY);
  start_service(ORDERSHOP_INVENTORY);
  new_order(customer->id, product->id, 1); /* the order service has found it, too */
  private_shop_arm(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve", "pause");
  struct asking *asking =
      ask_begin(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, product->id, 1, NULL));
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve"));
  private_shop_terminate_service(shop, ORDERSHOP_INVENTORY);
  int64_t waited_ms = private_shop_await_exit(shop, ORDERSHOP_INVENTORY);
  private_shop_set_variable(shop, LONG_GRACE);
  CU_ASSERT_TRUE(waited_ms >= GRACE_MS - 100 && waited_ms * 1000 < at_once_us());
  struct status status = ask_end(asking).status;
  CU_ASSERT_TRUE(status.code == STATUS_UNAVAILABLE || status.code == STATUS_CANCELLED);
  private_shop_release(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve");
  start_service(ORDERSHOP_INVENTORY);
}

static void a_client_that_is_asleep_does_not_hold_a_stopping_service_up(void) {
  order_once(0);
  private_shop_terminate_service(shop, ORDERSHOP_BILLING);
  CU_ASSERT_TRUE(exits_at_once(ORDERSHOP_BILLING));
  start_service(ORDERSHOP_BILLING);
}

static void a_consumer_in_the_middle_of_a_page_commits_it_before_its_service_ends(void) {
  private_shop_arm(shop, ORDERSHOP_CRM, "consumer.before_commit", "pause");
  const Ordershop__V1__Customer *newcomer = new_customer();
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_CRM, "consumer.before_commit"));
  private_shop_terminate_service(shop, ORDERSHOP_CRM);
  static const enum ordershop_service crm = ORDERSHOP_CRM;
  CU_ASSERT_TRUE(eventually(stops, &crm));
  private_shop_release(shop, ORDERSHOP_CRM, "consumer.before_commit");
  private_shop_await_exit(shop, ORDERSHOP_CRM);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HEXISTS crm_profiles %s", newcomer->id), 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS crm_lease"), 0); /* nobody has to wait for it to run out */
  start_service(ORDERSHOP_CRM);
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=2", LONG_GRACE, NULL};
  fault_shop_open(&(struct private_shop_options){.variables = variables});
  customer = new_customer();
  product = new_stocked_product(1000000);
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a call in flight is answered before the service ends", a_call_in_flight_is_answered_before_the_service_ends},
      {"without the inventory orders are unavailable at once, and come back by themselves",
       without_the_inventory_orders_are_unavailable_at_once_and_come_back_by_themselves},
      {"orders wait for an inventory that stands still no longer than their deadline",
       orders_wait_for_an_inventory_that_stands_still_no_longer_than_their_deadline},
      {"orders go on without the services of customers and products",
       orders_go_on_without_the_services_of_customers_and_products},
      {"without the order service billings are unavailable at once, and come back by themselves",
       without_the_order_service_billings_are_unavailable_at_once_and_come_back_by_themselves},
      {"a restart of the customer service under load fails no call of the client library",
       a_restart_of_the_customer_service_under_load_fails_no_call_of_the_client_library},
      {"a restart of the order service under load fails no call of the client library",
       a_restart_of_the_order_service_under_load_fails_no_call_of_the_client_library},
      {"a restart of the inventory under load fails no order and leaks no stock",
       a_restart_of_the_inventory_under_load_fails_no_order_and_leaks_no_stock},
      {"a consumer in the middle of a page commits it before its service ends",
       a_consumer_in_the_middle_of_a_page_commits_it_before_its_service_ends},
      {"a client that is asleep does not hold a stopping service up",
       a_client_that_is_asleep_does_not_hold_a_stopping_service_up},
      {"a call that does not end holds a stopping service up for the grace time only",
       a_call_that_does_not_end_holds_a_stopping_service_up_for_the_grace_time_only},
  };
  return suite_main("peers and stops", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
