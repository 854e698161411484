/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as the contract describes them: what they answer, what they change, masks and versions, updates of nothing,
 * refusals with all that belongs to them, positions. */
#include <google/protobuf/timestamp.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "base/clock.h"
#include "base/message.h"
#include "base/timestamp.h"
#include "base/uuid.h"
#include "echo_call.h"

/* ---- creating and reading --------------------------------------------------------------------------------------- */

static void assert_new(const char *id, int64_t version, const Google__Protobuf__Timestamp *created,
                       const Google__Protobuf__Timestamp *updated) {
  CU_ASSERT_TRUE(uuid_is_valid(id));
  CU_ASSERT_EQUAL(version, 1);
  int64_t age = clock_wall_us() - timestamp_unix_us(created);
  CU_ASSERT_TRUE(age > -1000000 && age < 60000000);
  CU_ASSERT_TRUE(updated && timestamp_unix_us(created) == timestamp_unix_us(updated));
}

static void a_created_resource_is_answered_and_read_as_it_was_given(void) {
  const Ordershop__V1__Customer *customer =
      must("CreateCustomer", "customer {name 'Ada Lovelace' email 'ada@example.com'}");
  assert_new(customer->id, customer->version, customer->create_time, customer->update_time);
  CU_ASSERT_STRING_EQUAL(customer->name, "Ada Lovelace");
  CU_ASSERT_STRING_EQUAL(customer->email, "ada@example.com");
  assert_same_answer(ask("GetCustomer", "id $", customer->id), customer);

  const Ordershop__V1__Product *product = must("CreateProduct", "product {name 'Kettle' price_cents 1234}");
  assert_new(product->id, product->version, product->create_time, product->update_time);
  CU_ASSERT_EQUAL(product->price_cents, 1234);
  assert_same_answer(ask("GetProduct", "id $", product->id), product);

  const Ordershop__V1__Inventory *inventory = must("CreateInventory", "inventory {product_id $ amount 7}", product->id);
  assert_new(inventory->id, inventory->version, inventory->create_time, inventory->update_time);
  CU_ASSERT_EQUAL(inventory->amount, 7);
  assert_same_answer(ask("GetInventory", "id $", inventory->id), inventory);

  const Ordershop__V1__Order *order = new_order(customer->id, product->id);
  assert_new(order->id, order->version, order->create_time, order->update_time);
  CU_ASSERT_EQUAL(order->total_cents, 1234);
  assert_same_answer(ask("GetOrder", "id $", order->id), order);

  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  assert_new(billing->id, billing->version, billing->create_time, billing->update_time);
  CU_ASSERT_EQUAL(billing->amount_cents, 1234);
  CU_ASSERT_PTR_NOT_NULL(billing->done_time);
  assert_same_answer(ask("GetBilling", "id $", billing->id), billing);
}

static void a_batch_is_answered_in_its_order(void) {
  const Ordershop__V1__BatchCreateCustomersResponse *customers =
      must("BatchCreateCustomers", "customers {name 'A' email 'a@b'} customers {name 'B' email 'a@b'}");
  CU_ASSERT_EQUAL_FATAL(customers->n_customers, 2);
  CU_ASSERT_STRING_EQUAL(customers->customers[0]->name, "A");
  CU_ASSERT_STRING_EQUAL(customers->customers[1]->name, "B");
  CU_ASSERT_STRING_NOT_EQUAL(customers->customers[0]->id, customers->customers[1]->id);
  assert_same_answer(ask("GetCustomer", "id $", customers->customers[1]->id), customers->customers[1]);

  const Ordershop__V1__BatchCreateProductsResponse *products =
      must("BatchCreateProducts", "products {name 'A' price_cents 1} products {name 'B' price_cents 2}");
  CU_ASSERT_EQUAL_FATAL(products->n_products, 2);
  const char *a = products->products[0]->id, *b = products->products[1]->id;
  const Ordershop__V1__BatchGetProductsResponse *got = must("BatchGetProducts", "ids $ ids $ ids $", b, a, b);
  CU_ASSERT_EQUAL_FATAL(got->n_products, 3);
  CU_ASSERT_TRUE(message_equal(arena, got->products[0], products->products[1]));
  CU_ASSERT_TRUE(message_equal(arena, got->products[1], products->products[0]));
  CU_ASSERT_TRUE(message_equal(arena, got->products[2], products->products[1]));

  const Ordershop__V1__BatchCreateInventoriesResponse *stocks =
      must("BatchCreateInventories", "inventories {product_id $ amount 3} inventories {product_id $}", b, a);
  CU_ASSERT_EQUAL_FATAL(stocks->n_inventories, 2);
  CU_ASSERT_STRING_EQUAL(stocks->inventories[0]->product_id, b);
  CU_ASSERT_EQUAL(stocks->inventories[0]->amount, 3);
  CU_ASSERT_EQUAL(stocks->inventories[1]->amount, 0);
}

static void a_batch_is_all_or_nothing(void) {
  const char *stocked = new_stocked_product(1, 1)->id, *fresh = new_product(1)->id, *none = new_id();
  int64_t before = events_of("inventory_created");
  assert_refused(ask("BatchCreateInventories", "inventories {product_id $} inventories {product_id $}", fresh, stocked),
                 STATUS_ALREADY_EXISTS, "INVENTORY_ALREADY_EXISTS");
  assert_not_found(ask("BatchCreateInventories", "inventories {product_id $} inventories {product_id $}", fresh, none),
                   "product", none);
  CU_ASSERT_EQUAL(events_of("inventory_created"), before);
  const Ordershop__V1__ListInventoriesResponse *list = must("ListInventories", "product_id $", fresh);
  CU_ASSERT_EQUAL(list->n_inventories, 0);
  assert_not_found(ask("BatchGetProducts", "ids $ ids $", fresh, none), "product", none);
}

static void output_only_fields_are_ignored_wherever_they_come_in(void) {
  const char *id = new_id();
  const Ordershop__V1__Customer *customer =
      must("CreateCustomer",
           "customer {id $ name 'Ada' email 'a@b' version 99 create_time {seconds 1} update_time {seconds 2}}", id);
  assert_new(customer->id, customer->version, customer->create_time, customer->update_time);
  CU_ASSERT_STRING_NOT_EQUAL(customer->id, id);

  const Ordershop__V1__Product *product = must("CreateProduct", "product {id 'no id at all' name 'Kettle'}");
  const Ordershop__V1__Inventory *inventory =
      must("CreateInventory", "inventory {id $ product_id $ amount 5 reserved_amount 3 version -1}", id, product->id);
  CU_ASSERT_EQUAL(inventory->reserved_amount, 0);
  CU_ASSERT_STRING_NOT_EQUAL(inventory->id, id);
  const Ordershop__V1__Order *order = must(
      "CreateOrder", "order {id $ customer_id $ product_ids $ total_cents 5 items {product_id $ unit_price_cents 1}}",
      id, customer->id, product->id, id);
  CU_ASSERT_EQUAL(order->total_cents, 0);
  CU_ASSERT_EQUAL_FATAL(order->n_items, 1);
  CU_ASSERT_STRING_EQUAL(order->items[0]->product_id, product->id);
  const Ordershop__V1__Order *updated =
      must("UpdateOrder",
           "order {id $ product_ids $ product_ids $ total_cents 7} update_mask {paths 'product_ids' "
           "paths 'total_cents' paths 'version' paths 'items' paths 'id'}",
           order->id, product->id, product->id);
  CU_ASSERT_EQUAL(updated->total_cents, 0);
  const Ordershop__V1__Billing *billing =
      must("CreateBilling", "billing {id $ order_id $ amount_cents 1 done_time {seconds 1}}", id, order->id);
  CU_ASSERT_STRING_NOT_EQUAL(billing->id, id);
  CU_ASSERT_EQUAL(billing->amount_cents, 0);
  CU_ASSERT_TRUE(billing->done_time->seconds > 1);
  const Ordershop__V1__Mail *mail =
      must("SendMail", "mail {to 'a@b' subject 'Hello' status 3 sent_time {seconds 1} version 7}");
  CU_ASSERT_EQUAL(mail->status, ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_PENDING);
  CU_ASSERT_PTR_NULL(mail->sent_time);
  CU_ASSERT_EQUAL(mail->version, 1);
}

/* ---- masks ------------------------------------------------------------------------------------------------------ */

static void an_empty_mask_means_the_fields_that_are_set(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Customer *updated = must("UpdateCustomer", "customer {id $ name 'Bea'}", customer->id);
  CU_ASSERT_STRING_EQUAL(updated->name, "Bea");
  CU_ASSERT_STRING_EQUAL(updated->email, customer->email);
  CU_ASSERT_EQUAL(updated->version, 2);
  CU_ASSERT_TRUE(timestamp_unix_us(updated->update_time) > timestamp_unix_us(customer->update_time));
  CU_ASSERT_EQUAL(timestamp_unix_us(updated->create_time), timestamp_unix_us(customer->create_time));
  updated = must("UpdateCustomer", "customer {id $ email 'bea@example.com'} update_mask {}", customer->id);
  CU_ASSERT_STRING_EQUAL(updated->name, "Bea");
  CU_ASSERT_STRING_EQUAL(updated->email, "bea@example.com");

  const Ordershop__V1__Product *product = new_product(5);
  const Ordershop__V1__Product *same = must("UpdateProduct", "product {id $ name 'Pot' price_cents 0}", product->id);
  CU_ASSERT_EQUAL(same->price_cents, 5);
}

static void a_mask_changes_the_fields_that_it_names_and_no_others(void) {
  const Ordershop__V1__Product *product = new_product(5);
  const Ordershop__V1__Product *updated =
      must("UpdateProduct", "product {id $ name 'Pot' price_cents 0} update_mask {paths 'price_cents'}", product->id);
  CU_ASSERT_EQUAL(updated->price_cents, 0);
  CU_ASSERT_STRING_EQUAL(updated->name, product->name);
  updated = must("UpdateProduct",
                 "product {id $ name 'Pot' price_cents 9} update_mask {paths 'name' paths 'price_cents' paths 'name'}",
                 product->id);
  CU_ASSERT_EQUAL(updated->price_cents, 9);
  CU_ASSERT_STRING_EQUAL(updated->name, "Pot");
  assert_violations(ask("UpdateProduct", "product {id $} update_mask {paths 'name'}", product->id), "product.name");
}

static void a_star_replaces_all_set_or_not(void) {
  const Ordershop__V1__Product *product = new_product(5);
  const Ordershop__V1__Product *updated =
      must("UpdateProduct", "product {id $ name 'Pot'} update_mask {paths '*'}", product->id);
  CU_ASSERT_STRING_EQUAL(updated->name, "Pot");
  CU_ASSERT_EQUAL(updated->price_cents, 0);
  assert_violations(ask("UpdateProduct", "product {id $ price_cents 1} update_mask {paths '*'}", product->id),
                    "product.name");
  assert_violations(ask("UpdateCustomer", "customer {id $} update_mask {paths '*'}", new_customer()->id),
                    "customer.name customer.email");
  const char *stocked = new_stocked_product(1, 8)->id;
  const Ordershop__V1__Inventory *inventory =
      must("UpdateInventory", "inventory {id $} update_mask {paths '*'}", stock_of(stocked)->id);
  CU_ASSERT_EQUAL(inventory->amount, 0);
}

static void unknown_paths_are_refused(void) {
  static const char *const paths[] = {"colour", "Name", "name.first", "customer.name", "", " name", "**", "name,email"};
  const char *id = new_customer()->id;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    assert_violations(ask("UpdateCustomer", "customer {id $ name 'Bea'} update_mask {paths $}", id, paths[i]),
                      "update_mask");
  }
  const Ordershop__V1__Customer *unchanged = must("GetCustomer", "id $", id);
  CU_ASSERT_EQUAL(unchanged->version, 1);
}

static void an_immutable_field_may_only_be_given_the_value_that_it_has(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(1, 9)->id, *other = new_id();
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  assert_violations(ask("UpdateOrder", "order {id $ customer_id $ product_ids $ product_ids $}", order->id, other,
                        product_id, product_id),
                    "order.customer_id");
  assert_violations(
      ask("UpdateOrder", "order {id $ customer_id $} update_mask {paths 'customer_id'}", order->id, other),
      "order.customer_id");
  assert_same_answer(
      ask("UpdateOrder", "order {id $ customer_id $} update_mask {paths 'customer_id'}", order->id, customer_id),
      order);
  const Ordershop__V1__Order *updated = must("UpdateOrder", "order {id $ customer_id $ product_ids $ product_ids $}",
                                             order->id, customer_id, product_id, product_id);
  CU_ASSERT_EQUAL(updated->version, 2);

  const Ordershop__V1__Inventory *inventory = stock_of(product_id);
  assert_violations(ask("UpdateInventory", "inventory {id $ product_id $ amount 1}", inventory->id, other),
                    "inventory.product_id");
  must("UpdateInventory", "inventory {id $ product_id $ amount 1}", inventory->id, product_id);
  assert_same_answer(ask("UpdateInventory", "inventory {id $ product_id $} update_mask {paths 'product_id'}",
                         inventory->id, product_id),
                     stock_of(product_id));
}

static void a_mask_of_output_only_paths_changes_nothing(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  int64_t before = events_of("customer_updated");
  assert_same_answer(
      ask("UpdateCustomer",
          "customer {id $ name 'Bea' version 1 create_time {seconds 1}} update_mask {paths 'version' paths "
          "'create_time' paths 'update_time' paths 'id'}",
          customer->id),
      customer);
  CU_ASSERT_EQUAL(events_of("customer_updated"), before);
}

/* ---- versions --------------------------------------------------------------------------------------------------- */

static void assert_mismatch(struct answer answer, const char *wanted, const char *actual) {
  assert_refused(answer, STATUS_ABORTED, "VERSION_MISMATCH");
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "wanted_version"), wanted);
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "version"), actual);
}

static void a_version_makes_an_update_or_a_deletion_conditional(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(1, 9)->id;
  must("UpdateCustomer", "customer {id $ name 'Bea' version 1}", customer_id);
  assert_mismatch(ask("UpdateCustomer", "customer {id $ name 'Cleo' version 1}", customer_id), "1", "2");
  assert_mismatch(ask("UpdateCustomer", "customer {id $ name 'Cleo' version 3}", customer_id), "3", "2");
  assert_mismatch(ask("DeleteCustomer", "id $ version 1", customer_id), "1", "2");
  assert_mismatch(ask("UpdateProduct", "product {id $ name 'Pot' version 2}", product_id), "2", "1");
  assert_mismatch(ask("DeleteProduct", "id $ version 2", product_id), "2", "1");
  const Ordershop__V1__Inventory *inventory = stock_of(product_id);
  assert_mismatch(ask("UpdateInventory", "inventory {id $ amount 3 version 7}", inventory->id), "7", "1");
  assert_mismatch(ask("DeleteInventory", "id $ version 7", inventory->id), "7", "1");
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  assert_mismatch(
      ask("UpdateOrder", "order {id $ product_ids $ product_ids $ version 9}", order->id, product_id, product_id), "9",
      "1");
  assert_mismatch(ask("DeleteOrder", "id $ version 9", order->id), "9", "1");
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  assert_mismatch(ask("DeleteBilling", "id $ version 2", billing->id), "2", "1");
  assert_done(ask("DeleteBilling", "id $ version 1", billing->id));
  assert_done(ask("DeleteCustomer", "id $ version 2", customer_id));
}

static void a_version_counts_even_if_nothing_would_change(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  assert_mismatch(ask("UpdateCustomer", "customer {id $ name 'Ada' version 2}", customer->id), "2", "1");
  assert_same_answer(ask("UpdateCustomer", "customer {id $ name 'Ada' version 1}", customer->id), customer);
  const Ordershop__V1__Inventory *inventory = stock_of(new_stocked_product(1, 9)->id);
  assert_mismatch(ask("UpdateInventory", "inventory {id $ amount 9 version 2}", inventory->id), "2", "1");
  assert_same_answer(ask("UpdateInventory", "inventory {id $ amount 9 version 1}", inventory->id), inventory);
}

/* ---- updates of nothing ----------------------------------------------------------------------------------------- */

static void an_update_that_changes_nothing_makes_no_event(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(5, 9);
  const Ordershop__V1__Inventory *inventory = stock_of(product->id);
  const Ordershop__V1__Order *order = new_order(customer->id, product->id);
  inventory = must("GetInventory", "id $", inventory->id);
  int64_t events = events_of("customer_updated") + events_of("product_updated") + events_of("inventory_updated") +
                   events_of("order_updated");
  for (int i = 0; i < 2; i++) {
    const char *request_id = i == 0 ? "" : new_id();
    struct answer answers[] = {
        ask("UpdateCustomer", "customer {id $ name $ email $} request_id $", customer->id, customer->name,
            customer->email, request_id),
        ask("UpdateProduct", "product {id $ name $ price_cents 5} update_mask {paths '*'} request_id $", product->id,
            product->name, request_id),
        ask("UpdateInventory", "inventory {id $ amount #} request_id $", inventory->id, inventory->amount, request_id),
        ask("UpdateOrder", "order {id $ product_ids $} request_id $", order->id, product->id, request_id)};
    const void *wanted[] = {customer, product, inventory, order};
    for (int a = 0; a < 4; a++) {
      assert_done(answers[a]);
      assert_same_answer(answers[a], wanted[a]);
    }
    assert_same_answer(ask("UpdateCustomer", "customer {id $} request_id $", customer->id, *request_id ? new_id() : ""),
                       customer);
  }
  CU_ASSERT_EQUAL(events_of("customer_updated") + events_of("product_updated") + events_of("inventory_updated") +
                      events_of("order_updated"),
                  events);
}

/* ---- deleting --------------------------------------------------------------------------------------------------- */

static void deleting_again_is_not_found(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(1, 9)->id;
  const char *inventory_id = stock_of(product_id)->id;
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  const struct {
    const char *method, *type, *id;
  } deletions[] = {{"DeleteBilling", "billing", billing->id},
                   {"DeleteOrder", "order", order->id},
                   {"DeleteInventory", "inventory", inventory_id},
                   {"DeleteProduct", "product", product_id},
                   {"DeleteCustomer", "customer", customer_id}};
  for (int i = 0; i < 5; i++) {
    assert_done(ask(deletions[i].method, "id $", deletions[i].id));
    assert_not_found(ask(deletions[i].method, "id $", deletions[i].id), deletions[i].type, deletions[i].id);
    assert_not_found(ask(deletions[i].method, "id $ version 1", deletions[i].id), deletions[i].type, deletions[i].id);
    assert_not_found(ask(deletions[i].method, "id $ request_id $", deletions[i].id, new_id()), deletions[i].type,
                     deletions[i].id);
  }
}

static void deleted_customers_and_products_keep_their_orders_and_get_no_new_ones(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(4, 9)->id;
  const char *other_customer = new_customer()->id, *other_product = new_stocked_product(6, 9)->id;
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  assert_done(ask("DeleteCustomer", "id $", customer_id));
  assert_done(ask("DeleteProduct", "id $", product_id));
  assert_same_answer(ask("GetOrder", "id $", order->id), order);
  CU_ASSERT_EQUAL(stock_of(product_id)->amount, 8);
  assert_not_found(ask("CreateOrder", "order {customer_id $ product_ids $}", customer_id, other_product), "customer",
                   customer_id);
  assert_not_found(ask("CreateOrder", "order {customer_id $ product_ids $}", other_customer, product_id), "product",
                   product_id);
  assert_not_found(ask("CreateInventory", "inventory {product_id $}", product_id), "product", product_id);
  const Ordershop__V1__Order *updated =
      must("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, product_id, other_product);
  CU_ASSERT_EQUAL(updated->total_cents, 10);
  assert_done(ask("CreateBilling", "billing {order_id $}", order->id));
}

/* ---- stock ------------------------------------------------------------------------------------------------------ */

static void a_product_has_one_stock(void) {
  const char *product_id = new_stocked_product(1, 3)->id;
  struct answer again = ask("CreateInventory", "inventory {product_id $ amount 5}", product_id);
  assert_refused(again, STATUS_ALREADY_EXISTS, "INVENTORY_ALREADY_EXISTS");
  CU_ASSERT_STRING_EQUAL(again.status.details->resource_type, "inventory");
  const Ordershop__V1__Inventory *inventory = stock_of(product_id);
  CU_ASSERT_STRING_EQUAL(again.status.details->resource_name, inventory->id);
  CU_ASSERT_EQUAL(inventory->amount, 3);
  assert_done(ask("DeleteInventory", "id $", inventory->id));
  const Ordershop__V1__Inventory *anew = must("CreateInventory", "inventory {product_id $ amount 5}", product_id);
  CU_ASSERT_STRING_EQUAL(anew->id, inventory->id);
  CU_ASSERT_EQUAL(anew->version, 1);
}

/* A caller who named a product has never seen the inventory's id. */
static void errors_of_stock_name_the_product_that_the_caller_named(void) {
  const char *without = new_product(1)->id, *with = new_stocked_product(1, 3)->id;
  struct answer adjusted = ask("AdjustStock", "product_id $ delta 1", without);
  assert_not_found(adjusted, "inventory", without);
  CU_ASSERT_PTR_NOT_NULL(strstr(adjusted.status.message, without));
  struct answer created = ask("CreateInventory", "inventory {product_id $}", with);
  CU_ASSERT_PTR_NOT_NULL(strstr(created.status.message, with));
  created = ask("BatchCreateInventories", "inventories {product_id $} inventories {product_id $}", without, with);
  assert_refused(created, STATUS_ALREADY_EXISTS, "INVENTORY_ALREADY_EXISTS");
  CU_ASSERT_PTR_NOT_NULL(strstr(created.status.message, with));
  struct answer taken = ask("AdjustStock", "product_id $ delta -4", with);
  assert_refused(taken, STATUS_FAILED_PRECONDITION, "STOCK_OUT_OF_RANGE");
  CU_ASSERT_PTR_NOT_NULL(strstr(taken.status.details->preconditions->subject, with));
}

static void adjusting_leaves_the_amount_within_0_to_10_9(void) {
  const char *product_id = new_stocked_product(1, 10)->id;
  const Ordershop__V1__Inventory *inventory = must("AdjustStock", "product_id $ delta -10", product_id);
  CU_ASSERT_EQUAL(inventory->amount, 0);
  CU_ASSERT_EQUAL(inventory->version, 2);
  struct answer answer = ask("AdjustStock", "product_id $ delta -1", product_id);
  assert_refused(answer, STATUS_FAILED_PRECONDITION, "STOCK_OUT_OF_RANGE");
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "available"), "0");
  inventory = must("AdjustStock", "product_id $ delta 1000000000", product_id);
  CU_ASSERT_EQUAL(inventory->amount, 1000000000);
  assert_refused(ask("AdjustStock", "product_id $ delta 1", product_id), STATUS_FAILED_PRECONDITION,
                 "STOCK_OUT_OF_RANGE");
  CU_ASSERT_EQUAL(stock_of(product_id)->version, 3);
  inventory = must("AdjustStock", "product_id $ delta -1000000000", product_id);
  CU_ASSERT_EQUAL(inventory->amount, 0);
}

static void a_stocktake_sets_the_amount_and_leaves_what_orders_hold(void) {
  const char *product_id = new_stocked_product(1, 10)->id, *customer_id = new_customer()->id;
  new_order(customer_id, product_id);
  const Ordershop__V1__Inventory *inventory = stock_of(product_id);
  CU_ASSERT_EQUAL(inventory->amount, 9);
  CU_ASSERT_EQUAL(inventory->reserved_amount, 1);
  const Ordershop__V1__Inventory *counted =
      must("UpdateInventory", "inventory {id $ amount 4 reserved_amount 7}", inventory->id);
  CU_ASSERT_EQUAL(counted->amount, 4);
  CU_ASSERT_EQUAL(counted->reserved_amount, 1);
  CU_ASSERT_EQUAL(counted->version, inventory->version + 1);
  counted = must("UpdateInventory", "inventory {id $} update_mask {paths 'amount'}", inventory->id);
  CU_ASSERT_EQUAL(counted->amount, 0);
}

static void giving_back_is_never_refused(void) {
  const char *product_id = new_stocked_product(1, 10)->id, *customer_id = new_customer()->id;
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  must("UpdateInventory", "inventory {id $ amount 1000000000}", stock_of(product_id)->id);
  assert_done(ask("DeleteOrder", "id $", order->id));
  const Ordershop__V1__Inventory *inventory = stock_of(product_id);
  CU_ASSERT_EQUAL(inventory->amount, 1000000001);
  CU_ASSERT_EQUAL(inventory->reserved_amount, 0);
}

static void stock_that_orders_hold_is_not_deleted(void) {
  const char *product_id = new_stocked_product(1, 10)->id, *customer_id = new_customer()->id;
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  const char *id = stock_of(product_id)->id;
  struct answer answer = ask("DeleteInventory", "id $", id);
  assert_refused(answer, STATUS_FAILED_PRECONDITION, "STOCK_RESERVED");
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "reserved_amount"), "1");
  assert_done(ask("DeleteOrder", "id $", order->id));
  assert_done(ask("DeleteInventory", "id $", id));
}

static void an_order_of_too_much_names_the_product_and_takes_nothing(void) {
  const char *customer_id = new_customer()->id, *plenty = new_stocked_product(1, 100)->id;
  const char *scarce = new_stocked_product(1, 2)->id, *unstocked = new_product(1)->id;
  struct answer answer =
      ask("CreateOrder", "order {customer_id $ product_ids $ product_ids $ product_ids $ product_ids $}", customer_id,
          plenty, scarce, scarce, scarce);
  assert_refused(answer, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  CU_ASSERT_PTR_EQUAL(strstr(answer.status.message, "reserving the stock: product "), answer.status.message);
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "product_id"), scarce);
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "wanted"), "3");
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "available"), "2");
  answer = ask("CreateOrder", "order {customer_id $ product_ids $ product_ids $}", customer_id, plenty, unstocked);
  assert_refused(answer, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "product_id"), unstocked);
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "available"), "0");
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids $ product_ids $}", customer_id, scarce, scarce);
  answer =
      ask("UpdateOrder", "order {id $ product_ids $ product_ids $ product_ids $}", order->id, scarce, scarce, scarce);
  assert_refused(answer, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "wanted"), "3");
  CU_ASSERT_STRING_EQUAL(metadata_of(answer, "available"), "2"); /* what the order holds is available to it */
  CU_ASSERT_EQUAL(stock_of(plenty)->amount, 100);
  CU_ASSERT_EQUAL(stock_of(plenty)->reserved_amount, 0);
  CU_ASSERT_EQUAL(stock_of(scarce)->reserved_amount, 2);
}

/* ---- billing ---------------------------------------------------------------------------------------------------- */

static void an_order_is_billed_once_and_fixed_from_then_on(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(7, 10)->id;
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  CU_ASSERT_EQUAL(billing->amount_cents, 7);
  struct answer again = ask("CreateBilling", "billing {order_id $}", order->id);
  assert_refused(again, STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
  CU_ASSERT_STRING_EQUAL(again.status.details->resource_type, "billing");
  assert_refused(ask("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, product_id, product_id),
                 STATUS_FAILED_PRECONDITION, "ORDER_BILLED");
  assert_refused(ask("DeleteOrder", "id $", order->id), STATUS_FAILED_PRECONDITION, "ORDER_BILLED");
  assert_done(ask("DeleteBilling", "id $", billing->id));
  assert_done(ask("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, product_id, product_id));
  const Ordershop__V1__Billing *second = must("CreateBilling", "billing {order_id $}", order->id);
  CU_ASSERT_EQUAL(second->amount_cents, 14);
  CU_ASSERT_STRING_NOT_EQUAL(second->id, billing->id);
}

static void a_deleted_order_is_not_billed(void) {
  const Ordershop__V1__Order *order = new_order(new_customer()->id, new_stocked_product(7, 10)->id);
  assert_done(ask("DeleteOrder", "id $", order->id));
  assert_not_found(ask("CreateBilling", "billing {order_id $}", order->id), "order", order->id);
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

static void every_command_answers_a_position_and_reads_do_not(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(1, 50);
  const Ordershop__V1__Order *order = new_order(customer->id, product->id);
  const Ordershop__V1__Order *paid = new_order(customer->id, product->id);
  struct answer billing = ask("CreateBilling", "billing {order_id $}", paid->id);
  const char *billing_id = ((const Ordershop__V1__Billing *)billing.message)->id;
  assert_done(billing);
  assert_done(ask("CreateCustomer", "customer {name 'A' email 'a@b'}"));
  assert_done(ask("BatchCreateCustomers", "customers {name 'A' email 'a@b'}"));
  assert_done(ask("UpdateCustomer", "customer {id $ name 'B'}", customer->id));
  assert_done(ask("CreateProduct", "product {name 'A'}"));
  assert_done(ask("BatchCreateProducts", "products {name 'A'}"));
  assert_done(ask("UpdateProduct", "product {id $ price_cents 3}", product->id));
  assert_done(ask("CreateInventory", "inventory {product_id $}", new_product(1)->id));
  assert_done(ask("BatchCreateInventories", "inventories {product_id $}", new_product(1)->id));
  assert_done(ask("AdjustStock", "product_id $ delta 1", product->id));
  assert_done(ask("UpdateInventory", "inventory {id $ amount 40}", stock_of(product->id)->id));
  assert_done(ask("CreateOrder", "order {customer_id $ product_ids $}", customer->id, product->id));
  assert_done(ask("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, product->id, product->id));
  assert_done(ask("SendMail", "mail {to 'a@b' subject 'A'}"));
  assert_done(ask("BatchSendMails", "mails {to 'a@b' subject 'A'}"));
  assert_done(ask("DeleteBilling", "id $", billing_id));
  assert_done(ask("DeleteOrder", "id $", order->id));
  assert_done(ask("DeleteProduct", "id $", product->id));
  assert_done(ask("DeleteCustomer", "id $", customer->id));
  CU_ASSERT_PTR_NULL(ask("ListCustomers", "page_size 1").position);
  CU_ASSERT_PTR_NULL(ask("GetOrder", "id $", paid->id).position);
}

/* One reading method of each service. */
static const char *const readings[] = {"ListCustomers", "ListProducts",     "ListInventories", "ListOrders",
                                       "ListBillings",  "ListInteractions", "ListMails"};

static void a_position_that_the_shop_never_gave_is_refused(void) {
  static const char *const garbage[] = {
      "x", "0", "-", "1548699678802-91", "zzzzzzzzzzzzzzzz.1", " ", "mail:x", "mail:0123456789abcdef.1,x", ","};
  for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
    for (size_t n = 0; n < sizeof garbage / sizeof *garbage; n++) {
      struct answer answer = ask_after(garbage[n], readings[i], "page_size 1");
      if (answer.status.code != STATUS_INVALID_ARGUMENT) fprintf(stderr, "  (%s after %s)\n", readings[i], garbage[n]);
      CU_ASSERT_EQUAL(answer.status.code, STATUS_INVALID_ARGUMENT);
    }
  }
}

static void a_position_of_another_log_is_log_reset(void) {
  const char *position = ask("CreateCustomer", "customer {name 'A' email 'a@b'}").position;
  char *foreign = arena_strdup(arena, position), *colon = strchr(foreign, ':'), *epoch = colon ? colon + 1 : foreign;
  for (int i = 0; i < 8; i++) epoch[i] = epoch[i] == '0' ? '1' : '0';
  for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
    assert_done(ask("CreateCustomer", "customer {name 'A' email 'a@b'}"));
    CU_ASSERT_EQUAL(ask_after(position, readings[i], "page_size 1").status.code, STATUS_OK);
    /* Where each service has a Redis of its own, this is the customers' log, which means nothing to the others. */
    if (colon && strcmp(readings[i], "ListCustomers") != 0) continue;
    assert_refused(ask_after(foreign, readings[i], "page_size 1"), STATUS_FAILED_PRECONDITION, "LOG_RESET");
  }
  assert_refused(ask_after(foreign, "CreateCustomer", "customer {name 'A' email 'a@b'}"), STATUS_FAILED_PRECONDITION,
                 "LOG_RESET");
}

/* ---- what else is refused --------------------------------------------------------------------------------------- */

static void methods_that_nobody_knows_are_unimplemented(void) {
  static const char *const paths[] = {"/ordershop.v1.CustomerService/Frobnicate", "/ordershop.v1.Nothing/GetCustomer",
                                      "/", "/x", "/ordershop.v1.CustomerService/createcustomer"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    struct echo_call *call = echo_call_open(private_shop_port(shop, ORDERSHOP_CUSTOMER), paths[i], 10000, NULL, NULL);
    echo_call_send_end(call);
    CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_UNIMPLEMENTED);
    echo_call_free(call);
  }
}

static void out_of_memory_refuses_commands_with_a_time_to_retry_and_answers_reads(void) {
  const char *id = new_customer()->id;
  struct private_redis *of_customers = redis_of("customer_ids");
  private_redis_command(of_customers, "CONFIG SET maxmemory 1");
  struct answer answer = ask("CreateCustomer", "customer {name 'A' email 'a@b'}");
  assert_refused(answer, STATUS_RESOURCE_EXHAUSTED, "REDIS_OUT_OF_MEMORY");
  CU_ASSERT_TRUE(answer.status.details && answer.status.details->retry_delay_ms > 0);
  must("GetCustomer", "id $", id);
  private_redis_command(of_customers, "CONFIG SET maxmemory 0");
  assert_done(ask("CreateCustomer", "customer {name 'A' email 'a@b'}"));
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a created resource is answered and read as it was given",
       a_created_resource_is_answered_and_read_as_it_was_given},
      {"a batch is answered in its order", a_batch_is_answered_in_its_order},
      {"a batch is all or nothing", a_batch_is_all_or_nothing},
      {"output-only fields are ignored wherever they come in", output_only_fields_are_ignored_wherever_they_come_in},
      {"an empty mask means the fields that are set", an_empty_mask_means_the_fields_that_are_set},
      {"a mask changes the fields that it names and no others", a_mask_changes_the_fields_that_it_names_and_no_others},
      {"a star replaces all, set or not", a_star_replaces_all_set_or_not},
      {"unknown paths are refused", unknown_paths_are_refused},
      {"an immutable field may only be given the value that it has",
       an_immutable_field_may_only_be_given_the_value_that_it_has},
      {"a mask of output-only paths changes nothing", a_mask_of_output_only_paths_changes_nothing},
      {"a version makes an update or a deletion conditional", a_version_makes_an_update_or_a_deletion_conditional},
      {"a version counts even if nothing would change", a_version_counts_even_if_nothing_would_change},
      {"an update that changes nothing makes no event", an_update_that_changes_nothing_makes_no_event},
      {"deleting again is not found", deleting_again_is_not_found},
      {"deleted customers and products keep their orders and get no new ones",
       deleted_customers_and_products_keep_their_orders_and_get_no_new_ones},
      {"a product has one stock", a_product_has_one_stock},
      {"errors of stock name the product that the caller named",
       errors_of_stock_name_the_product_that_the_caller_named},
      {"adjusting leaves the amount within 0 to 10^9", adjusting_leaves_the_amount_within_0_to_10_9},
      {"a stocktake sets the amount and leaves what orders hold",
       a_stocktake_sets_the_amount_and_leaves_what_orders_hold},
      {"giving back is never refused", giving_back_is_never_refused},
      {"stock that orders hold is not deleted", stock_that_orders_hold_is_not_deleted},
      {"an order of too much names the product and takes nothing",
       an_order_of_too_much_names_the_product_and_takes_nothing},
      {"an order is billed once, and fixed from then on", an_order_is_billed_once_and_fixed_from_then_on},
      {"a deleted order is not billed", a_deleted_order_is_not_billed},
      {"every command answers a position, and reads do not", every_command_answers_a_position_and_reads_do_not},
      {"a position that the shop never gave is refused", a_position_that_the_shop_never_gave_is_refused},
      {"a position of another log is LOG_RESET", a_position_of_another_log_is_log_reset},
      {"methods that nobody knows are UNIMPLEMENTED", methods_that_nobody_knows_are_unimplemented},
      {"out of memory refuses commands with a time to retry, and answers reads",
       out_of_memory_refuses_commands_with_a_time_to_retry_and_answers_reads},
  };
  return suite_main("API: commands", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
