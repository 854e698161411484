/* SPDX-License-Identifier: Apache-2.0 */
/* A replica takes over from the shop's Redis, in all the ways in which that happens: whoever was connected to the old
 * master, even if it only reads, is soon connected to the new one, and nothing is decided by what the old one says. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault_shop.h"

enum { UNITS = 10, BUYERS = 4, CALL_US = 2000 * 1000, PAUSE_US = 20 * 1000, EXPIRY_SECONDS = 2 };

/* They change places with each failover. */
static struct private_redis *master, *replica;
static const Ordershop__V1__Customer *customer;

/* ---- Redis ------------------------------------------------------------------------------------------------------ */

static bool has_role(struct private_redis *server, const char *role) {
  return strncmp(private_redis_command(server, "ROLE"), role, strlen(role)) == 0;
}

static bool is_master(const void *server) {
  return has_role((struct private_redis *)server, "master");
}

static bool follows(const void *server) {
  return strstr(private_redis_command((struct private_redis *)server, "INFO replication"), "master_link_status:up");
}

/* How many connections of services a server has. */
static int connections_of(struct private_redis *server) {
  int count = 0;
  const char *list = private_redis_command(server, "CLIENT LIST TYPE normal");
  for (; (list = strstr(list, "name=")); list++) count += list[strlen("name=")] != ' ';
  return count;
}

static bool is_left(const void *server) {
  return connections_of((struct private_redis *)server) == 0;
}

static void change_places(void) {
  struct private_redis *before = master;
  master = replica;
  replica = before;
}

/* FAILOVER loses nothing: it holds up writes until the replica has all. */
static void fail_over(void) {
  private_redis_command(master, "FAILOVER TO 127.0.0.1 %d", private_redis_port(replica));
  CU_ASSERT_TRUE_FATAL(eventually(is_master, replica));
  change_places();
}

/* Without a word to the old master, which stays one. Nothing is under way that would get lost. */
static void promote_replica(void) {
  let_everything_follow(master);
  private_redis_command(replica, "REPLICAOF NO ONE");
  change_places();
}

static void lead_to_master(void) {
  forwarder_lead_to(private_shop_forwarder(shop), private_redis_port(master));
}

static void make_replica_follow(void) {
  private_redis_command(replica, "REPLICAOF 127.0.0.1 %d", private_redis_port(master));
  CU_ASSERT_TRUE_FATAL(eventually(follows, replica));
}

/* ---- the shop --------------------------------------------------------------------------------------------------- */

static bool is_listed(const void *customer_id) {
  Ordershop__V1__ListCustomersRequest request = ORDERSHOP__V1__LIST_CUSTOMERS_REQUEST__INIT;
  request.page_size = 1000;
  const Ordershop__V1__ListCustomersResponse *list = must(ORDERSHOP_CUSTOMER, "ListCustomers", &request);
  for (size_t i = 0; i < list->n_customers; i++) {
    if (strcmp(list->customers[i]->id, customer_id) == 0) return true;
  }
  return false;
}

/* Who comes now is in lists, gets a welcome, orders and pays. */
static void the_shop_goes_on(void) {
  const Ordershop__V1__Customer *newcomer = new_customer();
  CU_ASSERT_TRUE(eventually(is_listed, newcomer->id));
  CU_ASSERT_TRUE(eventually(has_mail, newcomer));
  const Ordershop__V1__Product *product = new_stocked_product(2);
  const Ordershop__V1__Order *order = new_order(newcomer->id, product->id, 2);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  CU_ASSERT_TRUE(stock_becomes(product->id, 0, 2));
  CU_ASSERT_TRUE(become_serving(true));
}

static int all_log_lines(const char *text) {
  int count = 0;
  for (enum ordershop_service service = 0; service < ORDERSHOP_SERVICE_COUNT; service++) {
    count += private_shop_log_lines(shop, service, text);
  }
  return count;
}

/* ---- buyers ----------------------------------------------------------------------------------------------------- */

struct buyer {
  pthread_t thread;
  const char *product_id;
  int bought;
};

static atomic_bool buying;
static pthread_mutex_t arena_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Orders one by one, as long as there is something left. */
static void *buy(void *argument) {
  struct buyer *buyer = argument;
  while (atomic_load(&buying)) {
    pthread_mutex_lock(&arena_mutex);
    const Ordershop__V1__CreateOrderRequest *request = order_request(customer->id, buyer->product_id, 1, new_id());
    pthread_mutex_unlock(&arena_mutex);
    struct arena *own = arena_new();
    struct context context = {.arena = own, .deadline_us = clock_monotonic_us() + CALL_US};
    buyer->bought += status_is_ok(ordershop_call(once, &context, ORDERSHOP_ORDER, "CreateOrder", request).status);
    arena_free(own);
    usleep(PAUSE_US);
  }
  return NULL;
}

static void begin_to_buy(struct buyer *buyers, const char *product_id) {
  atomic_store(&buying, true);
  for (int i = 0; i < BUYERS; i++) {
    buyers[i] = (struct buyer){.product_id = product_id};
    pthread_create(&buyers[i].thread, NULL, buy, &buyers[i]);
  }
}

static void stop_buying(struct buyer *buyers) {
  atomic_store(&buying, false);
  for (int i = 0; i < BUYERS; i++) pthread_join(buyers[i].thread, NULL);
}

/* Of all orders that were recorded, also of those that were not answered. */
static int64_t units_ordered(const char *product_id) {
  Ordershop__V1__ListOrdersRequest request = ORDERSHOP__V1__LIST_ORDERS_REQUEST__INIT;
  request.page_size = 1000;
  const Ordershop__V1__ListOrdersResponse *list = must(ORDERSHOP_ORDER, "ListOrders", &request);
  int64_t units = 0;
  for (size_t o = 0; o < list->n_orders; o++) {
    for (size_t i = 0; i < list->orders[o]->n_items; i++) {
      const Ordershop__V1__OrderItem *item = list->orders[o]->items[i];
      if (strcmp(item->product_id, product_id) == 0) units += item->quantity;
    }
  }
  return units;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void after_a_failover_under_load_lists_mails_and_stock_are_right(void) {
  struct buyer buyers[BUYERS];
  const Ordershop__V1__Product *product = new_stocked_product(UNITS);
  begin_to_buy(buyers, product->id);
  fail_over();
  lead_to_master();
  the_shop_goes_on();
  sleep(EXPIRY_SECONDS); /* reservations that were made before expire meanwhile */
  stop_buying(buyers);
  CU_ASSERT_TRUE(attempts_end());
  int64_t units = units_ordered(product->id);
  CU_ASSERT_TRUE(units <= UNITS);
  CU_ASSERT_TRUE(stock_becomes(product->id, UNITS - units, units));
  CU_ASSERT_EQUAL(all_log_lines("recorded without their stock"), 0);
  CU_ASSERT_TRUE(eventually(is_left, replica));
}

static void the_old_master_follows_the_new_one_by_the_shipped_files(void) {
  CU_ASSERT_TRUE(eventually(follows, replica));
}

static void a_demoted_master_that_nobody_writes_to_is_left_and_said_once(void) {
  int lines = all_log_lines("redis is away");
  fail_over();
  CU_ASSERT_TRUE(become_serving(false));
  CU_ASSERT_EQUAL(all_log_lines("redis is away"), lines + ORDERSHOP_SERVICE_COUNT);
  lead_to_master();
  CU_ASSERT_TRUE(become_serving(true));
  CU_ASSERT_EQUAL(all_log_lines("redis is away"), lines + ORDERSHOP_SERVICE_COUNT);
  the_shop_goes_on();
  CU_ASSERT_TRUE(eventually(follows, replica));
}

/* The old one stays a master that takes all that it is sent. */
static void where_some_connections_are_led_to_a_promoted_replica_all_follow(void) {
  promote_replica();
  lead_to_master();
  forwarder_cut(private_shop_forwarder(shop), 3);
  CU_ASSERT_TRUE(eventually(is_left, replica));
  the_shop_goes_on();
  make_replica_follow();
}

static void an_address_that_leads_to_a_promoted_replica_is_followed_although_no_connection_breaks(void) {
  promote_replica();
  lead_to_master();
  CU_ASSERT_TRUE(eventually(is_left, replica));
  the_shop_goes_on();
  make_replica_follow();
}

static void nobody_returns_to_a_master_that_stood_still_while_its_replica_was_promoted(void) {
  let_everything_follow(master);
  private_redis_pause(master);
  private_redis_command(replica, "REPLICAOF NO ONE");
  change_places();
  lead_to_master();
  the_shop_goes_on();
  private_redis_resume(replica);
  CU_ASSERT_TRUE(eventually(is_left, replica)); /* what it was sent while it stood still, it does now */
  const char *clock = arena_strdup(arena, private_redis_command(replica, "GET ordershop_clock"));
  the_shop_goes_on();
  CU_ASSERT_STRING_EQUAL(private_redis_command(replica, "GET ordershop_clock"), clock);
  make_replica_follow();
}

/* Ticks are no entries: the old master's clock goes on while its replica has taken over already. */
static void ticks_that_a_promoted_replica_lacks_stop_nobody(void) {
  const Ordershop__V1__ListOrdersRequest request = ORDERSHOP__V1__LIST_ORDERS_REQUEST__INIT;
  promote_replica();
  const char *clock = arena_strdup(arena, private_redis_command(replica, "GET ordershop_clock"));
  long long ms = atoll(clock);
  private_redis_command(replica, "SET ordershop_clock %s",
                        arena_printf(arena, "%lld-0%s", ms + 3600000, strchr(clock, ' ')));
  must(ORDERSHOP_ORDER, "ListOrders", &request); /* its consumer has seen the clock */
  lead_to_master();
  CU_ASSERT_TRUE(eventually(is_left, replica));
  the_shop_goes_on();
  make_replica_follow();
}

static void a_server_that_refuses_writes_makes_services_not_ready_until_it_takes_them_again(void) {
  int begun = all_log_lines("not serving"), warnings = all_log_lines("level=warn");
  private_redis_command(master, "CONFIG SET min-replicas-to-write 2");
  CU_ASSERT_TRUE(become_serving(false));
  CU_ASSERT_EQUAL(all_log_lines("NOREPLICAS"), ORDERSHOP_SERVICE_COUNT);
  private_redis_command(master, "CONFIG SET min-replicas-to-write 0");
  CU_ASSERT_TRUE(become_serving(true));
  CU_ASSERT_EQUAL(all_log_lines("not serving"), begun + ORDERSHOP_SERVICE_COUNT);
  CU_ASSERT_EQUAL(all_log_lines("level=warn"), warnings + ORDERSHOP_SERVICE_COUNT);
  the_shop_goes_on();
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=1", NULL};
  fault_shop_open(&(struct private_shop_options){
      .variables = variables,
      .forwarded = true,
  });
  customer = new_customer();
  master = redis;
  replica = private_shop_start_redis_replica(shop);
  return 0;
}

static int tear_down(void) {
  private_redis_free(master == redis ? replica : master);
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"after a failover under load lists, mails and stock are right",
       after_a_failover_under_load_lists_mails_and_stock_are_right},
      {"the old master follows the new one by the shipped files",
       the_old_master_follows_the_new_one_by_the_shipped_files},
      {"a demoted master that nobody writes to is left, and said once",
       a_demoted_master_that_nobody_writes_to_is_left_and_said_once},
      {"where some connections are led to a promoted replica all follow",
       where_some_connections_are_led_to_a_promoted_replica_all_follow},
      {"an address that leads to a promoted replica is followed although no connection breaks",
       an_address_that_leads_to_a_promoted_replica_is_followed_although_no_connection_breaks},
      {"nobody returns to a master that stood still while its replica was promoted",
       nobody_returns_to_a_master_that_stood_still_while_its_replica_was_promoted},
      {"ticks that a promoted replica lacks stop nobody", ticks_that_a_promoted_replica_lacks_stop_nobody},
      {"a server that refuses writes makes services not ready until it takes them again",
       a_server_that_refuses_writes_makes_services_not_ready_until_it_takes_them_again},
  };
  return suite_main("failover", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
