/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "suite.h"

static void test_monotonic(void) {
  int64_t before = clock_monotonic_us();
  while (clock_monotonic_us() == before) continue;
  CU_ASSERT(clock_monotonic_us() > before);
}

static void test_wall(void) {
  int64_t before = (int64_t)time(NULL) - 1; /* time() may lag by a tick */
  int64_t now = clock_wall_us() / 1000000;
  CU_ASSERT(now >= before && now <= before + 10);
}

/* Against the C library, over five hundred years and around their turns. */
static void test_text(void) {
  const int64_t us_per_day = INT64_C(86400) * 1000000;
  size_t wrong = 0;
  for (int64_t day = -36525; day < 150000; day++) {
    int64_t us = day * us_per_day + (day * 7919000017) % us_per_day;
    time_t seconds = (time_t)(us / 1000000 - (us % 1000000 < 0));
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char text[CLOCK_TEXT_SIZE], expected[64];
    size_t size = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(expected + size, sizeof(expected) - size, ".%06dZ", (int)(us - seconds * 1000000));
    clock_text(us, text);
    wrong += strcmp(text, expected) != 0;
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

static void test_timestamps(void) {
  static const struct {
    int64_t us, seconds;
    int32_t nanos;
  } cases[] = {
      {0, 0, 0},           {1, 0, 1000},      {1548699678802091, 1548699678, 802091000},
      {-1, -1, 999999000}, {-1000000, -1, 0}, {-1000001, -2, 999999000},
  };
  struct arena *arena = arena_new();
  for (size_t i = 0; i < SUITE_SIZE(cases); i++) {
    Google__Protobuf__Timestamp *timestamp = timestamp_new(arena, cases[i].us);
    CU_ASSERT_EQUAL(timestamp->seconds, cases[i].seconds);
    CU_ASSERT_EQUAL(timestamp->nanos, cases[i].nanos);
    CU_ASSERT_EQUAL(timestamp_unix_us(timestamp), cases[i].us);
  }
  arena_free(arena);
}

static void test_extremes(void) {
  Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  timestamp.seconds = INT64_MAX;
  CU_ASSERT_EQUAL(timestamp_unix_us(&timestamp), INT64_MAX);
  timestamp.seconds = INT64_MIN;
  CU_ASSERT_EQUAL(timestamp_unix_us(&timestamp), INT64_MIN);
  CU_ASSERT_EQUAL(timestamp_unix_us(NULL), 0);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"the monotonic clock goes on", test_monotonic},
      {"the wall clock says what the time is", test_wall},
      {"times are written as the C library writes them, leap days and times before 1970 too", test_text},
      {"timestamps keep microseconds, before 1970 too", test_timestamps},
      {"a timestamp beyond 64 bits of microseconds is cut to their end", test_extremes},
  };
  return suite_main("clock", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
