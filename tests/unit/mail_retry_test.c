/* SPDX-License-Identifier: Apache-2.0 */
/* When a mail that was deferred is tried again. */
#include "mail_retry.h"

#include "suite.h"

static const int64_t SECOND_US = 1000000, NOW_US = INT64_C(1548699678802091), GIVE_UP_US = INT64_C(432000) * 1000000;

/* Microseconds to the next try of a mail that has been deferred for so long; -1 if it is given up. */
static int64_t wait_after(int64_t deferred_us) {
  int64_t next_us;
  return mail_retry_plan(NOW_US - deferred_us, NOW_US, GIVE_UP_US, &next_us) ? next_us - NOW_US : -1;
}

static void waits_as_long_as_it_was_deferred(void) {
  CU_ASSERT_EQUAL(wait_after(0), SECOND_US);
  CU_ASSERT_EQUAL(wait_after(SECOND_US / 2), SECOND_US);
  CU_ASSERT_EQUAL(wait_after(2 * SECOND_US), 2 * SECOND_US);
  CU_ASSERT_EQUAL(wait_after(64 * SECOND_US), 64 * SECOND_US);
}

static void waits_half_an_hour_at_max(void) {
  CU_ASSERT_EQUAL(wait_after(1800 * SECOND_US), 1800 * SECOND_US);
  CU_ASSERT_EQUAL(wait_after(100000 * SECOND_US), 1800 * SECOND_US);
}

static void tries_for_the_last_time_when_the_time_is_up(void) {
  CU_ASSERT_EQUAL(wait_after(GIVE_UP_US - 600 * SECOND_US), 600 * SECOND_US);
  CU_ASSERT_EQUAL(wait_after(GIVE_UP_US - 1), 1);
}

static void gives_up_then(void) {
  CU_ASSERT_EQUAL(wait_after(GIVE_UP_US), -1);
  CU_ASSERT_EQUAL(wait_after(2 * GIVE_UP_US), -1);
}

/* A clock that was set back. */
static void waits_a_second_if_it_was_deferred_in_the_future(void) {
  CU_ASSERT_EQUAL(wait_after(-3600 * SECOND_US), SECOND_US);
}

static const struct test tests[] = {
    {"the next try comes when the mail has been deferred for twice as long", waits_as_long_as_it_was_deferred},
    {"half an hour passes between two tries at most", waits_half_an_hour_at_max},
    {"the last try comes when the time is up", tries_for_the_last_time_when_the_time_is_up},
    {"a mail is given up when it was deferred for that time", gives_up_then},
    {"a mail deferred in the future, by the clock, is tried after a second",
     waits_a_second_if_it_was_deferred_in_the_future},
};

int main(int argc, char **argv) {
  return suite_main("mail retry", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
