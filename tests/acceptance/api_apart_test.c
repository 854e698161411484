/* SPDX-License-Identifier: Apache-2.0 */
/* A shop whose services each have a Redis of their own: what lies where, positions in several logs, one of the Redises
 * away, one whose clock is behind or ahead, and leases that keep to the clock of the log in which they are recorded.
 * What the shop does otherwise, the other suites of this folder show in this arrangement, too (apart_shop.sh). */
#include <ordershop/v1/event.pb-c.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "client/event_client.h"
#include "patience.h"
#include "store/positions.h"

static const int64_t HOUR_US = INT64_C(3600) * 1000 * 1000;

static struct private_redis *redis_of_service(enum ordershop_service service) {
  return private_redises_of(private_shop_redises(shop), service);
}

/* ---- what lies where -------------------------------------------------------------------------------------------- */

/* Each key begins with the name of its service, or with that of what it owns. */
static void assert_only(enum ordershop_service service, const char *beginning, const char *other) {
  const char *keys = private_redis_command(redis_of_service(service), "KEYS *");
  char *rest = arena_strdup(arena, keys);
  for (const char *key = strsep(&rest, "\n"); key && *key; key = strsep(&rest, "\n")) {
    const char *name = strncmp(key, "events:", 7) == 0 ? key + 7 : key;
    bool is_own = strncmp(name, beginning, strlen(beginning)) == 0 || strncmp(name, other, strlen(other)) == 0;
    bool is_known = is_own || strcmp(key, "ordershop_clock") == 0;
    if (!is_known) fprintf(stderr, "  %s lies in the Redis of %s\n", key, ordershop_service_name(service));
    CU_ASSERT_TRUE(is_known);
  }
}

static void each_service_keeps_its_keys_in_its_own_redis(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Order *order = new_order(customer->id, new_stocked_product(100, 5)->id);
  must("CreateBilling", "billing {order_id $}", order->id);
  let_it_become_quiet();
  assert_only(ORDERSHOP_CUSTOMER, "customer_", "customer_");
  assert_only(ORDERSHOP_PRODUCT, "product_", "product_");
  assert_only(ORDERSHOP_INVENTORY, "inventory_", "inventory_");
  assert_only(ORDERSHOP_ORDER, "order_", "order_");
  assert_only(ORDERSHOP_BILLING, "billing_", "billing_");
  assert_only(ORDERSHOP_CRM, "crm_", "interaction_");
  assert_only(ORDERSHOP_MAIL, "mail_", "mail_");
  CU_ASSERT_STRING_EQUAL(private_redis_command(redis, "KEYS *"), "");
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

static struct positions positions_in(struct answer answer) {
  struct positions positions = {.count = 0};
  assert_done(answer);
  CU_ASSERT_TRUE(answer.position && positions_parse(answer.position, &positions));
  return positions;
}

static struct answer create_customer_after(const char *after) {
  return ask_after(after, "CreateCustomer", "customer {name 'A' email 'a@b'}");
}

static void a_position_has_a_part_for_each_log_that_was_seen(void) {
  struct answer customer = create_customer_after(NULL);
  struct answer product = ask_after(customer.position, "CreateProduct", "product {name 'A' price_cents 1}");
  struct positions seen = positions_in(product);
  CU_ASSERT_EQUAL(seen.count, 2);
  const struct position *of_customer = positions_of(&seen, "customer"), *of_product = positions_of(&seen, "product");
  CU_ASSERT_PTR_NOT_NULL_FATAL(of_customer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(of_product);
  CU_ASSERT(of_product->log_time > of_customer->log_time);
}

/* Nobody can tell whether it is true: it may move the clock by seconds, not by hours. */
static void a_position_from_the_future_moves_no_clock_far(void) {
  const struct position garbage = {.epoch = "0123456789abcdef", .log_time = clock_wall_us() + HOUR_US};
  struct positions after = {.count = 0};
  positions_advance(&after, "elsewhere", &garbage);
  struct positions told = positions_in(create_customer_after(positions_text(arena, &after)));
  CU_ASSERT(positions_of(&told, "customer")->log_time < clock_wall_us() + HOUR_US / 60);
}

/* Who has just made a customer and a product may order at once, whatever the order service has read. */
static void what_was_made_elsewhere_is_seen_with_its_position(void) {
  for (int i = 0; i < 20; i++) {
    const Ordershop__V1__Order *order = new_order(new_customer()->id, new_stocked_product(100, 5)->id);
    const Ordershop__V1__ListUnbilledOrdersResponse *unbilled = must("ListUnbilledOrders", "page_size 1000");
    bool found = false;
    for (size_t n = 0; n < unbilled->n_orders; n++) found = found || strcmp(unbilled->orders[n]->id, order->id) == 0;
    CU_ASSERT_TRUE(found);
    must("CreateBilling", "billing {order_id $}", order->id);
    unbilled = must("ListUnbilledOrders", "page_size 1000");
    for (size_t n = 0; n < unbilled->n_orders; n++) CU_ASSERT_STRING_NOT_EQUAL(unbilled->orders[n]->id, order->id);
  }
}

/* ---- a Redis away ----------------------------------------------------------------------------------------------- */

static bool has_mails(const void *customer) {
  struct answer answer = ask("ListMails", "to $", ((const Ordershop__V1__Customer *)customer)->email);
  return answer.status.code == STATUS_OK && ((const Ordershop__V1__ListMailsResponse *)answer.message)->n_mails == 3;
}

static bool is_ordered_by_a_newcomer(const void *product) {
  const char *id = ((const Ordershop__V1__Product *)product)->id;
  return ask("CreateOrder", "order {customer_id $ product_ids $}", new_customer()->id, id).status.code == STATUS_OK;
}

/* What follows billings alone waits; orders are made all the same. */
static void orders_go_on_while_the_redis_of_billings_is_away(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(100, 5);
  must("ListOrders", "customer_id $", customer->id); /* the order service has seen them */
  private_redis_kill(redis_of_service(ORDERSHOP_BILLING));
  assert_done(ask_after(NULL, "CreateOrder", "order {customer_id $ product_ids $}", customer->id, product->id));
  assert_done(ask_after(NULL, "UpdateProduct", "product {id $ price_cents 200}", product->id));
  private_redis_restart(redis_of_service(ORDERSHOP_BILLING));
  CU_ASSERT_TRUE(holds_soon(has_mails, customer));
  CU_ASSERT_TRUE(holds_soon(is_ordered_by_a_newcomer, product)); /* the order service reads billings again, too */
}

/* ---- clocks apart ----------------------------------------------------------------------------------------------- */

static void set_ahead(enum ordershop_service service, int64_t us) {
  struct private_redis *of = redis_of_service(service);
  char value[64], epoch[LOG_EPOCH_SIZE] = "";
  sscanf(private_redis_command(of, "GET ordershop_clock"), "%*s %16s", epoch);
  int64_t log_time = clock_wall_us() + us;
  snprintf(value, sizeof value, "%lld-%lld %s", (long long)log_time / 1000, (long long)log_time % 1000, epoch);
  private_redis_command(of, "SET ordershop_clock %s", value);
}

static const Ordershop__V1__Inventory *inventory_of(const char *product_id) {
  const Ordershop__V1__ListInventoriesResponse *list = must("ListInventories", "product_id $", product_id);
  CU_ASSERT_EQUAL_FATAL(list->n_inventories, 1);
  return list->inventories[0];
}

struct expected {
  const char *product_id;
  int64_t amount, reserved;
};

static bool has_stock(const void *argument) {
  const struct expected *expected = argument;
  const Ordershop__V1__Inventory *inventory = inventory_of(expected->product_id);
  return inventory->amount == expected->amount && inventory->reserved_amount == expected->reserved;
}

static void order_and_bill_one_of_five(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(100, 5);
  const Ordershop__V1__Order *order = new_order(customer->id, product->id);
  must("CreateBilling", "billing {order_id $}", order->id);
  const Ordershop__V1__Order *deleted = new_order(customer->id, product->id);
  must("DeleteOrder", "id $", deleted->id);
  const struct expected expected = {product->id, 4, 1};
  CU_ASSERT_TRUE(holds_soon(has_stock, &expected));
}

/* As after a server's clock was set back by an hour: log time goes on where it was, and stands still for a while. */
static void one_clock_an_hour_ahead_of_the_others_changes_nothing(void) {
  static const enum ordershop_service ahead[] = {ORDERSHOP_INVENTORY, ORDERSHOP_ORDER, ORDERSHOP_CUSTOMER};
  for (size_t i = 0; i < sizeof ahead / sizeof *ahead; i++) {
    set_ahead(ahead[i], (int64_t)(i + 1) * HOUR_US);
    order_and_bill_one_of_five();
  }
  let_it_become_quiet();
}

/* ---- the event service ------------------------------------------------------------------------------------------ */

enum { EVENTS_MAX = 5000 };

/* What was told, in the order in which it came. */
struct told {
  const char *entries[EVENTS_MAX], *streams[EVENTS_MAX];
  size_t count;
};

static void add_events(struct told *told, Ordershop__V1__Event **events, size_t count) {
  for (size_t i = 0; i < count; i++) {
    CU_ASSERT_TRUE_FATAL(told->count < EVENTS_MAX);
    told->entries[told->count] = arena_strdup(arena, events[i]->entry);
    told->streams[told->count++] = arena_strdup(arena, events[i]->stream);
  }
}

static struct told *read_all(void) {
  struct told *told = arena_calloc(arena, 1, sizeof *told);
  const char *token = "";
  do {
    const Ordershop__V1__ReadEventsResponse *page = must("ReadEvents", "view 1 page_size 7 page_token $", token);
    add_events(told, page->events, page->n_events);
    token = page->next_page_token;
  } while (*token);
  return told;
}

/* Ends each watch after a response, and goes on at its position. */
static struct told *watch_all(void) {
  struct told *told = arena_calloc(arena, 1, sizeof *told);
  struct ordershop_client *client = private_shop_client(shop, arena);
  const char *position = NULL;
  bool at_end = false;
  while (!at_end) {
    Ordershop__V1__WatchEventsRequest request = ORDERSHOP__V1__WATCH_EVENTS_REQUEST__INIT;
    struct context context = {.arena = arena};
    struct ordershop_watch *watch;
    const Ordershop__V1__WatchEventsResponse *response = NULL;
    if (position) request.after_position = (char *)position;
    if (!position) request.after_entry = "0-0";
    CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_watch_events(client, &context, &request, &watch)));
    while (!response) CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_watch_read(watch, arena, 1000, &response)));
    add_events(told, response->events, response->n_events);
    position = arena_strdup(arena, response->position);
    at_end = response->at_end;
    ordershop_watch_close(watch);
  }
  ordershop_client_close(client);
  return told;
}

static size_t count_events_of(enum ordershop_service service) {
  static const char script[] =
      "local n = 0 for _, key in ipairs(redis.call('KEYS', 'events:*')) do "
      "n = n + redis.call('XLEN', key) end return n";
  return (size_t)private_redis_number(redis_of_service(service), "EVAL %s 0", script);
}

static size_t count_events(void) {
  size_t count = 0;
  for (enum ordershop_service i = 0; i < SHIPPED_OWNER_COUNT; i++) count += count_events_of(i);
  return count;
}

static bool has_stream(const struct told *told, const char *stream) {
  size_t i = 0;
  while (i < told->count && strcmp(told->streams[i], stream) != 0) i++;
  return i < told->count;
}

static void assert_in_order(const struct told *told) {
  for (size_t i = 1; i < told->count; i++) {
    CU_ASSERT_TRUE(log_time_of_entry(told->entries[i - 1]) <= log_time_of_entry(told->entries[i]));
  }
}

static void events_of_all_services_are_told_in_one_order(void) {
  static const char *const streams[] = {"customer_created", "product_created", "inventory_updated",  "order_created",
                                        "billing_created",  "mail_created",    "interaction_created"};
  order_and_bill_one_of_five();
  let_it_become_quiet();
  const struct told *read = read_all(), *watched = watch_all();
  CU_ASSERT_EQUAL(read->count, count_events());
  CU_ASSERT_EQUAL(watched->count, read->count);
  assert_in_order(read);
  assert_in_order(watched);
  for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) CU_ASSERT_TRUE(has_stream(read, streams[i]));
}

static void what_a_command_has_done_is_listed_with_its_position(void) {
  for (int i = 0; i < 10; i++) {
    const Ordershop__V1__Product *product = new_stocked_product(100, 5);
    const Ordershop__V1__Order *order = new_order(new_customer()->id, product->id);
    must("GetEntityHistory", "entity_type 'order' id $", order->id);
    must("GetEntityHistory", "entity_type 'product' id $", product->id);
  }
}

static void streams_have_their_readers(void) {
  const Ordershop__V1__ListStreamsResponse *list = must("ListStreams", "");
  size_t readers = 0;
  for (size_t i = 0; i < list->n_streams; i++) {
    if (strcmp(list->streams[i]->name, "order_created") == 0) readers = list->streams[i]->n_readers;
  }
  CU_ASSERT_EQUAL(readers, 3); /* inventory, billing and crm */
}

static void the_index_goes_on_when_a_redis_is_back(void) {
  private_redis_kill(redis_of_service(ORDERSHOP_CRM));
  order_and_bill_one_of_five();
  private_redis_restart(redis_of_service(ORDERSHOP_CRM));
  let_it_become_quiet();
  CU_ASSERT_EQUAL(read_all()->count, count_events());
}

/* ---- leases ----------------------------------------------------------------------------------------------------- */

static void stock_of_an_order_that_was_never_recorded_comes_back(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(100, 5);
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "kill");
  struct answer answer = ask("CreateOrder", "order {customer_id $ product_ids $}", customer->id, product->id);
  CU_ASSERT_EQUAL(answer.status.code, STATUS_UNAVAILABLE);
  private_shop_await_end(shop, ORDERSHOP_ORDER);
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  const struct expected held = {product->id, 4, 1}, free = {product->id, 5, 0};
  CU_ASSERT_TRUE(has_stock(&held));
  private_shop_start_service(shop, ORDERSHOP_ORDER);
  CU_ASSERT_TRUE(holds_soon(has_stock, &free));
}

static bool can_be_deleted(const void *order) {
  return ask("DeleteOrder", "id $", ((const Ordershop__V1__Order *)order)->id).status.code == STATUS_OK;
}

static void an_order_whose_billing_was_never_recorded_is_free_again(void) {
  const Ordershop__V1__Order *order = new_order(new_customer()->id, new_stocked_product(100, 5)->id);
  private_shop_arm(shop, ORDERSHOP_BILLING, "billing.after_claim", "kill");
  CU_ASSERT_EQUAL(ask("CreateBilling", "billing {order_id $}", order->id).status.code, STATUS_UNAVAILABLE);
  private_shop_await_end(shop, ORDERSHOP_BILLING);
  private_shop_release(shop, ORDERSHOP_BILLING, "billing.after_claim");
  private_shop_start_service(shop, ORDERSHOP_BILLING);
  CU_ASSERT_TRUE(holds_soon(can_be_deleted, order));
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=2", "ORDERSHOP_CLAIM_SECONDS=2", NULL};
  static const struct private_shop_options options = {.apart = true, .variables = variables};
  api_shop_options = &options;
  return api_set_up();
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"each service keeps its keys in its own Redis, and nothing else lies there",
       each_service_keeps_its_keys_in_its_own_redis},
      {"a position has a part for each log that was seen, and effects are later than causes",
       a_position_has_a_part_for_each_log_that_was_seen},
      {"a position from the future moves no clock far", a_position_from_the_future_moves_no_clock_far},
      {"what was made elsewhere is seen with its position", what_was_made_elsewhere_is_seen_with_its_position},
      {"orders go on while the Redis of billings is away, and what waits for it follows",
       orders_go_on_while_the_redis_of_billings_is_away},
      {"stock of an order that was never recorded comes back", stock_of_an_order_that_was_never_recorded_comes_back},
      {"an order whose billing was never recorded is free again",
       an_order_whose_billing_was_never_recorded_is_free_again},
      {"one clock an hour ahead of the others changes nothing", one_clock_an_hour_ahead_of_the_others_changes_nothing},
      {"events of all services are told in one order", events_of_all_services_are_told_in_one_order},
      {"what a command has done is listed with its position", what_a_command_has_done_is_listed_with_its_position},
      {"streams have their readers, wherever these are", streams_have_their_readers},
      {"the index goes on when a Redis is back", the_index_goes_on_when_a_redis_is_back},
  };
  return suite_main("a Redis for each service", tests, SUITE_SIZE(tests), set_up, api_tear_down, argc, argv);
}
