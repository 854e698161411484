/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to sentinels and to a cluster: real ones, which know all servers by a name, speak TLS with each other, and tell
 * it to those who ask by TLS. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "private_redis.h"
#include "redis/redis.h"
#include "redis_reason.h"
#include "suite.h"
#include "tls_redis.h"

enum { POLL_US = 2000 };

static struct private_redis *server;

static struct tls_client *client;
static struct arena *client_arena;

static struct redis *open_url(struct context *context, const char *url, const char *ca) {
  struct redis *redis = NULL;
  client_arena = arena_new();
  client = tls_redis_client(client_arena, ca, NULL);
  const struct redis_options options = {
      .url = url, .tls = client, .purpose = "commands", .key_prefix = "{shop1}:", .key = "clock"};
  CU_ASSERT_FATAL(status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis)));
  return redis;
}

/* After the loop has turned: a link that closes has a session still. */
static void in_coroutine_with_client(void (*body)(struct context *context)) {
  in_coroutine(body);
  tls_client_close(client);
  arena_free(client_arena);
}

static bool answer_becomes(struct private_redis *of, const char *command, const char *part) {
  int64_t end_us = patience_end_us();
  while (true) {
    const char *answer = private_redis_command(of, command);
    if (answer && strstr(answer, part)) return true;
    if (clock_monotonic_us() > end_us) return false;
    usleep(POLL_US);
  }
}

/* Whether the connection comes to lead to the server with that port for TLS. */
static bool comes_to_lead_to(struct redis *redis, struct context *context, struct private_redis *wanted) {
  const char *port = arena_printf(context->arena, "tcp_port:%d\r", private_redis_port(wanted));
  while (status_is_ok(redis_wait_ready(redis, context->deadline_us))) {
    struct context own = {.arena = context->arena, .deadline_us = context->deadline_us};
    struct redis_arguments info = redis_command_of(context->arena, "INFO", "server", NULL);
    const struct redis_reply *reply;
    if (status_is_ok(redis_command(redis, &own, &info, &reply)) && strstr(redis_reply_text(reply), port)) return true;
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  return false;
}

/* ---- sentinels -------------------------------------------------------------------------------------------------- */

static struct private_redis *replica, *sentinel;
static int sentinel_port;

static void start_replica(void) {
  char arguments[128];
  int port;
  snprintf(arguments, sizeof arguments,
           "--replicaof localhost %d --tls-replication yes --replica-announce-ip localhost", tls_redis_port());
  replica = tls_redis_start_beside(arguments, NULL, &port);
  CU_ASSERT_TRUE_FATAL(answer_becomes(replica, "INFO replication", "master_link_status:up"));
}

/* After the replica, of which it learns at once then. */
static void start_sentinel(void) {
  char file[512];
  snprintf(file, sizeof file,
           "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\nsentinel monitor shop localhost %d 1\n"
           "sentinel down-after-milliseconds shop 500\n",
           tls_redis_port());
  sentinel = tls_redis_start_beside("--sentinel --tls-replication yes", file, &sentinel_port);
}

static const char *sentinel_url(struct context *context) {
  return arena_printf(context->arena, "rediss+sentinel://localhost:%d/shop", sentinel_port);
}

static void refuses_another_ca(struct context *context) {
  struct redis *redis = open_url(context, sentinel_url(context), "other/ca.crt");
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "no sentinel tells where the master is: localhost:"));
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "certificate"));
  redis_close(redis);
}

static void refuses_plain_text(struct context *context) {
  const char *url = arena_printf(context->arena, "rediss+sentinel://localhost:%d/shop", private_redis_port(sentinel));
  struct redis *redis = open_url(context, url, "shop/ca.crt");
  CU_ASSERT_TRUE(redis_reason_becomes(redis, context, "no sentinel tells where the master is: localhost:"));
  CU_ASSERT_FALSE(redis_is_ready(redis));
  redis_close(redis);
}

/* The sentinel, whom TLS led to, tells the other server by its name. */
static void fails_over(struct context *context) {
  CU_ASSERT_TRUE_FATAL(answer_becomes(sentinel, "SENTINEL MASTER shop", "num-slaves\n1"));
  struct redis *redis = open_url(context, sentinel_url(context), "shop/ca.crt");
  bool led_to_master = comes_to_lead_to(redis, context, server);
  private_redis_kill(server);
  CU_ASSERT_TRUE(led_to_master);
  CU_ASSERT_TRUE(comes_to_lead_to(redis, context, replica));
  CU_ASSERT_TRUE(answer_becomes(sentinel, "SENTINEL GET-MASTER-ADDR-BY-NAME shop", "localhost"));
  redis_close(redis);
  private_redis_restart(server);
}

static void test_sentinels(void) {
  start_replica();
  start_sentinel();
  in_coroutine_with_client(refuses_another_ca);
  in_coroutine_with_client(refuses_plain_text);
  in_coroutine_with_client(fails_over);
  private_redis_free(sentinel);
  private_redis_free(replica);
}

/* ---- a cluster -------------------------------------------------------------------------------------------------- */

static struct private_redis *owner; /* of the slot of the keys */
static int other_port;

static struct private_redis *start_node(int *ret_port) {
  return tls_redis_start_beside(
      "--cluster-enabled yes --tls-cluster yes --cluster-announce-hostname localhost --cluster-announce-ip 127.0.0.1 "
      "--cluster-preferred-endpoint-type hostname",
      NULL, ret_port);
}

static void leads_from_one_node_to_the_other(struct context *context) {
  const char *url = arena_printf(context->arena, "rediss+cluster://localhost:%d", other_port);
  struct redis *redis = open_url(context, url, "shop/ca.crt");
  CU_ASSERT_TRUE(comes_to_lead_to(redis, context, owner));
  redis_close(redis);
}

static void test_cluster(void) {
  int port;
  owner = start_node(&port);
  struct private_redis *other = start_node(&other_port);
  private_redis_command(owner, "CLUSTER ADDSLOTSRANGE 0 16383");
  private_redis_command(owner, "CLUSTER MEET 127.0.0.1 %d", other_port);
  CU_ASSERT_TRUE_FATAL(answer_becomes(other, "CLUSTER INFO", "cluster_state:ok"));
  CU_ASSERT_TRUE_FATAL(answer_becomes(other, "CLUSTER SLOTS", "localhost"));
  in_coroutine_with_client(leads_from_one_node_to_the_other);
  private_redis_free(other);
  private_redis_free(owner);
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static int start_server(void) {
  server = tls_redis_start();
  tls_redis_shell("make other ca");
  return 0;
}

static int stop_server(void) {
  tls_redis_free();
  return 0;
}

static const struct test tests[] = {
    {"Sentinels that speak TLS tell the master by its name, before and after a failover", test_sentinels},
    {"A node of a cluster that speaks TLS tells which other has the keys, by its name", test_cluster},
};

int main(int argc, char **argv) {
  return suite_main("TLS to sentinels and clusters", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
