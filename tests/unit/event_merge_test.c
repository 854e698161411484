/* SPDX-License-Identifier: Apache-2.0 */
/* The merge of several streams' pages by log time (store/event_merge.h), as pure logic. */
#include "store/event_merge.h"

#include <stdint.h>
#include <stdlib.h>

#include "suite.h"

#define PAGE 4

/* A stream as Redis holds it: ascending log times, read page by page. */
struct source {
  const int64_t *times;
  size_t count, read;
};

static void read_page(struct event_merge *merge, struct source *sources, size_t count) {
  bool read[8] = {false}, full[8] = {false};
  for (size_t i = 0; i < count; i++) {
    read[i] = event_merge_wants(merge, i);
    if (!read[i]) continue;
    size_t given = 0;
    for (; given < PAGE && sources[i].read < sources[i].count; given++) {
      event_merge_add(merge, i, sources[i].times[sources[i].read++], NULL);
    }
    full[i] = given == PAGE;
  }
  event_merge_read_done(merge, read, full);
}

/* Everything that may be handed out now; returns how many, checks that time never goes back. */
static size_t take_all(struct event_merge *merge, int64_t *last) {
  struct merge_entry entry;
  size_t stream, taken = 0;
  for (; event_merge_next(merge, &entry, &stream); taken++) {
    CU_ASSERT(entry.log_time > *last);
    *last = entry.log_time;
  }
  return taken;
}

static void test_orders_two_streams(void) {
  static const int64_t first[] = {10, 30}, second[] = {20, 40};
  struct source sources[] = {{first, 2, 0}, {second, 2, 0}};
  struct event_merge *merge = event_merge_new(2, PAGE);
  read_page(merge, sources, 2);
  static const size_t expected[] = {0, 1, 0, 1};
  for (int i = 0; i < 4; i++) {
    struct merge_entry entry = {0};
    size_t stream = 9;
    CU_ASSERT_TRUE(event_merge_next(merge, &entry, &stream));
    CU_ASSERT_EQUAL(entry.log_time, (i + 1) * 10);
    CU_ASSERT_EQUAL(stream, expected[i]);
  }
  CU_ASSERT_TRUE(event_merge_is_caught_up(merge));
  event_merge_free(merge);
}

static void test_full_page_holds_back_what_is_later(void) {
  static const int64_t created[] = {1, 2, 3, 4, 5, 6}, updated[] = {7, 8};
  struct source sources[] = {{created, 6, 0}, {updated, 2, 0}};
  struct event_merge *merge = event_merge_new(2, PAGE);
  int64_t last = 0;
  read_page(merge, sources, 2);
  CU_ASSERT_EQUAL(take_all(merge, &last), 4);
  CU_ASSERT_EQUAL(event_merge_held(merge), 2);
  CU_ASSERT_FALSE(event_merge_is_caught_up(merge));
  read_page(merge, sources, 2);
  CU_ASSERT_EQUAL(take_all(merge, &last), 4);
  CU_ASSERT_EQUAL(last, 8);
  CU_ASSERT_TRUE(event_merge_is_caught_up(merge));
  event_merge_free(merge);
}

static void test_stream_that_was_not_asked_counts_to_its_last(void) {
  static const int64_t early[] = {1, 2, 3, 4, 5, 6, 7, 8}, late[] = {11, 12, 13, 14, 15};
  struct source sources[] = {{early, 8, 0}, {late, 5, 0}};
  struct event_merge *merge = event_merge_new(2, PAGE);
  int64_t last = 0;
  read_page(merge, sources, 2);
  CU_ASSERT_EQUAL(take_all(merge, &last), 4);
  CU_ASSERT_TRUE(event_merge_wants(merge, 0));
  CU_ASSERT_FALSE(event_merge_wants(merge, 1));
  read_page(merge, sources, 2);
  CU_ASSERT_EQUAL(take_all(merge, &last), 4);
  read_page(merge, sources, 2);
  /* The first stream is complete; the second, which was not asked, is so up to 14 only. */
  CU_ASSERT_EQUAL(take_all(merge, &last), 4);
  CU_ASSERT_EQUAL(last, 14);
  CU_ASSERT_FALSE(event_merge_is_caught_up(merge));
  read_page(merge, sources, 2);
  CU_ASSERT_EQUAL(take_all(merge, &last), 1);
  CU_ASSERT_TRUE(event_merge_is_caught_up(merge));
  event_merge_free(merge);
}

/* The first stream holds a page and is not asked, though it was complete when the second's entry came. */
static void test_what_was_complete_stays_so(void) {
  static const int64_t first[] = {1, 2, 3, 4, 5}, second[] = {9};
  static const bool both[] = {true, true}, none[] = {false, false}, one[] = {false, true};
  struct event_merge *merge = event_merge_new(2, PAGE);
  int64_t last = 0;
  for (size_t i = 0; i < 3; i++) event_merge_add(merge, 0, first[i], NULL);
  event_merge_read_done(merge, both, none);
  for (size_t i = 3; i < 5; i++) event_merge_add(merge, 0, first[i], NULL);
  event_merge_add(merge, 1, second[0], NULL);
  event_merge_read_done(merge, both, none);
  CU_ASSERT_FALSE(event_merge_wants(merge, 0));
  event_merge_read_done(merge, one, none);
  CU_ASSERT_EQUAL(take_all(merge, &last), 6);
  event_merge_free(merge);
}

static void test_without_streams_all_is_read_to_the_clock(void) {
  struct event_merge *merge = event_merge_new(0, 2);
  CU_ASSERT_EQUAL(event_merge_read_to(merge, 20), 20);
  CU_ASSERT_TRUE(event_merge_is_caught_up(merge));
  event_merge_free(merge);
}

static void test_read_to_the_clock_where_all_is_complete(void) {
  static const int64_t created[] = {1, 2, 3, 4, 5, 6}, updated[] = {7, 8};
  struct source sources[] = {{created, 6, 0}, {updated, 2, 0}};
  struct event_merge *merge = event_merge_new(2, PAGE);
  int64_t last = 0;
  CU_ASSERT_EQUAL(event_merge_read_to(merge, 20), 0);
  read_page(merge, sources, 2);
  CU_ASSERT_EQUAL(event_merge_read_to(merge, 20), 4);
  CU_ASSERT_EQUAL(take_all(merge, &last), 4);
  read_page(merge, sources, 2);
  CU_ASSERT_EQUAL(event_merge_read_to(merge, 20), 20);
  /* The clock was asked before the last entries came. */
  CU_ASSERT_EQUAL(event_merge_read_to(merge, 5), 8);
  event_merge_free(merge);
}

static void test_nothing_is_handed_out_before_the_read_is_over(void) {
  static const bool read[] = {true}, full[] = {false};
  struct event_merge *merge = event_merge_new(1, PAGE);
  struct merge_entry entry;
  size_t stream;
  event_merge_read_done(merge, read, full);
  event_merge_add(merge, 0, 5, NULL);
  CU_ASSERT_FALSE(event_merge_next(merge, &entry, &stream));
  event_merge_read_done(merge, read, full);
  CU_ASSERT_TRUE(event_merge_next(merge, &entry, &stream));
  event_merge_free(merge);
}

static void test_fresh_merge_is_not_caught_up(void) {
  static const bool read[] = {true}, full[] = {false};
  struct event_merge *merge = event_merge_new(1, PAGE);
  CU_ASSERT_FALSE(event_merge_is_caught_up(merge));
  event_merge_read_done(merge, read, full);
  CU_ASSERT_TRUE(event_merge_is_caught_up(merge));
  event_merge_free(merge);
}

static void test_values_come_back(void) {
  static const bool read[] = {true}, full[] = {false};
  struct event_merge *merge = event_merge_new(1, 256);
  int values[500];
  for (int i = 0; i < 500; i++) event_merge_add(merge, 0, i + 1, &values[i]);
  event_merge_read_done(merge, read, full);
  for (int i = 0; i < 500; i++) {
    struct merge_entry entry = {0};
    size_t stream;
    CU_ASSERT_TRUE(event_merge_next(merge, &entry, &stream));
    CU_ASSERT_PTR_EQUAL(entry.value, &values[i]);
  }
  event_merge_free(merge);
}

/* Random skew: whatever the streams' sizes and gaps, everything comes once and in order, and reading always leads on.
 */
static void test_any_skew_comes_out_in_order(void) {
  srand(7);
  for (int round = 0; round < 300; round++) {
    int64_t times[3][60];
    struct source sources[3] = {{times[0], 0, 0}, {times[1], 0, 0}, {times[2], 0, 0}};
    int crowded = rand() % 3;
    for (int64_t time = 1; time <= 60; time++) {
      int stream = rand() % 4 ? crowded : rand() % 3;
      times[stream][sources[stream].count++] = time;
    }
    struct event_merge *merge = event_merge_new(3, PAGE);
    size_t taken = 0;
    int64_t last = 0;
    for (int reads = 0; reads < 60 && !event_merge_is_caught_up(merge); reads++) {
      read_page(merge, sources, 3);
      taken += take_all(merge, &last);
    }
    CU_ASSERT_EQUAL(taken, 60);
    CU_ASSERT_TRUE(event_merge_is_caught_up(merge));
    event_merge_free(merge);
  }
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"entries of two streams come out by log time", test_orders_two_streams},
      {"a full page holds back what is later than its last entry", test_full_page_holds_back_what_is_later},
      {"a stream that was not asked counts up to its last entry", test_stream_that_was_not_asked_counts_to_its_last},
      {"what was read when all streams were complete can be handed out", test_what_was_complete_stays_so},
      {"streams are read up to the clock where all are complete, else to the end of a page",
       test_read_to_the_clock_where_all_is_complete},
      {"without streams all is read up to the clock", test_without_streams_all_is_read_to_the_clock},
      {"nothing is handed out before the read is over", test_nothing_is_handed_out_before_the_read_is_over},
      {"a fresh merge is not caught up", test_fresh_merge_is_not_caught_up},
      {"the caller's values come back", test_values_come_back},
      {"any skew comes out once and in order", test_any_skew_comes_out_in_order},
  };
  return suite_main("event merge", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
