/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line prints. */
#include <locale.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/line/command.h"
#include "client/cli/line/failure.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"
#include "money.h"
#include "suite.h"

static struct arena *arena;

/* ---- capturing -------------------------------------------------------------------------------------------------- */

struct capture {
  FILE *stream, *file;
  int kept;
};

static struct capture capture_begin(FILE *stream) {
  struct capture capture = {.stream = stream, .file = tmpfile(), .kept = dup(fileno(stream))};
  fflush(stream);
  dup2(fileno(capture.file), fileno(stream));
  return capture;
}

static const char *capture_end(struct capture *capture) {
  fflush(capture->stream);
  dup2(capture->kept, fileno(capture->stream));
  close(capture->kept);
  rewind(capture->file);
  char *text = arena_calloc(arena, 1, 8192);
  size_t size = fread(text, 1, 8191, capture->file);
  text[size] = '\0';
  fclose(capture->file);
  return text;
}

/* ---- texts and amounts ------------------------------------------------------------------------------------------ */

static void writes_and_reads_amounts(void) {
  CU_ASSERT_STRING_EQUAL(money_text(arena, 1234), "EUR 12.34");
  CU_ASSERT_STRING_EQUAL(money_text(arena, 5), "EUR 0.05");
  CU_ASSERT_STRING_EQUAL(money_text(arena, -250), "EUR -2.50");
  CU_ASSERT_STRING_EQUAL(money_text(arena, INT64_MIN), "EUR -92233720368547758.08");
  int64_t cents;
  CU_ASSERT_TRUE(money_parse("12.34", &cents) && cents == 1234);
  CU_ASSERT_TRUE(money_parse("12.3", &cents) && cents == 1230);
  CU_ASSERT_TRUE(money_parse("12", &cents) && cents == 1200);
  CU_ASSERT_TRUE(money_parse("-0.01", &cents) && cents == -1);
}

static void refuses_what_is_no_amount(void) {
  const char *texts[] = {"", ".", "12.", ".5", "12.345", "1e3", "12,34", " 1", "+1", "EUR 1", "99999999999999999999"};
  int64_t cents;
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) CU_ASSERT_FALSE(money_parse(texts[i], &cents));
}

static void makes_texts_harmless(void) {
  CU_ASSERT_STRING_EQUAL(terminal_line(arena, "J\xc3\xbcrgen"), "J\xc3\xbcrgen");
  CU_ASSERT_STRING_EQUAL(terminal_line(arena, "a\x1b[2Jb"), "a\\x1b[2Jb");
  CU_ASSERT_STRING_EQUAL(terminal_line(arena, "a\r\nb\tc"), "a\\x0d\\nb\\tc");
  CU_ASSERT_STRING_EQUAL(terminal_line(arena,
                                       "a\xc2\x9b"
                                       "31m"),
                         "a\\x9b31m"); /* C1: CSI */
  CU_ASSERT_STRING_EQUAL(terminal_line(arena,
                                       "a\xe2\x80\xae"
                                       "b"),
                         "a\\u202eb"); /* right-to-left override */
  CU_ASSERT_STRING_EQUAL(terminal_line(arena,
                                       "a\xe2\x80\xa8"
                                       "b"),
                         "a\\u2028b"); /* line separator */
  CU_ASSERT_STRING_EQUAL(terminal_line(arena,
                                       "a\xff"
                                       "b\xc3"),
                         "a\\xffb\\xc3");
  CU_ASSERT_STRING_EQUAL(terminal_lines(arena, "a\nb\tc\x1b"), "a\nb\tc\\x1b");
}

static void knows_how_wide_texts_are(void) {
  CU_ASSERT_EQUAL(terminal_width("abc"), 3);
  CU_ASSERT_EQUAL(terminal_width("J\xc3\xbcrgen"), 6);
  CU_ASSERT_EQUAL(terminal_width("\xe6\x9d\xb1\xe4\xba\xac"), 4); /* CJK: two columns each */
  CU_ASSERT_EQUAL(terminal_width("e\xcc\x81"), 1);                /* combining accent */
}

static void cuts_texts_with_an_ellipsis(void) {
  CU_ASSERT_STRING_EQUAL(terminal_cut(arena, "abcdef", 6), "abcdef");
  CU_ASSERT_STRING_EQUAL(terminal_cut(arena, "abcdef", 5), "abcd\xe2\x80\xa6");
  CU_ASSERT_STRING_EQUAL(terminal_cut(arena, "abcdef", 1), "\xe2\x80\xa6");
  CU_ASSERT_STRING_EQUAL(terminal_cut(arena, "abcdef", 0), "");
  /* two columns each: what would stick out by a half is left out */
  CU_ASSERT_STRING_EQUAL(terminal_cut(arena, "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd", 4), "\xe6\x9d\xb1\xe2\x80\xa6");
  CU_ASSERT_EQUAL(terminal_width(terminal_cut(arena, "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd", 5)), 5);
}

/* ---- records and tables ----------------------------------------------------------------------------------------- */

static void shows_an_order(void) {
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  time.seconds = 1548699678;
  Ordershop__V1__OrderItem item = ORDERSHOP__V1__ORDER_ITEM__INIT, *items[] = {&item};
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  char id[] = "o1", product[] = "p1", name[] = "Kettle\n", *products[] = {product};
  item.product_id = product;
  item.product_name = name;
  item.unit_price_cents = 1234;
  item.quantity = 1;
  order.id = id;
  order.total_cents = 1234;
  order.create_time = &time;
  order.items = items;
  order.n_items = 1;
  order.product_ids = products;
  order.n_product_ids = 1;
  struct capture capture = capture_begin(stdout);
  show_record(arena, &order, NULL);
  CU_ASSERT_STRING_EQUAL(capture_end(&capture),
                         "id           o1\n"
                         "total        EUR 12.34\n"
                         "version      0\n"
                         "create time  2019-01-28T18:21:18Z\n"
                         "\nproduct ids\np1\n"
                         "\nitems\n"
                         "PRODUCT ID  PRODUCT NAME  UNIT PRICE  QUANTITY\n"
                         "p1          Kettle\\n       EUR 12.34         1\n");
}

static void shows_a_mail_with_its_lines(void) {
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  char subject[] = "Hello\x1b", body[] = "Dear Ada,\nwelcome.";
  mail.subject = subject;
  mail.body = body;
  mail.status = ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
  const char *const fields[] = {"subject", "status", "body", NULL};
  struct capture capture = capture_begin(stdout);
  show_record(arena, &mail, fields);
  CU_ASSERT_STRING_EQUAL(capture_end(&capture), "subject  Hello\\x1b\nstatus   SENT\n\nbody\nDear Ada,\nwelcome.\n");
}

static void shows_an_unknown_value_of_an_enum(void) {
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.status = (Ordershop__V1__MailStatus)42;
  const char *const fields[] = {"status", NULL};
  struct capture capture = capture_begin(stdout);
  show_record(arena, &mail, fields);
  CU_ASSERT_STRING_EQUAL(capture_end(&capture), "status  42\n");
}

static void continues_a_table(void) {
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  const void *messages[] = {&customer};
  const char *const fields[] = {"name", "email", NULL};
  char name[] = "Jürgen", short_name[] = "Al", email[] = "x@y";
  size_t widths[2] = {0};
  customer.name = name;
  customer.email = email;
  struct capture capture = capture_begin(stdout);
  show_table(arena, messages, 1, fields, widths);
  customer.name = short_name;
  show_table(arena, messages, 1, fields, widths);
  show_table(arena, NULL, 0, fields, widths);
  CU_ASSERT_STRING_EQUAL(capture_end(&capture), "NAME    EMAIL\nJürgen  x@y\nAl      x@y\n");
}

/* ---- failures --------------------------------------------------------------------------------------------------- */

static struct status refused(void) {
  static const struct field_violation second = {.field = "customer.name", .description = "must not be\nempty"};
  static const struct field_violation first = {.field = "customer.email", .description = "has no @", .next = &second};
  static const struct error_metadata metadata = {.key = "wanted", .value = "3"};
  static const struct error_details details = {.reason = "FIELD_INVALID", .violations = &first, .metadata = &metadata};
  return (struct status){.code = STATUS_INVALID_ARGUMENT, .message = "customer.email has no @", .details = &details};
}

static void tells_all_violations(void) {
  struct capture capture = capture_begin(stderr);
  CU_ASSERT_EQUAL(failure_of_call(false, refused(), "r1"), EXIT_REFUSED);
  CU_ASSERT_STRING_EQUAL(capture_end(&capture),
                         "ordershop: customer.email has no @ (INVALID_ARGUMENT FIELD_INVALID)\n"
                         "  customer.email: has no @\n"
                         "  customer.name: must not be\\nempty\n"
                         "  wanted: 3\n");
}

static void tells_failures_as_json(void) {
  struct capture capture = capture_begin(stderr);
  failure_of_call(true, refused(), NULL);
  CU_ASSERT_STRING_EQUAL(
      capture_end(&capture),
      "{\"error\": {\"code\": \"INVALID_ARGUMENT\", \"reason\": \"FIELD_INVALID\", \"message\": \"customer.email has "
      "no "
      "@\", \"fieldViolations\": [{\"field\": \"customer.email\", \"description\": \"has no @\"}, {\"field\": "
      "\"customer.name\", \"description\": \"must not be\\nempty\"}], \"metadata\": {\"wanted\": \"3\"}}}\n");
}

static void tells_how_to_repeat(void) {
  const struct status status = {.code = STATUS_DEADLINE_EXCEEDED, .message = "too late"};
  struct capture capture = capture_begin(stderr);
  CU_ASSERT_EQUAL(failure_of_call(false, status, "r1"), EXIT_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(capture_end(&capture),
                         "ordershop: too late (DEADLINE_EXCEEDED)\n"
                         "  it may have been carried out; to repeat it safely: --request-id r1\n");
}

static int set_up(void) {
  setlocale(LC_CTYPE, "C.UTF-8");
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"amounts are written and read", writes_and_reads_amounts},
    {"what is no amount is refused", refuses_what_is_no_amount},
    {"texts can neither move the cursor nor forge a line", makes_texts_harmless},
    {"the width of texts is that on a terminal", knows_how_wide_texts_are},
    {"texts that are too wide are cut with an ellipsis", cuts_texts_with_an_ellipsis},
    {"an order is shown with amounts, times and items", shows_an_order},
    {"a mail is shown with the lines of its body", shows_a_mail_with_its_lines},
    {"an unknown value of an enum is shown as a number", shows_an_unknown_value_of_an_enum},
    {"a table goes on over pages", continues_a_table},
    {"a refusal names all violations", tells_all_violations},
    {"failures come as JSON where that was asked for", tells_failures_as_json},
    {"where a command may have been carried out, how to repeat it is told", tells_how_to_repeat},
};

int main(int argc, char **argv) {
  return suite_main("command line output", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
