/* SPDX-License-Identifier: Apache-2.0 */
/* Each event has its effect exactly once, whatever happens to the consumer meanwhile. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "forwarder.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "shop_brand.h"
#include "store/log_clock.h"
#include "suite.h"
#include "watcher.h"

static struct private_redis *redis;

static struct watcher_options options(void) {
  return (struct watcher_options){.url = private_redis_url(redis), .lease_ms = 300};
}

static struct event_store *open_store(struct context *context) {
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  return store;
}

/* The effects' entry ids, each once and ascending: what exactly once, in order, means. */
static bool effects_ascend(void) {
  const char *text = private_redis_command(redis, "LRANGE watcher_effects 0 -1");
  long long last_ms = 0, last_us = -1, ms, us;
  int read;
  while (text && sscanf(text, "%lld-%lld%n", &ms, &us, &read) == 2) {
    if (ms < last_ms || (ms == last_ms && us <= last_us)) return false;
    last_ms = ms, last_us = us;
    text += read;
    if (*text == '\n') text++;
  }
  return true;
}

static void begin(void) {
  private_redis_command(redis, "FLUSHALL");
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

/* The network on which a commit is stranded, and what has become of it. */
static struct {
  struct forwarder *forwarder;
  int runs;
  bool came_late;
} network;

/* The commit of the first run is stranded; it comes to Redis while the event is handled again, before that is
 * committed. */
static struct status strand_commit(struct work *work, const struct event *event, const char *name) {
  (void)work, (void)event;
  if (strcmp(name, "strand") != 0) return status_ok();
  network.runs++;
  if (network.runs == 1) forwarder_strand(network.forwarder);
  if (network.runs == 2) network.came_late = forwarder_let_go(network.forwarder);
  return status_ok();
}

static void outlive_a_late_commit(struct context *context) {
  int port = private_redis_port(redis);
  network.forwarder = forwarder_start(port);
  network.runs = 0;
  struct watcher_options watcher_options = options();
  watcher_options.url = arena_printf(context->arena, "redis://127.0.0.1:%d/0", forwarder_port(network.forwarder));
  watcher_options.lease_ms = 30000; /* so that nothing but the commit is on its way */
  watcher_options.obey = strand_commit;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  struct event_store *store = open_store(context);
  watcher_append(store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  watcher_append(store, context, "customer_created", "b", 0, 1, "strand");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  watcher_append(store, context, "customer_created", "c", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 3));
  CU_ASSERT_TRUE(network.came_late);
  CU_ASSERT_TRUE(network.runs >= 2);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 3);
  CU_ASSERT_TRUE(effects_ascend());
  event_store_close(store);
  watcher_stop(&watcher);
  forwarder_free(network.forwarder);
}

static void test_outlives_a_late_commit(void) {
  begin();
  in_coroutine(outlive_a_late_commit);
}

static void handle_live_events(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 600, "Ann");
  watcher_append(watcher.store, context, "customer_updated", "a", 0, 600, "Ann");
  watcher_append(watcher.store, context, "customer_deleted", "a", 0, 100, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1300));
  CU_ASSERT_TRUE(effects_ascend());
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), 500);
  watcher_stop(&watcher);
}

static void test_handles_live_events(void) {
  begin();
  in_coroutine(handle_live_events);
}

static bool groups_are_through(void *argument) {
  (void)argument;
  const char *groups = private_redis_command(redis, "XINFO GROUPS events:customer_created");
  return groups && strstr(groups, "name\nwatcher") && strstr(groups, "lag\n0") && strstr(groups, "pending\n0");
}

static void follow_with_groups(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 700, "Ann");
  CU_ASSERT_TRUE(eventually(context, groups_are_through, NULL));
  CU_ASSERT_TRUE(watcher_handles(redis, context, 700));
  /* Nothing hangs on the groups: one that was destroyed is made again. */
  private_redis_command(redis, "XGROUP DESTROY events:customer_created watcher");
  watcher_append(watcher.store, context, "customer_created", "b", 0, 10, "Ann");
  CU_ASSERT_TRUE(eventually(context, groups_are_through, NULL));
  CU_ASSERT_TRUE(watcher_handles(redis, context, 710));
  watcher_stop(&watcher);
}

static void test_groups_follow(void) {
  begin();
  in_coroutine(follow_with_groups);
}

static int64_t functions_called(void) {
  const char *stats = private_redis_command(redis, "INFO commandstats");
  const char *calls = stats ? strstr(stats, "cmdstat_fcall:calls=") : NULL;
  return calls ? strtoll(calls + strlen("cmdstat_fcall:calls="), NULL, 10) : 0;
}

/* Of an event there are the functions that append it and that commit it. Once a second the consumer looks at its
 * streams, and the lease is renewed more rarely. */
static void commit_with_groups(struct context *context) {
  enum { EVENTS = 25, GROUP_REST_US = 110000 };
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 30000;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_TRUE(eventually(context, groups_are_through, NULL));
  int64_t before = functions_called(), begin_us = clock_monotonic_us();
  for (int i = 1; i <= EVENTS; i++) {
    coroutine_sleep(GROUP_REST_US, DEADLINE_NEVER); /* groups move every 100 ms at most */
    watcher_append(watcher.store, context, "customer_created", "a", i, 1, "Ann");
    CU_ASSERT_TRUE(watcher_handles(redis, context, i + 1));
    CU_ASSERT_TRUE(eventually(context, groups_are_through, NULL));
  }
  int64_t seconds = (clock_monotonic_us() - begin_us) / 1000000;
  CU_ASSERT(functions_called() - before <= 2 * EVENTS + 3 * (seconds + 1));
  watcher_stop(&watcher);
}

static void test_groups_come_with_the_commit(void) {
  begin();
  in_coroutine(commit_with_groups);
}

/* Returns about how many commits handle `events` events that come one after the other, a millisecond apart, and the
 * time that this takes. What is done once a second is taken off. */
static int64_t commits_of_a_row(struct context *context, const struct watcher_options *watcher_options, int events,
                                int64_t *ret_us) {
  enum { REST_US = 1000 };
  struct watcher watcher = watcher_start(context->arena, watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  int64_t before = functions_called(), begin_us = clock_monotonic_us();
  for (int i = 1; i <= events; i++) {
    coroutine_sleep(REST_US, DEADLINE_NEVER);
    watcher_append(watcher.store, context, "customer_created", "a", i, 1, "Ann");
  }
  CU_ASSERT_TRUE(watcher_handles(redis, context, events + 1));
  int64_t commits = functions_called() - before - events;
  *ret_us = clock_monotonic_us() - begin_us;
  watcher_stop(&watcher);
  return commits - 4 * (*ret_us / 1000000 + 1);
}

/* However quickly events follow each other, there is a commit in 5 ms at most. */
static void commit_what_keeps_coming(struct context *context) {
  enum { EVENTS = 300, PACE_US = 5000 };
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 30000; /* hardly renewed */
  int64_t us, commits = commits_of_a_row(context, &watcher_options, EVENTS, &us);
  CU_ASSERT(commits <= us / PACE_US);
}

static void test_events_that_keep_coming_share_commits(void) {
  begin();
  in_coroutine(commit_what_keeps_coming);
}

static int64_t rested_us; /* when a handler has rested last */

/* The first handler of a page rests. */
static struct status take_long(struct work *work, const struct event *event, const char *name) {
  (void)work, (void)event, (void)name;
  enum { REST_US = 10000, PAGE_US = 5000 };
  if (clock_monotonic_us() - rested_us > PAGE_US) coroutine_sleep(REST_US, DEADLINE_NEVER);
  rested_us = clock_monotonic_us();
  return status_ok();
}

/* If it paused as after a short page, it would begin one every 12 ms or so. */
static void commit_slowly(struct context *context) {
  enum { EVENTS = 300, PACE_US = 20000 };
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 30000;
  watcher_options.obey = take_long;
  int64_t us, commits = commits_of_a_row(context, &watcher_options, EVENTS, &us);
  CU_ASSERT(commits <= us / PACE_US);
}

static void test_more_events_share_a_page_that_takes_long(void) {
  begin();
  in_coroutine(commit_slowly);
}

/* A consumer that gives way pauses for 700 ms after such a page, and for less on a machine that is slower still, since
 * the page and its pause take a second at most. What is shorter than PAUSE_US may be the machine's. */
enum { PAGE = 256, REST_US = 100000, PAUSE_US = 400000 };

static int64_t handlers, handled_us, pauses, handlers_until_pause;

/* The first handler of each page rests, and all note how often none ran for a while. */
static struct status note_pauses(struct work *work, const struct event *event, const char *name) {
  (void)work, (void)event, (void)name;
  if (handlers > 0 && clock_monotonic_us() - handled_us >= PAUSE_US && pauses++ == 0) handlers_until_pause = handlers;
  if (handlers++ % PAGE == 0) coroutine_sleep(REST_US, DEADLINE_NEVER);
  handled_us = clock_monotonic_us();
  return status_ok();
}

static void append_many(struct context *context, int first, int count) {
  enum { APPENDED = 250 };
  struct event_store *store = open_store(context);
  for (int i = 0; i < count; i += APPENDED) {
    watcher_append(store, context, "customer_created", "a", first + i, APPENDED, "Ann");
  }
  event_store_close(store);
}

static bool has_handled(void *argument) {
  return handlers >= *(const int64_t *)argument;
}

/* What comes to a consumer while it handles events: that many in each of so many pages, from page number `first`. */
struct arrivals {
  int events, first, pages;
};

/* Starts a consumer that is behind by four pages and more, and counts its pauses. */
static void note_pauses_of(struct context *context, int64_t events_may_wait_ms, struct arrivals arrivals) {
  int events = 1250;
  append_many(context, 0, events);
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 30000;
  watcher_options.events_may_wait_ms = events_may_wait_ms;
  watcher_options.obey = note_pauses;
  handlers = pauses = 0;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  for (int i = 0; i < arrivals.pages; i++, events += arrivals.events) {
    int64_t resting = (arrivals.first + i) * PAGE + 1;
    CU_ASSERT_TRUE(eventually(context, has_handled, &resting));
    append_many(context, events, arrivals.events);
  }
  CU_ASSERT_TRUE(watcher_handles(redis, context, events));
  watcher_stop(&watcher);
}

/* Each page takes 100 ms at least, and an eighth of the time. */
static void leave_time_to_calls(struct context *context) {
  const struct arrivals arrivals = {.events = 500, .first = 0, .pages = 4};
  note_pauses_of(context, 60000, arrivals);
  CU_ASSERT(pauses >= arrivals.pages);
  CU_ASSERT(handlers_until_pause <= PAGE);
}

static void test_behind_it_leaves_time_to_calls(void) {
  begin();
  in_coroutine(leave_time_to_calls);
}

/* Checks how often it pauses while nothing comes. A pause of the machine is no pause of the consumer's, which there
 * would be each time. */
static void check_pauses(struct context *context, int64_t events_may_wait_ms, int64_t expected) {
  enum { TRIES = 3 };
  pauses = -1;
  for (int i = 0; i < TRIES && pauses != expected; i++) {
    begin();
    note_pauses_of(context, events_may_wait_ms, (struct arrivals){0});
  }
  CU_ASSERT_EQUAL(pauses, expected);
}

/* At first it can't know that nothing comes any more, and pauses once. */
static void stop_leaving_time(struct context *context) {
  check_pauses(context, 60000, 1);
}

static void test_after_a_peak_it_leaves_no_time(void) {
  in_coroutine(stop_leaving_time);
}

/* It has paused once, and is handling as quickly as it can when events begin to come again. */
static void leave_time_again(struct context *context) {
  const struct arrivals arrivals = {.events = 1000, .first = 3, .pages = 6};
  note_pauses_of(context, 60000, arrivals);
  CU_ASSERT(pauses >= 3);
}

static void test_in_the_next_peak_it_leaves_time_again(void) {
  begin();
  in_coroutine(leave_time_again);
}

static void leave_no_time_to_calls(struct context *context) {
  check_pauses(context, 1, 0);
}

static void test_old_events_wait_no_longer(void) {
  in_coroutine(leave_no_time_to_calls);
}

/* Up to which entry everything has been applied, by the stream and by the whole log. */
static bool log_is_at_the_stream(void *argument) {
  (void)argument;
  const char *script =
      "local at = redis.call('HMGET', KEYS[1], 'log', 'customer_created') "
      "return at[2] and at[1] == at[2] and 1 or 0";
  return private_redis_number(redis, "EVAL %s 1 watcher_position", script) == 1;
}

/* A run's own function moves its stream; the position of the whole log follows though nothing else is handled. */
static void follow_with_the_log(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.by_runs = true;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  for (int i = 0; i < 3; i++) {
    watcher_append(watcher.store, context, "customer_created", "a", i, 1, "Ann");
    CU_ASSERT_TRUE(watcher_handles(redis, context, i + 1));
    CU_ASSERT_TRUE(eventually(context, log_is_at_the_stream, NULL));
    CU_ASSERT_TRUE(eventually(context, groups_are_through, NULL));
  }
  watcher_stop(&watcher);
}

static void test_log_follows_runs(void) {
  begin();
  in_coroutine(follow_with_the_log);
}

static void begin_before_the_streams(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  struct event_store *store = open_store(context);
  while (private_redis_number(redis, "EXISTS events:customer_deleted") == 0) coroutine_sleep(2000, DEADLINE_NEVER);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS events:customer_updated"), 1);
  watcher_append(store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_makes_groups_of_streams_to_come(void) {
  begin();
  in_coroutine(begin_before_the_streams);
}

enum { IDLE_TIMES = 20 };

/* An idle consumer is blocked in Redis for two seconds; the events must not wait for the end of it. */
static void handle_at_once(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  int64_t begin_us = clock_monotonic_us();
  for (int i = 2; i <= IDLE_TIMES; i++) {
    coroutine_sleep(20000, DEADLINE_NEVER);
    watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
    CU_ASSERT_TRUE(watcher_handles(redis, context, i));
  }
  CU_ASSERT(clock_monotonic_us() - begin_us < at_once_us());
  watcher_stop(&watcher);
}

static void test_idle_consumer_handles_at_once(void) {
  begin();
  in_coroutine(handle_at_once);
}

/* The page holds many changes of one entity; a transaction can make only one of them. */
static void change_one_entity(struct context *context) {
  struct event_store *store = open_store(context);
  watcher_append(store, context, "customer_created", "a", 0, 100, "again");
  watcher_append(store, context, "customer_created", "b", 0, 100, "Ann");
  watcher_append(store, context, "customer_updated", "a", 0, 100, "again");
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(watcher_handles(redis, context, 300));
  CU_ASSERT_EQUAL(private_redis_number(redis, "HGET finding_entity:%s version", WATCHER_FINDING), 200);
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:finding_created"), 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:finding_updated"), 199);
  event_store_close(store);
  watcher_stop(&watcher);
}

static void test_changes_of_one_entity_follow_each_other(void) {
  begin();
  in_coroutine(change_one_entity);
  CU_ASSERT_TRUE(effects_ascend());
}

static void stop_without_redis(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  struct position now = {0};
  CU_ASSERT_TRUE(status_is_ok(clock_tick(watcher.store, context, &now)));
  private_redis_kill(redis);
  while (consumer_is_ready(watcher.consumer)) coroutine_sleep(2000, DEADLINE_NEVER);
  now.log_time++;
  struct status status = consumer_wait_for(watcher.consumer, context, position_text(context->arena, &now));
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  watcher_stop(&watcher); /* which returns */
  private_redis_restart(redis);
}

static void test_stops_without_redis(void) {
  begin();
  in_coroutine(stop_without_redis);
}

/* More than are handled together. */
enum { AHEAD_EVENTS = 600, AHEAD_AT_LEAST = 300 };
static int handled;
static bool parks_another_key;

/* From the first event on Redis answers no commit. */
static struct status count_handled(struct work *work, const struct event *event, const char *name) {
  (void)work, (void)event;
  if (strcmp(name, "counted") != 0 || handled++ > 0) return status_ok();
  if (parks_another_key) private_redis_command(redis, "SADD watcher_parked_keys another");
  private_redis_command(redis, "CLIENT PAUSE 100000 WRITE");
  return status_ok();
}

static bool handles_ahead(void *argument) {
  (void)argument;
  return handled >= AHEAD_AT_LEAST;
}

/* Returns how many were handled before the first commit was answered. */
static int handle_ahead(struct context *context) {
  struct event_store *store = open_store(context);
  watcher_append(store, context, "customer_created", "a", 0, AHEAD_EVENTS, "counted");
  event_store_close(store);
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 100000; /* which can't be renewed meanwhile */
  watcher_options.obey = count_handled;
  handled = 0;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_TRUE(eventually(context, handles_ahead, NULL));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 0);
  int ahead = handled;
  private_redis_command(redis, "CLIENT UNPAUSE");
  CU_ASSERT_TRUE(watcher_handles(redis, context, AHEAD_EVENTS));
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), AHEAD_EVENTS);
  watcher_stop(&watcher);
  return ahead;
}

static void handle_behind_a_commit(struct context *context) {
  parks_another_key = false;
  handle_ahead(context);
  CU_ASSERT_EQUAL(handled, AHEAD_EVENTS);
}

static void test_reads_and_handles_while_a_commit_is_under_way(void) {
  begin();
  in_coroutine(handle_behind_a_commit);
  CU_ASSERT_TRUE(effects_ascend());
}

static void handle_behind_a_refusal(struct context *context) {
  parks_another_key = true;
  int ahead = handle_ahead(context);
  CU_ASSERT(handled >= AHEAD_EVENTS + ahead);
}

static void test_handles_again_what_was_ahead_of_a_refusal(void) {
  begin();
  in_coroutine(handle_behind_a_refusal);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), AHEAD_EVENTS);
  CU_ASSERT_TRUE(effects_ascend());
}

enum { KILLED_EVENTS = 30000, KILLS = 20 };

static void load_events(struct context *context) {
  struct event_store *store = open_store(context);
  for (int i = 0; i < KILLED_EVENTS / 3000; i++) {
    watcher_append(store, context, "customer_created", "a", i * 2000, 2000, "found");
    watcher_append(store, context, "customer_updated", "a", i * 2000, 1000, "Ann");
  }
  event_store_close(store);
}

static bool has_more_effects_soon(int64_t before) {
  int64_t end_us = patience_end_us();
  while (private_redis_number(redis, "LLEN watcher_effects") == before) {
    if (clock_monotonic_us() >= end_us) return false;
    usleep(1000);
  }
  return true;
}

static void kill_again_and_again(bool by_runs) {
  begin();
  in_coroutine(load_events);
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 100;
  watcher_options.by_runs = by_runs;
  srand(3);
  for (int i = 0; i < KILLS; i++) {
    pid_t process = watcher_fork(&watcher_options, NULL);
    int64_t before = private_redis_number(redis, "LLEN watcher_effects");
    /* Not before it has done something: else it would be killed while it waits for the lease. */
    CU_ASSERT_TRUE(before == KILLED_EVENTS || has_more_effects_soon(before));
    usleep((useconds_t)(rand() % 8000));
    watcher_end(process, SIGKILL);
  }
  int64_t done = private_redis_number(redis, "LLEN watcher_effects");
  CU_ASSERT(done > 0);
  pid_t process = watcher_fork(&watcher_options, NULL);
  CU_ASSERT_TRUE(watcher_process_handles(redis, KILLED_EVENTS));
  watcher_end(process, SIGTERM);
  CU_ASSERT_TRUE(effects_ascend());
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), KILLED_EVENTS);
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 0);
}

static void test_killed_consumer_repeats_and_loses_nothing(void) {
  kill_again_and_again(false);
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:finding_created"), KILLED_EVENTS / 3 * 2);
}

static void test_killed_runs_repeat_and_lose_nothing(void) {
  kill_again_and_again(true);
}

enum { RESTARTS = 200 };

/* Redis refuses what would need memory, as in an outage; the handler's need is away as well. */
static void test_restarts_during_an_outage_dead_letter_nothing(void) {
  begin();
  in_coroutine(load_events);
  private_redis_command(redis, "SET watcher_away 1");
  struct watcher_options watcher_options = options();
  watcher_options.lease_ms = 60;
  for (int i = 0; i < RESTARTS; i++) {
    private_redis_command(redis, "CONFIG SET maxmemory %s", i % 2 ? "1" : "0");
    pid_t process = watcher_fork(&watcher_options, NULL);
    usleep((useconds_t)(3000 + rand() % 20000));
    if (i % 4 == 3) private_redis_command(redis, "CLIENT KILL TYPE normal SKIPME yes");
    watcher_end(process, i % 3 ? SIGKILL : SIGTERM);
  }
  private_redis_command(redis, "CONFIG SET maxmemory 0");
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 0);
  pid_t process = watcher_fork(&watcher_options, NULL);
  CU_ASSERT_TRUE(watcher_process_handles(redis, KILLED_EVENTS));
  watcher_end(process, SIGTERM);
  CU_ASSERT_TRUE(effects_ascend());
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD watcher_parked_keys"), 0);
}

static void survive_a_restart_of_redis(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1000, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1000));
  private_redis_kill(redis);
  while (consumer_is_ready(watcher.consumer)) coroutine_sleep(2000, DEADLINE_NEVER);
  private_redis_restart(redis);
  watcher_append(watcher.store, context, "customer_created", "b", 0, 1000, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2000));
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  watcher_stop(&watcher);
}

static void test_goes_on_when_redis_is_back(void) {
  begin();
  in_coroutine(survive_a_restart_of_redis);
  CU_ASSERT_TRUE(effects_ascend());
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
      {"live events are handled once, in order", test_handles_live_events},
      {"consumer groups show what has been applied", test_groups_follow},
      {"groups move with the commit of a batch, not by a function of their own", test_groups_come_with_the_commit},
      {"events that keep coming share commits", test_events_that_keep_coming_share_commits},
      {"the longer a page takes, the more events share the next one", test_more_events_share_a_page_that_takes_long},
      {"a consumer that is behind leaves most of the time to calls while its events may wait",
       test_behind_it_leaves_time_to_calls},
      {"a consumer that is behind, and whose events may wait, leaves no time where none come any more",
       test_after_a_peak_it_leaves_no_time},
      {"it leaves time again when events begin to come again", test_in_the_next_peak_it_leaves_time_again},
      {"it handles events as quickly as it can that have waited for as long as they may",
       test_old_events_wait_no_longer},
      {"the position of the log follows the runs of an idle consumer", test_log_follows_runs},
      {"groups are made before their streams exist", test_makes_groups_of_streams_to_come},
      {"an idle consumer handles an event at once", test_idle_consumer_handles_at_once},
      {"the next events are read and handled while a commit is under way",
       test_reads_and_handles_while_a_commit_is_under_way},
      {"what was handled ahead of a commit that is refused is handled again",
       test_handles_again_what_was_ahead_of_a_refusal},
      {"a consumer killed 20 times repeats and loses nothing", test_killed_consumer_repeats_and_loses_nothing},
      {"runs of a consumer killed 20 times repeat and lose nothing", test_killed_runs_repeat_and_lose_nothing},
      {"200 restarts during an outage dead-letter nothing", test_restarts_during_an_outage_dead_letter_nothing},
      {"the consumer goes on when Redis is back", test_goes_on_when_redis_is_back},
      {"many changes of one entity follow each other", test_changes_of_one_entity_follow_each_other},
      {"a commit that Redis carries out long after its answer was lost does nothing", test_outlives_a_late_commit},
      {"without Redis, waiting and stopping end at once", test_stops_without_redis},
  };
  return suite_main("consumer, exactly once", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
