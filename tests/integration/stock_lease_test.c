/* SPDX-License-Identifier: Apache-2.0 */
/* What orders hold while they are being recorded: reserving, releasing, expiring. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "reservation_expiry.h"
#include "stock_fixture.h"
#include "suite.h"

static const struct units NONE = {{0, 0, 0}}, TEN = {{10, 10, 10}};

static void assert_reason(struct status status, enum status_code code, const char *reason) {
  CU_ASSERT_EQUAL(status.code, code);
  CU_ASSERT_STRING_EQUAL(status_reason(status), reason);
}

static const char *metadata(struct status status, const char *key) {
  for (const struct error_metadata *entry = status.details->metadata; entry; entry = entry->next) {
    if (strcmp(entry->key, key) == 0) return entry->value;
  }
  return "";
}

/* ---- reserving -------------------------------------------------------------------------------------------------- */

enum { CALLERS = 64 };

struct caller {
  struct stock_fixture fixture;
  int number;
  int64_t expire;
  bool won;
};

static void reserve_one(void *item) {
  struct caller *caller = item;
  struct context context = *caller->fixture.context;
  context.arena = arena_new();
  caller->fixture.context = &context;
  struct status status =
      reserve(&caller->fixture, caller->number, caller->number, (struct units){{1, 0, 0}}, caller->expire);
  caller->won = status_is_ok(status);
  if (status.code == STATUS_ABORTED) assert_reason(status, STATUS_ABORTED, "RESERVATION_EXPIRED");
  if (status.code != STATUS_OK && status.code != STATUS_ABORTED) {
    assert_reason(status, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  }
  arena_free(context.arena);
}

/* All at once: those from `first_in_time` on in time, those before too late. Returns how many got a unit. */
static int ask_for_one(struct stock_fixture *fixture, int first_in_time, int64_t too_late) {
  struct caller callers[CALLERS];
  void *items[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    int64_t expire = i < first_in_time ? too_late : later(fixture) + i;
    callers[i] = (struct caller){.fixture = *fixture, .number = i + 1, .expire = expire};
    items[i] = &callers[i];
  }
  coroutine_for_each(reserve_one, items, CALLERS, CALLERS);
  int won = 0;
  for (int i = 0; i < CALLERS; i++) won += callers[i].won;
  return won;
}

static void one_of_many(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, (struct units){{1, 0, 0}});
  CU_ASSERT_EQUAL(ask_for_one(fixture, 0, 0), 1);
  assert_stock(fixture, NONE, (struct units){{1, 0, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

/* Those before it have been sent as if they got the unit; none of them does. */
static void behind_those_who_are_late(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, (struct units){{1, 0, 0}});
  int64_t position = event_store_now(fixture->store);
  pass(fixture, position);
  CU_ASSERT_EQUAL(ask_for_one(fixture, CALLERS - 1, position), 1);
  assert_stock(fixture, NONE, (struct units){{1, 0, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void same_attempt(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  int64_t expire = later(fixture);
  for (int i = 0; i < 3; i++) CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 1, 0}}, expire)));
  assert_stock(fixture, (struct units){{8, 9, 10}}, (struct units){{2, 1, 0}});
  /* not even with other items */
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{5, 5, 5}}, expire)));
  assert_stock(fixture, (struct units){{8, 9, 10}}, (struct units){{2, 1, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void largest_attempt(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 1, 0}}, later(fixture))));
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 2, (struct units){{1, 3, 1}}, later(fixture))));
  assert_stock(fixture, (struct units){{8, 7, 9}}, (struct units){{2, 3, 1}});
  release(fixture, 1, 2);
  assert_stock(fixture, (struct units){{8, 9, 10}}, (struct units){{2, 1, 0}});
  release(fixture, 1, 1);
  assert_stock(fixture, TEN, NONE);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void short_product(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, (struct units){{10, 3, 10}});
  struct status status = reserve(fixture, 1, 1, (struct units){{2, 4, 1}}, later(fixture));
  assert_reason(status, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  CU_ASSERT_STRING_EQUAL(metadata(status, "product_id"), product_id(context->arena, 1));
  CU_ASSERT_STRING_EQUAL(metadata(status, "wanted"), "4");
  CU_ASSERT_STRING_EQUAL(metadata(status, "available"), "3");
  assert_stock(fixture, (struct units){{10, 3, 10}}, NONE);
  CU_ASSERT_PTR_NULL(redis_text(fixture, "GET", "inventory_reservation:11111111-0000-4000-8000-000000000001", NULL));
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "EXISTS", "inventory_attempts", NULL), "0");

  /* what the order holds already is available to it */
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 2, (struct units){{0, 2, 0}}, later(fixture))));
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 3, (struct units){{0, 3, 0}}, later(fixture))));
  status = reserve(fixture, 1, 4, (struct units){{0, 4, 0}}, later(fixture));
  CU_ASSERT_STRING_EQUAL(metadata(status, "available"), "3");
  stock_fixture_close(fixture);
}

/* The order is not new: the request was sent before, or somebody else records it, too. */
static void presumed_in_vain(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN), *other = stock_fixture_join(context);
  CU_ASSERT(status_is_ok(reserve(other, 1, 1, (struct units){{2, 0, 1}}, later(fixture))));
  CU_ASSERT(status_is_ok(reserve_for_new(fixture, 1, 2, (struct units){{1, 3, 1}})));
  assert_stock(fixture, (struct units){{8, 7, 9}}, (struct units){{2, 3, 1}});
  CU_ASSERT(status_is_ok(reserve_for_new(fixture, 1, 2, (struct units){{1, 3, 1}})));
  assert_stock(fixture, (struct units){{8, 7, 9}}, (struct units){{2, 3, 1}});
  release(fixture, 1, 2);
  assert_stock(fixture, (struct units){{8, 10, 9}}, (struct units){{2, 0, 1}});
  assert_events(fixture);
  stock_fixture_close(other);
  stock_fixture_close(fixture);
}

/* What this process has kept of the stock is stored no more. */
static void kept_in_vain(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN), *other = stock_fixture_join(context);
  for (int i = 1; i <= 9; i += 2) {
    CU_ASSERT(status_is_ok(reserve_for_new(fixture, i, i, (struct units){{1, 0, 0}})));
    CU_ASSERT(status_is_ok(reserve_for_new(other, i + 1, i + 1, (struct units){{1, 1, 0}})));
  }
  assert_reason(reserve_for_new(fixture, 11, 11, (struct units){{1, 0, 0}}), STATUS_FAILED_PRECONDITION,
                "OUT_OF_STOCK");
  release(other, 2, 2);
  CU_ASSERT(status_is_ok(reserve_for_new(fixture, 12, 12, (struct units){{1, 0, 0}})));
  assert_stock(fixture, (struct units){{0, 6, 10}}, (struct units){{10, 4, 0}});
  assert_events(fixture);
  stock_fixture_close(other);
  stock_fixture_close(fixture);
}

static void no_stock(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct stock_reservation reservation = {.order_id = order_id(context->arena, 1),
                                          .attempt_id = attempt_id(context->arena, 1),
                                          .product_ids = (char *[]){(char *)product_id(context->arena, 77)},
                                          .product_count = 1,
                                          .expire_log_time = later(fixture)};
  struct position position;
  struct status status = stock_reserve(fixture->stock, context, &reservation, &position);
  assert_reason(status, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  CU_ASSERT_STRING_EQUAL(metadata(status, "product_id"), product_id(context->arena, 77));
  CU_ASSERT_STRING_EQUAL(metadata(status, "available"), "0");
  stock_fixture_close(fixture);
}

static void ids_in_any_form(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  char *upper = arena_strdup(context->arena, "AAAAAAAA-0000-4000-8000-00000000000F");
  char *lower = arena_strdup(context->arena, "aaaaaaaa-0000-4000-8000-00000000000f");
  struct stock_reservation reservation = {.order_id = order_id(context->arena, 1),
                                          .attempt_id = attempt_id(context->arena, 1),
                                          .product_ids = (char *[]){upper, lower},
                                          .product_count = 2,
                                          .expire_log_time = later(fixture)};
  struct position position;
  struct status status = stock_reserve(fixture->stock, context, &reservation, &position);
  CU_ASSERT_STRING_EQUAL(metadata(status, "product_id"), lower);
  CU_ASSERT_STRING_EQUAL(metadata(status, "wanted"), "2");
  stock_fixture_close(fixture);
}

/* The clock of the log is ahead of the server's. */
static void clock_ahead(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  int64_t ahead = later(fixture);
  set_clock(fixture, ahead);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{1, 1, 1}}, ahead + 1000)));
  CU_ASSERT_EQUAL(last_change(fixture).log_time, ahead + 3);
  CU_ASSERT_EQUAL(fixture->store->latest.log_time, ahead + 3);
  release(fixture, 1, 1);
  CU_ASSERT_EQUAL(last_change(fixture).log_time, ahead + 6);
  const char *clock = redis_text(fixture, "GET", "ordershop_clock", NULL);
  CU_ASSERT(strncmp(clock, last_change(fixture).id, strlen(last_change(fixture).id)) == 0);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void traced(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  context->traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{1, 0, 0}}, later(fixture))));
  CU_ASSERT_STRING_EQUAL(last_change(fixture).traceparent, context->traceparent);
  CU_ASSERT_PTR_NULL(last_change(fixture).cause);
  release(fixture, 1, 1);
  CU_ASSERT_STRING_EQUAL(last_change(fixture).traceparent, context->traceparent);
  context->traceparent = NULL;
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 2, (struct units){{1, 0, 0}}, later(fixture))));
  CU_ASSERT_PTR_NULL(last_change(fixture).traceparent);
  stock_fixture_close(fixture);
}

/* ---- releasing -------------------------------------------------------------------------------------------------- */

static void release_unknown(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  release(fixture, 1, 1);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 0, 0}}, later(fixture))));
  release(fixture, 1, 2);
  assert_stock(fixture, (struct units){{8, 10, 10}}, (struct units){{2, 0, 0}});
  release(fixture, 1, 1);
  release(fixture, 1, 1);
  assert_stock(fixture, TEN, NONE);
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "EXISTS", "inventory_attempts", NULL), "0");
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void release_recorded(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 0, 0}}, later(fixture))));
  settle_one(fixture, record(fixture, "order_created", 1, 1, (struct units){{2, 0, 0}}));
  release(fixture, 1, 1);
  assert_stock(fixture, (struct units){{8, 10, 10}}, (struct units){{2, 0, 0}});
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 2, (struct units){{3, 1, 0}}, later(fixture))));
  release(fixture, 1, 2);
  assert_stock(fixture, (struct units){{8, 10, 10}}, (struct units){{2, 0, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void release_without_memory(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 0, 0}}, later(fixture))));
  CU_ASSERT(status_is_ok(reserve(fixture, 2, 2, (struct units){{1, 0, 0}}, later(fixture))));
  CU_ASSERT(status_is_ok(reserve(fixture, 4, 4, (struct units){{0, 0, 1}}, later(fixture))));
  const struct event *created = record(fixture, "order_created", 2, 2, (struct units){{1, 0, 0}});
  private_redis_command(stock_redis(), "CONFIG SET maxmemory 1");
  struct status status = reserve(fixture, 3, 3, (struct units){{1, 0, 0}}, later(fixture));
  assert_reason(status, STATUS_RESOURCE_EXHAUSTED, "REDIS_OUT_OF_MEMORY");
  release(fixture, 1, 1);
  settle_one(fixture, created);
  pass(fixture, later(fixture));
  private_redis_command(stock_redis(), "CONFIG SET maxmemory 0");
  assert_stock(fixture, (struct units){{9, 10, 10}}, (struct units){{1, 0, 0}});
  stock_fixture_close(fixture);
}

/* ---- expiring --------------------------------------------------------------------------------------------------- */

static void expire_by_position(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  int64_t expire = later(fixture), next;
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 0, 0}}, expire)));
  CU_ASSERT(status_is_ok(reserve(fixture, 2, 2, (struct units){{0, 1, 0}}, expire + 10)));
  pass(fixture, expire - 1);
  assert_stock(fixture, (struct units){{8, 9, 10}}, (struct units){{2, 1, 0}});
  CU_ASSERT(status_is_ok(reservations_next_expiry(fixture->stock, context, expire - 1, &next)));
  CU_ASSERT_EQUAL(next, expire);
  pass(fixture, expire);
  assert_stock(fixture, (struct units){{10, 9, 10}}, (struct units){{0, 1, 0}});
  CU_ASSERT(status_is_ok(reservations_next_expiry(fixture->stock, context, expire, &next)));
  CU_ASSERT_EQUAL(next, expire + 10);
  pass(fixture, expire + 11);
  assert_stock(fixture, TEN, NONE);
  CU_ASSERT(status_is_ok(reservations_next_expiry(fixture->stock, context, expire + 11, &next)));
  CU_ASSERT_EQUAL(next, INT64_MAX);
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "EXISTS", "inventory_attempts", NULL), "0");
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void expired_before(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  int64_t position = later(fixture);
  pass(fixture, position);
  struct status status = reserve(fixture, 1, 1, (struct units){{2, 0, 0}}, position);
  assert_reason(status, STATUS_ABORTED, "RESERVATION_EXPIRED");
  CU_ASSERT_STRING_EQUAL(metadata(status, "log_time"), arena_printf(context->arena, "%" PRId64, position));
  CU_ASSERT(event_store_now(fixture->store) >= position);
  assert_stock(fixture, TEN, NONE);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 2, (struct units){{2, 0, 0}}, position + 1)));
  stock_fixture_close(fixture);
}

enum { ORDERS = 250 };

static const char *list_of(struct arena *arena, int order) {
  return arena_printf(arena, "inventory_parked:%s", order_id(arena, order));
}

/* More than one call takes, those of orders with dead letters in front and in between. */
static void expire_around_dead_lettered(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, (struct units){{ORDERS, 10, 10}});
  int64_t expire = later(fixture);
  for (int i = 1; i <= ORDERS; i++) {
    CU_ASSERT(status_is_ok(reserve(fixture, i, i, (struct units){{1, 0, 0}}, expire + i)));
    bool held_up = i <= 120 || i % 2 == 0;
    if (held_up) redis_text(fixture, "SADD", "inventory_parked_keys", order_id(context->arena, i));
    if (held_up && i % 3 == 0) redis_text(fixture, "RPUSH", list_of(context->arena, i), "an event");
  }
  pass(fixture, expire + 1000);
  int left = 120 + (ORDERS - 120) / 2;
  assert_stock(fixture, (struct units){{ORDERS - left, 10, 10}}, (struct units){{left, 0, 0}});
  redis_text(fixture, "DEL", "inventory_parked_keys", NULL);
  pass(fixture, expire + 1000);
  int listed = 120 / 3 + (ORDERS - 120) / 6; /* that still have dead letters */
  assert_stock(fixture, (struct units){{ORDERS - listed, 10, 10}}, (struct units){{listed, 0, 0}});
  for (int i = 1; i <= ORDERS; i++) redis_text(fixture, "DEL", list_of(context->arena, i), NULL);
  pass(fixture, expire + 1000);
  assert_stock(fixture, (struct units){{ORDERS, 10, 10}}, NONE);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void expire_as_zombie(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  int64_t expire = later(fixture);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 0, 0}}, expire)));
  assert_reason(reservations_expire(fixture->stock, context, "6", expire), STATUS_FAILED_PRECONDITION, "LEASE_LOST");
  assert_stock(fixture, (struct units){{8, 10, 10}}, (struct units){{2, 0, 0}});
  stock_fixture_close(fixture);
}

/* The attempt of a try that was stopped between reserving and recording goes, what its order has stays. */
static void expire_beside_recorded(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  int64_t expire = later(fixture);
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, (struct units){{2, 1, 0}}, expire)));
  settle_one(fixture, record(fixture, "order_created", 1, 1, (struct units){{2, 1, 0}}));
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 2, (struct units){{5, 0, 1}}, expire)));
  assert_stock(fixture, (struct units){{5, 9, 9}}, (struct units){{5, 1, 1}});
  pass(fixture, expire);
  assert_stock(fixture, (struct units){{8, 9, 10}}, (struct units){{2, 1, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

#define TEST(function)                \
  static void test_##function(void) { \
    in_coroutine(function);           \
  }
TEST(one_of_many)
TEST(behind_those_who_are_late)
TEST(same_attempt)
TEST(largest_attempt)
TEST(short_product)
TEST(presumed_in_vain)
TEST(kept_in_vain)
TEST(no_stock)
TEST(ids_in_any_form)
TEST(clock_ahead)
TEST(traced)
TEST(release_unknown)
TEST(release_recorded)
TEST(release_without_memory)
TEST(expire_by_position)
TEST(expired_before)
TEST(expire_around_dead_lettered)
TEST(expire_as_zombie)
TEST(expire_beside_recorded)

static const struct test tests[] = {
    {"a stock of 1 is held by one of 64 who ask at once", test_one_of_many},
    {"a product is not out of stock because of those who ask too late", test_behind_those_who_are_late},
    {"an attempt that is reserved again stays as it is", test_same_attempt},
    {"of each product the largest of an order's attempts is held", test_largest_attempt},
    {"a product that is short is told and nothing is held", test_short_product},
    {"an order that was believed to be new holds what it held already, and no more", test_presumed_in_vain},
    {"stock that another process has changed since is decided on as it is", test_kept_in_vain},
    {"a product without a stock has 0 available", test_no_stock},
    {"product ids count in any form", test_ids_in_any_form},
    {"log times go on from a clock that is ahead", test_clock_ahead},
    {"events carry the trace of the call", test_traced},
    {"releasing an unknown or released attempt changes nothing", test_release_unknown},
    {"releasing never touches recorded items", test_release_recorded},
    {"what gives back runs while Redis is out of memory", test_release_without_memory},
    {"an attempt is dropped when the position has reached its expire time, not before", test_expire_by_position},
    {"an attempt that has expired already is refused", test_expired_before},
    {"attempts of orders with dead letters stay, others behind them expire", test_expire_around_dead_lettered},
    {"a consumer whose lease is over drops nothing", test_expire_as_zombie},
    {"an expired attempt gives back what only it held", test_expire_beside_recorded},
};

int main(int argc, char **argv) {
  return suite_main("stock lease", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
