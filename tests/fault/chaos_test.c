/* SPDX-License-Identifier: Apache-2.0 */
/* Customers order, change, cancel and pay while services and Redis are killed at random moments. Afterwards everything
 * must add up: stock with orders, billings with orders, profiles and mails with both. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "client/billing_client.h"
#include "client/order_client.h"
#include "fault_shop.h"

enum { PRODUCTS = 6, STOCK = 20, SHOPPERS = 4, OWN_MAX = 4096, KILLS = 15, MAX_PAUSE_US = 250000 };

static const Ordershop__V1__Customer *customer;
static const Ordershop__V1__Product *products[PRODUCTS];

/* ---- shoppers --------------------------------------------------------------------------------------------------- */

struct shopper {
  pthread_t thread;
  unsigned seed;
  struct arena *arena;
  char *orders[OWN_MAX];
  size_t order_count;
  int strange; /* answers that no outage and no rule of the shop explains */
};

static atomic_bool shopping;
static atomic_size_t done;

static struct context context_of(struct shopper *shopper) {
  return (struct context){.arena = shopper->arena, .deadline_us = clock_monotonic_us() + 3 * INT64_C(1000000)};
}

static void fill(struct shopper *shopper, Ordershop__V1__Order *order) {
  order->n_product_ids = 1 + (size_t)rand_r(&shopper->seed) % 3;
  order->product_ids = arena_calloc(shopper->arena, order->n_product_ids, sizeof *order->product_ids);
  for (size_t i = 0; i < order->n_product_ids; i++) {
    order->product_ids[i] = products[rand_r(&shopper->seed) % PRODUCTS]->id;
  }
}

static struct status create_order(struct shopper *shopper) {
  Ordershop__V1__Order given = ORDERSHOP__V1__ORDER__INIT;
  given.customer_id = customer->id;
  fill(shopper, &given);
  Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  request.order = &given;
  struct context context = context_of(shopper);
  const Ordershop__V1__Order *created;
  struct status status = ordershop_create_order(client, &context, &request, &created);
  if (status_is_ok(status) && shopper->order_count < OWN_MAX) shopper->orders[shopper->order_count++] = created->id;
  return status;
}

static char *own_order(struct shopper *shopper) {
  return shopper->orders[(size_t)rand_r(&shopper->seed) % shopper->order_count];
}

static struct status change_order(struct shopper *shopper) {
  Ordershop__V1__Order given = ORDERSHOP__V1__ORDER__INIT;
  given.id = own_order(shopper);
  fill(shopper, &given);
  Ordershop__V1__UpdateOrderRequest request = ORDERSHOP__V1__UPDATE_ORDER_REQUEST__INIT;
  request.order = &given;
  struct context context = context_of(shopper);
  const Ordershop__V1__Order *changed;
  return ordershop_update_order(client, &context, &request, &changed);
}

static struct status cancel_order(struct shopper *shopper) {
  Ordershop__V1__DeleteOrderRequest request = ORDERSHOP__V1__DELETE_ORDER_REQUEST__INIT;
  request.id = own_order(shopper);
  struct context context = context_of(shopper);
  return ordershop_delete_order(client, &context, &request);
}

static struct status pay_order(struct shopper *shopper) {
  Ordershop__V1__Billing given = ORDERSHOP__V1__BILLING__INIT;
  given.order_id = own_order(shopper);
  Ordershop__V1__CreateBillingRequest request = ORDERSHOP__V1__CREATE_BILLING_REQUEST__INIT;
  request.billing = &given;
  struct context context = context_of(shopper);
  const Ordershop__V1__Billing *billing;
  return ordershop_create_billing(client, &context, &request, &billing);
}

static struct status do_something(struct shopper *shopper) {
  int what = shopper->order_count == 0 ? 0 : rand_r(&shopper->seed) % 16;
  if (what < 6) return create_order(shopper);
  if (what < 10) return change_order(shopper);
  return what < 15 ? cancel_order(shopper) : pay_order(shopper);
}

static bool is_strange(enum status_code code) {
  switch (code) {
    case STATUS_OK:
    case STATUS_NOT_FOUND:           /* it was cancelled */
    case STATUS_ALREADY_EXISTS:      /* it is billed */
    case STATUS_FAILED_PRECONDITION: /* likewise, or out of stock */
    case STATUS_ABORTED:
    case STATUS_UNAVAILABLE:
    case STATUS_DEADLINE_EXCEEDED:
      return false;
    default:
      return true;
  }
}

static void *shop_around(void *argument) {
  struct shopper *shopper = argument;
  while (atomic_load(&shopping)) {
    struct status status = do_something(shopper);
    if (is_strange(status.code)) {
      fprintf(stderr, "strange: %s %s\n", status_code_name(status.code), status.message);
      shopper->strange++;
    }
    atomic_fetch_add(&done, 1);
  }
  return NULL;
}

/* ---- killing ---------------------------------------------------------------------------------------------------- */

static bool have_done(const void *wanted) {
  return atomic_load(&done) >= *(const size_t *)wanted;
}

static void kill_somebody(void) {
  size_t more = atomic_load(&done) + 20;
  CU_ASSERT_TRUE(eventually(have_done, &more));
  usleep((useconds_t)(random() % MAX_PAUSE_US));
  enum ordershop_service victim = (enum ordershop_service)(ORDERSHOP_INVENTORY + random() % 7);
  if (victim == SHIPPED_SERVICE_COUNT) {
    private_redis_restart(redis);
    return;
  }
  private_shop_kill_service(shop, victim);
  private_redis_command(redis, "DEL %s_lease", ordershop_service_name(victim)); /* as time would */
  private_shop_launch_service(shop, victim);
}

static void shop_and_kill(void) {
  static struct shopper shoppers[SHOPPERS];
  atomic_store(&shopping, true);
  for (int i = 0; i < SHOPPERS; i++) {
    shoppers[i] = (struct shopper){.seed = (unsigned)random(), .arena = arena_new()};
    pthread_create(&shoppers[i].thread, NULL, shop_around, &shoppers[i]);
  }
  for (int i = 0; i < KILLS; i++) kill_somebody();
  atomic_store(&shopping, false);
  for (int i = 0; i < SHOPPERS; i++) {
    pthread_join(shoppers[i].thread, NULL);
    CU_ASSERT_EQUAL(shoppers[i].strange, 0);
    arena_free(shoppers[i].arena);
  }
  for (enum ordershop_service s = 0; s < SHIPPED_SERVICE_COUNT; s++) private_shop_await_service(shop, s);
}

/* ---- adding up -------------------------------------------------------------------------------------------------- */

static const Ordershop__V1__ListOrdersResponse *all_orders(void) {
  Ordershop__V1__ListOrdersRequest request = ORDERSHOP__V1__LIST_ORDERS_REQUEST__INIT;
  request.page_size = 1000;
  const Ordershop__V1__ListOrdersResponse *orders = must(ORDERSHOP_ORDER, "ListOrders", &request);
  CU_ASSERT_STRING_EQUAL(orders->next_page_token, "");
  return orders;
}

static const Ordershop__V1__ListBillingsResponse *all_billings(void) {
  Ordershop__V1__ListBillingsRequest request = ORDERSHOP__V1__LIST_BILLINGS_REQUEST__INIT;
  request.page_size = 1000;
  return must(ORDERSHOP_BILLING, "ListBillings", &request);
}

static int64_t units_of(const Ordershop__V1__ListOrdersResponse *orders, const char *product_id) {
  int64_t units = 0;
  for (size_t i = 0; i < orders->n_orders; i++) {
    for (size_t p = 0; p < orders->orders[i]->n_product_ids; p++) {
      units += strcmp(orders->orders[i]->product_ids[p], product_id) == 0;
    }
  }
  return units;
}

static void assert_stock_adds_up(const Ordershop__V1__ListOrdersResponse *orders) {
  CU_ASSERT_TRUE(attempts_end());
  for (int i = 0; i < PRODUCTS; i++) {
    int64_t units = units_of(orders, products[i]->id);
    CU_ASSERT_TRUE(stock_becomes(products[i]->id, STOCK - units, units));
  }
}

static const Ordershop__V1__Billing *billing_of(const Ordershop__V1__ListBillingsResponse *billings,
                                                const char *order_id) {
  const Ordershop__V1__Billing *found = NULL;
  for (size_t i = 0; i < billings->n_billings; i++) {
    if (strcmp(billings->billings[i]->order_id, order_id) != 0) continue;
    CU_ASSERT_PTR_NULL(found);
    found = billings->billings[i];
  }
  return found;
}

static void assert_billings_add_up(const Ordershop__V1__ListOrdersResponse *orders,
                                   const Ordershop__V1__ListBillingsResponse *billings) {
  size_t billed = 0;
  for (size_t i = 0; i < orders->n_orders; i++) {
    const Ordershop__V1__Billing *billing = billing_of(billings, orders->orders[i]->id);
    if (billing) CU_ASSERT_EQUAL(billing->amount_cents, orders->orders[i]->total_cents);
    billed += billing != NULL;
  }
  CU_ASSERT_EQUAL(billed, billings->n_billings); /* no billing of an order that is none */
  CU_ASSERT_TRUE(eventually_number(0, "ZCARD %s", "order_claim_expiries"));
  Ordershop__V1__ListUnbilledOrdersRequest request = ORDERSHOP__V1__LIST_UNBILLED_ORDERS_REQUEST__INIT;
  request.page_size = 1000;
  const Ordershop__V1__ListUnbilledOrdersResponse *unbilled = must(ORDERSHOP_ORDER, "ListUnbilledOrders", &request);
  CU_ASSERT_EQUAL(unbilled->n_orders, orders->n_orders - billed);
  for (size_t i = 0; i < unbilled->n_orders; i++) {
    CU_ASSERT_PTR_NULL(billing_of(billings, unbilled->orders[i]->id));
  }
}

static void assert_profile_adds_up(const Ordershop__V1__ListOrdersResponse *orders,
                                   const Ordershop__V1__ListBillingsResponse *billings) {
  int64_t ordered = 0, billed = 0;
  for (size_t i = 0; i < orders->n_orders; i++) ordered += orders->orders[i]->total_cents;
  for (size_t i = 0; i < billings->n_billings; i++) billed += billings->billings[i]->amount_cents;
  Ordershop__V1__GetCustomerProfileRequest request = ORDERSHOP__V1__GET_CUSTOMER_PROFILE_REQUEST__INIT;
  request.customer_id = customer->id;
  new_product(1); /* a position behind everything, for the profile to have seen */
  const Ordershop__V1__CustomerProfile *profile = must(ORDERSHOP_CRM, "GetCustomerProfile", &request);
  CU_ASSERT_EQUAL(profile->order_count, (int64_t)orders->n_orders);
  CU_ASSERT_EQUAL(profile->ordered_cents, ordered);
  CU_ASSERT_EQUAL(profile->billed_cents, billed);
}

static void assert_mails_add_up(void) {
  int64_t mails = mails_asked_for();
  CU_ASSERT_TRUE(eventually_number(mails, "XLEN %s", "events:mail_updated"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:mail_created"), mails);
  for (int i = 0; i < SHIPPED_SERVICE_COUNT; i++) {
    const char *name = ordershop_service_name((enum ordershop_service)i);
    CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD %s_parked_keys", name), 0);
  }
}

static void everything_adds_up_after_services_and_redis_were_killed_under_load(void) {
  unsigned seed = (unsigned)clock_wall_us();
  printf("(seed %u) ", seed);
  srandom(seed);
  shop_and_kill();
  const Ordershop__V1__ListOrdersResponse *orders = all_orders();
  const Ordershop__V1__ListBillingsResponse *billings = all_billings();
  printf("(%zu calls, %zu orders left, %zu billed) ", atomic_load(&done), orders->n_orders, billings->n_billings);
  CU_ASSERT_TRUE(orders->n_orders > 0);
  assert_stock_adds_up(orders);
  assert_billings_add_up(orders, billings);
  assert_profile_adds_up(orders, billings);
  assert_mails_add_up();
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=1", "ORDERSHOP_CLAIM_SECONDS=1", NULL};
  fault_shop_open(&(struct private_shop_options){.variables = variables});
  customer = new_customer();
  for (int i = 0; i < PRODUCTS; i++) products[i] = new_stocked_product(STOCK);
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"everything adds up after services and Redis were killed under load",
       everything_adds_up_after_services_and_redis_were_killed_under_load},
  };
  return suite_main("chaos", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
