/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include <string.h>

#include "suite.h"

static struct arena *arena;

static const char *rendered(void) {
  size_t size;
  const char *text = metrics_render(arena, "coupon", &size);
  CU_ASSERT_EQUAL(strlen(text), size);
  return text;
}

static bool tells(const char *line) {
  if (strstr(rendered(), line)) return true;
  printf("\nnot told: %sin\n%s", line, rendered());
  return false;
}

static void counter_is_told_with_help_and_type(void) {
  static const struct metric redeemed = {
      .name = "redeemed_total", .help = "Coupons\nthat were \\redeemed.", .kind = METRIC_COUNTER};
  uint64_t *value = metric_counter(&redeemed, NULL);
  CU_ASSERT_TRUE(tells("coupon_redeemed_total 0\n"));
  *value += 3;
  CU_ASSERT_TRUE(
      tells("# HELP coupon_redeemed_total Coupons\\nthat were \\\\redeemed.\n"
            "# TYPE coupon_redeemed_total counter\n"
            "coupon_redeemed_total 3\n"));
}

static void counter_tells_more_than_a_double_could(void) {
  static const struct metric big = {.name = "big_total", .help = "Big.", .kind = METRIC_COUNTER};
  *metric_counter(&big, NULL) = UINT64_MAX;
  CU_ASSERT_TRUE(tells("coupon_big_total 18446744073709551615\n"));
}

static void shared_name_has_no_brand(void) {
  static const struct metric shared = {
      .name = "process_things", .help = "Things.", .kind = METRIC_GAUGE, .is_shared = true};
  *metric_gauge(&shared, NULL) = -7;
  CU_ASSERT_TRUE(tells("\nprocess_things -7\n"));
}

static void unknown_gauge_is_no_number(void) {
  static const struct metric lag = {.name = "lag_seconds", .help = "Lag.", .kind = METRIC_GAUGE, .unit = 1e-6};
  int64_t *value = metric_gauge(&lag, NULL);
  *value = METRIC_UNKNOWN;
  CU_ASSERT_TRUE(tells("\ncoupon_lag_seconds NaN\n"));
  *value = 1500000;
  CU_ASSERT_TRUE(tells("\ncoupon_lag_seconds 1.5\n"));
}

static void same_labels_give_the_same_value(void) {
  static const struct metric sold = {
      .name = "sold_total", .help = "Sold.", .kind = METRIC_COUNTER, .labels = {"shop", "kind"}};
  static const struct metric sold_elsewhere = {
      .name = "sold_total", .help = "Sold.", .kind = METRIC_COUNTER, .labels = {"shop", "kind"}};
  uint64_t *one = metric_counter(&sold, (const char *const[]){"town", "big"});
  uint64_t *other = metric_counter(&sold, (const char *const[]){"town", "small"});
  CU_ASSERT_PTR_NOT_EQUAL(one, other);
  CU_ASSERT_PTR_EQUAL(one, metric_counter(&sold, (const char *const[]){"town", "big"}));
  CU_ASSERT_PTR_EQUAL(one, metric_counter(&sold_elsewhere, (const char *const[]){"town", "big"}));
  *one = 1;
  *other = 2;
  CU_ASSERT_TRUE(
      tells("coupon_sold_total{shop=\"town\",kind=\"big\"} 1\n"
            "coupon_sold_total{shop=\"town\",kind=\"small\"} 2\n"));
}

static void last_label_has_an_array(void) {
  static const struct metric ended = {
      .name = "ended_total", .help = "Ended.", .kind = METRIC_COUNTER, .labels = {"shop", "code"}};
  static const char *const codes[] = {"well", "badly"};
  uint64_t *values = metric_counters(&ended, (const char *const[]){"town"}, codes, 2);
  values[1] = 5;
  CU_ASSERT_PTR_EQUAL(values, metric_counters(&ended, (const char *const[]){"town"}, codes, 2));
  CU_ASSERT_PTR_EQUAL(&values[1], metric_counter(&ended, (const char *const[]){"town", "badly"}));
  CU_ASSERT_TRUE(
      tells("coupon_ended_total{shop=\"town\",code=\"well\"} 0\n"
            "coupon_ended_total{shop=\"town\",code=\"badly\"} 5\n"));
}

static void label_values_are_escaped_and_copied(void) {
  static const struct metric odd = {.name = "odd", .help = "Odd \"things\".", .kind = METRIC_GAUGE, .labels = {"name"}};
  char name[] = "a \"b\" \\ c\nd";
  metric_gauge(&odd, (const char *const[]){name});
  memset(name, 'x', sizeof name - 1);
  CU_ASSERT_TRUE(tells("# HELP coupon_odd Odd \"things\".\n"));
  CU_ASSERT_TRUE(tells("coupon_odd{name=\"a \\\"b\\\" \\\\ c\\nd\"} 0\n"));
}

static void histogram_adds_its_buckets_up(void) {
  static const struct metric took = {.name = "took_seconds",
                                     .help = "Took.",
                                     .kind = METRIC_HISTOGRAM,
                                     .unit = 1e-6,
                                     .labels = {"shop"},
                                     .bounds = {5000, 10000, 2500000}};
  struct metric_histogram *histogram = metric_histogram(&took, (const char *const[]){"town"});
  const int64_t values[] = {0, 5000, 5001, 10000, 2500001};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) metric_observe(histogram, values[i]);
  CU_ASSERT_TRUE(
      tells("# TYPE coupon_took_seconds histogram\n"
            "coupon_took_seconds_bucket{shop=\"town\",le=\"0.005\"} 2\n"
            "coupon_took_seconds_bucket{shop=\"town\",le=\"0.01\"} 4\n"
            "coupon_took_seconds_bucket{shop=\"town\",le=\"2.5\"} 4\n"
            "coupon_took_seconds_bucket{shop=\"town\",le=\"+Inf\"} 5\n"
            "coupon_took_seconds_sum{shop=\"town\"} 2.520002\n"
            "coupon_took_seconds_count{shop=\"town\"} 5\n"));
}

static void histogram_may_have_all_bounds_and_no_labels(void) {
  static const struct metric sizes = {.name = "sizes",
                                      .help = "Sizes.",
                                      .kind = METRIC_HISTOGRAM,
                                      .bounds = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
  struct metric_histogram *histogram = metric_histogram(&sizes, NULL);
  metric_observe(histogram, 16);
  metric_observe(histogram, INT64_MAX / 2);
  CU_ASSERT_TRUE(
      tells("coupon_sizes_bucket{le=\"15\"} 0\ncoupon_sizes_bucket{le=\"16\"} 1\n"
            "coupon_sizes_bucket{le=\"+Inf\"} 2\n"));
}

static void order_is_by_name(void) {
  static const struct metric zebra = {.name = "zebra", .help = "Z.", .kind = METRIC_GAUGE};
  static const struct metric aardvark = {.name = "aardvark", .help = "A.", .kind = METRIC_GAUGE};
  metric_gauge(&zebra, NULL);
  metric_gauge(&aardvark, NULL);
  const char *text = rendered();
  CU_ASSERT_TRUE(strstr(text, "coupon_aardvark 0") < strstr(text, "coupon_zebra 0"));
  CU_ASSERT_STRING_EQUAL(text, rendered());
}

static int64_t *collected;

static void collect(void *argument) {
  (*collected) += *(int *)argument;
}

static void collector_sets_values_when_they_are_read(void) {
  static const struct metric level = {.name = "level", .help = "Level.", .kind = METRIC_GAUGE};
  static int step = 2;
  collected = metric_gauge(&level, NULL);
  metrics_collect(collect, &step);
  CU_ASSERT_TRUE(strstr(rendered(), "coupon_level 2\n") != NULL);
  CU_ASSERT_TRUE(strstr(rendered(), "coupon_level 4\n") != NULL);
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
      {"a counter is told under the brand's name, with help and type", counter_is_told_with_help_and_type},
      {"a counter is told exactly, however large", counter_tells_more_than_a_double_could},
      {"a shared name has no brand before it", shared_name_has_no_brand},
      {"a gauge that is not known is told as no number", unknown_gauge_is_no_number},
      {"the same labels give the same value", same_labels_give_the_same_value},
      {"the values of the last label are an array", last_label_has_an_array},
      {"values of labels are escaped, and copied", label_values_are_escaped_and_copied},
      {"a histogram's buckets add up, in the metric's unit", histogram_adds_its_buckets_up},
      {"a histogram may have as many bounds as there is room for", histogram_may_have_all_bounds_and_no_labels},
      {"metrics are told by name, each time in the same order", order_is_by_name},
      {"a collector sets values when they are read", collector_sets_values_when_they_are_read},
  };
  return suite_main("metrics", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
