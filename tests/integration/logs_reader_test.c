/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of several Redises are read as one, in the order of log time (store/logs_reader.h), and the clock of an idle one
 * is moved on. Against two real Redises. */
#include "store/logs_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "foreign_reader.h"
#include "in_coroutine.h"
#include "loop/loop.h"
#include "private_redis.h"
#include "shop_brand.h"
#include "store/event.h"
#include "store/log_clock.h"
#include "suite.h"
#include "watcher.h"

enum { FIRST, SECOND, LOGS, MANY = 3000, PAUSE_US = 2000, HELD_UP_MS = 2000, FULL_READ = 64 };
static const int64_t HOUR_US = INT64_C(3600) * 1000 * 1000;

static struct private_redis *servers[LOGS];

/* What one test works with: of each Redis the store of its owner, and that of who reads it. */
struct scene {
  struct event_store *owners[LOGS], *stores[LOGS];
  struct logs_reader *reader;
  struct context *context;
};

static struct event_store *open_store(struct context *context, size_t server, bool owns) {
  const char *reader_url = foreign_reader_url(servers[server], context->arena);
  const struct event_store_options options = {.brand = &shop_brand,
                                              .service = owns ? "owner" : "reader",
                                              .redis_url = owns ? private_redis_url(servers[server]) : reader_url,
                                              .redis_password = owns ? NULL : FOREIGN_READER_PASSWORD,
                                              .key_prefix = "",
                                              .request_seconds = 100,
                                              .reads_only = !owns};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store)));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(store->commands, context->deadline_us)));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(store->reads, context->deadline_us)));
  return store;
}

static void begin_reader(struct scene *scene, const char *const after[LOGS]) {
  scene->reader = logs_reader_new(scene->stores, LOGS);
  for (size_t i = 0; i < LOGS; i++) {
    const char *key = event_stream_key(scene->stores[i], scene->context->arena, "customer_created");
    logs_reader_add(scene->reader, i, key, after[i]);
  }
}

static struct scene scene_of(struct context *context) {
  struct scene scene = {.context = context};
  for (size_t i = 0; i < LOGS; i++) {
    private_redis_command(servers[i], "FLUSHALL");
    scene.owners[i] = open_store(context, i, true);
    scene.stores[i] = open_store(context, i, false);
  }
  begin_reader(&scene, (const char *const[LOGS]){"0-0", "0-0"});
  return scene;
}

static void end(struct scene *scene) {
  logs_reader_free(scene->reader);
  for (size_t i = 0; i < LOGS; i++) {
    event_store_close(scene->owners[i]);
    event_store_close(scene->stores[i]);
  }
}

static int64_t append(struct scene *scene, size_t server) {
  return watcher_append(scene->owners[server], scene->context, "customer_created", "c", 0, 1, "Ann").log_time;
}

/* Redis gives log times from there on. */
static void set_clock(size_t server, int64_t log_time) {
  char value[64], epoch[LOG_EPOCH_SIZE] = "";
  sscanf(private_redis_command(servers[server], "GET ordershop_clock"), "%*s %16s", epoch);
  snprintf(value, sizeof value, "%lld-%lld %s", (long long)log_time / 1000, (long long)log_time % 1000, epoch);
  private_redis_command(servers[server], "SET ordershop_clock %s", value);
}

static struct status read_once(struct scene *scene) {
  bool more;
  return logs_reader_read(scene->reader, scene->context, &more);
}

/* The next entry, for which it reads as often as needed; false if none comes. */
static bool take(struct scene *scene, struct read_entry *ret_entry) {
  while (!logs_reader_next(scene->reader, ret_entry)) {
    bool more;
    struct status status = logs_reader_read(scene->reader, scene->context, &more);
    if (!status_is_ok(status) || clock_monotonic_us() >= scene->context->deadline_us) return false;
    if (!more && logs_reader_held(scene->reader) == 0) return false;
  }
  read_entry_release(ret_entry);
  return true;
}

static int64_t clock_of(size_t server) {
  long long ms = 0, us = 0;
  const char *text = private_redis_command(servers[server], "GET ordershop_clock");
  CU_ASSERT_EQUAL(sscanf(text ? text : "", "%lld-%lld", &ms, &us), 2);
  return ms * 1000 + us;
}

/* ---- the tests -------------------------------------------------------------------------------------------------- */

static void entries_come_in_order(struct context *context) {
  struct scene scene = scene_of(context);
  struct read_entry entry;
  int64_t last = 0;
  size_t taken = 0, of_first = 0;
  for (int i = 0; i < 4; i++) {
    for (size_t server = 0; server < LOGS; server++) {
      watcher_append(scene.owners[server], context, "customer_created", "c", 0, MANY / 4, "Ann");
    }
  }
  for (; take(&scene, &entry); taken++) {
    CU_ASSERT(entry.log_time >= last);
    last = entry.log_time;
    of_first += entry.stream == FIRST;
  }
  CU_ASSERT_EQUAL(taken, LOGS * MANY);
  CU_ASSERT_EQUAL(of_first, MANY);
  end(&scene);
}

static void test_entries_come_in_order(void) {
  in_coroutine(entries_come_in_order);
}

static void idle_redis_holds_up_nothing(struct context *context) {
  struct scene scene = scene_of(context);
  struct read_entry entry = {0};
  append(&scene, SECOND);
  CU_ASSERT_TRUE(take(&scene, &entry));
  for (int i = 0; i < 3; i++) {
    int64_t log_time = append(&scene, FIRST);
    CU_ASSERT_TRUE(take(&scene, &entry));
    CU_ASSERT_EQUAL(entry.log_time, log_time);
    CU_ASSERT(clock_of(SECOND) >= log_time);
    CU_ASSERT(logs_reader_handed_out(scene.reader, SECOND).log_time >= log_time);
  }
  end(&scene);
}

static void test_idle_redis_holds_up_nothing(void) {
  in_coroutine(idle_redis_holds_up_nothing);
}

/* As if the second one's clock stood still, or had been set back: the first one's runs an hour ahead. */
static void redis_behind_is_moved_on(struct context *context) {
  struct scene scene = scene_of(context);
  struct read_entry entry = {0};
  append(&scene, SECOND);
  CU_ASSERT_TRUE(take(&scene, &entry));
  append(&scene, FIRST);
  CU_ASSERT_TRUE(take(&scene, &entry));
  set_clock(FIRST, clock_wall_us() + HOUR_US);
  int64_t ahead = append(&scene, FIRST);
  CU_ASSERT(ahead > clock_wall_us() + HOUR_US / 2);
  CU_ASSERT_TRUE(take(&scene, &entry));
  CU_ASSERT_EQUAL(entry.log_time, ahead);
  int64_t later = append(&scene, SECOND);
  CU_ASSERT(later > ahead);
  CU_ASSERT_TRUE(take(&scene, &entry));
  CU_ASSERT_EQUAL(entry.log_time, later);
  end(&scene);
}

static void test_redis_behind_is_moved_on(void) {
  in_coroutine(redis_behind_is_moved_on);
}

static void log_nobody_has_begun_is_not_waited_for(struct context *context) {
  struct scene scene = scene_of(context);
  struct read_entry entry = {0};
  int64_t log_time = append(&scene, FIRST);
  CU_ASSERT_TRUE(take(&scene, &entry));
  CU_ASSERT_EQUAL(entry.log_time, log_time);
  CU_ASSERT_STRING_EQUAL(logs_reader_handed_out(scene.reader, SECOND).epoch, "");
  CU_ASSERT_EQUAL(private_redis_number(servers[SECOND], "DBSIZE"), 0);
  append(&scene, SECOND);
  CU_ASSERT_TRUE(take(&scene, &entry));
  CU_ASSERT_EQUAL(entry.stream, SECOND);
  end(&scene);
}

static void test_log_nobody_has_begun_is_not_waited_for(void) {
  in_coroutine(log_nobody_has_begun_is_not_waited_for);
}

static void assert_next(struct scene *scene, size_t server, int64_t log_time) {
  struct read_entry entry = {0};
  CU_ASSERT_TRUE(take(scene, &entry));
  CU_ASSERT_EQUAL(entry.stream, server);
  CU_ASSERT_EQUAL(entry.log_time, log_time);
}

/* The log is begun after it was found absent; the other one's entry that its first entry caused was read ahead, once.
 */
static void cause_in_a_log_just_begun_comes_first_when_read_ahead(struct context *context) {
  struct scene scene = scene_of(context);
  bool more = false; /* only then is anything read ahead */
  int64_t before = watcher_append(scene.owners[FIRST], context, "customer_created", "c", 0, FULL_READ, "Ann").log_time;
  CU_ASSERT_TRUE(status_is_ok(logs_reader_read(scene.reader, context, &more)) && more);
  int64_t cause = append(&scene, SECOND), effect = append(&scene, FIRST);
  struct context ahead = *context;
  ahead.arena = NULL;
  logs_reader_read_ahead(scene.reader, &ahead);
  logs_reader_await(scene.reader);
  struct read_entry entry = {0};
  while (entry.log_time < before && take(&scene, &entry)) continue;
  assert_next(&scene, SECOND, cause);
  assert_next(&scene, FIRST, effect);
  end(&scene);
}

struct beside {
  struct scene *scene;
  int64_t log_time;
  bool over;
};

static coroutine_fn void append_to_first(void *argument) {
  struct beside *beside = argument;
  beside->log_time = append(beside->scene, FIRST);
  beside->over = true;
}

static coroutine_fn void read_beside(void *argument) {
  struct beside *beside = argument;
  CU_ASSERT_TRUE(status_is_ok(read_once(beside->scene)));
  beside->over = true;
}

/* The log is begun while the other one is being read, whose Redis holds up an entry, and its reader behind that. */
static void cause_in_a_log_begun_during_a_read_comes_first(struct context *context) {
  struct scene scene = scene_of(context);
  struct beside effect = {.scene = &scene}, reading = {.scene = &scene};
  append(&scene, FIRST);
  CU_ASSERT_TRUE(take(&scene, &(struct read_entry){0}));
  private_redis_command(servers[FIRST], "CLIENT PAUSE %d ALL", HELD_UP_MS);
  CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), append_to_first, &effect));
  coroutine_sleep(HELD_UP_MS * 1000 / 4, context->deadline_us);
  CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), read_beside, &reading));
  coroutine_sleep(HELD_UP_MS * 1000 / 4, context->deadline_us);
  int64_t cause = append(&scene, SECOND);
  while (!effect.over || !reading.over) coroutine_sleep(PAUSE_US, context->deadline_us);
  CU_ASSERT_EQUAL(logs_reader_held(scene.reader), 1); /* the effect alone */
  assert_next(&scene, SECOND, cause);
  assert_next(&scene, FIRST, effect.log_time);
  end(&scene);
}

static void test_cause_in_a_log_just_begun_comes_first(void) {
  in_coroutine(cause_in_a_log_just_begun_comes_first_when_read_ahead);
  in_coroutine(cause_in_a_log_begun_during_a_read_comes_first);
}

/* What is read on is of the server that was read before: who reads a log again looks first whether it is whole. */
static void redis_away_holds_up_all(struct context *context) {
  struct scene scene = scene_of(context);
  struct read_entry entry = {0};
  const char *const read[LOGS] = {log_time_text(context->arena, append(&scene, FIRST)),
                                  log_time_text(context->arena, append(&scene, SECOND))};
  CU_ASSERT_TRUE(take(&scene, &entry) && take(&scene, &entry));
  private_redis_stop(servers[SECOND]);
  int64_t log_time = append(&scene, FIRST);
  CU_ASSERT_FALSE(take(&scene, &entry));
  CU_ASSERT_EQUAL(read_once(&scene).code, STATUS_UNAVAILABLE);
  private_redis_restart(servers[SECOND]);
  foreign_reader_admit(servers[SECOND]);
  CU_ASSERT_TRUE(status_is_ok(redis_wait_ready(scene.stores[SECOND]->reads, context->deadline_us)));
  CU_ASSERT_TRUE(status_is_ok(redis_wait_ready(scene.stores[SECOND]->commands, context->deadline_us)));
  CU_ASSERT_EQUAL(read_once(&scene).code, STATUS_UNAVAILABLE);
  logs_reader_free(scene.reader);
  begin_reader(&scene, read);
  CU_ASSERT_TRUE(take(&scene, &entry));
  CU_ASSERT_EQUAL(entry.log_time, log_time);
  end(&scene);
}

static void test_redis_away_holds_up_all(void) {
  in_coroutine(redis_away_holds_up_all);
}

/* ---- moving a clock on ------------------------------------------------------------------------------------------ */

struct mover {
  struct scene *scene;
  bool stopping, over;
};

static coroutine_fn void move_on_and_on(void *argument) {
  struct mover *mover = argument;
  int64_t before = 0;
  while (!mover->stopping) {
    struct context context = {.arena = arena_new(), .deadline_us = mover->scene->context->deadline_us};
    struct position now;
    CU_ASSERT_TRUE(status_is_ok(clock_move_on(mover->scene->stores[FIRST], &context, before + 7, &now)));
    CU_ASSERT(now.log_time >= before + 7);
    before = now.log_time;
    arena_free(context.arena);
  }
  mover->over = true;
}

/* Redis refuses an entry that is not later than the one before. */
static void clock_never_goes_back(struct context *context) {
  struct scene scene = scene_of(context);
  int64_t before = append(&scene, FIRST);
  struct mover movers[] = {{.scene = &scene}, {.scene = &scene}};
  for (size_t i = 0; i < 2; i++) CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), move_on_and_on, &movers[i]));
  for (int i = 0; i < 300; i++) {
    int64_t log_time = append(&scene, FIRST);
    CU_ASSERT(log_time > before);
    CU_ASSERT(clock_of(FIRST) >= log_time);
    before = log_time;
  }
  for (size_t i = 0; i < 2; i++) movers[i].stopping = true;
  while (!movers[0].over || !movers[1].over) coroutine_sleep(PAUSE_US, context->deadline_us);
  CU_ASSERT_EQUAL(private_redis_number(servers[FIRST], "XLEN events:customer_created"), 301);
  end(&scene);
}

static void test_clock_never_goes_back(void) {
  in_coroutine(clock_never_goes_back);
}

/* After all of the above. */
static void test_reader_needs_no_other_rights(void) {
  for (size_t i = 0; i < LOGS; i++) {
    CU_ASSERT_FALSE(private_redis_has_denied(servers[i]));
    CU_ASSERT_PTR_NOT_NULL(strstr(private_redis_command(servers[i], "ACL LIST"), "user reader on"));
  }
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static int start_servers(void) {
  for (size_t i = 0; i < LOGS; i++) {
    servers[i] = private_redis_start(&(struct private_redis_options){.persistent = true});
    foreign_reader_admit(servers[i]);
  }
  return 0;
}

static int stop_servers(void) {
  for (size_t i = 0; i < LOGS; i++) private_redis_free(servers[i]);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"entries of two Redises come in the order of log time", test_entries_come_in_order},
      {"a Redis that is idle holds up nothing: its clock is moved on", test_idle_redis_holds_up_nothing},
      {"a Redis whose clock is an hour behind is moved on to the other's entry", test_redis_behind_is_moved_on},
      {"a log that nobody has begun is not waited for", test_log_nobody_has_begun_is_not_waited_for},
      {"a cause in a log that has just been begun comes before its effect", test_cause_in_a_log_just_begun_comes_first},
      {"a Redis that is away holds up all, until it is back and read anew", test_redis_away_holds_up_all},
      {"a clock that is moved on while its owner appends never goes back", test_clock_never_goes_back},
      {"who reads may read streams and move the clock, and needs no other right", test_reader_needs_no_other_rights},
  };
  return suite_main("logs reader", tests, SUITE_SIZE(tests), start_servers, stop_servers, argc, argv);
}
