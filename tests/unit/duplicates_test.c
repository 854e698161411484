/* SPDX-License-Identifier: Apache-2.0 */
/* Equal texts of a list: each leads to the first one. */
#include "base/duplicates.h"

#include "suite.h"

static struct arena *arena;

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

static void equal_texts_lead_to_the_first(void) {
  const char *const texts[] = {"b", "a", "b", "c", "a", "b"};
  const size_t *firsts = duplicates_find(arena, texts, SUITE_SIZE(texts));
  const size_t expected[] = {0, 1, 0, 3, 1, 0};
  for (size_t i = 0; i < SUITE_SIZE(expected); i++) CU_ASSERT_EQUAL(firsts[i], expected[i]);
}

static void null_is_equal_to_nothing(void) {
  const char *const texts[] = {NULL, "", NULL, ""};
  const size_t *firsts = duplicates_find(arena, texts, SUITE_SIZE(texts));
  const size_t expected[] = {0, 1, 2, 1};
  for (size_t i = 0; i < SUITE_SIZE(expected); i++) CU_ASSERT_EQUAL(firsts[i], expected[i]);
}

static void an_empty_list_has_none(void) {
  (void)duplicates_find(arena, NULL, 0);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"equal texts lead to the first of them", equal_texts_lead_to_the_first},
      {"NULL is equal to nothing, an empty text to others", null_is_equal_to_nothing},
      {"an empty list has none", an_empty_list_has_none},
  };
  return suite_main("duplicates", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
