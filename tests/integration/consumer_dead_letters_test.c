/* SPDX-License-Identifier: Apache-2.0 */
/* What can't be handled is dead-lettered with its reason, the later events of its key with it, and nothing else. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "captured_log.h"
#include "consumer/consumer_backlog.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "shop_brand.h"
#include "suite.h"
#include "watcher.h"

static struct private_redis *redis;

static struct watcher_options options(void) {
  return (struct watcher_options){.url = private_redis_url(redis), .lease_ms = 200};
}

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(body);
}

/* Line `index` of the list of a key's dead letters; "" when there is none. */
static const char *dead_letter(const char *key, int index) {
  const char *line = private_redis_command(redis, "LINDEX watcher_parked:%s %d", key, index);
  return line ? line : "";
}

static bool is_dead_lettered(const char *key) {
  return private_redis_number(redis, "SISMEMBER watcher_parked_keys %s", key) == 1;
}

static bool caught_up(void *argument) {
  struct watcher *watcher = argument;
  const struct position *latest = &watcher->store->latest;
  return consumer_progress(watcher->consumer)->logs[0].position.log_time >= latest->log_time;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void dead_letter_undecodable(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "before", 0, 1, "Ann");
  private_redis_command(redis, "XADD events:customer_created * event_id 1234 entity %s", "\xff\xff");
  private_redis_command(redis, "XADD events:customer_created * what else");
  watcher_append(watcher.store, context, "customer_created", "after", 0, 1, "Ann");
  watcher_append(watcher.store, context, "customer_updated", "before", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 3));
  CU_ASSERT_TRUE(is_dead_lettered("undecodable"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:undecodable"), 2);
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("undecodable", 0), "customer_created "));
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("undecodable", 0), " 1234 its entity is no ordershop.v1.Customer"));
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("undecodable", 1), " - it has no event_id"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 1);
  watcher_stop(&watcher);
}

static void test_undecodable_entry_is_dead_lettered(void) {
  run(dead_letter_undecodable);
}

static void dead_letter_refused(struct context *context) {
  struct event_store *store;
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  watcher_append(store, context, "customer_created", "good", 0, 1, "Ann");
  watcher_append(store, context, "customer_created", "bad", 0, 1, "Ann");
  watcher_append(store, context, "customer_updated", "bad", 0, 1, "refuse");
  watcher_append(store, context, "customer_updated", "good", 0, 1, "Bob");
  watcher_append(store, context, "customer_updated", "bad", 0, 1, "Cid");
  watcher_append(store, context, "customer_deleted", "bad", 0, 1, "Cid");
  watcher_append(store, context, "customer_updated", "good", 0, 1, "Dan");

  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 4));
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Eve");
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 4);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:bad"), 4);
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("bad", 0), "customer_updated "));
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("bad", 0), "REFUSED: as asked"));
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("bad", 1), "after a parked event of its key"));
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("bad", 2), "customer_deleted "));
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("bad", 3), "customer_updated "));
  /* Of the refused event nothing is left, though its handler had put the customer before it refused. */
  CU_ASSERT_PTR_NOT_NULL(strstr(private_redis_command(redis, "HGET watcher_seen bad"), "Ann"));
  CU_ASSERT_FALSE(is_dead_lettered("good"));
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_refused_event_is_dead_lettered(void) {
  run(dead_letter_refused);
}

static void log_dead_letter(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  captured_log_begin();
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 1, "refuse");
  watcher_append(watcher.store, context, "customer_created", "good", 0, 1, "Ann");
  bool handled = watcher_handles(redis, context, 1) && eventually(context, caught_up, &watcher);
  const char *log = captured_log_end(context->arena), *line = strstr(log, "dead-lettered an event");
  CU_ASSERT_TRUE(handled);
  CU_ASSERT_PTR_NOT_NULL_FATAL(line);
  const char *note = dead_letter("bad", 0); /* it begins with stream, entry and event id */
  char event_id[UUID_TEXT_SIZE] = "";
  CU_ASSERT_EQUAL(sscanf(note, "%*s %*s %36s", event_id), 1);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(line, arena_printf(context->arena, "\" event_id=%s trace_id=" WATCHER_TRACE " stream=", event_id)));
  watcher_stop(&watcher);
}

static void test_dead_letter_has_ids(void) {
  run(log_dead_letter);
}

static void dead_letter_of_runs(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.by_runs = true;
  struct event_store *store;
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  watcher_append(store, context, "customer_created", "a", 0, 50, "Ann");
  watcher_append(store, context, "customer_updated", "a-7", 0, 1, "refuse");
  watcher_append(store, context, "customer_updated", "a", 0, 50, "Ann");
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 99));
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 99);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:a-7"), 2);
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 1);
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_refused_event_of_a_run_is_found(void) {
  run(dead_letter_of_runs);
}

static void stay_dead_lettered(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "refuse");
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  watcher_stop(&watcher);
  watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  watcher_append(watcher.store, context, "customer_updated", "good", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:bad"), 2);
  watcher_stop(&watcher);
}

static void test_key_stays_dead_lettered(void) {
  run(stay_dead_lettered);
}

static struct consumer_backlog backlog_of(struct watcher *watcher, struct context *context) {
  struct consumer_backlog backlog = {.parked_keys = -2};
  CU_ASSERT_TRUE(status_is_ok(consumer_backlog_read(consumer_progress(watcher->consumer), context, &backlog)));
  return backlog;
}

/* Again and again, since what the consumer has read of the keys with dead letters may be of this moment or a second
 * old. */
static void repair(struct context *context) {
  enum { REPAIRS = 20 };
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  for (int i = 0; i < REPAIRS; i++) {
    const char *key = arena_printf(context->arena, "bad-%d", i);
    watcher_append(watcher.store, context, "customer_updated", key, 0, 1, "refuse");
    watcher_append(watcher.store, context, "customer_updated", key, 0, 1, "Ann");
    CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
    CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:%s", key), 2);
    private_redis_command(redis, "DEL watcher_parked:%s", key);
    private_redis_command(redis, "SREM watcher_parked_keys %s", key);
    watcher_append(watcher.store, context, "customer_updated", key, 0, 1, "Ann");
    CU_ASSERT_TRUE(watcher_handles(redis, context, i + 1));
    CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked:%s", key), 0);
  }
  CU_ASSERT_EQUAL(backlog_of(&watcher, context).parked_keys, 0);
  CU_ASSERT_EQUAL(backlog_of(&watcher, context).parked_events, 0);
  watcher_stop(&watcher);
}

static void test_repaired_key_goes_on_at_once(void) {
  run(repair);
}

/* Others are dead-lettered, of earlier and of later events of the page; and a page is refused in the middle. */
static void repair_one_of_several(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 10, "refuse");
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  private_redis_command(redis, "SREM watcher_parked_keys bad-3 bad-5");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 10, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:bad-3"), 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:bad-4"), 2);
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 8);
  watcher_stop(&watcher);
}

static void test_only_the_repaired_key_goes_on(void) {
  run(repair_one_of_several);
}

/* An operator may dead-letter a key, too: its customer's effects are to wait. */
static void dead_letter_by_hand(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  private_redis_command(redis, "SADD watcher_parked_keys a");
  watcher_append(watcher.store, context, "customer_updated", "a", 0, 1, "Ann");
  watcher_append(watcher.store, context, "customer_updated", "b", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:a"), 1);
  watcher_stop(&watcher);
}

static void test_key_is_dead_lettered_by_hand(void) {
  run(dead_letter_by_hand);
}

static bool counts_none(void *argument) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + 5000000};
  struct consumer_backlog backlog = backlog_of(argument, &context);
  arena_free(context.arena);
  return backlog.parked_keys == 0 && backlog.parked_events == 0;
}

static bool unregistered(void *argument) {
  return private_redis_number(redis, "EXISTS watcher_parked_lists") == 0 || !argument;
}

/* What was in the list when its key was freed is still there, and is seen until it has been dealt with. */
static void free_a_key_with_a_list(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "refuse");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  private_redis_command(redis, "SREM watcher_parked_keys bad");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_EQUAL(backlog_of(&watcher, context).parked_keys, 1);
  CU_ASSERT_EQUAL(backlog_of(&watcher, context).parked_events, 2);
  watcher_stop(&watcher);
  watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  CU_ASSERT_EQUAL(backlog_of(&watcher, context).parked_events, 2);
  private_redis_command(redis, "LPOP watcher_parked:bad");
  CU_ASSERT_EQUAL(backlog_of(&watcher, context).parked_events, 1);
  private_redis_command(redis, "LPOP watcher_parked:bad");
  CU_ASSERT_TRUE(eventually(context, counts_none, &watcher));
  CU_ASSERT_TRUE(eventually(context, unregistered, &watcher));
  watcher_stop(&watcher);
}

static void test_list_of_a_freed_key_is_counted(void) {
  run(free_a_key_with_a_list);
}

/* Such a version kept no set of lists. */
static void take_over_from_an_older_version(struct context *context) {
  private_redis_command(redis, "RPUSH watcher_parked:old line");
  private_redis_command(redis, "SADD watcher_parked_keys old");
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_updated", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  private_redis_command(redis, "SREM watcher_parked_keys old");
  CU_ASSERT_EQUAL(backlog_of(&watcher, context).parked_events, 1);
  watcher_stop(&watcher);
}

static void test_lists_of_an_older_version_are_counted(void) {
  run(take_over_from_an_older_version);
}

/* The handler of the first is run again when the second of its page is refused: it is no follower of it. */
static void refuse_after_a_good_one(struct context *context) {
  struct event_store *store;
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  watcher_append(store, context, "customer_created", "a", 0, 1, "Ann");
  watcher_append(store, context, "customer_updated", "a", 0, 1, "refuse");
  watcher_append(store, context, "customer_created", "b", 0, 1, "refuse");
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:a"), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("a", 0), "REFUSED: as asked"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:b"), 1);
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_events_before_the_refused_one_are_handled(void) {
  run(refuse_after_a_good_one);
}

static void outlast_an_outage(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  private_redis_command(redis, "SET watcher_away 1");
  watcher_append(watcher.store, context, "customer_updated", "a", 0, 10, "Ann");
  watcher_append(watcher.store, context, "customer_updated", "b", 0, 1, "away");
  int64_t end_us = clock_monotonic_us() + 1500000;
  while (clock_monotonic_us() < end_us) coroutine_sleep(100000, DEADLINE_NEVER);
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  private_redis_command(redis, "DEL watcher_away");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 11));
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 0);
  watcher_stop(&watcher);
}

static void test_outage_of_a_handler_dead_letters_nothing(void) {
  run(outlast_an_outage);
}

static void append_crash(struct context *context) {
  struct event_store *store;
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  watcher_append(store, context, "customer_created", "a", 0, 100, "Ann");
  watcher_append(store, context, "customer_created", "bad", 0, 1, "crash");
  watcher_append(store, context, "customer_created", "b", 0, 100, "Ann");
  watcher_append(store, context, "customer_updated", "bad", 0, 1, "Ann");
  event_store_close(store);
}

/* Eight crashes are enough, five before events run alone and three there, but on a slow machine a unit of work may end,
 * and be committed, before the event that crashes: then they are counted anew. */
enum { CRASHES_MIN = 3, CRASHES_MAX = 40 };

/* Starts it again and again, as Kubernetes would, until it lives; returns how often it ended. */
static int crash_until_dead_lettered(bool by_runs) {
  struct watcher_options watcher_options = options();
  watcher_options.by_runs = by_runs;
  int crashes = 0;
  for (; crashes < CRASHES_MAX; crashes++) {
    pid_t process = watcher_fork(&watcher_options, NULL);
    while (kill(process, 0) == 0 && !is_dead_lettered("bad")) {
      if (waitpid(process, NULL, WNOHANG) == process) break;
      usleep(2000);
    }
    if (!is_dead_lettered("bad")) continue;
    CU_ASSERT_TRUE(watcher_process_handles(redis, 200));
    int64_t deadline_us = patience_end_us();
    while (private_redis_number(redis, "LLEN watcher_parked:bad") < 2 && clock_monotonic_us() < deadline_us)
      usleep(5000);
    watcher_end(process, SIGTERM);
    return crashes;
  }
  return crashes;
}

static void dead_letter_what_crashes(bool by_runs) {
  run(append_crash);
  int crashes = crash_until_dead_lettered(by_runs);
  printf("[%d crashes] ", crashes);
  CU_ASSERT(crashes >= CRASHES_MIN && crashes < CRASHES_MAX);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 200);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:bad"), 2);
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("bad", 0), "ended the process or outlasted its lease three times"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_alone"), 0);
}

static void test_event_that_ends_the_process_is_dead_lettered(void) {
  dead_letter_what_crashes(false);
}

static void test_event_whose_run_ends_the_process_is_dead_lettered(void) {
  dead_letter_what_crashes(true);
}

/* ---- handlers that keep everything else from running ------------------------------------------------------------ */

enum { BLOCK_US = 1500 * 1000, SLOW_US = 20 * 1000 };

static int blocked;

static struct status obey_slowly(struct work *work, const struct event *event, const char *name) {
  (void)event;
  if (strcmp(name, "block") == 0) {
    blocked++;
    usleep(BLOCK_US);
    work_context(work)->deadline_us = clock_monotonic_us(); /* as if it had outlasted the page's time, too */
  }
  if (strcmp(name, "slow") == 0) usleep(SLOW_US);
  return status_ok();
}

/* Lost again and again, the lease would let neither this event nor any other be committed. */
static void outlast_the_lease(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.obey = obey_slowly;
  blocked = 0;
  struct event_store *store;
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  watcher_append(store, context, "customer_created", "a", 0, 10, "Ann");
  watcher_append(store, context, "customer_created", "bad", 0, 1, "block");
  watcher_append(store, context, "customer_created", "b", 0, 10, "Ann");
  watcher_append(store, context, "customer_updated", "bad", 0, 1, "Ann");
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 20));
  CU_ASSERT_TRUE(eventually(context, caught_up, &watcher));
  CU_ASSERT_EQUAL(blocked, 3);
  CU_ASSERT_PTR_NOT_NULL(strstr(dead_letter("bad", 0), "ended the process or outlasted its lease three times"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:bad"), 2);
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_alone"), 0);
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_event_that_outlasts_the_lease_is_dead_lettered(void) {
  run(outlast_the_lease);
}

/* A page of them takes longer than the lease, each of them doesn't. */
static void handle_slowly(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.obey = obey_slowly;
  struct event_store *store;
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  watcher_append(store, context, "customer_created", "a", 0, 100, "slow");
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 100));
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_keys"), 0);
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_slow_handlers_get_on(void) {
  run(handle_slowly);
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
      {"an undecodable entry is dead-lettered, others go on", test_undecodable_entry_is_dead_lettered},
      {"a refused event is dead-lettered, with the later ones of its key", test_refused_event_is_dead_lettered},
      {"the line about it has the event's id, and the id of its trace", test_dead_letter_has_ids},
      {"a refused event of a run is found and dead-lettered", test_refused_event_of_a_run_is_found},
      {"events of a key before the refused one are handled, whatever else its page holds",
       test_events_before_the_refused_one_are_handled},
      {"a key stays dead-lettered over a restart", test_key_stays_dead_lettered},
      {"a key that an operator has repaired goes on with its next event", test_repaired_key_goes_on_at_once},
      {"only the repaired key goes on", test_only_the_repaired_key_goes_on},
      {"a key that an operator dead-letters stops with its next event", test_key_is_dead_lettered_by_hand},
      {"a list whose key goes on is counted until it is empty", test_list_of_a_freed_key_is_counted},
      {"lists that an older version has left are counted", test_lists_of_an_older_version_are_counted},
      {"an outage of what a handler needs dead-letters nothing", test_outage_of_a_handler_dead_letters_nothing},
      {"an event that ends the process is dead-lettered, others go on",
       test_event_that_ends_the_process_is_dead_lettered},
      {"an event whose run ends the process is dead-lettered", test_event_whose_run_ends_the_process_is_dead_lettered},
      {"an event whose handler blocks until the lease is over, three times, is dead-lettered, others go on",
       test_event_that_outlasts_the_lease_is_dead_lettered},
      {"a page of slow handlers is committed in parts, before the lease is over", test_slow_handlers_get_on},
  };
  return suite_main("consumer, dead letters", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
