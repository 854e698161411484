/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/timers.h"

#include <stdbool.h>
#include <stdlib.h>

#include "suite.h"

enum { COUNT = 2000 };

static struct timer all[COUNT];

/* A repeatable sequence of numbers that look random. */
static uint32_t next_number(void) {
  static uint32_t state = 12345;
  state = state * 1664525 + 1013904223;
  return state >> 8;
}

static void add_all(struct timers *timers) {
  for (int i = 0; i < COUNT; i++) timers_add(timers, &all[i], next_number() % 500);
}

/* Takes all timers out, and says how many there were; -1 if they came in the wrong order. */
static int drain(struct timers *timers) {
  int count = 0;
  int64_t last = INT64_MIN;
  struct timer *first;
  while ((first = timers_first(timers))) {
    if (first->deadline_us < last) return -1;
    last = first->deadline_us;
    timers_remove(timers, first);
    count++;
  }
  return count;
}

static void test_order(void) {
  struct timers timers = {0};
  CU_ASSERT_PTR_NULL(timers_first(&timers));
  add_all(&timers);
  CU_ASSERT_EQUAL(drain(&timers), COUNT);
  timers_clear(&timers);
}

static void test_remove(void) {
  struct timers timers = {0};
  add_all(&timers);
  int left = COUNT;
  for (int i = 0; i < COUNT; i++) {
    if (next_number() % 4 == 0) continue;
    timers_remove(&timers, &all[i]);
    timers_remove(&timers, &all[i]); /* once more does nothing */
    left--;
  }
  CU_ASSERT_EQUAL(drain(&timers), left);
  timers_clear(&timers);
}

static int64_t earliest_of(const bool *is_in) {
  int64_t earliest = INT64_MAX;
  for (int i = 0; i < COUNT; i++) {
    if (is_in[i] && all[i].deadline_us < earliest) earliest = all[i].deadline_us;
  }
  return earliest;
}

static void test_mixed(void) {
  struct timers timers = {0};
  bool is_in[COUNT] = {false};
  size_t wrong = 0;
  for (int step = 0; step < 5000; step++) {
    uint32_t i = next_number() % COUNT;
    if (is_in[i]) {
      timers_remove(&timers, &all[i]);
    } else {
      timers_add(&timers, &all[i], next_number() % 1000);
    }
    is_in[i] = !is_in[i];
    const struct timer *first = timers_first(&timers);
    wrong += (first ? first->deadline_us : INT64_MAX) != earliest_of(is_in);
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT(drain(&timers) > 0);
  timers_clear(&timers);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"timers come out in the order of their deadlines", test_order},
      {"a timer can be removed wherever it is", test_remove},
      {"the first is the earliest after every change", test_mixed},
  };
  return suite_main("timers", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
