/* SPDX-License-Identifier: Apache-2.0 */
/* Views that are compared with the log and built anew while their consumer runs. Against a real Redis, which is changed
 * by hand. */
#include "consumer/view_rebuild.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "consumer/operations.h"
#include "consumer/view_rebuild_job.h"
#include "in_coroutine.h"
#include "patience.h"
#include "store/log_time.h"
#include "suite.h"
#include "watcher.h"

enum { ROWS = 300 };

static struct private_redis *redis;
static char folder[] = "/tmp/ordershop-view-rebuild.XXXXXX";

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(body);
}

/* ---- the scene -------------------------------------------------------------------------------------------------- */

static struct watcher_options options(void) {
  /* Nobody listens there: what is sent stays in the outbox. */
  return (struct watcher_options){
      .url = private_redis_url(redis), .lease_ms = 1000, .mail_address = "ipv4:127.0.0.1:1"};
}

static bool is_active(void *argument) {
  return consumer_state(((struct watcher *)argument)->consumer) == CONSUMER_ACTIVE;
}

static struct watcher start(struct context *context) {
  struct watcher_options own = options();
  struct watcher watcher = watcher_start(context->arena, &own);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_active, &watcher));
  return watcher;
}

static void append(struct watcher *watcher, struct context *context, const char *stream, const char *id, size_t count,
                   const char *name) {
  watcher_append(watcher->store, context, stream, id, 0, count, name);
}

/* A consumer that has handled the creation of so many customers. */
static struct watcher start_with(struct context *context, size_t count) {
  struct watcher watcher = start(context);
  append(&watcher, context, "customer_created", "c", count, "Ann");
  CU_ASSERT_TRUE_FATAL(watcher_handles(redis, context, (int64_t)count));
  return watcher;
}

static struct status ask(struct watcher *watcher, struct context *context, bool verify_only) {
  const struct view_rebuild_job asked = {.id = uuid_random(context->arena),
                                         .view = "seen",
                                         .verify_only = verify_only,
                                         .by = "ada",
                                         .reason = "it looks wrong"};
  struct view_rebuild_job job;
  struct status status = view_rebuild_job_ask(watcher->store, context, &asked, &job);
  if (status_is_ok(status)) consumer_poke(watcher->consumer);
  return status;
}

static struct view_rebuild_job read_job(struct watcher *watcher, struct context *context) {
  struct view_rebuild_job job = {.state = VIEW_REBUILD_NONE};
  CU_ASSERT_TRUE_FATAL(status_is_ok(view_rebuild_job_read(watcher->store, context, &job)));
  return job;
}

static struct view_rebuild_job await_end(struct watcher *watcher, struct context *context) {
  struct view_rebuild_job job = read_job(watcher, context);
  while (view_rebuild_job_is_open(&job) && clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(5000, context->deadline_us);
    job = read_job(watcher, context);
  }
  return job;
}

static struct view_rebuild_job rebuild(struct watcher *watcher, struct context *context, bool verify_only) {
  CU_ASSERT_TRUE_FATAL(status_is_ok(ask(watcher, context, verify_only)));
  return await_end(watcher, context);
}

static void expect_rows(const struct view_rebuild_job *job, int64_t wrong, int64_t missing, int64_t surplus) {
  CU_ASSERT_EQUAL(job->state, VIEW_REBUILD_DONE);
  CU_ASSERT_STRING_EQUAL(job->error, "");
  CU_ASSERT_EQUAL(job->rows[VIEW_ROW_WRONG], wrong);
  CU_ASSERT_EQUAL(job->rows[VIEW_ROW_MISSING], missing);
  CU_ASSERT_EQUAL(job->rows[VIEW_ROW_SURPLUS], surplus);
}

static void verify(struct watcher *watcher, struct context *context, int64_t wrong, int64_t missing, int64_t surplus) {
  struct view_rebuild_job job = rebuild(watcher, context, true);
  expect_rows(&job, wrong, missing, surplus);
}

/* The row of one customer becomes that of another one. */
static void make_wrong(struct context *context, const char *key, const char *as) {
  const struct redis_reply *row = private_redis_reply(redis, context->arena, "HGET watcher_seen %s", as);
  private_redis_command(redis, "HSET watcher_seen %s %b", key, row->text, row->size);
}

static void expect_nothing_left(void) {
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_rebuild:seen watcher_replaced:seen"), 0);
}

/* ---- what is compared ------------------------------------------------------------------------------------------- */

static void find_nothing(struct context *context) {
  struct watcher watcher = start_with(context, ROWS);
  append(&watcher, context, "customer_updated", "c-1", 1, "Bob");
  append(&watcher, context, "customer_deleted", "c-2", 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, ROWS + 2));
  struct view_rebuild_job job = rebuild(&watcher, context, true);
  expect_rows(&job, 0, 0, 0);
  CU_ASSERT_EQUAL(job.events_read, ROWS + 2);
  CU_ASSERT_EQUAL(job.events_total, ROWS + 2);
  CU_ASSERT_EQUAL(job.rows_compared, ROWS - 1);
  job = rebuild(&watcher, context, false);
  expect_rows(&job, 0, 0, 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), ROWS - 1);
  verify(&watcher, context, 0, 0, 0);
  expect_nothing_left();
  watcher_stop(&watcher);
}

static void test_right(void) {
  run(find_nothing);
}

static void mend_rows(struct context *context) {
  struct watcher watcher = start_with(context, ROWS);
  make_wrong(context, "c-1", "c-5");
  make_wrong(context, "stranger", "c-7");
  private_redis_command(redis, "HDEL watcher_seen c-2 c-3");
  struct view_rebuild_job job = rebuild(&watcher, context, true);
  expect_rows(&job, 1, 2, 1);
  CU_ASSERT_EQUAL(job.difference_count, 4);
  for (size_t i = 0; i < job.difference_count; i++) {
    const struct view_difference *difference = &job.differences[i];
    if (difference->kind == VIEW_ROW_SURPLUS) CU_ASSERT_STRING_EQUAL(difference->key, "stranger");
    if (difference->kind != VIEW_ROW_WRONG) continue;
    CU_ASSERT_STRING_EQUAL(difference->key, "c-1");
    CU_ASSERT_STRING_EQUAL(difference->field, "id");
    CU_ASSERT_STRING_EQUAL(difference->live, "c-5");
    CU_ASSERT_STRING_EQUAL(difference->rebuilt, "c-1");
  }
  CU_ASSERT_EQUAL(private_redis_number(redis, "HEXISTS watcher_seen stranger"), 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_operations"), 0);
  job = rebuild(&watcher, context, false);
  expect_rows(&job, 1, 2, 1);
  verify(&watcher, context, 0, 0, 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), ROWS);
  expect_nothing_left();
  watcher_stop(&watcher);
}

static void test_mended(void) {
  run(mend_rows);
}

/* As a leader leaves it that ended on the way. */
static void drop_old(struct context *context) {
  struct watcher watcher = start_with(context, 3);
  private_redis_command(redis, "HSET watcher_rebuild:seen ghost x");
  struct view_rebuild_job job = rebuild(&watcher, context, false);
  expect_rows(&job, 0, 0, 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HEXISTS watcher_seen ghost"), 0);
  watcher_stop(&watcher);
}

static void test_old_shadow(void) {
  run(drop_old);
}

static void mend_emptied(struct context *context) {
  struct watcher watcher = start_with(context, 3);
  private_redis_command(redis, "DEL watcher_seen");
  struct view_rebuild_job job = rebuild(&watcher, context, false);
  expect_rows(&job, 0, 3, 0);
  verify(&watcher, context, 0, 0, 0);
  append(&watcher, context, "customer_deleted", "c", 3, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 6));
  make_wrong(context, "stranger", "c-0");
  private_redis_command(redis, "HSET watcher_seen stranger x");
  job = rebuild(&watcher, context, false);
  expect_rows(&job, 0, 0, 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_seen"), 0);
  watcher_stop(&watcher);
}

static void test_emptied(void) {
  run(mend_emptied);
}

/* ---- effects ---------------------------------------------------------------------------------------------------- */

static void hold_back(struct context *context) {
  struct watcher watcher = start(context);
  append(&watcher, context, "customer_created", "a", 1, "mail");
  append(&watcher, context, "customer_created", "b", 1, "found");
  append(&watcher, context, "customer_created", "c", 1, "again");
  append(&watcher, context, "customer_updated", "c", 1, "again");
  CU_ASSERT_TRUE_FATAL(watcher_handles(redis, context, 4));
  int64_t entries = private_redis_number(redis, "XLEN events:finding_created") +
                    private_redis_number(redis, "XLEN events:finding_updated");
  CU_ASSERT_EQUAL(entries, 3);
  struct view_rebuild_job job = rebuild(&watcher, context, false);
  expect_rows(&job, 0, 0, 0);
  CU_ASSERT_EQUAL(job.events_left_out, 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_outbox"), 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 4);
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:finding_created") +
                      private_redis_number(redis, "XLEN events:finding_updated"),
                  entries);
  watcher_stop(&watcher);
}

static void test_effects(void) {
  run(hold_back);
}

static void leave_out(struct context *context) {
  struct watcher watcher = start_with(context, 3);
  append(&watcher, context, "customer_created", "bad", 1, "refuse");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 3));
  while (private_redis_number(redis, "SCARD watcher_parked_lists") == 0) coroutine_sleep(5000, context->deadline_us);
  struct view_rebuild_job job = rebuild(&watcher, context, true);
  CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_FAILED);
  CU_ASSERT_PTR_NOT_NULL(strstr(job.error, "DEAD_LETTERS_THERE"));
  private_redis_command(redis, "DEL watcher_parked:bad watcher_parked_keys watcher_parked_lists watcher_parked_notes");
  do job = rebuild(&watcher, context, true);
  while (job.state == VIEW_REBUILD_FAILED && clock_monotonic_us() < context->deadline_us);
  expect_rows(&job, 0, 0, 0);
  CU_ASSERT_EQUAL(job.events_left_out, 1);
  watcher_stop(&watcher);
}

static void test_dead_letters(void) {
  run(leave_out);
}

/* ---- refusals --------------------------------------------------------------------------------------------------- */

static void refuse_trimmed(struct context *context) {
  struct watcher watcher = start_with(context, 10);
  make_wrong(context, "c-1", "c-5");
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN 7");
  struct view_rebuild_job job = rebuild(&watcher, context, false);
  CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_FAILED);
  CU_ASSERT_PTR_NOT_NULL(strstr(job.error, "LOG_GAP: "));
  CU_ASSERT_PTR_NOT_NULL(strstr(job.error, "3 of 10 entries of the stream customer_created were removed"));
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), 10);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_operations"), 0);
  append(&watcher, context, "customer_created", "d", 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 11));
  watcher_stop(&watcher);
}

static void test_trimmed(void) {
  run(refuse_trimmed);
}

/* ---- what was archived ------------------------------------------------------------------------------------------ */

/* The event service, as a rebuild sees it: it has all entries, those of a stream in a copy of it. */
enum { TOLD_AT_ONCE = 50 };
static int64_t told_pages, trim_ahead;

static const char *const kept[] = {"customer_created", "customer_updated", "customer_deleted"};

static void keep_all(void) {
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    private_redis_command(redis, "COPY events:%s kept:%s REPLACE", kept[i], kept[i]);
  }
}

static int by_log_time(const void *left, const void *right) {
  const struct archived_event *one = left, *other = right;
  return one->log_time < other->log_time ? -1 : one->log_time > other->log_time;
}

static size_t read_kept(struct arena *arena, const char *stream, const struct archived_range *range,
                        struct archived_event *events) {
  const struct redis_reply *entries =
      private_redis_reply(redis, arena, "XRANGE kept:%s (%s %s COUNT %d", stream, log_time_text(arena, range->after),
                          log_time_text(arena, range->until), TOLD_AT_ONCE);
  for (size_t i = 0; i < entries->count; i++) {
    const struct redis_reply *entry = entries->elements[i];
    int64_t log_time = log_time_of_entry(redis_reply_text(redis_reply_at(entry, 0)));
    events[i] = (struct archived_event){.stream = stream, .log_time = log_time, .entry = entry};
  }
  return entries->count;
}

/* Trims so many entries more than were told; the last one stays. */
static void trim_behind(struct arena *arena, int64_t log_time) {
  const struct redis_reply *next = private_redis_reply(redis, arena, "XRANGE kept:customer_created (%s + COUNT %lld",
                                                       log_time_text(arena, log_time), (long long)trim_ahead);
  if (next->count == 0) return;
  const char *id = redis_reply_text(redis_reply_at(next->elements[next->count - 1], 0));
  private_redis_command(redis, "XTRIM events:customer_created MINID %s", id);
}

/* While it tells, more is trimmed. */
static struct status tell_kept(void *argument, struct context *context, const struct archived_range *range,
                               struct archived_page *ret_page) {
  (void)argument;
  struct arena *arena = context->arena;
  struct archived_event *events = arena_calloc(arena, range->stream_count * TOLD_AT_ONCE, sizeof *events);
  size_t count = 0;
  for (size_t i = 0; i < range->stream_count; i++) count += read_kept(arena, range->streams[i], range, events + count);
  qsort(events, count, sizeof *events, by_log_time);
  bool is_all = count < TOLD_AT_ONCE;
  if (!is_all) count = TOLD_AT_ONCE;
  *ret_page = (struct archived_page){
      .events = events, .count = count, .told_to = is_all ? range->until : events[count - 1].log_time};
  told_pages++;
  if (trim_ahead > 0) trim_behind(arena, ret_page->told_to);
  return status_ok();
}

static const struct archived_events archived = {.read_archived = tell_kept, .setting = "EVENT_ADDRESS"};

static struct watcher start_archived(struct context *context, size_t count) {
  struct watcher_options own = options();
  own.archived = &archived;
  told_pages = trim_ahead = 0;
  struct watcher watcher = watcher_start(context->arena, &own);
  CU_ASSERT_TRUE_FATAL(eventually(context, is_active, &watcher));
  append(&watcher, context, "customer_created", "c", count, "Ann");
  append(&watcher, context, "customer_updated", "c-1", 1, "Bob");
  append(&watcher, context, "customer_deleted", "c-2", 1, "Ann");
  append(&watcher, context, "customer_created", "d", count, "Ann");
  CU_ASSERT_TRUE_FATAL(watcher_handles(redis, context, 2 * (int64_t)count + 2));
  keep_all();
  return watcher;
}

static void expect_all(const struct view_rebuild_job *job, int64_t count) {
  expect_rows(job, 0, 0, 0);
  CU_ASSERT_EQUAL(job->events_read, 2 * count + 2);
  CU_ASSERT_EQUAL(job->events_total, 2 * count + 2);
}

static void read_archived(struct context *context) {
  struct watcher watcher = start_archived(context, ROWS);
  struct view_rebuild_job job = rebuild(&watcher, context, true);
  expect_all(&job, ROWS);
  CU_ASSERT_EQUAL(told_pages, 0);
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN = %d", ROWS);
  job = rebuild(&watcher, context, true);
  expect_all(&job, ROWS);
  CU_ASSERT_EQUAL(told_pages, (ROWS + 3 + TOLD_AT_ONCE - 1) / TOLD_AT_ONCE);
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN = 1");
  private_redis_command(redis, "HDEL watcher_seen c-4 d-5");
  job = rebuild(&watcher, context, false);
  expect_rows(&job, 0, 2, 0);
  job = rebuild(&watcher, context, true);
  expect_all(&job, ROWS);
  watcher_stop(&watcher);
}

static void test_archived(void) {
  run(read_archived);
}

/* The log recedes before whoever comes from the archive. */
static void follow_receding(struct context *context) {
  enum { AHEAD = 70 };
  struct watcher watcher = start_archived(context, ROWS);
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN = %d", 2 * ROWS - 10);
  trim_ahead = AHEAD;
  struct view_rebuild_job job = rebuild(&watcher, context, true);
  expect_all(&job, ROWS);
  CU_ASSERT_EQUAL(told_pages, (2 * ROWS + 2 + TOLD_AT_ONCE - 1) / TOLD_AT_ONCE);
  watcher_stop(&watcher);
}

static void test_receding(void) {
  run(follow_receding);
}

/* An archiving goes on while pages are read from the log, at any moment, and faster than these. */
static void trim_while_reading(struct context *context) {
  enum { MANY = 1500, ROUNDS = 5, STEP = 40 };
  struct watcher watcher = start_archived(context, MANY);
  for (int round = 0; round < ROUNDS; round++) {
    private_redis_command(redis, "COPY kept:customer_created events:customer_created REPLACE");
    CU_ASSERT_TRUE_FATAL(status_is_ok(ask(&watcher, context, true)));
    struct view_rebuild_job job = read_job(&watcher, context);
    for (int64_t left = 2 * MANY; view_rebuild_job_is_open(&job); left -= STEP) {
      if (job.state != VIEW_REBUILD_ASKED && left > STEP) {
        private_redis_command(redis, "XTRIM events:customer_created MAXLEN = %lld", (long long)left);
      }
      job = read_job(&watcher, context);
    }
    expect_all(&job, MANY);
  }
  CU_ASSERT_TRUE(told_pages > 0);
  watcher_stop(&watcher);
}

static void test_trimmed_meanwhile(void) {
  run(trim_while_reading);
}

static void refuse_lacking(struct context *context) {
  struct watcher watcher = start_archived(context, 10);
  const char *first = redis_reply_text(redis_reply_at(
      redis_reply_at(private_redis_reply(redis, context->arena, "XRANGE kept:customer_created - + COUNT 1"), 0), 0));
  private_redis_command(redis, "XDEL kept:customer_created %s", first);
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN = 5");
  struct view_rebuild_job job = rebuild(&watcher, context, true);
  CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_FAILED);
  CU_ASSERT_PTR_NOT_NULL(strstr(job.error,
                                "15 entries of the stream customer_created were removed, of which the "
                                "archive has 14"));
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN 0");
  job = rebuild(&watcher, context, true);
  CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_FAILED);
  CU_ASSERT_PTR_NOT_NULL(strstr(job.error, "it now begins at its end"));
  watcher_stop(&watcher);
}

static void test_lacking(void) {
  run(refuse_lacking);
}

/* ---- rights ----------------------------------------------------------------------------------------------------- */

/* As of a service whose user was made for an earlier version. */
static void lack_right(struct context *context) {
  static const char *const rights[] = {"hscan", "rename", "unlink"};
  struct watcher watcher = start_with(context, 3);
  for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
    private_redis_command(redis, "ACL SETUSER default -%s", rights[i]);
    struct view_rebuild_job job = rebuild(&watcher, context, false);
    private_redis_command(redis, "ACL SETUSER default +@all");
    CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(job.error, "REDIS_NOPERM"));
    CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), 3);
  }
  append(&watcher, context, "customer_created", "d", 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 4));
  struct view_rebuild_job job = rebuild(&watcher, context, false);
  expect_rows(&job, 0, 0, 0);
  expect_nothing_left();
  watcher_stop(&watcher);
}

static void test_rights(void) {
  run(lack_right);
}

static void refuse_second(struct context *context) {
  struct watcher watcher = start(context);
  private_redis_command(redis, "HSET watcher_rebuild id other view seen state building by bob");
  struct status status = ask(&watcher, context, true);
  CU_ASSERT_EQUAL(status.code, STATUS_FAILED_PRECONDITION);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "VIEW_REBUILD_UNDER_WAY");
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "bob"));
  struct view_rebuild_job job = await_end(&watcher, context);
  CU_ASSERT_STRING_EQUAL(job.id, "other");
  CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_DONE);
  CU_ASSERT_TRUE(status_is_ok(ask(&watcher, context, true)));
  await_end(&watcher, context);
  watcher_stop(&watcher);
}

static void test_one_at_a_time(void) {
  run(refuse_second);
}

static void give_up(struct context *context) {
  struct watcher watcher = start_with(context, 3);
  private_redis_command(redis, "HSET watcher_rebuild id other view seen state building attempts 5 by bob");
  struct view_rebuild_job job = await_end(&watcher, context);
  CU_ASSERT_EQUAL(job.state, VIEW_REBUILD_FAILED);
  CU_ASSERT_PTR_NOT_NULL(strstr(job.error, "VIEW_REBUILD_GIVEN_UP"));
  watcher_stop(&watcher);
}

static void test_given_up(void) {
  run(give_up);
}

static void keep_record(struct context *context) {
  struct watcher watcher = start_with(context, 3);
  private_redis_command(redis, "HDEL watcher_seen c-2");
  struct view_rebuild_job job = rebuild(&watcher, context, false);
  struct operation *rows;
  size_t count;
  CU_ASSERT_TRUE(status_is_ok(operations_read(watcher.store, context, 10, &rows, &count)));
  CU_ASSERT_EQUAL_FATAL(count, 1);
  CU_ASSERT_STRING_EQUAL(rows[0].by, "ada");
  CU_ASSERT_STRING_EQUAL(rows[0].action, ACTION_REBUILD_VIEW);
  CU_ASSERT_STRING_EQUAL(rows[0].subject, "seen");
  CU_ASSERT_STRING_EQUAL(rows[0].id, job.id);
  CU_ASSERT_STRING_EQUAL(rows[0].reason, "0 wrong, 1 missing, 0 surplus rows; it looks wrong");
  watcher_stop(&watcher);
}

static void test_record(void) {
  run(keep_record);
}

/* ---- under load ------------------------------------------------------------------------------------------------- */

/* Events come all the time; what they do to rows that are wrong is done to the wrong ones until the end. */
static void rebuild_under_load(struct context *context) {
  enum { BACKLOG = 3000, MORE = 5 };
  struct watcher watcher = start_with(context, BACKLOG);
  private_redis_command(redis, "HDEL watcher_seen c-2 c-3");
  make_wrong(context, "stranger", "c-7");
  CU_ASSERT_TRUE_FATAL(status_is_ok(ask(&watcher, context, false)));
  struct view_rebuild_job job = read_job(&watcher, context);
  int64_t appended = BACKLOG;
  for (size_t i = 0; view_rebuild_job_is_open(&job) && clock_monotonic_us() < context->deadline_us; i++) {
    const char *id = arena_printf(context->arena, "more%zu", i);
    append(&watcher, context, "customer_created", id, MORE, "Bob");
    append(&watcher, context, "customer_updated", "c-1", 1, id);
    appended += MORE + 1;
    job = read_job(&watcher, context);
  }
  expect_rows(&job, 0, 2, 1);
  CU_ASSERT_TRUE(appended > BACKLOG + MORE + 1);
  CU_ASSERT_TRUE(watcher_handles(redis, context, appended));
  verify(&watcher, context, 0, 0, 0);
  watcher_stop(&watcher);
}

static void test_under_load(void) {
  run(rebuild_under_load);
}

/* ---- ends on the way -------------------------------------------------------------------------------------------- */

#ifdef FAIL_POINTS

static void arm(const char *point) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, point);
  FILE *file = fopen(path, "w");
  fputs("kill", file);
  fclose(file);
}

static bool was_hit(const char *point) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s.hit", folder, point);
  return access(path, F_OK) == 0 && unlink(path) == 0;
}

static void make_backlog(struct context *context) {
  struct watcher watcher = start_with(context, ROWS);
  private_redis_command(redis, "HDEL watcher_seen c-2");
  CU_ASSERT_TRUE(status_is_ok(ask(&watcher, context, false)));
  watcher_stop(&watcher);
}

static void await_mended(struct context *context) {
  struct watcher watcher = start(context);
  struct view_rebuild_job job = await_end(&watcher, context);
  expect_rows(&job, 0, 1, 0);
  CU_ASSERT_EQUAL(job.attempts, 2);
  verify(&watcher, context, 0, 0, 0);
  expect_nothing_left();
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), ROWS);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_operations"), 1);
  watcher_stop(&watcher);
}

static void kill_at(const char *point) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(make_backlog);
  /* As if it had not been begun, however far it came before the watcher stopped. */
  private_redis_command(redis, "HSET watcher_rebuild state asked attempts 0");
  private_redis_command(redis, "HDEL watcher_seen c-2");
  private_redis_command(redis, "DEL watcher_operations");
  struct watcher_options own = options();
  arm(point);
  pid_t process = watcher_fork(&own, NULL);
  int64_t end_us = patience_end_us();
  while (!was_hit(point) && clock_monotonic_us() < end_us) usleep(5000);
  watcher_end(process, SIGKILL);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HLEN watcher_seen"), ROWS - 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "HEXISTS watcher_seen c-2"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_rebuild:seen"), 1);
  in_coroutine(await_mended);
}

static void test_killed(void) {
  kill_at("view.after_page");
  kill_at("view.before_end");
}

#endif

static int set_up(void) {
  if (!mkdtemp(folder)) return 1;
  setenv("FAIL_POINT_DIR", folder, 1);
  redis = private_redis_start(NULL);
  return 0;
}

static int tear_down(void) {
  private_redis_free(redis);
  rmdir(folder);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what is built is what is there", test_right},
      {"a wrong, a missing and a surplus row are each found, and mended", test_mended},
      {"a view that was emptied is filled, one that should be empty is emptied", test_emptied},
      {"what an earlier leader has built is not built upon", test_old_shadow},
      {"effects besides views are held back", test_effects},
      {"dead letters come first; an event that is refused for good is left out", test_dead_letters},
      {"a log that was trimmed is refused, and the live view left alone", test_trimmed},
      {"what has left Redis is read from the archive, and the rest from Redis", test_archived},
      {"a log that recedes before its reader is read to its end", test_receding},
      {"what is trimmed between two pages is not missed", test_trimmed_meanwhile},
      {"an archive that lacks an entry is refused", test_lacking},
      {"a right that is missing fails the job, and holds up no events", test_rights},
      {"there is one rebuild at a time", test_one_at_a_time},
      {"a job that was begun too often has failed", test_given_up},
      {"who has had a view replaced, and why, is recorded", test_record},
      {"it comes to its end while events keep coming", test_under_load},
#ifdef FAIL_POINTS
      {"a kill on the way leaves the live view as it was, and the next leader begins again", test_killed},
#endif
  };
  return suite_main("view rebuild", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
