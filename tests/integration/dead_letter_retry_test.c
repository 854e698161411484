/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters that an operator has retried or skipped: in order, once, whoever dies meanwhile. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "consumer/dead_letter_repair.h"
#include "consumer/operations.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "shop_brand.h"
#include "suite.h"
#include "watcher.h"

static struct private_redis *redis;

/* The cause of "poison" is mended while this key is not there. */
static const char POISONED[] = "watcher_poisoned";

static struct status obey(struct work *work, const struct event *event, const char *name) {
  (void)event;
  if (strncmp(name, "poison", 6) != 0) return status_ok();
  struct arena *arena = work_arena(work);
  struct redis *connection = work_store(work)->commands;
  struct redis_arguments exists = redis_command_of(arena, "EXISTS", redis_key(connection, arena, "%s", POISONED), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(connection, work_context(work), &exists, &reply);
  if (!status_is_ok(status) || reply->number == 0) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_field_invalid, "%s is not for people", name);
}

static struct watcher_options options(void) {
  return (struct watcher_options){.url = private_redis_url(redis), .lease_ms = 200, .obey = obey};
}

static void poison(void) {
  private_redis_command(redis, "SET %s 1", POISONED);
}

static void mend(void) {
  private_redis_command(redis, "DEL %s", POISONED);
}

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  poison();
  in_coroutine(body);
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

static bool is_held(const char *key) {
  return private_redis_number(redis, "SISMEMBER watcher_parked_keys %s", key) == 1;
}

static int64_t letters_of(const char *key) {
  return private_redis_number(redis, "LLEN watcher_parked:%s", key);
}

struct count {
  const char *key;
  int64_t letters;
};

static bool has_letters(void *argument) {
  const struct count *count = argument;
  return letters_of(count->key) == count->letters;
}

static bool comes_to(struct context *context, const char *key, int64_t letters) {
  return eventually(context, has_letters, &(struct count){key, letters});
}

static bool no_retry_is_left(void *argument) {
  (void)argument;
  return private_redis_number(redis, "EXISTS watcher_parked_retries") == 0;
}

/* Nothing is kept of dead letters that were dealt with. */
static void assert_nothing_left(void) {
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_keys"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_lists"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_notes"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked_retries"), 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_alone"), 0);
}

/* Whether the effects, the list of entry ids, are in the order of the log, each once. */
static bool effects_are_in_order(struct arena *arena, int64_t from) {
  const struct redis_reply *effects = private_redis_reply(redis, arena, "LRANGE watcher_effects %lld -1", from);
  for (size_t i = 1; i < effects->count; i++) {
    if (log_time_of_entry(effects->elements[i]->text) <= log_time_of_entry(effects->elements[i - 1]->text))
      return false;
  }
  return true;
}

static const struct dead_letter_key_sight *sight_of(struct watcher *watcher, struct context *context, const char *key) {
  struct dead_letter_key_sight *sight = arena_calloc(context->arena, 1, sizeof(*sight));
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, key);
  CU_ASSERT_TRUE_FATAL(status_is_ok(dead_letters_look(watcher->store, context, &keys, 0, 1, sight)));
  return sight;
}

/* ---- what operators do ------------------------------------------------------------------------------------------ */

static void ask_retry(struct watcher *watcher, struct context *context, const char *key) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, key);
  const struct operation operation = {.by = "ada", .action = "retry", .subject = key, .id = "", .reason = ""};
  CU_ASSERT_TRUE(status_is_ok(dead_letters_ask_retry(watcher->store, context, &keys, &operation)));
}

static struct status skip(struct watcher *watcher, struct context *context, const char *key, const char *id) {
  const struct operation operation = {
      .by = "ada", .action = "skip", .subject = key, .id = id, .reason = "a\ttest\nof mine"};
  struct dead_letter_sight skipped;
  return dead_letter_skip(watcher->store, context, &operation, &skipped);
}

/* ---- retries ---------------------------------------------------------------------------------------------------- */

static void retry_in_order(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 1, "poison");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  watcher_append(watcher.store, context, "customer_created", "good", 0, 1, "Ann");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Bob");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_TRUE(comes_to(context, "bad", 3));
  mend();
  ask_retry(&watcher, context, "bad");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Cid");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 5));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  CU_ASSERT_TRUE(effects_are_in_order(context->arena, 1));
  CU_ASSERT_PTR_NOT_NULL(strstr(private_redis_command(redis, "HGET watcher_seen bad"), "Cid"));
  assert_nothing_left();
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Dan");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 6));
  watcher_stop(&watcher);
}

static void test_retried_in_order(void) {
  run(retry_in_order);
}

static void retry_too_early(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 1, "poison");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "poison too");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  CU_ASSERT_TRUE(comes_to(context, "bad", 3));
  const struct dead_letter_key_sight *sight = sight_of(&watcher, context, "bad");
  CU_ASSERT_EQUAL(sight->first.note.attempts, 1);
  CU_ASSERT_STRING_EQUAL(sight->first.note.reason, "FIELD_INVALID: poison is not for people");
  ask_retry(&watcher, context, "bad");
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  const struct dead_letter_key_sight *again = sight_of(&watcher, context, "bad");
  CU_ASSERT_TRUE(again->held);
  CU_ASSERT_EQUAL(again->count, 3);
  CU_ASSERT_EQUAL(again->first.note.attempts, 2);
  CU_ASSERT_EQUAL(again->first.note.first_us, sight->first.note.first_us);
  CU_ASSERT(again->first.note.last_us >= sight->first.note.last_us);
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Bob");
  CU_ASSERT_TRUE(comes_to(context, "bad", 4));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 0);
  mend();
  ask_retry(&watcher, context, "bad");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 4));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  CU_ASSERT_TRUE(effects_are_in_order(context->arena, 0));
  assert_nothing_left();
  watcher_stop(&watcher);
}

static void test_failed_retry_holds_the_key(void) {
  run(retry_too_early);
}

/* The first is handled, the second, which only followed it until then, is not. */
static void retry_up_to_the_next_poison(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 1, "poison");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "refuse");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  CU_ASSERT_TRUE(comes_to(context, "bad", 3));
  CU_ASSERT_EQUAL(sight_of(&watcher, context, "bad")->count, 3);
  mend();
  ask_retry(&watcher, context, "bad");
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  const struct dead_letter_key_sight *sight = sight_of(&watcher, context, "bad");
  CU_ASSERT_EQUAL(sight->count, 2);
  CU_ASSERT_STRING_EQUAL(sight->first.note.reason, "REFUSED: as asked");
  CU_ASSERT_EQUAL(sight->first.note.attempts, 1);
  CU_ASSERT(sight->first.note.first_us > 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_effects"), 1);
  watcher_stop(&watcher);
}

static void test_retry_ends_at_the_next_that_fails(void) {
  run(retry_up_to_the_next_poison);
}

static void retry_by_runs(struct context *context) {
  struct watcher_options watcher_options = options();
  watcher_options.by_runs = true;
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 1, "poison");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  watcher_append(watcher.store, context, "customer_created", "good", 0, 50, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 50));
  CU_ASSERT_TRUE(comes_to(context, "bad", 2));
  mend();
  ask_retry(&watcher, context, "bad");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 52));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  CU_ASSERT_TRUE(effects_are_in_order(context->arena, 50));
  assert_nothing_left();
  watcher_stop(&watcher);
}

static void test_retried_by_run_handlers(void) {
  run(retry_by_runs);
}

/* Such a list is left by whoever frees keys in Redis by hand. */
static void retry_a_free_key(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 1, "poison");
  CU_ASSERT_TRUE(comes_to(context, "bad", 1));
  private_redis_command(redis, "SREM watcher_parked_keys bad");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_FALSE(sight_of(&watcher, context, "bad")->held);
  ask_retry(&watcher, context, "bad");
  CU_ASSERT_TRUE(is_held("bad"));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  CU_ASSERT_TRUE(is_held("bad"));
  mend();
  ask_retry(&watcher, context, "bad");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  assert_nothing_left();
  watcher_stop(&watcher);
}

static void test_free_key_with_a_list_is_retried(void) {
  run(retry_a_free_key);
}

static void retry_what_is_gone(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  watcher_append(watcher.store, context, "customer_created", "gone", 0, 1, "poison");
  CU_ASSERT_TRUE(comes_to(context, "gone", 1));
  private_redis_command(redis, "XTRIM events:customer_created MAXLEN 0");
  private_redis_command(redis, "RPUSH watcher_parked:odd %s", "no line of ours");
  private_redis_command(redis, "RPUSH watcher_parked:foreign %s", "order_created 1-1 - what else");
  private_redis_command(redis, "SADD watcher_parked_keys odd foreign");
  private_redis_command(redis, "SADD watcher_parked_lists odd foreign");
  mend();
  static const char *const keys[] = {"gone", "odd", "foreign"};
  for (size_t i = 0; i < SUITE_SIZE(keys); i++) ask_retry(&watcher, context, keys[i]);
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  CU_ASSERT_STRING_EQUAL(sight_of(&watcher, context, "gone")->first.note.reason,
                         "its stream does not hold it any more");
  CU_ASSERT_STRING_EQUAL(sight_of(&watcher, context, "odd")->first.note.reason, "its line is not that of an event");
  CU_ASSERT_STRING_EQUAL(sight_of(&watcher, context, "foreign")->first.note.reason,
                         "the service no longer reads its stream");
  for (size_t i = 0; i < SUITE_SIZE(keys); i++) CU_ASSERT_TRUE(is_held(keys[i]));
  watcher_append(watcher.store, context, "customer_updated", "good", 0, 1, "Ann");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  watcher_stop(&watcher);
}

static void test_what_cannot_be_read_stays(void) {
  run(retry_what_is_gone);
}

/* The one that stands by is asked; the leader does it. */
static void retry_with_replicas(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher first = watcher_start(context->arena, &watcher_options);
  watcher_append(first.store, context, "customer_created", "bad", 0, 1, "poison");
  CU_ASSERT_TRUE(comes_to(context, "bad", 1));
  struct watcher second = watcher_start(context->arena, &watcher_options);
  while (!event_store_is_ready(second.store)) coroutine_sleep(2000, context->deadline_us);
  mend();
  ask_retry(&second, context, "bad");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 1));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  CU_ASSERT_EQUAL(watcher_epoch(&second), 0);
  watcher_append(first.store, context, "customer_created", "worse", 0, 1, "refuse");
  CU_ASSERT_TRUE(comes_to(context, "worse", 1));
  ask_retry(&first, context, "worse");
  watcher_stop(&first);
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL)); /* by whoever leads now */
  CU_ASSERT_EQUAL(letters_of("worse"), 1);
  watcher_stop(&second);
}

static void test_any_replica_may_be_asked(void) {
  run(retry_with_replicas);
}

/* ---- skipping --------------------------------------------------------------------------------------------------- */

static void skip_the_first(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  CU_ASSERT_EQUAL(skip(&watcher, context, "bad", "1-1").code, STATUS_UNAVAILABLE); /* not connected yet */
  watcher_append(watcher.store, context, "customer_created", "bad", 0, 1, "refuse");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Ann");
  watcher_append(watcher.store, context, "customer_updated", "bad", 0, 1, "Bob");
  CU_ASSERT_TRUE(comes_to(context, "bad", 3));
  CU_ASSERT_EQUAL(skip(&watcher, context, "good", "1-1").code, STATUS_NOT_FOUND);
  struct status another = skip(&watcher, context, "bad", "1-1");
  CU_ASSERT_TRUE(status_is(another, reason_dead_letter_not_first));
  CU_ASSERT_EQUAL(letters_of("bad"), 3);
  const char *id = sight_of(&watcher, context, "bad")->first.letter.id;
  CU_ASSERT_TRUE(status_is_ok(skip(&watcher, context, "bad", id)));
  CU_ASSERT_FALSE(status_is_ok(skip(&watcher, context, "bad", id)));
  CU_ASSERT_TRUE(watcher_handles(redis, context, 2));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  CU_ASSERT_TRUE(effects_are_in_order(context->arena, 0));
  assert_nothing_left();
  struct operation *operations;
  size_t count;
  CU_ASSERT_TRUE_FATAL(status_is_ok(operations_read(watcher.store, context, 10, &operations, &count)));
  CU_ASSERT_EQUAL_FATAL(count, 1);
  CU_ASSERT_STRING_EQUAL(operations[0].by, "ada");
  CU_ASSERT_STRING_EQUAL(operations[0].action, "skip");
  CU_ASSERT_STRING_EQUAL(operations[0].subject, "bad");
  CU_ASSERT_STRING_EQUAL(operations[0].id, id);
  CU_ASSERT_STRING_EQUAL(operations[0].reason, "a test of mine");
  CU_ASSERT(operations[0].time_us > 0 && operations[0].time_us <= clock_wall_us());
  watcher_stop(&watcher);
}

static void test_skipped_is_never_handled(void) {
  run(skip_the_first);
}

static void keep_the_last_operations(struct context *context) {
  struct watcher_options watcher_options = options();
  struct watcher watcher = watcher_start(context->arena, &watcher_options);
  while (!event_store_is_ready(watcher.store)) coroutine_sleep(2000, context->deadline_us);
  for (int i = 0; i < OPERATIONS_MAX; i++) private_redis_command(redis, "RPUSH watcher_operations old");
  ask_retry(&watcher, context, "nothing");
  struct operation *operations;
  size_t count;
  CU_ASSERT_TRUE(status_is_ok(operations_read(watcher.store, context, 2 * OPERATIONS_MAX, &operations, &count)));
  CU_ASSERT_EQUAL(count, OPERATIONS_MAX);
  CU_ASSERT_STRING_EQUAL(operations[0].action, "retry");
  CU_ASSERT_STRING_EQUAL(operations[1].action, "");
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
  watcher_stop(&watcher);
}

static void test_operations_are_bounded(void) {
  run(keep_the_last_operations);
}

/* ---- processes that end ----------------------------------------------------------------------------------------- */

enum { KEYS = 20, LETTERS = 10 /* of each key */, KILLS_MAX = 30, KILLING_US = 8 * 1000 * 1000 };

static void append_to_keys(struct context *context) {
  struct event_store *store;
  const struct event_store_options store_options = {
      .brand = &shop_brand, .service = "writer", .redis_url = private_redis_url(redis), .request_seconds = 100};
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &store_options, &store)));
  watcher_append(store, context, "customer_created", "bad", 0, KEYS, "poison");
  for (int i = 1; i < LETTERS; i++) watcher_append(store, context, "customer_updated", "bad", 0, KEYS, "Ann");
  event_store_close(store);
}

static bool process_comes_to(int64_t letters, const char *key) {
  int64_t end_us = patience_end_us();
  while (letters_of(key) != letters && clock_monotonic_us() < end_us) usleep(2000);
  return letters_of(key) == letters;
}

static const char *key_name(int key) {
  static char name[16];
  snprintf(name, sizeof(name), "bad-%d", key);
  return name;
}

/* Dead letters of all keys, by a process that is left running. */
static pid_t dead_letter_all(const struct watcher_options *watcher_options) {
  run(append_to_keys);
  pid_t process = watcher_fork(watcher_options, NULL);
  for (int i = 0; i < KEYS; i++) CU_ASSERT_TRUE(process_comes_to(LETTERS, key_name(i)));
  mend();
  return process;
}

static int64_t effects(void) {
  return private_redis_number(redis, "LLEN watcher_effects");
}

/* Kills it at some moment, and lets another one go on until that has got on. */
static pid_t kill_one(pid_t process, const struct watcher_options *watcher_options, int64_t end_us) {
  usleep((useconds_t)(random() % 40000));
  watcher_end(process, SIGKILL);
  private_redis_command(redis, "DEL watcher_lease"); /* as time would end it */
  int64_t before = effects();
  process = watcher_fork(watcher_options, NULL);
  while (effects() == before && before < KEYS * LETTERS && clock_monotonic_us() < end_us) usleep(500);
  return process;
}

/* Whether the effects that are of the key are its dead letters, in their order, each once. */
static bool is_drained_in_order(const struct redis_reply *letters, const struct redis_reply *made) {
  size_t next = 0;
  for (size_t i = 0; i < made->count; i++) {
    for (size_t j = 0; j < letters->count; j++) {
      char word[ENTRY_ID_SIZE + 2];
      snprintf(word, sizeof(word), " %s ", made->elements[i]->text);
      if (!strstr(letters->elements[j]->text, word)) continue;
      if (j != next++) return false;
    }
  }
  return next == letters->count;
}

static void kill_while_it_drains(bool by_runs) {
  struct watcher_options watcher_options = options();
  watcher_options.by_runs = by_runs;
  pid_t process = dead_letter_all(&watcher_options);
  struct arena *arena = arena_new();
  const struct redis_reply *letters[KEYS];
  for (int i = 0; i < KEYS; i++) {
    letters[i] = private_redis_reply(redis, arena, "LRANGE watcher_parked:%s 0 -1", key_name(i));
    private_redis_command(redis, "HSET watcher_parked_retries %s ada", key_name(i));
  }
  int64_t killing_until_us = clock_monotonic_us() + KILLING_US;
  int kills = 0;
  for (; kills < KILLS_MAX && effects() < KEYS * LETTERS && clock_monotonic_us() < killing_until_us; kills++) {
    process = kill_one(process, &watcher_options, patience_end_us());
  }
  printf("[%d kills] ", kills);
  int64_t end_us = patience_end_us();
  while (!no_retry_is_left(NULL) && clock_monotonic_us() < end_us) usleep(2000);
  const struct redis_reply *made = private_redis_reply(redis, arena, "LRANGE watcher_effects 0 -1");
  CU_ASSERT_EQUAL(made->count, KEYS * LETTERS);
  for (int i = 0; i < KEYS; i++) CU_ASSERT_TRUE(is_drained_in_order(letters[i], made));
  watcher_end(process, SIGTERM);
  assert_nothing_left();
  arena_free(arena);
}

static void test_killed_while_it_drains(void) {
  kill_while_it_drains(false);
}

static void test_killed_while_it_drains_by_runs(void) {
  kill_while_it_drains(true);
}

static struct status obey_or_crash(struct work *work, const struct event *event, const char *name) {
  struct status status = obey(work, event, name);
  if (strncmp(name, "poison", 6) == 0 && status_is_ok(status)) kill(getpid(), SIGKILL);
  return status;
}

/* Started again and again, as Kubernetes would, it lives in the end. */
static void test_retry_that_ends_the_process_is_given_up(void) {
  struct watcher_options watcher_options = options();
  watcher_options.obey = obey_or_crash;
  pid_t process = dead_letter_all(&watcher_options);
  private_redis_command(redis, "HSET watcher_parked_retries bad-3 ada");
  int64_t end_us = patience_end_us();
  int crashes = 0;
  while (!no_retry_is_left(NULL) && clock_monotonic_us() < end_us) {
    if (waitpid(process, NULL, WNOHANG) == process) {
      crashes++;
      process = watcher_fork(&watcher_options, NULL);
    }
    usleep(2000);
  }
  printf("[%d crashes] ", crashes);
  CU_ASSERT_EQUAL(crashes, 3);
  CU_ASSERT_EQUAL(letters_of("bad-3"), LETTERS);
  CU_ASSERT_TRUE(is_held("bad-3"));
  const char *id = private_redis_command(redis, "LINDEX watcher_parked:bad-3 0");
  char entry[ENTRY_ID_SIZE];
  CU_ASSERT_EQUAL(sscanf(id, "%*s %43s", entry), 1);
  const char *note = private_redis_command(redis, "HGET watcher_parked_notes %s", entry);
  CU_ASSERT_PTR_NOT_NULL_FATAL(note);
  CU_ASSERT_PTR_NOT_NULL(strstr(note, "ended the process or outlasted its lease three times"));
  watcher_end(process, SIGTERM);
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
      {"a retry handles the dead letters of a key in order, and those that come meanwhile, and frees it",
       test_retried_in_order},
      {"a retry that fails holds the key, with what came of it", test_failed_retry_holds_the_key},
      {"a retry ends at the next one that can't be handled", test_retry_ends_at_the_next_that_fails},
      {"run handlers take dead letters off with their effects", test_retried_by_run_handlers},
      {"a key that goes on though it has dead letters is held again while they are retried",
       test_free_key_with_a_list_is_retried},
      {"a dead letter whose event can't be read stays, and says why", test_what_cannot_be_read_stays},
      {"any replica may be asked, and the next leader goes on", test_any_replica_may_be_asked},
      {"what is skipped is never handled, what is behind it is, and it is recorded", test_skipped_is_never_handled},
      {"the record of operations keeps the last thousand", test_operations_are_bounded},
      {"killed while it drains, it handles each dead letter once and in order", test_killed_while_it_drains},
      {"killed while run handlers drain, it handles each dead letter once and in order",
       test_killed_while_it_drains_by_runs},
      {"a retry that ends the process three times is given up, and the key stays held",
       test_retry_that_ends_the_process_is_given_up},
  };
  return suite_main("dead letters, retries", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
