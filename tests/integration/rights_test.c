/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the Redis user of a service may do what every service must: asked at each server that the shop can have. */
#include "store/rights.h"

#include <stdio.h>
#include <string.h>

#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "shop_brand.h"
#include "suite.h"

static struct private_redis *server;

/* A store whose user has all rights but one command's. */
static struct event_store *open_store_without(struct context *context, const char *command) {
  private_redis_command(server, "ACL SETUSER tester reset on nopass ~* &* +@all -%s", command);
  const char *url = arena_printf(context->arena, "redis://tester@127.0.0.1:%d/0", private_redis_port(server));
  const struct event_store_options options = {
      .brand = &shop_brand, .service = "tester", .redis_url = url, .redis_password = "any", .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store)));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(store->commands, context->deadline_us)));
  return store;
}

static void have_all(struct context *context) {
  struct event_store *store = open_store_without(context, "keys");
  rights_check(store);
  CU_ASSERT_STRING_EQUAL(rights_denied(store), "");
  const char *function = redis_function_name(context->arena, store->library, "rights_missing");
  CU_ASSERT_STRING_EQUAL(private_redis_command(server, "FCALL %s 2 ordershop_clock tester_rights", function), "");
  event_store_close(store);
}

static void lack_one(struct context *context) {
  static const char *const commands[] = {"EXISTS", "GET", "SET", "DEL", "HGET", "HSET", "SADD", "SREM", "ZADD", "ZREM"};
  for (size_t i = 0; i < SUITE_SIZE(commands); i++) {
    struct event_store *store = open_store_without(context, commands[i]);
    rights_check(store);
    CU_ASSERT_PTR_NOT_NULL(strstr(rights_denied(store), arena_printf(context->arena, "no right to %s ", commands[i])));
    event_store_close(store);
  }
}

/* Without the second key no server can tell: the command would have no key. */
static void ask_without_a_key(struct context *context) {
  struct event_store *store = open_store_without(context, "keys");
  rights_check(store);
  const char *function = redis_function_name(context->arena, store->library, "rights_missing");
  const struct redis_reply *reply = private_redis_reply(server, context->arena, "FCALL %s 1 ordershop_clock", function);
  CU_ASSERT_EQUAL_FATAL(reply->count, 3);
  CU_ASSERT_STRING_EQUAL(redis_reply_text(redis_reply_at(reply, 0)), "EXISTS");
  CU_ASSERT_STRING_NOT_EQUAL(redis_reply_text(redis_reply_at(reply, 2)), "");
  event_store_close(store);
}

static void test_have_all(void) {
  in_coroutine(have_all);
}

static void test_lack_one(void) {
  in_coroutine(lack_one);
}

static void test_ask_without_a_key(void) {
  in_coroutine(ask_without_a_key);
}

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
      {"a user who has all rights lacks none", test_have_all},
      {"each right that is missing is named", test_lack_one},
      {"a right that can't be checked is told, not passed over", test_ask_without_a_key},
  };
  return suite_main("rights", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
