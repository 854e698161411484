/* SPDX-License-Identifier: Apache-2.0 */
/* An entity that was deleted and made anew with the same id is another one, though its version is the same again.
 * Against a real Redis. */
#include <ordershop/v1/customer.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "private_store.h"
#include "store/entity_store.h"
#include "store/event_store.h"
#include "suite.h"

#define ID "5f1b1c6e-0c4e-4f0e-9a63-6f2f3a1d7c10"

static const struct entity_type customers = {
    .name = "customer", .descriptor = &ordershop__v1__customer__descriptor, .ids_set = true};

static struct private_redis *server;

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

static enum transaction_outcome outcome_of(struct transaction *transaction, struct context *context) {
  struct transaction_result result;
  CU_ASSERT_TRUE_FATAL(status_is_ok(transaction_run(transaction, context, &result)));
  return result.outcome;
}

static void create(struct event_store *store, struct context *context, const char *name) {
  Ordershop__V1__Customer *customer = message_new(context->arena, &ordershop__v1__customer__descriptor);
  customer->id = (char *)ID;
  customer->name = (char *)name;
  struct transaction transaction = transaction_of(store, context->arena);
  entity_put_created(&transaction, &customers, customer, NULL);
  CU_ASSERT_EQUAL_FATAL(outcome_of(&transaction, context), TRANSACTION_DONE);
}

static Ordershop__V1__Customer *load(struct event_store *store, struct context *context) {
  void *customer;
  CU_ASSERT_TRUE_FATAL(status_is_ok(entity_load(store, context, &customers, ID, &customer)));
  return customer;
}

static enum transaction_outcome delete_as_loaded(struct event_store *store, struct context *context,
                                                 const Ordershop__V1__Customer *customer) {
  struct transaction transaction = transaction_of(store, context->arena);
  entity_put_deleted(&transaction, &customers, customer, NULL);
  return outcome_of(&transaction, context);
}

static enum transaction_outcome update_as_loaded(struct event_store *store, struct context *context,
                                                 Ordershop__V1__Customer *customer) {
  struct transaction transaction = transaction_of(store, context->arena);
  entity_put_updated(&transaction, &customers, customer, NULL);
  return outcome_of(&transaction, context);
}

/* Returns the first one as it was loaded; what is stored then is the second, with the same id and version. */
static Ordershop__V1__Customer *make_anew(struct event_store *store, struct context *context) {
  create(store, context, "First");
  Ordershop__V1__Customer *first = load(store, context);
  CU_ASSERT_EQUAL(delete_as_loaded(store, context, first), TRANSACTION_DONE);
  create(store, context, "Second");
  CU_ASSERT_EQUAL(load(store, context)->version, first->version);
  return first;
}

static void keep_the_second(struct context *context) {
  struct event_store *store = private_store_open(context, server, "customer");
  const Ordershop__V1__Customer *first = make_anew(store, context);
  CU_ASSERT_EQUAL(delete_as_loaded(store, context, first), TRANSACTION_REFUSED);
  CU_ASSERT_STRING_EQUAL(load(store, context)->name, "Second");
  CU_ASSERT_EQUAL(private_redis_number(server, "XLEN events:customer_deleted"), 1);
  CU_ASSERT_EQUAL(delete_as_loaded(store, context, load(store, context)), TRANSACTION_DONE);
  event_store_close(store);
}

static void leave_the_second(struct context *context) {
  struct event_store *store = private_store_open(context, server, "customer");
  Ordershop__V1__Customer *first = make_anew(store, context);
  CU_ASSERT_EQUAL(update_as_loaded(store, context, first), TRANSACTION_REFUSED);
  CU_ASSERT_STRING_EQUAL(load(store, context)->name, "Second");
  CU_ASSERT_EQUAL(update_as_loaded(store, context, load(store, context)), TRANSACTION_DONE);
  CU_ASSERT_EQUAL(load(store, context)->version, 2);
  event_store_close(store);
}

static void test_keep_the_second(void) {
  in_coroutine(keep_the_second);
}

static void test_leave_the_second(void) {
  in_coroutine(leave_the_second);
}

static const struct test tests[] = {
    {"what was decided on an entity that is gone does not delete the one that was made anew", test_keep_the_second},
    {"nor does it change that one", test_leave_the_second},
};

int main(int argc, char **argv) {
  return suite_main("lives of an entity", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
