/* SPDX-License-Identifier: Apache-2.0 */
/* A backlog of several streams is handled in the order of the log. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "shop_brand.h"
#include "suite.h"
#include "watcher.h"

enum { CUSTOMERS = 100000, BLOCK = 2000 };

static struct private_redis *redis;

static struct event_store *open_store(struct context *context) {
  const struct event_store_options options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store)));
  return store;
}

/* First only creations, then creations and updates in turns, at last only updates: skewed both ways. */
static void load_backlog(struct context *context) {
  struct event_store *store = open_store(context);
  int64_t created = 0, updated = 0;
  while (updated < CUSTOMERS) {
    if (created < CUSTOMERS) watcher_append(store, context, "customer_created", "c", created, BLOCK, "Ann");
    if (created < CUSTOMERS) created += BLOCK;
    if (created <= CUSTOMERS / 2) continue;
    watcher_append(store, context, "customer_updated", "c", updated, BLOCK, "Bob");
    updated += BLOCK;
  }
  event_store_close(store);
}

static int64_t next_log_time(const char **text) {
  long long ms, us;
  int read;
  if (sscanf(*text, "%lld-%lld%n", &ms, &us, &read) != 2) return -1;
  *text += read;
  if (**text == '\n') *text += 1;
  return ms * 1000 + us;
}

static size_t ascending_effects(void) {
  size_t count = 0;
  int64_t last = 0;
  for (int part = 0; part < 2 * CUSTOMERS; part += 10000) {
    const char *text = private_redis_command(redis, "LRANGE watcher_effects %d %d", part, part + 9999);
    while (text && *text) {
      int64_t log_time = next_log_time(&text);
      if (log_time <= last) return count;
      last = log_time;
      count++;
    }
  }
  return count;
}

static void catch_up(struct context *context) {
  struct watcher_options options = {.url = private_redis_url(redis)};
  int64_t begin_us = clock_monotonic_us();
  struct watcher watcher = watcher_start(context->arena, &options);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2 * CUSTOMERS));
  double seconds = (double)(clock_monotonic_us() - begin_us) / 1e6;
  printf("[%.0f events/s] ", 2 * CUSTOMERS / seconds);
  watcher_stop(&watcher);
}

static void test_backlog_is_handled_in_order(void) {
  in_coroutine(load_backlog);
  in_coroutine(catch_up);
  CU_ASSERT_EQUAL(ascending_effects(), 2 * CUSTOMERS);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), CUSTOMERS);
}

static int set_up(void) {
  redis = private_redis_start(&(struct private_redis_options){.persistent = true});
  return 0;
}

static int tear_down(void) {
  private_redis_free(redis);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"100,000 creations and as many updates come in the order of the log", test_backlog_is_handled_in_order},
  };
  return suite_main("consumer, order", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
