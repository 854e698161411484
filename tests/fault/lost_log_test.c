/* SPDX-License-Identifier: Apache-2.0 */
/* A log that comes back without what running services have seen in it, or whose entries somebody removes before they
 * were applied: every service says so and waits for an operator, and goes on when all is there again or the loss is
 * accepted. A shop that is emptied altogether goes on afresh, and says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_shop.h"
#include "patience.h"
#include "store/log_time.h"

enum { LOST_CUSTOMERS = 3 };

static bool is_serving(const void *service) {
  return health_says(*(const enum ordershop_service *)service, "");
}

static bool is_not_serving(const void *service) {
  return !is_serving(service);
}

/* In Redis' folder. */
static void replace_folder(const char *to, const char *from) {
  const char *command =
      arena_printf(arena, "cd %s && rm -rf %s && cp -r %s %s", private_redis_folder(redis), to, from, to);
  CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

/* The log's files as they are, under a name. */
static void keep_files(const char *name) {
  replace_folder(name, "appendonlydir");
}

static void restart_with_files(const char *name) {
  private_redis_kill(redis);
  replace_folder("appendonlydir", name);
  private_redis_restart(redis);
}

static bool says_reset(const void *service) {
  return strstr(reason_told_by(*(const enum ordershop_service *)service), "the log was reset: it ends at ") != NULL;
}

static bool is_accepted(const void *service) {
  return accept_what_is_lost(*(const enum ordershop_service *)service) > 0;
}

static void accept_losses(void) {
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    CU_ASSERT_TRUE_FATAL(eventually(is_accepted, &service));
  }
}

static void the_shop_goes_on(void) {
  const Ordershop__V1__Customer *newcomer = new_customer();
  CU_ASSERT_TRUE(eventually(has_mail, newcomer));
  const Ordershop__V1__Product *product = new_stocked_product(2);
  const Ordershop__V1__Order *order = new_order(newcomer->id, product->id, 2);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  CU_ASSERT_TRUE(stock_becomes(product->id, 0, 2));
}

/* Every service learns how far the log reaches: the client passes on the position that it was told last. */
static void tell_everybody(void) {
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    CU_ASSERT_TRUE_FATAL(status_is_ok(ask_for_a_list(client, 0, service).status));
  }
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void nobody_serves_a_log_that_came_back_without_its_end_until_the_loss_is_accepted(void) {
  the_shop_goes_on();
  keep_files("older");
  const Ordershop__V1__Customer *lost = new_customer();
  CU_ASSERT_TRUE(eventually(has_mail, lost));
  tell_everybody();
  int lines = all_log_lines("not serving");
  restart_with_files("older");
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    CU_ASSERT_TRUE_FATAL(eventually(says_reset, &service));
  }
  CU_ASSERT_TRUE(become_serving(false));
  CU_ASSERT_TRUE(all_log_lines_become("not serving", lines + SHIPPED_OWNER_COUNT));
  assert_refused(ask(once, ORDERSHOP_CUSTOMER, "CreateCustomer", customer_request("Nobody", NULL)), STATUS_UNAVAILABLE,
                 "LOG_RESET");
  accept_losses();
  CU_ASSERT_TRUE(become_serving(true));
  the_shop_goes_on();
}

static void all_serve_again_by_themselves_when_what_was_missing_is_there(void) {
  the_shop_goes_on();
  keep_files("older");
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
  tell_everybody();
  keep_files("right");
  restart_with_files("older");
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    CU_ASSERT_TRUE_FATAL(eventually(says_reset, &service));
  }
  restart_with_files("right");
  CU_ASSERT_TRUE(become_serving(true));
  the_shop_goes_on();
}

static void a_shop_that_is_emptied_goes_on_afresh_and_every_service_says_so_once(void) {
  static const char line[] = "redis was emptied, the shop begins afresh";
  CU_ASSERT_EQUAL(all_log_lines(line), 0);
  private_redis_command(redis, "FLUSHALL");
  the_shop_goes_on();
  CU_ASSERT_TRUE(all_log_lines_become(line, SHIPPED_OWNER_COUNT));
  the_shop_goes_on();
  CU_ASSERT_TRUE(all_log_lines_become(line, SHIPPED_OWNER_COUNT));
  CU_ASSERT_TRUE(become_serving(true));
}

/* ---- gaps ------------------------------------------------------------------------------------------------------- */

static const enum ordershop_service crm = ORDERSHOP_CRM;

static bool names_the_gap_up_to(const void *last) {
  const char *reason = reason_told_by(ORDERSHOP_CRM);
  return strstr(reason, "the log has a gap: entries of customer_created up to ") && strstr(reason, last);
}

static void crm_says_that_entries_are_missing(const char *last) {
  CU_ASSERT_TRUE_FATAL(eventually(names_the_gap_up_to, last));
  CU_ASSERT_TRUE(is_not_serving(&crm));
  CU_ASSERT_TRUE(health_says(ORDERSHOP_CUSTOMER, ""));
}

/* A service that was just started may not be reached at the first try. */
static bool is_accepted_up_to(const void *last) {
  return accept_what_is_lost(ORDERSHOP_CRM) == log_time_of_entry(last);
}

static void accept_gap(const char *last) {
  CU_ASSERT_TRUE_FATAL(eventually(is_accepted_up_to, last));
  CU_ASSERT_TRUE(eventually(is_serving, &crm));
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
  CU_ASSERT_TRUE(eventually_number(0, "LLEN %s", "crm_outbox"));
  private_shop_stop_service(shop, ORDERSHOP_CRM);
  private_shop_start_service(shop, ORDERSHOP_CRM);
}

static bool others_have_applied(const void *entry) {
  static const char *const positions[] = {"order_position", "billing_position"};
  for (int i = 0; i < 2; i++) {
    if (strcmp(private_redis_command(redis, "HGET %s customer_created", positions[i]), entry) != 0) return false;
  }
  return true;
}

/* The entry of a new customer, which all but crm have applied: it is missing for crm alone. */
static const char *last_customer(void) {
  new_customer();
  const char *entry = private_redis_command(redis, "XREVRANGE events:customer_created + - COUNT 1");
  const char *id = arena_memdup(arena, entry, strcspn(entry, "\n"));
  CU_ASSERT_TRUE_FATAL(eventually(others_have_applied, id));
  return id;
}

/* ... while crm is stopped. */
static void remove_customers(const char *format) {
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
  private_shop_stop_service(shop, ORDERSHOP_CRM);
  const char *last = NULL;
  for (int i = 0; i < LOST_CUSTOMERS; i++) last = last_customer();
  private_redis_command(redis, format, last);
  private_shop_launch_service(shop, ORDERSHOP_CRM);
  crm_says_that_entries_are_missing(last);
  accept_gap(last);
}

static void entries_that_were_trimmed_before_they_were_applied_stop_the_consumer(void) {
  remove_customers("XTRIM events:customer_created MAXLEN 0");
}

static void entries_that_were_deleted_before_they_were_applied_stop_the_consumer(void) {
  remove_customers("XDEL events:customer_created %s");
}

static void an_accepted_gap_costs_no_entry_that_is_still_there(void) {
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
  private_shop_stop_service(shop, ORDERSHOP_CRM);
  const Ordershop__V1__Customer *kept = new_customer();
  const char *deleted = last_customer();
  private_redis_command(redis, "XDEL events:customer_created %s", deleted);
  private_shop_launch_service(shop, ORDERSHOP_CRM);
  crm_says_that_entries_are_missing(deleted);
  CU_ASSERT_TRUE_FATAL(eventually(is_accepted_up_to, deleted));
  CU_ASSERT_TRUE(eventually(has_mail, kept));
  CU_ASSERT_TRUE(eventually(is_serving, &crm));
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
}

static void entries_that_are_trimmed_under_a_consumer_that_stands_still_are_missed(void) {
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
  private_shop_pause_service(shop, ORDERSHOP_CRM);
  const char *last = last_customer();
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN 0");
  private_shop_resume_service(shop, ORDERSHOP_CRM);
  crm_says_that_entries_are_missing(last);
  accept_gap(last);
}

static void entries_that_were_trimmed_after_they_were_applied_are_not_missed(void) {
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
  private_shop_stop_service(shop, ORDERSHOP_CRM);
  const char *position = arena_strdup(arena, private_redis_command(redis, "HGET crm_position customer_created"));
  const Ordershop__V1__Customer *waiting = new_customer();
  private_redis_command(redis, "XTRIM events:customer_created MINID %s", position);
  private_redis_command(redis, "XDEL events:customer_created %s", position);
  private_shop_start_service(shop, ORDERSHOP_CRM);
  CU_ASSERT_TRUE(eventually(has_mail, waiting));
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN 0");
  private_shop_stop_service(shop, ORDERSHOP_CRM);
  private_shop_start_service(shop, ORDERSHOP_CRM);
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
}

static int set_up(void) {
  fault_shop_open(NULL);
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"nobody serves a log that came back without its end, until the loss is accepted",
       nobody_serves_a_log_that_came_back_without_its_end_until_the_loss_is_accepted},
      {"all serve again by themselves when what was missing is there",
       all_serve_again_by_themselves_when_what_was_missing_is_there},
      {"entries that were trimmed before they were applied stop the consumer",
       entries_that_were_trimmed_before_they_were_applied_stop_the_consumer},
      {"entries that were deleted before they were applied stop the consumer",
       entries_that_were_deleted_before_they_were_applied_stop_the_consumer},
      {"an accepted gap costs no entry that is still there", an_accepted_gap_costs_no_entry_that_is_still_there},
      {"entries that are trimmed under a consumer that stands still are missed",
       entries_that_are_trimmed_under_a_consumer_that_stands_still_are_missed},
      {"entries that were trimmed after they were applied are not missed",
       entries_that_were_trimmed_after_they_were_applied_are_not_missed},
      {"a shop that is emptied goes on afresh, and every service says so once",
       a_shop_that_is_emptied_goes_on_afresh_and_every_service_says_so_once},
  };
  return suite_main("lost log", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
