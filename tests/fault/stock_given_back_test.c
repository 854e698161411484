/* SPDX-License-Identifier: Apache-2.0 */
/* Stock that was reserved for an order which is not recorded then is given back at once, not when the reservation
 * expires: here that takes an hour. */
#include <stdio.h>
#include <string.h>

#include "echo_call.h"
#include "fault_shop.h"

enum { IN_STOCK = 5, QUANTITY = 2, BUSY_MS = 10000 };
#define CREATE_PATH "/ordershop.v1.OrderService/CreateOrder"

static const Ordershop__V1__Customer *customer;

static const void *request_of(const Ordershop__V1__Product *product) {
  return order_request(customer->id, product->id, QUANTITY, new_id());
}

static void assert_given_back(const Ordershop__V1__Product *product, int64_t orders_before) {
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, IN_STOCK, 0));
  CU_ASSERT_EQUAL(private_redis_number(redis_of("order_created"), "XLEN events:order_created"), orders_before);
}

static int64_t orders_created(void) {
  return private_redis_number(redis_of("order_created"), "XLEN events:order_created");
}

static void stock_of_a_call_whose_deadline_passes_before_the_record_comes_back(void) {
  const Ordershop__V1__Product *product = new_stocked_product(IN_STOCK);
  int64_t before = orders_created();
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct ordershop_answer answer = ask_within(once, 1000, ORDERSHOP_ORDER, "CreateOrder", request_of(product));
  CU_ASSERT_EQUAL(answer.status.code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));
  CU_ASSERT_TRUE(stock_is(product->id, IN_STOCK - QUANTITY, QUANTITY));
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  assert_given_back(product, before);
}

/* Connections that are open at a port of this machine, by the kernel's table. */
static int connections_at(int port) {
  FILE *table = fopen("/proc/net/tcp", "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(table);
  char line[256];
  int count = 0;
  while (fgets(line, sizeof(line), table)) {
    unsigned local, state;
    count += sscanf(line, " %*d: %*8x:%4x %*8x:%*4x %2x", &local, &state) == 2 && (int)local == port && state == 1;
  }
  fclose(table);
  return count;
}

struct connections {
  int port, max;
};

static bool are_closed(const void *argument) {
  const struct connections *connections = argument;
  return connections_at(connections->port) <= connections->max;
}

static void stock_of_a_caller_that_dies_before_the_record_comes_back(void) {
  const Ordershop__V1__Product *product = new_stocked_product(IN_STOCK);
  int64_t before = orders_created();
  int port = private_shop_port(shop, ORDERSHOP_ORDER);
  const struct connections others = {.port = port, .max = connections_at(port)};
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct echo_call *call = echo_call_open(port, CREATE_PATH, 60000, NULL, NULL);
  echo_call_send(call, request_of(product));
  echo_call_send_end(call);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));
  echo_call_free(call);
  CU_ASSERT_TRUE(eventually(are_closed, &others));
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  assert_given_back(product, before);
}

static void stock_comes_back_when_the_inventorys_answer_is_lost(void) {
  const Ordershop__V1__Product *product = new_stocked_product(IN_STOCK);
  int64_t before = orders_created();
  private_shop_arm(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve", "error");
  struct ordershop_answer answer = ask(once, ORDERSHOP_ORDER, "CreateOrder", request_of(product));
  CU_ASSERT_EQUAL(answer.status.code, STATUS_UNAVAILABLE);
  assert_given_back(product, before);
}

static void stock_comes_back_when_the_inventory_leaves_no_time_for_the_record(void) {
  const Ordershop__V1__Product *product = new_stocked_product(IN_STOCK);
  int64_t before = orders_created();
  private_shop_arm(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve", "pause");
  struct ordershop_answer answer = ask_within(once, 2000, ORDERSHOP_ORDER, "CreateOrder", request_of(product));
  CU_ASSERT_TRUE(answer.status.code == STATUS_UNAVAILABLE || answer.status.code == STATUS_DEADLINE_EXCEEDED);
  private_shop_release(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve");
  assert_given_back(product, before);
}

/* The inventory is not away: it answers the order of another product while this one's reservation is held up. */
static void an_order_that_a_busy_inventory_keeps_waiting_is_to_be_tried_again_later(void) {
  const Ordershop__V1__Product *product = new_stocked_product(IN_STOCK), *other = new_stocked_product(IN_STOCK);
  int64_t before = orders_created();
  private_shop_arm(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve", "pause");
  struct echo_call *call = echo_call_open(private_shop_port(shop, ORDERSHOP_ORDER), CREATE_PATH, BUSY_MS, NULL, NULL);
  echo_call_send(call, request_of(product));
  echo_call_send_end(call);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve"));
  must(ORDERSHOP_ORDER, "CreateOrder", request_of(other));
  ProtobufCMessage *order;
  echo_call_receive(call, BUSY_MS, arena, &ordershop__v1__order__descriptor, &order);
  CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_RESOURCE_EXHAUSTED);
  echo_call_free(call);
  private_shop_release(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve");
  assert_given_back(product, before + 1);
}

static void the_same_request_makes_the_order_afterwards(void) {
  const Ordershop__V1__Product *product = new_stocked_product(IN_STOCK);
  const void *request = request_of(product);
  private_shop_arm(shop, ORDERSHOP_INVENTORY, "inventory.after_reserve", "error");
  CU_ASSERT_EQUAL(ask(once, ORDERSHOP_ORDER, "CreateOrder", request).status.code, STATUS_UNAVAILABLE);
  must(ORDERSHOP_ORDER, "CreateOrder", request);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(product->id, IN_STOCK - QUANTITY, QUANTITY));
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=3600", NULL};
  fault_shop_open(&(struct private_shop_options){.variables = variables});
  customer = new_customer();
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

static const struct test tests[] = {
    {"stock of a call whose deadline passes before the record comes back",
     stock_of_a_call_whose_deadline_passes_before_the_record_comes_back},
    {"stock of a caller that dies before the record comes back",
     stock_of_a_caller_that_dies_before_the_record_comes_back},
    {"stock comes back when the inventory's answer is lost", stock_comes_back_when_the_inventorys_answer_is_lost},
    {"stock comes back when the inventory leaves no time for the record",
     stock_comes_back_when_the_inventory_leaves_no_time_for_the_record},
    {"an order that a busy inventory keeps waiting is to be tried again later",
     an_order_that_a_busy_inventory_keeps_waiting_is_to_be_tried_again_later},
    {"the same request makes the order afterwards", the_same_request_makes_the_order_afterwards},
};

int main(int argc, char **argv) {
  return suite_main("stock given back", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
