/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer misses of the log, as operators are told of it, and their word that it goes on without it. Against a
 * real Redis, which is changed by hand. */
#include "consumer/log_repair.h"

#include <string.h>

#include "in_coroutine.h"
#include "store/known_log.h"
#include "store/log_clock.h"
#include "suite.h"
#include "watcher.h"

#define HOUR_US INT64_C(3600000000)
#define OTHER_EPOCH "0123456789abcdef"

static struct private_redis *redis;

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(body);
}

static bool is_ready(void *argument) {
  const struct watcher *watcher = argument;
  return consumer_is_ready(watcher->consumer) && !*event_store_loss(watcher->store);
}

static bool is_halted(void *argument) {
  return consumer_state(((struct watcher *)argument)->consumer) == CONSUMER_HALTED;
}

static struct watcher start(struct context *context) {
  struct watcher_options options = {.url = private_redis_url(redis), .lease_ms = 300};
  return watcher_start(context->arena, &options);
}

static struct watcher start_ready(struct context *context) {
  struct watcher watcher = start(context);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_ready, &watcher));
  return watcher;
}

static struct watcher start_halted(struct context *context) {
  struct watcher watcher = start(context);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_halted, &watcher));
  return watcher;
}

static void append(struct watcher *watcher, struct context *context, const char *name) {
  watcher_append(watcher->store, context, "customer_created", name, 0, 1, name);
}

/* ---- losses ----------------------------------------------------------------------------------------------------- */

static const struct service_log *log_of(struct watcher *watcher, struct context *context) {
  size_t count;
  return service_logs_of(context->arena, watcher->store, consumer_progress(watcher->consumer), &count);
}

static struct log_losses losses_of(struct watcher *watcher, struct context *context) {
  struct log_losses losses;
  struct progress stored;
  struct status status = log_losses_find(log_of(watcher, context), context, &losses, &stored);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  return losses;
}

static struct status accept(struct watcher *watcher, struct context *context, const char *etag) {
  const struct operation operation = {
      .by = "ada", .action = ACTION_ACCEPT_LOSS, .subject = "", .id = etag, .reason = "restored"};
  struct log_losses accepted;
  return log_losses_accept(log_of(watcher, context), context, &operation, &accepted);
}

static void accept_all(struct watcher *watcher, struct context *context) {
  struct log_losses losses = losses_of(watcher, context);
  CU_ASSERT_TRUE(status_is_ok(accept(watcher, context, log_losses_etag(&losses))));
  CU_ASSERT_TRUE_FATAL(eventually(context, is_ready, watcher));
  CU_ASSERT_EQUAL(losses_of(watcher, context).count, 0);
}

static int64_t operations(void) {
  return private_redis_number(redis, "LLEN watcher_operations");
}

static void set_clock(struct context *context, int64_t log_time, const char *epoch) {
  const char *text = arena_printf(context->arena, "%s %s", log_time_text(context->arena, log_time), epoch);
  private_redis_command(redis, "SET ordershop_clock %s", text);
}

static struct position now_of(struct watcher *watcher, struct context *context) {
  struct position now = {0};
  CU_ASSERT_TRUE(status_is_ok(clock_tick(watcher->store, context, &now)));
  return now;
}

/* A consumer that has applied one entry. */
static struct watcher start_with_one(struct context *context) {
  struct watcher watcher = start_ready(context);
  append(&watcher, context, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  return watcher;
}

static void goes_on(struct watcher *watcher, struct context *context, int64_t effects) {
  append(watcher, context, "Bob");
  CU_ASSERT_TRUE(watcher_handles(redis, context, effects));
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void miss_nothing(struct context *context) {
  struct watcher watcher = start_with_one(context);
  struct log_losses losses = losses_of(&watcher, context);
  CU_ASSERT_EQUAL(losses.count, 0);
  CU_ASSERT_STRING_EQUAL(log_losses_etag(&losses), "");
  CU_ASSERT_STRING_EQUAL(status_reason(accept(&watcher, context, "")), "LOG_LOSS_CHANGED");
  CU_ASSERT_EQUAL(operations(), 0);
  watcher_stop(&watcher);
}

static void test_nothing(void) {
  run(miss_nothing);
}

static void miss_end(struct context *context) {
  struct watcher watcher = start_with_one(context);
  struct position now = now_of(&watcher, context);
  int64_t earlier = now.log_time - HOUR_US;
  set_clock(context, earlier, now.epoch);
  struct log_losses losses = losses_of(&watcher, context);
  CU_ASSERT_TRUE_FATAL(losses.count >= 1);
  CU_ASSERT_EQUAL(losses.rows[0].kind, LOG_LOSS_END);
  CU_ASSERT_EQUAL(losses.rows[0].after, earlier);
  CU_ASSERT_EQUAL(losses.rows[0].end, known_log_end(watcher.store->known)->log_time);
  CU_ASSERT_STRING_EQUAL(status_reason(accept(&watcher, context, "another")), "LOG_LOSS_CHANGED");
  CU_ASSERT_TRUE(*event_store_loss(watcher.store));
  accept_all(&watcher, context);
  CU_ASSERT_EQUAL(operations(), 1);
  goes_on(&watcher, context, 2);
  watcher_stop(&watcher);
}

static void test_end(void) {
  run(miss_end);
}

static void miss_epoch(struct context *context) {
  struct watcher watcher = start_with_one(context);
  /* Only a log with entries that are older than the last look is another one; else Redis was emptied. */
  CU_ASSERT_TRUE(status_is_ok(known_log_look(watcher.store->known, context)));
  set_clock(context, now_of(&watcher, context).log_time, OTHER_EPOCH);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_halted, &watcher));
  struct log_losses losses = losses_of(&watcher, context);
  CU_ASSERT_EQUAL_FATAL(losses.count, 2);
  CU_ASSERT_EQUAL(losses.rows[0].kind, LOG_LOSS_EPOCH);
  CU_ASSERT_EQUAL(losses.rows[1].kind, LOG_LOSS_EPOCH);
  accept_all(&watcher, context);
  CU_ASSERT_STRING_EQUAL(private_redis_command(redis, "HGET watcher_position epoch"), OTHER_EPOCH);
  goes_on(&watcher, context, 2);
  watcher_stop(&watcher);
}

static void test_epoch(void) {
  run(miss_epoch);
}

/* What came back has fewer entries than were applied; those that come now are handled. */
static void miss_stream(struct context *context) {
  struct watcher watcher = start_with_one(context);
  watcher_stop(&watcher);
  private_redis_command(redis, "DEL events:customer_created");
  watcher = start_halted(context);
  struct log_losses losses = losses_of(&watcher, context);
  CU_ASSERT_EQUAL_FATAL(losses.count, 1);
  CU_ASSERT_EQUAL(losses.rows[0].kind, LOG_LOSS_POSITION);
  CU_ASSERT_STRING_EQUAL(losses.rows[0].stream, "customer_created");
  CU_ASSERT_EQUAL(losses.rows[0].after, 0);
  accept_all(&watcher, context);
  goes_on(&watcher, context, 2);
  watcher_stop(&watcher);
}

static void test_stream(void) {
  run(miss_stream);
}

/* Entries of two streams are trimmed before they are applied: one word is for both, and another is needed if a third
 * one follows. */
static void miss_entries(struct context *context) {
  struct watcher watcher = start_with_one(context);
  watcher_append(watcher.store, context, "customer_updated", "Ann", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  watcher_stop(&watcher);
  private_redis_command(redis, "XADD events:customer_created * event_id x entity y");
  private_redis_command(redis, "XADD events:customer_updated * event_id x entity y");
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN 0");
  private_redis_command(redis, "XTRIM events:customer_updated MAXLEN 0");
  watcher = start_halted(context);
  struct log_losses losses = losses_of(&watcher, context);
  CU_ASSERT_EQUAL_FATAL(losses.count, 2);
  CU_ASSERT_EQUAL(losses.rows[0].kind, LOG_LOSS_GAP);
  const char *etag = log_losses_etag(&losses);
  private_redis_command(redis, "XADD events:customer_created * event_id x entity y");
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN 0");
  CU_ASSERT_STRING_EQUAL(status_reason(accept(&watcher, context, etag)), "LOG_LOSS_CHANGED");
  CU_ASSERT_EQUAL(operations(), 0);
  accept_all(&watcher, context);
  goes_on(&watcher, context, 3);
  watcher_stop(&watcher);
}

static void test_entries(void) {
  run(miss_entries);
}

static void record(struct context *context) {
  struct watcher watcher = start_with_one(context);
  watcher_stop(&watcher);
  private_redis_command(redis, "DEL events:customer_created");
  watcher = start_halted(context);
  accept_all(&watcher, context);
  struct operation *rows;
  size_t count;
  CU_ASSERT_TRUE(status_is_ok(operations_read(watcher.store, context, 10, &rows, &count)));
  CU_ASSERT_EQUAL_FATAL(count, 1);
  CU_ASSERT_STRING_EQUAL(rows[0].by, "ada");
  CU_ASSERT_STRING_EQUAL(rows[0].action, ACTION_ACCEPT_LOSS);
  CU_ASSERT_EQUAL(strlen(rows[0].id), 36);
  CU_ASSERT_PTR_NOT_NULL(strstr(rows[0].reason, "of customer_created lies past its end; restored"));
  watcher_stop(&watcher);
}

static void test_record(void) {
  run(record);
}

static int start_server(void) {
  redis = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(redis);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"where nothing is missing, nothing can be accepted", test_nothing},
      {"an end that is lost is told with its range, and accepted by its name alone", test_end},
      {"another epoch is accepted for what was seen and for the positions at once", test_epoch},
      {"positions past a stream's end are set to what is there", test_stream},
      {"gaps of several streams are accepted at once, and not if another one was added", test_entries},
      {"who has accepted what, and why, is recorded", test_record},
  };
  return suite_main("log repair", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
