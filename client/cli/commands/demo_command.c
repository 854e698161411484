/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop demo`: the nine cases of the reference architecture, and what follows from them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "client/billing_client.h"
#include "client/cli/commands/commands.h"
#include "client/cli/commands/demo.h"
#include "client/cli/line/failure.h"
#include "client/customer_client.h"
#include "client/inventory_client.h"
#include "client/order_client.h"
#include "client/product_client.h"
#include "money.h"

enum { STOCK = 100, MAX_PRODUCTS = 10, NAMES = 16, LIST_PAGE = 1000 };

static const char *const first_names[NAMES] = {"Ada",      "Alan",    "Barbara", "Dennis", "Donald", "Edsger",
                                               "Frances",  "Grace",   "Hedy",    "John",   "Ken",    "Leslie",
                                               "Margaret", "Niklaus", "Radia",   "Tony"};
static const char *const last_names[NAMES] = {"Allen",    "Church",  "Codd",    "Dijkstra", "Goldberg", "Hamilton",
                                              "Hoare",    "Hopper",  "Kay",     "Knuth",    "Lamport",  "Liskov",
                                              "Lovelace", "Perlman", "Ritchie", "Wirth"};
static const char *const materials[NAMES] = {"Brass", "Bamboo", "Cedar", "Clay",  "Copper", "Cork",  "Cotton", "Felt",
                                             "Glass", "Iron",   "Jute",  "Linen", "Marble", "Paper", "Slate",  "Wool"};
static const char *const things[NAMES] = {"Basket", "Bowl", "Candle", "Chair", "Clock", "Cup",   "Desk",  "Kettle",
                                          "Ladder", "Lamp", "Mirror", "Pen",   "Plate", "Shelf", "Stool", "Vase"};

static const char *one_of(const char *const *names) {
  return names[arc4random_uniform(NAMES)];
}

static struct context context_of(struct demo *demo) {
  return (struct context){.arena = demo->arena};
}

/* ---- 1 to 3: what the shop is made of --------------------------------------------------------------------------- */

static Ordershop__V1__Customer *random_customer(struct demo *demo, int number) {
  Ordershop__V1__Customer *customer = arena_alloc(demo->arena, sizeof(*customer));
  ordershop__v1__customer__init(customer);
  customer->name = arena_printf(demo->arena, "%s %s", one_of(first_names), one_of(last_names));
  customer->email = arena_printf(demo->arena, "demo.%s.%d@example.com", demo->tag, number);
  return customer;
}

static struct status create_customers(struct demo *demo) {
  struct context context = context_of(demo);
  Ordershop__V1__Customer *customers[DEMO_COUNT];
  for (int i = 0; i < DEMO_COUNT; i++) customers[i] = random_customer(demo, i + 1);
  Ordershop__V1__BatchCreateCustomersRequest request = ORDERSHOP__V1__BATCH_CREATE_CUSTOMERS_REQUEST__INIT;
  request.customers = customers;
  request.n_customers = DEMO_COUNT;
  const Ordershop__V1__BatchCreateCustomersResponse *response;
  struct status status = ordershop_batch_create_customers(demo->client, &context, &request, &response);
  if (!status_is_ok(status)) return status;
  story_check(&demo->story, response->n_customers == DEMO_COUNT, "there are %zu new customers", response->n_customers);
  for (size_t i = 0; i < DEMO_COUNT && i < response->n_customers; i++) {
    demo->customers[i] = response->customers[i];
    story_tell(&demo->story, "%s <%s>", customers[i]->name, customers[i]->email);
  }
  return status_ok();
}

static Ordershop__V1__Product *random_product(struct demo *demo) {
  Ordershop__V1__Product *product = arena_alloc(demo->arena, sizeof(*product));
  ordershop__v1__product__init(product);
  product->name = arena_printf(demo->arena, "%s %s", one_of(materials), one_of(things));
  product->price_cents = 100 + (int64_t)arc4random_uniform(9900);
  return product;
}

static struct status create_products(struct demo *demo) {
  struct context context = context_of(demo);
  Ordershop__V1__Product *products[DEMO_COUNT];
  for (int i = 0; i < DEMO_COUNT; i++) products[i] = random_product(demo);
  Ordershop__V1__BatchCreateProductsRequest request = ORDERSHOP__V1__BATCH_CREATE_PRODUCTS_REQUEST__INIT;
  request.products = products;
  request.n_products = DEMO_COUNT;
  const Ordershop__V1__BatchCreateProductsResponse *response;
  struct status status = ordershop_batch_create_products(demo->client, &context, &request, &response);
  if (!status_is_ok(status)) return status;
  story_check(&demo->story, response->n_products == DEMO_COUNT, "there are %zu new products", response->n_products);
  for (size_t i = 0; i < DEMO_COUNT && i < response->n_products; i++) {
    demo->products[i] = response->products[i];
    story_tell(&demo->story, "%s, %s", products[i]->name, money_text(demo->arena, products[i]->price_cents));
  }
  return status_ok();
}

static struct status create_inventories(struct demo *demo) {
  struct context context = context_of(demo);
  Ordershop__V1__Inventory inventories[DEMO_COUNT], *pointers[DEMO_COUNT];
  for (int i = 0; i < DEMO_COUNT; i++) {
    ordershop__v1__inventory__init(&inventories[i]);
    inventories[i].product_id = demo->products[i]->id;
    inventories[i].amount = STOCK;
    pointers[i] = &inventories[i];
  }
  Ordershop__V1__BatchCreateInventoriesRequest request = ORDERSHOP__V1__BATCH_CREATE_INVENTORIES_REQUEST__INIT;
  request.inventories = pointers;
  request.n_inventories = DEMO_COUNT;
  const Ordershop__V1__BatchCreateInventoriesResponse *response;
  struct status status = ordershop_batch_create_inventories(demo->client, &context, &request, &response);
  if (!status_is_ok(status)) return status;
  story_check(&demo->story, response->n_inventories == DEMO_COUNT, "there are %d of each product", STOCK);
  return status_ok();
}

/* ---- 4 to 7: orders --------------------------------------------------------------------------------------------- */

/* 1 to 10 different products. */
static size_t random_products(struct demo *demo, char **product_ids) {
  for (int i = 0; i < DEMO_COUNT; i++) product_ids[i] = demo->products[i]->id;
  for (int i = DEMO_COUNT - 1; i > 0; i--) {
    uint32_t other = arc4random_uniform((uint32_t)i + 1);
    char *kept = product_ids[i];
    product_ids[i] = product_ids[other];
    product_ids[other] = kept;
  }
  return 1 + arc4random_uniform(MAX_PRODUCTS);
}

static void tell_order(struct demo *demo, int number, const Ordershop__V1__Order *order, const char *what) {
  story_tell(&demo->story, "%s %s %zu product%s for %s", demo->customers[number]->name, what, order->n_product_ids,
             order->n_product_ids == 1 ? "" : "s", money_text(demo->arena, order->total_cents));
}

static struct status create_orders(struct demo *demo) {
  struct context context = context_of(demo);
  for (int i = 0; i < DEMO_COUNT; i++) {
    char *product_ids[DEMO_COUNT];
    Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
    order.customer_id = demo->customers[i]->id;
    order.n_product_ids = random_products(demo, product_ids);
    order.product_ids = product_ids;
    Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
    request.order = &order;
    struct status status = ordershop_create_order(demo->client, &context, &request, &demo->orders[i]);
    if (!status_is_ok(status)) return status;
    tell_order(demo, i, demo->orders[i], "orders");
  }
  return status_ok();
}

static struct status update_second_order(struct demo *demo) {
  struct context context = context_of(demo);
  char *product_ids[DEMO_COUNT];
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  order.id = demo->orders[1]->id;
  order.n_product_ids = random_products(demo, product_ids);
  order.product_ids = product_ids;
  Ordershop__V1__UpdateOrderRequest request = ORDERSHOP__V1__UPDATE_ORDER_REQUEST__INIT;
  request.order = &order;
  struct status status = ordershop_update_order(demo->client, &context, &request, &demo->orders[1]);
  if (!status_is_ok(status)) return status;
  tell_order(demo, 1, demo->orders[1], "now wants");
  story_check(&demo->story, demo->orders[1]->n_product_ids == order.n_product_ids, "the order has the new products");
  return status_ok();
}

static struct status delete_third_order(struct demo *demo) {
  struct context context = context_of(demo);
  Ordershop__V1__DeleteOrderRequest request = ORDERSHOP__V1__DELETE_ORDER_REQUEST__INIT;
  request.id = demo->orders[2]->id;
  struct status status = ordershop_delete_order(demo->client, &context, &request);
  if (!status_is_ok(status)) return status;
  story_tell(&demo->story, "%s cancels the order; its products go back into stock", demo->customers[2]->name);
  Ordershop__V1__GetOrderRequest again = ORDERSHOP__V1__GET_ORDER_REQUEST__INIT;
  again.id = request.id;
  const Ordershop__V1__Order *order;
  status = ordershop_get_order(demo->client, &context, &again, &order);
  story_check(&demo->story, status.code == STATUS_NOT_FOUND, "the order is gone");
  return status_ok();
}

static struct status delete_third_customer(struct demo *demo) {
  struct context context = context_of(demo);
  Ordershop__V1__DeleteCustomerRequest request = ORDERSHOP__V1__DELETE_CUSTOMER_REQUEST__INIT;
  request.id = demo->customers[2]->id;
  struct status status = ordershop_delete_customer(demo->client, &context, &request);
  if (!status_is_ok(status)) return status;
  story_tell(&demo->story, "%s leaves", demo->customers[2]->name);
  Ordershop__V1__GetCustomerRequest again = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  again.id = request.id;
  const Ordershop__V1__Customer *customer;
  status = ordershop_get_customer(demo->client, &context, &again, &customer);
  story_check(&demo->story, status.code == STATUS_NOT_FOUND, "the customer is gone");
  return status_ok();
}

/* ---- 8 and 9: billing ------------------------------------------------------------------------------------------- */

static struct status bill_first_order(struct demo *demo) {
  struct context context = context_of(demo);
  Ordershop__V1__Billing billing = ORDERSHOP__V1__BILLING__INIT;
  billing.order_id = demo->orders[0]->id;
  Ordershop__V1__CreateBillingRequest request = ORDERSHOP__V1__CREATE_BILLING_REQUEST__INIT;
  request.billing = &billing;
  struct status status = ordershop_create_billing(demo->client, &context, &request, &demo->billing);
  if (!status_is_ok(status)) return status;
  story_tell(&demo->story, "%s pays %s", demo->customers[0]->name,
             money_text(demo->arena, demo->billing->amount_cents));
  story_check(&demo->story, demo->billing->amount_cents == demo->orders[0]->total_cents,
              "the amount is the order's total");
  return status_ok();
}

static bool is_of_this_run(const struct demo *demo, const char *order_id) {
  for (int i = 0; i < DEMO_COUNT; i++) {
    if (strcmp(demo->orders[i]->id, order_id) == 0) return true;
  }
  return false;
}

static struct status list_unbilled(struct demo *demo) {
  int ours = 0;
  bool first_is_in = false;
  Ordershop__V1__ListUnbilledOrdersRequest request = ORDERSHOP__V1__LIST_UNBILLED_ORDERS_REQUEST__INIT;
  request.page_size = LIST_PAGE;
  do {
    struct context context = context_of(demo);
    const Ordershop__V1__ListUnbilledOrdersResponse *response;
    struct status status = ordershop_list_unbilled_orders(demo->client, &context, &request, &response);
    if (!status_is_ok(status)) return status;
    for (size_t i = 0; i < response->n_orders; i++) {
      if (is_of_this_run(demo, response->orders[i]->id)) ours++;
      if (strcmp(response->orders[i]->id, demo->orders[0]->id) == 0) first_is_in = true;
    }
    request.page_token = response->next_page_token;
  } while (*request.page_token);
  story_check(&demo->story, ours == DEMO_COUNT - 2, "%d of the ten orders are unbilled, %d should be", ours,
              DEMO_COUNT - 2);
  story_check(&demo->story, !first_is_in, "the paid one is not among them");
  return status_ok();
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static const struct {
  const char *title;
  struct status (*play)(struct demo *demo);
} chapters[] = {
    {"Ten customers come", create_customers},
    {"Ten products are offered", create_products},
    {"Each product gets a stock of 100", create_inventories},
    {"Every customer orders 1 to 10 products", create_orders},
    {"The second order is changed", update_second_order},
    {"The third order is cancelled", delete_third_order},
    {"The third customer is deleted", delete_third_customer},
    {"The first order is paid", bill_first_order},
    {"Eight orders are unbilled", list_unbilled},
    {"The mails: what CRM and billing wrote by themselves", demo_check_mails},
    {"The stock: what is held is what is ordered", demo_check_stock},
    {"The first customer at a glance", demo_check_profile},
};

int command_demo(struct session *session) {
  struct demo demo = {.arena = session->arena, .client = session->client};
  demo.timeout_ms = session->invocation->timeout_ms ? session->invocation->timeout_ms : 60000;
  snprintf(demo.tag, sizeof(demo.tag), "%s", uuid_random(session->arena));
  story_begin(&demo.story, session->invocation->json);
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && i < sizeof(chapters) / sizeof(chapters[0]); i++) {
    story_chapter(&demo.story, chapters[i].title);
    status = chapters[i].play(&demo);
  }
  bool held = story_end(&demo.story, status_is_ok(status));
  fflush(stdout);
  if (!status_is_ok(status)) return failure_of_call(session->invocation->json, status, NULL);
  return held ? EXIT_DONE : EXIT_REFUSED;
}
