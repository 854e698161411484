/* SPDX-License-Identifier: Apache-2.0 */
/* What transactions hand to Redis arrives as it is, however long and however much it is. Against a real Redis. */
#include "store/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "private_redis.h"
#include "private_store.h"
#include "store/event_store.h"
#include "store/transaction.h"
#include "suite.h"

enum { MANY_KEYS = 300, MANY_VALUES = 9001, CALLS = 3 };

static struct private_redis *server;

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

static bool is_done(struct transaction *transaction, struct context *context) {
  struct transaction_result result;
  return status_is_ok(transaction_run(transaction, context, &result)) && result.outcome == TRANSACTION_DONE;
}

/* Bytes of all values, also those that no text has. */
static unsigned char *bytes_of_size(struct arena *arena, size_t size) {
  unsigned char *bytes = arena_alloc(arena, size + 1);
  for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 7 + size);
  return bytes;
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static void store_texts(struct context *context) {
  static const size_t sizes[] = {0, 1, 31, 32, 127, 128, 255, 256, 257, 65535, 65536, 100000};
  struct event_store *store = private_store_open(context, server, "tester");
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const void *bytes = bytes_of_size(context->arena, sizes[i]);
    struct transaction set = transaction_of(store, context->arena), same = set, other = set;
    transaction_set_field(&set, "texts", "text", bytes, sizes[i]);
    CU_ASSERT_TRUE(is_done(&set, context));
    char length[24];
    snprintf(length, sizeof length, "%zu", sizes[i]);
    CU_ASSERT_STRING_EQUAL(private_redis_command(server, "HSTRLEN texts text"), length);

    transaction_require_field_unchanged(&same, "texts", "text", bytes, sizes[i]);
    CU_ASSERT_TRUE(is_done(&same, context));
    if (sizes[i] == 0) continue;
    char *changed = arena_memdup(context->arena, bytes, sizes[i]);
    changed[sizes[i] - 1] ^= 1;
    transaction_require_field_unchanged(&other, "texts", "text", changed, sizes[i]);
    CU_ASSERT_FALSE(is_done(&other, context));
  }
  event_store_close(store);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static const char *key_of(struct arena *arena, int number) {
  return arena_printf(arena, "key:%d", number);
}

/* More than one byte can tell, each named three times by other pointers. */
static void name_many_keys(struct context *context) {
  struct event_store *store = private_store_open(context, server, "tester");
  struct transaction transaction = transaction_of(store, context->arena);
  for (int i = 0; i < MANY_KEYS; i++) transaction_require_absent(&transaction, key_of(context->arena, i));
  for (int i = 0; i < MANY_KEYS; i++) {
    transaction_set_value(&transaction, key_of(context->arena, i), "first");
    transaction_set_value(&transaction, key_of(context->arena, i), arena_printf(context->arena, "value %d", i));
  }
  CU_ASSERT_TRUE(is_done(&transaction, context));
  for (int i = 0; i < MANY_KEYS; i++) {
    const char *wanted = arena_printf(context->arena, "value %d", i);
    CU_ASSERT_STRING_EQUAL(
        private_redis_command(server, arena_printf(context->arena, "GET %s", key_of(context->arena, i))), wanted);
  }
  event_store_close(store);
}

/* ---- many values ------------------------------------------------------------------------------------------------ */

struct call {
  struct event_store *store;
  int number;
  bool done;
};

/* The second one pushes more than one argument holds. */
static void push_values(void *item) {
  struct call *call = item;
  struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
  struct transaction transaction = transaction_of(call->store, context.arena);
  struct redis_arguments values = redis_arguments_empty(context.arena);
  int count = call->number == 1 ? MANY_VALUES : 1;
  for (int i = 0; i < count; i++) redis_add_number(&values, i);
  transaction_push(&transaction, arena_printf(context.arena, "list:%d", call->number), &values);
  call->done = is_done(&transaction, &context);
  arena_free(context.arena);
}

static void push_many_values(struct context *context) {
  struct event_store *store = private_store_open(context, server, "tester");
  struct call calls[CALLS];
  void *items[CALLS];
  for (int i = 0; i < CALLS; i++) {
    calls[i] = (struct call){.store = store, .number = i};
    items[i] = &calls[i];
  }
  coroutine_for_each(push_values, items, CALLS, CALLS);
  for (int i = 0; i < CALLS; i++) CU_ASSERT_TRUE(calls[i].done);
  CU_ASSERT_STRING_EQUAL(private_redis_command(server, "LLEN list:0"), "1");
  CU_ASSERT_STRING_EQUAL(private_redis_command(server, "LLEN list:2"), "1");
  CU_ASSERT_EQUAL(atoi(private_redis_command(server, "LLEN list:1")), MANY_VALUES);
  for (int i = 0; i < MANY_VALUES; i += 500) {
    CU_ASSERT_EQUAL(atoi(private_redis_command(server, arena_printf(context->arena, "LINDEX list:1 %d", i))), i);
  }
  CU_ASSERT_EQUAL(atoi(private_redis_command(server, "LINDEX list:1 -1")), MANY_VALUES - 1);
  event_store_close(store);
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static void test_store_texts(void) {
  in_coroutine(store_texts);
}

static void test_name_many_keys(void) {
  in_coroutine(name_many_keys);
}

static void test_push_many_values(void) {
  in_coroutine(push_many_values);
}

static const struct test tests[] = {
    {"texts of any length are stored and compared byte by byte", test_store_texts},
    {"many keys, each named several times, get what is meant for them", test_name_many_keys},
    {"a transaction with more values than one argument holds is stored whole, and so are those beside it",
     test_push_many_values},
};

int main(int argc, char **argv) {
  return suite_main("program", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
