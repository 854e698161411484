/* SPDX-License-Identifier: Apache-2.0 */
/* How amounts are changed by callers, and how inventories are written then. */
#include <inttypes.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "in_coroutine.h"
#include "inventory_id.h"
#include "stock_fixture.h"
#include "store/log_clock.h"
#include "store/log_time.h"
#include "suite.h"

static const struct units TEN = {{10, 10, 10}};

static struct stock_adjustment of_first(struct stock_fixture *fixture, enum stock_adjustment_kind change,
                                        int64_t number, int64_t version) {
  struct arena *arena = fixture->context->arena;
  return (struct stock_adjustment){.inventory_id = inventory_id(arena, product_id(arena, 0)),
                                   .change = change,
                                   .number = number,
                                   .version = version};
}

static struct stock_adjusted adjust(struct stock_fixture *fixture, enum stock_adjustment_kind change, int64_t number,
                                    int64_t version, const struct request_record *record) {
  const struct stock_adjustment adjustment = of_first(fixture, change, number, version);
  struct stock_adjusted adjusted = {0};
  struct status status = stock_adjust(fixture->stock, fixture->context, &adjustment, record, &adjusted);
  CU_ASSERT_FATAL(status_is_ok(status));
  return adjusted;
}

static const struct request_record NO_RECORD = {0};

static void assert_first(struct stock_fixture *fixture, int64_t amount, int64_t version) {
  struct figures figures = figures_of(fixture, 0);
  CU_ASSERT_EQUAL(figures.amount, amount);
  CU_ASSERT_EQUAL(figures.version, version);
}

static void changes(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct stock_adjusted adjusted = adjust(fixture, STOCK_ADD, 5, 0, &NO_RECORD);
  CU_ASSERT_EQUAL(adjusted.outcome, STOCK_DONE);
  const Ordershop__V1__Inventory *inventory = message_unpack(context->arena, &ordershop__v1__inventory__descriptor,
                                                             adjusted.inventory, adjusted.inventory_size);
  CU_ASSERT_EQUAL(inventory->amount, 15);
  CU_ASSERT_EQUAL(inventory->version, 2);
  CU_ASSERT(adjusted.position.log_time > 0 && *adjusted.position.epoch);
  assert_first(fixture, 15, 2);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, -15, 0, &NO_RECORD).outcome, STOCK_DONE);
  assert_first(fixture, 0, 3);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_SET, 1000000000, 3, &NO_RECORD).outcome, STOCK_DONE);
  assert_first(fixture, 1000000000, 4);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void no_change(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_SET, 10, 1, &NO_RECORD).outcome, STOCK_DONE);
  struct stock_adjusted kept = adjust(fixture, STOCK_KEEP, 77, 0, &NO_RECORD);
  CU_ASSERT_EQUAL(kept.outcome, STOCK_DONE);
  CU_ASSERT(kept.position.log_time > 0 && kept.inventory_size > 0);
  assert_first(fixture, 10, 1);
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "EXISTS", "events:inventory_updated", NULL), "0");
  stock_fixture_close(fixture);
}

static void refusals(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct stock_adjusted adjusted = adjust(fixture, STOCK_ADD, -11, 0, &NO_RECORD);
  CU_ASSERT_EQUAL(adjusted.outcome, STOCK_OUT_OF_RANGE);
  CU_ASSERT_EQUAL(adjusted.actual, 10);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, 999999991, 0, &NO_RECORD).outcome, STOCK_OUT_OF_RANGE);
  adjusted = adjust(fixture, STOCK_SET, 5, 2, &NO_RECORD);
  CU_ASSERT_EQUAL(adjusted.outcome, STOCK_OTHER_VERSION);
  CU_ASSERT_EQUAL(adjusted.actual, 1);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_KEEP, 0, 2, &NO_RECORD).outcome, STOCK_OTHER_VERSION);
  assert_first(fixture, 10, 1);
  private_redis_command(stock_redis(), "FLUSHALL");
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, 1, 0, &NO_RECORD).outcome, STOCK_MISSING);
  stock_fixture_close(fixture);
}

/* Giving back is never refused; from above the limit the amount may only go down. */
static void above_the_limit(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, TEN, later(fixture))));
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_SET, 1000000000, 0, &NO_RECORD).outcome, STOCK_DONE);
  release(fixture, 1, 1);
  CU_ASSERT_EQUAL(figures_of(fixture, 0).amount, 1000000010);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, 1, 0, &NO_RECORD).outcome, STOCK_OUT_OF_RANGE);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, -5, 0, &NO_RECORD).outcome, STOCK_DONE);
  CU_ASSERT_EQUAL(figures_of(fixture, 0).amount, 1000000005);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static struct request_record record_of(struct stock_fixture *fixture, const char *request_id, int64_t delta) {
  struct arena *arena = fixture->context->arena;
  Ordershop__V1__AdjustStockRequest request = ORDERSHOP__V1__ADJUST_STOCK_REQUEST__INIT;
  request.product_id = (char *)product_id(arena, 0);
  request.delta = delta;
  return request_record_of(fixture->store, arena, "AdjustStock", &request, request_id);
}

static void repeated_request(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct request_record record = record_of(fixture, "33333333-0000-4000-8000-000000000001", 5);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, 5, 0, &record).outcome, STOCK_DONE);
  struct stock_adjusted again = adjust(fixture, STOCK_ADD, 5, 0, &record);
  CU_ASSERT_EQUAL(again.outcome, STOCK_REPLAYED);
  assert_first(fixture, 15, 2);
  struct request_trace trace;
  struct status status = request_record_read(&record, context->arena, again.record, again.record_size, &trace);
  CU_ASSERT_FATAL(status_is_ok(status));
  const void *answer;
  status = request_trace_entities(&trace, fixture->store, context, "inventory_updated",
                                  &ordershop__v1__inventory__descriptor, 1, &answer);
  CU_ASSERT_FATAL(status_is_ok(status));
  CU_ASSERT_EQUAL(((const Ordershop__V1__Inventory *)answer)->amount, 15);
  const char *key = strstr(record.key, "inventory_request:");
  CU_ASSERT(atoll(redis_text(fixture, "PTTL", key, NULL)) > 3500 * 1000);

  /* the record comes before every refusal */
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, -500, 0, &record).outcome, STOCK_REPLAYED);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_SET, 5, 9, &record).outcome, STOCK_REPLAYED);
  assert_first(fixture, 15, 2);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void repeated_without_change(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct request_record record = record_of(fixture, "33333333-0000-4000-8000-000000000002", 5);
  struct stock_adjusted first = adjust(fixture, STOCK_SET, 10, 0, &record);
  CU_ASSERT_EQUAL(first.outcome, STOCK_DONE);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, 1, 0, &NO_RECORD).outcome, STOCK_DONE);
  struct stock_adjusted again = adjust(fixture, STOCK_SET, 10, 0, &record);
  CU_ASSERT_EQUAL(again.outcome, STOCK_REPLAYED);
  struct request_trace trace;
  struct status status = request_record_read(&record, context->arena, again.record, again.record_size, &trace);
  CU_ASSERT_FATAL(status_is_ok(status));
  CU_ASSERT_EQUAL_FATAL(trace.answer_size, first.inventory_size);
  CU_ASSERT(memcmp(trace.answer, first.inventory, first.inventory_size) == 0);
  stock_fixture_close(fixture);
}

static void refused_request(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct request_record record = record_of(fixture, "33333333-0000-4000-8000-000000000003", -20);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, -20, 0, &record).outcome, STOCK_OUT_OF_RANGE);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, 20, 0, &NO_RECORD).outcome, STOCK_DONE);
  CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, -20, 0, &record).outcome, STOCK_DONE);
  assert_first(fixture, 10, 3);
  stock_fixture_close(fixture);
}

/* figures_of compares the written update_time with the packed one. */
static void dates(struct context *context) {
  static const char *const days[][2] = {
      {"4070908799999-999", "2098-12-31T23:59:59.999999Z"}, {"4107542399999-999", "2100-02-28T23:59:59.999999Z"},
      {"4107542400000-0", "2100-03-01T00:00:00.000000Z"},   {"4233643200000-42", "2104-02-28T12:00:00.000042Z"},
      {"4233772799000-7", "2104-02-29T23:59:59.000007Z"},   {"4233776523000-7", "2104-03-01T01:02:03.000007Z"},
      {"6873148800000-0", "2187-10-20T08:00:00.000000Z"},   {"7258118400000-1", "2200-01-01T00:00:00.000001Z"},
  };
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  const char *inventory =
      arena_printf(context->arena, "inventory_entity:%s", inventory_id(context->arena, product_id(context->arena, 0)));
  for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
    int64_t log_time = 0;
    CU_ASSERT(log_time_parse(days[i][0], &log_time));
    set_clock(fixture, log_time);
    struct position now;
    CU_ASSERT(status_is_ok(clock_read(fixture->store, context, &now)));
    CU_ASSERT_EQUAL(adjust(fixture, STOCK_ADD, 1, 0, &NO_RECORD).outcome, STOCK_DONE);
    CU_ASSERT_STRING_EQUAL(redis_text(fixture, "HGET", inventory, "update_time"), days[i][1]);
    figures_of(fixture, 0);
  }
  stock_fixture_close(fixture);
}

/* Numbers of every size that the packed form tells apart. */
static void sizes(struct context *context) {
  static const int64_t amounts[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455, 268435456, 1000000000};
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
    CU_ASSERT_EQUAL(adjust(fixture, STOCK_SET, amounts[i], 0, &NO_RECORD).outcome, STOCK_DONE);
    assert_first(fixture, amounts[i], (int64_t)i + 2);
  }
  for (int i = 0; i < 300; i++) adjust(fixture, STOCK_ADD, i % 2 ? 1 : -1, 0, &NO_RECORD);
  assert_first(fixture, 1000000000, 312);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

#define TEST(function)                \
  static void test_##function(void) { \
    in_coroutine(function);           \
  }
TEST(changes)
TEST(no_change)
TEST(refusals)
TEST(above_the_limit)
TEST(repeated_request)
TEST(repeated_without_change)
TEST(refused_request)
TEST(dates)
TEST(sizes)

static const struct test tests[] = {
    {"an adjustment changes amount and version and tells the inventory", test_changes},
    {"without a change there is neither event nor version", test_no_change},
    {"an amount beyond 0 to 10^9, another version and no stock are refused", test_refusals},
    {"what is given back may lift the amount above the limit", test_above_the_limit},
    {"a repeated request is answered as the first time", test_repeated_request},
    {"a repeated request that changed nothing is answered as the first time", test_repeated_without_change},
    {"a refused request is not remembered", test_refused_request},
    {"times read as the entity store writes them", test_dates},
    {"numbers of every size are packed", test_sizes},
};

int main(int argc, char **argv) {
  return suite_main("stock adjust", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
