/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "reservation.h"
#include "suite.h"

static struct arena *arena;

static struct reservation read_text(const char *text) {
  return reservation_read(arena, text, text ? strlen(text) : 0);
}

/* The items as "a=1 b=2". */
static const char *text_of(struct stock_items items) {
  const struct reservation reservation = {.recorded = items};
  const char *text = reservation_text(arena, &reservation);
  return text ? text : "";
}

static struct stock_items items_of(const char *text) {
  return read_text(text).recorded;
}

static void texts_come_back_as_they_were(void) {
  static const char *const texts[] = {
      "a=1", "a=1 b=20 c=1000000000", "\n1 1548699678802091 a=1", "a=2\n1 9007199254740991 a=1 b=3\n2 1 c=4", "\n1 5 ",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct reservation reservation = read_text(texts[i]);
    CU_ASSERT_STRING_EQUAL(reservation_text(arena, &reservation), texts[i]);
  }
}

static void of_nothing_there_is_no_text(void) {
  struct reservation none = read_text(NULL), empty = read_text("");
  CU_ASSERT_PTR_NULL(reservation_text(arena, &none));
  CU_ASSERT_PTR_NULL(reservation_text(arena, &empty));
  CU_ASSERT_EQUAL(reservation_held(arena, &none).count, 0);
}

static void a_text_that_nobody_wrote_is_read_as_far_as_it_goes(void) {
  static const char *const texts[] = {" ",    "=", "a", "a= b", "\n", "\n\n\n", "\n1", "\n1 2", "a=1  b=2\n1 x y\n",
                                      "a=1=2"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct reservation reservation = read_text(texts[i]);
    (void)reservation_text(arena, &reservation);
    (void)reservation_held(arena, &reservation);
  }
  CU_ASSERT_STRING_EQUAL(text_of(items_of("b=2  a=1 x")), "a=1 b=2");
}

static void units_are_counted_by_product_in_any_form_and_order(void) {
  char *ids[] = {"bbbbbbbb-0000-4000-8000-000000000001", "AAAAAAAA-0000-4000-8000-000000000001",
                 "BBBBBBBB-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000001",
                 "aaaaaaaa-0000-4000-8000-000000000001"};
  CU_ASSERT_STRING_EQUAL(text_of(stock_items_of(arena, ids, 5)),
                         "aaaaaaaa-0000-4000-8000-000000000001=3 bbbbbbbb-0000-4000-8000-000000000001=2");
  CU_ASSERT_EQUAL(stock_items_of(arena, NULL, 0).count, 0);
}

static void a_quantity_is_found_by_product(void) {
  struct stock_items items = items_of("a=1 c=3"), none = {0};
  CU_ASSERT_EQUAL(stock_items_find(&items, "a"), 1);
  CU_ASSERT_EQUAL(stock_items_find(&items, "b"), 0);
  CU_ASSERT_EQUAL(stock_items_find(&items, "c"), 3);
  CU_ASSERT_EQUAL(stock_items_find(&none, "a"), 0);
}

static void held_is_the_largest_quantity_of_each_product(void) {
  struct reservation reservation = read_text("a=2 b=1\n1 5 a=1 b=3\n2 5 c=4\n3 5 b=2");
  CU_ASSERT_STRING_EQUAL(text_of(reservation_held(arena, &reservation)), "a=2 b=3 c=4");
}

static void a_difference_is_what_is_more_or_less_of_each_product(void) {
  static const char *const cases[][3] = {
      {"", "", ""},
      {"", "a=1 b=2", "a=1 b=2"},
      {"a=1 b=2", "", "a=-1 b=-2"},
      {"a=1 b=2", "a=1 b=2", ""},
      {"a=1 b=2 d=1", "b=5 c=3 d=1", "a=-1 b=3 c=3"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct stock_items before = items_of(cases[i][0]), after = items_of(cases[i][1]);
    CU_ASSERT_STRING_EQUAL(text_of(stock_items_difference(arena, &before, &after)), cases[i][2]);
  }
}

static void attempts_are_opened_found_and_closed(void) {
  struct reservation reservation = read_text("a=1\n1 5 a=1\n12 6 b=2");
  CU_ASSERT_PTR_NULL(reservation_attempt(&reservation, "2"));
  CU_ASSERT_EQUAL(reservation_attempt(&reservation, "12")->expire_log_time, 6);
  const struct attempt attempt = {"2", 7, items_of("c=3")};
  reservation_open(arena, &reservation, &attempt);
  CU_ASSERT_STRING_EQUAL(reservation_text(arena, &reservation), "a=1\n1 5 a=1\n12 6 b=2\n2 7 c=3");
  CU_ASSERT_TRUE(reservation_close(&reservation, "12"));
  CU_ASSERT_FALSE(reservation_close(&reservation, "12"));
  CU_ASSERT_STRING_EQUAL(reservation_text(arena, &reservation), "a=1\n1 5 a=1\n2 7 c=3");
  CU_ASSERT_TRUE(reservation_close(&reservation, "1"));
  CU_ASSERT_TRUE(reservation_close(&reservation, "2"));
  CU_ASSERT_STRING_EQUAL(reservation_text(arena, &reservation), "a=1");
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
      {"texts come back as they were", texts_come_back_as_they_were},
      {"of nothing there is no text", of_nothing_there_is_no_text},
      {"a text that nobody wrote is read as far as it goes", a_text_that_nobody_wrote_is_read_as_far_as_it_goes},
      {"units are counted by product, in any form and order", units_are_counted_by_product_in_any_form_and_order},
      {"a quantity is found by product", a_quantity_is_found_by_product},
      {"held is the largest quantity of each product", held_is_the_largest_quantity_of_each_product},
      {"a difference is what is more or less of each product", a_difference_is_what_is_more_or_less_of_each_product},
      {"attempts are opened, found and closed", attempts_are_opened_found_and_closed},
  };
  return suite_main("stock reservation", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
