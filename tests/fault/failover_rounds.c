/* SPDX-License-Identifier: Apache-2.0 */
#include "failover_rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fault_shop.h"
#include "patience.h"
#include "visitors.h"

enum {
  UNITS = 100000,
  ORDERS = 20, /* that are acknowledged before the master is lost, and after */
  PAUSE_US = 20 * 1000,
};

static const char *const losses[LOSSES] = {"killed", "standing still", "cut off"};

/* ---- visitors --------------------------------------------------------------------------------------------------- */

static bool have_ordered(const void *count) {
  return visitors_orders() >= *(const int *)count;
}

static bool more_is_ordered(int more) {
  int wanted = visitors_orders() + more;
  return eventually(have_ordered, &wanted);
}

/* ---- what services say ------------------------------------------------------------------------------------------ */

/* Up to which log time each service misses what it had seen; 0 if it misses nothing. */
static int64_t missed[SHIPPED_OWNER_COUNT];

/* Accepts what a service says that it misses. */
static bool accept_loss(enum ordershop_service service) {
  int64_t up_to = accept_what_is_lost(service);
  if (up_to > missed[service]) missed[service] = up_to;
  return up_to > 0;
}

static bool is_connected_to_master(enum ordershop_service service) {
  const char *name = arena_printf(arena, " name=%s-commands ", ordershop_service_name(service));
  return strstr(private_redis_command(redis, "CLIENT LIST"), name) != NULL;
}

/* It serves, on the new master, or says that something is lost, which is accepted, or waits for a replica. */
static bool has_found_the_master(enum ordershop_service service) {
  if (!is_connected_to_master(service)) return false;
  if (health_says(service, "") || accept_loss(service)) return true;
  return strstr(reason_told_by(service), "replicas of Redis have what was written");
}

static bool all_have_found_the_master(const void *masters) {
  (void)masters;
  bool found = true;
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    found = has_found_the_master(service) && found;
  }
  return found;
}

static bool all_serve(const void *masters) {
  (void)masters;
  bool serve = true;
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    if (health_says(service, "")) continue;
    accept_loss(service);
    serve = false;
  }
  return serve;
}

/* A consumer that is behind finds out later than the others that something is lost. */
static bool all_have_followed(const void *nothing) {
  return all_serve(nothing) && private_shop_is_quiet(shop);
}

/* ---- what is left ----------------------------------------------------------------------------------------------- */

static bool is_there(const struct acknowledged *thing) {
  Ordershop__V1__GetCustomerRequest customer = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  Ordershop__V1__GetOrderRequest order = ORDERSHOP__V1__GET_ORDER_REQUEST__INIT;
  customer.id = order.id = (char *)thing->id;
  bool is_order = thing->owner == ORDERSHOP_ORDER;
  struct ordershop_answer answer = ask(client, thing->owner, is_order ? "GetOrder" : "GetCustomer",
                                       is_order ? (const void *)&order : (const void *)&customer);
  CU_ASSERT_TRUE_FATAL(status_is_ok(answer.status) || answer.status.code == STATUS_NOT_FOUND);
  return status_is_ok(answer.status);
}

/* What was acknowledged is there, or its owner has said that it misses what came up to there. Returns how much is lost.
 */
static int count_lost(void) {
  int count, lost = 0;
  const struct acknowledged *things = visitors_acknowledged(&count);
  for (int i = 0; i < count; i++) {
    if (is_there(&things[i])) continue;
    CU_ASSERT_TRUE(things[i].log_time <= missed[things[i].owner]);
    lost++;
  }
  return lost;
}

/* All orders that were recorded, also those that were not answered. */
static int64_t units_ordered(const char *product_id) {
  int64_t units = 0;
  Ordershop__V1__ListOrdersRequest request = ORDERSHOP__V1__LIST_ORDERS_REQUEST__INIT;
  request.page_size = 1000;
  do {
    const Ordershop__V1__ListOrdersResponse *list = must(ORDERSHOP_ORDER, "ListOrders", &request);
    for (size_t o = 0; o < list->n_orders; o++) {
      for (size_t i = 0; i < list->orders[o]->n_items; i++) {
        const Ordershop__V1__OrderItem *item = list->orders[o]->items[i];
        if (strcmp(item->product_id, product_id) == 0) units += item->quantity;
      }
    }
    request.page_token = list->next_page_token;
  } while (*request.page_token);
  return units;
}

/* ---- a round ---------------------------------------------------------------------------------------------------- */

static struct private_masters *masters;
static int replicas; /* that answers wait for */

static bool have_failed_over(const void *nothing) {
  (void)nothing;
  return private_masters_have_failed_over(masters);
}

static void lose_master(enum loss loss) {
  struct private_redis *master = private_masters_master(masters);
  if (loss == MASTER_IS_KILLED) private_redis_kill(master);
  if (loss == MASTER_STANDS_STILL) private_redis_pause(master);
  if (loss == MASTER_IS_CUT_OFF) private_masters_cut_off(masters);
}

/* The time is printed, and meant to be below 2 s; on a busy machine only far more is a failure. */
static double find_new_master(void) {
  CU_ASSERT_TRUE_FATAL(eventually(have_failed_over, NULL));
  int64_t begin = clock_monotonic_us();
  private_masters_change_places(masters);
  redis = private_masters_master(masters);
  CU_ASSERT_TRUE_FATAL(eventually(all_have_found_the_master, NULL));
  int64_t took = clock_monotonic_us() - begin;
  CU_ASSERT_TRUE(took < at_once_us());
  return (double)took / 1e6;
}

/* Without replicas, services find the new master one after the other, and one that still writes to the old one loses
 * what another was answered: a mail of an order that is there, or the order of a mail. All that missed something say
 * so. */
static bool mails_are_as_they_should_be(void) {
  static bool something_was_lost;
  for (size_t i = 0; i < SHIPPED_OWNER_COUNT; i++) something_was_lost |= missed[i] > 0;
  return replicas == 0 && something_was_lost ? each_recorded_mail_is_sent() : each_mail_is_sent_once();
}

static void run_round(int number, enum loss loss) {
  const Ordershop__V1__Product *product = new_stocked_product(UNITS);
  const Ordershop__V1__Customer *customer = new_customer();
  let_everything_follow();
  memset(missed, 0, sizeof missed);
  visitors_come(product->id, customer->id, PAUSE_US);
  CU_ASSERT_TRUE_FATAL(more_is_ordered(ORDERS));
  int64_t begin = clock_monotonic_us();
  lose_master(loss);
  double took = find_new_master();
  double away = (double)(clock_monotonic_us() - begin) / 1e6;
  if (replicas > 0) private_masters_bring_back(masters); /* nothing is answered before */
  CU_ASSERT_TRUE_FATAL(eventually(all_serve, NULL));
  CU_ASSERT_TRUE_FATAL(more_is_ordered(ORDERS));
  visitors_leave();
  if (replicas == 0) private_masters_bring_back(masters);
  CU_ASSERT_TRUE_FATAL(eventually(all_have_followed, NULL));
  CU_ASSERT_TRUE(attempts_end());
  int64_t units = units_ordered(product->id);
  CU_ASSERT_TRUE(stock_becomes(product->id, UNITS - units, units));
  CU_ASSERT_TRUE(mails_are_as_they_should_be());
  int acknowledged, lost = count_lost();
  visitors_acknowledged(&acknowledged);
  if (replicas > 0) CU_ASSERT_EQUAL(lost, 0);
  printf(
      "\n    %d: master %s: services had the new one after %.2f s (%.2f s since it was lost); %d acknowledged, %d lost "
      "and said so",
      number + 1, losses[loss], took, away, acknowledged, lost);
  fflush(stdout);
}

static int variable_or(const char *name, int otherwise) {
  const char *value = getenv(name);
  return value && *value ? atoi(value) : otherwise;
}

void failover_rounds(enum loss first, int fewest) {
  int count = variable_or("ORDERSHOP_TEST_FAILOVERS", fewest);
  for (int i = 0; i < count; i++) run_round(i, (enum loss)(((int)first + i) % LOSSES));
}

void failover_rounds_open(enum private_arrangement arrangement, int wanted) {
  replicas = variable_or("ORDERSHOP_TEST_REPLICAS", wanted);
  static char variable[64];
  snprintf(variable, sizeof variable, "ORDERSHOP_REDIS_REPLICAS=%d", replicas);
  const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=2", variable, NULL};
  fault_shop_open(&(struct private_shop_options){
      .arrangement = arrangement,
      .key_prefix = arrangement == PRIVATE_CLUSTER ? PRIVATE_PREFIX : NULL,
      .variables = variables,
  });
  masters = private_shop_masters(shop);
}

void failover_rounds_close(void) {
  visitors_leave();
  fault_shop_close();
}
