/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: pages in the order of creation, nothing twice or missed whatever comes and goes meanwhile, filters, tokens
 * that belong to their method and filter; and pages and orders as large as they may be. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "base/clock.h"
#include "base/message.h"

/* A listing method, and how many requests like it there are. */
static const struct listing {
  const char *method, *filter; /* filter: a field that takes a UUID; NULL if there is none */
} listings[] = {{"ListCustomers", NULL},
                {"ListProducts", NULL},
                {"ListInventories", "product_id"},
                {"ListOrders", "customer_id"},
                {"ListBillings", NULL},
                {"ListUnbilledOrders", NULL},
                {"ListInteractions", "customer_id"},
                {"ListMails", "cause"}};
enum { LISTINGS = sizeof listings / sizeof *listings };

struct page {
  void *const *items;
  size_t count;
  const char *next;
};

static struct page page_of(const void *response) {
  const ProtobufCFieldDescriptor *field = &((const ProtobufCMessage *)response)->descriptor->fields[0];
  return (struct page){.items = message_repeated_values(response, field),
                       .count = message_repeated_count(response, field),
                       .next = message_text(response, "next_page_token")};
}

/* ids[i] of all pages of a list, in its order; the number of them. */
static size_t list_all(const char *method, int64_t page_size, const char *filter, const char *filter_value,
                       const char **ids, size_t max) {
  const char *token = "";
  size_t count = 0;
  do {
    void *request = request_of(method, "page_size # page_token $", page_size, token);
    if (filter) message_set_text(request, filter, filter_value);
    struct answer answer = ask_message(method, request);
    CU_ASSERT_EQUAL_FATAL(answer.status.code, STATUS_OK);
    struct page page = page_of(answer.message);
    for (size_t i = 0; i < page.count && count < max; i++) ids[count++] = message_text(page.items[i], "id");
    token = page.next;
    CU_ASSERT_TRUE_FATAL(count < max); /* pages without end */
  } while (*token);
  return count;
}

static bool holds_id(const char *const *ids, size_t count, const char *id) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(ids[i], id) == 0) return true;
  }
  return false;
}

static size_t times_in(const char *const *ids, size_t count, const char *id) {
  size_t times = 0;
  for (size_t i = 0; i < count; i++) times += strcmp(ids[i], id) == 0;
  return times;
}

enum { MADE = 130 };
static const char *made[MADE];
static const char *listed[20000];

static void pages_of_any_size_have_all_of_it_oldest_first(void) {
  for (int i = 0; i < MADE; i++) made[i] = new_product(i)->id;
  static const int64_t sizes[] = {0, 1, 7, 50, 64, 130, 131, 1000, 5000, INT32_MAX};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    size_t count = list_all("ListProducts", sizes[s], NULL, NULL, listed, 20000);
    CU_ASSERT_EQUAL_FATAL(count, MADE);
    for (int i = 0; i < MADE; i++) CU_ASSERT_STRING_EQUAL(listed[i], made[i]);
  }
}

static void a_page_has_as_many_as_were_asked_for(void) {
  static const struct {
    int64_t size;
    size_t count;
  } pages[] = {{0, 50}, {1, 1}, {7, 7}, {130, 130}, {1000, 130}, {1001, 130}};
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
    struct page page = page_of(must("ListProducts", "page_size #", pages[i].size));
    CU_ASSERT_EQUAL(page.count, pages[i].count);
    CU_ASSERT_EQUAL(*page.next == '\0', pages[i].count == MADE);
  }
}

static void an_update_moves_nothing(void) {
  must("UpdateProduct", "product {id $ name 'Pot'}", made[3]);
  CU_ASSERT_EQUAL(list_all("ListProducts", 40, NULL, NULL, listed, 20000), MADE);
  CU_ASSERT_STRING_EQUAL(listed[3], made[3]);
}

static void resources_of_one_batch_are_listed_in_its_order_across_pages(void) {
  const char *text =
      "products {name 'A'} products {name 'B'} products {name 'C'} products {name 'D'} products {name 'E'}";
  const Ordershop__V1__BatchCreateProductsResponse *batch = must("BatchCreateProducts", text);
  size_t count = list_all("ListProducts", 2, NULL, NULL, listed, 20000);
  CU_ASSERT_EQUAL_FATAL(count, MADE + 5);
  for (int i = 0; i < 5; i++) CU_ASSERT_STRING_EQUAL(listed[MADE + i], batch->products[i]->id);
  for (int i = 0; i < 5; i++) must("DeleteProduct", "id $", batch->products[i]->id);
  CU_ASSERT_EQUAL(list_all("ListProducts", 2, NULL, NULL, listed, 20000), MADE);
}

static void a_page_after_a_deleted_resource_goes_on_behind_it(void) {
  struct page page = page_of(must("ListProducts", "page_size 10"));
  const char *last = message_text(page.items[9], "id"), *after = made[10];
  must("DeleteProduct", "id $", last);
  page = page_of(must("ListProducts", "page_size 10 page_token $", page.next));
  CU_ASSERT_STRING_EQUAL(message_text(page.items[0], "id"), after);
  memmove(&made[9], &made[10], (MADE - 10) * sizeof *made);
  made[MADE - 1] = new_product(1)->id;
}

/* ---- while others add and delete -------------------------------------------------------------------------------- */

static atomic_bool churning;

/* Creates and deletes without pause, in batches and alone. */
static void *churn(void *none) {
  arena = arena_new();
  while (atomic_load(&churning)) {
    const Ordershop__V1__BatchCreateProductsResponse *batch =
        must("BatchCreateProducts", "products {name 'A'} products {name 'B'} products {name 'C'}");
    const char *alone = new_product(1)->id;
    must("DeleteProduct", "id $", batch->products[1]->id);
    must("DeleteProduct", "id $", alone);
    must("DeleteProduct", "id $", batch->products[0]->id);
    must("DeleteProduct", "id $", batch->products[2]->id);
    arena_reset(arena);
  }
  arena_free(arena);
  return none;
}

static void nothing_is_twice_or_missed_while_others_add_and_delete(void) {
  enum { ROUNDS = 15, CHURNERS = 2 };
  pthread_t threads[CHURNERS];
  atomic_store(&churning, true);
  for (int i = 0; i < CHURNERS; i++) pthread_create(&threads[i], NULL, churn, NULL);
  for (int round = 0; round < ROUNDS; round++) {
    size_t count = list_all("ListProducts", 3 + round, NULL, NULL, listed, 20000);
    for (int i = 0; i < MADE; i++) CU_ASSERT_EQUAL(times_in(listed, count, made[i]), 1);
    for (size_t i = 0; i < count; i++) CU_ASSERT_FALSE(holds_id(&listed[i + 1], count - i - 1, listed[i]));
  }
  atomic_store(&churning, false);
  for (int i = 0; i < CHURNERS; i++) pthread_join(threads[i], NULL);
}

/* What was there before the first page and is there after the last one must have been seen. */
static void what_is_created_while_paging_comes_once_at_the_end(void) {
  struct page page = page_of(must("ListProducts", "page_size 100"));
  const char *late = new_product(1)->id;
  size_t times = 0;
  while (*page.next) {
    page = page_of(must("ListProducts", "page_size 10 page_token $", page.next));
    for (size_t i = 0; i < page.count; i++) times += strcmp(message_text(page.items[i], "id"), late) == 0;
  }
  CU_ASSERT_EQUAL(times, 1);
  CU_ASSERT_STRING_EQUAL(message_text(page.items[page.count - 1], "id"), late);
  must("DeleteProduct", "id $", late);
}

/* ---- filters ---------------------------------------------------------------------------------------------------- */

static void filters_let_through_what_belongs_to_them(void) {
  const char *product_id = new_stocked_product(1, 100)->id;
  const char *ada = new_customer()->id, *bob = new_customer()->id;
  const char *adas[7];
  for (int i = 0; i < 7; i++) {
    adas[i] = new_order(ada, product_id)->id;
    new_order(bob, product_id);
  }
  size_t count = list_all("ListOrders", 3, "customer_id", ada, listed, 20000);
  CU_ASSERT_EQUAL_FATAL(count, 7);
  for (int i = 0; i < 7; i++) CU_ASSERT_STRING_EQUAL(listed[i], adas[i]);
  CU_ASSERT_EQUAL(list_all("ListOrders", 3, "customer_id", new_id(), listed, 20000), 0);
  must("DeleteOrder", "id $", adas[3]);
  CU_ASSERT_EQUAL(list_all("ListOrders", 2, "customer_id", ada, listed, 20000), 6);
  CU_ASSERT_FALSE(holds_id(listed, 6, adas[3]));

  const Ordershop__V1__ListInventoriesResponse *stocks = must("ListInventories", "product_id $", product_id);
  CU_ASSERT_EQUAL_FATAL(stocks->n_inventories, 1);
  CU_ASSERT_STRING_EQUAL(stocks->inventories[0]->product_id, product_id);
  CU_ASSERT_STRING_EQUAL(stocks->next_page_token, "");
}

static void the_unbilled_orders_are_exact_as_soon_as_a_billing_is_answered(void) {
  const char *product_id = new_stocked_product(1, 100)->id, *customer_id = new_customer()->id;
  const char *ids[5];
  for (int i = 0; i < 5; i++) ids[i] = new_order(customer_id, product_id)->id;
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", ids[2]);
  size_t count = list_all("ListUnbilledOrders", 2, NULL, NULL, listed, 20000);
  for (int i = 0; i < 5; i++) CU_ASSERT_EQUAL(times_in(listed, count, ids[i]), i == 2 ? 0 : 1);
  must("DeleteBilling", "id $", billing->id);
  count = list_all("ListUnbilledOrders", 2, NULL, NULL, listed, 20000);
  CU_ASSERT_EQUAL_FATAL(times_in(listed, count, ids[2]), 1);
  size_t first = 0;
  while (strcmp(listed[first], ids[0]) != 0) first++;
  for (size_t i = 0; i < 5; i++) CU_ASSERT_STRING_EQUAL(listed[first + i], ids[i]); /* at its old place */
}

static void mails_are_found_by_address_and_cause_and_both(void) {
  const char *cause = new_id(), *other = new_id();
  const char *both = ((const Ordershop__V1__Mail *)must("SendMail", "mail {to 'x@y' subject 'A' cause $}", cause))->id;
  must("SendMail", "mail {to 'x@y' subject 'B' cause $}", other);
  must("SendMail", "mail {to 'z@y' subject 'C' cause $}", cause);
  must("SendMail", "mail {to 'X@y' subject 'D'}");
  CU_ASSERT_EQUAL(list_all("ListMails", 1, "to", "x@y", listed, 20000), 2);
  CU_ASSERT_EQUAL(list_all("ListMails", 1, "cause", cause, listed, 20000), 2);
  CU_ASSERT_STRING_EQUAL(listed[0], both);
  CU_ASSERT_EQUAL(list_all("ListMails", 1, "to", "X@y", listed, 20000), 1);
  CU_ASSERT_EQUAL(list_all("ListMails", 1, "to", "nobody@y", listed, 20000), 0);
  const Ordershop__V1__ListMailsResponse *list = must("ListMails", "to 'x@y' cause $", cause);
  CU_ASSERT_EQUAL_FATAL(list->n_mails, 1);
  CU_ASSERT_STRING_EQUAL(list->mails[0]->id, both);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static void assert_no_token(struct answer answer) {
  assert_refused(answer, STATUS_INVALID_ARGUMENT, "PAGE_TOKEN_INVALID");
  const struct error_details *details = answer.status.details;
  CU_ASSERT_TRUE(details && details->violations && strcmp(details->violations->field, "page_token") == 0);
}

static void negative_page_sizes_are_refused(void) {
  for (int i = 0; i < LISTINGS; i++) {
    assert_violations(ask(listings[i].method, "page_size -1"), "page_size");
    assert_violations(ask(listings[i].method, "page_size #", (int64_t)INT32_MIN), "page_size");
  }
}

static void garbage_is_no_token(void) {
  const char *token = page_of(must("ListProducts", "page_size 1")).next;
  const char *const garbage[] = {"x",
                                 "0",
                                 "-1",
                                 "*",
                                 " ",
                                 "\u20ac",
                                 repeated("A", 5000),
                                 "0123456789abc.1",
                                 arena_printf(arena, "%s0", token),
                                 arena_printf(arena, "%s ", token),
                                 arena_printf(arena, " %s", token),
                                 arena_memdup(arena, token, strlen(token) / 2)};
  for (int i = 0; i < LISTINGS; i++) {
    for (size_t n = 0; n < sizeof garbage / sizeof *garbage; n++) {
      bool longer = strncmp(garbage[n], token, strlen(token)) == 0; /* may be a token of a far time */
      if (!longer) assert_no_token(ask(listings[i].method, "page_token $", garbage[n]));
    }
  }
}

static void a_token_belongs_to_its_method(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(1, 2)->id;
  for (int i = 0; i < 2; i++) must("CreateBilling", "billing {order_id $}", new_order(customer_id, product_id)->id);
  for (int i = 0; i < LISTINGS; i++) {
    const char *token = page_of(must(listings[i].method, "page_size 1")).next;
    CU_ASSERT_STRING_NOT_EQUAL(token, "");
    must(listings[i].method, "page_token $ page_size 1", token);
    must(listings[i].method, "page_token $ page_size 3", token);
    for (int n = 0; n < LISTINGS; n++) {
      if (n != i) assert_no_token(ask(listings[n].method, "page_token $", token));
    }
  }
}

static void a_token_belongs_to_its_filter(void) {
  for (int i = 0; i < LISTINGS; i++) {
    if (!listings[i].filter) continue;
    const char *token = page_of(must(listings[i].method, "page_size 1")).next;
    void *request = request_of(listings[i].method, "page_token $", token);
    message_set_text(request, listings[i].filter, new_id());
    assert_no_token(ask_message(listings[i].method, request));
  }
  const char *product_id = new_stocked_product(1, 100)->id, *ada = new_customer()->id, *bob = new_customer()->id;
  for (int i = 0; i < 2; i++) new_order(ada, product_id);
  const char *token = page_of(must("ListOrders", "page_size 1 customer_id $", ada)).next;
  must("ListOrders", "page_size 1 page_token $ customer_id $", token, ada);
  must("ListOrders", "page_size 1 page_token $ customer_id $", token, in_capitals(ada));
  assert_no_token(ask("ListOrders", "page_token $ customer_id $", token, bob));
  assert_no_token(ask("ListOrders", "page_token $", token));
  token = page_of(must("ListMails", "page_size 1 to 'x@y'")).next;
  assert_no_token(ask("ListMails", "page_token $ to 'z@y'", token));
  assert_no_token(ask("ListMails", "page_token $ to 'x@y' cause $", token, new_id()));
}

static void an_empty_list_has_no_token(void) {
  struct page page = page_of(must("ListOrders", "customer_id $", new_id()));
  CU_ASSERT_EQUAL(page.count, 0);
  CU_ASSERT_STRING_EQUAL(page.next, "");
}

/* ---- large things ----------------------------------------------------------------------------------------------- */

/* Products with the longest names and highest prices that there are, each with stock. */
static const char **large_products(size_t count) {
  const char *name = repeated("\U0001F600", 256), **ids = arena_calloc(arena, count, sizeof *ids);
  for (size_t i = 0; i < count; i += 250) {
    const Ordershop__V1__Product *given[250];
    const Ordershop__V1__Inventory *stocks[250];
    for (int n = 0; n < 250; n++) {
      given[n] = ((Ordershop__V1__CreateProductRequest *)request_of("CreateProduct",
                                                                    "product {name $ price_cents 1000000000000}", name))
                     ->product;
    }
    const Ordershop__V1__BatchCreateProductsResponse *made_products =
        must("BatchCreateProducts", "products @", given, (size_t)250);
    for (size_t n = 0; n < 250; n++) {
      ids[i + n] = made_products->products[n]->id;
      stocks[n] = ((Ordershop__V1__CreateInventoryRequest *)request_of(
                       "CreateInventory", "inventory {product_id $ amount 100}", ids[i + n]))
                      ->inventory;
    }
    must("BatchCreateInventories", "inventories @", stocks, (size_t)250);
  }
  return ids;
}

static bool is_thanked(const void *address) {
  const Ordershop__V1__ListMailsResponse *mails = must("ListMails", "to $", address);
  for (size_t i = 0; i < mails->n_mails; i++) {
    if (strstr(mails->mails[i]->subject, "Thank you")) return true;
  }
  return false;
}

static void the_largest_order_is_created_read_listed_billed_and_thanked_for(void) {
  const char **ids = large_products(1000);
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids @}", customer->id, ids, (size_t)1000);
  CU_ASSERT_EQUAL(order->n_items, 1000);
  CU_ASSERT_EQUAL(order->total_cents, INT64_C(1000000000000000));
  assert_same_answer(ask("GetOrder", "id $", order->id), order);
  for (int i = 0; i < 5; i++) {
    must("CreateOrder", "order {customer_id $ product_ids @}", customer->id, ids, (size_t)1000);
  }
  CU_ASSERT_EQUAL(list_all("ListOrders", 1000, "customer_id", customer->id, listed, 20000), 6);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  CU_ASSERT_EQUAL(billing->amount_cents, INT64_C(1000000000000000));
  const Ordershop__V1__Order *updated = must("UpdateOrder", "order {id $ product_ids $}", listed[1], ids[0]);
  CU_ASSERT_EQUAL(updated->total_cents, INT64_C(1000000000000));
  must("DeleteOrder", "id $", listed[2]);
  const Ordershop__V1__CustomerProfile *profile = must("GetCustomerProfile", "customer_id $", customer->id);
  CU_ASSERT_EQUAL(profile->order_count, 5);
  CU_ASSERT_TRUE(holds_soon(is_thanked, customer->email));
  CU_ASSERT_EQUAL(private_shop_log_lines(shop, ORDERSHOP_CRM, "dead-lettered"), 0);
  const Ordershop__V1__BatchGetProductsResponse *products = must("BatchGetProducts", "ids @", ids, (size_t)1000);
  CU_ASSERT_EQUAL(products->n_products, 1000);
}

static void a_page_of_1000_is_answered_whole(void) {
  const Ordershop__V1__Customer *given[1000];
  for (int i = 0; i < 1000; i++) {
    given[i] = ((Ordershop__V1__CreateCustomerRequest *)request_of("CreateCustomer",
                                                                   "customer {name 'Ada' email 'ada@example.com'}"))
                   ->customer;
  }
  must("BatchCreateCustomers", "customers @", given, (size_t)1000);
  struct page page = page_of(must("ListCustomers", "page_size 1000"));
  CU_ASSERT_EQUAL(page.count, 1000);
  CU_ASSERT_STRING_NOT_EQUAL(page.next, "");
  size_t count = list_all("ListCustomers", 1000, NULL, NULL, listed, 20000);
  CU_ASSERT_EQUAL((int64_t)count, events_of("customer_created"));
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"pages of any size have all of it, oldest first", pages_of_any_size_have_all_of_it_oldest_first},
      {"a page has as many as were asked for", a_page_has_as_many_as_were_asked_for},
      {"an update moves nothing", an_update_moves_nothing},
      {"resources of one batch are listed in its order, across pages",
       resources_of_one_batch_are_listed_in_its_order_across_pages},
      {"a page after a deleted resource goes on behind it", a_page_after_a_deleted_resource_goes_on_behind_it},
      {"nothing is twice or missed while others add and delete",
       nothing_is_twice_or_missed_while_others_add_and_delete},
      {"what is created while paging comes once, at the end", what_is_created_while_paging_comes_once_at_the_end},
      {"filters let through what belongs to them", filters_let_through_what_belongs_to_them},
      {"the unbilled orders are exact as soon as a billing is answered",
       the_unbilled_orders_are_exact_as_soon_as_a_billing_is_answered},
      {"mails are found by address, and cause, and both", mails_are_found_by_address_and_cause_and_both},
      {"negative page sizes are refused", negative_page_sizes_are_refused},
      {"garbage is no token", garbage_is_no_token},
      {"a token belongs to its method", a_token_belongs_to_its_method},
      {"a token belongs to its filter", a_token_belongs_to_its_filter},
      {"an empty list has no token", an_empty_list_has_no_token},
      {"the largest order is created, read, listed, billed and thanked for",
       the_largest_order_is_created_read_listed_billed_and_thanked_for},
      {"a page of 1000 is answered whole", a_page_of_1000_is_answered_whole},
  };
  return suite_main("API: lists", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
