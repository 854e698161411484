/* SPDX-License-Identifier: Apache-2.0 */
#include "stock_fixture.h"
#include "inventory_id.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "consumer/consumer.h"
#include "consumer/lease.h"
#include "loop/coroutine.h"
#include "reservation_expiry.h"
#include "reservation_settlement.h"
#include "shop_brand.h"
#include "store/entity_store.h"

static const struct entity_type inventory_type = {
    .name = "inventory", .descriptor = &ordershop__v1__inventory__descriptor, .ids_set = true};

static struct private_redis *server;

int stock_redis_start(void) {
  server = private_redis_start(NULL);
  return 0;
}

int stock_redis_stop(void) {
  private_redis_free(server);
  return 0;
}

struct private_redis *stock_redis(void) {
  return server;
}

static void assert_ok(struct status status) {
  if (!status_is_ok(status)) fprintf(stderr, "%s: %s\n", status_code_name(status.code), status.message);
  CU_ASSERT_FATAL(status_is_ok(status));
}

static int tests;

struct stock_fixture *stock_fixture_join(struct context *context) {
  struct arena *arena = context->arena;
  struct stock_fixture *fixture = arena_calloc(arena, 1, sizeof *fixture);
  struct event_store_options options = {.brand = &shop_brand,
                                        .service = "inventory",
                                        .redis_url = private_redis_url(server),
                                        .key_prefix = arena_printf(arena, "{test%d}:", tests),
                                        .request_seconds = 3600};
  fixture->context = context;
  fixture->epoch = "7";
  assert_ok(event_store_open(coroutine_loop(), arena, &options, &fixture->store));
  assert_ok(redis_wait_ready(fixture->store->commands, context->deadline_us));
  assert_ok(redis_wait_ready(fixture->store->reads, context->deadline_us));
  fixture->stock = stock_new(fixture->store, fixture->store, arena);
  return fixture;
}

struct stock_fixture *stock_fixture_open(struct context *context, struct units stocked) {
  tests++;
  struct stock_fixture *fixture = stock_fixture_join(context);
  private_redis_command(server, "SET %s 7", lease_epoch_key(fixture->store, context->arena));
  for (int product = 0; product < PRODUCTS; product++) stock_up(fixture, product, stocked.of[product]);
  return fixture;
}

void stock_fixture_close(struct stock_fixture *fixture) {
  stock_stop(fixture->stock);
  event_store_close(fixture->store);
}

const char *product_id(struct arena *arena, int number) {
  return arena_printf(arena, "00000000-0000-4000-8000-%012d", number);
}

const char *order_id(struct arena *arena, int number) {
  return arena_printf(arena, "11111111-0000-4000-8000-%012d", number);
}

const char *attempt_id(struct arena *arena, int number) {
  return arena_printf(arena, "22222222-0000-4000-8000-%012d", number);
}

static const char *inventory_of(struct stock_fixture *fixture, int product) {
  return inventory_id(fixture->context->arena, product_id(fixture->context->arena, product));
}

void stock_up(struct stock_fixture *fixture, int product, int64_t amount) {
  struct arena *arena = fixture->context->arena;
  Ordershop__V1__Inventory inventory = ORDERSHOP__V1__INVENTORY__INIT;
  inventory.id = (char *)inventory_of(fixture, product);
  inventory.product_id = (char *)product_id(arena, product);
  inventory.amount = amount;
  struct transaction transaction = transaction_of(fixture->store, arena);
  entity_put_created(&transaction, &inventory_type, &inventory, NULL);
  struct transaction_result result;
  assert_ok(transaction_run(&transaction, fixture->context, &result));
  CU_ASSERT_FATAL(result.outcome == TRANSACTION_DONE);
}

/* ---- what is stored --------------------------------------------------------------------------------------------- */

static void assert_readable(struct stock_fixture *fixture, const Ordershop__V1__Inventory *inventory) {
  struct arena *arena = fixture->context->arena;
  struct redis_arguments get =
      redis_command_of(arena, "HGETALL", entity_key(fixture->store, arena, &inventory_type, inventory->id), NULL);
  const struct redis_reply *reply;
  assert_ok(redis_command(fixture->store->commands, fixture->context, &get, &reply));
  CU_ASSERT(reply->count == 2 * (inventory_type.descriptor->n_fields + 1));
  for (unsigned i = 0; i < inventory_type.descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &inventory_type.descriptor->fields[i];
    const char *text = redis_reply_text(redis_reply_field(reply, field->name));
    CU_ASSERT_FATAL(text != NULL);
    CU_ASSERT_STRING_EQUAL(text, message_field_text(arena, inventory, field));
  }
}

struct figures figures_of(struct stock_fixture *fixture, int product) {
  void *entity;
  assert_ok(entity_load(fixture->store, fixture->context, &inventory_type, inventory_of(fixture, product), &entity));
  const Ordershop__V1__Inventory *inventory = entity;
  CU_ASSERT_STRING_EQUAL(inventory->product_id, product_id(fixture->context->arena, product));
  assert_readable(fixture, inventory);
  return (struct figures){inventory->amount, inventory->reserved_amount, inventory->version};
}

void assert_stock(struct stock_fixture *fixture, struct units amount, struct units reserved) {
  for (int product = 0; product < PRODUCTS; product++) {
    struct figures figures = figures_of(fixture, product);
    CU_ASSERT_EQUAL(figures.amount, amount.of[product]);
    CU_ASSERT_EQUAL(figures.reserved, reserved.of[product]);
  }
}

void assert_events(struct stock_fixture *fixture) {
  struct arena *arena = fixture->context->arena;
  struct redis_arguments range =
      redis_command_of(arena, "XRANGE", event_stream_key(fixture->store, arena, "inventory_updated"), "-", "+", NULL);
  const struct redis_reply *reply;
  assert_ok(redis_command(fixture->store->reads, fixture->context, &range, &reply));
  int64_t versions[PRODUCTS] = {1, 1, 1}, last = 0;
  for (size_t i = 0; i < reply->count; i++) {
    struct event event;
    assert_ok(event_decode(arena, "inventory_updated", inventory_type.descriptor, reply->elements[i], &event));
    CU_ASSERT(event.log_time > last);
    last = event.log_time;
    const Ordershop__V1__Inventory *inventory = event.entity;
    CU_ASSERT(inventory->amount >= 0 && inventory->reserved_amount >= 0);
    int product = atoi(strrchr(inventory->product_id, '-') + 1);
    CU_ASSERT_EQUAL(inventory->version, ++versions[product]);
  }
  for (int product = 0; product < PRODUCTS; product++) {
    CU_ASSERT_EQUAL(figures_of(fixture, product).version, versions[product]);
  }
}

struct event last_change(struct stock_fixture *fixture) {
  struct arena *arena = fixture->context->arena;
  struct redis_arguments range = redis_command_of(
      arena, "XREVRANGE", event_stream_key(fixture->store, arena, "inventory_updated"), "+", "-", "COUNT", "1", NULL);
  const struct redis_reply *reply;
  assert_ok(redis_command(fixture->store->reads, fixture->context, &range, &reply));
  CU_ASSERT_FATAL(reply->count == 1);
  struct event event;
  assert_ok(event_decode(arena, "inventory_updated", inventory_type.descriptor, reply->elements[0], &event));
  return event;
}

void set_clock(struct stock_fixture *fixture, int64_t log_time) {
  struct arena *arena = fixture->context->arena;
  const char *value = arena_printf(arena, "%s 0123456789abcdef", log_time_text(arena, log_time));
  private_redis_command(server, "SET %s %b", clock_key(fixture->store, arena), value, strlen(value));
}

const char *redis_text(struct stock_fixture *fixture, const char *command, const char *key, const char *argument) {
  struct arena *arena = fixture->context->arena;
  const char *whole = redis_key(fixture->store->commands, arena, "%s", key);
  const char *answer = argument ? private_redis_command(server, "%s %s %s", command, whole, argument)
                                : private_redis_command(server, "%s %s", command, whole);
  return arena_strdup(arena, answer);
}

/* ---- what is done ----------------------------------------------------------------------------------------------- */

int64_t later(const struct stock_fixture *fixture) {
  return event_store_now(fixture->store) + 60 * 1000 * 1000;
}

static char **product_list(struct arena *arena, struct units units, size_t *ret_count) {
  size_t count = 0;
  for (int product = 0; product < PRODUCTS; product++) count += (size_t)units.of[product];
  char **list = arena_calloc(arena, count, sizeof *list);
  size_t at = 0;
  for (int product = 0; product < PRODUCTS; product++) {
    for (int i = 0; i < units.of[product]; i++) list[at++] = (char *)product_id(arena, product);
  }
  *ret_count = count;
  return list;
}

static struct stock_reservation reservation_of(struct stock_fixture *fixture, int order, int attempt, int64_t expire) {
  struct arena *arena = fixture->context->arena;
  return (struct stock_reservation){
      .order_id = order_id(arena, order), .attempt_id = attempt_id(arena, attempt), .expire_log_time = expire};
}

static struct status reserve_it(struct stock_fixture *fixture, const struct stock_reservation *reservation) {
  struct position position;
  return stock_reserve(fixture->stock, fixture->context, reservation, &position);
}

struct status reserve(struct stock_fixture *fixture, int order, int attempt, struct units units, int64_t expire) {
  struct stock_reservation reservation = reservation_of(fixture, order, attempt, expire);
  reservation.product_ids = product_list(fixture->context->arena, units, &reservation.product_count);
  return reserve_it(fixture, &reservation);
}

struct status reserve_for_new(struct stock_fixture *fixture, int order, int attempt, struct units units) {
  struct stock_reservation reservation = reservation_of(fixture, order, attempt, later(fixture));
  reservation.product_ids = product_list(fixture->context->arena, units, &reservation.product_count);
  reservation.order_is_new = true;
  return reserve_it(fixture, &reservation);
}

void reserve_of_each(struct stock_fixture *fixture, int order, int attempt, int products) {
  struct arena *arena = fixture->context->arena;
  char **product_ids = arena_calloc(arena, (size_t)products, sizeof *product_ids);
  for (int i = 0; i < products; i++) product_ids[i] = (char *)product_id(arena, i);
  struct stock_reservation reservation = reservation_of(fixture, order, attempt, later(fixture));
  reservation.product_ids = product_ids;
  reservation.product_count = (size_t)products;
  assert_ok(reserve_it(fixture, &reservation));
}

void release(struct stock_fixture *fixture, int order, int attempt) {
  struct arena *arena = fixture->context->arena;
  struct position position;
  assert_ok(
      stock_release(fixture->stock, fixture->context, order_id(arena, order), attempt_id(arena, attempt), &position));
}

const struct event *record(struct stock_fixture *fixture, const char *stream, int order, int attempt,
                           struct units units) {
  struct arena *arena = fixture->context->arena;
  Ordershop__V1__Order *entity = message_new(arena, &ordershop__v1__order__descriptor);
  entity->id = (char *)order_id(arena, order);
  entity->product_ids = product_list(arena, units, &entity->n_product_ids);
  struct event *event = arena_calloc(arena, 1, sizeof *event);
  *event = (struct event){.stream = stream, .entity = entity};
  if (attempt) event->attempt_id = attempt_id(arena, attempt);

  struct event_origin origin = {.attempt_id = event->attempt_id};
  struct transaction transaction = transaction_of(fixture->store, arena);
  size_t size;
  void *bytes = message_pack(arena, entity, &size);
  event_append(&transaction, stream, bytes, size, &origin, &event->event_id);
  struct transaction_result result;
  assert_ok(transaction_run(&transaction, fixture->context, &result));
  event->log_time = result.first;
  event->id = log_time_text(arena, result.first);
  return event;
}

struct status settle(struct stock_fixture *fixture, const struct event *const *events, size_t count) {
  return reservations_settle(fixture->stock, fixture->context, fixture->epoch, events, count, NULL);
}

void settle_one(struct stock_fixture *fixture, const struct event *event) {
  assert_ok(settle(fixture, &event, 1));
}

void pass(struct stock_fixture *fixture, int64_t position) {
  struct arena *arena = fixture->context->arena;
  private_redis_command(server, "HSET %s log %s", consumer_position_key(fixture->store, arena),
                        log_time_text(arena, position));
  assert_ok(reservations_expire(fixture->stock, fixture->context, fixture->epoch, position));
}
