/* SPDX-License-Identifier: Apache-2.0 */
/* Rates and percentiles between two readings of a service's status. */
#include "client/cli/output/status_rates.h"

#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

enum { BUCKETS = 4, SECOND_US = 1000000 };

/* A reading, with all that it points to: buckets up to 10 ms, 100 ms, 1 s, and the rest. */
struct made {
  Ordershop__V1__ServiceStatus status;
  Ordershop__V1__ConsumerStatus consumer;
  Ordershop__V1__CallStatus calls;
  Ordershop__V1__CallDurations buckets[BUCKETS], *list[BUCKETS];
  Google__Protobuf__Duration bounds[BUCKETS - 1];
  Google__Protobuf__Timestamp start;
};

static struct status_reading reading(struct made *made, int64_t us, const int64_t calls[BUCKETS]) {
  static const int32_t bounds_ms[BUCKETS - 1] = {10, 100, 1000};
  ordershop__v1__service_status__init(&made->status);
  ordershop__v1__consumer_status__init(&made->consumer);
  ordershop__v1__call_status__init(&made->calls);
  google__protobuf__timestamp__init(&made->start);
  made->start.seconds = 1548699678;
  for (int i = 0; i < BUCKETS; i++) {
    ordershop__v1__call_durations__init(&made->buckets[i]);
    made->buckets[i].calls = calls[i];
    made->calls.answered += calls[i];
    made->list[i] = &made->buckets[i];
    if (i == BUCKETS - 1) break;
    google__protobuf__duration__init(&made->bounds[i]);
    made->bounds[i].seconds = bounds_ms[i] / 1000;
    made->bounds[i].nanos = bounds_ms[i] % 1000 * 1000000;
    made->buckets[i].up_to = &made->bounds[i];
  }
  made->calls.durations = made->list;
  made->calls.n_durations = BUCKETS;
  made->status.instance = (char *)"host:1";
  made->status.start_time = &made->start;
  made->status.consumer = &made->consumer;
  made->status.calls = &made->calls;
  return (struct status_reading){.status = &made->status, .us = us};
}

static const int64_t none[BUCKETS] = {0};

/* What is told when these calls come within two seconds, on top of others. */
static struct status_rates rates_of(const int64_t calls[BUCKETS]) {
  static const int64_t earlier[BUCKETS] = {5, 6, 7, 8};
  int64_t later[BUCKETS];
  struct made one, other;
  for (int i = 0; i < BUCKETS; i++) later[i] = earlier[i] + calls[i];
  return status_rates_between(reading(&one, 7 * SECOND_US, earlier), reading(&other, 9 * SECOND_US, later));
}

static bool is_about(double value, double wanted) {
  return fabs(value - wanted) < 1e-9;
}

static void test_rates(void) {
  struct made one, other;
  struct status_reading before = reading(&one, 7 * SECOND_US, none);
  struct status_reading now = reading(&other, 9 * SECOND_US + SECOND_US / 2, (const int64_t[BUCKETS]){20, 5, 0, 0});
  one.calls.failed = 3;
  other.calls.failed = 4;
  one.consumer.handled_events = 100;
  other.consumer.handled_events = 150;
  struct status_rates rates = status_rates_between(before, now);
  CU_ASSERT_TRUE_FATAL(rates.known);
  CU_ASSERT(is_about(rates.seconds, 2.5));
  CU_ASSERT(is_about(rates.calls, 10));
  CU_ASSERT(is_about(rates.failed, 0.4));
  CU_ASSERT(is_about(rates.events, 20));
}

static void test_p99(void) {
  CU_ASSERT(is_about(rates_of((const int64_t[BUCKETS]){100, 0, 0, 0}).p99_seconds, 0.0099));
  CU_ASSERT(is_about(rates_of((const int64_t[BUCKETS]){99, 1, 0, 0}).p99_seconds, 0.010));
  CU_ASSERT(is_about(rates_of((const int64_t[BUCKETS]){98, 2, 0, 0}).p99_seconds, 0.055));
  CU_ASSERT(is_about(rates_of((const int64_t[BUCKETS]){0, 0, 1, 0}).p99_seconds, 0.991));
  CU_ASSERT_FALSE(rates_of((const int64_t[BUCKETS]){0, 0, 1, 0}).p99_is_more);
}

static void test_p99_beyond(void) {
  struct status_rates rates = rates_of((const int64_t[BUCKETS]){98, 0, 0, 2});
  CU_ASSERT(is_about(rates.p99_seconds, 1));
  CU_ASSERT_TRUE(rates.p99_is_more);
}

static void test_no_calls(void) {
  struct status_rates rates = rates_of(none);
  CU_ASSERT_TRUE(rates.known);
  CU_ASSERT_EQUAL(rates.calls, 0);
  CU_ASSERT(isnan(rates.p99_seconds));
}

static void test_unknown(void) {
  struct made one, other;
  struct status_reading nothing = {0}, before = reading(&one, 0, none), now = reading(&other, SECOND_US, none);
  CU_ASSERT_TRUE(status_rates_between(before, now).known);
  CU_ASSERT_FALSE(status_rates_between(nothing, now).known);
  CU_ASSERT_FALSE(status_rates_between(before, nothing).known);
  other.start.nanos = 1;
  CU_ASSERT_FALSE(status_rates_between(before, now).known);
  now = reading(&other, SECOND_US, none);
  other.status.instance = (char *)"host:2";
  CU_ASSERT_FALSE(status_rates_between(before, now).known);
  now = reading(&other, SECOND_US, none);
  other.status.calls = NULL;
  CU_ASSERT_FALSE(status_rates_between(before, now).known);
  now = reading(&other, 0, none);
  CU_ASSERT_FALSE(status_rates_between(before, now).known);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"rates are what figures have grown by, a second", test_rates},
      {"the 99th percentile is interpolated within its bucket, of the calls in between alone", test_p99},
      {"beyond the highest bound that is told, as the least", test_p99_beyond},
      {"without calls there is none", test_no_calls},
      {"without two answers of the same process nothing is known", test_unknown},
  };
  return suite_main("status rates", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
