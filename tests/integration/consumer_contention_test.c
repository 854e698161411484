/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers and commands that change the same entity at the same time: an event is not to blame for that. */
#include <ordershop/v1/customer.pb-c.h>
#include <string.h>

#include "base/message.h"
#include "base/uuid.h"
#include "consumer/work.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "store/entity_store.h"
#include "suite.h"
#include "watcher.h"

/* More often than a handler is run again within one term of its consumer. */
enum { COMMANDS = 50, AROUND = 5 };

#define OTHER_FINDING "5f1b1c6e-0c4e-4f0e-9a63-6f2f3a1d7c11"

static struct private_redis *redis;
static int commands_left, runs;

/* ---- commands and handlers -------------------------------------------------------------------------------------- */

static Ordershop__V1__Customer *load(struct event_store *store, struct context *context, const char *id) {
  void *finding;
  CU_ASSERT_FATAL(status_is_ok(entity_load(store, context, &watcher_finding, id, &finding)));
  return finding;
}

static Ordershop__V1__Customer *load_finding(struct event_store *store, struct context *context) {
  return load(store, context, WATCHER_FINDING);
}

static void run_transaction(struct transaction *transaction, struct context *context) {
  struct transaction_result result;
  CU_ASSERT_FATAL(status_is_ok(transaction_run(transaction, context, &result)));
  CU_ASSERT_EQUAL_FATAL(result.outcome, TRANSACTION_DONE);
}

static void create_finding(struct event_store *store, struct context *context, const char *id) {
  Ordershop__V1__Customer *finding = message_new(context->arena, watcher_finding.descriptor);
  finding->id = (char *)id;
  struct transaction transaction = transaction_of(store, context->arena);
  entity_put_created(&transaction, &watcher_finding, finding, NULL);
  run_transaction(&transaction, context);
}

/* As a command of somebody else that comes between the handler's reading and its commit. */
static void change_finding(struct event_store *store, struct context *context, const char *id) {
  if (commands_left == 0) return;
  commands_left--;
  struct transaction transaction = transaction_of(store, context->arena);
  entity_put_updated(&transaction, &watcher_finding, load(store, context, id), NULL);
  run_transaction(&transaction, context);
}

/* Commands change now the one, now the other. */
static struct status change_both(struct work *work, const struct event *event) {
  Ordershop__V1__Customer *one = load_finding(work_store(work), work_context(work));
  Ordershop__V1__Customer *other = load(work_store(work), work_context(work), OTHER_FINDING);
  change_finding(work_store(work), work_context(work), commands_left % 2 ? OTHER_FINDING : WATCHER_FINDING);
  work_update(work, &watcher_finding, one, event);
  work_update(work, &watcher_finding, other, event);
  return status_ok();
}

/* Each time it is another finding that is in the way. */
static struct status change_another(struct work *work, const struct event *event) {
  struct arena *arena = work_arena(work);
  const char *id = uuid_derive_text(arena, "finding", arena_printf(arena, "%d", runs));
  create_finding(work_store(work), work_context(work), id);
  Ordershop__V1__Customer *finding = load(work_store(work), work_context(work), id);
  commands_left = 1;
  change_finding(work_store(work), work_context(work), id);
  work_update(work, &watcher_finding, finding, event);
  return status_ok();
}

static struct status count_versions(struct work *work, const struct event *event) {
  Ordershop__V1__Customer *finding = load_finding(work_store(work), work_context(work));
  while (commands_left > 0) change_finding(work_store(work), work_context(work), WATCHER_FINDING);
  finding->version = runs;
  work_update(work, &watcher_finding, finding, event);
  return status_ok();
}

static struct status obey(struct work *work, const struct event *event, const char *name) {
  if (strcmp(name, "changes two findings") == 0) return change_both(work, event);
  runs++;
  if (strcmp(name, "changes another finding each time") == 0) return change_another(work, event);
  if (strcmp(name, "counts versions of its own") == 0) return count_versions(work, event);
  bool insists = strcmp(name, "insists on a version") == 0;
  if (!insists && strcmp(name, "changes the finding") != 0) return status_ok();
  Ordershop__V1__Customer *finding = load_finding(work_store(work), work_context(work));
  if (insists) finding->version = 1;
  change_finding(work_store(work), work_context(work), WATCHER_FINDING);
  work_update(work, &watcher_finding, finding, event);
  return status_ok();
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

/* An event that changes the finding, among others, while commands do so, too. */
static struct watcher handle_among_commands(struct context *context, const char *name) {
  struct watcher_options options = {.url = private_redis_url(redis), .lease_ms = 1000, .obey = obey};
  struct watcher watcher = watcher_start(context->arena, &options);
  while (!consumer_is_ready(watcher.consumer)) coroutine_sleep(1000, context->deadline_us);
  create_finding(watcher.store, context, WATCHER_FINDING);
  create_finding(watcher.store, context, OTHER_FINDING);
  commands_left = COMMANDS;
  runs = 0;
  watcher_append(watcher.store, context, "customer_created", "before", 0, AROUND, "Ann");
  watcher_append(watcher.store, context, "customer_created", "key", 0, 1, name);
  watcher_append(watcher.store, context, "customer_created", "behind", 0, AROUND, "Ann");
  return watcher;
}

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(body);
}

static void contend(struct context *context) {
  struct watcher watcher = handle_among_commands(context, "changes the finding");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2 * AROUND + 1));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 2 * AROUND + 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_keys watcher_parked_lists"), 0);
  CU_ASSERT_EQUAL(commands_left, 0);
  CU_ASSERT_EQUAL(load_finding(watcher.store, context)->version, 1 + COMMANDS + 1);
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  watcher_stop(&watcher);
}

static void test_contention_blames_no_event(void) {
  run(contend);
}

static void contend_for_two(struct context *context) {
  struct watcher watcher = handle_among_commands(context, "changes two findings");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2 * AROUND + 1));
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_keys watcher_parked_lists"), 0);
  CU_ASSERT_EQUAL(commands_left, 0);
  CU_ASSERT_EQUAL(load_finding(watcher.store, context)->version, 1 + COMMANDS / 2 + 1);
  CU_ASSERT_EQUAL(load(watcher.store, context, OTHER_FINDING)->version, 1 + COMMANDS / 2 + 1);
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  watcher_stop(&watcher);
}

static void test_contention_for_two_entities_blames_no_event(void) {
  run(contend_for_two);
}

static void insist(struct context *context) {
  struct watcher watcher = handle_among_commands(context, "insists on a version");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2 * AROUND));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:key"), 1);
  CU_ASSERT_TRUE(commands_left > 0);
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  watcher_stop(&watcher);
}

static void test_insisting_handler_is_at_fault(void) {
  run(insist);
}

static void wander(struct context *context) {
  struct watcher watcher = handle_among_commands(context, "changes another finding each time");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2 * AROUND));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:key"), 1);
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  watcher_stop(&watcher);
}

static void test_wandering_handler_is_at_fault(void) {
  run(wander);
}

static void count(struct context *context) {
  struct watcher watcher = handle_among_commands(context, "counts versions of its own");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2 * AROUND));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:key"), 1);
  CU_ASSERT_EQUAL(load_finding(watcher.store, context)->version, 1 + COMMANDS);
  watcher_stop(&watcher);
}

static void test_counting_handler_is_at_fault(void) {
  run(count);
}

static int set_up(void) {
  redis = private_redis_start(NULL);
  return 0;
}

static int tear_down(void) {
  private_redis_free(redis);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"an event whose entity commands change 50 times before it is handled", test_contention_blames_no_event},
      {"an event with two entities that commands change by turns before it is handled",
       test_contention_for_two_entities_blames_no_event},
      {"a handler that insists on an old version is at fault, whatever commands do",
       test_insisting_handler_is_at_fault},
      {"a handler that meets another entity each time which somebody else has changed is at fault",
       test_wandering_handler_is_at_fault},
      {"a handler that counts versions by itself is at fault", test_counting_handler_is_at_fault},
  };
  return suite_main("consumer, contention", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
