/* SPDX-License-Identifier: Apache-2.0 */
/* Positions in several logs (store/positions.h) and their text, as pure logic. */
#include "store/positions.h"

#include <string.h>

#include "suite.h"

static const char shop_early[] = "0123456789abcdef.5e2f", shop_late[] = "0123456789abcdef.5e30",
                  mail_text[] = "mail:fedcba9876543210.7";

static struct arena *arena;

static struct positions parsed(const char *text) {
  struct positions positions;
  CU_ASSERT_TRUE_FATAL(positions_parse(text, &positions));
  return positions;
}

/* What is known after one text and then another one. */
static const char *after_both(const char *first, const char *second) {
  struct positions positions = parsed(first), others = parsed(second);
  positions_advance_all(&positions, &others);
  return positions_text(arena, &positions);
}

static void test_a_position_of_the_shops_log_is_what_it_was(void) {
  struct positions positions = parsed(shop_early);
  struct position position;
  CU_ASSERT_TRUE(position_parse(shop_early, &position));
  CU_ASSERT_EQUAL(positions.count, 1);
  CU_ASSERT_EQUAL(positions_of(&positions, "")->log_time, position.log_time);
  CU_ASSERT_STRING_EQUAL(positions_text(arena, &positions), position_text(arena, &position));
}

static void test_each_log_has_its_part(void) {
  struct positions positions = parsed(arena_printf(arena, "%s,%s", shop_early, mail_text));
  CU_ASSERT_EQUAL(positions_of(&positions, "")->log_time, 0x5e2f);
  CU_ASSERT_EQUAL(positions_of(&positions, "mail")->log_time, 7);
  CU_ASSERT_STRING_EQUAL(positions_of(&positions, "mail")->epoch, "fedcba9876543210");
  CU_ASSERT_PTR_NULL(positions_of(&positions, "order"));
}

static void test_a_text_is_read_as_it_was_written(void) {
  const char *text = arena_printf(arena, "%s,%s,order:0000000000000000.ff", shop_early, mail_text);
  struct positions positions = parsed(text);
  CU_ASSERT_STRING_EQUAL(positions_text(arena, &positions), text);
}

static void test_the_later_position_of_a_log_counts(void) {
  CU_ASSERT_STRING_EQUAL(after_both(shop_early, shop_late), shop_late);
  CU_ASSERT_STRING_EQUAL(after_both(shop_late, shop_early), shop_late);
}

static void test_what_is_heard_of_one_log_leaves_the_others(void) {
  const char *both = arena_printf(arena, "%s,%s", shop_late, mail_text);
  CU_ASSERT_STRING_EQUAL(after_both(shop_late, mail_text), both);
  CU_ASSERT_STRING_EQUAL(after_both(both, shop_early), both);
}

static void test_another_epoch_of_the_same_log_takes_its_place(void) {
  static const char rebuilt[] = "00000000000000aa.1";
  CU_ASSERT_STRING_EQUAL(after_both(shop_late, rebuilt), rebuilt);
}

static void test_the_latest_time_of_other_logs_is_told(void) {
  struct positions positions = parsed(arena_printf(arena, "%s,%s", shop_early, mail_text));
  CU_ASSERT_EQUAL(positions_latest_besides(&positions, ""), 7);
  CU_ASSERT_EQUAL(positions_latest_besides(&positions, "mail"), 0x5e2f);
  CU_ASSERT_EQUAL(positions_latest_besides(&positions, "order"), 0x5e2f);
  positions = parsed(shop_early);
  CU_ASSERT_EQUAL(positions_latest_besides(&positions, ""), 0);
}

static void test_other_texts_are_refused(void) {
  static const char *const texts[] = {
      "",
      ",",
      "mail",
      "mail:",
      ":0123456789abcdef.5e2f",
      "Mail:0123456789abcdef.5e2f",
      "mail:order:0123456789abcdef.5e2f",
      "0123456789abcdef.5e2f,",
      ",0123456789abcdef.5e2f",
      "0123456789abcdef.5e2f,0123456789abcdef.5e30",
      "mail:0123456789abcdef.1,mail:0123456789abcdef.1",
      "0123456789abcdef.5e2f mail:0123456789abcdef.1",
      "0123456789abcdef.",
      "0123456789abcdeg.5e2f",
      "a-name-of-thirty-three-characters:0123456789abcdef.5e2f",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct positions positions;
    CU_ASSERT_FALSE(positions_parse(texts[i], &positions));
  }
}

static void test_too_many_logs_are_refused(void) {
  const char *text = shop_early;
  struct positions positions = parsed(text), one = parsed(mail_text);
  for (int i = 1; i < POSITIONS_MAX; i++) text = arena_printf(arena, "%s,log%d:0123456789abcdef.1", text, i);
  positions = parsed(text);
  positions_advance_all(&positions, &one);
  CU_ASSERT_STRING_EQUAL(positions_text(arena, &positions), text);
  CU_ASSERT_FALSE(positions_parse(arena_printf(arena, "%s,%s", text, mail_text), &positions));
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
      {"a position of the shop's log is what it was", test_a_position_of_the_shops_log_is_what_it_was},
      {"each log has its part", test_each_log_has_its_part},
      {"a text is read as it was written", test_a_text_is_read_as_it_was_written},
      {"the later position of a log counts", test_the_later_position_of_a_log_counts},
      {"what is heard of one log leaves the others", test_what_is_heard_of_one_log_leaves_the_others},
      {"another epoch of the same log takes its place", test_another_epoch_of_the_same_log_takes_its_place},
      {"the latest log time of other logs is told", test_the_latest_time_of_other_logs_is_told},
      {"other texts are refused", test_other_texts_are_refused},
      {"too many logs are refused", test_too_many_logs_are_refused},
  };
  return suite_main("positions", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
