/* SPDX-License-Identifier: Apache-2.0 */
/* Retries of dead letters whose leader dies, or is overtaken, in the middle of it, with crm as the example: each event
 * has its effects once, in order. A customer's interactions can't be recorded while their index is damaged. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/dead_letter_client.h"
#include "fault_shop.h"

enum { ORDERS = 3, ASK_US = 1000000 };

static int64_t mails, interactions; /* that there must be in the end */

/* ---- damage ----------------------------------------------------------------------------------------------------- */

static const char *index_of(const Ordershop__V1__Customer *customer) {
  return arena_printf(arena, "interaction_by_customer_id:%s", customer->id);
}

static void damage(const Ordershop__V1__Customer *customer) {
  private_redis_command(redis, "RENAME %s aside:%s", index_of(customer), customer->id);
  private_redis_command(redis, "SET %s damaged", index_of(customer));
}

static void mend(const Ordershop__V1__Customer *customer) {
  private_redis_command(redis, "DEL %s", index_of(customer));
  private_redis_command(redis, "RENAME aside:%s %s", customer->id, index_of(customer));
}

static const char *list_of(const Ordershop__V1__Customer *customer) {
  return arena_printf(arena, "crm_parked:%s", customer->id);
}

/* A customer with the dead letters of some orders, whose cause is mended. */
static const Ordershop__V1__Customer *new_customer_with_dead_letters(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(10);
  CU_ASSERT_TRUE(eventually_number(1, "ZCARD %s", index_of(customer)));
  damage(customer);
  for (int i = 0; i < ORDERS; i++) new_order(customer->id, product->id, 1);
  CU_ASSERT_TRUE(eventually_number(ORDERS, "LLEN %s", list_of(customer)));
  mend(customer);
  mails += 1 + 2 * ORDERS;        /* welcome; thank you and please pay */
  interactions += 1 + 1 + ORDERS; /* welcome, stock, orders */
  return customer;
}

/* ---- retries ---------------------------------------------------------------------------------------------------- */

/* Whoever is asked may die of it. */
static void ask_retry(const Ordershop__V1__Customer *customer) {
  const struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + ASK_US};
  Ordershop__V1__RetryDeadLettersRequest request = ORDERSHOP__V1__RETRY_DEAD_LETTERS_REQUEST__INIT;
  request.key = customer->id;
  request.operator_name = "ada";
  ordershop_call_dead_letters(client, &context, ORDERSHOP_CRM, "RetryDeadLetters", &request);
}

static void end_lease(void) {
  private_redis_command(redis, "DEL crm_lease"); /* as time would end it */
}

/* The interactions of a customer are in the order of the log, as their scores are; that each is there once, their
 * number says. */
static void assert_handled_once(const Ordershop__V1__Customer *customer) {
  CU_ASSERT_TRUE(eventually_number(0, "EXISTS %s", "crm_parked_retries"));
  CU_ASSERT_TRUE(eventually_number(0, "LLEN %s", list_of(customer)));
  CU_ASSERT_EQUAL(private_redis_number(redis, "SISMEMBER crm_parked_keys %s", customer->id), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "ZCARD %s", index_of(customer)), 1 + ORDERS);
  let_everything_follow();
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:mail_created"), mails);
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:interaction_created"), interactions);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS crm_parked_notes"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS crm_alone"), 0);
}

static const char *const points[] = {"consumer.before_commit", "consumer.after_commit", "outbox.before_delivery",
                                     "outbox.after_delivery"};

static void a_leader_killed_at_each_step_of_a_retry_handles_each_event_once(void) {
  for (size_t i = 0; i < SUITE_SIZE(points); i++) {
    const Ordershop__V1__Customer *customer = new_customer_with_dead_letters();
    private_shop_arm(shop, ORDERSHOP_CRM, points[i], "kill");
    ask_retry(customer);
    private_shop_await_end(shop, ORDERSHOP_CRM);
    end_lease();
    start_service(ORDERSHOP_CRM);
    assert_handled_once(customer);
  }
}

static void an_answer_lost_at_each_step_of_a_retry_repeats_nothing(void) {
  for (size_t i = 0; i < SUITE_SIZE(points); i++) {
    const Ordershop__V1__Customer *customer = new_customer_with_dead_letters();
    private_shop_arm(shop, ORDERSHOP_CRM, points[i], "error");
    ask_retry(customer);
    CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_CRM, points[i]));
    assert_handled_once(customer);
  }
}

static bool has_another_epoch(const void *former) {
  return strcmp(private_redis_command(redis, "GET crm_lease_epoch"), former) != 0;
}

/* crm stops in the middle of a retry until another replica has taken over and ended it; then it goes on. */
static void a_leader_that_wakes_up_in_the_middle_of_a_retry_repeats_nothing(void) {
  const Ordershop__V1__Customer *customer = new_customer_with_dead_letters();
  private_shop_arm(shop, ORDERSHOP_CRM, "consumer.before_commit", "pause");
  ask_retry(customer);
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_CRM, "consumer.before_commit"));
  private_shop_pause_service(shop, ORDERSHOP_CRM);
  const char *epoch = arena_strdup(arena, private_redis_command(redis, "GET crm_lease_epoch"));
  private_shop_start_replica(shop, ORDERSHOP_CRM);
  CU_ASSERT_TRUE(eventually(has_another_epoch, epoch));
  CU_ASSERT_TRUE(eventually_number(0, "EXISTS %s", "crm_parked_retries"));
  private_shop_release(shop, ORDERSHOP_CRM, "consumer.before_commit");
  private_shop_resume_service(shop, ORDERSHOP_CRM);
  assert_handled_once(customer);
  private_shop_kill_replica(shop);
  end_lease();
  assert_handled_once(customer);
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
      {"a leader that is killed at each step of a retry handles each event once",
       a_leader_killed_at_each_step_of_a_retry_handles_each_event_once},
      {"an answer that is lost at each step of a retry repeats nothing",
       an_answer_lost_at_each_step_of_a_retry_repeats_nothing},
      {"a leader that wakes up in the middle of a retry, after another one has ended it, repeats nothing",
       a_leader_that_wakes_up_in_the_middle_of_a_retry_repeats_nothing},
  };
  return suite_main("dead letters", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
