/* SPDX-License-Identifier: Apache-2.0 */
/* What changes of the stock keep of a packed Inventory that they do not know: fields that a newer version has added. */
#include <inttypes.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "in_coroutine.h"
#include "inventory_id.h"
#include "stock_fixture.h"
#include "suite.h"

static const struct units TEN = {{10, 10, 10}}, ONE = {{1, 0, 0}}, TWO = {{2, 0, 0}}, NONE = {{0, 0, 0}};

struct bytes {
  const void *at;
  size_t size;
};
#define BYTES(literal) ((struct bytes){literal, sizeof(literal) - 1})

/* Fields of every wire type, with numbers that are free between the Inventory's, behind them, and large. */
static const struct {
  const char *name;
  struct bytes field;
} unknown_fields[] = {
    {"5, a varint", {"\x28\x96\x01", 3}},
    {"12, 64 bits", {"\x61\x01\x02\x03\x04\x05\x06\x07\x08", 9}},
    {"6, a text", {"\x32\x05ordre", 7}},
    {"7, an empty text", {"\x3a\x00", 2}},
    {"8, 32 bits", {"\x45\xff\xff\xff\xff", 5}},
    {"16, a varint of ten bytes", {"\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}},
    {"536870911, a text", {"\xfa\xff\xff\xff\x0f\x02oh", 8}},
    {"9 and 5 in turn", {"\x48\x01\x28\x02\x48\x03\x28\x04", 8}},
    {"10, a message that looks like an amount", {"\x52\x02\x18\x07", 4}},
};
enum { UNKNOWN_FIELDS = sizeof unknown_fields / sizeof *unknown_fields };

static const char *inventory_key(struct stock_fixture *fixture, int product) {
  struct arena *arena = fixture->context->arena;
  return redis_key(fixture->store->commands, arena, "inventory_entity:%s",
                   inventory_id(arena, product_id(arena, product)));
}

static struct bytes stored(struct stock_fixture *fixture, int product) {
  const struct redis_reply *reply =
      private_redis_reply(stock_redis(), fixture->context->arena, "HGET %s _entity", inventory_key(fixture, product));
  CU_ASSERT_FATAL(reply->type == REDIS_TEXT);
  return (struct bytes){reply->text, reply->size};
}

static void store(struct stock_fixture *fixture, int product, struct bytes bytes) {
  private_redis_command(stock_redis(), "HSET %s _entity %b", inventory_key(fixture, product), bytes.at, bytes.size);
}

/* `left`, then `field`, then the rest of `bytes`. */
static struct bytes inserted(struct arena *arena, struct bytes bytes, size_t left, struct bytes field) {
  char *result = arena_alloc(arena, bytes.size + field.size);
  memcpy(result, bytes.at, left);
  memcpy(result + left, field.at, field.size);
  memcpy(result + left + field.size, (const char *)bytes.at + left, bytes.size - left);
  return (struct bytes){result, bytes.size + field.size};
}

/* Without the only occurrence of `field`. */
static struct bytes removed(struct arena *arena, struct bytes bytes, struct bytes field) {
  const char *at = memmem(bytes.at, bytes.size, field.at, field.size);
  CU_ASSERT_FATAL(at != NULL);
  size_t left = (size_t)(at - (const char *)bytes.at);
  char *result = arena_memdup(arena, bytes.at, bytes.size);
  memmove(result + left, result + left + field.size, bytes.size - left - field.size);
  return (struct bytes){result, bytes.size - field.size};
}

static const Ordershop__V1__Inventory *unpacked(struct arena *arena, struct bytes bytes) {
  const Ordershop__V1__Inventory *inventory =
      message_unpack(arena, &ordershop__v1__inventory__descriptor, bytes.at, bytes.size);
  CU_ASSERT_FATAL(inventory != NULL);
  return inventory;
}

/* Where the fields of a packed inventory without unknown ones begin, and where the last one ends. */
static size_t boundaries_of(struct arena *arena, struct bytes bytes, size_t *ret_boundaries) {
  const Ordershop__V1__Inventory *inventory = unpacked(arena, bytes);
  const ProtobufCMessageDescriptor *descriptor = inventory->base.descriptor;
  size_t count = 0, at = 0;
  ret_boundaries[count++] = 0;
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    void *only = message_new(arena, descriptor);
    message_share_field(only, inventory, &descriptor->fields[i]);
    at += protobuf_c_message_get_packed_size(only);
    ret_boundaries[count++] = at;
  }
  CU_ASSERT_EQUAL_FATAL(at, bytes.size);
  return count;
}

static const struct request_record NO_RECORD = {0};

static struct status adjust(struct stock_fixture *fixture, int64_t number) {
  struct arena *arena = fixture->context->arena;
  const struct stock_adjustment adjustment = {
      .inventory_id = inventory_id(arena, product_id(arena, 0)), .change = STOCK_ADD, .number = number};
  struct stock_adjusted adjusted;
  return stock_adjust(fixture->stock, fixture->context, &adjustment, &NO_RECORD, &adjusted);
}

/* The first product, as it is stored and as its latest event has it: its figures, the unknown field, all else as it was
 * in `before`. */
static void assert_kept(struct stock_fixture *fixture, const Ordershop__V1__Inventory *before, struct bytes field,
                        struct figures figures) {
  struct arena *arena = fixture->context->arena;
  struct bytes bytes = stored(fixture, 0), known = removed(arena, bytes, field);
  const Ordershop__V1__Inventory *after = unpacked(arena, known);
  CU_ASSERT_EQUAL(after->base.n_unknown_fields, 0);
  CU_ASSERT_STRING_EQUAL(after->id, before->id);
  CU_ASSERT_STRING_EQUAL(after->product_id, before->product_id);
  CU_ASSERT_EQUAL(after->amount, figures.amount);
  CU_ASSERT_EQUAL(after->reserved_amount, figures.reserved);
  CU_ASSERT_EQUAL(after->version, figures.version);
  CU_ASSERT_PTR_NOT_NULL_FATAL(after->create_time);
  CU_ASSERT_PTR_NOT_NULL_FATAL(after->update_time);
  CU_ASSERT(message_equal(arena, after->create_time, before->create_time));
  CU_ASSERT(!message_equal(arena, after->update_time, before->update_time));

  const struct redis_reply *entries = private_redis_reply(stock_redis(), arena, "XREVRANGE %s + - COUNT 1",
                                                          event_stream_key(fixture->store, arena, "inventory_updated"));
  const struct redis_reply *entity = redis_reply_field(redis_reply_at(redis_reply_at(entries, 0), 1), "entity");
  CU_ASSERT_PTR_NOT_NULL_FATAL(entity);
  CU_ASSERT_EQUAL_FATAL(entity->size, bytes.size);
  CU_ASSERT(memcmp(entity->text, bytes.at, bytes.size) == 0);
}

/* Everything that changes a stock, with one unknown field in it. */
static void go_through(struct stock_fixture *fixture, size_t boundary, struct bytes field) {
  struct bytes packed = stored(fixture, 0);
  const Ordershop__V1__Inventory *before = unpacked(fixture->context->arena, packed);
  store(fixture, 0, inserted(fixture->context->arena, packed, boundary, field));

  CU_ASSERT(status_is_ok(adjust(fixture, 200)));
  assert_kept(fixture, before, field, (struct figures){210, 0, 2});
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, TWO, later(fixture))));
  assert_kept(fixture, before, field, (struct figures){208, 2, 3});
  release(fixture, 1, 1);
  assert_kept(fixture, before, field, (struct figures){210, 0, 4});
  settle_one(fixture, record(fixture, "order_created", 2, 2, TWO));
  assert_kept(fixture, before, field, (struct figures){208, 2, 5});
  settle_one(fixture, record(fixture, "order_updated", 2, 3, ONE));
  assert_kept(fixture, before, field, (struct figures){209, 1, 6});
  settle_one(fixture, record(fixture, "order_deleted", 2, 0, NONE));
  assert_kept(fixture, before, field, (struct figures){210, 0, 7});
  int64_t expire = event_store_now(fixture->store) + 1000000;
  CU_ASSERT(status_is_ok(reserve(fixture, 3, 4, ONE, expire)));
  pass(fixture, expire);
  assert_kept(fixture, before, field, (struct figures){210, 0, 9});
}

static void every_change(struct context *context) {
  for (int i = 0; i < UNKNOWN_FIELDS; i++) {
    struct stock_fixture *fixture = stock_fixture_open(context, TEN);
    size_t boundaries[16], count = boundaries_of(context->arena, stored(fixture, 0), boundaries);
    go_through(fixture, boundaries[i % (int)count], unknown_fields[i].field);
    stock_fixture_close(fixture);
  }
}

static void every_place(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct bytes packed = stored(fixture, 0);
  const Ordershop__V1__Inventory *before = unpacked(context->arena, packed);
  size_t boundaries[16], count = boundaries_of(context->arena, packed, boundaries);
  for (size_t boundary = 0; boundary < count; boundary++) {
    for (int i = 0; i < UNKNOWN_FIELDS; i++) {
      struct bytes field = unknown_fields[i].field;
      store(fixture, 0, inserted(context->arena, packed, boundaries[boundary], field));
      CU_ASSERT(status_is_ok(adjust(fixture, 1)));
      assert_kept(fixture, before, field, (struct figures){11, 0, 2});
    }
  }
  stock_fixture_close(fixture);
}

static void last_wins(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct arena *arena = context->arena;
  struct bytes packed = stored(fixture, 0), field = BYTES("\x28\x01");
  const Ordershop__V1__Inventory *before = unpacked(arena, packed);
  struct bytes doubled = inserted(arena, packed, 0, BYTES("\x18\x63\x20\x63\x68\x63"));
  doubled = inserted(arena, doubled, doubled.size, BYTES("\x28\x01\x18\x14\x20\x05\x68\x07"));
  store(fixture, 0, doubled);
  CU_ASSERT(status_is_ok(adjust(fixture, 1)));
  assert_kept(fixture, before, field, (struct figures){21, 5, 8});
  stock_fixture_close(fixture);
}

static void any_order(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct arena *arena = context->arena;
  struct bytes packed = stored(fixture, 0), reversed = {"", 0};
  const Ordershop__V1__Inventory *before = unpacked(arena, packed);
  size_t boundaries[16], count = boundaries_of(arena, packed, boundaries);
  for (size_t i = 1; i < count; i++) {
    struct bytes field = {(const char *)packed.at + boundaries[i - 1], boundaries[i] - boundaries[i - 1]};
    reversed = inserted(arena, reversed, 0, field);
  }
  reversed = inserted(arena, reversed, 0, unknown_fields[0].field);
  store(fixture, 0, reversed);
  CU_ASSERT(status_is_ok(adjust(fixture, 1)));
  assert_kept(fixture, before, unknown_fields[0].field, (struct figures){11, 0, 2});
  stock_fixture_close(fixture);
}

/* What is 0 is not there: an amount, a version that nobody has written. */
static void absent(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, NONE);
  struct arena *arena = context->arena;
  struct bytes packed = removed(arena, stored(fixture, 0), BYTES("\x68\x01"));
  const Ordershop__V1__Inventory *before = unpacked(arena, packed);
  store(fixture, 0, inserted(arena, packed, packed.size, unknown_fields[0].field));
  CU_ASSERT(status_is_ok(adjust(fixture, 3)));
  assert_kept(fixture, before, unknown_fields[0].field, (struct figures){3, 0, 1});
  CU_ASSERT(status_is_ok(adjust(fixture, -3)));
  assert_kept(fixture, before, unknown_fields[0].field, (struct figures){0, 0, 2});
  stock_fixture_close(fixture);
}

/* Earlier versions, which may run beside this one, read the fields in the order of their numbers. */
static void packed_alike(struct context *context) {
  struct stock_fixture *fixture = stock_fixture_open(context, NONE);
  struct arena *arena = context->arena;
  struct bytes packed = stored(fixture, 0);
  store(fixture, 0, inserted(arena, packed, 0, BYTES("\x28\x01\x82\x01\x02hi")));
  CU_ASSERT(status_is_ok(adjust(fixture, 300)));
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, TWO, later(fixture))));
  struct bytes bytes = stored(fixture, 0);
  size_t size;
  const void *again = message_pack(arena, unpacked(arena, bytes), &size);
  CU_ASSERT_EQUAL_FATAL(size, bytes.size);
  CU_ASSERT(memcmp(again, bytes.at, size) == 0);
  stock_fixture_close(fixture);
}

static void assert_undecodable(struct stock_fixture *fixture, struct status status, int product) {
  CU_ASSERT_EQUAL(status.code, STATUS_DATA_LOSS);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "ENTITY_UNDECODABLE");
  CU_ASSERT_PTR_NOT_NULL_FATAL(status.message);
  struct arena *arena = fixture->context->arena;
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, inventory_id(arena, product_id(arena, product))));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "can't be decoded"));
}

#define TWENTY_DIGITS "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
#define ENDLESS \
  TWENTY_DIGITS TWENTY_DIGITS TWENTY_DIGITS TWENTY_DIGITS TWENTY_DIGITS TWENTY_DIGITS TWENTY_DIGITS TWENTY_DIGITS

/* Cut off within each of its fields, or with what is no field; and with groups, which protobuf-c does not read and no
 * message of the shop has. */
static void damaged(struct context *context) {
  static const struct bytes ends[] = {{"\x28", 1},
                                      {"\x28\xff", 2},
                                      {"\x32\x05ordr", 6},
                                      {"\x61\x01\x02", 3},
                                      {"\x45\x01", 2},
                                      {"\x2b\x18\x07", 3},
                                      {"\x2b\x2c", 2},
                                      {"\x2b\x18\x07\x33\x68\x09\x34\x7a\x01x\x2c", 11},
                                      {"\x2c", 1},
                                      {"\x2e\x01", 2},
                                      {"\x2f\x01", 2},
                                      {"\xfa\xff\xff\xff", 4},
                                      {"\x32\xff\xff\xff\xff\x7f", 6},
                                      {"\x28" ENDLESS "\x01", 162},
                                      {"\x2b\x32" ENDLESS "\x01\x2c", 164}};
  static const struct units both = {{1, 1, 0}};
  struct stock_fixture *fixture = stock_fixture_open(context, TEN);
  struct arena *arena = context->arena;
  CU_ASSERT(status_is_ok(reserve(fixture, 1, 1, both, later(fixture))));
  settle_one(fixture, record(fixture, "order_created", 1, 1, both));
  const char *events = event_stream_key(fixture->store, arena, "inventory_updated");
  int64_t count = private_redis_number(stock_redis(), "XLEN %s", events);
  struct bytes good[] = {stored(fixture, 0), stored(fixture, 1)};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    for (int product = 0; product < 2; product++) {
      struct bytes bad = inserted(arena, good[product], good[product].size, ends[i]);
      store(fixture, product, bad);
      assert_undecodable(fixture, reserve(fixture, 2, 2, both, later(fixture)), product);
      const struct event *deleted = record(fixture, "order_deleted", 1, 0, NONE);
      assert_undecodable(fixture, settle(fixture, &deleted, 1), product);
      if (product == 0) assert_undecodable(fixture, adjust(fixture, 1), product);
      CU_ASSERT(stored(fixture, product).size == bad.size);
      store(fixture, product, good[product]);
      CU_ASSERT_EQUAL(private_redis_number(stock_redis(), "XLEN %s", events), count);
      assert_stock(fixture, (struct units){{9, 9, 10}}, both);
    }
  }
  stock_fixture_close(fixture);
}

#define TEST(function)                \
  static void test_##function(void) { \
    in_coroutine(function);           \
  }
TEST(every_change)
TEST(every_place)
TEST(last_wins)
TEST(any_order)
TEST(absent)
TEST(packed_alike)
TEST(damaged)

static const struct test tests[] = {
    {"an unknown field of each wire type outlives whatever changes the stock", test_every_change},
    {"an unknown field is kept wherever it stands", test_every_place},
    {"of a field that is there twice the last one counts", test_last_wins},
    {"the fields may stand in any order", test_any_order},
    {"fields that are 0 need not be there", test_absent},
    {"what is written is packed as the entity store packs it", test_packed_alike},
    {"an inventory that can't be decoded is named, and nothing is changed", test_damaged},
};

int main(int argc, char **argv) {
  return suite_main("stock unknown fields", tests, SUITE_SIZE(tests), stock_redis_start, stock_redis_stop, argc, argv);
}
