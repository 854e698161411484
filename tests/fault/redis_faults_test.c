/* SPDX-License-Identifier: Apache-2.0 */
/* A Redis that dies, stands still, is full, has lost its functions, its data or its time: what callers are told, that
 * nothing acknowledged is missing, and that every service comes back by itself. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "client/customer_client.h"
#include "fault_shop.h"
#include "patience.h"
#include "store/log_time.h"

enum { LOADERS = 4, MAX_COMMANDS = 20000, ACKNOWLEDGED = 100 };

static const Ordershop__V1__Customer *customer;
static const Ordershop__V1__Product *product;

/* ---- load ------------------------------------------------------------------------------------------------------- */

/* Creates customers, one try each, and remembers what became of them. */
struct loader {
  pthread_t thread;
  struct arena *arena;
  const char *requests[MAX_COMMANDS]; /* request ids */
  const char *ids[MAX_COMMANDS];      /* of the customers; NULL means no answer */
  size_t count;
  int strange; /* answers that are neither OK nor about an outage */
};

static struct loader loaders[LOADERS];
static atomic_bool loading;
static atomic_size_t acknowledged;

static struct status create_customer(struct arena *in, const char *request_id,
                                     const Ordershop__V1__Customer **ret_customer) {
  Ordershop__V1__Customer given = ORDERSHOP__V1__CUSTOMER__INIT;
  given.name = "Load";
  given.email = "load@example.com";
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  request.customer = &given;
  request.request_id = (char *)request_id;
  struct context context = {.arena = in, .deadline_us = clock_monotonic_us() + 2 * INT64_C(1000000)};
  return ordershop_create_customer(once, &context, &request, ret_customer);
}

static void *load(void *argument) {
  struct loader *loader = argument;
  while (atomic_load(&loading) && loader->count < MAX_COMMANDS) {
    const Ordershop__V1__Customer *created;
    size_t at = loader->count++;
    loader->requests[at] = uuid_random(loader->arena);
    struct status status = create_customer(loader->arena, loader->requests[at], &created);
    if (status_is_ok(status)) {
      loader->ids[at] = created->id;
      atomic_fetch_add(&acknowledged, 1);
    } else {
      loader->strange += status.code != STATUS_UNAVAILABLE && status.code != STATUS_DEADLINE_EXCEEDED;
      usleep(1000); /* an outage is no reason to burn the machine */
    }
  }
  return NULL;
}

static void load_begin(void) {
  atomic_store(&loading, true);
  for (int i = 0; i < LOADERS; i++) {
    loaders[i] = (struct loader){.arena = arena_new()};
    pthread_create(&loaders[i].thread, NULL, load, &loaders[i]);
  }
}

static void load_end(void) {
  atomic_store(&loading, false);
  for (int i = 0; i < LOADERS; i++) pthread_join(loaders[i].thread, NULL);
}

static bool has_acknowledged(const void *argument) {
  return atomic_load(&acknowledged) >= *(const size_t *)argument;
}

static void wait_for_more_answers(void) {
  size_t wanted = atomic_load(&acknowledged) + ACKNOWLEDGED;
  CU_ASSERT_TRUE_FATAL(eventually(has_acknowledged, &wanted));
}

/* What was acknowledged is there; what was not is made now, by the same request, or is what was made then. */
static void assert_nothing_lost(void) {
  for (int i = 0; i < LOADERS; i++) {
    CU_ASSERT_EQUAL(loaders[i].strange, 0);
    for (size_t c = 0; c < loaders[i].count; c++) {
      const Ordershop__V1__Customer *again;
      struct status status = create_customer(arena, loaders[i].requests[c], &again);
      CU_ASSERT_EQUAL_FATAL(status.code, STATUS_OK);
      if (loaders[i].ids[c]) CU_ASSERT_STRING_EQUAL(again->id, loaders[i].ids[c]);
    }
    arena_free(loaders[i].arena);
  }
}

static int64_t commands_sent(void) {
  int64_t count = 0;
  for (int i = 0; i < LOADERS; i++) count += (int64_t)loaders[i].count;
  return count;
}

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static void assert_all_live(void) {
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    CU_ASSERT_TRUE(health_says(service, "liveness"));
  }
}

static void assert_each_says_once(const char *line, const int *before) {
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    CU_ASSERT_TRUE(log_lines_become(service, line, before[service] + 1));
  }
}

/* Beside Redis a service may miss a peer that misses Redis. */
static void assert_no_flood(const int *before) {
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    CU_ASSERT_TRUE(private_shop_log_lines(shop, service, "level=warn") <= before[service] + 2);
    CU_ASSERT_EQUAL(private_shop_log_lines(shop, service, "level=error"), 0);
  }
}

static void count_lines(const char *line, int *ret_counts) {
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    ret_counts[service] = private_shop_log_lines(shop, service, line);
  }
}

static void order_and_bill(void) {
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 1);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
}

/* ---- death ------------------------------------------------------------------------------------------------------ */

static void of_a_redis_killed_under_load_nothing_acknowledged_is_missing_and_nothing_is_there_twice(void) {
  int away[SHIPPED_SERVICE_COUNT], back[SHIPPED_SERVICE_COUNT], warnings[SHIPPED_SERVICE_COUNT];
  count_lines("redis is away", away);
  count_lines("redis is back", back);
  count_lines("level=warn", warnings);
  int64_t created = private_redis_number(redis, "XLEN events:customer_created");
  load_begin();
  wait_for_more_answers();
  private_redis_kill(redis);
  CU_ASSERT_TRUE(become_serving(false));
  assert_all_live();
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    int64_t begin = clock_monotonic_us();
    assert_refused(ask_for_a_list(once, 0, service), STATUS_UNAVAILABLE, "REDIS_UNREACHABLE");
    CU_ASSERT_TRUE(clock_monotonic_us() - begin < at_once_us());
  }
  private_redis_restart(redis);
  wait_for_more_answers();
  load_end();
  CU_ASSERT_TRUE(become_serving(true));
  assert_each_says_once("redis is away", away);
  assert_each_says_once("redis is back", back);
  assert_no_flood(warnings);
  assert_nothing_lost();
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:customer_created"), created + commands_sent());
  CU_ASSERT_TRUE(eventually_number(created + commands_sent(), "XLEN %s", "events:mail_created"));
}

static void an_order_between_reservation_and_record_survives_the_death_of_redis(void) {
  const Ordershop__V1__Product *rare = new_stocked_product(3);
  const Ordershop__V1__CreateOrderRequest *request = order_request(customer->id, rare->id, 2, new_id());
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct asking *asking = ask_begin(once, ORDERSHOP_ORDER, "CreateOrder", request);
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));
  private_redis_kill(redis);
  CU_ASSERT_TRUE(become_serving(false));
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  assert_refused(ask_end(asking), STATUS_UNAVAILABLE, "REDIS_UNREACHABLE");
  private_redis_restart(redis);
  CU_ASSERT_TRUE(become_serving(true));
  CU_ASSERT_TRUE(stock_becomes(rare->id, 3, 0));
  must(ORDERSHOP_ORDER, "CreateOrder", request);
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(rare->id, 1, 2));
}

static void services_that_start_while_redis_is_away_serve_as_soon_as_it_is_there(void) {
  private_shop_stop_service(shop, ORDERSHOP_ORDER);
  private_shop_kill_service(shop, ORDERSHOP_CRM);
  private_redis_kill(redis);
  private_shop_launch_service(shop, ORDERSHOP_ORDER);
  private_shop_launch_service(shop, ORDERSHOP_CRM);
  CU_ASSERT_TRUE(become_serving(false));
  assert_all_live();
  private_redis_restart(redis);
  CU_ASSERT_TRUE(become_serving(true));
  order_and_bill();
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
}

/* ---- standing still --------------------------------------------------------------------------------------------- */

static void while_redis_stands_still_calls_end_by_their_deadline(void) {
  private_redis_pause(redis);
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    int64_t begin = clock_monotonic_us();
    struct status status = ask_for_a_list(once, 300, service).status;
    CU_ASSERT_TRUE(status.code == STATUS_DEADLINE_EXCEEDED || status.code == STATUS_UNAVAILABLE);
    CU_ASSERT_TRUE(clock_monotonic_us() - begin < at_once_us());
  }
  assert_all_live();
  CU_ASSERT_TRUE(become_serving(false));
  private_redis_resume(redis);
  CU_ASSERT_TRUE(become_serving(true));
  order_and_bill();
}

/* ---- no memory -------------------------------------------------------------------------------------------------- */

static void assert_out_of_memory(struct ordershop_answer answer) {
  assert_refused(answer, STATUS_RESOURCE_EXHAUSTED, "REDIS_OUT_OF_MEMORY");
  CU_ASSERT_TRUE(answer.status.details && answer.status.details->retry_delay_ms > 0);
}

static void while_redis_is_full_commands_are_refused_and_events_wait_and_then_all_goes_on(void) {
  const Ordershop__V1__Product *rare = new_stocked_product(5);
  const Ordershop__V1__Order *order = new_order(customer->id, rare->id, 1);
  private_shop_arm(shop, ORDERSHOP_CRM, "consumer.before_commit", "pause");
  const Ordershop__V1__Customer *newcomer = new_customer();
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_CRM, "consumer.before_commit"));
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct asking *halfway =
      ask_begin(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, rare->id, 2, NULL));
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));

  private_redis_command(redis, "CONFIG SET maxmemory 1");
  private_shop_release(shop, ORDERSHOP_CRM, "consumer.before_commit");
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  assert_out_of_memory(ask_end(halfway));
  assert_out_of_memory(ask(once, ORDERSHOP_CUSTOMER, "CreateCustomer", customer_request("Nobody", NULL)));
  assert_out_of_memory(ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, rare->id, 1, NULL)));
  assert_out_of_memory(ask(once, ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id)));
  assert_out_of_memory(ask(once, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL)));
  CU_ASSERT_EQUAL(ask(once, ORDERSHOP_ORDER, "GetOrder", get_order_request(order->id)).status.code, STATUS_OK);

  private_redis_command(redis, "CONFIG SET maxmemory 0");
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  CU_ASSERT_TRUE(stock_becomes(rare->id, 4, 1)); /* what the order halfway held expires */
  new_order(customer->id, rare->id, 4);
  Ordershop__V1__GetCustomerProfileRequest request = ORDERSHOP__V1__GET_CUSTOMER_PROFILE_REQUEST__INIT;
  request.customer_id = newcomer->id;
  must(ORDERSHOP_CRM, "GetCustomerProfile", &request);
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD crm_parked_keys"), 0);
}

/* ---- lost functions, time and data ------------------------------------------------------------------------------ */

static void nobody_notices_that_the_functions_were_flushed(void) {
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 1);
  private_redis_command(redis, "FUNCTION FLUSH SYNC");
  struct ordershop_answer answer = ask(once, ORDERSHOP_CUSTOMER, "CreateCustomer", customer_request("Ada", NULL));
  CU_ASSERT_EQUAL_FATAL(answer.status.code, STATUS_OK);
  CU_ASSERT_TRUE(eventually(has_mail, answer.message));
  private_redis_command(redis, "FUNCTION FLUSH SYNC");
  CU_ASSERT_EQUAL(ask(once, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL)).status.code,
                  STATUS_OK);
  private_redis_command(redis, "FUNCTION FLUSH SYNC");
  CU_ASSERT_EQUAL(
      ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(customer->id, product->id, 1, NULL)).status.code,
      STATUS_OK);
}

/* As after a clock that was an hour ahead and has been set right. */
static void a_log_that_is_ahead_of_all_clocks_stops_nobody(void) {
  const char *clock = arena_strdup(arena, private_redis_command(redis, "GET ordershop_clock"));
  const char *epoch = strchr(clock, ' ');
  CU_ASSERT_PTR_NOT_NULL_FATAL(epoch);
  int64_t ahead_ms = clock_wall_us() / 1000 + 3600 * 1000;
  private_redis_command(redis, "SET ordershop_clock %s", arena_printf(arena, "%lld-0%s", (long long)ahead_ms, epoch));
  const Ordershop__V1__Product *rare = new_stocked_product(2);
  const Ordershop__V1__Order *order = new_order(customer->id, rare->id, 2);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  order = new_order(new_customer()->id, product->id, 1);
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(rare->id, 0, 2));
}

static bool is_of_another_log(const void *position) {
  struct context context = {.arena = arena, .after = position};
  Ordershop__V1__ListOrdersRequest request = ORDERSHOP__V1__LIST_ORDERS_REQUEST__INIT;
  struct ordershop_answer answer = ordershop_call(client, &context, ORDERSHOP_ORDER, "ListOrders", &request);
  return answer.status.code == STATUS_FAILED_PRECONDITION && strcmp(status_reason(answer.status), "LOG_RESET") == 0;
}

static void after_flushall_the_services_go_on_as_a_fresh_shop(void) {
  let_everything_follow(); /* a mail that is on its way to the mail service would be recorded in the fresh shop */
  const char *before = private_redis_command(redis, "GET ordershop_clock");
  long long ms;
  char epoch[LOG_EPOCH_SIZE];
  int us;
  CU_ASSERT_EQUAL_FATAL(sscanf(before, "%lld-%d %16s", &ms, &us, epoch), 3);
  struct position position = {.log_time = ms * 1000 + us};
  snprintf(position.epoch, sizeof position.epoch, "%s", epoch);
  private_redis_command(redis, "FLUSHALL");

  const char *lost = position_text(arena, &position);
  CU_ASSERT_TRUE(eventually(is_of_another_log, lost)); /* a service whose connections stay notices it within a second */
  CU_ASSERT_TRUE(become_serving(true));
  customer = new_customer();
  product = new_stocked_product(1000);
  order_and_bill();
  CU_ASSERT_TRUE(is_of_another_log(lost));
  /* welcome, thank you, please pay, thanks for the payment */
  CU_ASSERT_TRUE(eventually_number(4, "XLEN %s", "events:mail_created"));
  CU_ASSERT_TRUE(become_serving(true));
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=1", NULL};
  fault_shop_open(&(struct private_shop_options){.variables = variables});
  customer = new_customer();
  product = new_stocked_product(1000);
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"of a Redis killed under load nothing acknowledged is missing and nothing is there twice",
       of_a_redis_killed_under_load_nothing_acknowledged_is_missing_and_nothing_is_there_twice},
      {"an order between reservation and record survives the death of Redis",
       an_order_between_reservation_and_record_survives_the_death_of_redis},
      {"services that start while Redis is away serve as soon as it is there",
       services_that_start_while_redis_is_away_serve_as_soon_as_it_is_there},
      {"while Redis stands still calls end by their deadline", while_redis_stands_still_calls_end_by_their_deadline},
      {"while Redis is full commands are refused and events wait, and then all goes on",
       while_redis_is_full_commands_are_refused_and_events_wait_and_then_all_goes_on},
      {"nobody notices that the functions were flushed", nobody_notices_that_the_functions_were_flushed},
      {"a log that is ahead of all clocks stops nobody", a_log_that_is_ahead_of_all_clocks_stops_nobody},
      {"after FLUSHALL the services go on as a fresh shop", after_flushall_the_services_go_on_as_a_fresh_shop},
  };
  return suite_main("redis faults", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
