/* SPDX-License-Identifier: Apache-2.0 */
/* Random courses of orders, reservations, crashes and deliveries against an oracle: what is stored is, after every
 * step, what the rules of stock.h say. Seeds are fixed: a failure tells its seed and step and comes again. */
#include <stdio.h>
#include <string.h>

#include "in_coroutine.h"
#include "inventory_id.h"
#include "stock_fixture.h"
#include "suite.h"

enum { SEEDS = 200, STEPS = 250, ORDERS = 4, ATTEMPTS = 6, EVENTS = STEPS };

/* ---- the oracle: no lease, no encodings, just the rules ---------------------------------------------------------- */

struct attempt {
  int number; /* 0: none */
  struct units units;
  int64_t expire;
  bool recorded; /* in an event that is not settled yet */
};

struct order {
  bool lives; /* at the order service */
  struct units recorded;
  struct attempt attempts[ATTEMPTS];
};

struct log_entry {
  const struct event *event;
  int order, attempt;
  struct units units;
};

struct course {
  struct stock_fixture *fixture;
  uint64_t random;
  struct order orders[ORDERS];
  int64_t stocked[PRODUCTS]; /* amount + reserved_amount */
  struct log_entry log[EVENTS];
  size_t appended, settled;
  int attempts; /* numbers given out */
  int64_t position;
};

/* xorshift64* */
static int dice(struct course *course, int sides) {
  course->random ^= course->random >> 12;
  course->random ^= course->random << 25;
  course->random ^= course->random >> 27;
  return (int)((course->random * UINT64_C(2685821657736338717) >> 33) % (uint64_t)sides);
}

static int held(const struct order *order, int product) {
  int max = order->recorded.of[product];
  for (int i = 0; i < ATTEMPTS; i++) {
    const struct attempt *attempt = &order->attempts[i];
    if (attempt->number && attempt->units.of[product] > max) max = attempt->units.of[product];
  }
  return max;
}

static int64_t reserved(const struct course *course, int product) {
  int64_t sum = 0;
  for (int i = 0; i < ORDERS; i++) sum += held(&course->orders[i], product);
  return sum;
}

static int64_t available(const struct course *course, int product) {
  return course->stocked[product] - reserved(course, product);
}

static void check(struct course *course) {
  for (int product = 0; product < PRODUCTS; product++) {
    struct figures figures = figures_of(course->fixture, product);
    CU_ASSERT_EQUAL(figures.amount, available(course, product));
    CU_ASSERT_EQUAL(figures.reserved, reserved(course, product));
    CU_ASSERT_FATAL(figures.amount >= 0);
  }
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static struct attempt *free_attempt(struct order *order) {
  for (int i = 0; i < ATTEMPTS; i++) {
    if (!order->attempts[i].number) return &order->attempts[i];
  }
  return NULL;
}

static struct attempt *any_attempt(struct course *course, struct order *order) {
  struct attempt *attempt = &order->attempts[dice(course, ATTEMPTS)];
  return attempt->number && !attempt->recorded ? attempt : NULL;
}

static struct units any_units(struct course *course) {
  struct units units = {{0}};
  for (int product = 0; product < PRODUCTS; product++) units.of[product] = dice(course, 4);
  if (units.of[0] + units.of[1] + units.of[2] == 0) units.of[dice(course, PRODUCTS)] = 1;
  return units;
}

static bool suffices(const struct course *course, const struct order *order, struct units units) {
  for (int product = 0; product < PRODUCTS; product++) {
    if (units.of[product] - held(order, product) > available(course, product)) return false;
  }
  return true;
}

static void step_reserve(struct course *course, int number) {
  struct order *order = &course->orders[number];
  struct attempt *attempt = free_attempt(order);
  if (!attempt) return;
  struct attempt wanted = {
      .number = ++course->attempts, .units = any_units(course), .expire = course->position - 2 + dice(course, 20)};
  bool in_time = wanted.expire > course->position, suffice = suffices(course, order, wanted.units);
  for (int i = dice(course, 2); i >= 0; i--) { /* often twice */
    struct status status = reserve(course->fixture, number, wanted.number, wanted.units, wanted.expire);
    enum status_code expected = !in_time ? STATUS_ABORTED : suffice ? STATUS_OK : STATUS_FAILED_PRECONDITION;
    CU_ASSERT_EQUAL(status.code, expected);
  }
  if (in_time && suffice) *attempt = wanted;
}

static void step_release(struct course *course, int number) {
  struct attempt *attempt = any_attempt(course, &course->orders[number]);
  release(course->fixture, number, attempt ? attempt->number : course->attempts + 1);
  if (attempt) attempt->number = 0;
}

static void append(struct course *course, const char *stream, int number, int attempt, struct units units) {
  struct log_entry *entry = &course->log[course->appended++];
  *entry = (struct log_entry){.order = number, .attempt = attempt, .units = units};
  entry->event = record(course->fixture, stream, number, attempt, units);
}

/* Creates or updates an order with one of its attempts. One that has expired would be refused. */
static void step_record(struct course *course, int number) {
  struct order *order = &course->orders[number];
  struct attempt *attempt = any_attempt(course, order);
  if (!attempt || attempt->expire <= course->position) return;
  append(course, order->lives ? "order_updated" : "order_created", number, attempt->number, attempt->units);
  attempt->recorded = true;
  order->lives = true;
}

static void step_delete(struct course *course, int number) {
  struct order *order = &course->orders[number];
  if (!order->lives) return;
  append(course, "order_deleted", number, 0, any_units(course)); /* what it tells doesn't count */
  order->lives = false;
}

static void apply(struct course *course, const struct log_entry *entry) {
  struct order *order = &course->orders[entry->order];
  bool gone = strcmp(entry->event->stream, "order_deleted") == 0;
  order->recorded = gone ? (struct units){{0}} : entry->units;
  for (int i = 0; i < ATTEMPTS; i++) {
    if (entry->attempt && order->attempts[i].number == entry->attempt) order->attempts[i].number = 0;
  }
}

/* Some of the next events, often after some that have been settled before. */
static void settle_some(struct course *course, size_t count) {
  const struct event *events[EVENTS];
  size_t before = (size_t)dice(course, 4), given = 0;
  if (before > course->settled) before = course->settled;
  for (size_t i = course->settled - before; i < course->settled + count; i++) events[given++] = course->log[i].event;
  CU_ASSERT_FATAL(status_is_ok(settle(course->fixture, events, given)));
  for (size_t i = 0; i < count; i++) apply(course, &course->log[course->settled++]);
}

static void step_settle(struct course *course) {
  size_t left = course->appended - course->settled;
  settle_some(course, left ? 1 + (size_t)dice(course, (int)left) : 0);
}

/* The consumer is at the end of the log, and the log moves on: attempts expire. */
static void step_pass(struct course *course) {
  settle_some(course, course->appended - course->settled);
  course->position += dice(course, 12);
  pass(course->fixture, course->position);
  for (int i = 0; i < ORDERS; i++) {
    for (int j = 0; j < ATTEMPTS; j++) {
      struct attempt *attempt = &course->orders[i].attempts[j];
      if (attempt->number && attempt->expire <= course->position) attempt->number = 0;
    }
  }
}

static void step_adjust(struct course *course) {
  struct arena *arena = course->fixture->context->arena;
  int product = dice(course, PRODUCTS), number = dice(course, 9) - 4;
  const struct request_record none = {0};
  struct stock_adjustment adjustment = {
      .inventory_id = inventory_id(arena, product_id(arena, product)), .change = STOCK_ADD, .number = number};
  struct stock_adjusted adjusted;
  CU_ASSERT_FATAL(
      status_is_ok(stock_adjust(course->fixture->stock, course->fixture->context, &adjustment, &none, &adjusted)));
  bool allowed = available(course, product) + number >= 0;
  CU_ASSERT_EQUAL(adjusted.outcome, allowed ? STOCK_DONE : STOCK_OUT_OF_RANGE);
  if (allowed) course->stocked[product] += number;
}

static void step_zombie(struct course *course) {
  struct stock_fixture zombie = *course->fixture;
  zombie.epoch = "6";
  if (course->settled == course->appended) return;
  const struct event *event = course->log[course->settled].event;
  CU_ASSERT_EQUAL(settle(&zombie, &event, 1).code, STATUS_FAILED_PRECONDITION);
}

static void step(struct course *course) {
  int number = dice(course, ORDERS);
  switch (dice(course, 12)) {
    case 0:
    case 1:
    case 2:
      step_reserve(course, number);
      break;
    case 3:
      step_release(course, number);
      break;
    case 4:
    case 5:
    case 6:
      step_record(course, number);
      break;
    case 7:
      step_delete(course, number);
      break;
    case 8:
    case 9:
      step_settle(course);
      break;
    case 10:
      dice(course, 2) ? step_pass(course) : step_adjust(course);
      break;
    default:
      step_zombie(course);
  }
}

/* All orders deleted, all attempts expired: nothing is held, nothing is left. */
static void finish(struct course *course) {
  for (int i = 0; i < ORDERS; i++) step_delete(course, i);
  for (int i = 0; i < 5; i++) {
    course->position += 10;
    step_pass(course);
  }
  for (int product = 0; product < PRODUCTS; product++) {
    struct figures figures = figures_of(course->fixture, product);
    CU_ASSERT_EQUAL(figures.amount, course->stocked[product]);
    CU_ASSERT_EQUAL(figures.reserved, 0);
  }
  CU_ASSERT_STRING_EQUAL(redis_text(course->fixture, "EXISTS", "inventory_attempts", NULL), "0");
  for (int i = 0; i < ORDERS; i++) {
    const char *key = arena_printf(course->fixture->context->arena, "inventory_reservation:%s",
                                   order_id(course->fixture->context->arena, i));
    CU_ASSERT_PTR_NULL(redis_text(course->fixture, "GET", key, NULL));
  }
  assert_events(course->fixture);
}

static int seed;

static void random_course(struct context *context) {
  struct course *course = arena_calloc(context->arena, 1, sizeof *course);
  struct units stocked = {{6, 8, 12}};
  course->fixture = stock_fixture_open(context, stocked);
  course->random = (uint64_t)seed * UINT64_C(0x9E3779B97F4A7C15);
  for (int product = 0; product < PRODUCTS; product++) course->stocked[product] = stocked.of[product];
  course->position = later(course->fixture);
  pass(course->fixture, course->position);
  for (int i = 0; i < STEPS - ORDERS; i++) {
    unsigned failures = CU_get_number_of_failures();
    step(course);
    check(course);
    if (CU_get_number_of_failures() == failures) continue;
    fprintf(stderr, "seed %d, step %d\n", seed, i);
    break;
  }
  finish(course);
  stock_fixture_close(course->fixture);
}

static void test_random_courses(void) {
  for (seed = 1; seed <= SEEDS; seed++) in_coroutine(random_course);
}

static const struct test tests[] = {
    {"whatever happens in whatever order, each product's stock is where the rules put it", test_random_courses},
};

int main(int argc, char **argv) {
  return suite_main("stock random", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
