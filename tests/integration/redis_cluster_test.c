/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster tells which of its masters holds the keys of a prefix: a real one, whose slots move, are held by nobody, or
 * are not where a node believes them to be. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "captured_log.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "private_redis.h"
#include "redis/redis.h"
#include "redis_reason.h"
#include "suite.h"

enum { POLL_US = 2000 };

#define PREFIX "{shop1}:"
#define SLOT "13876" /* of that prefix */

static struct private_redis *first, *second; /* the first one has the slot, but where a test moves it */
static char first_id[64], second_id[64];

/* ---- the cluster ------------------------------------------------------------------------------------------------ */

static struct private_redis *start_node(void) {
  return private_redis_start(
      &(struct private_redis_options){.arguments = "--cluster-enabled yes --cluster-node-timeout 2000"});
}

static bool state_becomes(struct private_redis *node, const char *state) {
  int64_t deadline_us = patience_end_us();
  while (!strstr(private_redis_command(node, "CLUSTER INFO"), state)) {
    if (clock_monotonic_us() > deadline_us) return false;
    usleep(POLL_US);
  }
  return true;
}

/* The two halves of a move, as redis-cli --cluster reshard makes it: whoever has imported a slot takes a new epoch. */
static void begin_to_move_slot(struct private_redis *from, const char *from_id, struct private_redis *to,
                               const char *to_id) {
  private_redis_command(to, "CLUSTER SETSLOT " SLOT " IMPORTING %s", from_id);
  private_redis_command(from, "CLUSTER SETSLOT " SLOT " MIGRATING %s", to_id);
}

static void give_slot(struct private_redis *from, struct private_redis *to, const char *to_id) {
  private_redis_command(to, "CLUSTER SETSLOT " SLOT " NODE %s", to_id);
  private_redis_command(from, "CLUSTER SETSLOT " SLOT " NODE %s", to_id);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static const char *url_of(struct context *context, const struct private_redis *node) {
  return arena_printf(context->arena, "redis+cluster://127.0.0.1:%d", private_redis_port(node));
}

static struct redis *open_with(struct context *context, struct redis_options options) {
  struct redis *redis = NULL;
  if (!options.url) options.url = url_of(context, second);
  if (!options.key_prefix) options.key_prefix = PREFIX;
  options.key = "clock";
  CU_ASSERT_FATAL(status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis)));
  return redis;
}

static struct status set(struct redis *redis, struct context *context) {
  struct context own = {.arena = context->arena, .deadline_us = context->deadline_us};
  const char *key = redis_key(redis, context->arena, "thing");
  struct redis_arguments command = redis_command_of(context->arena, "SET", key, "1", NULL);
  return redis_command(redis, &own, &command, NULL);
}

/* Whether the connection leads to that node before long: what is asked of the one before is answered UNAVAILABLE. */
static bool comes_to_lead_to(struct redis *redis, struct context *context, struct private_redis *node) {
  const char *wanted = arena_printf(context->arena, "tcp_port:%d\r", private_redis_port(node));
  while (status_is_ok(redis_wait_ready(redis, context->deadline_us))) {
    struct context own = {.arena = context->arena, .deadline_us = context->deadline_us};
    struct redis_arguments info = redis_command_of(context->arena, "INFO", "server", NULL);
    const struct redis_reply *reply;
    struct status status = redis_command(redis, &own, &info, &reply);
    if (status_is_ok(status) && strstr(redis_reply_text(reply), wanted)) return true;
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  return false;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void slot_is_found(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){0});
  CU_ASSERT_TRUE(comes_to_lead_to(redis, context, first));
  CU_ASSERT_TRUE(status_is_ok(set(redis, context)));
  redis_close(redis);
}

/* First ASK, as long as the slot is on its way, then MOVED. */
static void slot_moves(struct context *context) {
  struct redis_server *server = redis_server_new(context->arena);
  struct redis *writing = open_with(context, (struct redis_options){.server = server});
  struct redis *reading = open_with(context, (struct redis_options){.server = server});
  CU_ASSERT_TRUE(comes_to_lead_to(writing, context, first) && comes_to_lead_to(reading, context, first));
  private_redis_command(first, "DEL " PREFIX "thing");
  uint64_t generation = redis_generation(writing), era = redis_server_era(server);
  begin_to_move_slot(first, first_id, second, second_id);
  struct status asked = set(writing, context);
  CU_ASSERT_EQUAL(asked.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(asked), "REDIS_ASK");
  CU_ASSERT_EQUAL(redis_generation(writing), generation);
  CU_ASSERT_PTR_NOT_NULL(strstr(redis_server_refusal(server), "ASK " SLOT));
  give_slot(first, second, second_id);
  struct status moved = set(writing, context);
  CU_ASSERT_EQUAL(moved.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(moved), "REDIS_MOVED");
  CU_ASSERT_FALSE(redis_is_ready(reading)); /* what one is told counts for all */
  CU_ASSERT_TRUE(redis_server_era(server) > era);
  CU_ASSERT_STRING_EQUAL(redis_server_refusal(server), "");
  CU_ASSERT_TRUE(comes_to_lead_to(writing, context, second) && comes_to_lead_to(reading, context, second));
  CU_ASSERT_TRUE(status_is_ok(set(writing, context)));
  CU_ASSERT_STRING_EQUAL(private_redis_command(second, "GET " PREFIX "thing"), "1");
  private_redis_command(second, "DEL " PREFIX "thing");
  begin_to_move_slot(second, second_id, first, first_id);
  give_slot(second, first, first_id);
  CU_ASSERT_STRING_EQUAL(status_reason(set(writing, context)), "REDIS_MOVED");
  CU_ASSERT_TRUE(comes_to_lead_to(writing, context, first));
  redis_close(writing);
  redis_close(reading);
}

/* The other node still names the first one, which says that it does not hold the slot. */
static void node_believes_what_is_no_more(struct context *context) {
  private_redis_command(first, "DEL " PREFIX "thing");
  private_redis_command(first, "CLUSTER SETSLOT " SLOT " NODE %s", second_id);
  captured_log_begin();
  struct redis *redis = open_with(context, (struct redis_options){.purpose = "commands"});
  bool told = redis_reason_becomes(redis, context, "MOVED " SLOT);
  bool ready = redis_is_ready(redis);
  private_redis_command(first, "CLUSTER SETSLOT " SLOT " NODE %s", first_id);
  bool found = comes_to_lead_to(redis, context, first);
  const char *log = captured_log_end(context->arena);
  CU_ASSERT_TRUE(told);
  CU_ASSERT_FALSE(ready);
  CU_ASSERT_TRUE(found);
  CU_ASSERT_EQUAL(captured_log_count(log, "redis is away"), 1);
  CU_ASSERT_EQUAL(captured_log_count(log, "redis is back"), 1);
  redis_close(redis);
}

static void nobody_has_the_slot(struct context *context) {
  struct redis *redis = open_with(context, (struct redis_options){.purpose = "commands"});
  CU_ASSERT_TRUE(comes_to_lead_to(redis, context, first));
  private_redis_command(first, "CLUSTER DELSLOTS " SLOT);
  private_redis_command(second, "CLUSTER DELSLOTS " SLOT);
  CU_ASSERT_TRUE(state_becomes(first, "cluster_state:fail"));
  captured_log_begin();
  struct status status = set(redis, context);
  bool told = redis_reason_becomes(redis, context, "it knows no master of slot " SLOT);
  private_redis_command(first, "CLUSTER ADDSLOTS " SLOT);
  bool found = comes_to_lead_to(redis, context, first);
  const char *log = captured_log_end(context->arena);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_CLUSTERDOWN");
  CU_ASSERT_TRUE(told);
  CU_ASSERT_TRUE(found);
  CU_ASSERT_EQUAL(captured_log_count(log, "redis is away"), 1);
  CU_ASSERT_EQUAL(captured_log_count(log, "redis is back"), 1);
  CU_ASSERT_TRUE(state_becomes(first, "cluster_state:ok") && state_becomes(second, "cluster_state:ok"));
  redis_close(redis);
}

static void some_nodes_are_dead(struct context *context) {
  struct private_redis *dead = private_redis_start(NULL);
  const char *url = arena_printf(context->arena, "redis+cluster://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
                                 private_redis_port(dead), private_redis_port(second), private_redis_port(first));
  private_redis_kill(dead);
  struct redis *redis = open_with(context, (struct redis_options){.url = url});
  CU_ASSERT_TRUE(comes_to_lead_to(redis, context, first));
  redis_close(redis);
  private_redis_free(dead);
}

static void no_cluster(struct context *context) {
  struct private_redis *single = private_redis_start(NULL);
  struct redis *redis = open_with(context, (struct redis_options){.url = url_of(context, single)});
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "cluster support disabled"));
  redis_close(redis);
  private_redis_free(single);
}

static void rights(struct context *context) {
  private_redis_command(second, "ACL SETUSER shop on >secret -@all +ping");
  private_redis_command(first, "ACL SETUSER shop on >secret ~* +@all");
  const char *url = arena_printf(context->arena, "redis+cluster://shop@127.0.0.1:%d", private_redis_port(second));
  struct redis *redis = open_with(context, (struct redis_options){.url = url, .password = "secret"});
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "NOPERM"));
  private_redis_command(second, "ACL SETUSER shop +cluster|slots");
  CU_ASSERT_TRUE(comes_to_lead_to(redis, context, first));
  redis_close(redis);
  redis = open_with(context, (struct redis_options){.url = url, .password = "wrong"});
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "WRONGPASS"));
  redis_close(redis);
}

static void prefix_without_a_tag(struct context *context) {
  struct redis *redis = NULL;
  struct redis_options options = {.url = url_of(context, first), .key_prefix = "shop1:"};
  struct status status = redis_open(coroutine_loop(), context->arena, &options, &redis);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "hash tag"));
  CU_ASSERT_PTR_NULL(redis);
}

/* A URL of a single server leads nowhere else: the connection stays, and says what is wrong. */
static void one_node_as_a_server(struct context *context) {
  struct redis_server *server = redis_server_new(context->arena);
  struct redis *redis = open_with(context, (struct redis_options){.url = private_redis_url(second), .server = server});
  CU_ASSERT_TRUE_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  struct status status = set(redis, context);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_MOVED");
  CU_ASSERT_TRUE(redis_is_ready(redis));
  CU_ASSERT_PTR_NOT_NULL(strstr(redis_server_refusal(server), "MOVED " SLOT));
  redis_close(redis);
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

#define TEST(BODY)                \
  static void test_##BODY(void) { \
    in_coroutine(BODY);           \
  }
TEST(slot_is_found)
TEST(slot_moves)
TEST(node_believes_what_is_no_more)
TEST(nobody_has_the_slot)
TEST(some_nodes_are_dead)
TEST(no_cluster)
TEST(rights)
TEST(prefix_without_a_tag)
TEST(one_node_as_a_server)

static int set_up(void) {
  first = start_node();
  second = start_node();
  snprintf(first_id, sizeof first_id, "%s", private_redis_command(first, "CLUSTER MYID"));
  snprintf(second_id, sizeof second_id, "%s", private_redis_command(second, "CLUSTER MYID"));
  private_redis_command(first, "CLUSTER SET-CONFIG-EPOCH 1");
  private_redis_command(second, "CLUSTER SET-CONFIG-EPOCH 2");
  private_redis_command(first, "CLUSTER ADDSLOTSRANGE 8192 16383");
  private_redis_command(second, "CLUSTER ADDSLOTSRANGE 0 8191");
  private_redis_command(first, "CLUSTER MEET 127.0.0.1 %d", private_redis_port(second));
  return state_becomes(first, "cluster_state:ok") && state_becomes(second, "cluster_state:ok") ? 0 : 1;
}

static int tear_down(void) {
  private_redis_free(first);
  private_redis_free(second);
  return 0;
}

static const struct test tests[] = {
    {"The master that holds the prefix's slot is found", test_slot_is_found},
    {"A slot that moves is followed; while it is on its way calls are told so", test_slot_moves},
    {"A master that does not hold the slot is not taken, whoever names it", test_node_believes_what_is_no_more},
    {"A slot that nobody has is said once", test_nobody_has_the_slot},
    {"Nodes that are dead are passed over", test_some_nodes_are_dead},
    {"A server that is no node of a cluster is said", test_no_cluster},
    {"A user needs the right to ask for the slots, and says what is missing", test_rights},
    {"A prefix without a hash tag is refused at once", test_prefix_without_a_tag},
    {"One node of a cluster as a single server says that keys are elsewhere", test_one_node_as_a_server},
};

int main(int argc, char **argv) {
  return suite_main("redis cluster", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
