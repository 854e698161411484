/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers that are killed, stopped and away, with crm and mail as the example: every event has its effect exactly
 * once, whatever happens where. A customer's effects are an interaction, a profile and a welcome mail. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault_shop.h"

enum { KILLS = 20, CUSTOMERS_A_KILL = 10, MAX_PAUSE_US = 4000 };

/* ---- what must have happened ------------------------------------------------------------------------------------ */

static int64_t customers_created, mails_of_others; /* by this program */

static const Ordershop__V1__Customer *a_customer(void) {
  customers_created++;
  return new_customer();
}

static const Ordershop__V1__Mail *only_mail_to(const char *address) {
  Ordershop__V1__ListMailsRequest request = ORDERSHOP__V1__LIST_MAILS_REQUEST__INIT;
  request.to = (char *)address;
  const Ordershop__V1__ListMailsResponse *response = must(ORDERSHOP_MAIL, "ListMails", &request);
  CU_ASSERT_TRUE_FATAL(response->n_mails <= 1);
  return response->n_mails == 1 ? response->mails[0] : NULL;
}

static bool is_welcomed(const void *customer) {
  const Ordershop__V1__Mail *mail = only_mail_to(((const Ordershop__V1__Customer *)customer)->email);
  if (!mail || mail->status != ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT) return false;
  CU_ASSERT_PTR_NOT_NULL(strstr(mail->subject, "Welcome"));
  return true;
}

static int64_t files_in_mail_folder(void) {
  DIR *folder = opendir(private_shop_mail_folder(shop));
  int64_t count = 0;
  for (struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
    count += entry->d_name[0] != '.';
  }
  if (folder) closedir(folder);
  return count;
}

/* Of all customers so far, not one effect is missing and none is there twice. */
static void assert_each_effect_once(void) {
  int64_t mails = customers_created + mails_of_others;
  CU_ASSERT_TRUE(eventually_number(mails, "XLEN %s", "events:mail_updated"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:mail_created"), mails);
  CU_ASSERT_EQUAL(files_in_mail_folder(), mails);
  CU_ASSERT_TRUE(eventually_number(0, "LLEN %s", "crm_outbox"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD crm_parked_keys"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD mail_parked_keys"), 0);
}

static int64_t interactions(void) {
  return private_redis_number(redis, "XLEN events:interaction_created");
}

static const Ordershop__V1__CustomerProfile *profile_of(const char *customer_id) {
  Ordershop__V1__GetCustomerProfileRequest request = ORDERSHOP__V1__GET_CUSTOMER_PROFILE_REQUEST__INIT;
  request.customer_id = (char *)customer_id;
  return must(ORDERSHOP_CRM, "GetCustomerProfile", &request);
}

/* ---- killing ---------------------------------------------------------------------------------------------------- */

/* As time would end it: whoever had the lease is dead. */
static void end_lease(enum ordershop_service service) {
  private_redis_command(redis, "DEL %s_lease", ordershop_service_name(service));
}

static void revive(enum ordershop_service service) {
  end_lease(service);
  start_service(service);
}

static void forget_requests(void) {
  const struct redis_reply *keys = private_redis_reply(redis, arena, "KEYS *_request:*");
  for (size_t i = 0; i < keys->count; i++) private_redis_command(redis, "DEL %s", keys->elements[i]->text);
}

static void wait_for_lease(enum ordershop_service service) {
  CU_ASSERT_TRUE_FATAL(
      eventually_number(1, "EXISTS %s", arena_printf(arena, "%s_lease", ordershop_service_name(service))));
}

/* Kills the service somewhere in the course of its work. */
static void kill_at_a_random_moment(enum ordershop_service service) {
  struct asking *askings[CUSTOMERS_A_KILL];
  wait_for_lease(service);
  for (int i = 0; i < CUSTOMERS_A_KILL; i++) {
    askings[i] = ask_begin(client, ORDERSHOP_CUSTOMER, "CreateCustomer", customer_request("Grace Hopper", NULL));
  }
  usleep((useconds_t)(random() % MAX_PAUSE_US));
  private_shop_kill_service(shop, service);
  end_lease(service);
  private_shop_launch_service(shop, service);
  for (int i = 0; i < CUSTOMERS_A_KILL; i++) {
    struct ordershop_answer answer = ask_end(askings[i]);
    CU_ASSERT_EQUAL_FATAL(answer.status.code, STATUS_OK);
    customers_created++;
  }
}

static void two_hundred_customers_get_one_welcome_each_while_crm_and_mail_are_killed_twenty_times(void) {
  unsigned seed = (unsigned)clock_wall_us();
  printf("(seed %u) ", seed);
  srandom(seed);
  int64_t before = interactions();
  for (int i = 0; i < KILLS; i++) kill_at_a_random_moment(random() % 2 ? ORDERSHOP_CRM : ORDERSHOP_MAIL);
  private_shop_await_service(shop, ORDERSHOP_CRM);
  private_shop_await_service(shop, ORDERSHOP_MAIL);
  assert_each_effect_once();
  CU_ASSERT_EQUAL(interactions(), before + KILLS * CUSTOMERS_A_KILL);
}

static void assert_once_after_kill_at(enum ordershop_service service, const char *point) {
  int64_t before = interactions();
  private_shop_arm(shop, service, point, "kill");
  const Ordershop__V1__Customer *customer = a_customer();
  private_shop_await_end(shop, service);
  forget_requests();
  revive(service);
  CU_ASSERT_TRUE(eventually(is_welcomed, customer));
  CU_ASSERT_STRING_EQUAL(profile_of(customer->id)->email, customer->email);
  assert_each_effect_once();
  CU_ASSERT_EQUAL(interactions(), before + 1);
}

static void assert_once_after_lost_answer_at(enum ordershop_service service, const char *point) {
  int64_t before = interactions();
  private_shop_arm(shop, service, point, "error");
  const Ordershop__V1__Customer *customer = a_customer();
  CU_ASSERT_TRUE(private_shop_await_point(shop, service, point));
  forget_requests();
  CU_ASSERT_TRUE(eventually(is_welcomed, customer));
  assert_each_effect_once();
  CU_ASSERT_EQUAL(interactions(), before + 1);
}

static const char *const crm_points[] = {"consumer.after_read",    "consumer.before_commit", "consumer.after_commit",
                                         "outbox.before_delivery", "outbox.after_delivery",  "outbox.before_removal",
                                         "outbox.after_removal"};
static const char *const mail_points[] = {"consumer.after_read", "mail.after_delivery", "consumer.before_store",
                                          "consumer.after_store"};

static void crm_killed_at_each_step_and_without_request_records_does_everything_once(void) {
  for (size_t i = 0; i < SUITE_SIZE(crm_points); i++) assert_once_after_kill_at(ORDERSHOP_CRM, crm_points[i]);
}

static void mail_killed_at_each_step_and_without_request_records_does_everything_once(void) {
  for (size_t i = 0; i < SUITE_SIZE(mail_points); i++) assert_once_after_kill_at(ORDERSHOP_MAIL, mail_points[i]);
}

static void an_answer_lost_at_each_step_repeats_nothing(void) {
  for (size_t i = 0; i < SUITE_SIZE(crm_points); i++) assert_once_after_lost_answer_at(ORDERSHOP_CRM, crm_points[i]);
  for (size_t i = 0; i < SUITE_SIZE(mail_points); i++) assert_once_after_lost_answer_at(ORDERSHOP_MAIL, mail_points[i]);
}

/* ---- away ------------------------------------------------------------------------------------------------------- */

static void with_mail_down_profiles_stay_current_and_mails_come_once_when_it_is_back(void) {
  private_shop_kill_service(shop, ORDERSHOP_MAIL);
  const Ordershop__V1__Customer *customer = a_customer();
  CU_ASSERT_STRING_EQUAL(profile_of(customer->id)->name, customer->name);
  Ordershop__V1__Customer changed = ORDERSHOP__V1__CUSTOMER__INIT;
  changed.id = customer->id;
  changed.name = "Ada King";
  Ordershop__V1__UpdateCustomerRequest request = ORDERSHOP__V1__UPDATE_CUSTOMER_REQUEST__INIT;
  request.customer = &changed;
  must(ORDERSHOP_CUSTOMER, "UpdateCustomer", &request);
  CU_ASSERT_STRING_EQUAL(profile_of(customer->id)->name, "Ada King");
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN crm_outbox"), 1);
  forget_requests();
  revive(ORDERSHOP_MAIL);
  CU_ASSERT_TRUE(eventually(is_welcomed, customer));
  assert_each_effect_once();
}

/* Everything that a customer, an order and a billing mean to crm. */
static void with_crm_down_commands_go_on_and_their_effects_come_once_when_it_is_back(void) {
  int64_t before = interactions();
  private_shop_kill_service(shop, ORDERSHOP_CRM);
  const Ordershop__V1__Customer *customer = a_customer(), *unhappy = a_customer();
  const Ordershop__V1__Product *product = new_stocked_product(10);
  const Ordershop__V1__Order *billed = new_order(customer->id, product->id, 3);
  const Ordershop__V1__Order *cancelled = new_order(unhappy->id, product->id, 2);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(billed->id, NULL));
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(cancelled->id));
  mails_of_others += 2 * 2 + 1; /* thank you and please pay for two orders, and thanks for a payment */
  forget_requests();
  revive(ORDERSHOP_CRM);
  const Ordershop__V1__CustomerProfile *profile = profile_of(customer->id);
  CU_ASSERT_EQUAL(profile->order_count, 1);
  CU_ASSERT_EQUAL(profile->ordered_cents, 300);
  CU_ASSERT_EQUAL(profile->billed_cents, 300);
  CU_ASSERT_EQUAL(profile_of(unhappy->id)->order_count, 0);
  assert_each_effect_once();
  CU_ASSERT_EQUAL(interactions(), before + 2 + 1 + 2 + 1 + 1); /* welcomes, stock, orders, payment, cancellation */
}

/* ---- the zombie ------------------------------------------------------------------------------------------------- */

static bool has_another_epoch(const void *former) {
  return strcmp(private_redis_command(redis, "GET crm_lease_epoch"), former) != 0;
}

/* crm stops (SIGSTOP) at a step of its work until another replica has taken its lease over, then it goes on. */
static void assert_zombie_repeats_nothing(const char *point) {
  int64_t before = interactions();
  private_shop_arm(shop, ORDERSHOP_CRM, point, "pause");
  const Ordershop__V1__Customer *customer = a_customer();
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_CRM, point));
  private_shop_pause_service(shop, ORDERSHOP_CRM);
  const char *epoch = arena_strdup(arena, private_redis_command(redis, "GET crm_lease_epoch"));
  private_shop_start_replica(shop, ORDERSHOP_CRM);
  CU_ASSERT_TRUE(eventually(has_another_epoch, epoch));
  CU_ASSERT_TRUE(eventually(is_welcomed, customer));
  CU_ASSERT_TRUE(eventually_number(0, "LLEN %s", "crm_outbox")); /* the replica has finished what was begun */
  /* Something waits in the outbox that is not the zombie's to remove. */
  private_shop_kill_service(shop, ORDERSHOP_MAIL);
  const Ordershop__V1__Customer *next = a_customer();
  CU_ASSERT_TRUE(eventually_number(1, "LLEN %s", "crm_outbox"));

  private_shop_release(shop, ORDERSHOP_CRM, point);
  private_shop_resume_service(shop, ORDERSHOP_CRM);
  CU_ASSERT_STRING_EQUAL(profile_of(next->id)->email, next->email); /* it has come to and stands by */
  revive(ORDERSHOP_MAIL);
  CU_ASSERT_TRUE(eventually(is_welcomed, next));
  private_shop_kill_replica(shop);
  end_lease(ORDERSHOP_CRM);
  CU_ASSERT_TRUE(eventually(is_welcomed, a_customer())); /* by the former zombie */
  assert_each_effect_once();
  CU_ASSERT_EQUAL(interactions(), before + 3);
}

static void a_crm_that_wakes_up_after_its_lease_in_the_middle_of_a_page_repeats_nothing(void) {
  assert_zombie_repeats_nothing("consumer.before_commit");
}

static void a_crm_that_wakes_up_after_its_lease_before_a_delivery_repeats_nothing(void) {
  assert_zombie_repeats_nothing("outbox.before_delivery");
}

static void a_crm_that_wakes_up_after_its_lease_behind_a_delivery_removes_nothing(void) {
  assert_zombie_repeats_nothing("outbox.after_delivery");
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
      {"200 customers get one welcome each while crm and mail are killed 20 times",
       two_hundred_customers_get_one_welcome_each_while_crm_and_mail_are_killed_twenty_times},
      {"crm killed at each step, and without request records, does everything once",
       crm_killed_at_each_step_and_without_request_records_does_everything_once},
      {"mail killed at each step, and without request records, does everything once",
       mail_killed_at_each_step_and_without_request_records_does_everything_once},
      {"an answer lost at each step repeats nothing", an_answer_lost_at_each_step_repeats_nothing},
      {"with mail down profiles stay current, and mails come once when it is back",
       with_mail_down_profiles_stay_current_and_mails_come_once_when_it_is_back},
      {"with crm down commands go on, and their effects come once when it is back",
       with_crm_down_commands_go_on_and_their_effects_come_once_when_it_is_back},
      {"a crm that wakes up after its lease in the middle of a page repeats nothing",
       a_crm_that_wakes_up_after_its_lease_in_the_middle_of_a_page_repeats_nothing},
      {"a crm that wakes up after its lease before a delivery repeats nothing",
       a_crm_that_wakes_up_after_its_lease_before_a_delivery_repeats_nothing},
      {"a crm that wakes up after its lease behind a delivery removes nothing",
       a_crm_that_wakes_up_after_its_lease_behind_a_delivery_removes_nothing},
  };
  return suite_main("consumers", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
