/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of `ordershop` against a fake shop: what they print and how they end. */
#include <ordershop/v1/customer.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/cli/commands/commands.h"
#include "client_fake_shop.h"
#include "client_run.h"
#include "patience.h"
#include "shop_reasons.h"
#include "suite.h"

static struct fake_shop *shop;

static char ada[] = "Ada", bob[] = "Bob", more[] = "t2", one[] = "1", two[] = "2";
static Ordershop__V1__Customer first_customer = ORDERSHOP__V1__CUSTOMER__INIT;
static Ordershop__V1__Customer second_customer = ORDERSHOP__V1__CUSTOMER__INIT;
static Ordershop__V1__Customer *first_list[] = {&first_customer}, *second_list[] = {&second_customer};
static Ordershop__V1__ListCustomersResponse first_page = ORDERSHOP__V1__LIST_CUSTOMERS_RESPONSE__INIT;
static Ordershop__V1__ListCustomersResponse last_page = ORDERSHOP__V1__LIST_CUSTOMERS_RESPONSE__INIT;

static void make_pages(void) {
  first_customer.id = one;
  first_customer.name = ada;
  second_customer.id = two;
  second_customer.name = bob;
  first_page.n_customers = last_page.n_customers = 1;
  first_page.customers = first_list;
  first_page.next_page_token = more;
  last_page.customers = second_list;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void shows_what_it_made(void) {
  const struct fake_answer answers[] = {{.message = &first_customer}};
  fake_shop_script(shop, answers, 1);
  struct outcome outcome = run("customer create --name Ada --email a@b");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_DONE);
  CU_ASSERT_STRING_EQUAL(outcome.out, "id           1\nname         Ada\nversion      0\n");
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 0).method, "CreateCustomer");
}

static void says_what_it_deleted(void) {
  fake_shop_script(shop, NULL, 0);
  CU_ASSERT_STRING_EQUAL(run("customer delete 1").out, "customer 1 is deleted\n");
  CU_ASSERT_STRING_EQUAL(run("customer delete 1 --json").out, "{}\n");
}

static void shows_a_page_and_how_to_get_the_next(void) {
  const struct fake_answer answers[] = {{.message = &first_page}};
  fake_shop_script(shop, answers, 1);
  struct outcome outcome = run("customer list");
  CU_ASSERT_STRING_EQUAL(outcome.out, "ID  NAME  EMAIL  VERSION  CREATE TIME\n1   Ada                0\n");
  CU_ASSERT_STRING_EQUAL(outcome.err, "more follow: --page-token t2, or --all\n");
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
}

static void shows_all_pages(void) {
  const struct fake_answer answers[] = {{.message = &first_page}, {.message = &last_page}};
  fake_shop_script(shop, answers, 2);
  struct outcome outcome = run("customer list --all");
  CU_ASSERT_STRING_EQUAL(outcome.out,
                         "ID  NAME  EMAIL  VERSION  CREATE TIME\n1   Ada                0\n2   Bob                0\n");
  CU_ASSERT_STRING_EQUAL(outcome.err, "");
  CU_ASSERT_EQUAL(fake_shop_count(shop), 2);
}

static void makes_a_json_line_of_each_item(void) {
  const struct fake_answer answers[] = {{.message = &first_page}, {.message = &last_page}};
  fake_shop_script(shop, answers, 2);
  struct outcome outcome = run("customer list --all --json");
  const char *line_feed = strchr(outcome.out, '\n');
  CU_ASSERT_PTR_NOT_NULL_FATAL(line_feed);
  CU_ASSERT_TRUE(strncmp(outcome.out, "{\"id\":\"1\",\"name\":\"Ada\",", 23) == 0);
  CU_ASSERT_TRUE(strncmp(line_feed + 1, "{\"id\":\"2\",\"name\":\"Bob\",", 23) == 0);
  CU_ASSERT_STRING_EQUAL(outcome.err, "");
}

static void tells_the_next_page_as_json(void) {
  const struct fake_answer answers[] = {{.message = &first_page}};
  fake_shop_script(shop, answers, 1);
  CU_ASSERT_STRING_EQUAL(run("customer list --json").err, "{\"nextPageToken\": \"t2\"}\n");
}

static void prints_nothing_but_ids_quietly(void) {
  const struct fake_answer answers[] = {
      {.message = &first_page}, {.message = &last_page}, {.message = &first_customer}};
  fake_shop_script(shop, answers, 3);
  CU_ASSERT_STRING_EQUAL(run("customer list --all --quiet").out, "1\n2\n");
  CU_ASSERT_STRING_EQUAL(run("customer create --name Ada --email a@b --quiet").out, "1\n");
}

static void gets_several(void) {
  const struct fake_answer answers[] = {{.message = &first_customer},
                                        {.status = {.code = STATUS_NOT_FOUND, .message = "no such customer"}},
                                        {.message = &second_customer}};
  fake_shop_script(shop, answers, 3);
  struct outcome outcome = run("customer get 1 9 2");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "Ada"));
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "Bob"));
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "no such customer"));
  fake_shop_script(shop, NULL, 0);
  run("product get 1 2");
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 0).method, "BatchGetProducts");
}

static void derives_an_id_for_each_of_several(void) {
  fake_shop_script(shop, NULL, 0);
  run("customer delete 1 2 --request-id r1");
  struct fake_call first = fake_shop_call(shop, 0), second = fake_shop_call(shop, 1);
  CU_ASSERT_STRING_NOT_EQUAL(first.request_id, second.request_id);
  fake_shop_script(shop, NULL, 0);
  run("customer delete 2 1 --request-id r1");
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 1).request_id, first.request_id);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 0).request_id, second.request_id);
}

static void says_that_there_is_nothing(void) {
  fake_shop_script(shop, NULL, 0);
  CU_ASSERT_STRING_EQUAL(run("order list --unbilled").out, "no orders\n");
}

static void a_failure_on_a_later_page_fails(void) {
  const struct fake_answer answers[] = {{.message = &first_page},
                                        {.status = {.code = STATUS_INVALID_ARGUMENT, .message = "bad token"}}};
  fake_shop_script(shop, answers, 2);
  struct outcome outcome = run("customer list --all --json");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "Ada"));
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "bad token"));
}

static void names_flags_that_were_refused(void) {
  static const struct field_violation second = {.field = "order.product_ids[1]", .description = "must be a UUID"};
  static const struct field_violation first = {
      .field = "order.customer_id", .description = "must be a UUID", .next = &second};
  static const struct error_details details = {.reason = "FIELD_INVALID", .violations = &first};
  const struct fake_answer answers[] = {
      {.status = {.code = STATUS_INVALID_ARGUMENT, .message = "bad", .details = &details}}};
  fake_shop_script(shop, answers, 1);
  struct outcome outcome = run("order create --customer c --product p --product q");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_STRING_EQUAL(outcome.err,
                         "ordershop: bad (INVALID_ARGUMENT FIELD_INVALID)\n"
                         "  --customer: must be a UUID\n"
                         "  --product (number 2): must be a UUID\n");
}

/* A refusal with a reason, and a word of what is advised then. */
static void expect_advice(const char *line, struct status status, const char *words) {
  const struct fake_answer answers[] = {{.status = status}};
  fake_shop_script(shop, answers, 1);
  struct outcome outcome = run(line);
  bool said = strstr(outcome.err, words);
  if (!said) printf("\n    %s: %s\n", words, outcome.err);
  CU_ASSERT_TRUE(said);
}

static void says_once_what_a_step_could_not(void) {
  static const struct precondition_violation stock = {
      .type = "STOCK", .subject = "product/p1", .description = "product p1 is out of stock"};
  static const struct error_details details = {.reason = reason_out_of_stock, .preconditions = &stock};
  const struct fake_answer answers[] = {{.status = {.code = STATUS_FAILED_PRECONDITION,
                                                    .message = "reserving the stock: product p1 is out of stock",
                                                    .details = &details}}};
  fake_shop_script(shop, answers, 1);
  struct outcome outcome = run("order create --customer c --product p1");
  const char *said = strstr(outcome.err, stock.description);
  CU_ASSERT_PTR_NOT_NULL_FATAL(said);
  CU_ASSERT_PTR_NULL(strstr(said + 1, stock.description));
}

static void says_what_to_do_next(void) {
  static const struct error_details no_customer = {
      .reason = "CUSTOMER_NOT_FOUND", .resource_type = "customer", .resource_name = "c1"};
  static const struct error_details version = {.reason = reason_version_mismatch},
                                    billed = {.reason = reason_order_billed};
  static const struct error_metadata product = {.key = "product_id", .value = "p1"};
  static const struct error_details short_of = {.reason = reason_out_of_stock, .metadata = &product};
  expect_advice("customer get c1",
                (struct status){.code = STATUS_NOT_FOUND, .message = "none", .details = &no_customer},
                "ordershop customer list --all shows which there are");
  expect_advice("customer update c1 --name x --version 3",
                (struct status){.code = STATUS_ABORTED, .message = "other", .details = &version},
                "ordershop customer get c1");
  expect_advice("order create --customer c --product p1",
                (struct status){.code = STATUS_FAILED_PRECONDITION, .message = "short", .details = &short_of},
                "ordershop stock list --product p1");
  expect_advice("order delete o1",
                (struct status){.code = STATUS_FAILED_PRECONDITION, .message = "paid", .details = &billed},
                "ordershop billing delete");
  static const struct error_metadata peer = {.key = "peer", .value = "inventory"};
  static const struct error_details unreachable = {.reason = reason_peer_unreachable, .metadata = &peer};
  expect_advice("order create --customer c --product p --timeout 0.05",
                (struct status){.code = STATUS_UNAVAILABLE,
                                .message = "Can't reach inventory at ordershop:1: refused",
                                .details = &unreachable},
                "order runs, but inventory, which it needs, does not answer: start that with deploy/local/up.sh inv");
  struct outcome outcome = run("customer list --timeout 2 --customer-address 127.0.0.1:1");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_UNAVAILABLE);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "127.0.0.1:1"));
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "Start it with deploy/local/up.sh customer"));
}

static void completes_ids_by_id_and_name(void) {
  const struct fake_answer answers[] = {{.message = &first_page}, {.message = &first_page}, {.message = &first_page}};
  fake_shop_script(shop, answers, 3);
  CU_ASSERT_STRING_EQUAL(run("__complete -- customer get 1").out, "1\tAda\n");
  CU_ASSERT_STRING_EQUAL(run("__complete -- order create --customer ad").out, "1\tAda\n");
  CU_ASSERT_STRING_EQUAL(run("__complete -- order create --customer=x").out, "");
}

static void completes_words_and_flags(void) {
  CU_ASSERT_STRING_EQUAL(run("__complete -- cust").out, "customer\tThe customers of the shop\n");
  CU_ASSERT_STRING_EQUAL(run("__complete -- --json mail se").out, "send\tSend a mail\n");
  CU_ASSERT_STRING_EQUAL(run("__complete -- customer create --na").out, "--name\tDisplay name\n");
  CU_ASSERT_STRING_EQUAL(run("__complete -- --color=ne").out, "--color=never\t\n");
  CU_ASSERT_STRING_EQUAL(run("__complete -- health bil").out, "billing\t\n");
  CU_ASSERT_STRING_EQUAL(run("__complete -- nonsense x").out, "");
}

static void completes_nothing_where_the_shop_is_away(void) {
  const struct fake_answer answers[] = {{.delay_ms = 60000}};
  fake_shop_script(shop, answers, 1);
  int64_t begun = clock_monotonic_us();
  struct outcome outcome = run("__complete -- customer get 1");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_DONE);
  CU_ASSERT_STRING_EQUAL(outcome.out, "");
  CU_ASSERT_STRING_EQUAL(outcome.err, "");
  CU_ASSERT_TRUE(clock_monotonic_us() - begun < at_once_us());
}

static void helps_about_every_command(void) {
  for (const struct noun *const *at = command_nouns; *at; at++) {
    const struct noun *noun = *at;
    CU_ASSERT_PTR_NOT_NULL(strstr(run(arena_printf(arena, "help %s", noun->name)).out, noun->help));
    for (const struct verb *verb = noun->verbs; verb && verb->name; verb++) {
      const char *help = run(arena_printf(arena, "%s %s --help", noun->name, verb->name)).out;
      CU_ASSERT_PTR_NOT_NULL(strstr(help, "\nExamples\n  ordershop "));
      CU_ASSERT_PTR_NOT_NULL(strstr(help, verb->help));
    }
  }
  struct outcome outcome = run("help ordr");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_USAGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "did you mean \"order\"?"));
}

static void ends_at_the_timeout(void) {
  const struct fake_answer answers[] = {{.delay_ms = 60000}};
  fake_shop_script(shop, answers, 1);
  int64_t begun = clock_monotonic_us();
  struct outcome outcome = run("--timeout 0.2 customer delete 1 --request-id r1");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_UNAVAILABLE);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "to repeat it safely: --request-id r1"));
  CU_ASSERT_TRUE(clock_monotonic_us() - begun < at_once_us());
}

static void says_who_serves(void) {
  struct outcome outcome = run("health crm order");
  const char *address = fake_shop_address(shop);
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_DONE);
  CU_ASSERT_STRING_EQUAL(outcome.out, arena_printf(arena, "crm SERVING %s\norder SERVING %s\n", address, address));
  outcome = run("health order mail --mail-address dns:///127.0.0.1:1 --json");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "\"status\": \"UNREACHABLE\""));
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "\"address\": \"127.0.0.1:1\""));
}

static void waits_only_where_that_was_asked_for(void) {
  fake_shop_set_ready(shop, false);
  struct outcome outcome = run("health mail");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_STRING_EQUAL(outcome.out, arena_printf(arena, "mail NOT_SERVING %s\n", fake_shop_address(shop)));
  int64_t begun = clock_monotonic_us();
  CU_ASSERT_EQUAL(run("health mail --timeout 0.5").exit_status, EXIT_REFUSED);
  CU_ASSERT_TRUE(clock_monotonic_us() - begun >= 300 * 1000);
  fake_shop_set_ready(shop, true);
}

static void refuses_a_service_that_there_is_not(void) {
  struct outcome outcome = run("health warehouse");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_USAGE);
  CU_ASSERT_STRING_EQUAL(outcome.err,
                         "ordershop: health: there is no service \"warehouse\"; one of your own is called "
                         "where ORDERSHOP_WAREHOUSE_ADDRESS says\n");
}

static size_t lines_of(const char *text) {
  size_t count = 0;
  for (; *text; text++) count += *text == '\n';
  return count;
}

static void asks_ones_own_services_where_variables_lead(void) {
  const char *address = fake_shop_address(shop);
  setenv("ORDERSHOP_NOTE2_ADDRESS", address, 1);
  setenv("ORDERSHOP_MY_OWN_ADDRESS", address, 1); /* names no service: they have no _ */
  setenv("ORDERSHOP__ADDRESS", address, 1);
  setenv("ORDERSHOP_EMPTY_ADDRESS", "", 1);
  struct outcome outcome = run("health note2 crm");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_DONE);
  CU_ASSERT_STRING_EQUAL(outcome.out, arena_printf(arena, "note2 SERVING %s\ncrm SERVING %s\n", address, address));
  outcome = run("health");
  CU_ASSERT_EQUAL(lines_of(outcome.out), ORDERSHOP_SERVICE_COUNT + 1);
  setenv("ORDERSHOP_NOTE2_ADDRESS", "127.0.0.1:1", 1);
  outcome = run("status note2 --timeout 5");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_UNAVAILABLE);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "note2 doesn't answer at 127.0.0.1:1"));
  unsetenv("ORDERSHOP_NOTE2_ADDRESS");
  unsetenv("ORDERSHOP_MY_OWN_ADDRESS");
  unsetenv("ORDERSHOP__ADDRESS");
  unsetenv("ORDERSHOP_EMPTY_ADDRESS");
}

static int set_up(void) {
  shop = fake_shop_start();
  arena = arena_new();
  make_pages();
  call_at(fake_shop_address(shop));
  return 0;
}

static int tear_down(void) {
  fake_shop_stop(shop);
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"create shows what it made", shows_what_it_made},
    {"delete says what it deleted", says_what_it_deleted},
    {"list shows a page and says how to get the next one", shows_a_page_and_how_to_get_the_next},
    {"list --all shows all pages as one table", shows_all_pages},
    {"list --all --json prints a line for each item of all pages", makes_a_json_line_of_each_item},
    {"list --json tells the next page as JSON", tells_the_next_page_as_json},
    {"--quiet prints nothing but ids", prints_nothing_but_ids_quietly},
    {"get takes several ids, and one that fails does not hold up the others", gets_several},
    {"of several commands with one request id, each derives its own", derives_an_id_for_each_of_several},
    {"an empty list says so", says_that_there_is_nothing},
    {"a failure on a later page fails as a whole", a_failure_on_a_later_page_fails},
    {"fields that were refused come by the flags that they came from", names_flags_that_were_refused},
    {"a failure says what to do next", says_what_to_do_next},
    {"a failure of a step says once what was wrong", says_once_what_a_step_could_not},
    {"ids are completed by their beginning, and by that of a name", completes_ids_by_id_and_name},
    {"words, flags and values are completed", completes_words_and_flags},
    {"nothing is completed where the shop does not answer soon", completes_nothing_where_the_shop_is_away},
    {"there is help with examples about every command", helps_about_every_command},
    {"a command ends at its timeout and says how to repeat it", ends_at_the_timeout},
    {"health says which services serve, and where", says_who_serves},
    {"health waits only with --timeout", waits_only_where_that_was_asked_for},
    {"health refuses a service that there is not", refuses_a_service_that_there_is_not},
    {"services of one's own are asked where their variables lead", asks_ones_own_services_where_variables_lead},
};

int main(int argc, char **argv) {
  return suite_main("commands", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
