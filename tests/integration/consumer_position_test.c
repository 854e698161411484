/* SPDX-License-Identifier: Apache-2.0 */
/* Positions: waiting for one, and a log that is not the one that was seen. */
#include <ordershop/v1/customer.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "consumer/consumer_backlog.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "shop_brand.h"
#include "store/log_clock.h"
#include "suite.h"
#include "watcher.h"

enum { US_PER_MS = 1000, LONG_MS = 60000 };

static struct private_redis *redis;

static struct watcher_options options(void) {
  return (struct watcher_options){.url = private_redis_url(redis), .lease_ms = 300};
}

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(body);
}

static bool is_ready(void *argument) {
  return consumer_is_ready(((struct watcher *)argument)->consumer);
}

static bool is_halted(void *argument) {
  return strstr(consumer_reason(((struct watcher *)argument)->consumer), "the log was reset") != NULL;
}

static struct watcher start(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_ready, &watcher));
  return watcher;
}

static struct position now_of(struct watcher *watcher, struct context *context) {
  struct position now = {0};
  CU_ASSERT_TRUE(status_is_ok(clock_tick(watcher->store, context, &now)));
  return now;
}

/* ---- lag -------------------------------------------------------------------------------------------------------- */

static struct event_store *open_store(struct context *context) {
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "watcher", .redis_url = private_redis_url(redis), .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_TRUE_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  while (!event_store_is_ready(store)) coroutine_sleep(1000, context->deadline_us);
  return store;
}

/* Of a service that was added to a running shop, before it has handled anything. */
static void measure_without_a_position(struct context *context) {
  static const struct subscription all = {.entity = &ordershop__v1__customer__descriptor, .projection = &watcher_seen};
  struct event_store *store = open_store(context);
  const struct leader leader = {.store = store};
  const struct progress progress = progress_of(&leader, context->arena, &all, 1, NULL, 0);
  struct consumer_backlog backlog = {.lag_us = -2};
  CU_ASSERT_TRUE(status_is_ok(consumer_backlog_read(&progress, context, &backlog)));
  CU_ASSERT_EQUAL(backlog.lag_us, 0);
  struct position first = watcher_append(store, context, "customer_updated", "a", 0, 1, "Ann");
  struct position last = watcher_append(store, context, "customer_created", "b", 0, 1, "Bob");
  CU_ASSERT_TRUE(status_is_ok(consumer_backlog_read(&progress, context, &backlog)));
  CU_ASSERT_EQUAL(backlog.position, 0);
  CU_ASSERT_EQUAL(backlog.lag_entries, 2);
  CU_ASSERT_EQUAL(backlog.lag_us, last.log_time - first.log_time + 1);
  event_store_close(store);
}

static void test_lag_of_a_new_service(void) {
  run(measure_without_a_position);
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

static void wait_for_an_event(struct context *context) {
  struct watcher watcher = start(context);
  struct position position = watcher_append(watcher.store, context, "customer_created", "a", 0, 500, "Ann");
  const char *after = position_text(context->arena, &position);
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(watcher.consumer, context, after)));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 500);
  watcher_stop(&watcher);
}

static void test_wait_ends_when_the_event_is_applied(void) {
  run(wait_for_an_event);
}

static void wait_for_now(struct watcher *watcher, struct context *context) {
  struct position now = now_of(watcher, context);
  struct status status = consumer_wait_for(watcher->consumer, context, position_text(context->arena, &now));
  CU_ASSERT_EQUAL(status.code, STATUS_OK);
}

/* The consumer is blocked in Redis for two seconds then; nothing comes on its streams. */
static void wait_on_an_idle_log(struct context *context) {
  struct watcher watcher = start(context);
  coroutine_sleep(100 * US_PER_MS, DEADLINE_NEVER);
  int64_t begin_us = clock_monotonic_us();
  for (int i = 0; i < 20; i++) {
    wait_for_now(&watcher, context);
    coroutine_sleep(i * US_PER_MS, DEADLINE_NEVER);
  }
  CU_ASSERT(clock_monotonic_us() - begin_us < at_once_us());
  watcher_stop(&watcher);
}

static void test_wait_on_an_idle_log_is_short(void) {
  run(wait_on_an_idle_log);
}

static const struct view keeper_customers = {.name = "customers", .record = &ordershop__v1__customer__descriptor};
static const struct subscription keeper_subscriptions[] = {
    {.entity = &ordershop__v1__customer__descriptor, .projection = &keeper_customers}};

static bool is_active(void *consumer) {
  return consumer_state(consumer) == CONSUMER_ACTIVE;
}

static bool two_are_kept(void *argument) {
  (void)argument;
  return private_redis_number(redis, "HLEN keeper_customers") == 2;
}

/* What only writes views may wait for a commit to travel with: not while somebody waits for it, and not for long. */
static void wait_for_a_view(struct context *context) {
  const struct event_store_options store_options = {.brand = &shop_brand,
                                                    .service = "keeper",
                                                    .redis_url = private_redis_url(redis),
                                                    .request_seconds = 100,
                                                    .subscribes = true};
  static const struct view *const views[] = {&keeper_customers, NULL};
  struct consumer_options keeper = {.subscriptions = keeper_subscriptions, .subscription_count = 1, .views = views};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &keeper.store)));
  struct consumer *consumer = consumer_start(coroutine_loop(), context->arena, &keeper);
  CU_ASSERT_TRUE(eventually(context, is_active, consumer));
  struct position position = watcher_append(keeper.store, context, "customer_created", "a", 0, 1, "Ann");
  const char *after = position_text(context->arena, &position);
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(consumer, context, after)));
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN keeper_customers"), 1);
  watcher_append(keeper.store, context, "customer_created", "b", 0, 1, "Ann");
  CU_ASSERT_TRUE(eventually(context, two_are_kept, NULL));
  consumer_stop(consumer);
  event_store_close(keeper.store);
}

static void test_wait_for_a_view(void) {
  run(wait_for_a_view);
}

static void wait_at_a_standby(struct context *context) {
  struct watcher active = start(context), standby = start(context);
  CU_ASSERT_EQUAL(watcher_epoch(&standby), 0);
  CU_ASSERT_NOT_EQUAL(watcher_epoch(&active), 0);
  int64_t begin_us = clock_monotonic_us();
  for (int i = 0; i < 20; i++) wait_for_now(&standby, context);
  CU_ASSERT(clock_monotonic_us() - begin_us < at_once_us());
  struct position position = watcher_append(standby.store, context, "customer_created", "a", 0, 500, "Ann");
  const char *after = position_text(context->arena, &position);
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(standby.consumer, context, after)));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 500);
  watcher_stop(&standby);
  watcher_stop(&active);
}

static void test_wait_at_a_standby_is_short(void) {
  run(wait_at_a_standby);
}

static const char *reason_of_wait(struct watcher *watcher, struct context *context, const char *after, int64_t ms) {
  struct context hurried = *context;
  hurried.deadline_us = clock_monotonic_us() + ms * US_PER_MS;
  struct status status = consumer_wait_for(watcher->consumer, &hurried, after);
  return arena_printf(context->arena, "%s %s", status_code_name(status.code), status_reason(status));
}

/* ---- two entries of the same log time --------------------------------------------------------------------------- */

/* A log that was made of several may have them (tests/model/united_logs.py): gives the one of customer_created that of
 * customer_updated. Returns it. */
static const char *unite_log_times(struct context *context) {
  return arena_strdup(context->arena, private_redis_command(
                                          redis, "EVAL %s 0",
                                          "local created = redis.call('XRANGE', 'events:customer_created', '-', '+')\n"
                                          "local updated = redis.call('XRANGE', 'events:customer_updated', '-', '+')\n"
                                          "redis.call('DEL', 'events:customer_created')\n"
                                          "redis.call('XADD', 'events:customer_created', updated[1][1],\n"
                                          "           unpack(created[1][2]))\n"
                                          "return updated[1][1]"));
}

/* Takes so long that what comes behind is left to another commit. */
static struct status be_slow(struct work *work, const struct event *event, const char *name) {
  (void)work;
  (void)event;
  if (strcmp(name, "slow") == 0) coroutine_sleep(150 * US_PER_MS, DEADLINE_NEVER);
  return status_ok();
}

static struct watcher start_slow(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.obey = be_slow;
  return watcher_start(context->arena, &watcher_options);
}

static void apply_one_of_two(struct context *context) {
  struct event_store *store = open_store(context);
  struct position position = watcher_append(store, context, "customer_updated", "b", 0, 1, "away");
  watcher_append(store, context, "customer_created", "a", 0, 1, "slow");
  const char *id = unite_log_times(context), *after = position_text(context->arena, &position);
  private_redis_command(redis, "SET watcher_away 1");

  struct watcher watcher = start_slow(context);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_STRING_NOT_EQUAL(private_redis_command(redis, "HGET watcher_position log"), id);
  CU_ASSERT_STRING_NOT_EQUAL(reason_of_wait(&watcher, context, after, 300), "OK ");
  watcher_stop(&watcher);

  watcher = start_slow(context);
  private_redis_command(redis, "DEL watcher_away");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(watcher.consumer, context, after)));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 2);
  watcher_stop(&watcher);
  event_store_close(store);
}

static void test_position_waits_for_both_of_one_log_time(void) {
  run(apply_one_of_two);
}

/* ---- refused ---------------------------------------------------------------------------------------------------- */

static void refuse_tokens(struct context *context) {
  struct watcher watcher = start(context);
  struct position now = now_of(&watcher, context);
  CU_ASSERT_STRING_EQUAL(reason_of_wait(&watcher, context, "yesterday", LONG_MS), "INVALID_ARGUMENT POSITION_INVALID");

  struct position other = now;
  other.epoch[0] = other.epoch[0] == '0' ? '1' : '0';
  CU_ASSERT_STRING_EQUAL(reason_of_wait(&watcher, context, position_text(context->arena, &other), LONG_MS),
                         "FAILED_PRECONDITION LOG_RESET");
  struct position beyond = now;
  beyond.log_time += INT64_C(3600000000);
  CU_ASSERT_STRING_EQUAL(reason_of_wait(&watcher, context, position_text(context->arena, &beyond), LONG_MS),
                         "FAILED_PRECONDITION LOG_RESET");
  watcher_stop(&watcher);
}

static void test_positions_of_no_or_another_log_are_refused(void) {
  run(refuse_tokens);
}

static bool store_is_ready(void *argument) {
  return event_store_is_ready(((struct watcher *)argument)->store);
}

static bool store_is_away(void *argument) {
  return !store_is_ready(argument);
}

/* Behind the new connection is a Redis that was restored from a backup, in the same epoch. */
static void refuse_what_the_backup_lacks(struct context *context) {
  struct watcher watcher = start(context);
  const char *backup = arena_strdup(context->arena, private_redis_command(redis, "GET ordershop_clock"));
  struct position lost = watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_EQUAL(event_store_check_position(watcher.store, context, &lost).code, STATUS_OK);
  private_redis_command(redis, "SET ordershop_clock %s", backup);
  private_redis_command(redis, "CLIENT KILL TYPE normal");
  CU_ASSERT_TRUE(eventually(context, store_is_away, &watcher));
  CU_ASSERT_TRUE(eventually(context, store_is_ready, &watcher));
  struct status status = event_store_check_position(watcher.store, context, &lost);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "LOG_RESET");
  watcher_stop(&watcher);
}

static void test_positions_that_a_restored_log_lost_are_refused(void) {
  run(refuse_what_the_backup_lacks);
}

/* It leads a term whose positions it can't load, on a Redis that was restored from a backup. */
static void forget_what_an_earlier_term_applied(struct context *context) {
  struct watcher watcher = start(context);
  const char *backup = arena_strdup(context->arena, private_redis_command(redis, "GET ordershop_clock"));
  struct position lost = watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  const char *after = position_text(context->arena, &lost);
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(watcher.consumer, context, after)));
  CU_ASSERT_TRUE(consumer_has_seen(watcher.consumer, after));
  private_redis_command(redis, "SET ordershop_clock %s", backup);
  private_redis_command(redis, "SET watcher_alone %s", "no hash");
  private_redis_command(redis, "CLIENT KILL TYPE normal");
  CU_ASSERT_TRUE(eventually(context, store_is_away, &watcher));
  CU_ASSERT_TRUE(eventually(context, store_is_ready, &watcher));
  /* The same server may count as seen until the term has begun; from then on nothing does. */
  while (consumer_has_seen(watcher.consumer, after) && clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(US_PER_MS, DEADLINE_NEVER);
  }
  for (int i = 0; i < 100; i++) {
    CU_ASSERT_FALSE(consumer_has_seen(watcher.consumer, after));
    coroutine_sleep(3 * US_PER_MS, DEADLINE_NEVER);
  }
  watcher_stop(&watcher);
}

static void test_what_an_earlier_term_applied_is_not_seen_yet(void) {
  run(forget_what_an_earlier_term_applied);
}

static bool leads(void *argument) {
  return watcher_epoch(argument) != 0;
}

/* A replica that stood by becomes the leader, and can't load what it needs. */
static void wait_at_a_leader_that_can_not_load(struct context *context) {
  struct watcher earlier = start(context);
  struct position position = watcher_append(earlier.store, context, "customer_created", "a", 0, 1, "Ann");
  const char *after = position_text(context->arena, &position);
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(earlier.consumer, context, after)));
  watcher_stop(&earlier);
  private_redis_command(redis, "SET watcher_lease %s", "another 0");
  struct watcher watcher = start(context);
  private_redis_command(redis, "SET watcher_alone %s", "no hash");
  private_redis_command(redis, "DEL watcher_lease");
  CU_ASSERT_TRUE(eventually(context, leads, &watcher));
  for (int i = 0; i < 100; i++) {
    CU_ASSERT_EQUAL(consumer_state(watcher.consumer), CONSUMER_STANDING_BY);
    coroutine_sleep(3 * US_PER_MS, DEADLINE_NEVER);
  }
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(watcher.consumer, context, after)));
  private_redis_command(redis, "DEL watcher_alone");
  wait_for_now(&watcher, context);
  watcher_stop(&watcher);
}

static void test_leader_that_can_not_load_is_not_active(void) {
  run(wait_at_a_leader_that_can_not_load);
}

static void run_out_of_time(struct context *context) {
  struct watcher watcher = start(context);
  private_redis_command(redis, "SET watcher_away 1");
  struct position position = watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "away");
  int64_t begin_us = clock_monotonic_us();
  CU_ASSERT_STRING_EQUAL(reason_of_wait(&watcher, context, position_text(context->arena, &position), 200),
                         "DEADLINE_EXCEEDED POSITION_NOT_REACHED");
  int64_t took_us = clock_monotonic_us() - begin_us;
  CU_ASSERT(took_us >= 199 * US_PER_MS && took_us < at_once_us());
  watcher_stop(&watcher);
}

static void test_wait_ends_at_its_deadline(void) {
  run(run_out_of_time);
}

/* ---- a log that is not the one that was seen -------------------------------------------------------------------- */

static void halt_past_the_end(struct context *context) {
  struct watcher watcher = start(context);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 10, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 10));
  watcher_stop(&watcher);
  const char *log = arena_strdup(context->arena, private_redis_command(redis, "HGET watcher_position log"));
  private_redis_command(redis, "HSET watcher_position log 8000000000000-0");

  struct watcher_options watcher_options = options();
  watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "b", 0, 10, "Ann");
  CU_ASSERT_TRUE(eventually(context, is_halted, &watcher));
  CU_ASSERT_FALSE(consumer_is_ready(watcher.consumer));
  CU_ASSERT_PTR_NOT_NULL(strstr(consumer_reason(watcher.consumer), "8000000000000-0"));
  struct position now = now_of(&watcher, context);
  CU_ASSERT_STRING_EQUAL(reason_of_wait(&watcher, context, position_text(context->arena, &now), LONG_MS),
                         "UNAVAILABLE CONSUMER_HALTED");
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 10);

  private_redis_command(redis, "HSET watcher_position log %s", log);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 20));
  CU_ASSERT_TRUE(eventually(context, is_ready, &watcher));
  watcher_stop(&watcher);
}

static void test_position_past_the_end_stops_the_consumer(void) {
  run(halt_past_the_end);
}

static void halt_and_stand_by(struct context *context) {
  struct watcher watcher = start(context);
  watcher_stop(&watcher);
  private_redis_command(redis, "HSET watcher_position log 8000000000000-0");
  struct watcher_options watcher_options = options();
  watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(eventually(context, is_halted, &watcher));
  private_redis_command(redis, "SET watcher_lease %s", "another 0");
  CU_ASSERT_TRUE(eventually(context, is_ready, &watcher));
  watcher_stop(&watcher);
}

static void test_halted_consumer_without_the_lease_stands_by(void) {
  run(halt_and_stand_by);
}

static void halt_when_the_stream_lost_its_tail(struct context *context) {
  struct watcher watcher = start(context);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 10, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 10));
  watcher_stop(&watcher);
  private_redis_command(redis, "HSET watcher_position customer_created 8000000000000-0");
  struct watcher_options watcher_options = options();
  watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(eventually(context, is_halted, &watcher));
  watcher_stop(&watcher);
}

static void test_stream_that_lost_its_tail_stops_the_consumer(void) {
  run(halt_when_the_stream_lost_its_tail);
}

static void halt_in_another_epoch(struct context *context) {
  struct watcher watcher = start(context);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 10, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 10));
  /* The clock is lost; it is made anew with another epoch, while the consumer runs. */
  private_redis_command(redis, "DEL ordershop_clock");
  watcher_append(watcher.store, context, "customer_created", "b", 0, 10, "Ann");
  CU_ASSERT_TRUE(eventually(context, is_halted, &watcher));
  CU_ASSERT_PTR_NOT_NULL(strstr(consumer_reason(watcher.consumer), "epoch"));
  watcher_stop(&watcher);
}

static void test_another_epoch_stops_the_consumer(void) {
  run(halt_in_another_epoch);
}

/* By redis-cli XADD, for instance; its id is the server's time, past the clock's last. */
static void accept_entries_by_hand(struct context *context) {
  struct watcher watcher = start(context);
  const char *packed = arena_printf(context->arena, "\n\x24%s", uuid_random(context->arena)); /* field 1: the id */
  private_redis_command(redis, "XADD events:customer_created 4000000000000-0 event_id 1 entity %s", packed);
  while (private_redis_number(redis, "HLEN watcher_seen") == 0 && clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(2 * US_PER_MS, DEADLINE_NEVER);
  }
  watcher_stop(&watcher);
  watcher = start(context);
  watcher_append(watcher.store, context, "customer_updated", "b", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  watcher_stop(&watcher);
}

static void test_entry_past_the_clock_is_no_lost_tail(void) {
  run(accept_entries_by_hand);
}

static void recover_from_an_emptied_redis(struct context *context) {
  struct watcher watcher = start(context);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 100, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 100));
  private_redis_command(redis, "FLUSHALL");
  struct position position = watcher_append(watcher.store, context, "customer_created", "b", 0, 50, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 50));
  const char *after = position_text(context->arena, &position);
  CU_ASSERT_EQUAL(consumer_wait_for(watcher.consumer, context, after).code, STATUS_OK);
  CU_ASSERT_TRUE(eventually(context, is_ready, &watcher));
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), 50);
  watcher_stop(&watcher);
}

static void test_emptied_redis_begins_afresh(void) {
  run(recover_from_an_emptied_redis);
}

/* ---- housekeeping ----------------------------------------------------------------------------------------------- */

struct housekeeping {
  int calls;
  int64_t before, after; /* positions of the first call that asked for a tick and of the next one */
  char epoch[32];
};

static struct status housekeep(void *user, struct context *context, int64_t position, const char *epoch,
                               bool *ret_tick) {
  (void)context;
  struct housekeeping *seen = user;
  if (++seen->calls == 1) seen->before = position;
  if (seen->calls == 2) seen->after = position;
  snprintf(seen->epoch, sizeof seen->epoch, "%s", epoch);
  *ret_tick = true;
  return status_ok();
}

static bool was_called(void *argument) {
  return ((struct housekeeping *)argument)->calls >= 4;
}

static void keep_house(struct context *context) {
  struct housekeeping seen = {0};
  struct watcher_options watcher_options = options();
  watcher_options.housekeep = housekeep;
  watcher_options.user = &seen;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  int64_t begin_us = clock_monotonic_us();
  CU_ASSERT_TRUE(eventually(context, was_called, &seen));
  CU_ASSERT(seen.after > seen.before);
  CU_ASSERT_EQUAL(strtoll(seen.epoch, NULL, 10), watcher_epoch(&watcher));
  /* At once, after its tick; a second later, after its tick: a tick that follows a tick waits. */
  CU_ASSERT(clock_monotonic_us() - begin_us > 900 * US_PER_MS);
  watcher_stop(&watcher);
}

static void test_housekeeping_moves_an_idle_log_on(void) {
  run(keep_house);
}

static struct status fail_at_first(void *user, struct context *context, int64_t position, const char *epoch,
                                   bool *ret_tick) {
  (void)position, (void)epoch;
  int *calls = user;
  *ret_tick = false;
  return ++*calls > 2 ? status_ok() : status_error(context->arena, STATUS_INTERNAL, "ODD", "as asked");
}

static int lines_with(const char *path, const char *text) {
  char line[1024];
  int count = 0;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) count += strstr(line, text) != NULL;
  if (file) fclose(file);
  return count;
}

static void test_failing_housekeeping_is_said_once(void) {
  private_redis_command(redis, "FLUSHALL");
  char log[] = "/tmp/ordershop-test-log-XXXXXX";
  close(mkstemp(log));
  int calls = 0;
  struct watcher_options watcher_options = options();
  watcher_options.housekeep = fail_at_first;
  watcher_options.user = &calls;
  pid_t process = watcher_fork(&watcher_options, log);
  int64_t end_us = patience_end_us();
  while (lines_with(log, "housekeeping is done again") == 0 && clock_monotonic_us() < end_us) usleep(5000);
  watcher_end(process, SIGTERM);
  CU_ASSERT_EQUAL(lines_with(log, "housekeeping failed"), 1);
  CU_ASSERT_EQUAL(lines_with(log, "housekeeping is done again"), 1);
  unlink(log);
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
      {"the lag of a service without a position is counted from the oldest entry", test_lag_of_a_new_service},
      {"a wait ends when the event is applied", test_wait_ends_when_the_event_is_applied},
      {"a wait on an idle log is short", test_wait_on_an_idle_log_is_short},
      {"views are written for those who wait, and soon for nobody", test_wait_for_a_view},
      {"a wait at a standby is short", test_wait_at_a_standby_is_short},
      {"a position is not told before both entries of its log time are applied",
       test_position_waits_for_both_of_one_log_time},
      {"positions of no or another log are refused", test_positions_of_no_or_another_log_are_refused},
      {"positions that a restored log has lost are refused", test_positions_that_a_restored_log_lost_are_refused},
      {"what an earlier term has applied is not seen before it is loaded",
       test_what_an_earlier_term_applied_is_not_seen_yet},
      {"a leader that can't load its position is not active", test_leader_that_can_not_load_is_not_active},
      {"a wait ends at its deadline", test_wait_ends_at_its_deadline},
      {"a position past the end of the log stops the consumer until it is set right",
       test_position_past_the_end_stops_the_consumer},
      {"a halted consumer whose lease another replica holds stands by",
       test_halted_consumer_without_the_lease_stands_by},
      {"a stream that lost its tail stops the consumer", test_stream_that_lost_its_tail_stops_the_consumer},
      {"another epoch stops the consumer", test_another_epoch_stops_the_consumer},
      {"an entry past the clock is no lost tail", test_entry_past_the_clock_is_no_lost_tail},
      {"an emptied Redis is begun afresh", test_emptied_redis_begins_afresh},
      {"housekeeping moves an idle log on", test_housekeeping_moves_an_idle_log_on},
      {"housekeeping that fails is said once, and that it is done again", test_failing_housekeeping_is_said_once},
  };
  return suite_main("consumer, positions", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
