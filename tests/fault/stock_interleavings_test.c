/* SPDX-License-Identifier: Apache-2.0 */
/* The interleavings of orders and stock that docs/guarantees.md speaks of, with real processes: whatever stops or dies
 * where, stock is held once for an order that exists, and given back for one that doesn't. Reservations live for a
 * second here. */
#include <string.h>

#include "base/message.h"
#include "fault_shop.h"

enum { CROWD = 32 };

static const Ordershop__V1__Customer *customer;

static int64_t orders_created(void) {
  return private_redis_number(redis_of("order_created"), "XLEN %s", key_of("events:order_created"));
}

/* An order under way that has reserved stock and waits before it is recorded. */
static struct asking *begin_order_and_reserve(const Ordershop__V1__CreateOrderRequest *request) {
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct asking *asking = ask_begin(once, ORDERSHOP_ORDER, "CreateOrder", request);
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));
  return asking;
}

static void an_order_service_stopped_beyond_the_expiry_records_with_a_new_attempt(void) {
  const Ordershop__V1__Product *product = new_stocked_product(5);
  let_everything_follow(); /* then the order service has begun its log, whose time is what a reservation expires by */
  struct asking *asking = begin_order_and_reserve(order_request(customer->id, product->id, 2, NULL));
  private_shop_pause_service(shop, ORDERSHOP_ORDER);
  CU_ASSERT_TRUE(stock_is(product->id, 3, 2));
  CU_ASSERT_TRUE(stock_becomes(product->id, 5, 0)); /* the reservation has expired */
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  private_shop_resume_service(shop, ORDERSHOP_ORDER);
  CU_ASSERT_EQUAL(ask_end(asking).status.code, STATUS_OK);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, 3, 2));
}

static void an_order_recorded_too_late_is_refused_when_its_stock_has_gone_to_another(void) {
  const Ordershop__V1__Product *product = new_stocked_product(1);
  struct asking *asking = begin_order_and_reserve(order_request(customer->id, product->id, 1, NULL));
  CU_ASSERT_TRUE(stock_becomes(product->id, 1, 0));
  const Ordershop__V1__Order *other = new_order(customer->id, product->id, 1);
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  assert_refused(ask_end(asking), STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, 0, 1));
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(other->id));
  CU_ASSERT_TRUE(stock_becomes(product->id, 1, 0));
}

/* The first call must fail as unavailable; the second, the same again, must be OK and is the only order. */
static void assert_same_request_makes_one_order(const Ordershop__V1__CreateOrderRequest *request, struct asking *first,
                                                enum ordershop_service ended, int64_t orders_before) {
  struct ordershop_answer lost = ask_end(first);
  CU_ASSERT_EQUAL(lost.status.code, STATUS_UNAVAILABLE);
  if (ended != SHIPPED_SERVICE_COUNT) {
    private_shop_await_end(shop, ended);
    start_service(ended);
  }
  const Ordershop__V1__Order *order = must(ORDERSHOP_ORDER, "CreateOrder", request);
  const Ordershop__V1__Order *again = must(ORDERSHOP_ORDER, "CreateOrder", request);
  CU_ASSERT_STRING_EQUAL(order->id, again->id);
  CU_ASSERT_EQUAL(orders_created(), orders_before + 1);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(order->product_ids[0], 4, 1));
}

static void assert_retry_after(enum ordershop_service service, const char *point, const char *action) {
  const Ordershop__V1__Product *product = new_stocked_product(5);
  const Ordershop__V1__CreateOrderRequest *request = order_request(customer->id, product->id, 1, new_id());
  bool kills = strcmp(action, "kill") == 0;
  int64_t before = orders_created();
  private_shop_arm(shop, service, point, action);
  struct asking *first = ask_begin(once, ORDERSHOP_ORDER, "CreateOrder", request);
  assert_same_request_makes_one_order(request, first, kills ? service : SHIPPED_SERVICE_COUNT, before);
}

static void an_order_whose_answer_was_lost_is_what_the_same_request_gets(void) {
  assert_retry_after(ORDERSHOP_ORDER, "order.after_record", "error");
}

static void the_same_request_after_a_kill_between_reservation_and_record_makes_one_order(void) {
  assert_retry_after(ORDERSHOP_ORDER, "order.after_reserve", "kill");
}

static void the_same_request_after_a_kill_behind_the_record_gets_the_order(void) {
  assert_retry_after(ORDERSHOP_ORDER, "order.after_record", "kill");
}

static void the_same_request_after_a_kill_of_the_inventory_behind_the_reservation_makes_one_order(void) {
  assert_retry_after(ORDERSHOP_INVENTORY, "inventory.after_reserve", "kill");
}

static void the_same_request_after_a_lost_answer_of_the_inventory_makes_one_order(void) {
  assert_retry_after(ORDERSHOP_INVENTORY, "inventory.after_reserve", "error");
}

static void stock_of_an_order_service_killed_after_the_reservation_comes_back(void) {
  const Ordershop__V1__Product *product = new_stocked_product(3);
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "kill");
  struct ordershop_answer lost =
      ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, product->id, 3, NULL));
  CU_ASSERT_EQUAL(lost.status.code, STATUS_UNAVAILABLE);
  private_shop_await_end(shop, ORDERSHOP_ORDER);
  CU_ASSERT_TRUE(stock_becomes(product->id, 3, 0)); /* while it is still away */
  start_service(ORDERSHOP_ORDER);
}

static void an_order_created_and_deleted_while_the_inventory_is_down_leaves_nothing_behind(void) {
  const Ordershop__V1__Product *product = new_stocked_product(4);
  struct asking *asking = begin_order_and_reserve(order_request(customer->id, product->id, 4, NULL));
  private_shop_kill_service(shop, ORDERSHOP_INVENTORY);
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  struct ordershop_answer created = ask_end(asking);
  CU_ASSERT_EQUAL_FATAL(created.status.code, STATUS_OK);
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(((const Ordershop__V1__Order *)created.message)->id));
  start_service(ORDERSHOP_INVENTORY);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_becomes(product->id, 4, 0));
}

static void an_order_whose_caller_has_given_up_holds_stock_only_if_it_exists(void) {
  const Ordershop__V1__Product *product = new_stocked_product(5);
  const Ordershop__V1__CreateOrderRequest *request = order_request(customer->id, product->id, 2, new_id());
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct ordershop_answer answer = ask_within(once, 200, ORDERSHOP_ORDER, "CreateOrder", request);
  CU_ASSERT_TRUE(ran_out_of_time(answer));
  int64_t before = orders_created();
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  CU_ASSERT_TRUE(attempts_end());
  int64_t made = orders_created() - before;
  CU_ASSERT_TRUE(stock_is(product->id, 5 - 2 * made, 2 * made));
  must(ORDERSHOP_ORDER, "CreateOrder", request);
  CU_ASSERT_EQUAL(orders_created(), before + 1);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, 3, 2));
}

static const char *lease_epoch(void) {
  static const char key[] = "inventory_lease_epoch";
  return arena_strdup(arena, private_redis_command(redis_of(key), "GET %s", key_of(key)));
}

static bool is_settled_by_another(const void *former_epoch) {
  static const char attempts[] = "inventory_attempts";
  return strcmp(lease_epoch(), former_epoch) != 0 &&
         private_redis_number(redis_of(attempts), "ZCARD %s", key_of(attempts)) == 0;
}

/* It has read that an order was created; before it comes to, another replica has handled that, and the cancellation. */
static void an_inventory_that_wakes_up_after_its_lease_takes_no_stock_for_an_order_that_is_gone(void) {
  const Ordershop__V1__Product *product = new_stocked_product(5);
  private_shop_arm(shop, ORDERSHOP_INVENTORY, "consumer.after_read", "pause");
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 2);
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_INVENTORY, "consumer.after_read"));
  private_shop_pause_service(shop, ORDERSHOP_INVENTORY);
  const char *epoch = lease_epoch();
  private_shop_start_replica(shop, ORDERSHOP_INVENTORY);
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
  CU_ASSERT_TRUE(eventually(is_settled_by_another, epoch));
  CU_ASSERT_TRUE(eventually_number(0, "EXISTS %s", arena_printf(arena, "inventory_reservation:%s", order->id)));
  private_shop_release(shop, ORDERSHOP_INVENTORY, "consumer.after_read");
  private_shop_resume_service(shop, ORDERSHOP_INVENTORY);
  CU_ASSERT_TRUE(stock_becomes(product->id, 5, 0));
  private_shop_kill_replica(shop);
  private_redis_command(redis_of("inventory_lease"), "DEL %s", key_of("inventory_lease")); /* as time would */
  new_order(customer->id, product->id, 5); /* handled by the former zombie */
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, 0, 5));
}

static void an_update_that_was_overtaken_by_another_holds_only_what_it_records(void) {
  const Ordershop__V1__Product *one = new_stocked_product(10), *other = new_stocked_product(10);
  const Ordershop__V1__Order *order = new_order(customer->id, one->id, 1);
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct asking *slow = ask_begin(once, ORDERSHOP_ORDER, "UpdateOrder", update_request(order->id, one->id, 3));
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));
  must(ORDERSHOP_ORDER, "UpdateOrder", update_request(order->id, other->id, 2));
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  struct ordershop_answer updated = ask_end(slow);
  CU_ASSERT_EQUAL_FATAL(updated.status.code, STATUS_OK);
  CU_ASSERT_EQUAL(((const Ordershop__V1__Order *)updated.message)->version, 3);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_becomes(one->id, 7, 3));
  CU_ASSERT_TRUE(stock_becomes(other->id, 10, 0));
}

static void of_updates_of_one_order_at_once_the_last_one_decides_what_it_holds(void) {
  const Ordershop__V1__Product *product = new_stocked_product(40);
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 1);
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = update_request(order->id, product->id, 2 + i);
  struct ordershop_answer *answers = ask_all(client, ORDERSHOP_ORDER, "UpdateOrder", requests, CROWD);
  size_t updated = count_ok(answers, CROWD);
  CU_ASSERT_TRUE(updated > 0);
  const Ordershop__V1__Order *last = must(ORDERSHOP_ORDER, "GetOrder", get_order_request(order->id));
  CU_ASSERT_EQUAL(last->version, (int64_t)updated + 1);
  CU_ASSERT_TRUE(attempts_end());
  int64_t units = (int64_t)last->n_product_ids;
  CU_ASSERT_TRUE(stock_becomes(product->id, 40 - units, units));
}

static void of_32_orders_at_once_for_the_last_unit_exactly_one_gets_it(void) {
  const Ordershop__V1__Product *product = new_stocked_product(1);
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = order_request(customer->id, product->id, 1, NULL);
  struct ordershop_answer *answers = ask_all(client, ORDERSHOP_ORDER, "CreateOrder", requests, CROWD);
  CU_ASSERT_EQUAL(count_ok(answers, CROWD), 1);
  for (size_t i = 0; i < CROWD; i++) {
    if (status_is_ok(answers[i].status)) continue;
    assert_refused(answers[i], STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  }
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, 0, 1));
}

static void one_request_32_times_at_once_is_one_order_and_one_answer(void) {
  const Ordershop__V1__Product *product = new_stocked_product(100);
  const Ordershop__V1__CreateOrderRequest *request = order_request(customer->id, product->id, 3, new_id());
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = request;
  int64_t before = orders_created();
  struct ordershop_answer *answers = ask_all(client, ORDERSHOP_ORDER, "CreateOrder", requests, CROWD);
  CU_ASSERT_EQUAL(count_ok(answers, CROWD), CROWD);
  const Ordershop__V1__Order *first = answers[0].message;
  for (size_t i = 1; i < CROWD; i++) {
    const Ordershop__V1__Order *order = answers[i].message;
    CU_ASSERT_TRUE(order && message_equal(arena, order, first));
  }
  CU_ASSERT_EQUAL(orders_created(), before + 1);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, 97, 3));
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=1", NULL};
  fault_shop_open(&(struct private_shop_options){.variables = variables});
  customer = new_customer();
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"an order service stopped beyond the expiry records with a new attempt",
       an_order_service_stopped_beyond_the_expiry_records_with_a_new_attempt},
      {"an order recorded too late is refused when its stock has gone to another",
       an_order_recorded_too_late_is_refused_when_its_stock_has_gone_to_another},
      {"an order whose answer was lost is what the same request gets",
       an_order_whose_answer_was_lost_is_what_the_same_request_gets},
      {"the same request after a kill between reservation and record makes one order",
       the_same_request_after_a_kill_between_reservation_and_record_makes_one_order},
      {"the same request after a kill behind the record gets the order",
       the_same_request_after_a_kill_behind_the_record_gets_the_order},
      {"the same request after a kill of the inventory behind the reservation makes one order",
       the_same_request_after_a_kill_of_the_inventory_behind_the_reservation_makes_one_order},
      {"the same request after a lost answer of the inventory makes one order",
       the_same_request_after_a_lost_answer_of_the_inventory_makes_one_order},
      {"stock of an order service killed after the reservation comes back",
       stock_of_an_order_service_killed_after_the_reservation_comes_back},
      {"an order created and deleted while the inventory is down leaves nothing behind",
       an_order_created_and_deleted_while_the_inventory_is_down_leaves_nothing_behind},
      {"an order whose caller has given up holds stock only if it exists",
       an_order_whose_caller_has_given_up_holds_stock_only_if_it_exists},
      {"an inventory that wakes up after its lease takes no stock for an order that is gone",
       an_inventory_that_wakes_up_after_its_lease_takes_no_stock_for_an_order_that_is_gone},
      {"an update that was overtaken by another holds only what it records",
       an_update_that_was_overtaken_by_another_holds_only_what_it_records},
      {"of updates of one order at once the last one decides what it holds",
       of_updates_of_one_order_at_once_the_last_one_decides_what_it_holds},
      {"of 32 orders at once for the last unit exactly one gets it",
       of_32_orders_at_once_for_the_last_unit_exactly_one_gets_it},
      {"one request 32 times at once is one order and one answer",
       one_request_32_times_at_once_is_one_order_and_one_answer},
  };
  return suite_main("stock interleavings", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
