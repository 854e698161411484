/* SPDX-License-Identifier: Apache-2.0 */
/* What a command costs, in plain text and by TLS: 64 coroutines on one connection to a Redis of its own, without
 * persistence. Prints commands a second and CPU time of this process and of Redis per command, for small commands and
 * for answers of 10 KB, and what a connection costs. The two take turns, so that they meet the same machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cpu_time.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "redis/redis.h"
#include "tls_redis.h"

enum { CALLERS = 64, PER_CALLER = 4000, CONNECTIONS = 500, ROUNDS = 3 };

struct caller {
  struct redis *redis;
  const char *name, *key, *value;
  int failed;
};

static struct private_redis *server;

static void call(void *item) {
  struct caller *caller = item;
  struct context context = {.arena = arena_new()};
  for (int i = 0; i < PER_CALLER; i++) {
    context.deadline_us = clock_monotonic_us() + 10 * 1000 * 1000;
    struct redis_arguments arguments = redis_command_of(context.arena, caller->name, caller->key, caller->value, NULL);
    const struct redis_reply *reply;
    if (!status_is_ok(redis_command(caller->redis, &context, &arguments, &reply))) caller->failed++;
    arena_reset(context.arena);
  }
  arena_free(context.arena);
}

/* A way to the server. */
struct way {
  const char *name, *url;
  struct tls_client *tls;
};

static void measure(struct redis *redis, const struct way *way, const char *what, const char *name, const char *key,
                    const char *value) {
  struct caller callers[CALLERS];
  void *items[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    callers[i] = (struct caller){.redis = redis, .name = name, .key = key, .value = value};
    items[i] = &callers[i];
  }
  double reads = server_figure(server, "stats", "total_reads_processed:"), theirs_us = server_cpu_us(server),
         own_us = own_cpu_us();
  int64_t start_us = clock_monotonic_us();
  coroutine_for_each(call, items, CALLERS, CALLERS);
  double took_us = (double)(clock_monotonic_us() - start_us), count = CALLERS * PER_CALLER;
  own_us = own_cpu_us() - own_us;
  theirs_us = server_cpu_us(server) - theirs_us;
  reads = server_figure(server, "stats", "total_reads_processed:") - reads;
  int failed = 0;
  for (int i = 0; i < CALLERS; i++) failed += callers[i].failed;
  printf("%-5s %-12s %8.0f commands/s  own CPU %5.2f us  Redis' CPU %5.2f us  %4.1f commands a read  %d failed\n",
         way->name, what, count / took_us * 1e6, own_us / count, theirs_us / count, count / reads, failed);
}

static struct redis *connect_by(struct context *context, const struct way *way) {
  struct redis *redis = NULL;
  const struct redis_options options = {.url = way->url, .tls = way->tls};
  context->deadline_us = clock_monotonic_us() + 10 * 1000 * 1000;
  if (!status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis))) exit(1);
  if (!status_is_ok(redis_wait_ready(redis, context->deadline_us))) exit(1);
  return redis;
}

static void measure_connections(struct context *context, const struct way *way) {
  double theirs_us = server_cpu_us(server), own_us = own_cpu_us();
  int64_t start_us = clock_monotonic_us();
  for (int i = 0; i < CONNECTIONS; i++) redis_close(connect_by(context, way));
  double took_us = (double)(clock_monotonic_us() - start_us);
  printf("%-5s %-12s %8.0f us each      own CPU %5.0f us  Redis' CPU %5.0f us\n", way->name, "connection",
         took_us / CONNECTIONS, (own_cpu_us() - own_us) / CONNECTIONS,
         (server_cpu_us(server) - theirs_us) / CONNECTIONS);
}

static void measure_all(struct context *context, const struct way *way) {
  struct redis *redis = connect_by(context, way);
  char *big = memset(arena_calloc(context->arena, 1, 10001), 'x', 10000);
  measure(redis, way, "PING", "PING", NULL, NULL);
  measure(redis, way, "SET 16 bytes", "SET", "key", "0123456789abcdef");
  measure(redis, way, "GET 16 bytes", "GET", "key", NULL);
  measure(redis, way, "SET 10 KB", "SET", "big", big);
  measure(redis, way, "GET 10 KB", "GET", "big", NULL);
  redis_close(redis);
  measure_connections(context, way);
}

static struct arena *arena;
static struct tls_client *client;

static void benchmark(struct context *context) {
  const struct way plain = {.name = "plain", .url = private_redis_url(server)};
  const struct way tls = {
      .name = "TLS", .url = arena_printf(arena, "rediss://127.0.0.1:%d", tls_redis_port()), .tls = client};
  for (int i = 0; i < ROUNDS; i++) {
    measure_all(context, &plain);
    measure_all(context, &tls);
  }
}

int main(void) {
  arena = arena_new();
  server = tls_redis_start();
  client = tls_redis_client(arena, "shop/ca.crt", NULL);
  in_coroutine(benchmark);
  tls_client_close(client);
  tls_redis_free();
  arena_free(arena);
  return 0;
}
