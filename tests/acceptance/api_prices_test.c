/* SPDX-License-Identifier: Apache-2.0 */
/* Prices: an order keeps those of the time when it was made; what an update adds comes at the present one. */
#include <string.h>

#include "api.h"
#include "base/message.h"

static void set_price(const char *product_id, int64_t price_cents) {
  must("UpdateProduct", "product {id $ price_cents #} update_mask {paths 'price_cents'}", product_id, price_cents);
}

static void assert_item(const Ordershop__V1__Order *order, size_t index, const char *product_id, int64_t price,
                        int64_t quantity) {
  CU_ASSERT_TRUE_FATAL(index < order->n_items);
  const Ordershop__V1__OrderItem *item = order->items[index];
  CU_ASSERT_STRING_EQUAL(item->product_id, product_id);
  CU_ASSERT_EQUAL(item->unit_price_cents, price);
  CU_ASSERT_EQUAL(item->quantity, quantity);
}

static void items_come_by_product_in_the_order_in_which_they_first_came(void) {
  const char *a = new_stocked_product(3, 100)->id, *b = new_stocked_product(5, 100)->id;
  const char *c = new_stocked_product(0, 100)->id;
  const char *ids[] = {b, a, b, c, a, b};
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids @}", new_customer()->id, ids, (size_t)6);
  CU_ASSERT_EQUAL(order->n_product_ids, 6);
  for (int i = 0; i < 6; i++) CU_ASSERT_STRING_EQUAL(order->product_ids[i], ids[i]);
  CU_ASSERT_EQUAL(order->n_items, 3);
  assert_item(order, 0, b, 5, 3);
  assert_item(order, 1, a, 3, 2);
  assert_item(order, 2, c, 0, 1);
  CU_ASSERT_EQUAL(order->total_cents, 21);
  CU_ASSERT_STRING_EQUAL(order->items[0]->product_name, "Kettle");
}

static void an_order_keeps_names_and_prices_of_its_time(void) {
  const char *product_id = new_stocked_product(100, 10)->id, *customer_id = new_customer()->id;
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  must("UpdateProduct", "product {id $ name 'Pot' price_cents 250}", product_id);
  assert_same_answer(ask("GetOrder", "id $", order->id), order);
  const Ordershop__V1__Order *later = new_order(customer_id, product_id);
  assert_item(later, 0, product_id, 250, 1);
  CU_ASSERT_STRING_EQUAL(later->items[0]->product_name, "Pot");
}

static void an_order_right_after_a_new_price_has_the_new_one(void) {
  const char *product_id = new_stocked_product(1, 1000)->id, *customer_id = new_customer()->id;
  for (int64_t price = 2; price < 40; price++) {
    set_price(product_id, price);
    CU_ASSERT_EQUAL(new_order(customer_id, product_id)->total_cents, price);
  }
}

static void a_product_that_stays_keeps_its_price_added_units_included(void) {
  const char *kept = new_stocked_product(100, 10)->id, *added = new_stocked_product(7, 10)->id;
  const Ordershop__V1__Order *order = new_order(new_customer()->id, kept);
  must("UpdateProduct", "product {id $ name 'Dear Kettle' price_cents 300}", kept);
  set_price(added, 9);
  const Ordershop__V1__Order *updated =
      must("UpdateOrder", "order {id $ product_ids $ product_ids $ product_ids $}", order->id, added, kept, kept);
  CU_ASSERT_EQUAL(updated->n_items, 2);
  assert_item(updated, 0, added, 9, 1);
  assert_item(updated, 1, kept, 100, 2);
  CU_ASSERT_STRING_EQUAL(updated->items[1]->product_name, "Kettle");
  CU_ASSERT_EQUAL(updated->total_cents, 209);
}

static void a_product_that_left_comes_back_at_the_present_price(void) {
  const char *product_id = new_stocked_product(100, 10)->id, *other = new_stocked_product(1, 10)->id;
  const Ordershop__V1__Order *order = new_order(new_customer()->id, product_id);
  must("UpdateOrder", "order {id $ product_ids $}", order->id, other);
  set_price(product_id, 120);
  const Ordershop__V1__Order *updated =
      must("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, other, product_id);
  assert_item(updated, 1, product_id, 120, 1);
  CU_ASSERT_EQUAL(updated->total_cents, 121);
}

static void the_same_products_in_another_order_are_an_update(void) {
  const char *a = new_stocked_product(3, 10)->id, *b = new_stocked_product(5, 10)->id;
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids $ product_ids $}", new_customer()->id, a, b);
  set_price(a, 30);
  const Ordershop__V1__Order *updated =
      must("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, b, a);
  CU_ASSERT_EQUAL(updated->version, 2);
  assert_item(updated, 0, b, 5, 1);
  assert_item(updated, 1, a, 3, 1);
  CU_ASSERT_EQUAL(updated->total_cents, 8);
}

static void a_product_deleted_since_stays_at_its_price_and_comes_in_no_more(void) {
  const char *deleted = new_stocked_product(100, 10)->id, *other = new_stocked_product(1, 10)->id;
  const Ordershop__V1__Order *order = new_order(new_customer()->id, deleted);
  must("DeleteProduct", "id $", deleted);
  const Ordershop__V1__Order *updated =
      must("UpdateOrder", "order {id $ product_ids $ product_ids $ product_ids $}", order->id, deleted, other, deleted);
  CU_ASSERT_EQUAL(updated->total_cents, 201);
  must("UpdateOrder", "order {id $ product_ids $}", order->id, other);
  assert_not_found(ask("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, other, deleted), "product",
                   deleted);
}

static void a_total_may_be_10_15_cents(void) {
  const char *product_id = new_stocked_product(INT64_C(1000000000000), 1000)->id, *ids[1000];
  const Ordershop__V1__Customer *customer = new_customer();
  for (int i = 0; i < 1000; i++) ids[i] = product_id;
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids @}", customer->id, ids, (size_t)1000);
  CU_ASSERT_EQUAL(order->total_cents, INT64_C(1000000000000000));
  CU_ASSERT_STRING_EQUAL(private_redis_command(redis_of("order_entity"), "HGET order_entity:%s total_cents", order->id),
                         "1000000000000000");
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  CU_ASSERT_EQUAL(billing->amount_cents, INT64_C(1000000000000000));
  const Ordershop__V1__CustomerProfile *profile = must("GetCustomerProfile", "customer_id $", customer->id);
  CU_ASSERT_EQUAL(profile->ordered_cents, INT64_C(1000000000000000));
  CU_ASSERT_EQUAL(profile->billed_cents, INT64_C(1000000000000000));
}

static void a_billing_takes_the_total_as_it_is_and_keeps_it(void) {
  const char *product_id = new_stocked_product(100, 10)->id;
  const Ordershop__V1__Order *order = new_order(new_customer()->id, product_id);
  set_price(product_id, 500);
  must("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, product_id, product_id);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  CU_ASSERT_EQUAL(billing->amount_cents, 200);
  assert_same_answer(ask("GetBilling", "id $", billing->id), billing);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"items come by product, in the order in which they first came",
       items_come_by_product_in_the_order_in_which_they_first_came},
      {"an order keeps names and prices of its time", an_order_keeps_names_and_prices_of_its_time},
      {"an order right after a new price has the new one", an_order_right_after_a_new_price_has_the_new_one},
      {"a product that stays keeps its price, added units included",
       a_product_that_stays_keeps_its_price_added_units_included},
      {"a product that left comes back at the present price", a_product_that_left_comes_back_at_the_present_price},
      {"the same products in another order are an update", the_same_products_in_another_order_are_an_update},
      {"a product deleted since stays at its price, and comes in no more",
       a_product_deleted_since_stays_at_its_price_and_comes_in_no_more},
      {"a total may be 10^15 cents", a_total_may_be_10_15_cents},
      {"a billing takes the total as it is, and keeps it", a_billing_takes_the_total_as_it_is_and_keeps_it},
  };
  return suite_main("API: prices", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
