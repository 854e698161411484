/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored of an order or a product is damaged: that order and that product fail, and no others. */
#include "in_coroutine.h"
#include "inventory_id.h"
#include "stock_fixture.h"
#include "suite.h"

static const struct units TEN = {{10, 10, 10}}, NONE = {{0, 0, 0}};
static const struct units FIRST = {{1, 0, 0}}, SECOND = {{0, 1, 0}}, THIRD = {{0, 0, 1}};

static const char *reservation_key(struct stock_fixture *fixture, int order) {
  struct arena *arena = fixture->context->arena;
  return redis_key(fixture->store->commands, arena, "inventory_reservation:%s", order_id(arena, order));
}

static const char *inventory_key(struct stock_fixture *fixture, int product) {
  struct arena *arena = fixture->context->arena;
  return redis_key(fixture->store->commands, arena, "inventory_entity:%s",
                   inventory_id(arena, product_id(arena, product)));
}

static void make_another_kind(const char *key) {
  private_redis_command(stock_redis(), "DEL %s", key);
  private_redis_command(stock_redis(), "SADD %s member", key);
}

static void assert_undecodable(struct status status) {
  CU_ASSERT_EQUAL(status.code, STATUS_DATA_LOSS);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "ENTITY_UNDECODABLE");
}

static void another_kind(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  make_another_kind(reservation_key(fixture, 1));
  assert_undecodable(reserve(fixture, 1, 1, FIRST, later(fixture)));
  const struct event *created = record(fixture, "order_created", 1, 1, FIRST);
  assert_undecodable(settle(fixture, &created, 1));
  CU_ASSERT(status_is_ok(reserve(fixture, 2, 2, FIRST, later(fixture))));
  make_another_kind(inventory_key(fixture, 1));
  assert_undecodable(reserve(fixture, 3, 3, SECOND, later(fixture)));
  CU_ASSERT(status_is_ok(reserve(fixture, 3, 3, THIRD, later(fixture))));
  stock_fixture_close(fixture);
}

static int64_t attempts(struct stock_fixture *fixture) {
  return private_redis_number(stock_redis(), "ZCARD %s",
                              redis_key(fixture->store->commands, fixture->context->arena, "inventory_attempts"));
}

static void others_expire(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, FIRST, later(fixture))));
  CU_ASSERT(status_is_ok(reserve(fixture, 2, 2, SECOND, later(fixture))));
  CU_ASSERT(status_is_ok(reserve(fixture, 3, 3, THIRD, later(fixture))));
  const char *first = inventory_key(fixture, 0), *second = reservation_key(fixture, 2);
  private_redis_command(stock_redis(), "RENAME %s %s:aside", first, first);
  private_redis_command(stock_redis(), "HSET %s _entity x", first);
  private_redis_command(stock_redis(), "RENAME %s %s:aside", second, second);
  make_another_kind(second);
  int64_t end = later(fixture) + 1000;
  pass(fixture, end);
  CU_ASSERT_EQUAL(figures_of(fixture, 2).reserved, 0);
  CU_ASSERT_EQUAL(attempts(fixture), 2);
  private_redis_command(stock_redis(), "RENAME %s:aside %s", first, first);
  private_redis_command(stock_redis(), "RENAME %s:aside %s", second, second);
  pass(fixture, end);
  assert_stock(fixture, TEN, NONE);
  CU_ASSERT_EQUAL(attempts(fixture), 0);
  stock_fixture_close(fixture);
}

static void test_another_kind(void) {
  in_coroutine(another_kind);
}

static void test_others_expire(void) {
  in_coroutine(others_expire);
}

static const struct test tests[] = {
    {"a key with another kind of value fails its order or product at once, and no other", test_another_kind},
    {"attempts expire beside those that need what can't be decoded", test_others_expire},
};

int main(int argc, char **argv) {
  return suite_main("stock damaged", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
