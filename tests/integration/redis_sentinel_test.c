/* SPDX-License-Identifier: Apache-2.0 */
/* Sentinels tell where the master is: real ones, some of which are dead, stand still, lag behind, disagree or lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "captured_log.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "private_redis.h"
#include "redis/redis.h"
#include "redis_reason.h"
#include "suite.h"

enum { POLL_US = 2000, MAX_SENTINELS = 3, MAX_CONNECTIONS = 5 };

static struct private_redis *master, *other;

/* ---- sentinels -------------------------------------------------------------------------------------------------- */

static struct private_redis *sentinels[MAX_SENTINELS];
static int sentinel_count;

/* A sentinel that knows `of` as "shop" since that epoch; it does not know the others yet. With `user`, a rule, only
 * that one may ask it. */
static void start_sentinel(const struct private_redis *of, int quorum, int epoch, const char *user) {
  char file[256];
  snprintf(file, sizeof file, "sentinel monitor shop 127.0.0.1 %d %d\nsentinel config-epoch shop %d\n%s\n",
           private_redis_port(of), quorum, epoch, user);
  sentinels[sentinel_count++] = private_redis_start(&(struct private_redis_options){
      .arguments = "--sentinel", .file = file, .password = *user ? "unknown-to-services" : NULL});
}

static void start_sentinels(int count) {
  for (int i = 0; i < count; i++) start_sentinel(master, 1, 1, "");
}

static void end_sentinels(void) {
  while (sentinel_count > 0) private_redis_free(sentinels[--sentinel_count]);
}

static const char *url_of(struct arena *arena, const char *name) {
  const char *url = "redis+sentinel://";
  for (int i = 0; i < sentinel_count; i++) {
    url = arena_printf(arena, "%s%s127.0.0.1:%d", url, i > 0 ? "," : "", private_redis_port(sentinels[i]));
  }
  return arena_printf(arena, "%s/%s", url, name);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static struct redis *open_with(struct context *context, struct redis_options options) {
  struct redis *redis = NULL;
  if (!options.url) options.url = url_of(context->arena, "shop");
  CU_ASSERT_FATAL(status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis)));
  return redis;
}

/* Whether the connection leads to that server. */
static bool leads_to(struct redis *redis, struct context *context, struct private_redis *server) {
  if (!status_is_ok(redis_wait_ready(redis, context->deadline_us))) return false;
  struct redis_arguments info = redis_command_of(context->arena, "INFO", "server", NULL);
  const struct redis_reply *reply;
  if (!status_is_ok(redis_command(redis, context, &info, &reply))) return false;
  return strstr(redis_reply_text(reply), arena_printf(context->arena, "tcp_port:%d\r", private_redis_port(server)));
}

static void finds_the_master(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){0});
  CU_ASSERT_TRUE(leads_to(redis, context, master));
  redis_close(redis);
}

static void fails_by(struct context *context, const char *url, const char *part) {
  struct redis *redis = open_with(context, (struct redis_options){.url = url});
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, part));
  CU_ASSERT_FALSE(redis_is_ready(redis));
  redis_close(redis);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void all_agree(struct context *context) {
  start_sentinels(3);
  finds_the_master(context);
}

static void two_are_dead(struct context *context) {
  start_sentinels(3);
  private_redis_kill(sentinels[0]);
  private_redis_kill(sentinels[1]);
  finds_the_master(context);
}

/* Nobody waits for the one that stands still while more than half have told, and for no longer than a second if not. */
static void one_stands_still(struct context *context) {
  start_sentinels(3);
  private_redis_pause(sentinels[0]);
  finds_the_master(context);
  private_redis_kill(sentinels[1]);
  finds_the_master(context);
}

static void all_are_dead_for_a_while(struct context *context) {
  start_sentinels(2);
  private_redis_kill(sentinels[0]);
  private_redis_kill(sentinels[1]);
  captured_log_begin();
  struct redis *redis = open_with(context, (struct redis_options){.purpose = "commands"});
  bool told = redis_reason_becomes(redis, context, "no sentinel tells where the master is: 127.0.0.1:") &&
              redis_reason_becomes(redis, context, "Connection refused; 127.0.0.1:");
  private_redis_restart(sentinels[1]);
  bool found = leads_to(redis, context, master);
  const char *log = captured_log_end(context->arena);
  CU_ASSERT_TRUE(told);
  CU_ASSERT_TRUE(found);
  CU_ASSERT_EQUAL(captured_log_count(log, "redis is away"), 1);
  CU_ASSERT_EQUAL(captured_log_count(log, "redis is back"), 1);
  redis_close(redis);
}

static void unknown_name(struct context *context) {
  start_sentinels(2);
  fails_by(context, url_of(context->arena, "stall"), "it knows no master 'stall'");
}

static void no_sentinel(struct context *context) {
  fails_by(context, arena_printf(context->arena, "redis+sentinel://127.0.0.1:%d/shop", private_redis_port(master)),
           "it is no sentinel");
}

static void sentinel_as_a_server(struct context *context) {
  start_sentinels(1);
  fails_by(context, private_redis_url(sentinels[0]), "the server is a sentinel: give a URL redis+sentinel://");
}

static void password(struct context *context) {
  start_sentinel(master, 1, 1, "user shop on >secret ~* &* +@all");
  struct redis *redis = open_with(context, (struct redis_options){0});
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "NOAUTH"));
  redis_close(redis);
  redis = open_with(context, (struct redis_options){.sentinel_user = "shop", .sentinel_password = "wrong"});
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "WRONGPASS"));
  redis_close(redis);
  redis = open_with(context, (struct redis_options){.sentinel_user = "shop", .sentinel_password = "secret"});
  CU_ASSERT_TRUE(leads_to(redis, context, master));
  redis_close(redis);
}

/* Its user may ask where the master is, and nothing else. */
static void fewest_rights(struct context *context) {
  start_sentinel(master, 1, 1, "user shop on >secret +sentinel|get-master-addr-by-name");
  struct redis *redis =
      open_with(context, (struct redis_options){.sentinel_user = "shop", .sentinel_password = "secret"});
  CU_ASSERT_TRUE(leads_to(redis, context, master));
  redis_close(redis);
}

static void two_masters_of_one_epoch(struct context *context) {
  start_sentinel(master, 1, 3, "");
  start_sentinel(other, 1, 3, "");
  struct redis *redis = open_with(context, (struct redis_options){0});
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "the sentinels disagree about the master: 127.0.0.1:"));
  CU_ASSERT_FALSE(redis_is_ready(redis));
  private_redis_kill(sentinels[1]);
  CU_ASSERT_TRUE(leads_to(redis, context, master));
  redis_close(redis);
}

/* A sentinel that was in the middle of its own failover may take up an epoch and miss its master. */
static void most_tell_one_master(struct context *context) {
  start_sentinel(other, 1, 3, "");
  start_sentinel(master, 1, 3, "");
  start_sentinel(master, 1, 3, "");
  struct redis *redis = open_with(context, (struct redis_options){0});
  CU_ASSERT_TRUE(leads_to(redis, context, master));
  redis_close(redis);
}

static void higher_epoch(struct context *context) {
  start_sentinel(master, 1, 3, "");
  start_sentinel(other, 1, 4, "");
  struct redis *redis = open_with(context, (struct redis_options){0});
  CU_ASSERT_TRUE(leads_to(redis, context, other));
  redis_close(redis);
}

/* What one connection of a process has heard counts for the others. */
static void lower_epoch_later(struct context *context) {
  struct redis_server *server = redis_server_new(context->arena);
  start_sentinel(master, 1, 3, "");
  const char *behind = url_of(context->arena, "shop");
  start_sentinel(other, 1, 4, "");
  struct redis *first = open_with(context, (struct redis_options){.server = server});
  CU_ASSERT_TRUE(leads_to(first, context, other));
  struct redis *second = open_with(context, (struct redis_options){.url = behind, .server = server});
  CU_ASSERT_TRUE(redis_reason_becomes(second, context, "has not heard of the last change of the master yet"));
  CU_ASSERT_TRUE(redis_is_ready(first));
  redis_close(first);
  redis_close(second);
}

static void lie(struct context *context) {
  private_redis_command(other, "REPLICAOF 127.0.0.1 %d", private_redis_port(master));
  start_sentinel(other, 1, 1, "");
  fails_by(context, NULL, "the server is a replica");
  private_redis_command(other, "REPLICAOF NO ONE");
}

/* A sentinel that needs two, and knows of no other. */
static void no_quorum(struct context *context) {
  struct private_redis *lonely = private_redis_start(NULL);
  start_sentinel(lonely, 2, 1, "");
  captured_log_begin();
  struct redis *redis = open_with(context, (struct redis_options){.purpose = "commands"});
  bool found = leads_to(redis, context, lonely);
  private_redis_kill(lonely);
  bool told = redis_reason_becomes(redis, context, "Connection refused; no other has taken over: NOQUORUM");
  private_redis_restart(lonely);
  bool back = leads_to(redis, context, lonely);
  const char *log = captured_log_end(context->arena);
  CU_ASSERT_TRUE(found);
  CU_ASSERT_TRUE(told);
  CU_ASSERT_TRUE(back);
  CU_ASSERT_EQUAL(captured_log_count(log, "redis would not fail over"), 1);
  redis_close(redis);
  private_redis_free(lonely);
}

/* Ends while sentinels are being asked, at each moment of that. */
static void closed_while_asking(struct context *context) {
  start_sentinels(2);
  private_redis_pause(sentinels[0]);
  for (int turns = 0; turns < 20; turns++) {
    struct redis *redis = open_with(context, (struct redis_options){0});
    for (int i = 0; i < turns; i++) coroutine_sleep(0, context->deadline_us);
    redis_close(redis);
  }
}

static int64_t count_connections(struct private_redis *sentinel) {
  const char *count = strstr(private_redis_command(sentinel, "INFO stats"), "total_connections_received:");
  CU_ASSERT_PTR_NOT_NULL_FATAL(count);
  return atoll(count + strlen("total_connections_received:"));
}

/* As all connections of a service do at a failover. */
static void asked_at_the_same_moment(struct context *context) {
  struct redis *redis[MAX_CONNECTIONS];
  struct redis_server *server = redis_server_new(context->arena);
  start_sentinel(master, 1, 1, "");
  int64_t before = count_connections(sentinels[0]);
  for (int i = 0; i < MAX_CONNECTIONS; i++) redis[i] = open_with(context, (struct redis_options){.server = server});
  for (int i = 0; i < MAX_CONNECTIONS; i++) CU_ASSERT_TRUE(leads_to(redis[i], context, master));
  CU_ASSERT_EQUAL(count_connections(sentinels[0]), before + 1);
  struct redis *later = open_with(context, (struct redis_options){.server = server});
  CU_ASSERT_TRUE(leads_to(later, context, master));
  CU_ASSERT_EQUAL(count_connections(sentinels[0]), before + 2);
  for (int i = 0; i < MAX_CONNECTIONS; i++) redis_close(redis[i]);
  redis_close(later);
}

/* The one that asked first leaves, at each moment of the inquiry. */
static void first_leaves(struct context *context) {
  start_sentinels(2);
  for (int turns = 0; turns < 20; turns++) {
    struct redis_server *server = redis_server_new(context->arena);
    struct redis *first = open_with(context, (struct redis_options){.server = server});
    struct redis *second = open_with(context, (struct redis_options){.server = server});
    for (int i = 0; i < turns; i++) coroutine_sleep(0, context->deadline_us);
    redis_close(first);
    CU_ASSERT_TRUE(leads_to(second, context, master));
    redis_close(second);
  }
}

/* What differs in whom is asked, or as whom, is not shared. */
static void another_question(struct context *context) {
  struct redis_server *server = redis_server_new(context->arena);
  start_sentinel(master, 1, 1, "user shop on >secret ~* &* +@all");
  struct redis *stranger = open_with(context, (struct redis_options){.server = server});
  struct redis *known = open_with(
      context, (struct redis_options){.server = server, .sentinel_user = "shop", .sentinel_password = "secret"});
  CU_ASSERT_TRUE(leads_to(known, context, master));
  CU_ASSERT_TRUE(redis_reason_becomes(stranger, context, "NOAUTH"));
  redis_close(known);
  redis_close(stranger);
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

#define TEST(BODY)                \
  static void test_##BODY(void) { \
    in_coroutine(BODY);           \
    end_sentinels();              \
  }
TEST(all_agree)
TEST(two_are_dead)
TEST(one_stands_still)
TEST(all_are_dead_for_a_while)
TEST(unknown_name)
TEST(no_sentinel)
TEST(sentinel_as_a_server)
TEST(password)
TEST(fewest_rights)
TEST(two_masters_of_one_epoch)
TEST(most_tell_one_master)
TEST(higher_epoch)
TEST(lower_epoch_later)
TEST(lie)
TEST(no_quorum)
TEST(closed_while_asking)
TEST(asked_at_the_same_moment)
TEST(first_leaves)
TEST(another_question)

static int set_up(void) {
  master = private_redis_start(NULL);
  other = private_redis_start(NULL);
  return 0;
}

static int tear_down(void) {
  private_redis_free(master);
  private_redis_free(other);
  return 0;
}

static const struct test tests[] = {
    {"The master that sentinels name is found", test_all_agree},
    {"Sentinels that are dead are passed over", test_two_are_dead},
    {"A sentinel that stands still holds nobody up", test_one_stands_still},
    {"Sentinels that are all away are said once, each with its reason", test_all_are_dead_for_a_while},
    {"A name that no sentinel knows is said", test_unknown_name},
    {"A server in a sentinel's place is said", test_no_sentinel},
    {"A sentinel in a server's place is said", test_sentinel_as_a_server},
    {"Sentinels have a user and a password of their own", test_password},
    {"A user of the sentinels needs the right to ask for the address alone", test_fewest_rights},
    {"Sentinels that name two masters in one epoch are not believed", test_two_masters_of_one_epoch},
    {"A single sentinel that names another master in that epoch is outvoted", test_most_tell_one_master},
    {"The sentinel that has heard of the last failover is believed", test_higher_epoch},
    {"No connection goes back to the master before the last failover", test_lower_epoch_later},
    {"A replica that a sentinel names is not taken for a master", test_lie},
    {"Sentinels without a quorum are said once, and why nobody takes over", test_no_quorum},
    {"A connection may be closed while sentinels are asked", test_closed_while_asking},
    {"Connections of a process that ask at the same moment share one connection to each sentinel",
     test_asked_at_the_same_moment},
    {"The one that asked first may leave before the answer", test_first_leaves},
    {"Only who asks the same shares the answer", test_another_question},
};

int main(int argc, char **argv) {
  return suite_main("redis sentinel", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
