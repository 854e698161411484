/* SPDX-License-Identifier: Apache-2.0 */
/* Redis goes away and comes back: killed, stopped, behind a name that does not resolve, with another password. */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "captured_log.h"
#include "forwarder.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "private_redis.h"
#include "redis/redis.h"
#include "redis_reason.h"
#include "suite.h"

/* Of connections: long enough not to be reached where nothing stands still. */
enum { US_PER_MS = 1000, POLL_US = 2 * US_PER_MS, REPLY_TIMEOUT_MS = 1500 };

static struct private_redis *server;

static struct redis *open_with(struct context *context, struct redis_options options) {
  struct redis *redis = NULL;
  if (!options.url) options.url = private_redis_url(server);
  if (options.reply_timeout_ms == 0) options.reply_timeout_ms = REPLY_TIMEOUT_MS;
  struct status status = redis_open(coroutine_loop(), context->arena, &options, &redis);
  CU_ASSERT_FATAL(status_is_ok(status));
  return redis;
}

static struct redis *open_ready(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){.purpose = "commands"});
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  return redis;
}

static struct status run(struct redis *redis, struct context *context, const char *name, const char *argument) {
  struct redis_arguments arguments = redis_command_of(context->arena, name, argument, NULL);
  return redis_command(redis, context, &arguments, NULL);
}

/* Lets the loop turn until the connection is up, or is down; false at the context's deadline. */
static bool becomes_ready(const struct redis *redis, const struct context *context, bool ready) {
  while (redis_is_ready(redis) != ready) {
    if (clock_monotonic_us() > context->deadline_us) return false;
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  return true;
}

/* ---- name resolution: this program's getaddrinfo stands before the C library's -------------------------------------
 */

static int resolutions, failing_resolutions;

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* "flaky.test" cannot be resolved `failing_resolutions` times; then it is 127.0.0.2, where nobody listens, and
 * 127.0.0.1. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's names are its own
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_addresses) {
  resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
  if (!name || strcmp(name, "flaky.test") != 0) return real(name, service, hints, ret_addresses);
  int number = __atomic_add_fetch(&resolutions, 1, __ATOMIC_SEQ_CST);
  if (number <= failing_resolutions) return EAI_AGAIN;
  int error = real("127.0.0.2", service, hints, ret_addresses);
  return error ? error : real("127.0.0.1", service, hints, &(*ret_addresses)->ai_next);
}

static void name_unknown_for_a_while(struct context *context) {
  resolutions = 0;
  failing_resolutions = 3;
  const char *url = arena_printf(context->arena, "redis://flaky.test:%d", private_redis_port(server));
  captured_log_begin();
  struct redis *redis = open_with(context, (struct redis_options){.url = url});
  bool reported = redis_reason_becomes(redis, context, "resolved");
  struct status status = run(redis, context, "PING", NULL);
  bool resolved = status_is_ok(redis_wait_ready(redis, context->deadline_us));
  const char *log = captured_log_end(context->arena);
  CU_ASSERT(reported);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_UNREACHABLE");
  CU_ASSERT(strstr(status.message, "resolved") != NULL);
  CU_ASSERT(resolved && resolutions == 4);
  CU_ASSERT(captured_log_count(log, "redis is away") == 1 && captured_log_count(log, "redis is back") == 1);
  redis_close(redis);
}

static void test_name(void) {
  in_coroutine(name_unknown_for_a_while);
}

static void ever_rarer(struct context *context) {
  resolutions = 0;
  failing_resolutions = 1000;
  struct redis *redis = open_with(context, (struct redis_options){.url = "redis://flaky.test"});
  int64_t begin_us = clock_monotonic_us();
  while (resolutions < 6 && clock_monotonic_us() < context->deadline_us) coroutine_sleep(POLL_US, context->deadline_us);
  CU_ASSERT(resolutions == 6);
  CU_ASSERT(clock_monotonic_us() - begin_us >=
            (25 + 50 + 100 + 200 + 400) * US_PER_MS); /* at least that between them */
  redis_close(redis);
}

static void test_ever_rarer(void) {
  in_coroutine(ever_rarer);
}

static void name_resolved_again(struct context *context) {
  resolutions = failing_resolutions = 0;
  const char *url = arena_printf(context->arena, "redis://flaky.test:%d", private_redis_port(server));
  struct redis *redis = open_with(context, (struct redis_options){.url = url});
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  private_redis_command(server, "CLIENT KILL TYPE normal");
  CU_ASSERT(becomes_ready(redis, context, false) && becomes_ready(redis, context, true));
  CU_ASSERT(resolutions >= 2);
  redis_close(redis);
}

static void test_name_again(void) {
  in_coroutine(name_resolved_again);
}

static void second_address(struct context *context) {
  resolutions = failing_resolutions = 0;
  const char *url = arena_printf(context->arena, "redis://flaky.test:%d", private_redis_port(server));
  captured_log_begin();
  struct redis *redis = open_with(context, (struct redis_options){.url = url});
  bool ready = status_is_ok(redis_wait_ready(redis, context->deadline_us));
  const char *log = captured_log_end(context->arena);
  CU_ASSERT(ready && resolutions == 1);
  CU_ASSERT_STRING_EQUAL(log, "");
  redis_close(redis);
}

static void test_second_address(void) {
  in_coroutine(second_address);
}

/* ---- killed ----------------------------------------------------------------------------------------------------- */

static void killed_and_back(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){.purpose = "commands"});
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  captured_log_begin();
  private_redis_kill(server);
  bool lost = becomes_ready(redis, context, false);
  int64_t start_us = clock_monotonic_us();
  struct status status = run(redis, context, "PING", NULL);
  int64_t took_us = clock_monotonic_us() - start_us;
  coroutine_sleep(300 * US_PER_MS, context->deadline_us); /* several attempts fail meanwhile, none of them in the log */
  private_redis_restart(server);
  bool back = becomes_ready(redis, context, true);
  struct status after = run(redis, context, "PING", NULL);
  const char *log = captured_log_end(context->arena);

  CU_ASSERT(lost && back);
  CU_ASSERT(status.code == STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_UNREACHABLE");
  CU_ASSERT(took_us < at_once_us());
  CU_ASSERT(status_is_ok(after));
  CU_ASSERT(redis_generation(redis) == 2);
  CU_ASSERT(captured_log_count(log, "redis is away") == 1 && captured_log_count(log, "redis is back") == 1);
  CU_ASSERT(captured_log_count(log, "\n") == 2);
  redis_close(redis);
}

static void test_killed(void) {
  in_coroutine(killed_and_back);
}

static void waiting_when_killed(struct context *context) {
  struct redis *redis = open_ready(context);
  struct redis_arguments ping = redis_arguments_of(context->arena, "PING");
  struct redis_pending *pending[3];
  private_redis_pause(server);
  for (int i = 0; i < 3; i++) pending[i] = redis_send(redis, context, &ping);
  coroutine_sleep(10 * US_PER_MS, context->deadline_us);
  private_redis_kill(server);
  for (int i = 0; i < 3; i++) {
    struct status status = redis_receive(pending[i], NULL);
    CU_ASSERT(status.code == STATUS_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_UNREACHABLE");
    CU_ASSERT(strstr(status.message, "may have been executed") != NULL);
  }
  private_redis_restart(server);
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  redis_close(redis);
}

static void test_waiting_when_killed(void) {
  in_coroutine(waiting_when_killed);
}

static void away_at_start(struct context *context) {
  private_redis_kill(server);
  captured_log_begin();
  struct redis *redis = open_with(context, (struct redis_options){0});
  struct status early = redis_wait_ready(redis, clock_monotonic_us() + 200 * US_PER_MS);
  bool has_reason = redis_reason(redis)[0] != '\0';
  private_redis_restart(server);
  struct status status = redis_wait_ready(redis, context->deadline_us);
  const char *log = captured_log_end(context->arena);
  CU_ASSERT(early.code == STATUS_UNAVAILABLE && has_reason);
  CU_ASSERT(status_is_ok(status));
  CU_ASSERT_STRING_EQUAL(redis_reason(redis), "");
  CU_ASSERT(captured_log_count(log, "redis is away") == 1 && captured_log_count(log, "redis is back") == 1);
  redis_close(redis);
}

static void test_away_at_start(void) {
  in_coroutine(away_at_start);
}

/* ---- silent ----------------------------------------------------------------------------------------------------- */

static void silent(struct context *context) {
  struct redis *redis = open_ready(context);
  struct context hasty = {.arena = context->arena, .deadline_us = clock_monotonic_us() + 50 * US_PER_MS};
  int64_t start_us = clock_monotonic_us();
  private_redis_pause(server);
  CU_ASSERT(run(redis, &hasty, "PING", NULL).code == STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT(redis_is_ready(redis));
  CU_ASSERT(becomes_ready(redis, context, false));
  CU_ASSERT(clock_monotonic_us() - start_us >= (REPLY_TIMEOUT_MS - 10) * US_PER_MS);
  CU_ASSERT(strstr(redis_reason(redis), "does not answer") != NULL);
  CU_ASSERT(run(redis, context, "PING", NULL).code == STATUS_UNAVAILABLE);
  private_redis_resume(server);
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  CU_ASSERT(status_is_ok(run(redis, context, "PING", NULL)));
  redis_close(redis);
}

static void test_silent(void) {
  in_coroutine(silent);
}

static void silent_at_connect(struct context *context) {
  private_redis_pause(server);
  struct redis *redis = open_with(context, (struct redis_options){.connect_timeout_ms = 100});
  CU_ASSERT(redis_reason_becomes(redis, context, "too long"));
  private_redis_resume(server);
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  redis_close(redis);
}

static void test_silent_at_connect(void) {
  in_coroutine(silent_at_connect);
}

static uv_check_t standstill;

/* The whole loop stands still beyond the reply timeout, just before libuv looks at its timers. */
static void stand_still(uv_check_t *check) {
  uv_check_stop(check);
  usleep((REPLY_TIMEOUT_MS + 200) * US_PER_MS);
  private_redis_resume(server);
  for (int i = 0; i < 3; i++) private_redis_command(server, "PING"); /* meanwhile the answer gets into the socket */
}

static void stood_still(struct context *context) {
  struct redis *redis = open_ready(context);
  struct redis_arguments ping = redis_arguments_of(context->arena, "PING");
  private_redis_pause(server);
  struct redis_pending *pending = redis_send(redis, context, &ping);
  coroutine_sleep(20 * US_PER_MS, context->deadline_us); /* turns of the loop: the command is written */
  uv_check_init(loop_uv(coroutine_loop()), &standstill);
  uv_check_start(&standstill, stand_still);
  CU_ASSERT(status_is_ok(redis_receive(pending, NULL)));
  CU_ASSERT(redis_generation(redis) == 1);
  uv_close((uv_handle_t *)&standstill, NULL);
  redis_close(redis);
}

static void test_stood_still(void) {
  in_coroutine(stood_still);
}

static void counted_once(struct context *context) {
  struct redis *redis = open_ready(context);
  private_redis_command(server, "SET counter 0");
  private_redis_pause(server);
  struct status status = run(redis, context, "INCR", "counter"); /* waits until the connection counts as dead */
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_UNREACHABLE");
  private_redis_resume(server);
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  while (private_redis_number(server, "GET counter") == 0 && clock_monotonic_us() < context->deadline_us) continue;
  for (int i = 0; i < 10; i++) CU_ASSERT(status_is_ok(run(redis, context, "PING", NULL)));
  CU_ASSERT(private_redis_number(server, "GET counter") == 1);
  redis_close(redis);
}

static void test_counted_once(void) {
  in_coroutine(counted_once);
}

/* ---- failover --------------------------------------------------------------------------------------------------- */

static void demoted(struct context *context) {
  struct redis *redis = open_ready(context);
  struct redis_arguments set = redis_command_of(context->arena, "SET", "key", "value", NULL);
  private_redis_command(server, "REPLICAOF 127.0.0.1 1");
  struct status status = redis_command(redis, context, &set, NULL);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_READONLY");
  CU_ASSERT(redis_reason_becomes(redis, context, "replica") && !redis_is_ready(redis));
  coroutine_sleep(200 * US_PER_MS, context->deadline_us);
  CU_ASSERT(redis_generation(redis) == 1);
  private_redis_command(server, "REPLICAOF NO ONE");
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  CU_ASSERT(status_is_ok(redis_command(redis, context, &set, NULL)));
  redis_close(redis);
}

static void test_demoted(void) {
  in_coroutine(demoted);
}

/* Another server is met at the address; returns how long the connection that was left for it takes to be up again. */
static int64_t led_elsewhere_us(struct context *context, struct redis *redis, const struct redis_options *options) {
  struct redis *newcomer = open_with(context, *options);
  CU_ASSERT_FATAL(becomes_ready(redis, context, false));
  int64_t begin_us = clock_monotonic_us();
  CU_ASSERT_FATAL(becomes_ready(redis, context, true));
  int64_t took_us = clock_monotonic_us() - begin_us;
  redis_close(newcomer);
  return took_us;
}

/* A backoff that doubles each time is over a second at the seventh. One time that is shorter shows that it does not;
 * the others may be long on a busy machine. */
static void led_elsewhere_often(struct context *context) {
  struct private_redis *servers[] = {server, private_redis_start(NULL)};
  struct forwarder *address = forwarder_start(private_redis_port(server));
  const struct redis_options options = {
      .url = arena_printf(context->arena, "redis://127.0.0.1:%d", forwarder_port(address)),
      .server = redis_server_new(context->arena)};
  struct redis *redis = open_with(context, options);
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  bool soon = false;
  for (int time = 1; time <= 12 && !soon; time++) {
    forwarder_lead_to(address, private_redis_port(servers[time % 2]));
    soon = led_elsewhere_us(context, redis, &options) < 1000 * US_PER_MS && time >= 7;
  }
  CU_ASSERT(soon);
  redis_close(redis);
  forwarder_free(address);
  private_redis_free(servers[1]);
}

static void test_led_elsewhere(void) {
  in_coroutine(led_elsewhere_often);
}

/* ---- password --------------------------------------------------------------------------------------------------- */

static void wrong_password(struct context *context) {
  private_redis_command(server, "CONFIG SET requirepass right");
  private_redis_use_password(server, "right");
  captured_log_begin();
  struct redis *without = open_with(context, (struct redis_options){0});
  struct redis *redis = open_with(context, (struct redis_options){.password = "wrong", .purpose = "reads"});
  bool refused = redis_reason_becomes(redis, context, "WRONGPASS") && redis_reason_becomes(without, context, "NOAUTH");
  bool ready = redis_is_ready(redis) || redis_is_ready(without);
  private_redis_command(server, "CONFIG SET requirepass wrong");
  private_redis_use_password(server, "wrong");
  bool welcome = becomes_ready(redis, context, true);
  private_redis_command(server, "CONFIG SET requirepass %s", "");
  private_redis_use_password(server, NULL);
  const char *log = captured_log_end(context->arena);
  CU_ASSERT(refused && !ready && welcome);
  CU_ASSERT(captured_log_count(log, "redis is away") == 2 && captured_log_count(log, "redis is back") == 1);
  redis_close(redis);
  redis_close(without);
}

static void test_password(void) {
  in_coroutine(wrong_password);
}

static void user_and_database(struct context *context) {
  private_redis_command(server, "ACL SETUSER shop on >secret ~* +@all -client");
  const char *url = arena_printf(context->arena, "redis://shop@127.0.0.1:%d/3", private_redis_port(server));
  struct redis *redis = open_with(context, (struct redis_options){.url = url, .password = "secret"});
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  struct redis_arguments set = redis_command_of(context->arena, "SET", "in_three", "yes", NULL);
  CU_ASSERT(status_is_ok(redis_command(redis, context, &set, NULL)));
  CU_ASSERT(private_redis_command(server, "GET in_three") == NULL);
  CU_ASSERT(redis_client_id(redis) == 0);
  redis_close(redis);
}

static void test_user(void) {
  in_coroutine(user_and_database);
}

/* ---- closed ----------------------------------------------------------------------------------------------------- */

struct waiter {
  struct redis *redis;
  struct status ready, answer;
  int ended;
};

static void wait_for_answer(void *argument) {
  struct waiter *waiter = argument;
  struct context context = {.arena = arena_new(), .deadline_us = DEADLINE_NEVER};
  waiter->answer.code = run(waiter->redis, &context, "PING", NULL).code;
  arena_free(context.arena);
  waiter->ended++;
}

static void wait_for_ready(void *argument) {
  struct waiter *waiter = argument;
  waiter->ready = redis_wait_ready(waiter->redis, DEADLINE_NEVER);
  waiter->ended++;
}

static void closed_while_waited_for(struct context *context) {
  struct waiter on_answer = {.redis = open_ready(context)};
  private_redis_pause(server);
  struct waiter on_ready = {.redis = open_with(context, (struct redis_options){0})};
  CU_ASSERT(loop_spawn(coroutine_loop(), wait_for_answer, &on_answer));
  CU_ASSERT(loop_spawn(coroutine_loop(), wait_for_ready, &on_ready));
  coroutine_sleep(20 * US_PER_MS, context->deadline_us);
  redis_close(on_answer.redis);
  redis_close(on_ready.redis);
  while (on_answer.ended + on_ready.ended < 2 && clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  private_redis_resume(server);
  CU_ASSERT_FATAL(on_answer.ended + on_ready.ended == 2);
  CU_ASSERT(on_answer.answer.code == STATUS_UNAVAILABLE);
  CU_ASSERT(on_ready.ready.code == STATUS_UNAVAILABLE);
}

static void test_closed(void) {
  in_coroutine(closed_while_waited_for);
}

static void closed_at_once(struct context *context) {
  redis_close(open_with(context, (struct redis_options){0}));
  redis_close(open_with(context, (struct redis_options){.url = "redis://no-such-host.invalid"}));
}

static void test_closed_at_once(void) {
  in_coroutine(closed_at_once);
}

/* ---- refused at start ------------------------------------------------------------------------------------------- */

static void bad_urls(struct context *context) {
  struct redis *redis = NULL;
  struct redis_options options = {.url = "http://host"};
  struct status status = redis_open(coroutine_loop(), context->arena, &options, &redis);
  CU_ASSERT(status.code == STATUS_INVALID_ARGUMENT);
  options.url = "rediss://host";
  status = redis_open(coroutine_loop(), context->arena, &options, &redis);
  CU_ASSERT(status.code == STATUS_INVALID_ARGUMENT && strstr(status.message, "whom to trust") != NULL);
  CU_ASSERT(redis == NULL);
}

static void test_bad_urls(void) {
  in_coroutine(bad_urls);
}

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

static const struct test tests[] = {
    {"Killed Redis: refused at once, back by itself, one log line each", test_killed},
    {"Commands under way when Redis is killed are unavailable and may have been executed", test_waiting_when_killed},
    {"Redis that is away at the start is waited for, with one log line", test_away_at_start},
    {"Silent Redis: the deadline ends the wait, the reply timeout the connection, and it recovers", test_silent},
    {"A server that accepts but does not answer is tried again", test_silent_at_connect},
    {"A loop that stood still does not take its connection for dead", test_stood_still},
    {"A command in flight when the connection breaks is not sent twice", test_counted_once},
    {"A server that became a replica is left, and taken again as master", test_demoted},
    {"However often another server takes over, it is connected to soon after it was met", test_led_elsewhere},
    {"A wrong password is told and recovers when it is corrected", test_password},
    {"User and database of the URL are used, and a user without CLIENT is served", test_user},
    {"A name that cannot be resolved is told and tried again", test_name},
    {"Attempts get rarer the longer Redis is away", test_ever_rarer},
    {"The name is resolved anew at each connect", test_name_again},
    {"The next address of a name is tried at once, without a word in the log", test_second_address},
    {"Closing ends all waits", test_closed},
    {"Closing before anything happened is fine", test_closed_at_once},
    {"A URL of another kind, and TLS without somebody to trust, are refused at start", test_bad_urls},
};

int main(int argc, char **argv) {
  return suite_main("redis outages", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
