/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler does wrong dead-letters its event, named and with the reason; the others of its page are handled. */
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "shop_brand.h"
#include "store/record.h"
#include "suite.h"
#include "watcher.h"

static struct private_redis *redis;

static Ordershop__V1__Customer *finding_new(struct work *work, const char *id) {
  Ordershop__V1__Customer *finding = message_new(work_arena(work), &ordershop__v1__customer__descriptor);
  message_set_text(finding, "id", id);
  return finding;
}

static void create(struct work *work, const struct event *event, const char *id) {
  work_create(work, &watcher_finding, finding_new(work, id), event);
}

/* ---- misuses ---------------------------------------------------------------------------------------------------- */

static void ill_formed_id(struct work *work, const struct event *event) {
  create(work, event, "a b");
}

static void long_id(struct work *work, const struct event *event) {
  create(work, event, "5f1b1c6e-0c4e-4f0e-9a63-6f2f3a1d7c10:x");
}

static void created_twice(struct work *work, const struct event *event) {
  create(work, event, "9d9a1a52-38c4-4b6c-8a3e-5b8dd5a7a001");
  create(work, event, "9d9a1a52-38c4-4b6c-8a3e-5b8dd5a7a001");
}

static void existing(struct work *work, const struct event *event) {
  create(work, event, WATCHER_FINDING);
}

static void update(struct work *work, const struct event *event, const char *id, int64_t version) {
  Ordershop__V1__Customer *finding = finding_new(work, id);
  finding->version = version;
  work_update(work, &watcher_finding, finding, event);
}

static void update_of_nothing(struct work *work, const struct event *event) {
  update(work, event, "9d9a1a52-38c4-4b6c-8a3e-5b8dd5a7a002", 3);
}

static void update_of_another_version(struct work *work, const struct event *event) {
  update(work, event, WATCHER_FINDING, 3);
}

static void update_without_version(struct work *work, const struct event *event) {
  update(work, event, WATCHER_FINDING, 0);
}

static void update_without_id(struct work *work, const struct event *event) {
  update(work, event, "", 3);
}

static void null_entity(struct work *work, const struct event *event) {
  work_create(work, &watcher_finding, NULL, event);
}

static void null_type(struct work *work, const struct event *event) {
  work_create(work, NULL, finding_new(work, ""), event);
}

static void entity_of_another_type(struct work *work, const struct event *event) {
  work_create(work, &watcher_finding, message_new(work_arena(work), &ordershop__v1__product__descriptor), event);
}

static void type_without_version(struct work *work, const struct event *event) {
  static const struct entity_type requests = {.name = "request",
                                              .descriptor = &ordershop__v1__get_customer_request__descriptor};
  work_create(work, &requests, message_new(work_arena(work), requests.descriptor), event);
}

static void final_entity(struct work *work, const struct event *event) {
  static const struct entity_type final = {
      .name = "finding", .descriptor = &ordershop__v1__customer__descriptor, .life = ENTITY_FINAL};
  Ordershop__V1__Customer *finding = finding_new(work, WATCHER_FINDING);
  finding->version = 1;
  work_update(work, &final, finding, event);
}

static void oversized_entity(struct work *work, const struct event *event) {
  Ordershop__V1__Customer *finding = finding_new(work, "");
  char *name = arena_alloc(work_arena(work), RECORD_BYTES_MAX + 1);
  memset(name, 'x', RECORD_BYTES_MAX);
  name[RECORD_BYTES_MAX] = '\0';
  finding->name = name;
  work_create(work, &watcher_finding, finding, event);
}

static void latin_text(struct work *work, const struct event *event) {
  Ordershop__V1__Customer *finding = finding_new(work, "");
  message_set_text(finding, "name", "Ren\xe9");
  work_create(work, &watcher_finding, finding, event);
}

static void null_record(struct work *work, const struct event *event) {
  (void)event;
  work_put(work, &watcher_seen, "key", NULL);
}

static void record_of_another_type(struct work *work, const struct event *event) {
  (void)event;
  work_put(work, &watcher_seen, "key", message_new(work_arena(work), &ordershop__v1__product__descriptor));
}

static void raw_record(struct work *work, const struct event *event) {
  (void)event;
  work_put(work, &watcher_seen, "key", &(Ordershop__V1__Customer){.base = {.descriptor = NULL}});
}

static void record_without_key(struct work *work, const struct event *event) {
  (void)event;
  work_put(work, &watcher_seen, NULL, finding_new(work, ""));
}

static void removal_without_key(struct work *work, const struct event *event) {
  (void)event;
  work_remove(work, &watcher_seen, "");
}

static void reading_without_key(struct work *work, const struct event *event) {
  (void)event;
  void *record;
  (void)work_get(work, &watcher_seen, NULL, &record);
}

static void no_view(struct work *work, const struct event *event) {
  (void)event;
  work_put(work, NULL, "key", finding_new(work, ""));
}

static const struct view unnamed = {.name = "unnamed", .record = &ordershop__v1__customer__descriptor};

static void unnamed_view(struct work *work, const struct event *event) {
  (void)event;
  work_put(work, &unnamed, "key", finding_new(work, ""));
}

static void removal_from_an_unnamed_view(struct work *work, const struct event *event) {
  (void)event;
  work_remove(work, &unnamed, "key");
}

static void message_without_outbox(struct work *work, const struct event *event) {
  (void)event;
  work_send(work, message_new(work_arena(work), &ordershop__v1__mail__descriptor));
}

static void key_of_another_kind(struct work *work, const struct event *event) {
  (void)event;
  struct redis_arguments values = redis_arguments_empty(work_arena(work));
  redis_add_text(&values, "x");
  transaction_push(work_transaction(work), "watcher_a_string", &values);
}

static void null_key(struct work *work, const struct event *event) {
  (void)event;
  transaction_set_field(work_transaction(work), NULL, "x", "y", 1);
}

static void null_value(struct work *work, const struct event *event) {
  (void)event;
  transaction_set_field(work_transaction(work), "watcher_hash", "x", NULL, 0);
}

static void field_without_value(struct work *work, const struct event *event) {
  (void)event;
  struct redis_arguments fields = redis_arguments_empty(work_arena(work));
  redis_add_text(&fields, "x");
  transaction_set_fields(work_transaction(work), "watcher_hash", &fields);
}

static void own_guard(struct work *work, const struct event *event) {
  (void)event;
  transaction_require_absent(work_transaction(work), "watcher_a_string");
}

static const struct misuse {
  const char *name;
  void (*commit)(struct work *work, const struct event *event);
  const char *reason; /* part of it */
} misuses[] = {
    {"ill-formed id", ill_formed_id, "a finding can't be created: its id \"a b\" is no UUID"},
    {"long id", long_id, "is no UUID"},
    {"created twice", created_twice, "changes an entity twice"},
    {"existing", existing, "finding " WATCHER_FINDING " can't be created: it exists already"},
    {"update of nothing", update_of_nothing, "can't be changed from version 3: there is none"},
    {"update of another version", update_of_another_version, "from version 3: it has another version now"},
    {"update without version", update_without_version, "it has no version, so it was not loaded"},
    {"update without id", update_without_id, "a finding can't be updated: its id \"\" is no UUID"},
    {"NULL entity", null_entity, "it is NULL where a ordershop.v1.Customer belongs"},
    {"NULL type", null_type, "it has no type"},
    {"entity of another type", entity_of_another_type, "it is a ordershop.v1.Product where a ordershop.v1.Customer"},
    {"type without version", type_without_version, "GetCustomerRequest has no field \"int64 version\""},
    {"final entity", final_entity, "a finding can't be updated: it never is, by its type"},
    {"oversized entity", oversized_entity, "the max is 2097152"},
    {"text that is no UTF-8", latin_text, "name must be UTF-8"},
    {"NULL record", null_record, "a record of seen can't be put: it is NULL"},
    {"record of another type", record_of_another_type, "it is a ordershop.v1.Product"},
    {"record that isn't initialized", raw_record, "it is no message"},
    {"record without key", record_without_key, "a record of seen with NULL for its key"},
    {"removal without key", removal_without_key, "a record of seen with an empty key"},
    {"reading without key", reading_without_key, "a record of seen with NULL for its key"},
    {"no view", no_view, "a view without a name or the type of its records"},
    {"unnamed view", unnamed_view, "the view unnamed is not among the definition's"},
    {"removal from an unnamed view", removal_from_an_unnamed_view, "the view unnamed is not among the definition's"},
    {"message without outbox", message_without_outbox, "the service has no outbox"},
    {"key of another kind", key_of_another_kind, "the key watcher_a_string holds a string"},
    {"NULL key", null_key, "the key of a change is NULL"},
    {"NULL value", null_value, "the value of a field is NULL"},
    {"field without value", field_without_value, "a field comes without its value"},
    {"own guard", own_guard, "a guard of its own does not hold"},
};

enum { MISUSES = sizeof misuses / sizeof *misuses, AROUND = 5 };

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static struct status obey(struct work *work, const struct event *event, const char *name) {
  if (strcmp(name, "derived") == 0) {
    create(work, event, "");
    create(work, event, "");
  }
  for (size_t i = 0; i < MISUSES; i++) {
    if (strcmp(name, misuses[i].name) == 0) misuses[i].commit(work, event);
  }
  return status_ok();
}

static void want(struct work *work, const struct event *event) {
  if (strcmp(((const Ordershop__V1__Customer *)event->entity)->name, "bad want") == 0) {
    work_want(work, &watcher_seen, NULL);
  }
}

static struct event_store *open_writer(struct context *context) {
  struct event_store *store;
  const struct event_store_options options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store)));
  return store;
}

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  private_redis_command(redis, "SET watcher_a_string x");
  private_redis_command(redis, "HSET finding_entity:" WATCHER_FINDING " version 7");
  in_coroutine(body);
}

static struct watcher start(struct context *context) {
  struct watcher_options options = {.url = private_redis_url(redis), .lease_ms = 1000, .obey = obey, .want = want};
  return watcher_start(context->arena, &options);
}

static void assert_dead_lettered(const char *key, const char *reason) {
  const char *line = private_redis_command(redis, "LINDEX watcher_parked:%s 0", key);
  if (!line || !strstr(line, reason)) fprintf(stderr, "%s: %s\n", key, line ? line : "not dead-lettered");
  CU_ASSERT_TRUE(line && strstr(line, reason));
}

/* All in one page: each before, between and after good ones, which create entities, too. */
static void misuse_all(struct context *context) {
  struct event_store *store = open_writer(context);
  watcher_append(store, context, "customer_created", "good", 0, AROUND, "found");
  for (size_t i = 0; i < MISUSES; i++) {
    const char *key = arena_printf(context->arena, "bad-%zu", i);
    watcher_append(store, context, "customer_created", key, 0, 1, misuses[i].name);
    watcher_append(store, context, "customer_created", "good", (int64_t)(i + 1) * AROUND, AROUND, "found");
  }
  watcher_append(store, context, "customer_created", "bad-want", 0, 1, "bad want");
  struct watcher watcher = start(context);
  CU_ASSERT_TRUE(watcher_handles(redis, context, (MISUSES + 1) * AROUND));
  for (size_t i = 0; i < MISUSES; i++)
    assert_dead_lettered(arena_printf(context->arena, "bad-%zu", i), misuses[i].reason);
  while (private_redis_number(redis, "EXISTS watcher_parked:bad-want") == 0 &&
         clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(2000, DEADLINE_NEVER);
  }
  assert_dead_lettered("bad-want", "a record of seen with NULL for its key");
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), (MISUSES + 1) * AROUND);
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:finding_created"), (MISUSES + 1) * AROUND);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS events:finding_updated"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS finding_entity:"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), MISUSES + 1);
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_misuse_dead_letters_its_event(void) {
  run(misuse_all);
}

static void derive_ids(struct context *context) {
  struct event_store *store = open_writer(context);
  watcher_append(store, context, "customer_created", "a", 0, 1, "derived");
  watcher_append(store, context, "customer_created", "b", 0, 1, "derived");
  struct watcher watcher = start(context);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:finding_created"), 4);
  const char *last = private_redis_command(redis, "XRANGE events:customer_created - + COUNT 1");
  const char *event_id = arena_printf(context->arena, "%.36s", strstr(last, "event_id\n") + strlen("event_id\n"));
  const char *first = uuid_derive_text(context->arena, "finding", event_id);
  const char *second = uuid_derive_text(context->arena, "finding", arena_printf(context->arena, "%s/1", event_id));
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS finding_entity:%s finding_entity:%s", first, second), 2);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_keys"), 0);
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_empty_id_is_derived(void) {
  run(derive_ids);
}

/* Also what a command makes of its own accord. */
static void put_without_id(struct context *context) {
  struct event_store *store = open_writer(context);
  while (!event_store_is_ready(store)) coroutine_sleep(1000, context->deadline_us);
  Ordershop__V1__Customer *customer = message_new(context->arena, &ordershop__v1__customer__descriptor);
  struct transaction transaction = transaction_of(store, context->arena);
  struct transaction_result result;
  entity_put_created(&transaction, &watcher_finding, customer, NULL);
  struct status status = transaction_run(&transaction, context, &result);
  CU_ASSERT_EQUAL(status.code, STATUS_INTERNAL);
  CU_ASSERT_STRING_EQUAL(status.message, "a finding can't be created: its id \"\" is no UUID");
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS finding_entity: events:finding_created"), 0);

  message_set_text(customer, "id", "5F1B1C6E-0C4E-4F0E-9A63-6F2F3A1D7C11");
  transaction = transaction_of(store, context->arena);
  entity_put_created(&transaction, &watcher_finding, customer, NULL);
  CU_ASSERT_TRUE(status_is_ok(transaction_run(&transaction, context, &result)));
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS finding_entity:5f1b1c6e-0c4e-4f0e-9a63-6f2f3a1d7c11"), 1);
  event_store_close(store);
}

static void test_ill_formed_ids_are_never_written(void) {
  run(put_without_id);
}

/* Half a transaction would be worse than none: an event without the rest of its command. */
static void meet_another_kind(struct context *context) {
  struct event_store *store = open_writer(context);
  while (!event_store_is_ready(store)) coroutine_sleep(1000, context->deadline_us);
  struct transaction transaction = transaction_of(store, context->arena);
  transaction.checks_kinds = true;
  struct transaction_result result;
  Ordershop__V1__Customer *customer = message_new(context->arena, &ordershop__v1__customer__descriptor);
  message_set_text(customer, "id", uuid_random(context->arena));
  entity_put_created(&transaction, &watcher_finding, customer, NULL);
  transaction_add_member(&transaction, "watcher_a_string", "member");
  struct status status = transaction_run(&transaction, context, &result);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_WRONGTYPE");
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS events:finding_created"), 0);
  event_store_close(store);
}

static void test_another_kind_of_key_changes_nothing(void) {
  run(meet_another_kind);
}

static int set_up(void) {
  redis = private_redis_start(NULL);
  return 0;
}

static int tear_down(void) {
  private_redis_free(redis);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what a handler gives that can't be written dead-letters its event, with the reason, and no other",
       test_misuse_dead_letters_its_event},
      {"an entity's empty id is derived from the event", test_empty_id_is_derived},
      {"an entity with an ill-formed id is never written", test_ill_formed_ids_are_never_written},
      {"a transaction that meets another kind of key changes nothing", test_another_kind_of_key_changes_nothing},
  };
  return suite_main("consumer, misuse", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
