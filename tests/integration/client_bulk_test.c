/* SPDX-License-Identifier: Apache-2.0 */
/* --from: what is sent for the lines of a file, and what is said about them. */
#include <ordershop/v1/customer.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/commands/commands.h"
#include "client/cli/line/line_reader.h"
#include "client_fake_shop.h"
#include "client_run.h"
#include "suite.h"

static struct fake_shop *shop;
static const char *path;

/* ---- lines and answers ------------------------------------------------------------------------------------------ */

static void write_file(const char *text, size_t size) {
  FILE *file = fopen(path, "we");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fwrite(text, 1, size, file);
  fclose(file);
}

static void write_lines(const char *text) {
  write_file(text, strlen(text));
}

static void write_customers(int count) {
  const char *text = "";
  for (int i = 0; i < count; i++) {
    text = arena_printf(arena, "%s{\"name\": \"N%d\", \"email\": \"n%d@example.com\"}\n", text, i, i);
  }
  write_lines(text);
}

/* Runs "<command> --from FILE <flags>". */
static struct outcome run_from(const char *command, const char *flags) {
  return run(arena_printf(arena, "%s --from %s%s%s", command, path, *flags ? " " : "", flags));
}

/* An answer to a batch with so many customers. */
static struct fake_answer batch_of(size_t count) {
  Ordershop__V1__BatchCreateCustomersResponse *response = arena_alloc(arena, sizeof(*response));
  ordershop__v1__batch_create_customers_response__init(response);
  response->n_customers = count;
  response->customers = arena_calloc(arena, count, sizeof(*response->customers));
  for (size_t i = 0; i < count; i++) {
    response->customers[i] = arena_alloc(arena, sizeof(**response->customers));
    ordershop__v1__customer__init(response->customers[i]);
    response->customers[i]->id = arena_printf(arena, "id%zu", i);
  }
  return (struct fake_answer){.message = response};
}

static const struct field_violation second_violation = {.field = "customers[1].email", .description = "has no @"};
static const struct error_details invalid = {.reason = "FIELD_INVALID", .violations = &second_violation};
static const struct error_details reused = {.reason = "REQUEST_ID_REUSED"};

static struct fake_answer failing(enum status_code code, const char *message, const struct error_details *details) {
  return (struct fake_answer){.status = {.code = code, .message = message, .details = details}};
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

static void sends_blocks_of_a_hundred(void) {
  const struct fake_answer answers[] = {batch_of(100), batch_of(100), batch_of(50)};
  char first[3][64];
  write_customers(250);
  fake_shop_script(shop, answers, 3);
  struct outcome outcome = run_from("customer create", "--request-id 2f1c7d0e-5b3a-4c8e-9d61-7a0b4e2c9f15");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_DONE);
  CU_ASSERT_STRING_EQUAL(outcome.out, "250 customers created\n");
  CU_ASSERT_STRING_EQUAL(outcome.err, "");
  CU_ASSERT_EQUAL_FATAL(fake_shop_count(shop), 3);
  for (size_t i = 0; i < 3; i++) {
    struct fake_call call = fake_shop_call(shop, i);
    CU_ASSERT_STRING_EQUAL(call.method, "BatchCreateCustomers");
    memcpy(first[i], call.request_id, sizeof(first[i]));
  }
  CU_ASSERT_STRING_NOT_EQUAL(first[0], first[1]);
  fake_shop_script(shop, answers, 3);
  run_from("customer create", "--request-id 2f1c7d0e-5b3a-4c8e-9d61-7a0b4e2c9f15");
  for (size_t i = 0; i < 3; i++) CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, i).request_id, first[i]);
  fake_shop_script(shop, answers, 3);
  run_from("customer create", "");
  CU_ASSERT_STRING_NOT_EQUAL(fake_shop_call(shop, 0).request_id, first[0]);
}

static void prints_what_was_created(void) {
  const struct fake_answer answers[] = {batch_of(2), batch_of(2)};
  write_customers(2);
  fake_shop_script(shop, answers, 2);
  CU_ASSERT_STRING_EQUAL(run_from("customer create", "--quiet").out, "id0\nid1\n");
  const char *out = run_from("customer create", "--json").out;
  CU_ASSERT_TRUE(strncmp(out, "{\"id\":\"id0\",", 12) == 0);
}

static void a_refused_line_does_not_hold_up_its_block(void) {
  const struct fake_answer answers[] = {failing(STATUS_INVALID_ARGUMENT, "bad", &invalid), batch_of(2)};
  write_customers(3);
  fake_shop_script(shop, answers, 2);
  struct outcome outcome = run_from("customer create", "--request-id 2f1c7d0e-5b3a-4c8e-9d61-7a0b4e2c9f15");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_STRING_EQUAL(outcome.out, "2 customers created\n");
  CU_ASSERT_STRING_EQUAL(outcome.err,
                         "ordershop: line 2: email has no @ (INVALID_ARGUMENT FIELD_INVALID)\n"
                         "ordershop: 1 line was refused; put it, mended, into a file of its own\n");
  CU_ASSERT_EQUAL_FATAL(fake_shop_count(shop), 2);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 0).request_id, fake_shop_call(shop, 1).request_id);
}

static void a_block_that_fails_as_a_whole_goes_line_by_line(void) {
  const struct fake_answer answers[] = {failing(STATUS_ALREADY_EXISTS, "one of them is there", NULL),
                                        {.delay_ms = 0},
                                        failing(STATUS_ALREADY_EXISTS, "this one", NULL)};
  write_customers(2);
  fake_shop_script(shop, answers, 3);
  struct outcome outcome = run_from("customer create", "");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_EQUAL_FATAL(fake_shop_count(shop), 3);
  CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 2).method, "CreateCustomer");
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "line 2: this one (ALREADY_EXISTS)"));
}

static void a_block_that_has_changed_is_refused(void) {
  const struct fake_answer answers[] = {failing(STATUS_INVALID_ARGUMENT, "used", &reused)};
  write_customers(3);
  fake_shop_script(shop, answers, 1);
  struct outcome outcome = run_from("customer create", "--request-id 2f1c7d0e-5b3a-4c8e-9d61-7a0b4e2c9f15");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "line 1: this block of lines, to line 3, was carried out"));
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "3 lines were refused"));
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static void sends_lines_where_there_are_no_batches(void) {
  const struct fake_answer answers[] = {{.delay_ms = 0}, failing(STATUS_NOT_FOUND, "there is no customer c2", NULL)};
  write_lines(
      "{\"customerId\": \"c1\", \"productIds\": [\"p1\"]}\n{\"customer_id\": \"c2\"}\n\n{\"customerId\": \"c3\"}");
  fake_shop_script(shop, answers, 2);
  struct outcome outcome = run_from("order create", "--request-id 2f1c7d0e-5b3a-4c8e-9d61-7a0b4e2c9f15");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_STRING_EQUAL(outcome.out, "2 orders created\n");
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "line 2: there is no customer c2 (NOT_FOUND)"));
  CU_ASSERT_EQUAL_FATAL(fake_shop_count(shop), 3);
  CU_ASSERT_STRING_NOT_EQUAL(fake_shop_call(shop, 0).request_id, fake_shop_call(shop, 1).request_id);
}

static void reports_lines_that_are_no_items(void) {
  static const char *const complaints[] = {
      "line 1: is not JSON",
      "line 2: \"nmae\" is not a field here; did you mean \"name\"?",
      "line 3: is a list",
      "line 4: is not an object",
      "line 5: name is not a text",
      "line 6: is not JSON",
      "line 8: is not JSON: \\u0000 is not allowed",
  };
  write_lines(
      "{\"name\"\n{\"nmae\": \"x\"}\n[1]\n7\n{\"name\": 7}\n{\"name\": \"a\", \"name\": \"b\"}\n \r\n"
      "{\"name\": \"a\\u0000b\"}\n");
  fake_shop_script(shop, NULL, 0);
  struct outcome outcome = run_from("customer create", "");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_REFUSED);
  CU_ASSERT_EQUAL(fake_shop_count(shop), 0);
  for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
    bool said = strstr(outcome.err, complaints[i]);
    if (!said) printf("\n    not said: %s\n", complaints[i]);
    CU_ASSERT_TRUE(said);
  }
}

static void reports_errors_as_json_with_their_line(void) {
  write_lines("{}\nx\n");
  fake_shop_script(shop, NULL, 0);
  const char *err = run_from("order create", "--json").err;
  CU_ASSERT_PTR_NOT_NULL(strstr(err, "\"line\": 2}}"));
  CU_ASSERT_EQUAL(strchr(err, '\n'), strrchr(err, '\n'));
}

static void skips_a_byte_order_mark(void) {
  const struct fake_answer answers[] = {batch_of(2)};
  write_lines("\xEF\xBB\xBF{\"name\": \"A\", \"email\": \"a@b.org\"}\n{\"name\": \"B\", \"email\": \"a@b.org\"}\n");
  fake_shop_script(shop, answers, 1);
  struct outcome outcome = run_from("customer create", "");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_DONE);
  CU_ASSERT_STRING_EQUAL(outcome.err, "");
  write_lines("\xEF\xBB\xBF\n\xEF\xBB\xBF{\"name\": \"A\", \"email\": \"a@b.org\"}\n"); /* a mark is one at the
                                                                                           beginning only */
  CU_ASSERT_PTR_NOT_NULL(strstr(run_from("customer create", "").err, "line 2: is not JSON"));
}

static void leaves_out_a_line_without_end(void) {
  size_t size = LINE_LENGTH_MAX + 100;
  char *text = arena_calloc(arena, 1, size);
  memset(text, 'x', size);
  memcpy(text + size - 4, "\n{}\n", 4);
  write_file(text, size);
  fake_shop_script(shop, NULL, 0);
  struct outcome outcome = run_from("order create", "");
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "line 1: is longer than 4194304 bytes"));
  CU_ASSERT_STRING_EQUAL(outcome.out, "1 order created\n");
}

/* ---- ends ------------------------------------------------------------------------------------------------------- */

static void an_outage_ends_it(void) {
  static const struct error_details busy = {.reason = "OVERLOADED", .retry_delay_ms = 60000};
  const struct fake_answer answers[] = {batch_of(100), failing(STATUS_RESOURCE_EXHAUSTED, "too much", &busy),
                                        failing(STATUS_RESOURCE_EXHAUSTED, "too much", &busy)};
  write_customers(300);
  fake_shop_script(shop, answers, 3);
  struct outcome outcome =
      run_from("customer create", "--request-id 2f1c7d0e-5b3a-4c8e-9d61-7a0b4e2c9f15 --timeout 30");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(outcome.out, "100 customers created\n");
  CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err, "try again after 60 s"));
  CU_ASSERT_PTR_NOT_NULL(
      strstr(outcome.err, "the same command with --request-id 2f1c7d0e-5b3a-4c8e-9d61-7a0b4e2c9f15 goes on"));
  CU_ASSERT_TRUE(fake_shop_count(shop) <= 3);
}

static void refuses_a_file_that_there_is_not(void) {
  struct outcome outcome = run("customer create --from /nowhere/at/all");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_USAGE);
  CU_ASSERT_STRING_EQUAL(outcome.err, "ordershop: --from /nowhere/at/all: No such file or directory\n");
  outcome = run("customer create --from /");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_USAGE);
  CU_ASSERT_STRING_EQUAL(outcome.err, "ordershop: --from /: Is a directory\n");
}

/* An empty variable of a script would otherwise make all its runs one. */
static void refuses_a_request_id_that_is_none(void) {
  struct outcome outcome = run_from("customer create", "--request-id once");
  CU_ASSERT_EQUAL(outcome.exit_status, EXIT_USAGE);
  CU_ASSERT_STRING_EQUAL(outcome.err, "ordershop: --request-id: \"once\" is not a UUID\n");
}

static int set_up(void) {
  const char *folder = getenv("TMPDIR");
  shop = fake_shop_start();
  arena = arena_new();
  path = arena_printf(arena, "%s/client_bulk_test.%d", folder ? folder : "/tmp", (int)getpid());
  call_at(fake_shop_address(shop));
  return 0;
}

static int tear_down(void) {
  unlink(path);
  fake_shop_stop(shop);
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"lines go in blocks of 100, with request ids that a repeated run derives again", sends_blocks_of_a_hundred},
    {"what was created is printed as ids or as JSON lines", prints_what_was_created},
    {"a refused line is reported, and the others of its block are sent again",
     a_refused_line_does_not_hold_up_its_block},
    {"a block that fails as a whole goes line by line", a_block_that_fails_as_a_whole_goes_line_by_line},
    {"a block that has changed since it was carried out is refused", a_block_that_has_changed_is_refused},
    {"lines go one by one where there are no batches", sends_lines_where_there_are_no_batches},
    {"lines that are no items are reported by number and not sent", reports_lines_that_are_no_items},
    {"with --json, errors are JSON with their line", reports_errors_as_json_with_their_line},
    {"a byte order mark before the first line is skipped", skips_a_byte_order_mark},
    {"a line without end is left out", leaves_out_a_line_without_end},
    {"an outage ends it and says how to go on", an_outage_ends_it},
    {"a file that can't be read is named", refuses_a_file_that_there_is_not},
    {"a request id that is none is refused", refuses_a_request_id_that_is_none},
};

int main(int argc, char **argv) {
  return suite_main("bulk", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
