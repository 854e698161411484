/* SPDX-License-Identifier: Apache-2.0 */
/* The nine cases of the reference architecture, played against a shop of its own, from outside: over gRPC, and looking
 * into Redis as documented. Then once more with crm stopped. */
#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "client/billing_client.h"
#include "client/customer_client.h"
#include "client/inventory_client.h"
#include "client/mail_client.h"
#include "client/order_client.h"
#include "client/product_client.h"
#include "private_shop.h"
#include "suite.h"

enum { COUNT = 10, STOCK = 100, MAILS = 32, CATCH_UP_SECONDS = 30 };

static struct private_shop *shop;
static struct ordershop_client *client;
static struct arena *arena;
static struct context context;

/* One play of the cases. */
static struct play {
  const Ordershop__V1__Customer *customers[COUNT];
  const Ordershop__V1__Product *products[COUNT];
  const Ordershop__V1__Inventory *inventories[COUNT];
  const Ordershop__V1__Order *orders[COUNT];
  const Ordershop__V1__Billing *billing;
} play;

/* --- helpers --- */

static void assert_ok(struct status status) {
  CU_ASSERT_EQUAL_FATAL(status.code, STATUS_OK);
}

static struct private_redis *redis_of(const char *key) {
  return private_shop_redis_of(shop, key);
}

static const char *key_of(const char *key) {
  return private_shop_key(shop, arena, key);
}

static int64_t count_of(const char *command, const char *key) {
  return private_redis_number(redis_of(key), "%s %s", command, key_of(key));
}

static void assert_type(const char *key, const char *type) {
  CU_ASSERT_STRING_EQUAL(private_redis_command(redis_of(key), "TYPE %s", key_of(key)), type);
}

static void assert_field(const char *key, const char *field, const char *value) {
  const char *actual = private_redis_command(redis_of(key), "HGET %s %s", key_of(key), field);
  CU_ASSERT_PTR_NOT_NULL_FATAL(actual);
  CU_ASSERT_STRING_EQUAL(actual, value);
}

static bool is_member(const char *set, const char *id) {
  return private_redis_number(redis_of(set), "SISMEMBER %s %s", key_of(set), id) == 1;
}

static const char *number_text(int64_t number) {
  return arena_printf(arena, "%lld", (long long)number);
}

/* The keys that the reference documents for an entity: the set of ids, the hash with `_entity` as the truth. */
static void assert_stored(const char *name, const char *id, const void *entity) {
  const char *ids = arena_printf(arena, "%s_ids", name), *key = arena_printf(arena, "%s_entity:%s", name, id);
  assert_type(ids, "set");
  assert_type(key, "hash");
  CU_ASSERT_TRUE(is_member(ids, id));
  assert_field(key, "id", id);
  const struct redis_reply *packed = private_redis_reply(redis_of(key), arena, "HGET %s _entity", key_of(key));
  void *stored = message_unpack(arena, ((const ProtobufCMessage *)entity)->descriptor, packed->text, packed->size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(stored);
  CU_ASSERT_TRUE(message_equal(arena, stored, entity));
}

static void assert_gone(const char *name, const char *id) {
  CU_ASSERT_FALSE(is_member(arena_printf(arena, "%s_ids", name), id));
  CU_ASSERT_EQUAL(count_of("EXISTS", arena_printf(arena, "%s_entity:%s", name, id)), 0);
}

/* The entity of the latest entry of a stream, whose id must be later than all that was asserted before. */
static void assert_latest_event(const char *stream, const void *entity) {
  static int64_t latest;
  const char *key = arena_printf(arena, "events:%s", stream);
  assert_type(key, "stream");
  const struct redis_reply *entries =
      private_redis_reply(redis_of(key), arena, "XREVRANGE %s + - COUNT 1", key_of(key));
  const struct redis_reply *entry = redis_reply_at(entries, 0), *fields = redis_reply_at(entry, 1);
  long long ms = 0;
  int us = -1;
  CU_ASSERT_EQUAL(sscanf(redis_reply_text(redis_reply_at(entry, 0)), "%lld-%d", &ms, &us), 2);
  CU_ASSERT_TRUE(us >= 0 && us <= 999);
  CU_ASSERT_TRUE(ms * 1000 + us > latest);
  latest = ms * 1000 + us;
  CU_ASSERT_TRUE(uuid_is_valid(redis_reply_text(redis_reply_field(fields, "event_id"))));
  const struct redis_reply *bytes = redis_reply_field(fields, "entity");
  void *told = message_unpack(arena, ((const ProtobufCMessage *)entity)->descriptor, bytes->text, bytes->size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(told);
  CU_ASSERT_TRUE(message_equal(arena, told, entity));
}

static char *random_name(const char *what) {
  return arena_printf(arena, "%s %.8s", what, uuid_random(arena));
}

/* --- the cases --- */

static void test_1_create_customers(void) {
  for (int i = 0; i < COUNT; i++) {
    Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
    customer.name = random_name("Customer");
    customer.email = arena_printf(arena, "%.13s@example.com", uuid_random(arena));
    Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
    request.customer = &customer;
    assert_ok(ordershop_create_customer(client, &context, &request, &play.customers[i]));
    const Ordershop__V1__Customer *created = play.customers[i];
    CU_ASSERT_STRING_EQUAL(created->name, customer.name);
    CU_ASSERT_STRING_EQUAL(created->email, customer.email);
    CU_ASSERT_EQUAL(created->version, 1);
    CU_ASSERT_TRUE(uuid_is_valid(created->id));
    assert_stored("customer", created->id, created);
    assert_field(arena_printf(arena, "customer_entity:%s", created->id), "email", customer.email);
    assert_latest_event("customer_created", created);
  }
}

static void test_2_create_products(void) {
  for (int i = 0; i < COUNT; i++) {
    Ordershop__V1__Product product = ORDERSHOP__V1__PRODUCT__INIT;
    product.name = random_name("Product");
    product.price_cents = 100 + random() % 10000;
    Ordershop__V1__CreateProductRequest request = ORDERSHOP__V1__CREATE_PRODUCT_REQUEST__INIT;
    request.product = &product;
    assert_ok(ordershop_create_product(client, &context, &request, &play.products[i]));
    const Ordershop__V1__Product *created = play.products[i];
    CU_ASSERT_STRING_EQUAL(created->name, product.name);
    CU_ASSERT_EQUAL(created->price_cents, product.price_cents);
    assert_stored("product", created->id, created);
    assert_latest_event("product_created", created);
  }
}

static void test_3_create_inventory(void) {
  for (int i = 0; i < COUNT; i++) {
    Ordershop__V1__Inventory inventory = ORDERSHOP__V1__INVENTORY__INIT;
    inventory.product_id = play.products[i]->id;
    inventory.amount = STOCK;
    Ordershop__V1__CreateInventoryRequest request = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
    request.inventory = &inventory;
    assert_ok(ordershop_create_inventory(client, &context, &request, &play.inventories[i]));
    const Ordershop__V1__Inventory *created = play.inventories[i];
    CU_ASSERT_EQUAL(created->amount, STOCK);
    CU_ASSERT_EQUAL(created->reserved_amount, 0);
    assert_stored("inventory", created->id, created);
    assert_field(arena_printf(arena, "inventory_entity:%s", created->id), "amount", "100");
    assert_latest_event("inventory_created", created);
  }
}

/* 1 to 10 random products. */
static void choose_products(Ordershop__V1__Order *order) {
  order->n_product_ids = (size_t)(1 + random() % 10);
  order->product_ids = arena_calloc(arena, order->n_product_ids, sizeof(char *));
  for (size_t i = 0; i < order->n_product_ids; i++) order->product_ids[i] = play.products[random() % COUNT]->id;
}

static int64_t price_of(char *const *product_ids, size_t count) {
  int64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    for (int p = 0; p < COUNT; p++) {
      if (strcmp(play.products[p]->id, product_ids[i]) == 0) total += play.products[p]->price_cents;
    }
  }
  return total;
}

/* The documented List: one product id an item, in order. */
static void assert_product_list(const Ordershop__V1__Order *order) {
  const char *key = arena_printf(arena, "order_product_ids:%s", order->id);
  assert_type(key, "list");
  const struct redis_reply *list = private_redis_reply(redis_of(key), arena, "LRANGE %s 0 -1", key_of(key));
  CU_ASSERT_EQUAL_FATAL(list->count, order->n_product_ids);
  for (size_t i = 0; i < list->count; i++) CU_ASSERT_STRING_EQUAL(list->elements[i]->text, order->product_ids[i]);
}

static int64_t ordered_units(const char *product_id) {
  int64_t units = 0;
  for (int i = 0; i < COUNT; i++) {
    for (size_t p = 0; play.orders[i] && p < play.orders[i]->n_product_ids; p++) {
      units += strcmp(play.orders[i]->product_ids[p], product_id) == 0;
    }
  }
  return units;
}

/* What is not held by orders is there; polled, for what orders no longer need comes back by events. */
static bool stock_adds_up(void) {
  for (int i = 0; i < COUNT; i++) {
    Ordershop__V1__GetInventoryRequest request = ORDERSHOP__V1__GET_INVENTORY_REQUEST__INIT;
    request.id = play.inventories[i]->id;
    const Ordershop__V1__Inventory *inventory;
    assert_ok(ordershop_get_inventory(client, &context, &request, &inventory));
    CU_ASSERT_EQUAL(inventory->amount + inventory->reserved_amount, STOCK);
    if (inventory->reserved_amount != ordered_units(inventory->product_id)) return false;
  }
  return true;
}

static bool poll(bool (*holds)(void)) {
  int64_t deadline = clock_monotonic_us() + CATCH_UP_SECONDS * INT64_C(1000000);
  while (!holds()) {
    if (clock_monotonic_us() > deadline) return false;
    usleep(10000);
  }
  return true;
}

static void test_4_create_orders(void) {
  for (int i = 0; i < COUNT; i++) {
    Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
    order.customer_id = play.customers[i]->id;
    choose_products(&order);
    Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
    request.order = &order;
    assert_ok(ordershop_create_order(client, &context, &request, &play.orders[i]));
    const Ordershop__V1__Order *created = play.orders[i];
    CU_ASSERT_STRING_EQUAL(created->customer_id, order.customer_id);
    CU_ASSERT_EQUAL(created->n_product_ids, order.n_product_ids);
    CU_ASSERT_EQUAL(created->total_cents, price_of(order.product_ids, order.n_product_ids));
    assert_stored("order", created->id, created);
    assert_product_list(created);
    assert_latest_event("order_created", created);
  }
  CU_ASSERT_TRUE(poll(stock_adds_up));
}

static void test_5_update_second_order(void) {
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  order.id = play.orders[1]->id;
  do choose_products(&order);
  while (order.n_product_ids == play.orders[1]->n_product_ids);
  Ordershop__V1__UpdateOrderRequest request = ORDERSHOP__V1__UPDATE_ORDER_REQUEST__INIT;
  request.order = &order;
  assert_ok(ordershop_update_order(client, &context, &request, &play.orders[1]));
  CU_ASSERT_EQUAL(play.orders[1]->version, 2);
  CU_ASSERT_EQUAL(play.orders[1]->total_cents, price_of(order.product_ids, order.n_product_ids));
  assert_stored("order", play.orders[1]->id, play.orders[1]);
  assert_product_list(play.orders[1]);
  assert_latest_event("order_updated", play.orders[1]);
  CU_ASSERT_TRUE(poll(stock_adds_up));
}

static void test_6_delete_third_order(void) {
  const Ordershop__V1__Order *deleted = play.orders[2];
  Ordershop__V1__DeleteOrderRequest request = ORDERSHOP__V1__DELETE_ORDER_REQUEST__INIT;
  request.id = deleted->id;
  assert_ok(ordershop_delete_order(client, &context, &request));
  assert_gone("order", deleted->id);
  CU_ASSERT_EQUAL(count_of("EXISTS", arena_printf(arena, "order_product_ids:%s", deleted->id)), 0);
  assert_latest_event("order_deleted", deleted);
  play.orders[2] = NULL;
  CU_ASSERT_TRUE(poll(stock_adds_up));
}

static void test_7_delete_third_customer(void) {
  const Ordershop__V1__Customer *deleted = play.customers[2];
  Ordershop__V1__DeleteCustomerRequest request = ORDERSHOP__V1__DELETE_CUSTOMER_REQUEST__INIT;
  request.id = deleted->id;
  assert_ok(ordershop_delete_customer(client, &context, &request));
  assert_gone("customer", deleted->id);
  assert_latest_event("customer_deleted", deleted);
  Ordershop__V1__GetCustomerRequest get = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  get.id = deleted->id;
  const Ordershop__V1__Customer *none;
  CU_ASSERT_EQUAL(ordershop_get_customer(client, &context, &get, &none).code, STATUS_NOT_FOUND);
}

static void test_8_perform_billing(void) {
  Ordershop__V1__Billing billing = ORDERSHOP__V1__BILLING__INIT;
  billing.order_id = play.orders[0]->id;
  Ordershop__V1__CreateBillingRequest request = ORDERSHOP__V1__CREATE_BILLING_REQUEST__INIT;
  request.billing = &billing;
  assert_ok(ordershop_create_billing(client, &context, &request, &play.billing));
  CU_ASSERT_STRING_EQUAL(play.billing->order_id, play.orders[0]->id);
  CU_ASSERT_EQUAL(play.billing->amount_cents, play.orders[0]->total_cents);
  assert_stored("billing", play.billing->id, play.billing);
  assert_field(arena_printf(arena, "billing_entity:%s", play.billing->id), "amount_cents",
               number_text(play.billing->amount_cents));
  assert_latest_event("billing_created", play.billing);
}

static void test_9_get_unbilled_orders(void) {
  Ordershop__V1__ListUnbilledOrdersRequest request = ORDERSHOP__V1__LIST_UNBILLED_ORDERS_REQUEST__INIT;
  request.page_size = 1000;
  const Ordershop__V1__ListUnbilledOrdersResponse *response;
  assert_ok(ordershop_list_unbilled_orders(client, &context, &request, &response));
  size_t found = 0;
  for (size_t i = 0; i < response->n_orders; i++) {
    for (int o = 1; o < COUNT; o++) {
      found += play.orders[o] && strcmp(play.orders[o]->id, response->orders[i]->id) == 0;
    }
    CU_ASSERT_STRING_NOT_EQUAL(response->orders[i]->id, play.orders[0]->id);
  }
  CU_ASSERT_EQUAL(found, 8);
  CU_ASSERT_EQUAL(response->n_orders % 8, 0);
}

/* --- the mails --- */

static const Ordershop__V1__ListMailsResponse *mails_to(const char *address) {
  Ordershop__V1__ListMailsRequest request = ORDERSHOP__V1__LIST_MAILS_REQUEST__INIT;
  request.to = (char *)address;
  request.page_size = 1000;
  const Ordershop__V1__ListMailsResponse *response;
  assert_ok(ordershop_list_mails(client, &context, &request, &response));
  return response;
}

/* How many of the mails with that word in the subject went to a customer of this play; each must be sent. */
static int mails_about(int customer, const char *word) {
  const Ordershop__V1__ListMailsResponse *mails = mails_to(play.customers[customer]->email);
  int count = 0;
  for (size_t i = 0; i < mails->n_mails; i++) {
    bool is_sent = mails->mails[i]->status == ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
    count += is_sent && strstr(mails->mails[i]->subject, word) != NULL;
  }
  return count;
}

static int all_mails(void) {
  int count = 0;
  for (int i = 0; i < COUNT; i++) count += (int)mails_to(play.customers[i]->email)->n_mails;
  return count;
}

static int sent_mails(void) {
  int count = 0;
  for (int i = 0; i < COUNT; i++) count += mails_about(i, "");
  return count;
}

static bool all_have_been_sent(void) {
  return sent_mails() >= MAILS;
}

static void assert_the_mails_of_the_play(void) {
  CU_ASSERT_TRUE(poll(all_have_been_sent));
  CU_ASSERT_EQUAL(all_mails(), MAILS);
  for (int i = 0; i < COUNT; i++) {
    CU_ASSERT_EQUAL(mails_about(i, "Welcome"), 1);
    CU_ASSERT_EQUAL(mails_about(i, "Thank you"), 1);
    CU_ASSERT_EQUAL(mails_about(i, "Please pay"), 1);
    CU_ASSERT_EQUAL(mails_about(i, "Good-bye"), i == 2 ? 1 : 0);
    CU_ASSERT_EQUAL(mails_about(i, "received your payment"), i == 0 ? 1 : 0);
  }
}

static int64_t files_in_mail_folder(void) {
  FILE *list = popen(arena_printf(arena, "ls %s | wc -l", private_shop_mail_folder(shop)), "r");
  long long count = -1;
  CU_ASSERT_EQUAL(fscanf(list, "%lld", &count), 1);
  pclose(list);
  return count;
}

static void these_32_mails_arrive_and_no_other(void) {
  assert_the_mails_of_the_play();
  CU_ASSERT_EQUAL(count_of("XLEN", "events:mail_created"), MAILS);
  CU_ASSERT_EQUAL(files_in_mail_folder(), MAILS);
}

static void play_all(void) {
  test_1_create_customers();
  test_2_create_products();
  test_3_create_inventory();
  test_4_create_orders();
  test_5_update_second_order();
  test_6_delete_third_order();
  test_7_delete_third_customer();
  test_8_perform_billing();
  test_9_get_unbilled_orders();
}

/* What billing writes does not need crm. */
static bool billings_mails_have_been_sent(void) {
  return sent_mails() >= COUNT + 1;
}

static void mails_of_a_time_without_crm_arrive_when_it_is_back_each_once(void) {
  private_shop_stop_service(shop, ORDERSHOP_CRM);
  play_all();
  CU_ASSERT_TRUE(poll(billings_mails_have_been_sent));
  CU_ASSERT_EQUAL(all_mails(), COUNT + 1);
  private_shop_start_service(shop, ORDERSHOP_CRM);
  assert_the_mails_of_the_play();
  CU_ASSERT_EQUAL(count_of("XLEN", "events:mail_created"), 2 * MAILS);
  CU_ASSERT_EQUAL(files_in_mail_folder(), 2 * MAILS);
}

static int set_up(void) {
  srandom((unsigned)clock_wall_us());
  arena = arena_new();
  context = (struct context){.arena = arena};
  shop = private_shop_start(NULL);
  client = private_shop_client(shop, arena);
  return 0;
}

static int tear_down(void) {
  ordershop_client_close(client);
  private_shop_free(shop);
  arena_free(arena);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"test_1_create_customers", test_1_create_customers},
      {"test_2_create_products", test_2_create_products},
      {"test_3_create_inventory", test_3_create_inventory},
      {"test_4_create_orders", test_4_create_orders},
      {"test_5_update_second_order", test_5_update_second_order},
      {"test_6_delete_third_order", test_6_delete_third_order},
      {"test_7_delete_third_customer", test_7_delete_third_customer},
      {"test_8_perform_billing", test_8_perform_billing},
      {"test_9_get_unbilled_orders", test_9_get_unbilled_orders},
      {"these 32 mails arrive and no other", these_32_mails_arrive_and_no_other},
      {"mails of a time without crm arrive when it is back, each once",
       mails_of_a_time_without_crm_arrive_when_it_is_back_each_once},
  };
  return suite_main("nine cases", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
