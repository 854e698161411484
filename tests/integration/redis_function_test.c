/* SPDX-License-Identifier: Apache-2.0 */
/* Function libraries on a real Redis. */
#include "redis/redis_function.h"

#include <stdio.h>
#include <string.h>

#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "suite.h"

static const char first_source[] =
    "#!lua name=@LIBRARY@\n"
    "redis.register_function('@LIBRARY@_put', function(keys, values)\n"
    "  redis.call('SET', keys[1], values[1])\n"
    "  return {keys[1], values[1], #keys, #values}\n"
    "end)\n"
    "redis.register_function{function_name = '@LIBRARY@_version', callback = function() return 1 end,\n"
    "  flags = {'no-writes'}}\n";

static const char second_source[] =
    "#!lua name=@LIBRARY@\n"
    "redis.register_function('@LIBRARY@_version', function() return 2 end)\n";

static struct private_redis *server;

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

static struct redis *open_redis(struct context *context) {
  struct redis *redis = NULL;
  struct redis_options options = {.url = private_redis_url(server)};
  private_redis_command(server, "FUNCTION FLUSH");
  CU_ASSERT_FATAL(status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis)));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  return redis;
}

static int64_t version(struct redis *redis, struct context *context, const struct redis_library *library) {
  const struct redis_reply *reply = NULL;
  struct status status = redis_function_call(redis, context, library, "version", NULL, NULL, &reply);
  return status_is_ok(status) ? redis_reply_number(reply, -1) : -1;
}

static int libraries(void) {
  int found = 0;
  const char *list = private_redis_command(server, "FUNCTION LIST");
  for (; (list = strstr(list, "library_name")); list++) found++;
  return found;
}

static void names(struct context *context) {
  struct redis_library *library = redis_library_new(context->arena, "ordershop_test", first_source);
  const char *name = redis_function_name(context->arena, library, "put");
  CU_ASSERT(strlen(name) == strlen("ordershop_test_1f3a9c02_put"));
  CU_ASSERT(strncmp(name, "ordershop_test_", 15) == 0);
  CU_ASSERT(strspn(name + 15, "0123456789abcdef") == 8);
  struct redis_library *same = redis_library_new(context->arena, "ordershop_test", first_source);
  CU_ASSERT_STRING_EQUAL(redis_function_name(context->arena, same, "put"), name);
}

static void test_names(void) {
  in_coroutine(names);
}

static void called(struct context *context) {
  struct redis *redis = open_redis(context);
  struct redis_library *library = redis_library_new(context->arena, "ordershop_test", first_source);
  CU_ASSERT(status_is_ok(redis_library_load(redis, context, library)));
  CU_ASSERT(status_is_ok(redis_library_load(redis, context, library)));
  CU_ASSERT(libraries() == 1);

  struct redis_arguments keys = redis_arguments_of(context->arena, "key");
  struct redis_arguments values = redis_arguments_empty(context->arena);
  redis_add_bytes(&values, "a\0b", 3);
  redis_add_number(&values, 5);
  const struct redis_reply *reply = NULL;
  struct status status = redis_function_call(redis, context, library, "put", &keys, &values, &reply);
  CU_ASSERT_FATAL(status_is_ok(status));
  CU_ASSERT_STRING_EQUAL(redis_reply_text(redis_reply_at(reply, 0)), "key");
  CU_ASSERT(redis_reply_at(reply, 1)->size == 3 && memcmp(redis_reply_at(reply, 1)->text, "a\0b", 3) == 0);
  CU_ASSERT(redis_reply_number(redis_reply_at(reply, 2), 0) == 1);
  CU_ASSERT(redis_reply_number(redis_reply_at(reply, 3), 0) == 2);
  redis_close(redis);
}

static void test_called(void) {
  in_coroutine(called);
}

static void lost_library(struct context *context) {
  struct redis *redis = open_redis(context);
  struct redis_library *library = redis_library_new(context->arena, "ordershop_test", first_source);
  CU_ASSERT(version(redis, context, library) == 1); /* never loaded */
  private_redis_command(server, "FUNCTION FLUSH");
  CU_ASSERT(version(redis, context, library) == 1);
  CU_ASSERT(libraries() == 1);
  redis_close(redis);
}

static void test_lost(void) {
  in_coroutine(lost_library);
}

static void two_versions(struct context *context) {
  struct redis *redis = open_redis(context);
  struct redis_library *first = redis_library_new(context->arena, "ordershop_test", first_source);
  struct redis_library *second = redis_library_new(context->arena, "ordershop_test", second_source);
  CU_ASSERT(version(redis, context, first) == 1);
  CU_ASSERT(version(redis, context, second) == 2);
  CU_ASSERT(version(redis, context, first) == 1);
  CU_ASSERT(libraries() == 2);
  redis_close(redis);
}

static void test_two_versions(void) {
  in_coroutine(two_versions);
}

static void no_such_function(struct context *context) {
  struct redis *redis = open_redis(context);
  struct redis_library *library = redis_library_new(context->arena, "ordershop_test", first_source);
  struct status status = redis_function_call(redis, context, library, "nothing", NULL, NULL, NULL);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_FUNCTION_UNKNOWN");
  struct redis_library *broken = redis_library_new(context->arena, "ordershop_test", "#!lua name=@LIBRARY@\nx =");
  status = redis_library_load(redis, context, broken);
  CU_ASSERT(status.code == STATUS_INTERNAL);
  redis_close(redis);
}

static void test_no_such_function(void) {
  in_coroutine(no_such_function);
}

static const struct test tests[] = {
    {"A library is named by owner and content", test_names},
    {"A function gets its keys and values, whatever bytes they have", test_called},
    {"A library that Redis has lost is loaded again by the next call", test_lost},
    {"Two versions of a library live side by side", test_two_versions},
    {"A function that the library lacks and a source that is wrong are errors", test_no_such_function},
};

int main(int argc, char **argv) {
  return suite_main("redis functions", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
