/* SPDX-License-Identifier: Apache-2.0 */
/* What the API takes in its fields and what it refuses: names, addresses, numbers, ids, lists of them; and that it
 * tells everything that is wrong with a request in one answer. */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "base/message.h"
#include "echo_call.h"

enum { CASES_MAX = 64 };

/* Says which case of a table it was. */
static void told(const char *what, const char *value) {
  if (CU_get_number_of_failures() > 0) fprintf(stderr, "  (%s, value \"%.80s\")\n", what, value);
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* Fields that are display names, and the command that gives them. */
static const struct {
  const char *method, *request, *field;
} named[] = {
    {"CreateCustomer", "customer {name $ email 'ada@example.com'}", "customer.name"},
    {"BatchCreateCustomers", "customers {name $ email 'ada@example.com'}", "customers[0].name"},
    {"CreateProduct", "product {name $}", "product.name"},
    {"BatchCreateProducts", "products {name $}", "products[0].name"},
    {"SendMail", "mail {to 'ada@example.com' subject $}", "mail.subject"},
    {"BatchSendMails", "mails {to 'ada@example.com' subject $}", "mails[0].subject"},
};
enum { NAMED = sizeof named / sizeof *named };

static void refuse_names(const char *const *names) {
  for (int i = 0; i < NAMED; i++) {
    for (const char *const *name = names; *name; name++) {
      unsigned before = CU_get_number_of_failures();
      assert_violations(ask(named[i].method, named[i].request, *name), named[i].field);
      if (CU_get_number_of_failures() > before) told(named[i].method, *name);
    }
  }
}

static void a_name_must_not_be_empty_or_blank(void) {
  refuse_names((const char *[]){"", " ", "   ", "\u00a0", "\u2003\u3000", NULL});
}

static void a_name_must_not_have_control_characters(void) {
  refuse_names((const char *[]){"a\nb", "a\rb", "a\tb", "\n", "a\x1b[31mb", "a\x7f", "\x01", "a\xc2\x85", "a\xc2\x9b",
                                "a\u2028b", "a\u2029b", NULL});
}

static void a_name_has_at_max_256_characters_however_many_bytes_they_take(void) {
  refuse_names((const char *[]){repeated("x", 257), repeated("\u20ac", 257), repeated("\U0001F600", 257),
                                repeated("e\u0301", 129), NULL});
  const char *const longest[] = {repeated("x", 256), repeated("\u20ac", 256), repeated("\U0001F600", 256)};
  for (int i = 0; i < NAMED; i++) {
    for (int n = 0; n < 3; n++) must(named[i].method, named[i].request, longest[n]);
  }
}

static const char *const odd_names[] = {
    "a_b:c",
    "customer_entity:8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11",
    "customer_ids",
    "*",
    "a b",
    "  with blanks around ",
    "x",
    "0",
    "null",
    "O'Neil \"Tip\" <tip@example.com>",
    "\\n\\0%s%n{}[]",
    "'; DROP TABLE customers; --",
    "\u0141ukasz \u738b\u5c0f\u660e \u0645\u0631\u064a\u0645",
    "\U0001F469\u200d\U0001F4BB \U0001F600",
};
enum { ODD_NAMES = sizeof odd_names / sizeof *odd_names };

static void names_that_look_like_keys_or_syntax_are_kept_as_they_are(void) {
  for (int i = 0; i < ODD_NAMES; i++) {
    const char *name = odd_names[i];
    const Ordershop__V1__Customer *created = must("CreateCustomer", "customer {name $ email 'ada@example.com'}", name);
    const Ordershop__V1__Customer *read = must("GetCustomer", "id $", created->id);
    CU_ASSERT_STRING_EQUAL(created->name, name);
    CU_ASSERT_TRUE(message_equal(arena, created, read));
    CU_ASSERT_STRING_EQUAL(
        private_redis_command(redis_of("customer_entity"), "HGET customer_entity:%s name", created->id), name);
    const Ordershop__V1__Customer *renamed =
        must("UpdateCustomer", "customer {id $ name 'plain'} update_mask {paths 'name'}", created->id);
    CU_ASSERT_STRING_EQUAL(renamed->name, "plain");
    const Ordershop__V1__Product *product = must("CreateProduct", "product {name $}", name);
    CU_ASSERT_STRING_EQUAL(((const Ordershop__V1__Product *)must("GetProduct", "id $", product->id))->name, name);
  }
}

static void odd_names_disturb_no_list(void) {
  Ordershop__V1__ListProductsResponse *list = (void *)must("ListProducts", "page_size 1000");
  int found = 0;
  for (size_t i = 0; i < list->n_products; i++) {
    for (int n = 0; n < ODD_NAMES; n++) found += strcmp(list->products[i]->name, odd_names[n]) == 0;
  }
  CU_ASSERT_TRUE(found >= ODD_NAMES);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static const struct {
  const char *method, *request, *field;
} addressed[] = {
    {"CreateCustomer", "customer {name 'Ada' email $}", "customer.email"},
    {"BatchCreateCustomers", "customers {name 'Ada' email $}", "customers[0].email"},
    {"SendMail", "mail {to $ subject 'Hello'}", "mail.to"},
    {"BatchSendMails", "mails {to $ subject 'Hello'}", "mails[0].to"},
};
enum { ADDRESSED = sizeof addressed / sizeof *addressed };

/* An address of so many bytes. */
static const char *address_of_size(int size) {
  const char *local = repeated("l", 64), *label = repeated("d", 60);
  const char *domain = arena_printf(arena, "%s.%s.%s", label, label, label);
  return arena_printf(arena, "%s@%s.%s", local, domain, repeated("e", size - 64 - 1 - (int)strlen(domain) - 1));
}

static void addresses_as_people_have_them_are_taken(void) {
  const char *const taken[] = {"a@b",
                               "ada@example.com",
                               "first.last+tag@sub-domain.example.co.uk",
                               "UPPER_case@EXAMPLE.com",
                               "x!#$%&*/=?^`{|}~-@example.com",
                               "1@2.3",
                               "ada@xn--bcher-kva.example",
                               address_of_size(254)};
  for (int i = 0; i < ADDRESSED; i++) {
    for (size_t n = 0; n < sizeof taken / sizeof *taken; n++) must(addressed[i].method, addressed[i].request, taken[n]);
  }
}

static void everything_else_is_no_address(void) {
  const char *const refused[] = {"",
                                 " ",
                                 "ada",
                                 "@example.com",
                                 "ada@",
                                 "ada@@example.com",
                                 "a@b@c",
                                 "a b@example.com",
                                 "ada@exam ple.com",
                                 " ada@example.com",
                                 "ada@example.com ",
                                 "\"ada\"@example.com",
                                 "<ada@example.com>",
                                 "Ada <ada@example.com>",
                                 "ada@example.com,bob@example.com",
                                 "ada@example.com\r\nBcc: bob@example.com",
                                 "ada@example.com\n",
                                 "ada\t@example.com",
                                 ".ada@example.com",
                                 "ada.@example.com",
                                 "a..b@example.com",
                                 "ada@example..com",
                                 "ada@.example.com",
                                 "ada@example.com.",
                                 "ada@-example.com",
                                 "ada@example-.com",
                                 "ada@[127.0.0.1]",
                                 "ada@b\u00fccher.example",
                                 "\u00e4da@example.com",
                                 "\U0001F600@example.com",
                                 arena_printf(arena, "%s@example.com", repeated("l", 65)),
                                 arena_printf(arena, "ada@%s.com", repeated("d", 64)),
                                 address_of_size(255)};
  for (int i = 0; i < ADDRESSED; i++) {
    for (size_t n = 0; n < sizeof refused / sizeof *refused; n++) {
      unsigned before = CU_get_number_of_failures();
      assert_violations(ask(addressed[i].method, addressed[i].request, refused[n]), addressed[i].field);
      if (CU_get_number_of_failures() > before) told(addressed[i].method, refused[n]);
    }
  }
}

static void an_address_may_belong_to_several_customers(void) {
  must("CreateCustomer", "customer {name 'Ada' email 'shared@example.com'}");
  must("CreateCustomer", "customer {name 'Bob' email 'shared@example.com'}");
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static void a_price_is_0_to_10_12_cents(void) {
  static const int64_t taken[] = {0, 1, INT64_C(1000000000000)};
  static const int64_t refused[] = {-1, INT64_C(1000000000001), INT64_MAX, INT64_MIN};
  for (int i = 0; i < 3; i++) {
    const Ordershop__V1__Product *product = must("CreateProduct", "product {name 'Kettle' price_cents #}", taken[i]);
    CU_ASSERT_EQUAL(product->price_cents, taken[i]);
  }
  const char *id = new_product(1)->id;
  for (int i = 0; i < 4; i++) {
    assert_violations(ask("CreateProduct", "product {name 'Kettle' price_cents #}", refused[i]), "product.price_cents");
    assert_violations(ask("UpdateProduct", "product {id $ price_cents #}", id, refused[i]), "product.price_cents");
  }
}

static void an_amount_is_0_to_10_9(void) {
  static const int64_t taken[] = {0, 1, 1000000000};
  static const int64_t refused[] = {-1, 1000000001, INT64_MAX, INT64_MIN};
  for (int i = 0; i < 3; i++) {
    const Ordershop__V1__Inventory *inventory =
        must("CreateInventory", "inventory {product_id $ amount #}", new_product(1)->id, taken[i]);
    CU_ASSERT_EQUAL(inventory->amount, taken[i]);
  }
  const char *product_id = new_stocked_product(1, 1)->id, *id = stock_of(product_id)->id;
  for (int i = 0; i < 4; i++) {
    assert_violations(ask("CreateInventory", "inventory {product_id $ amount #}", product_id, refused[i]),
                      "inventory.amount");
    assert_violations(ask("UpdateInventory", "inventory {id $ amount #}", id, refused[i]), "inventory.amount");
  }
}

static void a_delta_is_within_10_9_and_not_0(void) {
  const char *product_id = new_stocked_product(1, 1)->id;
  static const int64_t refused[] = {0, 1000000001, -1000000001, INT64_MAX, INT64_MIN};
  for (int i = 0; i < 5; i++) {
    assert_violations(ask("AdjustStock", "product_id $ delta #", product_id, refused[i]), "delta");
  }
}

static void a_body_has_at_max_1_MiB(void) {
  static const char request[] = "mail {to 'ada@example.com' subject 'Long' body $}";
  const Ordershop__V1__Mail *mail = must("SendMail", request, repeated("x", 1 << 20));
  CU_ASSERT_EQUAL(strlen(mail->body), 1 << 20);
  mail = must("SendMail", request, repeated("\u20ac\n", 1 << 18));
  CU_ASSERT_EQUAL(strlen(mail->body), 1 << 20);
  assert_violations(ask("SendMail", request, repeated("x", (1 << 20) + 1)), "mail.body");
  assert_violations(ask("SendMail", request, "a\x1b[31mb"), "mail.body");
  assert_violations(ask("SendMail", request, "a\rb"), "mail.body");
}

/* ---- ids -------------------------------------------------------------------------------------------------------- */

static const char *const no_ids[] = {"",
                                     "x",
                                     "0",
                                     "8f14e45f-ceea-467f-a8b1-3c6f0d2e7b1",
                                     "8f14e45f-ceea-467f-a8b1-3c6f0d2e7b111",
                                     "8f14e45f-ceea-467f-a8b1-3c6f0d2e7b1g",
                                     "{8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11}",
                                     "8f14e45fceea467fa8b13c6f0d2e7b11",
                                     " 8f14e45f-ceea-467f-a8b1-3c6f0d2e7b1",
                                     "customer_entity:8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11",
                                     "*",
                                     "8f14e45f-ceea-467f-a8b1-3c6f0d2e7b1\u00e9"};
enum { NO_IDS = sizeof no_ids / sizeof *no_ids };

/* Where a request names something, and what it names. */
static const struct {
  const char *method, *request, *field, *type;
} references[] = {
    {"GetCustomer", "id $", "id", "customer"},
    {"UpdateCustomer", "customer {id $ name 'Ada'}", "customer.id", "customer"},
    {"DeleteCustomer", "id $", "id", "customer"},
    {"GetProduct", "id $", "id", "product"},
    {"BatchGetProducts", "ids $", "ids[0]", "product"},
    {"UpdateProduct", "product {id $ name 'Kettle'}", "product.id", "product"},
    {"DeleteProduct", "id $", "id", "product"},
    {"GetInventory", "id $", "id", "inventory"},
    {"UpdateInventory", "inventory {id $ amount 1}", "inventory.id", "inventory"},
    {"DeleteInventory", "id $", "id", "inventory"},
    {"CreateInventory", "inventory {product_id $ amount 1}", "inventory.product_id", "product"},
    {"BatchCreateInventories", "inventories {product_id $ amount 1}", "inventories[0].product_id", "product"},
    {"GetOrder", "id $", "id", "order"},
    {"UpdateOrder", "order {id $ product_ids '8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11'}", "order.id", "order"},
    {"DeleteOrder", "id $", "id", "order"},
    {"CreateOrder", "order {customer_id $ product_ids '8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11'}", "order.customer_id",
     "customer"},
    {"GetBilling", "id $", "id", "billing"},
    {"DeleteBilling", "id $", "id", "billing"},
    {"CreateBilling", "billing {order_id $}", "billing.order_id", "order"},
    {"GetMail", "id $", "id", "mail"},
    {"GetCustomerProfile", "customer_id $", "customer_id", "customer_profile"},
};
enum { REFERENCES = sizeof references / sizeof *references };

static void what_is_no_uuid_is_refused_as_an_id(void) {
  for (int i = 0; i < REFERENCES; i++) {
    for (int n = 0; n < NO_IDS; n++) {
      unsigned before = CU_get_number_of_failures();
      assert_violations(ask(references[i].method, references[i].request, no_ids[n]), references[i].field);
      if (CU_get_number_of_failures() > before) told(references[i].method, no_ids[n]);
    }
  }
}

static void the_id_of_nothing_is_not_found_and_the_answer_names_it(void) {
  for (int i = 0; i < REFERENCES; i++) {
    const char *id = new_id();
    unsigned before = CU_get_number_of_failures();
    assert_not_found(ask(references[i].method, references[i].request, id), references[i].type, id);
    if (CU_get_number_of_failures() > before) told(references[i].method, id);
  }
}

static void an_order_of_an_unknown_product_is_refused_and_the_answer_names_the_product(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(1, 5)->id, *none = new_id();
  assert_not_found(
      ask("CreateOrder", "order {customer_id $ product_ids $ product_ids $}", customer_id, product_id, none), "product",
      none);
  CU_ASSERT_EQUAL(stock_of(product_id)->amount, 5);
  const Ordershop__V1__Order *order = new_order(customer_id, product_id);
  assert_not_found(ask("UpdateOrder", "order {id $ product_ids $}", order->id, none), "product", none);
  assert_refused(ask("AdjustStock", "product_id $ delta 1", none), STATUS_NOT_FOUND, "INVENTORY_NOT_FOUND");
}

/* Optional ids: filters, causes, request ids. */
static void an_optional_id_is_none_or_a_uuid(void) {
  static const struct {
    const char *method, *request, *field;
  } optional[] = {
      {"ListOrders", "customer_id $", "customer_id"},
      {"ListInventories", "product_id $", "product_id"},
      {"ListInteractions", "customer_id $", "customer_id"},
      {"ListMails", "cause $", "cause"},
      {"SendMail", "mail {id $ to 'ada@example.com' subject 'Hello'}", "mail.id"},
      {"SendMail", "mail {cause $ to 'ada@example.com' subject 'Hello'}", "mail.cause"},
      {"SendMail", "mail {to 'ada@example.com' subject 'Hello'} request_id $", "request_id"},
      {"BatchSendMails", "mails {to 'ada@example.com' subject 'Hello'} request_id $", "request_id"},
      {"CreateCustomer", "customer {name 'Ada' email 'ada@example.com'} request_id $", "request_id"},
      {"BatchCreateCustomers", "customers {name 'Ada' email 'ada@example.com'} request_id $", "request_id"},
      {"CreateProduct", "product {name 'Kettle'} request_id $", "request_id"},
      {"BatchCreateProducts", "products {name 'Kettle'} request_id $", "request_id"},
  };
  for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
    must(optional[i].method, optional[i].request, "");
    for (int n = 1; n < NO_IDS; n++) {
      unsigned before = CU_get_number_of_failures();
      assert_violations(ask(optional[i].method, optional[i].request, no_ids[n]), optional[i].field);
      if (CU_get_number_of_failures() > before) told(optional[i].method, no_ids[n]);
    }
  }
}

static void ids_in_capitals_are_taken_and_stored_in_small_letters(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_product(5);
  const Ordershop__V1__Inventory *inventory =
      must("CreateInventory", "inventory {product_id $ amount 9}", in_capitals(product->id));
  CU_ASSERT_STRING_EQUAL(inventory->product_id, product->id);
  assert_same_answer(ask("GetInventory", "id $", in_capitals(inventory->id)), inventory);
  assert_same_answer(ask("GetCustomer", "id $", in_capitals(customer->id)), customer);
  const Ordershop__V1__Order *order = must("CreateOrder", "order {customer_id $ product_ids $ product_ids $}",
                                           in_capitals(customer->id), in_capitals(product->id), product->id);
  CU_ASSERT_STRING_EQUAL(order->customer_id, customer->id);
  CU_ASSERT_EQUAL_FATAL(order->n_items, 1);
  CU_ASSERT_EQUAL(order->items[0]->quantity, 2);
  CU_ASSERT_STRING_EQUAL(order->product_ids[0], product->id);
  const Ordershop__V1__ListOrdersResponse *orders = must("ListOrders", "customer_id $", in_capitals(customer->id));
  CU_ASSERT_EQUAL(orders->n_orders, 1);
  const Ordershop__V1__ListInventoriesResponse *stocks =
      must("ListInventories", "product_id $", in_capitals(product->id));
  CU_ASSERT_EQUAL(stocks->n_inventories, 1);
  const Ordershop__V1__BatchGetProductsResponse *products = must("BatchGetProducts", "ids $", in_capitals(product->id));
  CU_ASSERT_STRING_EQUAL(products->products[0]->id, product->id);
  assert_same_answer(ask("UpdateOrder", "order {id $ customer_id $ product_ids $ product_ids $}",
                         in_capitals(order->id), in_capitals(customer->id), in_capitals(product->id), product->id),
                     order);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", in_capitals(order->id));
  CU_ASSERT_STRING_EQUAL(billing->order_id, order->id);
  const char *mail_id = new_id(), *cause = new_id();
  const Ordershop__V1__Mail *mail = must("SendMail", "mail {id $ cause $ to 'ada@example.com' subject 'Hello'}",
                                         in_capitals(mail_id), in_capitals(cause));
  CU_ASSERT_STRING_EQUAL(mail->id, mail_id);
  CU_ASSERT_STRING_EQUAL(mail->cause, cause);
  must("AdjustStock", "product_id $ delta 1", in_capitals(product->id));
  must("GetCustomerProfile", "customer_id $", in_capitals(customer->id));
  must("DeleteCustomer", "id $", in_capitals(customer->id));
  assert_not_found(ask("GetCustomer", "id $", customer->id), "customer", customer->id);
}

/* ---- lists of ids and resources --------------------------------------------------------------------------------- */

static void an_order_has_1_to_1000_product_ids(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(3, 5000)->id;
  const char *ids[1001];
  for (int i = 0; i < 1001; i++) ids[i] = product_id;
  assert_violations(ask("CreateOrder", "order {customer_id $}", customer_id), "order.product_ids");
  assert_violations(ask("CreateOrder", "order {customer_id $ product_ids @}", customer_id, ids, (size_t)1001),
                    "order.product_ids");
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids @}", customer_id, ids, (size_t)1000);
  CU_ASSERT_EQUAL(order->n_product_ids, 1000);
  CU_ASSERT_EQUAL(order->total_cents, 3000);
  CU_ASSERT_EQUAL(stock_of(product_id)->amount, 4000);
  assert_violations(ask("UpdateOrder", "order {id $} update_mask {paths 'product_ids'}", order->id),
                    "order.product_ids");
  assert_violations(ask("UpdateOrder", "order {id $ product_ids @}", order->id, ids, (size_t)1001),
                    "order.product_ids");
}

static void a_batch_gets_1_to_1000_ids(void) {
  const char *ids[1001], *product_id = new_product(1)->id;
  for (int i = 0; i < 1001; i++) ids[i] = product_id;
  assert_violations(ask("BatchGetProducts", ""), "ids");
  assert_violations(ask("BatchGetProducts", "ids @", ids, (size_t)1001), "ids");
  const Ordershop__V1__BatchGetProductsResponse *response = must("BatchGetProducts", "ids @", ids, (size_t)1000);
  CU_ASSERT_EQUAL(response->n_products, 1000);
}

/* Requests of as many resources, all alike, as the method's only repeated field. */
static void *batch_of(const char *method, const char *text, size_t count) {
  void *request = request_of(method, text);
  const ProtobufCFieldDescriptor *field = &((ProtobufCMessage *)request)->descriptor->fields[0];
  void **values = arena_calloc(arena, count, sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = message_repeated_values(request, field)[0];
  message_set_repeated(request, field, values, count);
  return request;
}

static const Ordershop__V1__Inventory *request_inventory(const char *product_id) {
  return ((Ordershop__V1__CreateInventoryRequest *)request_of("CreateInventory", "inventory {product_id $}",
                                                              product_id))
      ->inventory;
}

static void a_batch_creates_1_to_1000_resources(void) {
  static const struct {
    const char *method, *text, *field;
  } batches[] = {
      {"BatchCreateCustomers", "customers {name 'Ada' email 'ada@example.com'}", "customers"},
      {"BatchCreateProducts", "products {name 'Kettle'}", "products"},
      {"BatchSendMails", "mails {to 'ada@example.com' subject 'Hello'}", "mails"},
  };
  for (int i = 0; i < 3; i++) {
    assert_violations(ask_message(batches[i].method, batch_of(batches[i].method, batches[i].text, 0)),
                      batches[i].field);
    assert_violations(ask_message(batches[i].method, batch_of(batches[i].method, batches[i].text, 1001)),
                      batches[i].field);
    assert_done(ask_message(batches[i].method, batch_of(batches[i].method, batches[i].text, 1000)));
  }
  assert_violations(ask("BatchCreateInventories", ""), "inventories");
  const Ordershop__V1__Inventory *stocks[1001];
  for (int i = 0; i < 1001; i++) stocks[i] = request_inventory(new_id());
  assert_violations(ask("BatchCreateInventories", "inventories @", stocks, (size_t)1001), "inventories");
}

static void a_batch_has_at_max_1_MiB(void) {
  int64_t customers = events_of("customer_created");
  const Ordershop__V1__Customer *largest =
      must("CreateCustomer", "customer {name $ email $}", repeated("\U0001F600", 256), address_of_size(254));
  const Ordershop__V1__Customer *values[1000];
  for (int i = 0; i < 1000; i++) values[i] = largest;
  assert_violations(ask("BatchCreateCustomers", "customers @", values, (size_t)820), "customers");
  CU_ASSERT_EQUAL(events_of("customer_created"), customers + 1);
  assert_done(ask("BatchCreateCustomers", "customers @", values, (size_t)750));
}

static void a_batch_names_each_product_or_mail_id_once(void) {
  const char *product_id = new_product(1)->id, *id = new_id();
  assert_violations(ask("BatchCreateInventories", "inventories {product_id $} inventories {product_id $}", product_id,
                        in_capitals(product_id)),
                    "inventories[1].product_id");
  assert_violations(ask("BatchSendMails",
                        "mails {id $ to 'ada@example.com' subject 'A'} mails {id $ to 'ada@example.com' subject 'B'}",
                        id, in_capitals(id)),
                    "mails[1].id");
}

/* ---- all at once ------------------------------------------------------------------------------------------------ */

static void a_request_without_its_resource_is_refused(void) {
  static const struct {
    const char *method, *field;
  } empty[] = {{"CreateCustomer", "customer"},   {"UpdateCustomer", "customer"},
               {"CreateProduct", "product"},     {"UpdateProduct", "product"},
               {"CreateInventory", "inventory"}, {"UpdateInventory", "inventory"},
               {"CreateOrder", "order"},         {"UpdateOrder", "order"},
               {"CreateBilling", "billing"},     {"SendMail", "mail"}};
  for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) assert_violations(ask(empty[i].method, ""), empty[i].field);
}

static void everything_that_is_wrong_is_told_at_once(void) {
  assert_violations(ask("CreateCustomer", "customer {} request_id 'x'"), "customer.name customer.email request_id");
  assert_violations(ask("CreateProduct", "product {price_cents -1} request_id 'x'"),
                    "product.name product.price_cents request_id");
  assert_violations(ask("CreateInventory", "inventory {product_id 'x' amount -1} request_id 'x'"),
                    "inventory.product_id inventory.amount request_id");
  assert_violations(
      ask("CreateOrder", "order {customer_id 'x' product_ids 'y' product_ids $ product_ids ''} request_id 'x'",
          new_id()),
      "order.customer_id order.product_ids[0] order.product_ids[2] request_id");
  assert_violations(ask("CreateBilling", "billing {order_id 'x'} request_id 'x'"), "billing.order_id request_id");
  assert_violations(ask("SendMail", "mail {id 'x' cause 'y' traceparent 'z'} request_id 'z'"),
                    "mail.id mail.to mail.subject mail.cause mail.traceparent request_id");
  assert_violations(ask("AdjustStock", "product_id 'x' request_id 'x'"), "product_id delta request_id");
  assert_violations(
      ask("BatchCreateCustomers",
          "customers {name 'Ada' email 'a@b'} customers {email 'a@b'} customers {name 'Ada' email 'x'} request_id 'x'"),
      "customers[1].name customers[2].email request_id");
  assert_violations(ask("BatchCreateInventories",
                        "inventories {product_id 'x'} inventories {product_id $ amount -1} request_id 'x'", new_id()),
                    "inventories[0].product_id inventories[1].amount request_id");
  assert_violations(ask("BatchSendMails", "mails {to 'x' subject 'A'} mails {to 'a@b'} request_id 'x'"),
                    "mails[0].to mails[1].subject request_id");
  assert_violations(
      ask("UpdateCustomer",
          "customer {id 'x' version -1 email 'y'} update_mask {paths 'name' paths 'email' paths 'z'} request_id 'x'"),
      "customer.id customer.version customer.name customer.email update_mask request_id");
  assert_violations(ask("DeleteOrder", "id 'x' version -1 request_id 'x'"), "id version request_id");
  assert_violations(ask("ListOrders", "page_size -1 customer_id 'x'"), "page_size customer_id");
  assert_violations(ask("ListInteractions", "page_size -1 customer_id 'x'"), "page_size customer_id");
  assert_violations(ask("ListInventories", "page_size -1 product_id 'x'"), "page_size product_id");
  assert_violations(ask("ListMails", "page_size -1 cause 'x'"), "page_size cause");
  assert_violations(ask("BatchGetProducts", "ids 'x' ids $ ids 'y'", new_id()), "ids[0] ids[2]");
}

static void nothing_has_happened_when_a_request_was_refused(void) {
  int64_t customers = events_of("customer_created"), products = events_of("product_created");
  CU_ASSERT_EQUAL(ask("BatchCreateCustomers", "customers {name 'Ada' email 'a@b'} customers {}").status.code,
                  STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(ask("BatchCreateProducts", "products {name 'Kettle'} products {}").status.code,
                  STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(events_of("customer_created"), customers);
  CU_ASSERT_EQUAL(events_of("product_created"), products);
}

/* 8 KiB is what clients take as metadata by default, all of it together. */
static void a_thousand_violations_fit_into_what_a_client_takes(void) {
  const char *ids[1000];
  for (int i = 0; i < 1000; i++) ids[i] = "no id";
  const void *request = request_of("CreateOrder", "order {customer_id 'x' product_ids @}", ids, (size_t)1000);
  struct echo_call *call = echo_call_open(private_shop_port(shop, ORDERSHOP_ORDER),
                                          "/ordershop.v1.OrderService/CreateOrder", 10000, NULL, NULL);
  echo_call_send(call, request);
  echo_call_send_end(call);
  CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_INVALID_ARGUMENT);
  const char *details = echo_call_trailer(call, "grpc-status-details-bin");
  CU_ASSERT_PTR_NOT_NULL(details);
  CU_ASSERT_TRUE(details && strstr(details, "FIELD_INVALID"));
  CU_ASSERT_TRUE(details && strstr(details, "ordershop")); /* the domain */
  echo_call_free(call);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a name must not be empty or blank", a_name_must_not_be_empty_or_blank},
      {"a name must not have control characters", a_name_must_not_have_control_characters},
      {"a name has at most 256 characters, however many bytes they take",
       a_name_has_at_max_256_characters_however_many_bytes_they_take},
      {"names that look like keys or syntax are kept as they are",
       names_that_look_like_keys_or_syntax_are_kept_as_they_are},
      {"odd names disturb no list", odd_names_disturb_no_list},
      {"addresses as people have them are taken", addresses_as_people_have_them_are_taken},
      {"everything else is no address", everything_else_is_no_address},
      {"an address may belong to several customers", an_address_may_belong_to_several_customers},
      {"a price is 0 to 10^12 cents", a_price_is_0_to_10_12_cents},
      {"an amount is 0 to 10^9", an_amount_is_0_to_10_9},
      {"a delta is within +-10^9 and not 0", a_delta_is_within_10_9_and_not_0},
      {"a body has at most 1 MiB", a_body_has_at_max_1_MiB},
      {"what is no UUID is refused as an id", what_is_no_uuid_is_refused_as_an_id},
      {"the id of nothing is not found, and the answer names it",
       the_id_of_nothing_is_not_found_and_the_answer_names_it},
      {"an order of an unknown product is refused, and the answer names the product",
       an_order_of_an_unknown_product_is_refused_and_the_answer_names_the_product},
      {"an optional id is none or a UUID", an_optional_id_is_none_or_a_uuid},
      {"ids in capitals are taken, and stored in small letters", ids_in_capitals_are_taken_and_stored_in_small_letters},
      {"an order has 1 to 1000 product ids", an_order_has_1_to_1000_product_ids},
      {"a batch gets 1 to 1000 ids", a_batch_gets_1_to_1000_ids},
      {"a batch creates 1 to 1000 resources", a_batch_creates_1_to_1000_resources},
      {"a batch has at most 1 MiB", a_batch_has_at_max_1_MiB},
      {"a batch names each product or mail id once", a_batch_names_each_product_or_mail_id_once},
      {"a request without its resource is refused", a_request_without_its_resource_is_refused},
      {"everything that is wrong is told at once", everything_that_is_wrong_is_told_at_once},
      {"nothing has happened when a request was refused", nothing_has_happened_when_a_request_was_refused},
      {"a thousand violations fit into what a client takes", a_thousand_violations_fit_into_what_a_client_takes},
  };
  return suite_main("API: fields", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
