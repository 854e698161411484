/* SPDX-License-Identifier: Apache-2.0 */
/* What the order service knows of products and customers: as old as it may be, never older than the caller's position,
 * and the same when it is made anew from the log. */
#include <string.h>

#include "fault_shop.h"

static const Ordershop__V1__Customer *customer;

static void hold_order_consumer(void) {
  private_shop_arm(shop, ORDERSHOP_ORDER, "consumer.after_read", "pause");
}

static void release_order_consumer(void) {
  private_shop_release(shop, ORDERSHOP_ORDER, "consumer.after_read");
}

static const Ordershop__V1__UpdateProductRequest *price_request(const char *product_id, int64_t cents) {
  Ordershop__V1__Product *changed = arena_alloc(arena, sizeof *changed);
  ordershop__v1__product__init(changed);
  changed->id = (char *)product_id;
  changed->price_cents = cents;
  Ordershop__V1__UpdateProductRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__v1__update_product_request__init(request);
  request->product = changed;
  return request;
}

static void change_price(const char *product_id, int64_t cents) {
  must(ORDERSHOP_PRODUCT, "UpdateProduct", price_request(product_id, cents));
}

static void delete_product(const char *id) {
  Ordershop__V1__DeleteProductRequest request = ORDERSHOP__V1__DELETE_PRODUCT_REQUEST__INIT;
  request.id = (char *)id;
  must(ORDERSHOP_PRODUCT, "DeleteProduct", &request);
}

static void delete_customer(const char *id) {
  Ordershop__V1__DeleteCustomerRequest request = ORDERSHOP__V1__DELETE_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  must(ORDERSHOP_CUSTOMER, "DeleteCustomer", &request);
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

/* An order with the client's position, asked for while the order service has not handled what came before. */
static struct ordershop_answer order_as_soon_as_it_is_seen(const char *customer_id, const char *product_id) {
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_ORDER, "consumer.after_read"));
  struct asking *asking =
      ask_begin(client, ORDERSHOP_ORDER, "CreateOrder", order_request(customer_id, product_id, 1, NULL));
  release_order_consumer();
  return ask_end(asking);
}

static void an_order_after_a_change_of_price_has_the_new_price(void) {
  const Ordershop__V1__Product *product = new_stocked_product(10);
  new_order(customer->id, product->id, 1); /* at 100 cents: the order service knows it */
  hold_order_consumer();
  change_price(product->id, 777);
  struct ordershop_answer stranger =
      ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, product->id, 1, NULL));
  CU_ASSERT_EQUAL_FATAL(stranger.status.code, STATUS_OK);
  CU_ASSERT_EQUAL(((const Ordershop__V1__Order *)stranger.message)->total_cents, 100); /* who knows of no change */
  struct ordershop_answer answer = order_as_soon_as_it_is_seen(customer->id, product->id);
  CU_ASSERT_EQUAL_FATAL(answer.status.code, STATUS_OK);
  CU_ASSERT_EQUAL(((const Ordershop__V1__Order *)answer.message)->total_cents, 777);
}

static void an_order_after_the_deletion_of_its_product_is_refused(void) {
  const Ordershop__V1__Product *product = new_stocked_product(10);
  new_order(customer->id, product->id, 1);
  hold_order_consumer();
  delete_product(product->id);
  assert_refused(order_as_soon_as_it_is_seen(customer->id, product->id), STATUS_NOT_FOUND, "PRODUCT_NOT_FOUND");
}

static void an_order_after_the_deletion_of_its_customer_is_refused(void) {
  const Ordershop__V1__Product *product = new_stocked_product(10);
  const Ordershop__V1__Customer *leaver = new_customer();
  new_order(leaver->id, product->id, 1);
  hold_order_consumer();
  delete_customer(leaver->id);
  assert_refused(order_as_soon_as_it_is_seen(leaver->id, product->id), STATUS_NOT_FOUND, "CUSTOMER_NOT_FOUND");
}

static void an_order_of_what_was_created_a_moment_ago_asks_the_owner(void) {
  hold_order_consumer();
  const Ordershop__V1__Customer *newcomer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(10);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_ORDER, "consumer.after_read"));
  struct ordershop_answer stranger =
      ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(newcomer->id, product->id, 1, NULL));
  CU_ASSERT_EQUAL(stranger.status.code, STATUS_OK);
  /* The answer was used once: only the consumer writes the projection. */
  CU_ASSERT_EQUAL(private_redis_number(redis, "HEXISTS order_products %s", product->id), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HEXISTS order_customers %s", newcomer->id), 0);
  release_order_consumer();
}

static void a_wait_for_a_position_ends_with_the_deadline(void) {
  const Ordershop__V1__Product *product = new_stocked_product(10);
  hold_order_consumer();
  change_price(product->id, 1);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_ORDER, "consumer.after_read"));
  struct ordershop_answer answer =
      ask_within(client, 200, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, product->id, 1, NULL));
  CU_ASSERT_EQUAL(answer.status.code, STATUS_DEADLINE_EXCEEDED);
  release_order_consumer();
}

/* A replica that stands by reads what the active one has written, and waits for it as well. */
static void an_order_taken_by_a_replica_has_the_new_price_too(void) {
  const Ordershop__V1__Product *product = new_stocked_product(10);
  const char *address = arena_printf(arena, "127.0.0.1:%d", private_shop_start_replica(shop, ORDERSHOP_ORDER));
  const struct ordershop_client_options options = {.port_base = private_shop_port(shop, ORDERSHOP_CUSTOMER) - 1,
                                                   .addresses = {[ORDERSHOP_ORDER] = address}};
  struct ordershop_client *by_replica;
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_client_open(arena, &options, &by_replica)));
  for (int cents = 200; cents < 210; cents++) {
    struct ordershop_answer changed =
        ask(by_replica, ORDERSHOP_PRODUCT, "UpdateProduct", price_request(product->id, cents));
    struct ordershop_answer order =
        ask(by_replica, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, product->id, 1, NULL));
    CU_ASSERT_EQUAL(changed.status.code, STATUS_OK);
    CU_ASSERT_EQUAL_FATAL(order.status.code, STATUS_OK);
    CU_ASSERT_EQUAL(((const Ordershop__V1__Order *)order.message)->total_cents, cents);
  }
  ordershop_client_close(by_replica);
  private_shop_kill_replica(shop);
}

/* ---- made anew -------------------------------------------------------------------------------------------------- */

static const char *const hashes[] = {"order_products", "order_customers", "order_claims"};

static const struct redis_reply *read_hash(const char *key) {
  return private_redis_reply(redis, arena, "HGETALL %s", key);
}

static void assert_same_hash(const struct redis_reply *before, const struct redis_reply *after) {
  CU_ASSERT_EQUAL(before->count, after->count);
  for (size_t i = 0; i + 1 < before->count; i += 2) {
    const struct redis_reply *old = before->elements[i + 1];
    const struct redis_reply *new = redis_reply_field(after, before->elements[i]->text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(new);
    CU_ASSERT_TRUE(old->size == new->size &&memcmp(old->text, new->text, old->size) == 0);
  }
}

/* Everything that may be in a log: changed, deleted, billed, billed no more, billed again. */
static void make_history(void) {
  const Ordershop__V1__Product *products[4];
  const Ordershop__V1__Order *orders[4];
  for (int i = 0; i < 4; i++) products[i] = new_stocked_product(10);
  for (int i = 0; i < 4; i++) orders[i] = new_order(new_customer()->id, products[i]->id, 1);
  change_price(products[0]->id, 5);
  change_price(products[0]->id, 6);
  delete_product(products[1]->id);
  delete_customer(orders[2]->customer_id);
  Ordershop__V1__DeleteBillingRequest request = ORDERSHOP__V1__DELETE_BILLING_REQUEST__INIT;
  for (int i = 0; i < 3; i++) {
    const Ordershop__V1__Billing *billing =
        must(ORDERSHOP_BILLING, "CreateBilling", billing_request(orders[i]->id, NULL));
    request.id = billing->id;
    if (i != 2) must(ORDERSHOP_BILLING, "DeleteBilling", &request);
  }
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(orders[1]->id, NULL));
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(orders[0]->id));
}

static size_t count_unbilled(void) {
  const Ordershop__V1__ListUnbilledOrdersRequest request = ORDERSHOP__V1__LIST_UNBILLED_ORDERS_REQUEST__INIT;
  const Ordershop__V1__ListUnbilledOrdersResponse *response =
      must(ORDERSHOP_ORDER, "ListUnbilledOrders", &request); /* has seen all that this client did */
  return response->n_orders;
}

static void a_projection_made_anew_from_the_log_equals_the_former(void) {
  const struct redis_reply *before[SUITE_SIZE(hashes)];
  make_history();
  size_t unbilled = count_unbilled();
  private_shop_stop_service(shop, ORDERSHOP_ORDER);
  const char *order = arena_strdup(arena, private_redis_command(redis, "ZRANGE order_unbilled 0 -1 WITHSCORES"));
  for (size_t i = 0; i < SUITE_SIZE(hashes); i++) before[i] = read_hash(hashes[i]);
  CU_ASSERT_TRUE(before[0]->count > 0 && before[1]->count > 0 && before[2]->count > 0);
  private_redis_command(redis, "DEL order_products order_customers order_position");
  start_service(ORDERSHOP_ORDER);
  CU_ASSERT_EQUAL(count_unbilled(), unbilled);
  for (size_t i = 0; i < SUITE_SIZE(hashes); i++) assert_same_hash(before[i], read_hash(hashes[i]));
  CU_ASSERT_STRING_EQUAL(private_redis_command(redis, "ZRANGE order_unbilled 0 -1 WITHSCORES"), order);
}

static int set_up(void) {
  fault_shop_open(NULL);
  customer = new_customer();
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"an order after a change of price has the new price", an_order_after_a_change_of_price_has_the_new_price},
      {"an order after the deletion of its product is refused", an_order_after_the_deletion_of_its_product_is_refused},
      {"an order after the deletion of its customer is refused",
       an_order_after_the_deletion_of_its_customer_is_refused},
      {"an order of what was created a moment ago asks the owner",
       an_order_of_what_was_created_a_moment_ago_asks_the_owner},
      {"a wait for a position ends with the deadline", a_wait_for_a_position_ends_with_the_deadline},
      {"an order taken by a replica has the new price, too", an_order_taken_by_a_replica_has_the_new_price_too},
      {"a projection made anew from the log equals the former", a_projection_made_anew_from_the_log_equals_the_former},
  };
  return suite_main("projections", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
