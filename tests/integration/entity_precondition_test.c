/* SPDX-License-Identifier: Apache-2.0 */
/* A service whose entities may only be made of what another service knows: the precondition of its resource. What is
 * known is in memory that the test shares with the service. */
#include <ordershop/v1/inventory.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <descriptor_set.h>

#include "await_serving.h"
#include "base/clock.h"
#include "base/field_rules.h"
#include "private_redis.h"
#include "rpc/rpc_blocking_client.h"
#include "service/entity_command.h"
#include "service/entity_query.h"
#include "shop_brand.h"
#include "suite.h"

enum { WAIT_US = 60 * 1000 * 1000 };

static const char PRODUCT[] = "0b1e9aa4-4c3d-4a55-9f7e-9f1a3f6b7c21", OTHER[] = "3f2c7a10-86f1-4f0e-8d0c-5b1f2a9e4d33";
static const char CAPITALS[] = "0B1E9AA4-4C3D-4A55-9F7E-9F1A3F6B7C21";

static volatile bool *product_is_known; /* shared */

/* ---- the service ------------------------------------------------------------------------------------------------ */

static void check_stock(struct violations *violations, const char *path, const void *entity, const char *field) {
  const Ordershop__V1__Inventory *inventory = entity;
  if (strcmp(field, "product_id") == 0) check_uuid(violations, path, inventory->product_id);
  if (strcmp(field, "amount") == 0) check_range(violations, path, inventory->amount, 0, 1000);
}

static struct status require_product(struct rpc_call *call, const void *entity) {
  const Ordershop__V1__Inventory *inventory = entity;
  if (*product_is_known && strcmp(inventory->product_id, PRODUCT) == 0) return status_ok();
  return status_error(call->context.arena, STATUS_NOT_FOUND, reason_not_found("product"), "no product %s",
                      inventory->product_id);
}

static struct status not_offered(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request, (void)ret_reply;
  return status_error(call->context.arena, STATUS_UNIMPLEMENTED, reason_method_unknown, "not offered");
}

static const struct entity_type stock_type = {.name = "stock", .descriptor = &ordershop__v1__inventory__descriptor};
static const struct resource stocks = {
    .type = &stock_type,
    .input_fields = {"product_id", "amount"},
    .mutable_fields = {"amount"},
    .reference_fields = {"product_id"},
    .check = check_stock,
    .precondition = require_product,
};

static const struct rpc_method methods[] = {
    {.name = "CreateInventory", .handler = entity_create, .resource = &stocks},
    {.name = "BatchCreateInventories", .handler = entity_batch_create, .resource = &stocks},
    {.name = "GetInventory", .handler = entity_get, .resource = &stocks},
    {.name = "ListInventories", .handler = entity_page_list, .resource = &stocks},
    {.name = "UpdateInventory", .handler = entity_update, .resource = &stocks},
    {.name = "DeleteInventory", .handler = entity_delete, .resource = &stocks},
    {.name = "AdjustStock", .handler = not_offered, .resource = &stocks},
};

static int serve(int port, const char *redis_url) {
  const struct service_definition definition = {
      .brand = &shop_brand,
      .name = "stock",
      .purpose = "keeps stock of what is known",
      .port = 50060,
      .services = {{.descriptor = &ordershop__v1__inventory_service__descriptor, .methods = ROWS(methods)}},
      .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size}};
  char name[] = "ordershop-stock", listen[64], url[128];
  snprintf(listen, sizeof listen, "--listen=127.0.0.1:%d", port);
  snprintf(url, sizeof url, "--redis-url=%s", redis_url);
  char *argv[] = {name, listen, url, NULL};
  return service_main(&definition, 3, argv);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static struct private_redis *redis;
static struct arena *arena;
static struct rpc_blocking_channel *channel;
static pid_t process;

static struct rpc_reply ask(const char *method, const void *request) {
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + WAIT_US};
  return rpc_blocking_call(channel, &context, &ordershop__v1__inventory_service__descriptor, method, request);
}

static struct rpc_reply create(const char *product_id, const char *request_id) {
  Ordershop__V1__Inventory inventory = ORDERSHOP__V1__INVENTORY__INIT;
  inventory.product_id = (char *)product_id;
  inventory.amount = 1;
  Ordershop__V1__CreateInventoryRequest request = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
  request.inventory = &inventory;
  request.request_id = (char *)request_id;
  return ask("CreateInventory", &request);
}

static struct rpc_reply create_batch(const char *product_id, const char *request_id) {
  Ordershop__V1__Inventory both[2] = {ORDERSHOP__V1__INVENTORY__INIT, ORDERSHOP__V1__INVENTORY__INIT};
  Ordershop__V1__Inventory *pointers[2] = {&both[0], &both[1]};
  both[0].product_id = (char *)PRODUCT;
  both[1].product_id = (char *)product_id;
  Ordershop__V1__BatchCreateInventoriesRequest request = ORDERSHOP__V1__BATCH_CREATE_INVENTORIES_REQUEST__INIT;
  request.inventories = pointers;
  request.n_inventories = 2;
  request.request_id = (char *)request_id;
  return ask("BatchCreateInventories", &request);
}

static size_t count_of_all(void) {
  Ordershop__V1__ListInventoriesRequest request = ORDERSHOP__V1__LIST_INVENTORIES_REQUEST__INIT;
  struct rpc_reply reply = ask("ListInventories", &request);
  CU_ASSERT_EQUAL_FATAL(reply.status.code, STATUS_OK);
  return ((const Ordershop__V1__ListInventoriesResponse *)reply.message)->n_inventories;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_refused_changes_nothing(void) {
  size_t before = count_of_all();
  struct status refused = create(OTHER, "").status;
  CU_ASSERT_EQUAL(refused.code, STATUS_NOT_FOUND);
  CU_ASSERT_TRUE(status_is(refused, reason_not_found("product")));
  CU_ASSERT_EQUAL(create_batch(OTHER, "").status.code, STATUS_NOT_FOUND);
  CU_ASSERT_EQUAL(count_of_all(), before);
}

static void test_references_are_canonical(void) {
  struct rpc_reply made = create(CAPITALS, "");
  CU_ASSERT_EQUAL_FATAL(made.status.code, STATUS_OK);
  CU_ASSERT_STRING_EQUAL(((const Ordershop__V1__Inventory *)made.message)->product_id, PRODUCT);
}

static void test_fields_come_first(void) {
  struct status blank = create("", "").status;
  CU_ASSERT_TRUE(status_is(blank, reason_field_invalid));
  Ordershop__V1__CreateInventoryRequest empty = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
  CU_ASSERT_TRUE(status_is(ask("CreateInventory", &empty).status, reason_field_invalid));
}

static void test_repeated_request_is_answered(void) {
  static const char request_id[] = "5d0c8f3e-2a77-4a0d-9a34-0a6c3b1f2e10";
  struct rpc_reply first = create(PRODUCT, request_id);
  CU_ASSERT_EQUAL_FATAL(first.status.code, STATUS_OK);
  *product_is_known = false;
  struct rpc_reply again = create(PRODUCT, request_id);
  CU_ASSERT_EQUAL(create(PRODUCT, "").status.code, STATUS_NOT_FOUND);
  *product_is_known = true;
  CU_ASSERT_EQUAL_FATAL(again.status.code, STATUS_OK);
  CU_ASSERT_STRING_EQUAL(((const Ordershop__V1__Inventory *)again.message)->id,
                         ((const Ordershop__V1__Inventory *)first.message)->id);
}

static void test_repeated_batch_is_answered(void) {
  static const char request_id[] = "6e1d9f4f-3b88-4b1e-8b45-1b7d4c2f3f21";
  CU_ASSERT_EQUAL_FATAL(create_batch(PRODUCT, request_id).status.code, STATUS_OK);
  size_t before = count_of_all();
  *product_is_known = false;
  struct rpc_reply again = create_batch(PRODUCT, request_id);
  *product_is_known = true;
  CU_ASSERT_EQUAL_FATAL(again.status.code, STATUS_OK);
  CU_ASSERT_EQUAL(((const Ordershop__V1__BatchCreateInventoriesResponse *)again.message)->n_inventories, 2);
  CU_ASSERT_EQUAL(count_of_all(), before);
}

static void test_update_asks_too(void) {
  struct rpc_reply made = create(PRODUCT, "");
  CU_ASSERT_EQUAL_FATAL(made.status.code, STATUS_OK);
  Ordershop__V1__Inventory inventory = *(const Ordershop__V1__Inventory *)made.message;
  inventory.amount = 2;
  Ordershop__V1__UpdateInventoryRequest request = ORDERSHOP__V1__UPDATE_INVENTORY_REQUEST__INIT;
  request.inventory = &inventory;
  *product_is_known = false;
  struct status refused = ask("UpdateInventory", &request).status;
  *product_is_known = true;
  CU_ASSERT_EQUAL(refused.code, STATUS_NOT_FOUND);
  CU_ASSERT_EQUAL(ask("UpdateInventory", &request).status.code, STATUS_OK);
}

static int set_up(void) {
  product_is_known = mmap(NULL, sizeof *product_is_known, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (product_is_known == MAP_FAILED) return 1;
  *product_is_known = true;
  redis = private_redis_start(NULL);
  arena = arena_new();
  int port = private_redis_free_ports(1);
  pid_t parent = getpid();
  process = fork(); /* before this process has threads */
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    _exit(serve(port, private_redis_url(redis)));
  }
  static const struct rpc_channel_options options = {.brand = &shop_brand, .peer = "stock", .wait_for_ready = true};
  const char *target = arena_printf(arena, "dns:///127.0.0.1:%d", port);
  bool opened = status_is_ok(rpc_blocking_channel_open(arena, target, &options, &channel));
  return opened && await_serving(channel) ? 0 : 1;
}

static int tear_down(void) {
  rpc_blocking_channel_close(channel);
  kill(process, SIGTERM);
  waitpid(process, NULL, 0);
  private_redis_free(redis);
  arena_free(arena);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what the precondition refuses changes nothing", test_refused_changes_nothing},
      {"the precondition is asked about references in canonical form", test_references_are_canonical},
      {"fields are checked before the precondition, and a resource that is missing is told", test_fields_come_first},
      {"a repeated request is answered as at first though the precondition refuses now",
       test_repeated_request_is_answered},
      {"so is a repeated batch", test_repeated_batch_is_answered},
      {"an update asks the precondition, too", test_update_asks_too},
  };
  return suite_main("entity, precondition", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
