/* SPDX-License-Identifier: Apache-2.0 */
/* How the events of orders become what orders hold. */
#include <string.h>

#include "in_coroutine.h"
#include "stock_fixture.h"
#include "suite.h"

static const struct units NONE = {{0, 0, 0}}, TEN = {{10, 10, 10}};

static void assert_reason(struct status status, enum status_code code, const char *reason) {
  CU_ASSERT_EQUAL(status.code, code);
  CU_ASSERT_STRING_EQUAL(status_reason(status), reason);
}

static void assert_reserved(struct stock_fixture *fixture, int order, int attempt, struct units units) {
  CU_ASSERT(status_is_ok(reserve(fixture, order, attempt, units, later(fixture))));
}

static const char *reservation(struct stock_fixture *fixture, int order) {
  struct arena *arena = fixture->context->arena;
  return redis_text(fixture, "GET", arena_printf(arena, "inventory_reservation:%s", order_id(arena, order)), NULL);
}

static void created(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{2, 1, 0}});
  int64_t version = figures_of(fixture, 0).version;
  const struct event *event = record(fixture, "order_created", 1, 1, (struct units){{2, 1, 0}});
  settle_one(fixture, event);
  assert_stock(fixture, (struct units){{8, 9, 10}}, (struct units){{2, 1, 0}});
  CU_ASSERT_EQUAL(figures_of(fixture, 0).version, version);
  CU_ASSERT_STRING_EQUAL(reservation(fixture, 1),
                         "00000000-0000-4000-8000-000000000000=2 00000000-0000-4000-8000-000000000001=1");
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "HGET", "inventory_position", "order_created"), event->id);
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "EXISTS", "inventory_attempts", NULL), "0");
  /* no attempt is left that could expire */
  pass(fixture, later(fixture) + 1000);
  assert_stock(fixture, (struct units){{8, 9, 10}}, (struct units){{2, 1, 0}});
  stock_fixture_close(fixture);
}

static void updated(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{2, 1, 0}});
  settle_one(fixture, record(fixture, "order_created", 1, 1, (struct units){{2, 1, 0}}));
  assert_reserved(fixture, 1, 2, (struct units){{1, 3, 1}});
  assert_stock(fixture, (struct units){{8, 7, 9}}, (struct units){{2, 3, 1}});
  settle_one(fixture, record(fixture, "order_updated", 1, 2, (struct units){{1, 3, 1}}));
  assert_stock(fixture, (struct units){{9, 7, 9}}, (struct units){{1, 3, 1}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void deleted(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{2, 1, 0}});
  settle_one(fixture, record(fixture, "order_created", 1, 1, (struct units){{2, 1, 0}}));
  /* the event tells other items than were recorded: they don't count */
  settle_one(fixture, record(fixture, "order_deleted", 1, 0, (struct units){{5, 5, 5}}));
  assert_stock(fixture, TEN, NONE);
  CU_ASSERT_PTR_NULL(reservation(fixture, 1));
  assert_events(fixture);
  stock_fixture_close(fixture);
}

/* Created, updated and deleted while inventory is down; then all of it twice. */
static void backlog_of_one(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{2, 1, 0}});
  const struct event *events[3];
  events[0] = record(fixture, "order_created", 1, 1, (struct units){{2, 1, 0}});
  assert_reserved(fixture, 1, 2, (struct units){{0, 0, 4}});
  events[1] = record(fixture, "order_updated", 1, 2, (struct units){{0, 0, 4}});
  assert_stock(fixture, (struct units){{8, 9, 6}}, (struct units){{2, 1, 4}});
  events[2] = record(fixture, "order_deleted", 1, 0, (struct units){{0, 0, 4}});
  for (int i = 0; i < 2; i++) {
    CU_ASSERT(status_is_ok(settle(fixture, events, 3)));
    assert_stock(fixture, TEN, NONE);
  }
  for (int i = 0; i < 3; i++) settle_one(fixture, events[i]);
  assert_stock(fixture, TEN, NONE);
  CU_ASSERT_PTR_NULL(reservation(fixture, 1));
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "EXISTS", "inventory_attempts", NULL), "0");
  assert_events(fixture);
  stock_fixture_close(fixture);
}

/* Even where the stored position were lost: a second time finds nothing to give back. */
static void applied_twice(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{3, 0, 0}});
  const struct event *event = record(fixture, "order_created", 1, 1, (struct units){{1, 0, 0}});
  settle_one(fixture, event);
  assert_stock(fixture, (struct units){{9, 10, 10}}, (struct units){{1, 0, 0}});
  redis_text(fixture, "DEL", "inventory_position", NULL);
  settle_one(fixture, event);
  assert_stock(fixture, (struct units){{9, 10, 10}}, (struct units){{1, 0, 0}});
  const struct event *gone = record(fixture, "order_deleted", 1, 0, NONE);
  for (int i = 0; i < 2; i++) {
    settle_one(fixture, gone);
    redis_text(fixture, "DEL", "inventory_position", NULL);
    assert_stock(fixture, TEN, NONE);
  }
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void old_event(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{3, 0, 0}});
  const struct event *first = record(fixture, "order_created", 1, 1, (struct units){{3, 0, 0}});
  const struct event *second = record(fixture, "order_created", 2, 0, NONE);
  settle_one(fixture, second);
  settle_one(fixture, first); /* behind the position: says nothing any more */
  CU_ASSERT_PTR_NOT_NULL(strchr(reservation(fixture, 1), '\n'));
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "HGET", "inventory_position", "order_created"), second->id);
  stock_fixture_close(fixture);
}

static void two_updates_cross(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{2, 0, 0}});
  settle_one(fixture, record(fixture, "order_created", 1, 1, (struct units){{2, 0, 0}}));
  assert_reserved(fixture, 1, 2, (struct units){{4, 0, 0}});
  assert_reserved(fixture, 1, 3, (struct units){{3, 1, 0}});
  assert_stock(fixture, (struct units){{6, 9, 10}}, (struct units){{4, 1, 0}});
  const struct event *won = record(fixture, "order_updated", 1, 3, (struct units){{3, 1, 0}});
  release(fixture, 1, 2); /* the other one was refused: the order's version is another */
  assert_stock(fixture, (struct units){{7, 9, 10}}, (struct units){{3, 1, 0}});
  settle_one(fixture, won);
  assert_stock(fixture, (struct units){{7, 9, 10}}, (struct units){{3, 1, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

/* Settling one attempt leaves what another one holds. */
static void other_attempt_stays(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{2, 0, 0}});
  const struct event *first = record(fixture, "order_created", 1, 1, (struct units){{2, 0, 0}});
  assert_reserved(fixture, 1, 2, (struct units){{4, 1, 0}});
  const struct event *second = record(fixture, "order_updated", 1, 2, (struct units){{4, 1, 0}});
  settle_one(fixture, first);
  assert_stock(fixture, (struct units){{6, 9, 10}}, (struct units){{4, 1, 0}});
  settle_one(fixture, second);
  assert_stock(fixture, (struct units){{6, 9, 10}}, (struct units){{4, 1, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

/* The id of a deleted order lives again before inventory has heard of the end of its first life. */
static void second_life(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, (struct units){{5, 0, 0}});
  assert_reserved(fixture, 1, 1, (struct units){{2, 0, 0}});
  settle_one(fixture, record(fixture, "order_created", 1, 1, (struct units){{2, 0, 0}}));
  const struct event *gone = record(fixture, "order_deleted", 1, 0, (struct units){{2, 0, 0}});
  assert_reserved(fixture, 1, 2, (struct units){{5, 0, 0}});
  const struct event *again = record(fixture, "order_created", 1, 2, (struct units){{5, 0, 0}});
  settle_one(fixture, gone);
  assert_stock(fixture, NONE, (struct units){{5, 0, 0}});
  settle_one(fixture, again);
  assert_stock(fixture, NONE, (struct units){{5, 0, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

static void zombie(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  assert_reserved(fixture, 1, 1, (struct units){{2, 0, 0}});
  const struct event *event = record(fixture, "order_created", 1, 1, (struct units){{1, 0, 0}});
  fixture->epoch = "6";
  assert_reason(settle(fixture, &event, 1), STATUS_FAILED_PRECONDITION, "LEASE_LOST");
  assert_stock(fixture, (struct units){{8, 10, 10}}, (struct units){{2, 0, 0}});
  CU_ASSERT_PTR_NULL(redis_text(fixture, "HGET", "inventory_position", "order_created"));
  stock_fixture_close(fixture);
}

/* An order_created whose attempt holds more than the event tells moves inventories after all. */
static void created_with_less(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  const struct event *events[3];
  for (int i = 0; i < 3; i++) {
    assert_reserved(fixture, i + 1, i + 1, (struct units){{2, 1, 0}});
    struct units units = {{i == 1 ? 1 : 2, 1, 0}};
    events[i] = record(fixture, "order_created", i + 1, i + 1, units);
  }
  CU_ASSERT(status_is_ok(settle(fixture, events, 3)));
  assert_stock(fixture, (struct units){{5, 7, 10}}, (struct units){{5, 3, 0}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

/* An event of a Redis whose log is ahead of the own one. */
static const struct event *from_afar(struct stock_fixture *fixture, const struct event *event, int64_t log_time) {
  struct arena *arena = fixture->context->arena;
  struct event *copy = (struct event *)arena_memdup(arena, event, sizeof *event);
  copy->log_time = log_time;
  copy->id = log_time_text(arena, log_time);
  return copy;
}

static void causes(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  int64_t afar = later(fixture);
  const struct event *events[2];
  assert_reserved(fixture, 1, 1, (struct units){{2, 0, 0}});
  events[0] = from_afar(fixture, record(fixture, "order_created", 1, 1, (struct units){{1, 0, 0}}), afar);
  events[1] = from_afar(fixture, record(fixture, "order_deleted", 1, 0, NONE), afar + 1000);
  CU_ASSERT(status_is_ok(settle(fixture, events, 1)));
  CU_ASSERT_EQUAL(last_change(fixture).log_time, afar + 1);
  CU_ASSERT_STRING_EQUAL(last_change(fixture).cause, events[0]->event_id);

  /* two in one step: both changes are later than what caused the later one */
  assert_reserved(fixture, 2, 2, (struct units){{2, 0, 0}});
  events[0] = from_afar(fixture, record(fixture, "order_created", 2, 2, (struct units){{1, 0, 0}}), afar + 10);
  CU_ASSERT(status_is_ok(settle(fixture, events, 2)));
  CU_ASSERT_EQUAL(last_change(fixture).log_time, afar + 1002);
  CU_ASSERT_STRING_EQUAL(last_change(fixture).cause, events[1]->event_id);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

/* Reservations were lost (a restored backup): the order takes what there is, and gives back no more than that. */
static void without_reservation(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, (struct units){{10, 6, 5}});
  assert_reserved(fixture, 2, 2, (struct units){{0, 4, 5}});
  settle_one(fixture, record(fixture, "order_created", 1, 1, (struct units){{3, 3, 3}}));
  assert_stock(fixture, (struct units){{7, 0, 0}}, (struct units){{3, 6, 5}});
  settle_one(fixture, record(fixture, "order_deleted", 1, 0, (struct units){{3, 3, 3}}));
  assert_stock(fixture, (struct units){{10, 2, 0}}, (struct units){{0, 4, 5}});
  assert_events(fixture);
  stock_fixture_close(fixture);
}

enum { ORDERS = 700, EACH = 3 };

/* More than one call takes: events and inventories. */
static void long_backlog(struct context *context) {
  struct units all = {{ORDERS, ORDERS, ORDERS}}, one = {{1, 1, 1}};
  struct stock_fixture *fixture = stock_fixture_open(context, all);
  const struct event **events = arena_calloc(context->arena, EACH * ORDERS, sizeof *events);
  size_t count = 0;
  for (int i = 1; i <= ORDERS; i++) {
    assert_reserved(fixture, i, i, one);
    events[count++] = record(fixture, "order_created", i, i, one);
    if (i % 3 == 0) events[count++] = record(fixture, "order_updated", i, 0, (struct units){{1, 1, 0}});
    if (i % 3 != 1) events[count++] = record(fixture, "order_deleted", i, 0, one);
  }
  assert_stock(fixture, NONE, all);
  CU_ASSERT(status_is_ok(settle(fixture, events, count)));
  int left = (ORDERS + 2) / 3;
  assert_stock(fixture, (struct units){{ORDERS - left, ORDERS - left, ORDERS - left}},
               (struct units){{left, left, left}});
  CU_ASSERT_STRING_EQUAL(redis_text(fixture, "HGET", "inventory_position", "order_created"), events[count - 1]->id);
  assert_events(fixture);
  stock_fixture_close(fixture);
}

#define TEST(function)                \
  static void test_##function(void) { \
    in_coroutine(function);           \
  }
TEST(created)
TEST(updated)
TEST(deleted)
TEST(backlog_of_one)
TEST(applied_twice)
TEST(old_event)
TEST(two_updates_cross)
TEST(other_attempt_stays)
TEST(second_life)
TEST(zombie)
TEST(created_with_less)
TEST(causes)
TEST(without_reservation)
TEST(long_backlog)

static const struct test tests[] = {
    {"an order created with what its attempt holds closes it and moves no stock", test_created},
    {"an update gives back what the order no longer has", test_updated},
    {"a deletion gives back what was recorded, whatever its event says", test_deleted},
    {"an order created, updated and deleted while inventory is down leaves nothing held", test_backlog_of_one},
    {"an event that is applied twice gives nothing back twice", test_applied_twice},
    {"an event that is not behind the stored position is skipped", test_old_event},
    {"of two updates at once the order holds what the winner recorded", test_two_updates_cross},
    {"an event leaves what a later attempt holds", test_other_attempt_stays},
    {"the end of an order's first life leaves the attempt of its second", test_second_life},
    {"a consumer whose lease is over settles nothing", test_zombie},
    {"an order created with less than its attempt holds gives the rest back", test_created_with_less},
    {"a change names the event that caused it, and is later", test_causes},
    {"an order without its reservation takes what there is", test_without_reservation},
    {"a backlog of many orders is settled in several steps", test_long_backlog},
};

int main(int argc, char **argv) {
  return suite_main("stock settle", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
