/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of the Python reference implementation, each as a test that this shop hasn't got it. Those that need a
 * crash or a crowd are in the other tests here: mails lost while CRM or mail is down (consumers_test), stock oversold
 * or leaked (stock_interleavings_test). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault_shop.h"

static const Ordershop__V1__Customer *customer;
static const Ordershop__V1__Product *product;

static struct ordershop_answer try_order(const char *customer_id, const char *product_id, size_t quantity) {
  return ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer_id, product_id, quantity, NULL));
}

/* ---- orders and stock ------------------------------------------------------------------------------------------- */

static void cancelling_an_order_gives_its_stock_back(void) {
  const Ordershop__V1__Product *rare = new_stocked_product(5);
  const Ordershop__V1__Order *order = new_order(customer->id, rare->id, 3);
  CU_ASSERT_TRUE(stock_becomes(rare->id, 2, 3));
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
  CU_ASSERT_TRUE(stock_becomes(rare->id, 5, 0));
}

static void an_order_without_a_customer_is_refused_and_takes_no_stock(void) {
  const Ordershop__V1__Product *rare = new_stocked_product(5);
  assert_refused(try_order("", rare->id, 1), STATUS_INVALID_ARGUMENT, "FIELD_INVALID");
  CU_ASSERT_TRUE(stock_is(rare->id, 5, 0));
}

static void an_unknown_customer_is_refused_and_takes_no_stock(void) {
  const Ordershop__V1__Product *rare = new_stocked_product(5);
  assert_refused(try_order(new_id(), rare->id, 1), STATUS_NOT_FOUND, "CUSTOMER_NOT_FOUND");
  CU_ASSERT_TRUE(stock_is(rare->id, 5, 0));
}

static void an_unknown_product_is_refused(void) {
  assert_refused(try_order(customer->id, new_id(), 1), STATUS_NOT_FOUND, "PRODUCT_NOT_FOUND");
}

static void an_empty_order_is_refused_and_the_next_one_works(void) {
  assert_refused(try_order(customer->id, product->id, 0), STATUS_INVALID_ARGUMENT, "FIELD_INVALID");
  CU_ASSERT_EQUAL(try_order(customer->id, product->id, 1).status.code, STATUS_OK);
}

static void negative_stock_is_refused_and_orders_go_on(void) {
  const Ordershop__V1__Product *fresh = new_product(100);
  Ordershop__V1__Inventory inventory = ORDERSHOP__V1__INVENTORY__INIT;
  inventory.product_id = fresh->id;
  inventory.amount = -1;
  Ordershop__V1__CreateInventoryRequest create = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
  create.inventory = &inventory;
  assert_refused(ask(once, ORDERSHOP_INVENTORY, "CreateInventory", &create), STATUS_INVALID_ARGUMENT, "FIELD_INVALID");
  new_stock(fresh->id, 2);
  Ordershop__V1__AdjustStockRequest adjust = ORDERSHOP__V1__ADJUST_STOCK_REQUEST__INIT;
  adjust.product_id = fresh->id;
  adjust.delta = -3;
  assert_refused(ask(once, ORDERSHOP_INVENTORY, "AdjustStock", &adjust), STATUS_FAILED_PRECONDITION,
                 "STOCK_OUT_OF_RANGE");
  new_order(customer->id, fresh->id, 2);
  CU_ASSERT_TRUE(stock_becomes(fresh->id, 0, 2));
}

static void a_second_billing_of_an_order_is_refused(void) {
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 1);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  assert_refused(ask(once, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL)), STATUS_ALREADY_EXISTS,
                 "BILLING_ALREADY_EXISTS");
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static const Ordershop__V1__Customer *read_customer(const char *id) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return must(ORDERSHOP_CUSTOMER, "GetCustomer", &request);
}

static void customers_named_like_keys_and_separators_read_as_they_were_written(void) {
  const char *const names[] = {
      "a_b:c",
      arena_printf(arena, "customer_entity:%s", customer->id),
      "customer_ids",
      "%s %n {shop} *",
      "Robert'); DROP TABLE Students;--",
      "\xC3\x84nne \xE2\x82\xAC",
  };
  for (size_t i = 0; i < SUITE_SIZE(names); i++) {
    const Ordershop__V1__Customer *created =
        must(ORDERSHOP_CUSTOMER, "CreateCustomer", customer_request(names[i], NULL));
    CU_ASSERT_STRING_EQUAL(read_customer(created->id)->name, names[i]);
    CU_ASSERT_STRING_EQUAL(private_redis_command(redis, "HGET customer_entity:%s name", created->id), names[i]);
    Ordershop__V1__GetCustomerProfileRequest profile = ORDERSHOP__V1__GET_CUSTOMER_PROFILE_REQUEST__INIT;
    profile.customer_id = created->id;
    const Ordershop__V1__CustomerProfile *known = must(ORDERSHOP_CRM, "GetCustomerProfile", &profile);
    CU_ASSERT_STRING_EQUAL(known->name, names[i]);
  }
  CU_ASSERT_STRING_EQUAL(read_customer(customer->id)->name, customer->name);
}

/* ---- replay ----------------------------------------------------------------------------------------------------- */

static bool exists(enum ordershop_service service, const char *method, const void *request) {
  struct ordershop_answer answer = ask(client, service, method, request);
  CU_ASSERT_TRUE(status_is_ok(answer.status) || answer.status.code == STATUS_NOT_FOUND);
  return status_is_ok(answer.status);
}

/* A service and the stream of it that was written last. */
struct reader {
  const char *service, *stream;
};

static bool is_at_the_end(const void *argument) {
  const struct reader *reader = argument;
  const struct redis_reply *last = private_redis_reply(redis, arena, "XREVRANGE events:%s + - COUNT 1", reader->stream);
  const char *id = redis_reply_text(redis_reply_at(redis_reply_at(last, 0), 0));
  const char *position = private_redis_command(redis, "HGET %s_position %s", reader->service, reader->stream);
  return position && strcmp(position, id) == 0;
}

/* Every mail that the log asks for has been recorded, and no other. */
static void assert_mails_as_the_log_asks_for(void) {
  static const struct reader readers[] = {{"crm", "customer_deleted"}, {"billing", "order_created"}};
  for (size_t i = 0; i < SUITE_SIZE(readers); i++) CU_ASSERT_TRUE(eventually(is_at_the_end, &readers[i]));
  CU_ASSERT_TRUE(eventually_number(0, "LLEN %s", "crm_outbox"));
  CU_ASSERT_TRUE(eventually_number(0, "LLEN %s", "billing_outbox"));
  int64_t mails = mails_asked_for();
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:mail_created"), mails);
  CU_ASSERT_TRUE(eventually_number(mails, "XLEN %s", "events:mail_updated")); /* each was sent once */
}

/* All consumers handle the whole log once more. */
static void replay_everything(void) {
  static const enum ordershop_service consumers[] = {ORDERSHOP_INVENTORY, ORDERSHOP_ORDER, ORDERSHOP_BILLING,
                                                     ORDERSHOP_MAIL};
  for (size_t i = 0; i < SUITE_SIZE(consumers); i++) private_shop_stop_service(shop, consumers[i]);
  for (size_t i = 0; i < SUITE_SIZE(consumers); i++) {
    private_redis_command(redis, "DEL %s_position", ordershop_service_name(consumers[i]));
  }
  for (size_t i = 0; i < SUITE_SIZE(consumers); i++) start_service(consumers[i]);
}

static void deleted_entities_stay_deleted_when_consumers_replay_the_log(void) {
  const Ordershop__V1__Product *rare = new_stocked_product(5), *gone = new_product(1);
  const Ordershop__V1__Customer *leaver = new_customer();
  const Ordershop__V1__Order *order = new_order(leaver->id, rare->id, 2);
  new_order(customer->id, rare->id, 1);
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
  Ordershop__V1__DeleteCustomerRequest leave = ORDERSHOP__V1__DELETE_CUSTOMER_REQUEST__INIT;
  leave.id = leaver->id;
  must(ORDERSHOP_CUSTOMER, "DeleteCustomer", &leave);
  Ordershop__V1__DeleteProductRequest discard = ORDERSHOP__V1__DELETE_PRODUCT_REQUEST__INIT;
  discard.id = gone->id;
  must(ORDERSHOP_PRODUCT, "DeleteProduct", &discard);
  CU_ASSERT_TRUE(stock_becomes(rare->id, 4, 1));
  assert_mails_as_the_log_asks_for();
  replay_everything();
  CU_ASSERT_TRUE(stock_becomes(rare->id, 4, 1)); /* the client's position: replayed up to there */
  CU_ASSERT_FALSE(exists(ORDERSHOP_ORDER, "GetOrder", get_order_request(order->id)));
  Ordershop__V1__GetCustomerRequest get_customer = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  get_customer.id = leaver->id;
  CU_ASSERT_FALSE(exists(ORDERSHOP_CUSTOMER, "GetCustomer", &get_customer));
  Ordershop__V1__GetProductRequest get_product = ORDERSHOP__V1__GET_PRODUCT_REQUEST__INIT;
  get_product.id = gone->id;
  CU_ASSERT_FALSE(exists(ORDERSHOP_PRODUCT, "GetProduct", &get_product));
  const char *const sets[] = {"order_ids", "customer_ids", "product_ids"};
  const char *const ids[] = {order->id, leaver->id, gone->id};
  for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(private_redis_number(redis, "SISMEMBER %s %s", sets[i], ids[i]), 0);
  assert_refused(ask(client, ORDERSHOP_ORDER, "CreateOrder", order_request(leaver->id, rare->id, 1, NULL)),
                 STATUS_NOT_FOUND, "CUSTOMER_NOT_FOUND");
  assert_mails_as_the_log_asks_for();
}

/* ---- cost ------------------------------------------------------------------------------------------------------- */

enum { CALLS = 40, MORE_PRODUCTS = 1000, MORE_ORDERS = 300 };
enum { COMMANDS_OF_OTHERS = 30, BYTES_OF_OTHERS = 3000 }; /* a call, at most */

/* What calls cost Redis, whatever the machine: commands (those inside functions, too) and bytes answered. */
struct cost {
  int64_t commands, bytes;
};

static int64_t stat_of(const char *info, const char *name) {
  const char *found = strstr(info, name);
  return found ? atoll(found + strlen(name)) : 0;
}

static struct cost cost_so_far(void) {
  struct cost cost = {.bytes = stat_of(private_redis_command(redis, "INFO stats"), "total_net_output_bytes:")};
  const char *info = private_redis_command(redis, "INFO commandstats");
  for (const char *at = strstr(info, "calls="); at; at = strstr(at + 1, "calls=")) {
    cost.commands += atoll(at + strlen("calls="));
  }
  return cost;
}

static struct cost difference(struct cost more, struct cost less) {
  return (struct cost){more.commands - less.commands, more.bytes - less.bytes};
}

/* Services look after Redis and their leases every second, for as long as the calls take, which is long on a busy
 * machine. What they spend in as much time without calls is no cost of the calls. */
static struct cost cost_of(void (*call)(void)) {
  int64_t begin_us = clock_monotonic_us();
  struct cost before = cost_so_far();
  for (int i = 0; i < CALLS; i++) call();
  struct cost after = cost_so_far(), with_others = difference(after, before);
  CU_ASSERT_TRUE(with_others.commands >= CALLS && with_others.bytes > 0);
  usleep((useconds_t)(clock_monotonic_us() - begin_us));
  return difference(with_others, difference(cost_so_far(), after));
}

/* Consumers work in the background, in pages of any size: they are stopped while costs are taken. */
static void quiet_consumers(void) {
  private_shop_arm(shop, ORDERSHOP_INVENTORY, "consumer.after_read", "pause");
  new_order(customer->id, product->id, 1);
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_INVENTORY, "consumer.after_read"));
  for (int i = 0; i < 3; i++) private_shop_pause_service(shop, (enum ordershop_service)(ORDERSHOP_BILLING + i));
}

static void wake_consumers(void) {
  for (int i = 0; i < 3; i++) private_shop_resume_service(shop, (enum ordershop_service)(ORDERSHOP_BILLING + i));
  private_shop_release(shop, ORDERSHOP_INVENTORY, "consumer.after_read");
}

static const char *known_order;

static void get_known_order(void) {
  must(ORDERSHOP_ORDER, "GetOrder", get_order_request(known_order));
}

static void create_one_order(void) {
  new_order(customer->id, product->id, 2);
}

static void grow(void) {
  Ordershop__V1__Product given = ORDERSHOP__V1__PRODUCT__INIT;
  given.name = "One of many";
  Ordershop__V1__Product *many[MORE_PRODUCTS];
  for (int i = 0; i < MORE_PRODUCTS; i++) many[i] = &given;
  Ordershop__V1__BatchCreateProductsRequest request = ORDERSHOP__V1__BATCH_CREATE_PRODUCTS_REQUEST__INIT;
  request.products = many;
  request.n_products = MORE_PRODUCTS;
  const Ordershop__V1__BatchCreateProductsResponse *created = must(ORDERSHOP_PRODUCT, "BatchCreateProducts", &request);

  Ordershop__V1__Inventory *stock = arena_calloc(arena, MORE_PRODUCTS, sizeof *stock);
  Ordershop__V1__Inventory *stocks[MORE_PRODUCTS];
  for (int i = 0; i < MORE_PRODUCTS; i++) {
    ordershop__v1__inventory__init(&stock[i]);
    stock[i].product_id = created->products[i]->id;
    stock[i].amount = 1;
    stocks[i] = &stock[i];
  }
  Ordershop__V1__BatchCreateInventoriesRequest fill = ORDERSHOP__V1__BATCH_CREATE_INVENTORIES_REQUEST__INIT;
  fill.inventories = stocks;
  fill.n_inventories = MORE_PRODUCTS;
  must(ORDERSHOP_INVENTORY, "BatchCreateInventories", &fill);
  for (int i = 0; i < MORE_ORDERS; i++) new_order(customer->id, product->id, 1);
}

/* What others spend is not the same at any time. What grows with the orders or the products costs far more than that: a
 * command, or an id of 36 bytes, for each of them. */
static void assert_same_cost(struct cost small, struct cost large) {
  printf("(%lld commands and %lld bytes a call) ", (long long)large.commands / CALLS, (long long)large.bytes / CALLS);
  CU_ASSERT_TRUE(llabs(large.commands - small.commands) < CALLS * COMMANDS_OF_OTHERS);
  CU_ASSERT_TRUE(llabs(large.bytes - small.bytes) < CALLS * BYTES_OF_OTHERS);
}

static void reading_and_ordering_cost_the_same_however_many_orders_and_products_there_are(void) {
  known_order = new_order(customer->id, product->id, 2)->id;
  quiet_consumers();
  struct cost small_get = cost_of(get_known_order), small_create = cost_of(create_one_order);
  wake_consumers();
  grow();
  quiet_consumers();
  struct cost large_get = cost_of(get_known_order), large_create = cost_of(create_one_order);
  wake_consumers();
  assert_same_cost(small_get, large_get);
  assert_same_cost(small_create, large_create);
}

static int set_up(void) {
  fault_shop_open(NULL);
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
      {"cancelling an order gives its stock back", cancelling_an_order_gives_its_stock_back},
      {"an order without a customer is refused and takes no stock",
       an_order_without_a_customer_is_refused_and_takes_no_stock},
      {"an unknown customer is refused and takes no stock", an_unknown_customer_is_refused_and_takes_no_stock},
      {"an unknown product is refused", an_unknown_product_is_refused},
      {"an empty order is refused and the next one works", an_empty_order_is_refused_and_the_next_one_works},
      {"negative stock is refused and orders go on", negative_stock_is_refused_and_orders_go_on},
      {"a second billing of an order is refused", a_second_billing_of_an_order_is_refused},
      {"customers named like keys and separators read as they were written",
       customers_named_like_keys_and_separators_read_as_they_were_written},
      {"deleted entities stay deleted when consumers replay the log",
       deleted_entities_stay_deleted_when_consumers_replay_the_log},
      {"reading and ordering cost the same however many orders and products there are",
       reading_and_ordering_cost_the_same_however_many_orders_and_products_there_are},
  };
  return suite_main("reference faults", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
