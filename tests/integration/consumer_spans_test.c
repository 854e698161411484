/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of events and of commits, as a collector gets them. */
#include <string.h>

#include "captured_log.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "rpc/span_exporter.h"
#include "shop_brand.h"
#include "span_collector.h"
#include "suite.h"
#include "trace/span.h"
#include "watcher.h"

#define PROCESS "process customer_created"
#define COMMIT "FCALL transactions"

static struct private_redis *redis;
static bool by_runs;

static struct {
  struct span_collector *collector;
  struct span_exporter *exporter;
  struct watcher watcher;
} here;

static void begin(struct context *context) {
  here.collector = span_collector_start(context, NULL);
  const struct span_exporter_options exporter = {.brand = &shop_brand,
                                                 .service = "watcher",
                                                 .endpoint = here.collector->endpoint,
                                                 .ratio = "0",
                                                 .interval_ms = 10};
  CU_ASSERT_FATAL(status_is_ok(span_exporter_start(coroutine_loop(), context->arena, &exporter, &here.exporter)));
  const struct watcher_options options = {.url = private_redis_url(redis), .lease_ms = 10000, .by_runs = by_runs};
  here.watcher = watcher_start(context->arena, &options);
}

static void end(void) {
  watcher_stop(&here.watcher);
  span_exporter_stop(here.exporter);
  span_collector_stop(here.collector);
}

static void append(struct context *context, const char *id, size_t count, const char *name) {
  watcher_append(here.watcher.store, context, "customer_created", id, 0, count, name);
}

static bool is_of_the_trace(const CollectedSpan *span) {
  return span->trace_id.len == 16 && span->trace_id.data[0] == 0x0a && span->trace_id.data[15] == 0x9c;
}

static size_t count_of(const char *name) {
  size_t count = 0;
  for (size_t i = 0; i < here.collector->span_count; i++) count += strcmp(here.collector->spans[i]->name, name) == 0;
  return count;
}

static bool are_all_told(void *argument) {
  return count_of(PROCESS) >= *(const size_t *)argument;
}

static void handle_one(struct context *context) {
  begin(context);
  append(context, "a", 1, "found");
  size_t wanted = 1;
  CU_ASSERT_FATAL(eventually(context, are_all_told, &wanted));
  const CollectedSpan *process = span_collector_find(here.collector, PROCESS, SPAN_CONSUMER);
  const CollectedSpan *commit = span_collector_find(here.collector, COMMIT, SPAN_CLIENT);
  CU_ASSERT_FATAL(process && commit);
  CU_ASSERT(is_of_the_trace(process));
  CU_ASSERT_EQUAL_FATAL(process->n_links, 1);
  CU_ASSERT(memcmp(process->links[0]->span_id.data, process->parent_span_id.data, 8) == 0);
  CU_ASSERT_PTR_NULL(process->status);
  CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, process, "messaging.system"), "redis");
  CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, process, "messaging.destination.name"),
                         "customer_created");
  CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, process, "messaging.operation.type"), "process");
  CU_ASSERT_PTR_NOT_NULL(collected_attribute(context->arena, process, "messaging.message.id"));
  CU_ASSERT(collected_is_child(commit, process));
  CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, commit, "db.system.name"), "redis");
  CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, commit, "transaction.events"), "1");
  CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, commit, "transaction.outcome"), "done");
  CU_ASSERT(process->end_time_unix_nano >= commit->end_time_unix_nano);
  end();
}

static void handle_many(struct context *context) {
  begin(context);
  append(context, "a", 300, "Ann");
  size_t wanted = 300;
  CU_ASSERT(eventually(context, are_all_told, &wanted));
  end();
  CU_ASSERT_EQUAL(count_of(PROCESS), 300);
  for (size_t i = 0; i < here.collector->span_count; i++) CU_ASSERT(is_of_the_trace(here.collector->spans[i]));
}

static void refuse_one(struct context *context) {
  begin(context);
  append(context, "a", 1, "refuse");
  size_t wanted = 1;
  CU_ASSERT_FATAL(eventually(context, are_all_told, &wanted));
  end();
  CU_ASSERT_EQUAL(count_of(PROCESS), 1);
  const CollectedSpan *process = span_collector_find(here.collector, PROCESS, SPAN_CONSUMER);
  CU_ASSERT_PTR_NOT_NULL_FATAL(process->status);
  CU_ASSERT_PTR_NOT_NULL(strstr(process->status->message, "REFUSED: as asked"));
}

static void wait_for_what_is_away(struct context *context) {
  private_redis_command(redis, "SET watcher_away 1");
  begin(context);
  append(context, "a", 1, "away");
  CU_ASSERT(span_collector_await(here.collector, 1));
  const CollectedSpan *first = here.collector->spans[0];
  CU_ASSERT_STRING_EQUAL(first->name, PROCESS);
  CU_ASSERT_PTR_NOT_NULL_FATAL(first->status);
  CU_ASSERT_STRING_EQUAL(first->status->message, "what the handler needs is away");
  private_redis_command(redis, "DEL watcher_away");
  CU_ASSERT(watcher_handles(redis, context, 1));
  end();
  CU_ASSERT_PTR_NOT_NULL(span_collector_find(here.collector, COMMIT, SPAN_CLIENT));
}

static void run(void (*body)(struct context *context), bool runs) {
  private_redis_command(redis, "FLUSHALL");
  by_runs = runs;
  captured_log_begin();
  in_coroutine(body);
  struct arena *arena = arena_new();
  captured_log_end(arena);
  arena_free(arena);
}

static void test_one(void) {
  run(handle_one, false);
}

static void test_many(void) {
  run(handle_many, false);
}

static void test_runs(void) {
  run(handle_many, true);
}

static void test_refused(void) {
  run(refuse_one, false);
}

static void test_again(void) {
  run(wait_for_what_is_away, false);
}

static int set_up(void) {
  redis = private_redis_start(NULL);
  return redis ? 0 : 1;
}

static int tear_down(void) {
  private_redis_stop(redis);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"an event's span is of the trace that made it, linked to it, and holds the commit of its effects", test_one},
      {"each of many events has one", test_many},
      {"so has each of those that are handled together", test_runs},
      {"one that is dead-lettered has failed, and says why", test_refused},
      {"each try of an event that has to wait has one", test_again},
  };
  return suite_main("consumer spans", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
