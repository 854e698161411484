/* SPDX-License-Identifier: Apache-2.0 */
/* A shop in a cluster of three masters with replicas, in which each service has a hash tag of its own: what lies where,
 * who may do what, a log for each, the event service, and a master that dies. What the shop does otherwise, the other
 * suites of this folder show in this arrangement, too (apart_cluster.sh). */
#include <ordershop/v1/event.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "client/event_client.h"
#include "redis/redis_slot.h"
#include "store/positions.h"

/* A service that owns something, and what its keys begin with. */
static const struct owner {
  enum ordershop_service service;
  const char *beginning, *other;
} owners[] = {
    {ORDERSHOP_CUSTOMER, "customer_", "customer_"},
    {ORDERSHOP_PRODUCT, "product_", "product_"},
    {ORDERSHOP_INVENTORY, "inventory_", "inventory_"},
    {ORDERSHOP_ORDER, "order_", "order_"},
    {ORDERSHOP_BILLING, "billing_", "billing_"},
    {ORDERSHOP_CRM, "crm_", "interaction_"},
    {ORDERSHOP_MAIL, "mail_", "mail_"},
};

enum { OWNERS = sizeof owners / sizeof *owners };

static const char *prefix_of(enum ordershop_service service) {
  return private_redises_prefix(private_shop_redises(shop), service);
}

static struct private_redis *master_of(enum ordershop_service service) {
  return private_redises_of(private_shop_redises(shop), service);
}

static bool begins_with(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

static const Ordershop__V1__Order *order_and_bill(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Order *order = new_order(customer->id, new_stocked_product(100, 5)->id);
  must("CreateBilling", "billing {order_id $}", order->id);
  let_it_become_quiet();
  return order;
}

/* ---- what lies where -------------------------------------------------------------------------------------------- */

static const struct owner *owner_of(const char *key) {
  for (size_t i = 0; i < OWNERS; i++) {
    if (begins_with(key, prefix_of(owners[i].service))) return &owners[i];
  }
  return NULL;
}

/* The key lies behind the tag of the service whose it is. */
static bool is_in_place(const char *key) {
  const struct owner *owner = owner_of(key);
  if (!owner) return false;
  const char *name = key + strlen(prefix_of(owner->service));
  if (strcmp(name, "ordershop_clock") == 0) return true;
  if (begins_with(name, "events:")) name += strlen("events:");
  return begins_with(name, owner->beginning) || begins_with(name, owner->other);
}

static size_t count_in_place(struct private_redis *master) {
  char *rest = arena_strdup(arena, private_redis_command(master, "KEYS *"));
  size_t count = 0;
  for (const char *key = strsep(&rest, "\n"); key && *key; key = strsep(&rest, "\n")) {
    if (!is_in_place(key)) fprintf(stderr, "  %s lies at %s\n", key, private_redis_url(master));
    CU_ASSERT_TRUE(is_in_place(key));
    count++;
  }
  return count;
}

static void no_key_lies_outside_its_services_tag(void) {
  struct private_cluster *cluster = private_redises_cluster(private_shop_redises(shop));
  order_and_bill();
  for (size_t i = 0; i < PRIVATE_CLUSTER_MASTERS; i++)
    CU_ASSERT(count_in_place(private_cluster_master(cluster, i)) > 0);
  for (size_t i = 0; i < OWNERS; i++) {
    const char *clock = arena_printf(arena, "%sordershop_clock", prefix_of(owners[i].service));
    CU_ASSERT_EQUAL(private_redis_number(master_of(owners[i].service), "EXISTS %s", clock), 1);
  }
}

/* The servers judge: each has the slot of the tag, no two tags have the same, and the busiest have masters of their
 * own. */
static void services_spread_over_the_masters(void) {
  for (size_t i = 0; i < OWNERS; i++) {
    const char *prefix = prefix_of(owners[i].service);
    int64_t slot = private_redis_number(master_of(owners[i].service), "CLUSTER KEYSLOT %s", prefix);
    CU_ASSERT_EQUAL(slot, redis_slot_of_prefix(prefix));
    for (size_t j = 0; j < i; j++) CU_ASSERT_NOT_EQUAL(slot, redis_slot_of_prefix(prefix_of(owners[j].service)));
  }
  CU_ASSERT_PTR_NOT_EQUAL(master_of(ORDERSHOP_ORDER), master_of(ORDERSHOP_INVENTORY));
  CU_ASSERT_PTR_NOT_EQUAL(master_of(ORDERSHOP_ORDER), master_of(ORDERSHOP_MAIL));
  CU_ASSERT_PTR_NOT_EQUAL(master_of(ORDERSHOP_INVENTORY), master_of(ORDERSHOP_MAIL));
}

/* ---- rights ----------------------------------------------------------------------------------------------------- */

static bool may(const char *user, const char *command) {
  struct private_redis *master = master_of(ORDERSHOP_ORDER);
  return strcmp(private_redis_command(master, arena_printf(arena, "ACL DRYRUN %s %s", user, command)), "OK") == 0;
}

static void who_may_do_what_is_told_by_the_tag(void) {
  CU_ASSERT_TRUE(may("order", "SET {order}:order_x 1"));
  CU_ASSERT_TRUE(may("order", "XADD {order}:events:order_created * a b"));
  CU_ASSERT_TRUE(may("order", "XREAD STREAMS {customer}:events:customer_created 0"));
  CU_ASSERT_TRUE(may("order", "SET {customer}:ordershop_clock 1"));
  CU_ASSERT_FALSE(may("order", "SET {customer}:customer_x 1"));
  CU_ASSERT_FALSE(may("order", "SET {customer}:order_x 1"));
  CU_ASSERT_FALSE(may("order", "XADD {customer}:events:customer_created * a b"));
  CU_ASSERT_FALSE(may("order", "XREAD STREAMS {mail}:events:mail_created 0"));
  CU_ASSERT_FALSE(may("order", "SET {mail}:ordershop_clock 1"));
  CU_ASSERT_FALSE(may("order", "FCALL x 1 {customer}:customer_x"));
  CU_ASSERT_TRUE(may("event", "XREAD STREAMS {mail}:events:mail_created 0"));
  CU_ASSERT_FALSE(may("event", "HGETALL {mail}:mail_entity:x"));
  CU_ASSERT_FALSE(may("event", "XTRIM {mail}:events:mail_created MAXLEN 0"));
}

/* ---- logs ------------------------------------------------------------------------------------------------------- */

static void each_service_has_a_log_of_its_own(void) {
  struct positions seen = {.count = 0};
  struct answer customer = ask("CreateCustomer", "customer {name 'A' email 'a@b'}");
  assert_done(customer);
  struct answer product = ask_after(customer.position, "CreateProduct", "product {name 'A' price_cents 1}");
  assert_done(product);
  CU_ASSERT_TRUE_FATAL(product.position && positions_parse(product.position, &seen));
  const struct position *of_customer = positions_of(&seen, "customer"), *of_product = positions_of(&seen, "product");
  CU_ASSERT_TRUE_FATAL(of_customer && of_product);
  CU_ASSERT_STRING_NOT_EQUAL(of_customer->epoch, of_product->epoch);
  CU_ASSERT(of_product->log_time > of_customer->log_time);
}

static size_t count_told(void) {
  const char *token = "";
  size_t count = 0;
  do {
    const Ordershop__V1__ReadEventsResponse *page = must("ReadEvents", "view 1 page_size 1000 page_token $", token);
    token = page->next_page_token;
    count += page->n_events;
  } while (*token);
  return count;
}

static size_t count_stored(void) {
  struct private_cluster *cluster = private_redises_cluster(private_shop_redises(shop));
  size_t count = 0;
  for (size_t i = 0; i < PRIVATE_CLUSTER_MASTERS; i++) {
    struct private_redis *master = private_cluster_master(cluster, i);
    char *rest = arena_strdup(arena, private_redis_command(master, "KEYS *:events:*"));
    for (const char *key = strsep(&rest, "\n"); key && *key; key = strsep(&rest, "\n")) {
      count += (size_t)private_redis_number(master, "XLEN %s", key);
    }
  }
  return count;
}

static void the_event_service_tells_the_events_of_all(void) {
  order_and_bill();
  CU_ASSERT_EQUAL(count_told(), count_stored());
}

/* ---- a master dies ---------------------------------------------------------------------------------------------- */

struct wish {
  const char *customer_id, *product_id;
};

static bool is_ordered(const void *argument) {
  const struct wish *wish = argument;
  struct answer answer = ask("CreateOrder", "order {customer_id $ product_ids $}", wish->customer_id, wish->product_id);
  return answer.status.code == STATUS_OK;
}

static void services_go_on_with_the_replica_of_a_master_that_dies(void) {
  const struct wish wish = {new_customer()->id, new_stocked_product(100, 500)->id};
  struct private_redis *before = master_of(ORDERSHOP_ORDER);
  CU_ASSERT_TRUE(is_ordered(&wish));
  private_redis_kill(before);
  CU_ASSERT_TRUE(holds_soon(is_ordered, &wish));
  CU_ASSERT_PTR_NOT_EQUAL(master_of(ORDERSHOP_ORDER), before);
  private_redis_restart(before);
  private_cluster_await_content(private_redises_cluster(private_shop_redises(shop)));
  let_it_become_quiet();
  order_and_bill();
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static int set_up(void) {
  static const struct private_shop_options options = {.in_slots = true};
  api_shop_options = &options;
  return api_set_up();
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"no key lies outside its service's hash tag", no_key_lies_outside_its_services_tag},
      {"services spread over the masters, the busiest apart", services_spread_over_the_masters},
      {"a service writes behind its own tag, and reads what it follows where that lies",
       who_may_do_what_is_told_by_the_tag},
      {"each service has a log of its own", each_service_has_a_log_of_its_own},
      {"the event service tells the events of all", the_event_service_tells_the_events_of_all},
      {"services go on with the replica of a master that dies", services_go_on_with_the_replica_of_a_master_that_dies},
  };
  return suite_main("a hash tag for each service", tests, SUITE_SIZE(tests), set_up, api_tear_down, argc, argv);
}
