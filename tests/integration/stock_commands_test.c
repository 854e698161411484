/* SPDX-License-Identifier: Apache-2.0 */
/* How many commands changes of the stock run in Redis: nothing may cost more than in proportion to the products
 * that it is about, however many orders there are. Counts are the same on every machine; for times see
 * tests/benchmark/stock_benchmark.c. */
#include <stdlib.h>
#include <string.h>

#include "in_coroutine.h"
#include "stock_fixture.h"
#include "suite.h"

static const struct units MANY = {{100000, 100000, 100000}}, ONE = {{1, 1, 1}};

static const char *const OWN_COMMANDS[] = {"info", "config|resetstat"}; /* those of this test itself */

static bool is_own(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof OWN_COMMANDS / sizeof OWN_COMMANDS[0]; i++) {
    if (strlen(OWN_COMMANDS[i]) == length && memcmp(name, OWN_COMMANDS[i], length) == 0) return true;
  }
  return false;
}

/* The commands that Redis has run since the last call, those inside of functions included. */
static long commands(void) {
  static const char PREFIX[] = "cmdstat_", CALLS[] = ":calls=";
  const char *at = private_redis_command(stock_redis(), "INFO commandstats");
  long sum = 0;
  while ((at = strstr(at, PREFIX))) {
    at += sizeof PREFIX - 1;
    const char *calls = strstr(at, CALLS);
    CU_ASSERT_FATAL(calls != NULL);
    if (!is_own(at, (size_t)(calls - at))) sum += atol(calls + sizeof CALLS - 1);
  }
  private_redis_command(stock_redis(), "CONFIG RESETSTAT");
  return sum;
}

/* What is asked meanwhile by the clock: the watch of the connections, and states that are read anew. Less than one
 * command an order, or a tenth of one a product. */
enum { BIG_ORDER = 1000, BY_THE_CLOCK = 80 };

static void reserve_and_release(struct stock_fixture *fixture, int products, long *ret_reserving, long *ret_releasing) {
  commands();
  reserve_of_each(fixture, products, 1, products);
  *ret_reserving = commands();
  release(fixture, products, 1);
  *ret_releasing = commands();
}

static void big_orders(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  for (int i = PRODUCTS; i < BIG_ORDER; i++) stock_up(fixture, i, 10);
  long reserving, releasing, reserving_many, releasing_many;
  reserve_and_release(fixture, BIG_ORDER / 10, &reserving, &releasing);
  reserve_and_release(fixture, BIG_ORDER, &reserving_many, &releasing_many);
  CU_ASSERT(reserving >= BIG_ORDER / 10 && releasing >= BIG_ORDER / 10);
  CU_ASSERT(reserving_many <= 10 * reserving + BY_THE_CLOCK);
  CU_ASSERT(releasing_many <= 10 * releasing + BY_THE_CLOCK);
  stock_fixture_close(fixture);
}

enum { ORDERS = 100, OPEN_ORDERS = 1000 };

struct cost {
  long reserving, settling, giving_back;
};

static void reserve_orders(struct stock_fixture *fixture, int first, int count) {
  for (int i = first; i < first + count; i++) CU_ASSERT(status_is_ok(reserve(fixture, i, i, ONE, later(fixture))));
}

/* Of ORDERS orders that are made and deleted. */
static struct cost cost_of_orders(struct stock_fixture *fixture, int first) {
  const struct event *events[ORDERS];
  struct cost cost;
  commands();
  reserve_orders(fixture, first, ORDERS);
  cost.reserving = commands();
  for (int i = 0; i < ORDERS; i++) events[i] = record(fixture, "order_created", first + i, first + i, ONE);
  commands();
  CU_ASSERT(status_is_ok(settle(fixture, events, ORDERS)));
  cost.settling = commands();
  for (int i = 0; i < ORDERS; i++) events[i] = record(fixture, "order_deleted", first + i, 0, ONE);
  commands();
  CU_ASSERT(status_is_ok(settle(fixture, events, ORDERS)));
  cost.giving_back = commands();
  return cost;
}

static void many_orders(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  struct cost alone = cost_of_orders(fixture, 1);
  reserve_orders(fixture, ORDERS + 1, OPEN_ORDERS);
  struct cost among_many = cost_of_orders(fixture, ORDERS + OPEN_ORDERS + 1);
  CU_ASSERT(alone.reserving >= ORDERS && alone.settling >= ORDERS && alone.giving_back >= ORDERS);
  CU_ASSERT(among_many.reserving <= alone.reserving + BY_THE_CLOCK);
  CU_ASSERT(among_many.settling <= alone.settling + BY_THE_CLOCK);
  CU_ASSERT(among_many.giving_back <= alone.giving_back + BY_THE_CLOCK);
  stock_fixture_close(fixture);
}

/* Of ONE each, and of any number of them, the log's clock and `inventory_precedence` are looked at, too. */
static long reading_commands(struct stock_fixture *fixture, int first, bool new) {
  const char *const read[] = {"cmdstat_get:calls=", "cmdstat_hget:calls="};
  private_redis_command(stock_redis(), "CONFIG RESETSTAT");
  for (int i = first; i < first + ORDERS; i++) {
    CU_ASSERT(status_is_ok(new ? reserve_for_new(fixture, i, i, ONE) : reserve(fixture, i, i, ONE, later(fixture))));
  }
  const char *stats = private_redis_command(stock_redis(), "INFO commandstats");
  long sum = 0;
  for (size_t i = 0; i < SUITE_SIZE(read); i++) {
    const char *calls = strstr(stats, read[i]);
    if (calls) sum += atol(calls + strlen(read[i]));
  }
  return sum;
}

/* Guards compare what is stored: the position, three inventories, and whether there is a reservation (EXISTS); the
 * function reads the clock. */
static void new_orders(struct context *context) {
  enum { GUARDS_AND_CLOCK = 5 };
  struct stock_fixture *fixture = stock_fixture_open(context, MANY);
  reserve_orders(fixture, 1, 1);
  long known = reading_commands(fixture, ORDERS, false), fresh = reading_commands(fixture, 2 * ORDERS, true);
  CU_ASSERT(fresh >= ORDERS * GUARDS_AND_CLOCK && fresh < ORDERS * GUARDS_AND_CLOCK + BY_THE_CLOCK);
  CU_ASSERT(known >= ORDERS * (GUARDS_AND_CLOCK + 1) && known < ORDERS * (GUARDS_AND_CLOCK + 1) + BY_THE_CLOCK);
  stock_fixture_close(fixture);
}

static void test_new_orders(void) {
  in_coroutine(new_orders);
}

static void test_big_orders(void) {
  in_coroutine(big_orders);
}

static void test_many_orders(void) {
  in_coroutine(many_orders);
}

static const struct test tests[] = {
    {"an order of 1000 products costs ten times the commands of one of 100, no more", test_big_orders},
    {"an order costs no more commands among a thousand open ones than alone", test_many_orders},
    {"for a new order of known products nothing is read", test_new_orders},
};

int main(int argc, char **argv) {
  return suite_main("stock commands", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
