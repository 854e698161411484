/* SPDX-License-Identifier: Apache-2.0 */
/* A replica takes over from the shop's Redis, in all the ways in which that happens: whoever was connected to the old
 * master, even if it only reads, is soon connected to the new one, and nothing is decided by what the old one says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fault_shop.h"
#include "patience.h"
#include "visitors.h"

enum { UNITS = 10, HELD = 3, PAUSE_US = 100 * 1000 };

/* `redis` is the master, whichever of the two that is: they change places with each failover. */
static struct private_redis *replica;
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
  struct private_redis *before = redis;
  redis = replica;
  replica = before;
}

/* A master that has not heard of the replica for a moment refuses. */
static bool begins_to_fail_over(const void *server) {
  const char *answer =
      private_redis_command(redis, "FAILOVER TO 127.0.0.1 %d", private_redis_port((struct private_redis *)server));
  return strcmp(answer, "OK") == 0;
}

/* Says why nothing has become of a failover. */
static void show_replication(const char *name, struct private_redis *server) {
  printf("\n    %s: %s", name, private_redis_command(server, "INFO replication"));
}

/* FAILOVER loses nothing: it holds up writes until the replica has all. */
static void fail_over(void) {
  bool begun = eventually(begins_to_fail_over, replica);
  bool done = begun && eventually(is_master, replica);
  if (!done) show_replication("the master", redis);
  if (!done) show_replication("the replica", replica);
  CU_ASSERT_TRUE_FATAL(begun);
  CU_ASSERT_TRUE_FATAL(done);
  change_places();
}

/* The old master has no password to follow with, and, unlike by the shipped files, tells what it knew. */
static void fail_over_to_a_replica_that_cant_be_followed(void) {
  private_redis_command(redis, "CONFIG SET replica-serve-stale-data yes");
  fail_over();
  private_redis_command(redis, "ACL SETUSER replica off");
  private_redis_command(redis, "CLIENT KILL USER replica");
}

/* Without a word to the old master, which stays one. Nothing is under way that would get lost. */
static void promote_replica(void) {
  let_everything_follow();
  private_redis_command(replica, "REPLICAOF NO ONE");
  change_places();
}

static void lead_to_master(void) {
  forwarder_lead_to(private_shop_forwarder(shop), private_redis_port(redis));
}

static void make_replica_follow(void) {
  private_redis_command(redis, "ACL SETUSER replica on");
  private_redis_command(replica, "CONFIG SET replica-serve-stale-data no");
  private_redis_command(replica, "REPLICAOF 127.0.0.1 %d", private_redis_port(redis));
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

/* ---- consumers that have read events, and not yet handled them ------------------------------------------------- */

/* All that no command of visitors waits for; the mail service's is held by a mail, the others by an order. */
static const enum ordershop_service listeners[] = {ORDERSHOP_MAIL, ORDERSHOP_INVENTORY, ORDERSHOP_BILLING,
                                                   ORDERSHOP_CRM};

static void hold(enum ordershop_service service) {
  private_shop_arm(shop, service, "consumer.after_read", "pause");
}

static void await_held(enum ordershop_service service) {
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, service, "consumer.after_read"));
}

/* None of them waits in a blocking read then, which a failover would end: they read on where they are. */
static void hold_consumers(void) {
  const Ordershop__V1__Product *product = new_stocked_product(1);
  hold(ORDERSHOP_MAIL);
  new_customer();
  await_held(ORDERSHOP_MAIL);
  for (size_t i = 1; i < SUITE_SIZE(listeners); i++) hold(listeners[i]);
  new_order(customer->id, product->id, 1);
  for (size_t i = 1; i < SUITE_SIZE(listeners); i++) await_held(listeners[i]);
}

static void release_consumers(void) {
  for (size_t i = 0; i < SUITE_SIZE(listeners); i++) private_shop_release(shop, listeners[i], "consumer.after_read");
}

/* What visitors were told holds: who has signed up is listed, what was bought is an order. */
static void assert_served(int64_t ordered) {
  int count;
  const struct acknowledged *things = visitors_acknowledged(&count);
  for (int i = 0; i < count; i++) {
    if (things[i].owner == ORDERSHOP_CUSTOMER) CU_ASSERT_TRUE(is_listed(things[i].id));
  }
  CU_ASSERT_TRUE(visitors_orders() <= ordered); /* an order may have been recorded without an answer */
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

static bool is_sold(const void *product_id) {
  return units_ordered(product_id) > 0;
}

static bool is_sold_out(const void *product_id) {
  return units_ordered(product_id) >= UNITS;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

/* Visitors sign up and buy what is there; an order that holds some of it stands still until its reservation has
 * expired. */
static void sell_out_while(void (*failing_over)(void)) {
  const Ordershop__V1__Product *product = new_stocked_product(UNITS);
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct asking *late =
      ask_begin(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, product->id, HELD, NULL));
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));
  hold_consumers();
  visitors_come(product->id, customer->id, PAUSE_US);
  CU_ASSERT_TRUE(eventually(is_sold, product->id));
  failing_over();
  lead_to_master();
  release_consumers();
  CU_ASSERT_TRUE(eventually(is_sold_out, product->id)); /* also what the one that stands still has held */
  CU_ASSERT_TRUE(attempts_end());
  visitors_leave();
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  CU_ASSERT_FALSE(status_is_ok(ask_end(late).status));
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_EQUAL(units_ordered(product->id), UNITS);
  CU_ASSERT_TRUE(stock_becomes(product->id, 0, UNITS));
  CU_ASSERT_EQUAL(all_log_lines("recorded without their stock"), 0);
  assert_served(UNITS);
  CU_ASSERT_TRUE(each_mail_is_sent_once());
  CU_ASSERT_TRUE(eventually(is_left, replica));
}

static void no_more_is_sold_than_there_is_while_reservations_expire_during_a_failover(void) {
  sell_out_while(fail_over);
}

static void the_old_master_follows_the_new_one_by_the_shipped_files(void) {
  CU_ASSERT_TRUE(eventually(follows, replica));
}

static void no_more_is_sold_than_there_is_while_the_old_master_tells_what_it_knew(void) {
  sell_out_while(fail_over_to_a_replica_that_cant_be_followed);
  make_replica_follow();
}

/* The time that it takes is printed, and meant to be below 2 s; on a busy machine only far more is a failure. */
static void be_right_soon_after(void (*failing_over)(void)) {
  hold_consumers();
  int64_t begin = clock_monotonic_us();
  failing_over();
  lead_to_master();
  release_consumers();
  the_shop_goes_on();
  int64_t took = clock_monotonic_us() - begin;
  printf("\n    lists, mails and stock were right %.2f s after the failover began: ", (double)took / 1e6);
  CU_ASSERT_TRUE(took < at_once_us());
  CU_ASSERT_TRUE(eventually(is_left, replica));
}

static void lists_mails_and_stock_are_right_soon_after_a_failover(void) {
  be_right_soon_after(fail_over);
  CU_ASSERT_TRUE(eventually(follows, replica));
}

static void lists_mails_and_stock_are_right_soon_although_the_old_master_tells_what_it_knew(void) {
  be_right_soon_after(fail_over_to_a_replica_that_cant_be_followed);
  make_replica_follow();
}

static void a_demoted_master_that_nobody_writes_to_is_left_and_said_once(void) {
  int lines = all_log_lines("redis is away");
  fail_over();
  CU_ASSERT_TRUE(become_serving(false));
  CU_ASSERT_TRUE(all_log_lines_become("redis is away", lines + SHIPPED_OWNER_COUNT));
  lead_to_master();
  CU_ASSERT_TRUE(become_serving(true));
  CU_ASSERT_TRUE(all_log_lines_become("redis is away", lines + SHIPPED_OWNER_COUNT));
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
  let_everything_follow();
  private_redis_pause(redis);
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
  private_redis_command(redis, "CONFIG SET min-replicas-to-write 2");
  CU_ASSERT_TRUE(become_serving(false));
  CU_ASSERT_TRUE(all_log_lines_become("NOREPLICAS", SHIPPED_OWNER_COUNT));
  private_redis_command(redis, "CONFIG SET min-replicas-to-write 0");
  CU_ASSERT_TRUE(become_serving(true));
  CU_ASSERT_TRUE(all_log_lines_become("not serving", begun + SHIPPED_OWNER_COUNT));
  CU_ASSERT_TRUE(all_log_lines_become("level=warn", warnings + SHIPPED_OWNER_COUNT));
  the_shop_goes_on();
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=1", NULL};
  fault_shop_open(&(struct private_shop_options){
      .variables = variables,
      .forwarded = true,
  });
  customer = new_customer();
  replica = private_shop_start_redis_replica(shop);
  return 0;
}

static int tear_down(void) {
  visitors_leave();
  private_redis_free(replica == private_shop_redis(shop) ? redis : replica);
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"no more is sold than there is while the old master tells what it knew",
       no_more_is_sold_than_there_is_while_the_old_master_tells_what_it_knew},
      {"no more is sold than there is while reservations expire during a failover",
       no_more_is_sold_than_there_is_while_reservations_expire_during_a_failover},
      {"the old master follows the new one by the shipped files",
       the_old_master_follows_the_new_one_by_the_shipped_files},
      {"lists, mails and stock are right soon after a failover", lists_mails_and_stock_are_right_soon_after_a_failover},
      {"lists, mails and stock are right soon although the old master tells what it knew",
       lists_mails_and_stock_are_right_soon_although_the_old_master_tells_what_it_knew},
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
