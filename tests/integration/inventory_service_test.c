/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory service over gRPC, in a shop of its own: what its callers see of it. */
#include <google/protobuf/field_mask.pb-c.h>
#include <ordershop/internal/v1/stock.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "client/customer_client.h"
#include "client/inventory_client.h"
#include "client/order_client.h"
#include "client/product_client.h"
#include "patience.h"
#include "private_shop.h"
#include "rpc/error_details.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"
#include "suite.h"

static struct private_shop *shop;
static struct ordershop_client *client;
static struct rpc_blocking_channel *channel;
static struct arena *arena;
static struct context context;

static int start_shop(void) {
  shop = private_shop_start(NULL);
  arena = arena_new();
  context = (struct context){.arena = arena};
  client = private_shop_client(shop, arena);
  const char *target = arena_printf(arena, "127.0.0.1:%d", private_shop_port(shop, ORDERSHOP_INVENTORY));
  struct rpc_channel_options options = {.brand = &shop_brand, .peer = "inventory", .wait_for_ready = true};
  return status_is_ok(rpc_blocking_channel_open(arena, target, &options, &channel)) ? 0 : 1;
}

static int stop_shop(void) {
  rpc_blocking_channel_close(channel);
  ordershop_client_close(client);
  arena_free(arena);
  private_shop_free(shop);
  return 0;
}

/* --- helpers --- */

static void assert_ok(struct status status) {
  CU_ASSERT_EQUAL_FATAL(status.code, STATUS_OK);
}

static void assert_refused(struct status status, enum status_code code, const char *reason) {
  CU_ASSERT_EQUAL(status.code, code);
  CU_ASSERT_STRING_EQUAL(status_reason(status), reason);
}

/* Of the first field that is violated. */
static const char *violation(struct status status) {
  CU_ASSERT_STRING_EQUAL(status_reason(status), "FIELD_INVALID");
  return status.details && status.details->violations ? status.details->violations->field : "";
}

static char *text(const char *constant) {
  return arena_strdup(arena, constant);
}

static char *new_id(void) {
  return text(uuid_random(arena));
}

static char *new_product(void) {
  Ordershop__V1__Product product = ORDERSHOP__V1__PRODUCT__INIT;
  product.name = text("Tea");
  product.price_cents = 100;
  Ordershop__V1__CreateProductRequest request = ORDERSHOP__V1__CREATE_PRODUCT_REQUEST__INIT;
  request.product = &product;
  const Ordershop__V1__Product *created;
  assert_ok(ordershop_create_product(client, &context, &request, &created));
  return created->id;
}

static void delete_product(char *id) {
  Ordershop__V1__DeleteProductRequest request = ORDERSHOP__V1__DELETE_PRODUCT_REQUEST__INIT;
  request.id = id;
  assert_ok(ordershop_delete_product(client, &context, &request));
}

static struct status create(char *product_id, int64_t amount, char *request_id,
                            const Ordershop__V1__Inventory **ret_inventory) {
  Ordershop__V1__Inventory inventory = ORDERSHOP__V1__INVENTORY__INIT;
  inventory.product_id = product_id;
  inventory.amount = amount;
  inventory.reserved_amount = 77; /* output only: ignored */
  Ordershop__V1__CreateInventoryRequest request = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
  request.inventory = &inventory;
  if (request_id) request.request_id = request_id;
  return ordershop_create_inventory(client, &context, &request, ret_inventory);
}

static const Ordershop__V1__Inventory *new_stock(int64_t amount) {
  const Ordershop__V1__Inventory *inventory;
  assert_ok(create(new_product(), amount, NULL, &inventory));
  return inventory;
}

static const Ordershop__V1__Inventory *get(char *id) {
  Ordershop__V1__GetInventoryRequest request = ORDERSHOP__V1__GET_INVENTORY_REQUEST__INIT;
  request.id = id;
  const Ordershop__V1__Inventory *inventory;
  assert_ok(ordershop_get_inventory(client, &context, &request, &inventory));
  return inventory;
}

static void assert_figures(const Ordershop__V1__Inventory *inventory, int64_t amount, int64_t reserved,
                           int64_t version) {
  CU_ASSERT_EQUAL(inventory->amount, amount);
  CU_ASSERT_EQUAL(inventory->reserved_amount, reserved);
  CU_ASSERT_EQUAL(inventory->version, version);
}

/* `path` NULL means no mask. */
static struct status update(const Ordershop__V1__Inventory *given, const char *path,
                            const Ordershop__V1__Inventory **ret_inventory) {
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  char *paths[] = {text(path ? path : "")};
  mask.paths = paths;
  mask.n_paths = 1;
  Ordershop__V1__UpdateInventoryRequest request = ORDERSHOP__V1__UPDATE_INVENTORY_REQUEST__INIT;
  request.inventory = (Ordershop__V1__Inventory *)given;
  if (path) request.update_mask = &mask;
  return ordershop_update_inventory(client, &context, &request, ret_inventory);
}

static struct status adjust(char *product_id, int64_t delta, char *request_id,
                            const Ordershop__V1__Inventory **ret_inventory) {
  Ordershop__V1__AdjustStockRequest request = ORDERSHOP__V1__ADJUST_STOCK_REQUEST__INIT;
  request.product_id = product_id;
  request.delta = delta;
  if (request_id) request.request_id = request_id;
  return ordershop_adjust_stock(client, &context, &request, ret_inventory);
}

static struct status delete_inventory(char *id, int64_t version) {
  Ordershop__V1__DeleteInventoryRequest request = ORDERSHOP__V1__DELETE_INVENTORY_REQUEST__INIT;
  request.id = id;
  request.version = version;
  return ordershop_delete_inventory(client, &context, &request);
}

static char *new_order(char *product_id, size_t units) {
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  customer.name = text("Ada");
  customer.email = text("ada@example.com");
  Ordershop__V1__CreateCustomerRequest create_customer = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  create_customer.customer = &customer;
  const Ordershop__V1__Customer *created;
  assert_ok(ordershop_create_customer(client, &context, &create_customer, &created));

  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  order.customer_id = created->id;
  order.product_ids = arena_calloc(arena, units, sizeof *order.product_ids);
  order.n_product_ids = units;
  for (size_t i = 0; i < units; i++) order.product_ids[i] = product_id;
  Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  request.order = &order;
  const Ordershop__V1__Order *ordered;
  assert_ok(ordershop_create_order(client, &context, &request, &ordered));
  return ordered->id;
}

static void delete_order(char *id) {
  Ordershop__V1__DeleteOrderRequest request = ORDERSHOP__V1__DELETE_ORDER_REQUEST__INIT;
  request.id = id;
  assert_ok(ordershop_delete_order(client, &context, &request));
}

/* --- creating --- */

static void test_create(void) {
  char *product_id = new_product();
  const Ordershop__V1__Inventory *inventory, *again;
  assert_ok(create(product_id, 5, NULL, &inventory));
  assert_figures(inventory, 5, 0, 1);
  CU_ASSERT_STRING_EQUAL(inventory->product_id, product_id);
  CU_ASSERT_TRUE(message_equal(arena, inventory, get(inventory->id)));
  assert_refused(create(product_id, 5, NULL, &again), STATUS_ALREADY_EXISTS, "INVENTORY_ALREADY_EXISTS");

  char *upper = arena_strdup(arena, product_id);
  for (char *c = upper; *c; c++) *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 'a' + 'A' : *c);
  assert_refused(create(upper, 5, NULL, &again), STATUS_ALREADY_EXISTS, "INVENTORY_ALREADY_EXISTS");

  assert_ok(delete_inventory(inventory->id, 0));
  assert_ok(create(upper, 3, NULL, &again));
  CU_ASSERT_STRING_EQUAL(again->id, inventory->id);
  CU_ASSERT_STRING_EQUAL(again->product_id, product_id);
  assert_figures(again, 3, 0, 1);
}

static void test_create_refused(void) {
  const Ordershop__V1__Inventory *inventory;
  CU_ASSERT_STRING_EQUAL(violation(create(text("tea"), 5, NULL, &inventory)), "inventory.product_id");
  CU_ASSERT_STRING_EQUAL(violation(create(new_id(), -1, NULL, &inventory)), "inventory.amount");
  CU_ASSERT_STRING_EQUAL(violation(create(new_id(), 1000000001, NULL, &inventory)), "inventory.amount");
  assert_refused(create(new_id(), 1, NULL, &inventory), STATUS_NOT_FOUND, "PRODUCT_NOT_FOUND");
  char *deleted = new_product();
  delete_product(deleted);
  assert_refused(create(deleted, 1, NULL, &inventory), STATUS_NOT_FOUND, "PRODUCT_NOT_FOUND");
  Ordershop__V1__CreateInventoryRequest empty = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
  CU_ASSERT_STRING_EQUAL(violation(ordershop_create_inventory(client, &context, &empty, &inventory)), "inventory");
}

static void test_create_again(void) {
  char *product_id = new_product(), *request_id = new_id();
  const Ordershop__V1__Inventory *first, *again;
  assert_ok(create(product_id, 5, request_id, &first));
  assert_ok(create(product_id, 5, request_id, &again));
  CU_ASSERT_TRUE(message_equal(arena, first, again));
  assert_refused(create(product_id, 6, request_id, &again), STATUS_INVALID_ARGUMENT, "REQUEST_ID_REUSED");
  delete_product(product_id);
  assert_ok(create(product_id, 5, request_id, &again));
  CU_ASSERT_TRUE(message_equal(arena, first, again));
}

static struct status create_batch(char **product_ids, size_t count, char *request_id,
                                  const Ordershop__V1__BatchCreateInventoriesResponse **ret_response) {
  Ordershop__V1__BatchCreateInventoriesRequest request = ORDERSHOP__V1__BATCH_CREATE_INVENTORIES_REQUEST__INIT;
  request.inventories = arena_calloc(arena, count, sizeof *request.inventories);
  request.n_inventories = count;
  for (size_t i = 0; i < count; i++) {
    request.inventories[i] = message_new(arena, &ordershop__v1__inventory__descriptor);
    request.inventories[i]->product_id = product_ids[i];
    request.inventories[i]->amount = (int64_t)i;
  }
  if (request_id) request.request_id = request_id;
  return ordershop_batch_create_inventories(client, &context, &request, ret_response);
}

static void test_batch(void) {
  char *product_ids[] = {new_product(), new_product(), new_product()}, *request_id = new_id();
  char *with_unknown[] = {product_ids[0], new_id()}, *twice[] = {product_ids[0], product_ids[1], product_ids[0]};
  const Ordershop__V1__BatchCreateInventoriesResponse *response, *again;
  assert_refused(create_batch(with_unknown, 2, NULL, &response), STATUS_NOT_FOUND, "PRODUCT_NOT_FOUND");
  CU_ASSERT_STRING_EQUAL(violation(create_batch(twice, 3, NULL, &response)), "inventories[2].product_id");
  CU_ASSERT_STRING_EQUAL(violation(create_batch(NULL, 0, NULL, &response)), "inventories");

  assert_ok(create_batch(product_ids, 3, request_id, &response));
  CU_ASSERT_EQUAL_FATAL(response->n_inventories, 3);
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_STRING_EQUAL(response->inventories[i]->product_id, product_ids[i]);
    assert_figures(get(response->inventories[i]->id), i, 0, 1);
  }
  delete_product(product_ids[1]);
  assert_ok(create_batch(product_ids, 3, request_id, &again));
  CU_ASSERT_TRUE(message_equal(arena, response, again));

  char *with_existing[] = {new_product(), product_ids[2]};
  assert_refused(create_batch(with_existing, 2, NULL, &response), STATUS_ALREADY_EXISTS, "INVENTORY_ALREADY_EXISTS");
  const Ordershop__V1__Inventory *inventory;
  assert_ok(create(with_existing[0], 1, NULL, &inventory));
}

/* --- reading --- */

static void test_list_of_product(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(5);
  Ordershop__V1__ListInventoriesRequest request = ORDERSHOP__V1__LIST_INVENTORIES_REQUEST__INIT;
  const Ordershop__V1__ListInventoriesResponse *response;
  request.product_id = inventory->product_id;
  assert_ok(ordershop_list_inventories(client, &context, &request, &response));
  CU_ASSERT_EQUAL_FATAL(response->n_inventories, 1);
  CU_ASSERT_TRUE(message_equal(arena, response->inventories[0], inventory));
  CU_ASSERT_STRING_EQUAL(response->next_page_token, "");
  request.page_token = text("x");
  assert_refused(ordershop_list_inventories(client, &context, &request, &response), STATUS_INVALID_ARGUMENT,
                 "PAGE_TOKEN_INVALID");
  request.page_token = text("");
  request.page_size = -1;
  CU_ASSERT_STRING_EQUAL(violation(ordershop_list_inventories(client, &context, &request, &response)), "page_size");
  request.page_size = 0;
  request.product_id = new_product();
  assert_ok(ordershop_list_inventories(client, &context, &request, &response));
  CU_ASSERT_EQUAL(response->n_inventories, 0);
  request.product_id = text("tea");
  CU_ASSERT_STRING_EQUAL(violation(ordershop_list_inventories(client, &context, &request, &response)), "product_id");
}

/* --- changing --- */

static void test_update(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(5), *updated;
  Ordershop__V1__Inventory given = ORDERSHOP__V1__INVENTORY__INIT;
  given.id = inventory->id;
  assert_ok(update(&given, NULL, &updated)); /* nothing is set */
  CU_ASSERT_TRUE(message_equal(arena, updated, inventory));
  assert_ok(update(&given, "reserved_amount", &updated)); /* output only */
  CU_ASSERT_TRUE(message_equal(arena, updated, inventory));
  given.amount = 5;
  assert_ok(update(&given, "amount", &updated)); /* no change */
  CU_ASSERT_TRUE(message_equal(arena, updated, inventory));

  given.amount = 7;
  assert_ok(update(&given, NULL, &updated));
  assert_figures(updated, 7, 0, 2);
  CU_ASSERT_TRUE(message_equal(arena, updated, get(inventory->id)));
  given.amount = 0;
  given.version = 2;
  given.product_id = inventory->product_id; /* has that value */
  assert_ok(update(&given, "*", &updated));
  assert_figures(updated, 0, 0, 3);
  assert_refused(update(&given, "amount", &updated), STATUS_ABORTED, "VERSION_MISMATCH");
}

static void test_update_refused(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(5), *updated;
  Ordershop__V1__Inventory given = ORDERSHOP__V1__INVENTORY__INIT;
  given.id = inventory->id;
  given.amount = 6;
  CU_ASSERT_STRING_EQUAL(violation(update(&given, "colour", &updated)), "update_mask");
  given.product_id = new_id();
  CU_ASSERT_STRING_EQUAL(violation(update(&given, NULL, &updated)), "inventory.product_id");
  given.product_id = text("");
  given.amount = -1;
  CU_ASSERT_STRING_EQUAL(violation(update(&given, NULL, &updated)), "inventory.amount");
  given.amount = 6;
  given.id = new_id();
  assert_refused(update(&given, NULL, &updated), STATUS_NOT_FOUND, "INVENTORY_NOT_FOUND");
  assert_figures(get(inventory->id), 5, 0, 1);
}

static void test_adjust(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(5), *adjusted, *again;
  char *request_id = new_id();
  assert_ok(adjust(inventory->product_id, 3, request_id, &adjusted));
  assert_figures(adjusted, 8, 0, 2);
  assert_ok(adjust(inventory->product_id, 3, request_id, &again));
  CU_ASSERT_TRUE(message_equal(arena, adjusted, again));
  assert_refused(adjust(inventory->product_id, 4, request_id, &again), STATUS_INVALID_ARGUMENT, "REQUEST_ID_REUSED");
  assert_ok(adjust(inventory->product_id, -8, NULL, &adjusted));
  assert_figures(adjusted, 0, 0, 3);
  assert_refused(adjust(inventory->product_id, -1, NULL, &again), STATUS_FAILED_PRECONDITION, "STOCK_OUT_OF_RANGE");
  assert_ok(adjust(inventory->product_id, 1000000000, NULL, &adjusted));
  assert_refused(adjust(inventory->product_id, 1, NULL, &again), STATUS_FAILED_PRECONDITION, "STOCK_OUT_OF_RANGE");
  CU_ASSERT_STRING_EQUAL(violation(adjust(inventory->product_id, 0, NULL, &again)), "delta");
  CU_ASSERT_STRING_EQUAL(violation(adjust(inventory->product_id, -1000000001, NULL, &again)), "delta");
  assert_refused(adjust(new_product(), 1, NULL, &again), STATUS_NOT_FOUND, "INVENTORY_NOT_FOUND");
  CU_ASSERT_TRUE(message_equal(arena, adjusted, get(inventory->id)));
}

static void test_delete(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(5);
  assert_refused(delete_inventory(inventory->id, 2), STATUS_ABORTED, "VERSION_MISMATCH");
  char *order = new_order(inventory->product_id, 2);
  assert_refused(delete_inventory(inventory->id, 0), STATUS_FAILED_PRECONDITION, "STOCK_RESERVED");
  delete_order(order);
  assert_ok(delete_inventory(inventory->id, 0)); /* the client tells the position of the deletion */
  assert_refused(delete_inventory(inventory->id, 0), STATUS_NOT_FOUND, "INVENTORY_NOT_FOUND");
}

/* --- orders --- */

/* The caller sees his orders in the stock at once, and what one gave back is there for the next. */
static void test_read_your_orders(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(3), *adjusted;
  for (int i = 0; i < 5; i++) {
    char *order = new_order(inventory->product_id, 3);
    assert_figures(get(inventory->id), 0, 3, 2 + 2 * i);
    delete_order(order);
    if (i % 2) assert_figures(get(inventory->id), 3, 0, 3 + 2 * i);
  }
  char *order = new_order(inventory->product_id, 3);
  delete_order(order);
  assert_ok(adjust(inventory->product_id, -3, NULL, &adjusted));
  CU_ASSERT_EQUAL(adjusted->amount, 0);
}

static struct rpc_reply call_stock(const char *method, const void *request) {
  struct context bounded = {.arena = arena, .deadline_us = patience_end_us()};
  return rpc_blocking_call(channel, &bounded, &ordershop__internal__v1__stock_service__descriptor, method, request);
}

static struct status reserve(char *order_id, char *attempt_id, char *product_id, int64_t expire) {
  Ordershop__Internal__V1__ReserveStockRequest request = ORDERSHOP__INTERNAL__V1__RESERVE_STOCK_REQUEST__INIT;
  request.order_id = order_id;
  request.attempt_id = attempt_id;
  char *product_ids[] = {product_id, product_id};
  request.product_ids = product_ids;
  request.n_product_ids = product_id ? 2 : 0;
  request.expire_log_time = expire;
  return call_stock("ReserveStock", &request).status;
}

static void release(char *order_id, char *attempt_id) {
  Ordershop__Internal__V1__ReleaseStockRequest request = ORDERSHOP__INTERNAL__V1__RELEASE_STOCK_REQUEST__INIT;
  request.order_id = order_id;
  request.attempt_id = attempt_id;
  struct rpc_reply reply = call_stock("ReleaseStock", &request);
  assert_ok(reply.status);
  CU_ASSERT_PTR_NOT_NULL(reply.position);
}

static void test_reserve(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(3);
  char *order_id = new_id(), *attempt_id = new_id(), *other = new_id();
  int64_t expire = clock_wall_us() + 60 * 1000 * 1000;
  assert_ok(reserve(order_id, attempt_id, inventory->product_id, expire));
  assert_figures(get(inventory->id), 1, 2, 2);
  assert_refused(reserve(other, new_id(), inventory->product_id, expire), STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  release(order_id, attempt_id);
  assert_figures(get(inventory->id), 3, 0, 3);
  assert_refused(reserve(other, new_id(), inventory->product_id, 1000), STATUS_ABORTED, "RESERVATION_EXPIRED");
  CU_ASSERT_STRING_EQUAL(violation(reserve(other, new_id(), NULL, expire)), "product_ids");
  CU_ASSERT_STRING_EQUAL(violation(reserve(other, new_id(), text("tea"), expire)), "product_ids[0]");
  CU_ASSERT_STRING_EQUAL(violation(reserve(text("x"), new_id(), inventory->product_id, expire)), "order_id");
  CU_ASSERT_STRING_EQUAL(violation(reserve(other, new_id(), inventory->product_id, 0)), "expire_log_time");
}

/* ---- batches of reservations ------------------------------------------------------------------------------------ */

enum { BATCH_MAX = 128, BATCH_PRODUCTS_MAX = 2000 };

static Ordershop__Internal__V1__BatchedReservation *reservation_of(char *order_id, char *product_id, size_t units) {
  Ordershop__Internal__V1__ReserveStockRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__internal__v1__reserve_stock_request__init(request);
  request->order_id = order_id;
  request->attempt_id = new_id();
  request->product_ids = arena_calloc(arena, units, sizeof *request->product_ids);
  request->n_product_ids = units;
  for (size_t i = 0; i < units; i++) request->product_ids[i] = product_id;
  request->expire_log_time = clock_wall_us() + 60 * 1000 * 1000;
  Ordershop__Internal__V1__BatchedReservation *reservation = arena_alloc(arena, sizeof *reservation);
  ordershop__internal__v1__batched_reservation__init(reservation);
  reservation->request = request;
  return reservation;
}

static struct rpc_reply reserve_batch(Ordershop__Internal__V1__BatchedReservation **reservations, size_t count) {
  Ordershop__Internal__V1__BatchReserveStockRequest request =
      ORDERSHOP__INTERNAL__V1__BATCH_RESERVE_STOCK_REQUEST__INIT;
  request.reservations = reservations;
  request.n_reservations = count;
  return call_stock("BatchReserveStock", &request);
}

static struct status outcome(const struct rpc_reply *reply, size_t index) {
  const Ordershop__Internal__V1__BatchReserveStockResponse *response = reply->message;
  const Ordershop__Internal__V1__ReservationOutcome *outcome = response->outcomes[index];
  return (struct status){
      .code = (enum status_code)outcome->code,
      .message = outcome->message,
      .details = error_details_unpack(arena, &shop_brand, outcome->details.data, outcome->details.len),
  };
}

static void test_reserve_batch(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(5), *other = new_stock(1);
  char *order_id = new_id();
  Ordershop__Internal__V1__BatchedReservation *reservations[] = {
      reservation_of(order_id, inventory->product_id, 2),  reservation_of(new_id(), other->product_id, 2),
      reservation_of(text("x"), inventory->product_id, 1), reservation_of(new_id(), inventory->product_id, 1),
      reservation_of(order_id, inventory->product_id, 2),  reservation_of(new_id(), inventory->product_id, 1),
  };
  reservations[5]->request->expire_log_time = 1000;
  reservations[3]->traceparent = text("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  struct rpc_reply reply = reserve_batch(reservations, 6);
  assert_ok(reply.status);
  CU_ASSERT_PTR_NOT_NULL(reply.position);
  CU_ASSERT_EQUAL_FATAL(((const Ordershop__Internal__V1__BatchReserveStockResponse *)reply.message)->n_outcomes, 6);
  assert_ok(outcome(&reply, 0));
  assert_refused(outcome(&reply, 1), STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK");
  CU_ASSERT_STRING_EQUAL(violation(outcome(&reply, 2)), "order_id");
  assert_ok(outcome(&reply, 3));
  assert_ok(outcome(&reply, 4)); /* another attempt of the first order, which holds as much already */
  assert_refused(outcome(&reply, 5), STATUS_ABORTED, "RESERVATION_EXPIRED");
  assert_figures(get(inventory->id), 2, 3, 3);
  assert_figures(get(other->id), 1, 0, 1);
  struct private_redis *redis = private_shop_redis(shop);
  CU_ASSERT_EQUAL(
      private_redis_number(redis, "EVAL %s 0",
                           "local n = 0 for _, e in ipairs(redis.call('XRANGE', 'events:inventory_updated', '-', '+')) "
                           "do if string.find(table.concat(e[2], ' '), '00-0af7651916cd43dd8448eb211c80319c', 1, true) "
                           "then n = n + 1 end end return n"),
      1);

  reply = reserve_batch(reservations, 6); /* attempts that are open stay as they are */
  assert_ok(outcome(&reply, 0));
  assert_figures(get(inventory->id), 2, 3, 3);
}

static void test_reserve_batch_refused(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(5000);
  Ordershop__Internal__V1__BatchedReservation *reservations[BATCH_MAX + 1];
  for (size_t i = 0; i <= BATCH_MAX; i++) reservations[i] = reservation_of(new_id(), inventory->product_id, 1);
  CU_ASSERT_STRING_EQUAL(violation(reserve_batch(reservations, 0).status), "reservations");
  CU_ASSERT_STRING_EQUAL(violation(reserve_batch(reservations, BATCH_MAX + 1).status), "reservations");
  struct Ordershop__Internal__V1__BatchedReservation nothing = ORDERSHOP__INTERNAL__V1__BATCHED_RESERVATION__INIT;
  reservations[1] = &nothing;
  CU_ASSERT_STRING_EQUAL(violation(reserve_batch(reservations, 2).status), "reservations[1].request");
  for (size_t i = 0; i < 3; i++) reservations[i] = reservation_of(new_id(), inventory->product_id, 1000);
  CU_ASSERT_STRING_EQUAL(violation(reserve_batch(reservations, 3).status), "reservations");
  assert_figures(get(inventory->id), 5000, 0, 1);
  struct rpc_reply reply = reserve_batch(reservations, 2);
  assert_ok(reply.status);
  assert_ok(outcome(&reply, 0));
  assert_ok(outcome(&reply, 1));
  assert_figures(get(inventory->id), 5000 - BATCH_PRODUCTS_MAX, BATCH_PRODUCTS_MAX, 3);
  reservations[0] = reservation_of(new_id(), inventory->product_id, 1000);
  for (size_t i = 1; i < BATCH_MAX; i++) reservations[i] = reservation_of(new_id(), inventory->product_id, 1);
  reply = reserve_batch(reservations, BATCH_MAX);
  assert_ok(reply.status);
  for (size_t i = 0; i < BATCH_MAX; i++) assert_ok(outcome(&reply, i));
}

/* Nobody calls: the service itself moves the idle log on. */
static void test_expire(void) {
  const Ordershop__V1__Inventory *inventory = new_stock(3);
  assert_ok(reserve(new_id(), new_id(), inventory->product_id, clock_wall_us() + 500 * 1000));
  struct private_redis *redis = private_shop_redis(shop);
  const char *key = arena_printf(arena, "inventory_entity:%s", inventory->id);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HGET %s reserved_amount", key), 2);
  int64_t deadline_us = patience_end_us();
  while (private_redis_number(redis, "HGET %s reserved_amount", key) != 0 && clock_monotonic_us() < deadline_us) {
    usleep(10 * 1000);
  }
  assert_figures(get(inventory->id), 3, 0, 3);
}

static const struct test tests[] = {
    {"a product gets one inventory, whose id is derived from its own", test_create},
    {"an inventory needs a product that exists and an amount in range", test_create_refused},
    {"a repeated creation is answered as the first time, even without the product", test_create_again},
    {"a batch gives all products their stocks or none", test_batch},
    {"the list of a product is its one inventory", test_list_of_product},
    {"an update changes what its mask names, to the version that it expects", test_update},
    {"an update of anything but an inventory's amount is refused", test_update_refused},
    {"an adjustment is relative, within range, and made once", test_adjust},
    {"an inventory that orders hold is not deleted", test_delete},
    {"a caller sees what his orders took and gave back", test_read_your_orders},
    {"stock is reserved and released for the order service", test_reserve},
    {"a batch of reservations has an outcome for each", test_reserve_batch},
    {"a batch of reservations that is too big, or lacks a request, reserves nothing", test_reserve_batch_refused},
    {"a reservation expires in an idle shop", test_expire},
};

int main(int argc, char **argv) {
  return suite_main("inventory service", tests, SUITE_SIZE(tests), start_shop, stop_shop, argc, argv);
}
