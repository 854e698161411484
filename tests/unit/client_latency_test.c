/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generator measures. */
#include "base/clock.h"
#include "client/load/fsync_probe.h"
#include "client/load/latency.h"
#include "suite.h"

static void finds_percentiles(void) {
  struct latency latency = {.count = 0};
  for (int i = 10000; i > 0; i--) latency_add(&latency, i * 1000);
  CU_ASSERT_DOUBLE_EQUAL(latency_percentile(&latency, 50), 5000, 0.001);
  CU_ASSERT_DOUBLE_EQUAL(latency_percentile(&latency, 99), 9900, 0.001);
  CU_ASSERT_DOUBLE_EQUAL(latency_percentile(&latency, 100), 10000, 0.001);
  CU_ASSERT_DOUBLE_EQUAL(latency_percentile(&latency, 0), 1, 0.001);
  latency_clear(&latency);
}

static void bears_few_samples(void) {
  struct latency latency = {.count = 0};
  CU_ASSERT_EQUAL(latency_percentile(&latency, 50), 0);
  latency_add(&latency, 1500);
  CU_ASSERT_DOUBLE_EQUAL(latency_percentile(&latency, 1), 1.5, 0.001);
  CU_ASSERT_DOUBLE_EQUAL(latency_percentile(&latency, 99), 1.5, 0.001);
  latency_clear(&latency);
}

static void measures_a_disk(void) {
  struct arena *arena = arena_new();
  struct latency latency = {.count = 0};
  int64_t begun = clock_monotonic_us();
  CU_ASSERT_TRUE(status_is_ok(fsync_probe(arena, ".", 50, &latency)));
  CU_ASSERT_TRUE(latency.count > 0);
  CU_ASSERT_TRUE(clock_monotonic_us() - begun >= 50 * 1000);
  CU_ASSERT_TRUE(latency_percentile(&latency, 100) > 0);
  latency_clear(&latency);
  arena_free(arena);
}

static void names_a_folder_that_it_cannot_use(void) {
  struct arena *arena = arena_new();
  struct latency latency = {.count = 0};
  struct status status = fsync_probe(arena, "/nowhere", 50, &latency);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status.message, "/nowhere: No such file or directory");
  arena_free(arena);
}

static const struct test tests[] = {
    {"percentiles are those of the sorted samples", finds_percentiles},
    {"no sample and one sample have percentiles too", bears_few_samples},
    {"the disk is measured for the given time", measures_a_disk},
    {"a folder that can't be written to is named", names_a_folder_that_it_cannot_use},
};

int main(int argc, char **argv) {
  return suite_main("load generator", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
