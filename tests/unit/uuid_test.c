/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include <string.h>

#include "suite.h"

static void test_random(void) {
  struct arena *arena = arena_new();
  const char *one = uuid_random(arena), *two = uuid_random(arena);
  CU_ASSERT(uuid_is_valid(one) && uuid_is_valid(two));
  CU_ASSERT_STRING_NOT_EQUAL(one, two);
  CU_ASSERT_EQUAL(one[14], '4');
  CU_ASSERT_PTR_NOT_NULL(strchr("89ab", one[19]));
  arena_free(arena);
}

static void test_derived(void) {
  struct arena *arena = arena_new();
  const char *id = uuid_derive_text(arena, "mail", "6f1c");
  CU_ASSERT(uuid_is_valid(id));
  CU_ASSERT_EQUAL(id[14], '5');
  CU_ASSERT_STRING_EQUAL(id, uuid_derive(arena, "mail", "6f1c", 4));
  CU_ASSERT_STRING_NOT_EQUAL(id, uuid_derive_text(arena, "mail", "6f1d"));
  CU_ASSERT_STRING_NOT_EQUAL(id, uuid_derive_text(arena, "order", "6f1c"));
  /* Purpose and bytes can't be mistaken for each other. */
  CU_ASSERT_STRING_NOT_EQUAL(uuid_derive_text(arena, "ab", "c"), uuid_derive_text(arena, "a", "bc"));
  CU_ASSERT(uuid_is_valid(uuid_derive(arena, "empty", NULL, 0)));
  arena_free(arena);
}

/* Ids that were derived once are in people's databases; computed independently with Python's uuid.uuid5. */
static void test_derived_is_pinned(void) {
  struct arena *arena = arena_new();
  CU_ASSERT_STRING_EQUAL(uuid_derive_text(arena, "mail", "6f1c"), "ed5bb6b6-4f04-51cd-b8c6-2194508edc42");
  arena_free(arena);
}

static void test_valid(void) {
  static const char *const valid[] = {"6f1c2a4e-0b1d-4c8e-9f00-123456789abc", "6F1C2A4E-0B1D-4C8E-9F00-123456789ABC",
                                      "00000000-0000-0000-0000-000000000000"};
  static const char *const invalid[] = {"",
                                        "6f1c2a4e",
                                        "6f1c2a4e-0b1d-4c8e-9f00-123456789ab",
                                        "6f1c2a4e-0b1d-4c8e-9f00-123456789abcd",
                                        "6f1c2a4e00b1d-4c8e-9f00-123456789abc",
                                        "6f1c2a4e-0b1d-4c8e-9f00-123456789abg",
                                        "6f1c2a4-e0b1d-4c8e-9f00-123456789abc",
                                        " f1c2a4e-0b1d-4c8e-9f00-123456789abc",
                                        "{f1c2a4e-0b1d-4c8e-9f00-12345678abc}",
                                        "6f1c2a4e-0b1d-4c8e-9f00-123456789ab\n"};
  for (size_t i = 0; i < SUITE_SIZE(valid); i++) CU_ASSERT(uuid_is_valid(valid[i]));
  for (size_t i = 0; i < SUITE_SIZE(invalid); i++) CU_ASSERT(!uuid_is_valid(invalid[i]));
  CU_ASSERT(!uuid_is_valid(NULL));
}

static void test_canonical(void) {
  struct arena *arena = arena_new();
  CU_ASSERT_STRING_EQUAL(uuid_canonical(arena, "6F1C2A4E-0B1D-4C8E-9F00-123456789ABC"),
                         "6f1c2a4e-0b1d-4c8e-9f00-123456789abc");
  CU_ASSERT_PTR_NULL(uuid_canonical(arena, "6f1c"));
  CU_ASSERT_PTR_NULL(uuid_canonical(arena, NULL));
  arena_free(arena);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"random ids are version 4 and differ", test_random},
      {"derived ids are version 5 and depend on purpose and bytes alone", test_derived},
      {"a derived id never changes from one build to the next", test_derived_is_pinned},
      {"only the 36 character form is valid, in either case", test_valid},
      {"the canonical form is lower case", test_canonical},
  };
  return suite_main("uuid", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
