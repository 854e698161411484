/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer that follows two services whose Redises are their own, and not the consumer's: order, each event once,
 * one of them idle, away, begun later, or not whole. Against three real Redises. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "consumer/consumer_backlog.h"
#include "consumer/log_repair.h"
#include "consumer/view_rebuild_job.h"
#include "foreign_reader.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "shop_brand.h"
#include "store/log_clock.h"
#include "store/positions.h"
#include "suite.h"
#include "watcher.h"

/* Of created and updated events, of deleted ones, and the watcher's own. */
enum { FIRST, SECOND, HOME, SERVERS, OWNERS = HOME, US_PER_MS = 1000 };
static const int64_t HOUR_US = INT64_C(3600) * 1000 * 1000;
static const char *const streams[OWNERS] = {"customer_created", "customer_deleted"};

static struct private_redis *servers[SERVERS];

/* ---- the scene -------------------------------------------------------------------------------------------------- */

struct scene {
  struct context *context;
  struct event_store *owners[OWNERS]; /* as those see it that write there */
  struct watcher watcher;
};

static struct event_store *open_owner(struct context *context, size_t server, const char *key_prefix) {
  const struct event_store_options options = {.brand = &shop_brand,
                                              .service = "customer",
                                              .redis_url = private_redis_url(servers[server]),
                                              .key_prefix = key_prefix,
                                              .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store)));
  return store;
}

static struct watcher_options options_of(struct arena *arena) {
  return (struct watcher_options){
      .url = private_redis_url(servers[HOME]),
      .lease_ms = 300,
      .owners = {foreign_reader_url(servers[FIRST], arena), foreign_reader_url(servers[SECOND], arena)}};
}

static bool is_active(void *argument) {
  return consumer_state(((struct watcher *)argument)->consumer) == CONSUMER_ACTIVE;
}

static struct watcher start_watcher(struct context *context) {
  struct watcher_options options = options_of(context->arena);
  return watcher_start(context->arena, &options);
}

static struct scene scene_without_watcher(struct context *context) {
  struct scene scene = {.context = context};
  for (size_t i = 0; i < SERVERS; i++) private_redis_command(servers[i], "FLUSHALL");
  for (size_t i = 0; i < OWNERS; i++) scene.owners[i] = open_owner(context, i, NULL);
  return scene;
}

static struct scene begin(struct context *context) {
  struct scene scene = scene_without_watcher(context);
  scene.watcher = start_watcher(context);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_active, &scene.watcher));
  return scene;
}

static void end(struct scene *scene) {
  if (scene->watcher.consumer) watcher_stop(&scene->watcher);
  for (size_t i = 0; i < OWNERS; i++) event_store_close(scene->owners[i]);
}

static struct position append(struct scene *scene, size_t server, size_t count, const char *name) {
  return watcher_append(scene->owners[server], scene->context, streams[server], "c", 0, count, name);
}

static bool handles(struct scene *scene, int64_t effects) {
  return watcher_handles(servers[HOME], scene->context, effects);
}

static int64_t log_time_at(const char *text) {
  long long ms = 0, us = 0;
  return text && sscanf(text, "%lld-%lld", &ms, &us) == 2 ? ms * 1000 + us : 0;
}

static int64_t clock_of(size_t server) {
  return log_time_at(private_redis_command(servers[server], "GET ordershop_clock"));
}

static void set_clock(size_t server, int64_t log_time) {
  char value[64], epoch[LOG_EPOCH_SIZE] = "";
  sscanf(private_redis_command(servers[server], "GET ordershop_clock"), "%*s %16s", epoch);
  snprintf(value, sizeof value, "%lld-%lld %s", (long long)log_time / 1000, (long long)log_time % 1000, epoch);
  private_redis_command(servers[server], "SET ordershop_clock %s", value);
}

/* How many effects there are before one that is out of order, or all. */
static int64_t effects_in_order(void) {
  char *effects = strdup(private_redis_command(servers[HOME], "LRANGE watcher_effects 0 -1")), *rest = effects;
  int64_t count = 0, last = 0;
  for (const char *id = strsep(&rest, "\n"); id && log_time_at(id) >= last; id = strsep(&rest, "\n")) {
    last = log_time_at(id);
    count++;
  }
  free(effects);
  return count;
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

static void follow_two(struct context *context) {
  enum { ROUNDS = 20, AT_ONCE = 100 };
  struct scene scene = begin(context);
  for (int i = 0; i < ROUNDS; i++) {
    append(&scene, FIRST, AT_ONCE, "Ann");
    append(&scene, SECOND, i % 3 == 0 ? 1 : AT_ONCE, "Ann");
  }
  int64_t events = private_redis_number(servers[FIRST], "XLEN events:customer_created") +
                   private_redis_number(servers[SECOND], "XLEN events:customer_deleted");
  CU_ASSERT_TRUE(handles(&scene, events));
  CU_ASSERT_EQUAL(effects_in_order(), events);
  end(&scene);
}

static void test_events_come_in_order(void) {
  in_coroutine(follow_two);
}

/* As in one node of a cluster: the reader may read what is behind both prefixes. */
static struct scene begin_with_prefixes(struct context *context, const char *const prefixes[OWNERS]) {
  struct scene scene = {.context = context};
  for (size_t i = 0; i < SERVERS; i++) private_redis_command(servers[i], "FLUSHALL");
  struct watcher_options options = options_of(context->arena);
  for (size_t i = 0; i < OWNERS; i++) {
    const char *on_clock = arena_printf(context->arena, "(+get +set +watch ~%sordershop_clock)", prefixes[i]);
    const char *on_streams =
        arena_printf(context->arena, "(+xread +xrevrange +type +xinfo|stream %%R~%sevents:*)", prefixes[i]);
    private_redis_command(servers[FIRST], "ACL SETUSER reader %s %s", on_clock, on_streams);
    scene.owners[i] = open_owner(context, FIRST, prefixes[i]);
    options.owners[i] = foreign_reader_url(servers[FIRST], context->arena);
    options.owner_prefixes[i] = prefixes[i];
  }
  scene.watcher = watcher_start(context->arena, &options);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_active, &scene.watcher));
  return scene;
}

static void follow_two_prefixes(struct context *context) {
  enum { EACH = 100 };
  static const char *const prefixes[OWNERS] = {"{first}:", "{second}:"};
  struct scene scene = begin_with_prefixes(context, prefixes);
  struct position last[OWNERS];
  for (int i = 0; i < EACH; i++) {
    for (size_t owner = 0; owner < OWNERS; owner++) last[owner] = append(&scene, owner, 1, "Ann");
  }
  CU_ASSERT_TRUE(handles(&scene, 2 * EACH));
  CU_ASSERT_EQUAL(effects_in_order(), 2 * EACH);
  CU_ASSERT_STRING_NOT_EQUAL(last[0].epoch, last[1].epoch);
  for (size_t i = 0; i < OWNERS; i++) {
    const char *epoch = strchr(private_redis_command(servers[FIRST], "GET %sordershop_clock", prefixes[i]), ' ');
    CU_ASSERT_TRUE(epoch && strcmp(epoch + 1, last[i].epoch) == 0);
    CU_ASSERT_EQUAL(private_redis_number(servers[FIRST], "XLEN %sevents:%s", prefixes[i], streams[i]), EACH);
  }
  CU_ASSERT_EQUAL(private_redis_number(servers[FIRST], "EXISTS ordershop_clock"), 0);
  end(&scene);
}

static void test_prefixes_in_one_redis_are_logs_of_their_own(void) {
  in_coroutine(follow_two_prefixes);
}

/* A backlog is read in pages, and ahead. */
static void catch_up(struct context *context) {
  enum { MANY = 5000 };
  struct scene scene = scene_without_watcher(context);
  for (int i = 0; i < 2; i++) {
    append(&scene, FIRST, MANY, "Ann");
    append(&scene, SECOND, MANY, "Ann");
  }
  scene.watcher = start_watcher(context);
  CU_ASSERT_TRUE(handles(&scene, 4 * MANY));
  CU_ASSERT_EQUAL(effects_in_order(), 4 * MANY);
  end(&scene);
}

static void test_backlog_comes_in_order(void) {
  in_coroutine(catch_up);
}

/* Also while nothing comes from one of them, whose clock stands or is behind: the second one's runs an hour ahead. */
static void follow_an_idle_one(struct context *context) {
  struct scene scene = begin(context);
  append(&scene, FIRST, 1, "Ann");
  append(&scene, SECOND, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 2));
  for (int i = 0; i < 3; i++) {
    int64_t log_time = append(&scene, SECOND, 1, "Ann").log_time;
    CU_ASSERT_TRUE(handles(&scene, 3 + i));
    CU_ASSERT(clock_of(FIRST) >= log_time);
  }
  set_clock(SECOND, clock_wall_us() + HOUR_US);
  int64_t ahead = append(&scene, SECOND, 1, "Ann").log_time;
  CU_ASSERT(ahead > clock_wall_us() + HOUR_US / 2);
  CU_ASSERT_TRUE(handles(&scene, 6));
  CU_ASSERT(append(&scene, FIRST, 1, "Ann").log_time > ahead);
  CU_ASSERT_TRUE(handles(&scene, 7));
  CU_ASSERT_EQUAL(effects_in_order(), 7);
  end(&scene);
}

static void test_idle_redis_holds_up_nothing(void) {
  in_coroutine(follow_an_idle_one);
}

/* The first one's clock runs an hour ahead. */
static void lead_to_later_events(struct context *context) {
  struct scene scene = begin(context);
  append(&scene, FIRST, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 1));
  set_clock(FIRST, clock_wall_us() + HOUR_US);
  int64_t cause = append(&scene, FIRST, 1, "found").log_time;
  CU_ASSERT_TRUE(handles(&scene, 2));
  const char *made = private_redis_command(servers[HOME], "XREVRANGE events:finding_created + - COUNT 1");
  CU_ASSERT(log_time_at(made) > cause);
  int64_t without_events = append(&scene, FIRST, 1, "Ann").log_time;
  CU_ASSERT_TRUE(handles(&scene, 3));
  CU_ASSERT(clock_of(HOME) >= without_events);
  end(&scene);
}

static void test_effects_are_later_than_causes(void) {
  in_coroutine(lead_to_later_events);
}

static void follow_one_begun_later(struct context *context) {
  struct scene scene = begin(context);
  append(&scene, FIRST, 3, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 3));
  CU_ASSERT_EQUAL(private_redis_number(servers[SECOND], "DBSIZE"), 0);
  append(&scene, SECOND, 2, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 5));
  CU_ASSERT_EQUAL(effects_in_order(), 5);
  end(&scene);
}

static void test_log_begun_later_is_followed(void) {
  in_coroutine(follow_one_begun_later);
}

/* ---- once ------------------------------------------------------------------------------------------------------- */

static void append_by_turns(struct context *context) {
  struct scene scene = scene_without_watcher(context);
  for (int i = 0; i < 200; i++) append(&scene, i % 3 == 0 ? SECOND : FIRST, 10, "Ann");
  end(&scene);
}

static void test_killed_it_handles_each_event_once(void) {
  struct arena *arena = arena_new();
  const struct watcher_options options = options_of(arena);
  in_coroutine(append_by_turns);
  for (int64_t seen = 0, last = -1; seen < 2000; last = seen) {
    pid_t process = watcher_fork(&options, NULL);
    int64_t end_us = patience_end_us();
    do {
      usleep(1000);
      seen = private_redis_number(servers[HOME], "LLEN watcher_effects");
    } while (seen <= last + 100 && seen < 2000 && clock_monotonic_us() < end_us);
    watcher_end(process, SIGKILL);
    if (clock_monotonic_us() >= end_us) break;
  }
  CU_ASSERT_EQUAL(private_redis_number(servers[HOME], "LLEN watcher_effects"), 2000);
  CU_ASSERT_EQUAL(effects_in_order(), 2000);
  arena_free(arena);
}

/* ---- one away --------------------------------------------------------------------------------------------------- */

static void go_on_after_an_outage(struct context *context) {
  struct scene scene = begin(context);
  append(&scene, FIRST, 1, "Ann");
  append(&scene, SECOND, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 2));
  private_redis_kill(servers[SECOND]);
  struct position position = append(&scene, FIRST, 1, "Ann");
  struct positions after = {.count = 0};
  positions_advance(&after, "first", &position);
  struct status status = consumer_wait_for(scene.watcher.consumer, context, positions_text(context->arena, &after));
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_TRUE(consumer_is_ready(scene.watcher.consumer));
  CU_ASSERT_EQUAL(private_redis_number(servers[HOME], "LLEN watcher_effects"), 2);
  private_redis_restart(servers[SECOND]);
  foreign_reader_admit(servers[SECOND]);
  append(&scene, SECOND, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 4));
  CU_ASSERT_EQUAL(effects_in_order(), 4);
  end(&scene);
}

static void test_outage_holds_up_the_consumer_alone(void) {
  in_coroutine(go_on_after_an_outage);
}

/* ---- positions -------------------------------------------------------------------------------------------------- */

static const char *after_of(struct scene *scene, const struct position *first, const struct position *second) {
  struct positions after = {.count = 0};
  if (first) positions_advance(&after, "first", first);
  if (second) positions_advance(&after, "second", second);
  positions_advance(&after, "elsewhere", &(struct position){.epoch = "0123456789abcdef", .log_time = 1});
  return positions_text(scene->context->arena, &after);
}

static bool has_begun_both(void *argument) {
  const struct progress *progress = consumer_progress(((struct watcher *)argument)->consumer);
  return *progress->logs[FIRST].position.epoch && *progress->logs[SECOND].position.epoch &&
         progress_is_current(progress);
}

static void wait_for_positions(struct context *context) {
  struct scene scene = begin(context);
  struct watcher standby = start_watcher(context);
  append(&scene, FIRST, 1, "Ann");
  append(&scene, SECOND, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 2));
  CU_ASSERT_TRUE(eventually(context, has_begun_both, &scene.watcher));
  int64_t begin_us = clock_monotonic_us();
  for (int i = 0; i < 20; i++) {
    struct position first, second = append(&scene, SECOND, 1, "Ann");
    CU_ASSERT_TRUE(status_is_ok(clock_tick(scene.owners[FIRST], context, &first)));
    struct consumer *consumer = i % 2 == 0 ? scene.watcher.consumer : standby.consumer;
    struct status status = consumer_wait_for(consumer, context, after_of(&scene, &first, &second));
    CU_ASSERT_EQUAL(status.code, STATUS_OK);
    CU_ASSERT_EQUAL(private_redis_number(servers[HOME], "LLEN watcher_effects"), 3 + i);
    coroutine_sleep(i * US_PER_MS, DEADLINE_NEVER);
  }
  CU_ASSERT(clock_monotonic_us() - begin_us < at_once_us());
  watcher_stop(&standby);
  end(&scene);
}

static void test_waits_for_parts_of_several_logs(void) {
  in_coroutine(wait_for_positions);
}

static void refuse_positions(struct context *context) {
  struct scene scene = begin(context);
  struct position position = append(&scene, FIRST, 1, "Ann");
  append(&scene, SECOND, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 2));
  struct position other = position;
  other.epoch[0] = other.epoch[0] == '0' ? '1' : '0';
  struct status status = consumer_wait_for(scene.watcher.consumer, context, after_of(&scene, &position, &other));
  CU_ASSERT_TRUE(status_is(status, reason_log_reset));
  position.log_time += HOUR_US;
  status = consumer_wait_for(scene.watcher.consumer, context, after_of(&scene, &position, NULL));
  CU_ASSERT_TRUE(status_is(status, reason_log_reset));
  CU_ASSERT(clock_of(FIRST) < clock_wall_us() + HOUR_US / 2);
  end(&scene);
}

static void test_refuses_parts_of_other_logs(void) {
  in_coroutine(refuse_positions);
}

/* ---- lag -------------------------------------------------------------------------------------------------------- */

static struct consumer_backlog backlog_of(struct watcher *watcher, struct context *context) {
  struct consumer_backlog backlog = {.lag_entries = -2};
  CU_ASSERT_TRUE(status_is_ok(consumer_backlog_read(consumer_progress(watcher->consumer), context, &backlog)));
  return backlog;
}

static bool has_no_lag(void *argument) {
  struct scene *scene = argument;
  return backlog_of(&scene->watcher, scene->context).lag_entries == 0;
}

static void measure_lag(struct context *context) {
  struct scene scene = begin(context);
  struct watcher standby = start_watcher(context);
  append(&scene, FIRST, 20, "Ann");
  append(&scene, SECOND, 10, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 30));
  CU_ASSERT_TRUE(eventually(context, has_no_lag, &scene));
  CU_ASSERT_EQUAL(backlog_of(&scene.watcher, context).lag_us, 0);
  private_redis_command(servers[HOME], "SET watcher_away 1");
  append(&scene, FIRST, 1, "away");
  append(&scene, FIRST, 4, "Ann");
  append(&scene, SECOND, 5, "Ann");
  for (struct watcher *each = &scene.watcher; each; each = each == &standby ? NULL : &standby) {
    struct consumer_backlog backlog = backlog_of(each, context);
    CU_ASSERT_EQUAL(backlog.lag_entries, 10);
    CU_ASSERT(backlog.lag_us > 0);
  }
  private_redis_command(servers[HOME], "DEL watcher_away");
  CU_ASSERT_TRUE(handles(&scene, 40));
  CU_ASSERT_TRUE(eventually(context, has_no_lag, &scene));
  watcher_stop(&standby);
  end(&scene);
}

static void test_lag_is_told_from_positions(void) {
  in_coroutine(measure_lag);
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

static struct status refuse_once(struct work *work, const struct event *event, const char *name) {
  (void)event;
  if (strcmp(name, "bad") != 0 || private_redis_number(servers[HOME], "EXISTS mended") == 1) return status_ok();
  return status_error(work_arena(work), STATUS_INVALID_ARGUMENT, "REFUSED", "as asked");
}

static void retry_a_dead_letter(struct context *context) {
  struct scene scene = scene_without_watcher(context);
  struct watcher_options options = options_of(context->arena);
  options.obey = refuse_once;
  scene.watcher = watcher_start(context->arena, &options);
  append(&scene, FIRST, 1, "bad");
  append(&scene, SECOND, 1, "Ann");
  append(&scene, FIRST, 1, "Ann");
  while (private_redis_number(servers[HOME], "LLEN watcher_parked:c") < 3 &&
         clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(US_PER_MS, context->deadline_us);
  }
  private_redis_command(servers[HOME], "SET mended 1");
  private_redis_command(servers[HOME], "HSET watcher_parked_retries c operator");
  CU_ASSERT_TRUE(handles(&scene, 3));
  CU_ASSERT_EQUAL(effects_in_order(), 3);
  end(&scene);
}

static void test_dead_letter_is_read_where_it_lies(void) {
  in_coroutine(retry_a_dead_letter);
}

/* ---- a log that is not whole ------------------------------------------------------------------------------------ */

static bool is_halted(void *argument) {
  return consumer_state(((struct watcher *)argument)->consumer) == CONSUMER_HALTED;
}

/* Accepts, as an operator does, what one log has lost; nothing else is. */
static coroutine_fn void accept_what_is_lost(struct scene *scene, const char *field) {
  struct context *context = scene->context;
  struct watcher *watcher = &scene->watcher;
  size_t count, lost = 0;
  const struct service_log *logs =
      service_logs_of(context->arena, watcher->store, consumer_progress(watcher->consumer), &count);
  for (size_t i = 0; i < count; i++) {
    struct log_losses losses;
    struct progress stored;
    CU_ASSERT_TRUE_FATAL(status_is_ok(log_losses_find(&logs[i], context, &losses, &stored)));
    if (losses.count == 0) continue;
    lost++;
    CU_ASSERT_STRING_EQUAL(losses.rows[0].field, field);
    const struct operation operation = {
        .by = "ada", .action = ACTION_ACCEPT_LOSS, .subject = "", .id = log_losses_etag(&losses), .reason = "trimmed"};
    CU_ASSERT_TRUE(status_is_ok(log_losses_accept(&logs[i], context, &operation, &losses)));
  }
  CU_ASSERT_EQUAL(lost, 1);
}

static void halt_for_lost_entries(struct context *context) {
  struct scene scene = begin(context);
  append(&scene, FIRST, 5, "Ann");
  append(&scene, SECOND, 5, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 10));
  watcher_stop(&scene.watcher);
  append(&scene, FIRST, 4, "Ann");
  private_redis_command(servers[FIRST], "XTRIM events:customer_created MAXLEN 2");
  scene.watcher = start_watcher(context);
  CU_ASSERT_TRUE(eventually(context, is_halted, &scene.watcher));
  accept_what_is_lost(&scene, "accepted:first");
  CU_ASSERT_TRUE(handles(&scene, 12));
  end(&scene);
}

static void test_halts_for_lost_entries(void) {
  in_coroutine(halt_for_lost_entries);
}

/* Entries that were applied may be gone. */
static void go_on_after_trimming(struct context *context) {
  struct scene scene = begin(context);
  append(&scene, FIRST, 50, "Ann");
  append(&scene, SECOND, 5, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 55));
  watcher_stop(&scene.watcher);
  private_redis_command(servers[FIRST], "XTRIM events:customer_created MAXLEN 0");
  append(&scene, FIRST, 4, "Ann");
  scene.watcher = start_watcher(context);
  CU_ASSERT_TRUE(handles(&scene, 59));
  end(&scene);
}

static void test_goes_on_after_trimming(void) {
  in_coroutine(go_on_after_trimming);
}

static void halt_for_another_log(struct context *context) {
  struct scene scene = begin(context);
  append(&scene, FIRST, 5, "Ann");
  append(&scene, SECOND, 5, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 10));
  private_redis_command(servers[SECOND], "FLUSHALL");
  append(&scene, FIRST, 1, "Ann");
  CU_ASSERT_TRUE(eventually(context, is_halted, &scene.watcher));
  CU_ASSERT_PTR_NOT_NULL(strstr(consumer_reason(scene.watcher.consumer), "the log was reset"));
  private_redis_command(servers[HOME], "HDEL watcher_position epoch:second log:second customer_deleted");
  CU_ASSERT_TRUE(handles(&scene, 11));
  append(&scene, SECOND, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, 12));
  end(&scene);
}

static void test_halts_for_another_log(void) {
  in_coroutine(halt_for_another_log);
}

/* ---- housekeeping ----------------------------------------------------------------------------------------------- */

struct housekeeping {
  int64_t position;
  int calls;
};

static struct status housekeep(void *user, struct context *context, int64_t position, const char *epoch,
                               bool *ret_tick) {
  (void)context, (void)epoch;
  struct housekeeping *seen = user;
  seen->position = position;
  seen->calls++;
  *ret_tick = true;
  return status_ok();
}

static bool has_been_called(void *argument) {
  return ((struct housekeeping *)argument)->calls >= 4;
}

static void keep_house(struct context *context) {
  struct housekeeping seen = {0};
  struct scene scene = scene_without_watcher(context);
  append(&scene, FIRST, 1, "Ann");
  int64_t before = clock_of(FIRST);
  struct watcher_options options = options_of(context->arena);
  options.housekeep = housekeep;
  options.user = &seen;
  scene.watcher = watcher_start(context->arena, &options);
  CU_ASSERT_TRUE(eventually(context, has_been_called, &seen));
  CU_ASSERT(clock_of(FIRST) > before);
  CU_ASSERT(seen.position > before);
  end(&scene);
}

static void test_housekeeping_moves_a_foreign_clock(void) {
  in_coroutine(keep_house);
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

/* After all of the above. */
static void test_reader_needs_no_other_rights(void) {
  for (size_t i = 0; i < OWNERS; i++) {
    CU_ASSERT_FALSE(private_redis_has_denied(servers[i]));
    CU_ASSERT_PTR_NOT_NULL(strstr(private_redis_command(servers[i], "ACL LIST"), "user reader on"));
  }
}

static int start_servers(void) {
  for (size_t i = 0; i < SERVERS; i++)
    servers[i] = private_redis_start(&(struct private_redis_options){.persistent = true});
  for (size_t i = 0; i < OWNERS; i++) foreign_reader_admit(servers[i]);
  return 0;
}

static int stop_servers(void) {
  for (size_t i = 0; i < SERVERS; i++) private_redis_free(servers[i]);
  return 0;
}

/* ---- views ------------------------------------------------------------------------------------------------------ */

static bool has_ended(void *argument) {
  struct scene *scene = argument;
  struct view_rebuild_job job = {.state = VIEW_REBUILD_NONE};
  struct status status = view_rebuild_job_read(scene->watcher.store, scene->context, &job);
  return status_is_ok(status) && !view_rebuild_job_is_open(&job);
}

static void rebuild_from_two(struct context *context) {
  enum { CUSTOMERS = 200 };
  struct scene scene = begin(context);
  append(&scene, FIRST, CUSTOMERS, "Ann");
  watcher_append(scene.owners[SECOND], context, streams[SECOND], "c-1", 0, 1, "Ann");
  CU_ASSERT_TRUE(handles(&scene, CUSTOMERS + 1));
  private_redis_command(servers[HOME], "HDEL watcher_seen c-2");
  private_redis_command(servers[HOME], "HSET watcher_seen c-1 x");
  const struct view_rebuild_job asked = {.id = uuid_random(context->arena), .view = "seen", .by = "ada", .reason = ""};
  struct view_rebuild_job job;
  CU_ASSERT_TRUE(status_is_ok(view_rebuild_job_ask(scene.watcher.store, context, &asked, &job)));
  consumer_poke(scene.watcher.consumer);
  CU_ASSERT_TRUE(eventually(context, has_ended, &scene));
  CU_ASSERT_TRUE(status_is_ok(view_rebuild_job_read(scene.watcher.store, context, &job)));
  CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_DONE);
  CU_ASSERT_EQUAL(job.events_read, CUSTOMERS + 1);
  CU_ASSERT_EQUAL(job.rows[VIEW_ROW_MISSING], 1);
  CU_ASSERT_EQUAL(job.rows[VIEW_ROW_SURPLUS], 1);
  CU_ASSERT_EQUAL(private_redis_number(servers[HOME], "HLEN watcher_seen"), CUSTOMERS - 1);
  CU_ASSERT_EQUAL(private_redis_number(servers[HOME], "HEXISTS watcher_seen c-1"), 0);
  end(&scene);
}

static void test_rebuilds_a_view(void) {
  in_coroutine(rebuild_from_two);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"events of two Redises are handled once, in the order of log time", test_events_come_in_order},
      {"two prefixes in one Redis are two logs, each with its clock", test_prefixes_in_one_redis_are_logs_of_their_own},
      {"a backlog in two Redises is handled in the order of log time", test_backlog_comes_in_order},
      {"a Redis that is idle, or whose clock is behind, holds up nothing", test_idle_redis_holds_up_nothing},
      {"what events of other Redises lead to is later, and so is the clock", test_effects_are_later_than_causes},
      {"a log that is begun later is followed from then on", test_log_begun_later_is_followed},
      {"killed again and again, it handles each event once and in order", test_killed_it_handles_each_event_once},
      {"a Redis that is away holds up the consumer alone, until it is back", test_outage_holds_up_the_consumer_alone},
      {"who waits for parts of several logs waits shortly, at a standby, too", test_waits_for_parts_of_several_logs},
      {"parts of other logs than those that there are are refused", test_refuses_parts_of_other_logs},
      {"the lag is told from positions, by a standby, too", test_lag_is_told_from_positions},
      {"a dead letter is read where its stream lies", test_dead_letter_is_read_where_it_lies},
      {"it halts where entries were removed before they were applied, and goes on when told to",
       test_halts_for_lost_entries},
      {"it goes on where entries were removed that had been applied", test_goes_on_after_trimming},
      {"it halts where another Redis' log is another one, and goes on when told to", test_halts_for_another_log},
      {"housekeeping goes by another Redis' clock, and moves it on", test_housekeeping_moves_a_foreign_clock},
      {"a view that two logs feed is built anew from both", test_rebuilds_a_view},
      {"who reads another's Redis needs no rights but to read streams and move the clock",
       test_reader_needs_no_other_rights},
  };
  return suite_main("consumer, several Redises", tests, SUITE_SIZE(tests), start_servers, stop_servers, argc, argv);
}
