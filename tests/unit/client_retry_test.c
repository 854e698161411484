/* SPDX-License-Identifier: Apache-2.0 */
/* When a failed call is tried again. */
#include "client/retry.h"
#include "suite.h"

static const struct retry_policy policy = {.attempts = 20, .first_backoff_ms = 100};

static struct status failing(enum status_code code) {
  return (struct status){.code = code, .message = ""};
}

static void doubles_the_backoff(void) {
  CU_ASSERT_EQUAL(retry_delay_ms(&policy, failing(STATUS_UNAVAILABLE), false, 1, 0), 100);
  CU_ASSERT_EQUAL(retry_delay_ms(&policy, failing(STATUS_UNAVAILABLE), false, 2, 0), 200);
  CU_ASSERT_EQUAL(retry_delay_ms(&policy, failing(STATUS_UNAVAILABLE), false, 4, 0), 800);
}

static void bounds_the_backoff(void) {
  CU_ASSERT_EQUAL(retry_delay_ms(&policy, failing(STATUS_UNAVAILABLE), false, 19, 0), RETRY_BACKOFF_MAX_MS);
}

static void jitters_over_the_upper_half(void) {
  int64_t min = 100, max = 0;
  for (uint32_t jitter = 0; jitter < 1000; jitter++) {
    int64_t delay = retry_delay_ms(&policy, failing(STATUS_UNAVAILABLE), false, 1, jitter);
    min = delay < min ? delay : min;
    max = delay > max ? delay : max;
  }
  CU_ASSERT_EQUAL(min, 50);
  CU_ASSERT_EQUAL(max, 100);
}

static void never_comes_before_the_asked_time(void) {
  static const struct error_details details = {.reason = "OVERLOADED", .retry_delay_ms = 700};
  const struct status status = {.code = STATUS_RESOURCE_EXHAUSTED, .message = "", .details = &details};
  for (uint32_t jitter = 0; jitter < 1000; jitter++) {
    int64_t delay = retry_delay_ms(&policy, status, false, 1, jitter);
    CU_ASSERT_TRUE(delay >= 700 && delay <= 750);
  }
}

static void ends_with_the_attempts(void) {
  CU_ASSERT_EQUAL(retry_delay_ms(&policy, failing(STATUS_UNAVAILABLE), false, 20, 0), -1);
  const struct retry_policy once = {.attempts = 1, .first_backoff_ms = 100};
  CU_ASSERT_EQUAL(retry_delay_ms(&once, failing(STATUS_UNAVAILABLE), false, 1, 0), -1);
}

static void repeats_only_what_may_be_cured(void) {
  for (int code = STATUS_CANCELLED; code <= STATUS_UNAUTHENTICATED; code++) {
    bool repeated = retry_delay_ms(&policy, failing((enum status_code)code), false, 1, 0) >= 0;
    CU_ASSERT_EQUAL(repeated, code == STATUS_UNAVAILABLE || code == STATUS_ABORTED);
  }
  CU_ASSERT_EQUAL(retry_delay_ms(&policy, failing(STATUS_ABORTED), true, 1, 0), -1);
}

static const struct test tests[] = {
    {"the backoff doubles", doubles_the_backoff},
    {"the backoff is bounded", bounds_the_backoff},
    {"jitter spreads the backoff over its upper half", jitters_over_the_upper_half},
    {"no retry comes before the time that the service asked for", never_comes_before_the_asked_time},
    {"there are no more tries than attempts", ends_with_the_attempts},
    {"only what a later try may cure is repeated", repeats_only_what_may_be_cured},
};

int main(int argc, char **argv) {
  return suite_main("client retries", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
