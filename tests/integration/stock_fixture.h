/* SPDX-License-Identifier: Apache-2.0 */
/* A stock in a private Redis, for the tests of stock.h: a few products, orders and attempts that go by numbers.
 *
 * Every test has keys of its own. The helpers assert that what must succeed does. For coroutines. */
#pragma once

#include <stdint.h>

#include "base/context.h"
#include "private_redis.h"
#include "stock.h"
#include "store/event.h"
#include "store/event_store.h"

enum { PRODUCTS = 3 };

/* Units of each product. */
struct units {
  int of[PRODUCTS];
};

struct stock_fixture {
  struct context *context;
  struct event_store *store;
  struct stock *stock;
  const char *epoch; /* of the consumer */
};

int stock_redis_start(void);
int stock_redis_stop(void);
struct private_redis *stock_redis(void);

/* `stocked` of each product. */
struct stock_fixture *stock_fixture_open(struct context *context, struct units stocked);
/* The stock of the latest test once more, as another process has it. */
struct stock_fixture *stock_fixture_join(struct context *context);
void stock_fixture_close(struct stock_fixture *fixture);

const char *product_id(struct arena *arena, int number);
const char *order_id(struct arena *arena, int number);
const char *attempt_id(struct arena *arena, int number);

/* Creates the inventory of any product number. */
void stock_up(struct stock_fixture *fixture, int product, int64_t amount);

struct figures {
  int64_t amount, reserved, version;
};

/* What is stored; asserts that the readable fields say the same as the packed message. */
struct figures figures_of(struct stock_fixture *fixture, int product);

/* Asserts, for each product, amount and reserved_amount. */
void assert_stock(struct stock_fixture *fixture, struct units amount, struct units reserved);

/* Asserts that the events of changes decode, in increasing order, and that each inventory's versions rise by 1 up to
 * the stored one. */
void assert_events(struct stock_fixture *fixture);

/* In a minute: an expire time for attempts that shall not expire. */
int64_t later(const struct stock_fixture *fixture);

struct status reserve(struct stock_fixture *fixture, int order, int attempt, struct units units, int64_t expire);
/* Of an order of which nothing is believed to be reserved. */
struct status reserve_for_new(struct stock_fixture *fixture, int order, int attempt, struct units units);
void release(struct stock_fixture *fixture, int order, int attempt);

/* Reserves one of each of the first `products` products, which must have been stocked up. */
void reserve_of_each(struct stock_fixture *fixture, int order, int attempt, int products);

/* Appends an event of an order to the log. Attempt 0: none. */
const struct event *record(struct stock_fixture *fixture, const char *stream, int order, int attempt,
                           struct units units);

struct status settle(struct stock_fixture *fixture, const struct event *const *events, size_t count);
void settle_one(struct stock_fixture *fixture, const struct event *event);

/* Moves the stored position, as a consumer that has applied everything up to there, and drops expired attempts. */
void pass(struct stock_fixture *fixture, int64_t position);

/* The latest event of a change. */
struct event last_change(struct stock_fixture *fixture);

/* Sets the log's clock ahead of all others. */
void set_clock(struct stock_fixture *fixture, int64_t log_time);

/* A command on the fixture's keys: `key` gets the test's prefix. Nil is NULL. */
const char *redis_text(struct stock_fixture *fixture, const char *command, const char *key, const char *argument);
