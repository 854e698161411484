/* SPDX-License-Identifier: Apache-2.0 */
/* Prices of the v1 dialect: what is sent is what is stored. */
#include <inttypes.h>
#include <string.h>

#include "suite.h"
#include "v1_price.h"

static struct arena *arena;

static void euros_become_cents_exactly(void) {
  static const struct {
    const char *text;
    int64_t cents;
  } cases[] = {{"0", 0},
               {"12", 1200},
               {"12.3", 1230},
               {"12.34", 1234},
               {"0.07", 7},
               {"1.10", 110},
               {"12.3400", 1234},
               {"1e2", 10000},
               {"1.5E+1", 1500},
               {"1234e-2", 1234},
               {"-1.5", -150},
               {"-0", 0},
               {"0e999", 0},
               {"1e-2", 1},
               {"0.01e2", 100},
               {"10000000000", INT64_C(1000000000000)},
               {"9999999999.99", INT64_C(999999999999)}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t cents = -7;
    if (!v1_price_read(cases[i].text, &cents) || cents != cases[i].cents)
      printf("\n    %s: %" PRId64 "\n", cases[i].text, cents);
    CU_ASSERT_EQUAL(cents, cases[i].cents);
  }
}

static void what_is_no_such_number_is_refused(void) {
  static const char *const wrong[] = {"",
                                      "-",
                                      "1.",
                                      ".5",
                                      "01",
                                      "1e",
                                      "1e+",
                                      "1 ",
                                      "0x1",
                                      "12.345",
                                      "1e-3",
                                      "1e999",
                                      "1e14",
                                      "NaN",
                                      "1,5",
                                      "1e99999",
                                      "12.3400000000000001"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int64_t cents;
    bool taken = v1_price_read(wrong[i], &cents);
    if (taken) printf("\n    taken: %s\n", wrong[i]);
    CU_ASSERT_FALSE(taken);
  }
}

static void cents_become_euros(void) {
  CU_ASSERT_STRING_EQUAL(v1_price_text(arena, 0), "0");
  CU_ASSERT_STRING_EQUAL(v1_price_text(arena, 1200), "12");
  CU_ASSERT_STRING_EQUAL(v1_price_text(arena, 1230), "12.3");
  CU_ASSERT_STRING_EQUAL(v1_price_text(arena, 1234), "12.34");
  CU_ASSERT_STRING_EQUAL(v1_price_text(arena, 7), "0.07");
  CU_ASSERT_STRING_EQUAL(v1_price_text(arena, INT64_C(999999999999)), "9999999999.99");
}

static const char *quoted(const char *body) {
  size_t size;
  const char *made = v1_price_quote(arena, body, strlen(body), &size);
  CU_ASSERT_EQUAL(size, strlen(made));
  return made;
}

static void only_numbers_behind_the_name_price_are_quoted(void) {
  CU_ASSERT_STRING_EQUAL(quoted("[{\"price\": 12.34, \"amount\": 5}]"), "[{\"price\": \"12.34\", \"amount\": 5}]");
  CU_ASSERT_STRING_EQUAL(quoted("{\"price\"\n:\t1e2}"), "{\"price\"\n:\t\"1e2\"}");
  CU_ASSERT_STRING_EQUAL(quoted("{\"name\": \"price\", \"x\": 1}"), "{\"name\": \"price\", \"x\": 1}");
  CU_ASSERT_STRING_EQUAL(quoted("{\"name\": \"\\\"price\\\": 7\"}"), "{\"name\": \"\\\"price\\\": 7\"}");
  CU_ASSERT_STRING_EQUAL(quoted("{\"price\": \"7\"}"), "{\"price\": \"7\"}");
  CU_ASSERT_STRING_EQUAL(quoted("{\"price\": 7"), "{\"price\": \"7\"");
  CU_ASSERT_STRING_EQUAL(quoted("{\"price"), "{\"price");
  CU_ASSERT_STRING_EQUAL(quoted("\"a\\"), "\"a\\");
  CU_ASSERT_STRING_EQUAL(quoted("{\"price\":"), "{\"price\":");
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
      {"euros become cents exactly", euros_become_cents_exactly},
      {"what is no such number is refused", what_is_no_such_number_is_refused},
      {"cents become euros", cents_become_euros},
      {"only numbers behind the name price are quoted", only_numbers_behind_the_name_price_are_quoted},
  };
  return suite_main("gateway: prices of the v1 dialect", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
