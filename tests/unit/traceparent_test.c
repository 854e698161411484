/* SPDX-License-Identifier: Apache-2.0 */
#include "base/traceparent.h"

#include <string.h>

#include "suite.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void test_valid(void) {
  static const char *const valid[] = {"00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-01",
                                      "00-" TRACE "-" SPAN "-ff",
                                      "00-00000000000000000000000000000001-0000000000000001-00"};
  for (size_t i = 0; i < SUITE_SIZE(valid); i++) CU_ASSERT(traceparent_is_valid(valid[i]));
  CU_ASSERT(!traceparent_is_valid(NULL));
}

static void test_lengths(void) {
  static const char *const invalid[] = {"",
                                        "00",
                                        "00-" TRACE "-" SPAN "-0",
                                        "00-" TRACE "-" SPAN "-011",
                                        "00-" TRACE "-" SPAN "-01-",
                                        "00-" TRACE "0-" SPAN "-01",
                                        "00-" TRACE "-" SPAN,
                                        "00_" TRACE "-" SPAN "-01",
                                        "00-" TRACE "_" SPAN "-01",
                                        "00-" TRACE "-" SPAN "_01",
                                        " 00-" TRACE "-" SPAN "-01"};
  for (size_t i = 0; i < SUITE_SIZE(invalid); i++) CU_ASSERT(!traceparent_is_valid(invalid[i]));
}

static void test_digits(void) {
  static const char valid[] = "00-" TRACE "-" SPAN "-01";
  for (size_t i = 0; i < sizeof(valid) - 1; i++) {
    char text[sizeof(valid)];
    memcpy(text, valid, sizeof(valid));
    text[i] = 'A';
    CU_ASSERT(!traceparent_is_valid(text));
    text[i] = 'g';
    CU_ASSERT(!traceparent_is_valid(text));
  }
}

static void test_zero(void) {
  CU_ASSERT(!traceparent_is_valid("00-00000000000000000000000000000000-" SPAN "-01"));
  CU_ASSERT(!traceparent_is_valid("00-" TRACE "-0000000000000000-01"));
}

static void test_versions(void) {
  CU_ASSERT(traceparent_is_valid("01-" TRACE "-" SPAN "-01"));
  CU_ASSERT(traceparent_is_valid("fe-" TRACE "-" SPAN "-01-what.will.be"));
  CU_ASSERT(!traceparent_is_valid("01-" TRACE "-" SPAN "-01what.will.be"));
  CU_ASSERT(!traceparent_is_valid("ff-" TRACE "-" SPAN "-01"));
}

static void test_trace_id(void) {
  char id[TRACE_ID_SIZE];
  traceparent_trace_id("00-" TRACE "-" SPAN "-01", id);
  CU_ASSERT_STRING_EQUAL(id, TRACE);
}

static void expect_child(struct arena *arena, const char *parent, const char *flags) {
  const char *child = traceparent_child(arena, parent);
  CU_ASSERT_FATAL(traceparent_is_valid(child));
  CU_ASSERT_EQUAL(strncmp(child, "00-" TRACE "-", 36), 0);
  CU_ASSERT_NOT_EQUAL(strncmp(child + 36, SPAN, 16), 0);
  CU_ASSERT_STRING_EQUAL(child + 52, flags);
}

static void test_child(void) {
  struct arena *arena = arena_new();
  expect_child(arena, "00-" TRACE "-" SPAN "-01", "-01");
  expect_child(arena, "00-" TRACE "-" SPAN "-00", "-00");
  expect_child(arena, "00-" TRACE "-" SPAN "-fe", "-00");
  expect_child(arena, "01-" TRACE "-" SPAN "-03-more", "-01");
  const char *one = traceparent_child(arena, "00-" TRACE "-" SPAN "-01");
  CU_ASSERT_STRING_NOT_EQUAL(one, traceparent_child(arena, "00-" TRACE "-" SPAN "-01"));
  CU_ASSERT_PTR_NULL(traceparent_child(arena, "00-" TRACE "-" SPAN "-1"));
  CU_ASSERT_PTR_NULL(traceparent_child(arena, NULL));
  arena_free(arena);
}

static void test_parse(void) {
  struct arena *arena = arena_new();
  struct trace_ids ids;
  CU_ASSERT(!traceparent_parse(NULL, &ids));
  CU_ASSERT(!traceparent_parse("00-" TRACE "-" SPAN "-0", &ids));
  CU_ASSERT_FATAL(traceparent_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", &ids));
  CU_ASSERT(ids.sampled);
  CU_ASSERT_EQUAL(ids.trace[0], 0x0a);
  CU_ASSERT_EQUAL(ids.trace[15], 0x9c);
  CU_ASSERT_EQUAL(ids.span[7], 0x31);
  CU_ASSERT_STRING_EQUAL(traceparent_text(arena, &ids), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  CU_ASSERT_FATAL(traceparent_parse("00-" TRACE "-" SPAN "-02", &ids));
  CU_ASSERT(!ids.sampled);
  CU_ASSERT_STRING_EQUAL(traceparent_text(arena, &ids), "00-" TRACE "-" SPAN "-00");
  arena_free(arena);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"version 00 with two ids and any flags is valid", test_valid},
      {"any other length, and another separator, is not", test_lengths},
      {"all but lower-case hex is not", test_digits},
      {"an id of zeros alone is not", test_zero},
      {"a later version may go on behind a hyphen, and ff is none", test_versions},
      {"the trace id is had alone", test_trace_id},
      {"it is read into bytes and written again, and what is not valid is not read", test_parse},
      {"a child has the trace, a span of its own, and the known flag", test_child},
  };
  return suite_main("traceparent", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
