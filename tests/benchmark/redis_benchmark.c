/* SPDX-License-Identifier: Apache-2.0 */
/* What a command costs: 64 coroutines on one connection to a Redis of its own, without persistence. Prints commands a
 * second and CPU time of this process and of Redis per command, for small commands and for answers of 10 KB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cpu_time.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "redis/redis.h"

enum { CALLERS = 64, PER_CALLER = 4000 };

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

static void measure(struct redis *redis, const char *what, const char *name, const char *key, const char *value) {
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
  printf("%-14s %8.0f commands/s  own CPU %.2f us  Redis' CPU %.2f us  %.1f commands a write  %d failed\n", what,
         count / took_us * 1e6, own_us / count, theirs_us / count, count / reads, failed);
}

static void benchmark(struct context *context) {
  struct redis *redis;
  struct redis_options options = {.url = private_redis_url(server)};
  if (!status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis))) return;
  if (!status_is_ok(redis_wait_ready(redis, context->deadline_us))) return;
  char *big = memset(arena_calloc(context->arena, 1, 10001), 'x', 10000);
  measure(redis, "PING", "PING", NULL, NULL);
  measure(redis, "SET 16 bytes", "SET", "key", "0123456789abcdef");
  measure(redis, "GET 16 bytes", "GET", "key", NULL);
  measure(redis, "SET 10 KB", "SET", "big", big);
  measure(redis, "GET 10 KB", "GET", "big", NULL);
  redis_close(redis);
}

int main(void) {
  server = private_redis_start(NULL);
  in_coroutine(benchmark);
  private_redis_free(server);
  return 0;
}
