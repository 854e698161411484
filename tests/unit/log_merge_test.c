/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several logs has the next entry (store/log_merge.h), as pure logic. */
#include "store/log_merge.h"

#include <stdlib.h>

#include "suite.h"

enum { FIRST, SECOND, LOGS };

static struct log_merge *merge;

static void begin(void) {
  log_merge_free(merge);
  merge = log_merge_new(LOGS);
}

static int tear_down(void) {
  log_merge_free(merge);
  return 0;
}

/* The log whose entry comes first; LOGS if that can't be told. */
static size_t first(void) {
  size_t log;
  return log_merge_first(merge, &log) ? log : LOGS;
}

static void test_the_earlier_of_two_entries_comes_first(void) {
  begin();
  log_merge_next_of(merge, FIRST, 20);
  log_merge_next_of(merge, SECOND, 10);
  CU_ASSERT_EQUAL(first(), SECOND);
  log_merge_next_of(merge, SECOND, 30);
  CU_ASSERT_EQUAL(first(), FIRST);
}

static void test_equal_log_times_come_in_the_order_of_their_logs(void) {
  begin();
  log_merge_next_of(merge, SECOND, 10);
  log_merge_next_of(merge, FIRST, 10);
  CU_ASSERT_EQUAL(first(), FIRST);
}

static void test_an_entry_waits_for_a_log_that_was_not_read_so_far(void) {
  begin();
  log_merge_next_of(merge, FIRST, 20);
  log_merge_read_to(merge, SECOND, 19);
  CU_ASSERT_EQUAL(first(), LOGS);
  CU_ASSERT_EQUAL(log_merge_awaited_of(merge, SECOND), 20);
  CU_ASSERT_EQUAL(log_merge_awaited_of(merge, FIRST), 0);
  log_merge_read_to(merge, SECOND, 20);
  CU_ASSERT_EQUAL(first(), FIRST);
  CU_ASSERT_EQUAL(log_merge_awaited_of(merge, SECOND), 0);
}

static void test_nothing_waits_for_a_log_that_nobody_has_begun(void) {
  begin();
  log_merge_exists(merge, SECOND, false);
  log_merge_next_of(merge, FIRST, 20);
  CU_ASSERT_EQUAL(first(), FIRST);
  CU_ASSERT_EQUAL(log_merge_awaited_of(merge, SECOND), 0);
  log_merge_exists(merge, SECOND, true);
  CU_ASSERT_EQUAL(first(), LOGS);
}

static void test_without_entries_nothing_is_first_and_nothing_awaited(void) {
  begin();
  log_merge_read_to(merge, FIRST, 20);
  CU_ASSERT_EQUAL(first(), LOGS);
  CU_ASSERT_EQUAL(log_merge_awaited_of(merge, SECOND), 0);
}

static void test_what_was_handed_out_ends_before_the_next_entry(void) {
  begin();
  log_merge_read_to(merge, FIRST, 20);
  log_merge_next_of(merge, FIRST, 15);
  CU_ASSERT_EQUAL(log_merge_handed_out(merge, FIRST), 14);
  log_merge_next_of(merge, FIRST, 0);
  CU_ASSERT_EQUAL(log_merge_handed_out(merge, FIRST), 20);
  log_merge_next_of(merge, FIRST, 25);
  CU_ASSERT_EQUAL(log_merge_handed_out(merge, FIRST), 20);
}

static void test_a_watermark_does_not_go_back(void) {
  begin();
  log_merge_read_to(merge, FIRST, 20);
  log_merge_read_to(merge, FIRST, 10);
  CU_ASSERT_EQUAL(log_merge_handed_out(merge, FIRST), 20);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"the earlier of two entries comes first", test_the_earlier_of_two_entries_comes_first},
      {"equal log times come in the order of their logs", test_equal_log_times_come_in_the_order_of_their_logs},
      {"an entry waits for a log that was not read so far", test_an_entry_waits_for_a_log_that_was_not_read_so_far},
      {"nothing waits for a log that nobody has begun", test_nothing_waits_for_a_log_that_nobody_has_begun},
      {"without entries nothing is first, and nothing is awaited",
       test_without_entries_nothing_is_first_and_nothing_awaited},
      {"what was handed out ends before the next entry", test_what_was_handed_out_ends_before_the_next_entry},
      {"a watermark does not go back", test_a_watermark_does_not_go_back},
  };
  return suite_main("log merge", tests, SUITE_SIZE(tests), NULL, tear_down, argc, argv);
}
