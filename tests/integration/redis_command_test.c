/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of many coroutines on one connection, against a real Redis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "redis/redis.h"
#include "suite.h"

enum { US_PER_MS = 1000 };

static struct private_redis *server;

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

static struct redis *open_with(struct context *context, struct redis_options options) {
  struct redis *redis = NULL;
  options.url = private_redis_url(server);
  struct status status = redis_open(coroutine_loop(), context->arena, &options, &redis);
  CU_ASSERT_FATAL(status_is_ok(status));
  status = redis_wait_ready(redis, context->deadline_us);
  CU_ASSERT_FATAL(status_is_ok(status));
  return redis;
}

static struct redis *open_redis(struct context *context) {
  return open_with(context, (struct redis_options){.purpose = "commands", .client_name = "test"});
}

static struct status run(struct redis *redis, struct context *context, const struct redis_reply **ret_reply,
                         const char *name, const char *first, const char *second) {
  struct redis_arguments arguments = redis_command_of(context->arena, name, first, second, NULL);
  return redis_command(redis, context, &arguments, ret_reply);
}

/* ---- one write -------------------------------------------------------------------------------------------------- */

struct caller {
  struct redis *redis;
  int64_t number;
  bool right;
};

static void echo_number(void *item) {
  struct caller *caller = item;
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + 10 * 1000 * US_PER_MS};
  struct redis_arguments echo = redis_arguments_of(context.arena, "ECHO");
  redis_add_number(&echo, caller->number);
  const struct redis_reply *reply = NULL;
  struct status status = redis_command(caller->redis, &context, &echo, &reply);
  caller->right = status_is_ok(status) && redis_reply_number(reply, -1) == caller->number;
  arena_free(context.arena);
}

static int64_t server_reads(void) {
  const char *stats = private_redis_command(server, "INFO stats");
  const char *at = strstr(stats, "total_reads_processed:");
  return at ? atoll(at + strlen("total_reads_processed:")) : -1;
}

enum { CALLERS = 64 };

static void many_at_once(struct context *context) {
  struct redis *redis = open_redis(context);
  struct caller callers[CALLERS];
  void *items[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    callers[i] = (struct caller){.redis = redis, .number = i};
    items[i] = &callers[i];
  }
  int64_t before = server_reads();
  coroutine_for_each(echo_number, items, CALLERS, CALLERS);
  int64_t reads = server_reads() - before - 1; /* the second INFO is one of its own */
  for (int i = 0; i < CALLERS; i++) CU_ASSERT(callers[i].right);
  CU_ASSERT(reads >= 1 && reads <= 2);
  redis_close(redis);
}

static void test_one_write(void) {
  in_coroutine(many_at_once);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void set_and_get(struct redis *redis, struct context *context, const char *bytes, size_t size) {
  struct redis_arguments set = redis_command_of(context->arena, "SET", "value", NULL);
  redis_add_bytes(&set, bytes, size);
  CU_ASSERT(status_is_ok(redis_command(redis, context, &set, NULL)));
  const struct redis_reply *reply = NULL;
  CU_ASSERT_FATAL(status_is_ok(run(redis, context, &reply, "GET", "value", NULL)));
  CU_ASSERT_FATAL(reply->type == REDIS_TEXT && reply->size == size);
  CU_ASSERT(memcmp(reply->text, bytes, size) == 0);
  CU_ASSERT(reply->text[size] == '\0');
}

static void every_byte(struct context *context) {
  struct redis *redis = open_redis(context);
  char bytes[256 + 4] = "\r\n$1";
  for (int i = 0; i < 256; i++) bytes[i + 4] = (char)i;
  set_and_get(redis, context, bytes, sizeof bytes);
  set_and_get(redis, context, "", 0);
  redis_close(redis);
}

static void test_binary(void) {
  in_coroutine(every_byte);
}

static void big_value(struct context *context) {
  enum { SIZE = 24 * 1024 * 1024 };
  struct redis *redis = open_redis(context);
  char *bytes = malloc(SIZE);
  for (int i = 0; i < SIZE; i++) bytes[i] = (char)(i * 31 + i / 251);
  set_and_get(redis, context, bytes, SIZE);
  free(bytes);
  redis_close(redis);
}

static void test_big(void) {
  in_coroutine(big_value);
}

static void each_type(struct context *context) {
  struct redis *redis = open_redis(context);
  const struct redis_reply *reply = NULL;
  private_redis_command(server, "DEL list hash counter");
  private_redis_command(server, "RPUSH list a b");
  private_redis_command(server, "HSET hash name value");
  CU_ASSERT(status_is_ok(run(redis, context, &reply, "GET", "nothing", NULL)));
  CU_ASSERT(reply->type == REDIS_NIL);
  CU_ASSERT(status_is_ok(run(redis, context, &reply, "INCR", "counter", NULL)));
  CU_ASSERT(reply->type == REDIS_NUMBER && reply->number == 1);
  CU_ASSERT(status_is_ok(run(redis, context, &reply, "HGETALL", "hash", NULL)));
  CU_ASSERT_STRING_EQUAL(redis_reply_text(redis_reply_field(reply, "name")), "value");
  struct redis_arguments range = redis_command_of(context->arena, "LRANGE", "list", "0", "-1", NULL);
  CU_ASSERT(status_is_ok(redis_command(redis, context, &range, &reply)));
  CU_ASSERT(reply->type == REDIS_LIST && reply->count == 2);
  CU_ASSERT_STRING_EQUAL(redis_reply_text(redis_reply_at(reply, 1)), "b");
  redis_close(redis);
}

static void test_types(void) {
  in_coroutine(each_type);
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

static void received_backwards(struct context *context) {
  struct redis *redis = open_redis(context);
  struct redis_pending *pending[5];
  for (int i = 0; i < 5; i++) {
    struct redis_arguments echo = redis_arguments_of(context->arena, "ECHO");
    redis_add_number(&echo, i);
    pending[i] = redis_send(redis, context, &echo);
  }
  for (int i = 4; i >= 0; i--) {
    const struct redis_reply *reply = NULL;
    CU_ASSERT(status_is_ok(redis_receive(pending[i], &reply)));
    CU_ASSERT(redis_reply_number(reply, -1) == i);
  }
  redis_close(redis);
}

static void test_backwards(void) {
  in_coroutine(received_backwards);
}

static void given_up(struct context *context) {
  struct redis *redis = open_redis(context);
  struct context hasty = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + 50 * US_PER_MS};
  private_redis_pause(server);
  struct status status = run(redis, &hasty, NULL, "ECHO", "late", NULL);
  CU_ASSERT(status.code == STATUS_DEADLINE_EXCEEDED);
  size_t used = arena_used(hasty.arena);
  private_redis_resume(server);

  const struct redis_reply *reply = NULL;
  CU_ASSERT_FATAL(status_is_ok(run(redis, context, &reply, "ECHO", "own", NULL)));
  CU_ASSERT_STRING_EQUAL(redis_reply_text(reply), "own");
  CU_ASSERT(arena_used(hasty.arena) == used); /* which the late answer must not touch */
  arena_free(hasty.arena);
  CU_ASSERT(redis_generation(redis) == 1);
  redis_close(redis);
}

static void test_given_up(void) {
  in_coroutine(given_up);
}

static void over_before(struct context *context) {
  struct redis *redis = open_redis(context);
  private_redis_command(server, "DEL counter");
  struct context over = {.arena = context->arena, .deadline_us = clock_monotonic_us() - 1};
  CU_ASSERT(run(redis, &over, NULL, "INCR", "counter", NULL).code == STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT(status_is_ok(run(redis, context, NULL, "PING", NULL, NULL)));
  CU_ASSERT(private_redis_command(server, "GET counter") == NULL);
  redis_close(redis);
}

static void test_over_before(void) {
  in_coroutine(over_before);
}

/* ---- bounds ----------------------------------------------------------------------------------------------------- */

static void full_queue(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){.max_pending = 4});
  struct redis_pending *pending[5];
  private_redis_pause(server);
  for (int i = 0; i < 5; i++) {
    struct redis_arguments ping = redis_arguments_of(context->arena, "PING");
    pending[i] = redis_send(redis, context, &ping);
  }
  struct status status = redis_receive(pending[4], NULL);
  CU_ASSERT(status.code == STATUS_RESOURCE_EXHAUSTED);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "OVERLOADED");
  CU_ASSERT(status.details->retry_delay_ms > 0);
  private_redis_resume(server);
  for (int i = 0; i < 4; i++) CU_ASSERT(status_is_ok(redis_receive(pending[i], NULL)));
  CU_ASSERT(status_is_ok(run(redis, context, NULL, "PING", NULL, NULL)));
  redis_close(redis);
}

static void test_full_queue(void) {
  in_coroutine(full_queue);
}

static void full_of_bytes(struct context *context) {
  enum { SIZE = 40 * 1024 * 1024 };
  struct redis *redis = open_redis(context);
  char *bytes = calloc(1, SIZE);
  struct redis_arguments set = redis_command_of(context->arena, "SET", "big", NULL);
  redis_add_bytes(&set, bytes, SIZE);
  struct redis_pending *first = redis_send(redis, context, &set);
  struct redis_pending *second = redis_send(redis, context, &set);
  CU_ASSERT_STRING_EQUAL(status_reason(redis_receive(second, NULL)), "OVERLOADED");
  CU_ASSERT(status_is_ok(redis_receive(first, NULL)));
  struct redis_arguments ping = redis_arguments_of(context->arena, "PING");
  struct redis_pending *third = redis_send(redis, context, &ping); /* so that the queue isn't empty */
  CU_ASSERT(status_is_ok(redis_command(redis, context, &set, NULL)));
  CU_ASSERT(status_is_ok(redis_receive(third, NULL)));
  private_redis_command(server, "DEL big");
  free(bytes);
  redis_close(redis);
}

static void test_full_of_bytes(void) {
  in_coroutine(full_of_bytes);
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static void out_of_memory(struct context *context) {
  struct redis *redis = open_redis(context);
  private_redis_command(server, "CONFIG SET maxmemory 1");
  struct status status = run(redis, context, NULL, "SET", "key", "value");
  private_redis_command(server, "CONFIG SET maxmemory 0");
  CU_ASSERT(status.code == STATUS_RESOURCE_EXHAUSTED);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_OUT_OF_MEMORY");
  CU_ASSERT(status.details->retry_delay_ms > 0);
  CU_ASSERT(status_is_ok(run(redis, context, NULL, "SET", "key", "value")));
  redis_close(redis);
}

static void test_out_of_memory(void) {
  in_coroutine(out_of_memory);
}

static void groups(struct context *context) {
  struct redis *redis = open_redis(context);
  private_redis_command(server, "DEL stream");
  struct redis_arguments create =
      redis_command_of(context->arena, "XGROUP", "CREATE", "stream", "group", "0", "MKSTREAM", NULL);
  CU_ASSERT(status_is_ok(redis_command(redis, context, &create, NULL)));
  CU_ASSERT_STRING_EQUAL(status_reason(redis_command(redis, context, &create, NULL)), "REDIS_BUSYGROUP");
  struct redis_arguments read =
      redis_command_of(context->arena, "XREADGROUP", "GROUP", "other", "consumer", "STREAMS", "stream", ">", NULL);
  CU_ASSERT_STRING_EQUAL(status_reason(redis_command(redis, context, &read, NULL)), "REDIS_NOGROUP");
  redis_close(redis);
}

static void test_groups(void) {
  in_coroutine(groups);
}

/* ---- keys, names, blocking -------------------------------------------------------------------------------------- */

static void prefixed(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){.key_prefix = "{shop1}:"});
  const char *key = redis_key(redis, context->arena, "customer_entity:%s", "7");
  CU_ASSERT_STRING_EQUAL(key, "{shop1}:customer_entity:7");
  char long_id[1001];
  memset(long_id, 'x', 1000);
  long_id[1000] = '\0';
  key = redis_key(redis, context->arena, "k:%s", long_id);
  CU_ASSERT(strlen(key) == strlen("{shop1}:k:") + 1000);
  CU_ASSERT_STRING_EQUAL(key + strlen("{shop1}:k:"), long_id);
  redis_close(redis);
}

static void test_prefix(void) {
  in_coroutine(prefixed);
}

static void known_to_server(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){.purpose = "blocking", .client_name = "crm"});
  const char *list = private_redis_command(server, "CLIENT LIST ID %d", (int)redis_client_id(redis));
  CU_ASSERT(strstr(list, " name=crm-blocking ") != NULL);
  redis_close(redis);
}

static void test_client_name(void) {
  in_coroutine(known_to_server);
}

static void long_block(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){.reply_timeout_ms = 1000});
  private_redis_command(server, "DEL stream");
  struct redis_arguments read =
      redis_command_of(context->arena, "XREAD", "BLOCK", "2000", "STREAMS", "stream", "$", NULL);
  CU_ASSERT(status_is_ok(run(redis, context, NULL, "PING", NULL, NULL))); /* the watch over silence begins here */
  int64_t start_us = clock_monotonic_us();
  const struct redis_reply *reply = NULL;
  CU_ASSERT_FATAL(status_is_ok(redis_command_blocking(redis, context, &read, 2000, &reply)));
  CU_ASSERT(reply->type == REDIS_NIL);
  CU_ASSERT(clock_monotonic_us() - start_us >= 1900 * US_PER_MS);
  CU_ASSERT(redis_generation(redis) == 1);
  redis_close(redis);
}

static void test_block(void) {
  in_coroutine(long_block);
}

static const struct test tests[] = {
    {"The commands of 64 coroutines in one turn reach Redis in one write", test_one_write},
    {"Values of any bytes come back as they were", test_binary},
    {"A value bigger than the socket takes at once comes back whole", test_big},
    {"Each type of answer arrives as what it is", test_types},
    {"Several commands of one coroutine may be received in any order", test_backwards},
    {"An answer that comes after the deadline is dropped and the next command gets its own", test_given_up},
    {"A command whose deadline is over is not sent", test_over_before},
    {"More commands than the queue holds are refused as overload", test_full_queue},
    {"More bytes than the queue holds are refused as overload", test_full_of_bytes},
    {"A Redis out of memory is an exhausted resource with a time to retry", test_out_of_memory},
    {"A missing and an existing consumer group have reasons of their own", test_groups},
    {"Keys carry the prefix, whatever their length", test_prefix},
    {"Redis knows the connection by service and purpose", test_client_name},
    {"A blocking read that outlasts the reply timeout is no dead connection", test_block},
};

int main(int argc, char **argv) {
  return suite_main("redis commands", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
