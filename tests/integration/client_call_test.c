/* SPDX-License-Identifier: Apache-2.0 */
/* The client's core against a fake shop: request ids, tries, positions, deadlines, health. */
#include <ordershop/v1/customer.pb-c.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/reason.h"
#include "base/uuid.h"
#include "client/customer_client.h"
#include "client/order_client.h"
#include "client_fake_shop.h"
#include "patience.h"
#include "suite.h"

#define EARLY "00000000000000aa.1000"
#define LATE "00000000000000aa.2000"
#define OTHER_LOG "00000000000000bb.10"
#define OWN_ID "0b9e6c1e-4f0a-4e0e-9a53-3c1b7a0f2d11"

static struct fake_shop *shop;
static struct arena *arena;
static struct ordershop_client *client;

static const struct error_details log_reset = {.reason = "LOG_RESET"};
static const struct error_details retry_later = {.reason = "OVERLOADED", .retry_delay_ms = 120};
static const struct error_details retry_much_later = {.reason = "OVERLOADED", .retry_delay_ms = 300000};
static const struct error_details claimed = {.reason = "ORDER_CLAIMED"};

static struct status failing(enum status_code code, const struct error_details *details) {
  return (struct status){.code = code, .message = "scripted", .details = details};
}

static struct status open_client(struct ordershop_client_options options, struct ordershop_client **ret_client) {
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) options.addresses[i] = fake_shop_address(shop);
  return ordershop_client_open(arena, &options, ret_client);
}

/* Each test has a client that knows of no position, and tries three times in short order. */
static void begin(const struct fake_answer *answers, size_t count) {
  arena = arena_new();
  CU_ASSERT_TRUE_FATAL(
      status_is_ok(open_client((struct ordershop_client_options){.attempts = 3, .first_backoff_ms = 2}, &client)));
  fake_shop_script(shop, answers, count);
}

static void end(void) {
  ordershop_client_close(client);
  arena_free(arena);
}

static struct status create(const char *request_id) {
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  if (request_id) request.request_id = arena_strdup(arena, request_id);
  const Ordershop__V1__Customer *customer;
  return ordershop_create_customer(client, &(struct context){.arena = arena}, &request, &customer);
}

static struct status get_with(struct context context) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *customer;
  context.arena = arena;
  return ordershop_get_customer(client, &context, &request, &customer);
}

static struct status get(void) {
  return get_with((struct context){.arena = arena});
}

static struct status update(int64_t version) {
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  Ordershop__V1__UpdateOrderRequest request = ORDERSHOP__V1__UPDATE_ORDER_REQUEST__INIT;
  order.version = version;
  request.order = &order;
  const Ordershop__V1__Order *updated;
  return ordershop_update_order(client, &(struct context){.arena = arena}, &request, &updated);
}

/* ---- request ids and tries -------------------------------------------------------------------------------------- */

static void retries_with_the_same_request_id(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_UNAVAILABLE, NULL)},
                                        {.status = failing(STATUS_UNAVAILABLE, NULL)}};
  begin(answers, 2);
  CU_ASSERT_TRUE(status_is_ok(create(NULL)));
  CU_ASSERT_EQUAL(fake_shop_count(shop), 3);
  struct fake_call first = fake_shop_call(shop, 0);
  CU_ASSERT_TRUE(uuid_is_valid(first.request_id));
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 1).request_id, first.request_id);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 2).request_id, first.request_id);
  end();
}

static void gives_each_command_an_id_of_its_own(void) {
  begin(NULL, 0);
  create(NULL);
  create(NULL);
  CU_ASSERT_STRING_NOT_EQUAL(fake_shop_call(shop, 0).request_id, fake_shop_call(shop, 1).request_id);
  end();
}

static void keeps_the_callers_request_id(void) {
  begin(NULL, 0);
  CU_ASSERT_TRUE(status_is_ok(create(OWN_ID)));
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 0).request_id, OWN_ID);
  end();
}

static void does_not_change_the_request(void) {
  begin(NULL, 0);
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *customer;
  ordershop_create_customer(client, &(struct context){.arena = arena}, &request, &customer);
  CU_ASSERT_STRING_EQUAL(request.request_id, "");
  end();
}

static void gives_up_after_its_attempts(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_UNAVAILABLE, NULL)},
                                        {.status = failing(STATUS_UNAVAILABLE, NULL)},
                                        {.status = failing(STATUS_UNAVAILABLE, NULL)}};
  begin(answers, 3);
  struct status status = get();
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status.message, "scripted");
  CU_ASSERT_EQUAL(fake_shop_count(shop), 3);
  end();
}

static void does_not_repeat_what_was_refused(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_NOT_FOUND, NULL)}};
  begin(answers, 1);
  CU_ASSERT_EQUAL(get().code, STATUS_NOT_FOUND);
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
  end();
}

static void waits_as_long_as_an_overloaded_service_asks(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_RESOURCE_EXHAUSTED, &retry_later)}};
  begin(answers, 1);
  int64_t begun = clock_monotonic_us();
  CU_ASSERT_TRUE(status_is_ok(get()));
  CU_ASSERT_TRUE(clock_monotonic_us() - begun >= 120 * 1000);
  CU_ASSERT_EQUAL(fake_shop_count(shop), 2);
  end();
}

static void does_not_repeat_what_is_too_big(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_RESOURCE_EXHAUSTED, NULL)}};
  begin(answers, 1);
  CU_ASSERT_EQUAL(get().code, STATUS_RESOURCE_EXHAUSTED);
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
  end();
}

static void repeats_what_was_aborted_without_a_version(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_ABORTED, &claimed)}};
  begin(answers, 1);
  CU_ASSERT_TRUE(status_is_ok(update(0)));
  CU_ASSERT_EQUAL(fake_shop_count(shop), 2);
  end();
}

static void leaves_a_conflict_of_versions_to_the_caller(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_ABORTED, &claimed)}};
  begin(answers, 1);
  CU_ASSERT_EQUAL(update(7).code, STATUS_ABORTED);
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
  end();
}

/* ---- deadlines -------------------------------------------------------------------------------------------------- */

static void sends_its_own_deadline(void) {
  begin(NULL, 0);
  get();
  int64_t left = fake_shop_call(shop, 0).left_ms;
  CU_ASSERT_TRUE(left > 0 && left <= 10500); /* gRPC rounds up */
  end();
}

static void sends_the_callers_deadline(void) {
  begin(NULL, 0);
  get_with((struct context){.deadline_us = clock_monotonic_us() + 50000 * 1000});
  int64_t left = fake_shop_call(shop, 0).left_ms;
  CU_ASSERT_TRUE(left > 10500 && left <= 50500);
  end();
}

static void ends_a_call_at_its_deadline(void) {
  const struct fake_answer answers[] = {{.delay_ms = 60000}};
  begin(answers, 1);
  int64_t begun = clock_monotonic_us();
  CU_ASSERT_EQUAL(get_with((struct context){.deadline_us = begun + 200 * 1000}).code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT_TRUE(clock_monotonic_us() - begun < at_once_us());
  end();
}

static void does_not_wait_beyond_its_deadline(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_RESOURCE_EXHAUSTED, &retry_much_later)}};
  begin(answers, 1);
  int64_t begun = clock_monotonic_us();
  struct status status = get_with((struct context){.deadline_us = begun + patience_us()});
  CU_ASSERT_EQUAL(status.code, STATUS_RESOURCE_EXHAUSTED); /* what it knows says more than DEADLINE_EXCEEDED */
  CU_ASSERT_TRUE(clock_monotonic_us() - begun < at_once_us());
  end();
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

static void passes_positions_on(void) {
  const struct fake_answer answers[] = {{.position = EARLY}};
  begin(answers, 1);
  create(NULL);
  get();
  update(0);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 0).after, "");
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 1).after, EARLY);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 2).after, EARLY);
  end();
}

static void keeps_the_latest_position(void) {
  const struct fake_answer answers[] = {{.position = LATE}, {.position = EARLY}};
  begin(answers, 2);
  create(NULL);
  create(NULL);
  get();
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 2).after, LATE);
  end();
}

static void takes_a_position_of_a_new_log(void) {
  const struct fake_answer answers[] = {{.position = LATE}, {.position = OTHER_LOG}};
  begin(answers, 2);
  create(NULL);
  create(NULL);
  get();
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 2).after, OTHER_LOG);
  end();
}

static void prefers_the_callers_position(void) {
  const struct fake_answer answers[] = {{.position = LATE}};
  begin(answers, 1);
  create(NULL);
  get_with((struct context){.after = EARLY});
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 1).after, EARLY);
  end();
}

static void forgets_a_position_of_a_log_that_is_no_more(void) {
  const struct fake_answer answers[] = {{.position = LATE},
                                        {.status = failing(STATUS_FAILED_PRECONDITION, &log_reset)}};
  begin(answers, 2);
  create(NULL);
  CU_ASSERT_TRUE(status_is_ok(get()));
  CU_ASSERT_EQUAL(fake_shop_count(shop), 3);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 1).after, LATE);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 2).after, "");
  get();
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 3).after, "");
  end();
}

static void tells_the_caller_that_his_position_is_of_no_log(void) {
  const struct fake_answer answers[] = {{.status = failing(STATUS_FAILED_PRECONDITION, &log_reset)}};
  begin(answers, 1);
  struct status status = get_with((struct context){.after = EARLY});
  CU_ASSERT_EQUAL(status.code, STATUS_FAILED_PRECONDITION);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "LOG_RESET");
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
  end();
}

static void *call_often(void *failures) {
  struct arena *own = arena_new();
  for (int i = 0; i < 20; i++) {
    Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
    const Ordershop__V1__Customer *customer;
    struct status status = ordershop_create_customer(client, &(struct context){.arena = own}, &request, &customer);
    if (!status_is_ok(status)) ++*(int *)failures;
  }
  arena_free(own);
  return NULL;
}

static void serves_many_threads(void) {
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  int failures[THREADS] = {0};
  struct fake_answer answers[THREADS * 20] = {{.position = EARLY}};
  for (int i = 0; i < THREADS * 20; i++) answers[i].position = i == 50 ? LATE : EARLY;
  begin(answers, THREADS * 20);
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, call_often, &failures[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++) CU_ASSERT_EQUAL(failures[i], 0);
  CU_ASSERT_EQUAL(fake_shop_count(shop), THREADS * 20);
  get();
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, THREADS * 20).after, LATE);
  end();
}

/* ---- errors, health --------------------------------------------------------------------------------------------- */

static void refuses_a_request_of_another_type(void) {
  begin(NULL, 0);
  const Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  struct context context = {.arena = arena};
  CU_ASSERT_EQUAL(ordershop_call(client, &context, ORDERSHOP_CUSTOMER, "CreateCustomer", &request).status.code,
                  STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(ordershop_call(client, &context, ORDERSHOP_CUSTOMER, "Nonsense", &request).status.code,
                  STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(fake_shop_count(shop), 0);
  end();
}

static void says_unavailable_where_nobody_listens(void) {
  begin(NULL, 0);
  struct ordershop_client *lonely;
  struct ordershop_client_options options = {.attempts = 2, .first_backoff_ms = 2, .addresses = {"127.0.0.1:1"}};
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_client_open(arena, &options, &lonely)));
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *customer;
  struct status status = ordershop_get_customer(lonely, &(struct context){.arena = arena}, &request, &customer);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  ordershop_client_close(lonely);
  end();
}

static void says_whether_a_service_serves(void) {
  begin(NULL, 0);
  bool serving = false;
  struct context context = {.arena = arena};
  CU_ASSERT_TRUE(status_is_ok(ordershop_check_health(client, &context, ORDERSHOP_MAIL, &serving)));
  CU_ASSERT_TRUE(serving);
  fake_shop_set_ready(shop, false);
  CU_ASSERT_TRUE(status_is_ok(ordershop_check_health(client, &context, ORDERSHOP_MAIL, &serving)));
  CU_ASSERT_FALSE(serving);
  fake_shop_set_ready(shop, true);
  end();
}

static void makes_addresses_of_host_and_port_base(void) {
  struct arena *own = arena_new();
  struct ordershop_client *other;
  struct ordershop_client_options options = {.port_base = 6000, .addresses = {[ORDERSHOP_MAIL] = "mail.example:25"}};
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_client_open(own, &options, &other)));
  CU_ASSERT_STRING_EQUAL(ordershop_client_address(other, ORDERSHOP_CUSTOMER), "127.0.0.1:6001");
  CU_ASSERT_STRING_EQUAL(ordershop_client_address(other, ORDERSHOP_MAIL), "mail.example:25");
  ordershop_client_close(other);
  options.host = "::1";
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_client_open(own, &options, &other)));
  CU_ASSERT_STRING_EQUAL(ordershop_client_address(other, ORDERSHOP_ORDER), "[::1]:6004");
  ordershop_client_close(other);
  arena_free(own);
}

static int set_up(void) {
  shop = fake_shop_start();
  return 0;
}

static int tear_down(void) {
  fake_shop_stop(shop);
  return 0;
}

static void refuses_methods_of_own_services(void) {
  struct arena *own = arena_new();
  struct ordershop_answer answer =
      ordershop_call(client, &(struct context){.arena = own}, ORDERSHOP_SERVICE_COUNT, "CreateNote", NULL);
  CU_ASSERT_EQUAL(answer.status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_TRUE(status_is(answer.status, reason_call_invalid));
  arena_free(own);
}

static const struct test tests[] = {
    {"a method of a service that the client does not know is refused", refuses_methods_of_own_services},
    {"a call that was unavailable is repeated with the same request id", retries_with_the_same_request_id},
    {"each command gets a request id of its own", gives_each_command_an_id_of_its_own},
    {"the caller's request id is kept", keeps_the_callers_request_id},
    {"the caller's request is not changed", does_not_change_the_request},
    {"after its attempts a call ends with the last error", gives_up_after_its_attempts},
    {"what was refused is not repeated", does_not_repeat_what_was_refused},
    {"an overloaded service is left alone for as long as it asks", waits_as_long_as_an_overloaded_service_asks},
    {"RESOURCE_EXHAUSTED without a RetryInfo is not repeated", does_not_repeat_what_is_too_big},
    {"what was aborted is repeated if no version was given", repeats_what_was_aborted_without_a_version},
    {"what was aborted is not repeated if a version was given", leaves_a_conflict_of_versions_to_the_caller},
    {"a call has a deadline of 10 s by default", sends_its_own_deadline},
    {"the caller's deadline is sent", sends_the_callers_deadline},
    {"a call ends at its deadline", ends_a_call_at_its_deadline},
    {"a wait that would pass the deadline is not begun", does_not_wait_beyond_its_deadline},
    {"the position of a command is passed on to all services", passes_positions_on},
    {"the latest position counts, not the last one", keeps_the_latest_position},
    {"a position of another log replaces the one that was known", takes_a_position_of_a_new_log},
    {"the caller's position goes before the client's", prefers_the_callers_position},
    {"a position of a log that is no more is forgotten, and the call repeated",
     forgets_a_position_of_a_log_that_is_no_more},
    {"a caller who gave a position is told that its log is no more", tells_the_caller_that_his_position_is_of_no_log},
    {"many threads share a client", serves_many_threads},
    {"a request of another type is refused", refuses_a_request_of_another_type},
    {"a service that nobody serves is unavailable", says_unavailable_where_nobody_listens},
    {"health says whether a service serves", says_whether_a_service_serves},
    {"addresses come from host and port base, or one by one", makes_addresses_of_host_and_port_base},
};

int main(int argc, char **argv) {
  return suite_main("client calls", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
