/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plain_format.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

enum { ROOM = 64 };

static char room[ROOM];

static long write_into(size_t size, const char *format, ...) __attribute__((format(printf, 2, 3)));
static long write_into(size_t size, const char *format, ...) {
  va_list values;
  va_start(values, format);
  memset(room, 'x', sizeof room);
  long length = plain_format(room, size, format, values);
  va_end(values);
  return length;
}

/* As printf writes it. */
#define CHECK(...)                                                 \
  do {                                                             \
    char wanted[ROOM];                                             \
    int length = snprintf(wanted, sizeof wanted, __VA_ARGS__);     \
    CU_ASSERT_EQUAL(write_into(sizeof room, __VA_ARGS__), length); \
    CU_ASSERT_STRING_EQUAL(room, wanted);                          \
  } while (0)

static void test_writes_as_printf(void) {
  CHECK("%s", "");
  CHECK("plain");
  CHECK("%s_entity:%s", "customer", "5f1b1c6e");
  CHECK("%d %d %d %d", 0, 7, INT_MIN, INT_MAX);
  CHECK("%" PRId64 "-%" PRId64, INT64_C(1548699678802), INT64_C(91));
  CHECK("%" PRId64 "%" PRId64, INT64_MIN, INT64_MAX);
  CHECK("%lld", (long long)-5);
  CHECK("[%zu]", SIZE_MAX);
  CHECK("%s.%" PRIx64, "epoch", UINT64_MAX);
}

static void test_leaves_the_rest_to_printf(void) {
  CU_ASSERT_EQUAL(write_into(sizeof room, "%g", 1.5), -1);
  CU_ASSERT_EQUAL(write_into(sizeof room, "%5d", 1), -1);
  CU_ASSERT_EQUAL(write_into(sizeof room, "%.2s", "abc"), -1);
  CU_ASSERT_EQUAL(write_into(sizeof room, "100 %%"), -1);
  CU_ASSERT_EQUAL(write_into(sizeof room, "%u", 1u), -1);
}

static void test_leaves_what_is_too_long(void) {
  CU_ASSERT_EQUAL(write_into(4, "%s", "abc"), 3);
  CU_ASSERT_EQUAL(write_into(3, "%s", "abc"), -1);
  CU_ASSERT_EQUAL(write_into(3, "%d", 100), -1);
  CU_ASSERT_EQUAL(write_into(1, "%s", ""), 0);
  CU_ASSERT_EQUAL(write_into(0, "%s", ""), -1);
  CU_ASSERT_EQUAL(room[0], 'x');
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"texts and numbers are written as printf does", test_writes_as_printf},
      {"what has other conversions, or flags, is left to printf", test_leaves_the_rest_to_printf},
      {"what does not fit is left to printf, and nothing is written behind the room", test_leaves_what_is_too_long},
  };
  return suite_main("plain format", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
