/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of events, beside a log on a real Redis: what a version writes there, and what keeps it from
 * writing events. */
#include "service/event_types.h"

#include <descriptor_set.h>
#include <google/protobuf/descriptor.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "in_coroutine.h"
#include "private_redis.h"
#include "private_store.h"
#include "service/resource.h"
#include "shop_brand.h"
#include "store/entity_store.h"
#include "suite.h"

typedef Google__Protobuf__FileDescriptorSet file_set;
typedef Google__Protobuf__DescriptorProto message_proto;

static struct private_redis *server;

/* ---- versions of a service -------------------------------------------------------------------------------------- */

static const struct entity_type customer_type = {.name = "customer",
                                                 .descriptor = &ordershop__v1__customer__descriptor};
static const struct entity_type product_type = {.name = "product", .descriptor = &ordershop__v1__product__descriptor};
static const struct resource customers = {.type = &customer_type}, products = {.type = &product_type};
static const struct rpc_method both_methods[] = {{.name = "GetCustomer", .resource = &customers},
                                                 {.name = "GetProduct", .resource = &products}};

struct version {
  struct service_definition definition;
  struct service service;
  size_t size; /* of the descriptor set */
};

static message_proto *find_message(file_set *set, const char *name) {
  for (size_t i = 0; i < set->n_file; i++) {
    for (size_t k = 0; k < set->file[i]->n_message_type; k++) {
      if (strcmp(set->file[i]->message_type[k]->name, name) == 0) return set->file[i]->message_type[k];
    }
  }
  CU_FAIL_FATAL("no such message");
  return NULL;
}

/* A version of the service with the contract's descriptors after `change`, and the first `methods` of the methods. It
 * has a store of its own. It may write whatever breaks if its name is `accepted`. */
static coroutine_fn struct version *version_accepting(struct context *context, void (*change)(file_set *set),
                                                      size_t methods, const char *accepted) {
  struct arena *arena = context->arena;
  file_set *set = message_unpack(arena, &google__protobuf__file_descriptor_set__descriptor, ordershop_descriptor_set,
                                 ordershop_descriptor_set_size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(set);
  if (change) change(set);
  struct version *version = arena_calloc(arena, 1, sizeof *version);
  version->definition = (struct service_definition){
      .brand = &shop_brand,
      .name = "tester",
      .services = {{.descriptor = &ordershop__v1__customer_service__descriptor, .methods = {both_methods, methods}}},
      .descriptor_set = {message_pack(arena, set, &version->size), &version->size}};
  version->service = (struct service){.definition = &version->definition, .arena = arena};
  version->service.store = private_store_open_at(context, private_redis_url(server), "tester");
  struct descriptor_index *index;
  struct status status = descriptor_index_new(arena, &version->definition.descriptor_set, 1, &index);
  if (status_is_ok(status)) status = event_types_new(&version->service, index, accepted, &version->service.event_types);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  version->service.store->before_commit = event_types_record;
  version->service.store->before_commit_argument = version->service.event_types;
  return version;
}

static coroutine_fn struct version *version_of(struct context *context, void (*change)(file_set *set), size_t methods) {
  return version_accepting(context, change, methods, "");
}

static coroutine_fn struct status create(struct version *version, struct context *context,
                                         const struct entity_type *type, void *entity) {
  struct transaction transaction = transaction_of(version->service.store, context->arena);
  (void)entity_put_created(&transaction, type, entity, NULL);
  struct transaction_result result;
  return transaction_run(&transaction, context, &result);
}

static coroutine_fn struct status create_customer(struct version *version, struct context *context, const char *id) {
  Ordershop__V1__Customer *customer = message_new(context->arena, &ordershop__v1__customer__descriptor);
  customer->id = (char *)id;
  return create(version, context, &customer_type, customer);
}

static const char *const ids[] = {"00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001",
                                  "00000000-0000-4000-8000-000000000002"};

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static void add_field(file_set *set, int number, const char *name) {
  static Google__Protobuf__FieldDescriptorProto field, *fields[16];
  message_proto *customer = find_message(set, "Customer");
  google__protobuf__field_descriptor_proto__init(&field);
  field.name = field.json_name = (char *)name;
  field.has_number = field.has_label = field.has_type = true;
  field.number = number;
  field.label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
  field.type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING;
  memcpy(fields, customer->field, customer->n_field * sizeof *fields);
  fields[customer->n_field++] = &field;
  customer->field = fields;
}

static void add_phone(file_set *set) {
  add_field(set, 4, "phone");
}

static void add_fax(file_set *set) {
  add_field(set, 4, "fax");
}

static void drop_product(file_set *set) {
  find_message(set, "Product")->name = "Ware";
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static const char *stored(const char *key, const char *field) {
  const char *value = private_redis_command(server, "HGET %s %s", key, field);
  return value ? value : "";
}

static size_t rows(const char *key) {
  size_t count = 0;
  for (const char *at = stored(key, "written"); *at; at++) count += *at == '\n';
  return count;
}

static coroutine_fn struct status record(struct version *version, struct context *context) {
  return event_types_record(version->service.event_types, context);
}

static coroutine_fn void close_version(struct version *version) {
  event_store_close(version->service.store);
}

static void check_refused(struct version *version, struct status status, const char *change) {
  CU_ASSERT_STRING_EQUAL(status_reason(status), "DEFINITION_INVALID");
  const char *broken = event_types_broken(version->service.event_types);
  CU_ASSERT_PTR_NOT_NULL_FATAL(broken);
  CU_ASSERT_PTR_NOT_NULL(strstr(broken, change));
}

/* The version by the name that the operator is told to give at its start. */
static const char *told(struct arena *arena, const struct version *version) {
  const char *setting = strstr(event_types_broken(version->service.event_types), "ORDERSHOP_ACCEPT_DESCRIPTORS=");
  CU_ASSERT_PTR_NOT_NULL_FATAL(setting);
  return arena_strdup(arena, strchr(setting, '=') + 1);
}

static void record_first(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *version = version_of(context, NULL, 2);
  CU_ASSERT_TRUE(event_types_are_due(version->service.event_types));
  CU_ASSERT_STRING_NOT_EQUAL(event_types_reason(version->service.event_types), "");
  CU_ASSERT_TRUE(status_is_ok(create_customer(version, context, ids[0])));
  CU_ASSERT_STRING_EQUAL(event_types_reason(version->service.event_types), "");
  char hash[100], message[100];
  CU_ASSERT_EQUAL(sscanf(stored("customer_descriptors", "written"), "0-0 %99s %99s", hash, message), 2);
  CU_ASSERT_STRING_EQUAL(message, "ordershop.v1.Customer");
  CU_ASSERT_TRUE(strlen(stored("customer_descriptors", hash)) > 0);
  CU_ASSERT_EQUAL(rows("product_descriptors"), 1);
  CU_ASSERT_STRING_EQUAL(stored("tester_descriptors", "entities"),
                         "customer ordershop.v1.Customer\nproduct ordershop.v1.Product\n");
  close_version(version);
}

static int64_t commands_of_hset(void) {
  const char *stats = private_redis_command(server, "INFO commandstats"), *at = strstr(stats, "cmdstat_hset:calls=");
  return at ? strtoll(at + strlen("cmdstat_hset:calls="), NULL, 10) : 0;
}

static void record_again(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *first = version_of(context, NULL, 2), *second = version_of(context, NULL, 2);
  CU_ASSERT_TRUE(status_is_ok(record(first, context)));
  int64_t before = commands_of_hset();
  CU_ASSERT_TRUE(status_is_ok(record(second, context)));
  CU_ASSERT_TRUE(status_is_ok(record(first, context)));
  CU_ASSERT_EQUAL(commands_of_hset(), before);
  CU_ASSERT_FALSE(event_types_are_due(first->service.event_types));
  close_version(first);
  close_version(second);
}

/* The older one may start again at any time, and the newer one's set stays the last: it reads what both write. */
static void record_two_versions(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *older = version_of(context, NULL, 2), *newer = version_of(context, add_phone, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(older, context, ids[0])));
  CU_ASSERT_TRUE(status_is_ok(create_customer(newer, context, ids[1])));
  CU_ASSERT_EQUAL(rows("customer_descriptors"), 2);
  CU_ASSERT_EQUAL(rows("product_descriptors"), 1);
  const char *written = arena_strdup(context->arena, stored("customer_descriptors", "written"));
  const char *first = private_redis_command(server, "XREVRANGE events:customer_created + - COUNT 2");
  CU_ASSERT_PTR_NOT_NULL(first);
  struct version *again = version_of(context, NULL, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(again, context, ids[2])));
  CU_ASSERT_STRING_EQUAL(stored("customer_descriptors", "written"), written);
  close_version(older);
  close_version(newer);
  close_version(again);
}

struct start {
  struct version *version;
  struct status status;
  struct coroutine *starter;
  int *running;
};

static coroutine_fn void start_one(void *argument) {
  struct start *start = argument;
  struct context context = {.arena = start->version->service.arena, .deadline_us = DEADLINE_NEVER};
  start->status = record(start->version, &context);
  if (--*start->running == 0) coroutine_wake(start->starter);
}

static void record_at_once(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  int running = 8;
  struct start starts[8];
  for (int i = 0; i < 8; i++) {
    starts[i] = (struct start){
        .version = version_of(context, i % 2 ? add_phone : NULL, 2), .starter = coroutine_self(), .running = &running};
  }
  for (int i = 0; i < 8; i++) loop_spawn(coroutine_loop(), start_one, &starts[i]);
  while (running > 0) coroutine_yield();
  for (int i = 0; i < 8; i++) {
    CU_ASSERT_TRUE(status_is_ok(starts[i].status));
    close_version(starts[i].version);
  }
  CU_ASSERT_EQUAL(rows("customer_descriptors"), 2);
  CU_ASSERT_EQUAL(rows("product_descriptors"), 1);
}

static void refuse_broken(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *phone = version_of(context, add_phone, 2), *fax = version_of(context, add_fax, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(phone, context, ids[0])));
  check_refused(fax, create_customer(fax, context, ids[1]),
                "\n  ordershop.v1.Customer: field 4 was string phone, is string fax\n");
  CU_ASSERT_STRING_EQUAL(private_redis_command(server, "XLEN events:customer_created"), "1");
  CU_ASSERT_EQUAL(rows("customer_descriptors"), 1);
  close_version(phone);
  close_version(fax);
}

/* Nothing stored is made unreadable where no event is stored. */
static void start_after_archiving(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *phone = version_of(context, add_phone, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(phone, context, ids[0])));
  private_redis_command(server, "XTRIM events:customer_created MAXLEN 0");
  struct version *fax = version_of(context, add_fax, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(fax, context, ids[1])));
  CU_ASSERT_PTR_NOT_NULL(strstr(stored("customer_descriptors", "written"), " ordershop.v1.Customer anew\n"));
  struct version *former = version_of(context, add_phone, 2);
  check_refused(former, record(former, context), "field 4 was string fax, is string phone");
  close_version(phone);
  close_version(fax);
  close_version(former);
}

/* What was accepted is of that version alone, and the one before may not come back. */
static void accept_broken(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *phone = version_of(context, add_phone, 2), *fax = version_of(context, add_fax, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(phone, context, ids[0])));
  check_refused(fax, record(fax, context), "phone");
  const char *accepted = told(context->arena, fax);
  struct version *again = version_accepting(context, add_fax, 2, accepted),
                 *former = version_accepting(context, add_phone, 2, accepted);
  CU_ASSERT_TRUE(status_is_ok(create_customer(again, context, ids[1])));
  CU_ASSERT_PTR_NOT_NULL(strstr(stored("customer_descriptors", "written"), " ordershop.v1.Customer anew\n"));
  CU_ASSERT_EQUAL(rows("product_descriptors"), 1);
  check_refused(former, record(former, context), "field 4 was string fax, is string phone");
  close_version(phone);
  close_version(fax);
  close_version(again);
  close_version(former);
}

static void refuse_without_entity(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *both = version_of(context, NULL, 2);
  Ordershop__V1__Product *product = message_new(context->arena, &ordershop__v1__product__descriptor);
  product->id = (char *)ids[0];
  CU_ASSERT_TRUE(status_is_ok(create(both, context, &product_type, product)));
  struct version *moved = version_of(context, add_phone, 1), *without = version_of(context, drop_product, 1);
  CU_ASSERT_TRUE(status_is_ok(record(moved, context)));
  check_refused(without, record(without, context), "\n  ordershop.v1.Product: is gone");
  private_redis_command(server, "DEL events:product_created");
  struct version *archived = version_of(context, drop_product, 1);
  CU_ASSERT_TRUE(status_is_ok(record(archived, context)));
  close_version(both);
  close_version(moved);
  close_version(without);
  close_version(archived);
}

/* A process that ended between an entity's set and the service's own line: what is there fits, the rest is added. */
static void complete(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *first = version_of(context, NULL, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(first, context, ids[0])));
  private_redis_command(server, "DEL tester_descriptors product_descriptors");
  struct version *second = version_of(context, NULL, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(second, context, ids[1])));
  CU_ASSERT_EQUAL(rows("customer_descriptors"), 1);
  CU_ASSERT_EQUAL(rows("product_descriptors"), 1);
  CU_ASSERT_STRING_NOT_EQUAL(stored("tester_descriptors", "versions"), "");
  close_version(first);
  close_version(second);
}

static void refuse_undecodable(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *first = version_of(context, NULL, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(first, context, ids[0])));
  private_redis_command(server, "DEL tester_descriptors");
  private_redis_command(server, "HSET customer_descriptors written %s", "0-0 nothing ordershop.v1.Customer\n");
  struct version *second = version_of(context, NULL, 2);
  check_refused(second, record(second, context), "its stored descriptors, nothing, can't be decoded");
  close_version(first);
  close_version(second);
}

/* On the same connection. */
static void record_after_flush(struct context *context) {
  private_redis_command(server, "FLUSHALL");
  struct version *version = version_of(context, NULL, 2);
  CU_ASSERT_TRUE(status_is_ok(create_customer(version, context, ids[0])));
  CU_ASSERT_TRUE(status_is_ok(create_customer(version, context, ids[1])));
  CU_ASSERT_FALSE(event_types_are_due(version->service.event_types));
  private_redis_command(server, "FLUSHALL");
  CU_ASSERT_TRUE(status_is_ok(create_customer(version, context, ids[0])));
  CU_ASSERT_TRUE(status_is_ok(create_customer(version, context, ids[1])));
  CU_ASSERT_EQUAL(rows("customer_descriptors"), 1);
  close_version(version);
}

static void need_no_set(struct context *context) {
  struct version *version = version_of(context, NULL, 2);
  version->definition.descriptor_set = (struct descriptor_set){0};
  CU_ASSERT_TRUE(status_is_ok(event_types_new(&version->service, NULL, "", &version->service.event_types)));
  CU_ASSERT_PTR_NULL(version->service.event_types);
  CU_ASSERT_FALSE(event_types_are_due(NULL));
  CU_ASSERT_STRING_EQUAL(event_types_reason(NULL), "");
  CU_ASSERT_PTR_NULL(event_types_broken(NULL));
  CU_ASSERT_TRUE(status_is_ok(event_types_record(NULL, context)));
  close_version(version);
}

#define TEST(body)                \
  static void test_##body(void) { \
    in_coroutine(body);           \
  }

TEST(record_first)
TEST(record_again)
TEST(record_two_versions)
TEST(record_at_once)
TEST(refuse_broken)
TEST(start_after_archiving)
TEST(accept_broken)
TEST(refuse_without_entity)
TEST(complete)
TEST(refuse_undecodable)
TEST(record_after_flush)
TEST(need_no_set)

static int set_up(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int tear_down(void) {
  private_redis_free(server);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"the first event comes after the descriptors", test_record_first},
      {"what is known is not written again", test_record_again},
      {"two versions run at once, and the newer one's set stays the last", test_record_two_versions},
      {"versions that start at the same moment lose nothing of each other", test_record_at_once},
      {"a version that breaks stored events writes none, and says which", test_refuse_broken},
      {"one that breaks only what has been archived starts", test_start_after_archiving},
      {"what an operator accepts is marked, and the version before is refused then", test_accept_broken},
      {"a version that lacks a type with events is refused, one that lacks the entity alone isn't",
       test_refuse_without_entity},
      {"what a process that was killed has left is completed", test_complete},
      {"descriptors that can't be decoded are told", test_refuse_undecodable},
      {"a Redis that was emptied gets them again", test_record_after_flush},
      {"a service without descriptors records nothing", test_need_no_set},
  };
  return suite_main("descriptors_recorded", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
