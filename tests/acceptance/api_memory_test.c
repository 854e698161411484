/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: after ten thousand calls each, readings and commands as they come, no service has more than 10 MB of its own.
 * What it has mapped of programs and libraries comes on top: the kernel shares that among processes, and how much it is
 * depends on the release of Debian. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1, CALLS = 500 };
#else
enum { SANITIZED = 0, CALLS = 10000 };
#endif

enum { THREADS = 8, MAX_KB = 10 * 1000, EVENT_MAX_KB = 64 * 1000 /* it keeps the latest events */ };

/* What the calls are about; made once. */
static const char *customer_id, *product_id, *order_id, *billing_id;

/* Commands wait for the disk: one of ten calls is one. */
static void call_customer(bool command) {
  if (command) must("CreateCustomer", "customer {name 'Ada Lovelace' email 'memory@example.com'}");
  if (!command) must("GetCustomer", "id $", customer_id);
}

static void call_product(bool command) {
  if (command) must("CreateProduct", "product {name 'Kettle' price_cents 1234}");
  if (!command) must("GetProduct", "id $", product_id);
}

static void call_inventory(bool command) {
  if (command) must("AdjustStock", "product_id $ delta 1", product_id);
  if (!command) must("ListInventories", "product_id $", product_id);
}

static void call_order(bool command) {
  if (command) must("CreateOrder", "order {customer_id $ product_ids $}", customer_id, product_id);
  if (!command) must("GetOrder", "id $", order_id);
}

static void call_billing(bool command) {
  if (command) {
    const Ordershop__V1__Order *order = new_order(customer_id, product_id);
    must("CreateBilling", "billing {order_id $}", order->id);
  } else {
    must("GetBilling", "id $", billing_id);
  }
}

static void call_crm(bool command) {
  if (command) must("ListInteractions", "page_size 5 customer_id $", customer_id);
  if (!command) must("GetCustomerProfile", "customer_id $", customer_id);
}

static void call_mail(bool command) {
  if (command) must("SendMail", "mail {to 'memory@example.com' subject 'Hello' body 'How are you?'}");
  if (!command) must("ListMails", "page_size 1 to 'memory@example.com'");
}

static void call_event(bool command) {
  if (command) must("GetEntityHistory", "entity_type 'order' id $", order_id);
  if (!command) must("ReadEvents", "page_size 1");
}

static void (*const calls[SHIPPED_SERVICE_COUNT])(bool command) = {
    call_customer, call_product, call_inventory, call_order, call_billing, call_crm, call_mail, call_event};

static void *call_often(void *service) {
  arena = arena_new();
  for (int i = 0; i < CALLS / THREADS; i++) {
    calls[*(enum ordershop_service *)service](i % 10 == 0);
    arena_reset(arena);
  }
  arena_free(arena);
  return NULL;
}

static void ten_thousand_calls_of(enum ordershop_service service) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, call_often, &service);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void after_ten_thousand_calls_each_no_service_but_event_has_more_than_10_MB_of_its_own(void) {
  const Ordershop__V1__Customer *customer =
      must("CreateCustomer", "customer {name 'Ada Lovelace' email 'memory@example.com'}");
  customer_id = customer->id;
  product_id = new_stocked_product(1234, 1000000)->id;
  order_id = new_order(customer_id, product_id)->id;
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order_id);
  billing_id = billing->id;
  for (enum ordershop_service i = 0; i < SHIPPED_SERVICE_COUNT; i++) ten_thousand_calls_of(i);
  for (enum ordershop_service i = 0; i < SHIPPED_SERVICE_COUNT; i++) {
    int64_t kilobytes = memory_of(i, "RssAnon");
    fprintf(stderr, "  %s: %lld kB\n", ordershop_service_name(i), (long long)kilobytes);
    if (!SANITIZED) CU_ASSERT_TRUE(kilobytes <= (i == ORDERSHOP_EVENT ? EVENT_MAX_KB : MAX_KB));
  }
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"after ten thousand calls each, no service but event has more than 10 MB of its own",
       after_ten_thousand_calls_each_no_service_but_event_has_more_than_10_MB_of_its_own},
  };
  return suite_main("API: memory", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
