/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_metrics.h"

#include <stdio.h>
#include <string.h>

#include "consumer/reason_fingerprint.h"
#include "suite.h"

static struct arena *arena;

static bool tells(const char *line) {
  size_t size;
  return strstr(metrics_render(arena, "coupon", &size), line) != NULL;
}

static const char *series(const char *label, int count) {
  return arena_printf(arena, "\ncoupon_dead_letters_total{reason=\"%s\"} %d\n", label, count);
}

static void dead_letters_are_told_before_there_are_any(void) {
  consumer_metrics();
  CU_ASSERT_TRUE(tells(series("other", 0)));
}

static void reasons_of_one_kind_are_counted_together(void) {
  char fingerprint[FINGERPRINT_SIZE];
  consumer_metrics_dead_letter("the coupon 7 is worn out");
  consumer_metrics_dead_letter("the coupon 8 is worn out");
  reason_fingerprint("the coupon 7 is worn out", fingerprint);
  CU_ASSERT_TRUE(tells(series(fingerprint, 2)));
}

static void reasons_beyond_the_limit_are_counted_as_other(void) {
  char reason[] = "a reason of kind ?";
  for (int kind = 'a'; kind <= 'z'; kind++) {
    reason[strlen(reason) - 1] = (char)kind;
    consumer_metrics_dead_letter(reason);
  }
  for (int kind = 'A'; kind <= 'J'; kind++) {
    reason[strlen(reason) - 1] = (char)kind;
    consumer_metrics_dead_letter(reason);
  }
  CU_ASSERT_TRUE(tells(series("other", 7))); /* 36 kinds, and the one of the test before: 30 have a name */
  consumer_metrics_dead_letter("a reason of kind a");
  CU_ASSERT_TRUE(tells(series("other", 7)));
}

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"dead letters are told before there are any", dead_letters_are_told_before_there_are_any},
      {"reasons of one kind are counted together", reasons_of_one_kind_are_counted_together},
      {"reasons beyond the limit are counted as other", reasons_beyond_the_limit_are_counted_as_other},
  };
  return suite_main("consumer_metrics", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
