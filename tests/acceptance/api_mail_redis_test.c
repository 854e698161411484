/* SPDX-License-Identifier: Apache-2.0 */
/* A shop whose mail service has a Redis of its own: what it keeps there, positions in two logs, and one of the two
 * away. */
#include <ordershop/v1/event.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "store/positions.h"

static struct private_redis *mail_redis;

/* ---- what lies where -------------------------------------------------------------------------------------------- */

static int64_t mails_kept(void) {
  return private_redis_number(mail_redis, "XLEN events:mail_created");
}

static bool mails_are_delivered(const void *count) {
  return mails_kept() == *(const int64_t *)count &&
         private_redis_number(mail_redis, "XLEN events:mail_updated") == *(const int64_t *)count;
}

static void an_orders_mails_lie_in_the_redis_of_the_mail_service(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Order *order = new_order(customer->id, new_stocked_product(100, 5)->id);
  CU_ASSERT_PTR_NOT_NULL(order);
  static const int64_t mails = 3; /* welcome, thanks for the order, request for payment */
  CU_ASSERT_TRUE(holds_soon(mails_are_delivered, &mails));
  const Ordershop__V1__ListMailsResponse *list = must("ListMails", "to $", customer->email);
  CU_ASSERT_EQUAL(list->n_mails, 3);
  CU_ASSERT_STRING_EQUAL(private_redis_command(redis, "KEYS *mail_*"), "");
  CU_ASSERT_STRING_EQUAL(private_redis_command(mail_redis, "KEYS *order*"), "ordershop_clock");
}

/* ---- the event service ------------------------------------------------------------------------------------------ */

static size_t count_of_stream(const Ordershop__V1__ReadEventsResponse *page, const char *stream) {
  size_t count = 0;
  for (size_t i = 0; i < page->n_events; i++) count += strcmp(page->events[i]->stream, stream) == 0;
  return count;
}

static bool are_all_told(const void *argument) {
  (void)argument;
  const Ordershop__V1__ReadEventsResponse *page = must("ReadEvents", "view 1 page_size 1000");
  size_t orders = (size_t)private_redis_number(redis, "XLEN events:order_created");
  return count_of_stream(page, "mail_created") == (size_t)mails_kept() &&
         count_of_stream(page, "order_created") == orders;
}

static void events_of_mails_are_told_among_the_others(void) {
  CU_ASSERT_TRUE(holds_soon(are_all_told, NULL));
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

static struct answer send_mail_after(const char *after) {
  return ask_after(after, "SendMail", "mail {to 'a@b' subject 'A'}");
}

static void a_command_tells_the_position_in_the_log_of_its_service(void) {
  struct positions of_shop = positions_in(create_customer_after(NULL)), of_mail = positions_in(send_mail_after(NULL));
  CU_ASSERT_EQUAL(of_shop.count, 1);
  CU_ASSERT_EQUAL(of_mail.count, 1);
  CU_ASSERT_PTR_NOT_NULL(positions_of(&of_shop, ""));
  CU_ASSERT_PTR_NOT_NULL(positions_of(&of_mail, "mail"));
}

/* What it has seen before is not lost on the way. */
static void a_caller_goes_from_one_log_to_the_other_with_its_position(void) {
  struct answer mail = send_mail_after(create_customer_after(NULL).position);
  struct positions first = positions_in(mail);
  CU_ASSERT_EQUAL_FATAL(first.count, 2);
  struct answer order = create_customer_after(mail.position);
  struct positions second = positions_in(order);
  CU_ASSERT_EQUAL_FATAL(second.count, 2);
  CU_ASSERT(positions_of(&second, "")->log_time > positions_of(&first, "")->log_time);
  CU_ASSERT_EQUAL(positions_of(&second, "mail")->log_time, positions_of(&first, "mail")->log_time);
  static const char *const readings[] = {"ListCustomers", "ListOrders", "ListInteractions", "ListMails"};
  for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
    CU_ASSERT_EQUAL(ask_after(order.position, readings[i], "page_size 1").status.code, STATUS_OK);
  }
}

static void a_service_refuses_only_its_own_part_of_a_position(void) {
  static const char lost[] = "mail:0123456789abcdef.1", *const shop_readings[] = {"ListCustomers", "ListOrders"};
  for (size_t i = 0; i < 2; i++) {
    CU_ASSERT_EQUAL(ask_after(lost, shop_readings[i], "page_size 1").status.code, STATUS_OK);
  }
  assert_refused(ask_after(lost, "ListMails", "page_size 1"), STATUS_FAILED_PRECONDITION, "LOG_RESET");
}

/* ---- one of the two away ---------------------------------------------------------------------------------------- */

static bool has_three_mails(const void *customer) {
  struct answer answer = ask("ListMails", "to $", ((const Ordershop__V1__Customer *)customer)->email);
  return answer.status.code == STATUS_OK && ((const Ordershop__V1__ListMailsResponse *)answer.message)->n_mails == 3;
}

static void orders_go_on_while_the_mails_redis_is_away(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(100, 5);
  private_redis_kill(mail_redis);
  CU_ASSERT_PTR_NOT_NULL(new_order(customer->id, product->id));
  assert_done(ask("UpdateProduct", "product {id $ price_cents 200}", product->id));
  private_redis_restart(mail_redis);
  CU_ASSERT_TRUE(holds_soon(has_three_mails, customer));
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static int set_up(void) {
  static char variable[64];
  static const char *variables[] = {variable, NULL};
  static struct private_shop_options options = {.variables = variables, .some_apart = true};
  mail_redis = private_redis_start(&(struct private_redis_options){.persistent = true});
  snprintf(variable, sizeof variable, "ORDERSHOP_MAIL_REDIS_URL=%s", private_redis_url(mail_redis));
  api_shop_options = &options;
  return api_set_up();
}

static int tear_down(void) {
  int status = api_tear_down();
  private_redis_free(mail_redis);
  return status;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"an order's mails lie in the Redis of the mail service, and nothing else does",
       an_orders_mails_lie_in_the_redis_of_the_mail_service},
      {"events of mails are told among the others", events_of_mails_are_told_among_the_others},
      {"a command tells the position in the log of its service",
       a_command_tells_the_position_in_the_log_of_its_service},
      {"a caller goes from one log to the other with its position",
       a_caller_goes_from_one_log_to_the_other_with_its_position},
      {"a service refuses only its own part of a position", a_service_refuses_only_its_own_part_of_a_position},
      {"orders go on while the mails' Redis is away, and their mails follow",
       orders_go_on_while_the_mails_redis_is_away},
  };
  return suite_main("api, mails in a Redis of their own", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
