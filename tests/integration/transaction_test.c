/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions that are run at once: what they share, and that each has its own outcome. Against a real Redis. */
#include "store/transaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "patience.h"
#include "private_redis.h"
#include "private_store.h"
#include "shop_brand.h"
#include "store/commit.h"
#include "store/event_store.h"
#include "suite.h"
#include "watcher.h"

enum { US_PER_MS = 1000, STEPS_OF_A_COMMIT = 300, BESIDES_STEPS = 1 };

static struct private_redis *server;

static int start_server(void) {
  server = private_redis_start(NULL);
  return 0;
}

static int stop_server(void) {
  private_redis_free(server);
  return 0;
}

/* ---- many at once ----------------------------------------------------------------------------------------------- */

static void run_once(struct event_store *store, struct context *context);

/* On an empty Redis, which has the functions and a clock. */
static struct event_store *open_store(struct context *context) {
  struct event_store *store = private_store_open(context, server, "tester");
  run_once(store, context);
  private_redis_command(server, "CONFIG RESETSTAT");
  return store;
}

/* One call among several. What it builds lives in an arena of its own, which goes when it ends. */
struct call {
  struct event_store *store;
  void (*build)(struct transaction *transaction, int number);
  int number;
  int64_t patience_us; /* 0 means as long as the test */
  bool ended;
  enum status_code code;
  const char *reason;
  char message[200];
  bool may_have_run;
  struct transaction_result result;
  char text[100]; /* the record or what the guard found */
};

static void run_call(void *item) {
  struct call *call = item;
  struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
  if (call->patience_us) context.deadline_us = clock_monotonic_us() + call->patience_us;
  struct transaction transaction = transaction_of(call->store, context.arena);
  call->build(&transaction, call->number);
  struct status status = transaction_run(&transaction, &context, &call->result);
  call->code = status.code;
  call->reason = status.details && !status.details->reason_is_text ? status.details->reason : "";
  snprintf(call->message, sizeof call->message, "%s", status.message ? status.message : "");
  call->may_have_run = transaction.may_have_run;
  const char *text = call->result.actual ? call->result.actual : call->result.record;
  if (status_is_ok(status)) snprintf(call->text, sizeof call->text, "%s", text ? text : "");
  arena_free(context.arena);
  call->ended = true;
}

/* Runs all; they come to the store one after another before any is sent. */
static void run_calls(struct event_store *store, struct call *calls, int count) {
  void **items = calloc((size_t)count, sizeof *items);
  for (int i = 0; i < count; i++) {
    calls[i].store = store;
    items[i] = &calls[i];
  }
  coroutine_for_each(run_call, items, count, count);
  free(items);
}

/* Makes `count` calls that build the same, numbered from 0 on. */
static struct call *calls_of(struct context *context, int count,
                             void (*build)(struct transaction *transaction, int number)) {
  struct call *calls = arena_calloc(context->arena, (size_t)count, sizeof *calls);
  for (int i = 0; i < count; i++) calls[i] = (struct call){.build = build, .number = i};
  return calls;
}

static bool is_done(const struct call *call) {
  return call->code == STATUS_OK && call->result.outcome == TRANSACTION_DONE;
}

static int count_done(const struct call *calls, int count) {
  int done = 0;
  for (int i = 0; i < count; i++) done += is_done(&calls[i]);
  return done;
}

static void assert_all_done(const struct call *calls, int count) {
  for (int i = 0; i < count; i++) {
    if (!is_done(&calls[i])) printf("\n    call %d is not done: %s ", i, calls[i].message);
  }
  CU_ASSERT_EQUAL(count_done(calls, count), count);
}

static int64_t functions_called(void) {
  const char *stats = private_redis_command(server, "INFO commandstats");
  const char *at = strstr(stats, "cmdstat_fcall:calls=");
  return at ? atoll(at + strlen("cmdstat_fcall:calls=")) : 0;
}

static const char *key_of(struct transaction *transaction, const char *name, int number) {
  return arena_printf(transaction->arena, "tester_%s:%d", name, number);
}

static void append(struct transaction *transaction, const char *stream, int number) {
  struct redis_arguments fields = redis_arguments_empty(transaction->arena);
  redis_add_text(&fields, "number");
  redis_add_number(&fields, number);
  transaction_append(transaction, stream, &fields);
}

/* Sets a value and appends an event. */
static void build_good(struct transaction *transaction, int number) {
  transaction_require_absent(transaction, key_of(transaction, "good", number));
  transaction_set_value(transaction, key_of(transaction, "good", number), "value");
  append(transaction, "events:tester_made", number);
}

enum { GOOD_STEPS = 3 + BESIDES_STEPS };

static void run_once(struct event_store *store, struct context *context) {
  struct call *first = calls_of(context, 1, build_good);
  first->number = -1;
  run_calls(store, first, 1);
  assert_all_done(first, 1);
  CU_ASSERT_TRUE_FATAL(is_done(first));
}

static int64_t last_entry(const char *stream) {
  const char *info = private_redis_command(server, "XINFO STREAM %s", stream);
  const char *id = strstr(info, "last-generated-id\n");
  int64_t log_time = 0;
  char text[ENTRY_ID_SIZE] = "";
  if (id) sscanf(id, "last-generated-id\n%43s", text);
  CU_ASSERT_TRUE(log_time_parse(text, &log_time));
  return log_time;
}

static int64_t clock_now(void) {
  struct position last = {0};
  CU_ASSERT_TRUE(clock_parse(private_redis_command(server, "GET %s", shop_brand.clock_key), &last));
  return last.log_time;
}

/* So that the server's time does not hide what the clock says. */
static void move_clock_ahead(struct context *context) {
  struct position last = {0};
  CU_ASSERT_TRUE_FATAL(clock_parse(private_redis_command(server, "GET %s", shop_brand.clock_key), &last));
  private_redis_command(server, "SET %s %s", shop_brand.clock_key,
                        arena_printf(context->arena, "9000000000000-0 %s", last.epoch));
}

/* ---- together --------------------------------------------------------------------------------------------------- */

static void share_a_function(struct context *context) {
  struct event_store *store = open_store(context);
  enum { CALLS = STEPS_OF_A_COMMIT / GOOD_STEPS };
  struct call *calls = calls_of(context, CALLS, build_good);
  run_calls(store, calls, CALLS);
  assert_all_done(calls, CALLS);
  CU_ASSERT_EQUAL(functions_called(), 1);
  for (int i = 1; i < CALLS; i++) {
    CU_ASSERT_EQUAL(calls[i].result.first, calls[i].result.position.log_time);
    CU_ASSERT_TRUE(calls[i].result.first > calls[i - 1].result.first);
    CU_ASSERT_STRING_EQUAL(calls[i].result.position.epoch, calls[0].result.position.epoch);
  }
  CU_ASSERT_EQUAL(last_entry("events:tester_made"), calls[CALLS - 1].result.first);
  CU_ASSERT_EQUAL(clock_now(), calls[CALLS - 1].result.first);
  event_store_close(store);
}

static void build_without_event(struct transaction *transaction, int number) {
  transaction_set_value(transaction, key_of(transaction, "plain", number), "value");
}

static void leave_the_clock(struct context *context) {
  struct event_store *store = open_store(context);
  int64_t before = clock_now();
  struct call *calls = calls_of(context, 3, build_without_event);
  run_calls(store, calls, 3);
  assert_all_done(calls, 3);
  CU_ASSERT_EQUAL(calls[2].result.first, 0);
  CU_ASSERT_EQUAL(calls[2].result.position.log_time, 0);
  CU_ASSERT_EQUAL(clock_now(), before);
  event_store_close(store);
}

/* Many changes: longer than a commit may be, if it is not alone. */
static void build_big(struct transaction *transaction, int number) {
  for (int i = 0; i < STEPS_OF_A_COMMIT + 100; i++) {
    transaction_set_value(transaction, key_of(transaction, "big", i), "value");
  }
  build_good(transaction, number);
}

static void build_small_around_big(struct transaction *transaction, int number) {
  if (number == 5) {
    build_big(transaction, number);
  } else {
    build_good(transaction, number);
  }
}

static void bound_a_function(struct context *context) {
  struct event_store *store = open_store(context);
  enum { CALLS = 200 };
  struct call *calls = calls_of(context, CALLS, build_good);
  run_calls(store, calls, CALLS);
  assert_all_done(calls, CALLS);
  enum { IN_ONE = STEPS_OF_A_COMMIT / GOOD_STEPS };
  CU_ASSERT_EQUAL(functions_called(), (CALLS + IN_ONE - 1) / IN_ONE);
  for (int i = 1; i < CALLS; i++) CU_ASSERT_TRUE(calls[i].result.first > calls[i - 1].result.first);
  event_store_close(store);
}

static void let_a_big_one_go_alone(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 11, build_small_around_big);
  run_calls(store, calls, 11);
  assert_all_done(calls, 11);
  CU_ASSERT_EQUAL(functions_called(), 3);
  for (int i = 1; i < 11; i++) CU_ASSERT_TRUE(calls[i].result.first > calls[i - 1].result.first);
  event_store_close(store);
}

/* One value as big as all that a commit may hold. */
static void build_heavy(struct transaction *transaction, int number) {
  size_t size = STEPS_OF_A_COMMIT * 4096;
  char *value = memset(arena_alloc(transaction->arena, size), 'x', size);
  transaction_set_field(transaction, key_of(transaction, "heavy", number), "field", value, size);
}

static void weigh_bytes(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 3, build_heavy);
  run_calls(store, calls, 3);
  assert_all_done(calls, 3);
  CU_ASSERT_EQUAL(functions_called(), 3);
  event_store_close(store);
}

/* Compares a value with one as big as all that a commit may hold. */
static void build_heavy_guard(struct transaction *transaction, int number) {
  size_t size = STEPS_OF_A_COMMIT * 4096;
  char *value = memset(arena_alloc(transaction->arena, size), 'x', size);
  transaction_require_unchanged(transaction, key_of(transaction, "heavy", number), value, size);
}

/* Looks up as many members as a commit may have steps. */
static void build_many_lookups(struct transaction *transaction, int number) {
  struct redis_arguments in = redis_arguments_empty(transaction->arena), out = in;
  for (int i = 0; i < STEPS_OF_A_COMMIT; i++) redis_add_number(&out, i);
  transaction_require_members(transaction, key_of(transaction, "set", number), &in, &out);
}

static void weigh_lookups(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 3, build_many_lookups);
  run_calls(store, calls, 3);
  assert_all_done(calls, 3);
  CU_ASSERT_EQUAL(functions_called(), 3);
  event_store_close(store);
}

static void weigh_what_guards_compare(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 3, build_heavy_guard);
  run_calls(store, calls, 3);
  for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(calls[i].result.outcome, TRANSACTION_REFUSED);
  CU_ASSERT_EQUAL(functions_called(), 3);
  event_store_close(store);
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

/* Each expects the version that the one before writes. */
static void build_link(struct transaction *transaction, int number) {
  if (number == 0) {
    transaction_require_absent(transaction, "tester_chain");
  } else {
    transaction_require_field(transaction, "tester_chain", "version", arena_printf(transaction->arena, "%d", number));
  }
  const char *next = arena_printf(transaction->arena, "%d", number + 1);
  transaction_set_field(transaction, "tester_chain", "version", next, strlen(next));
  append(transaction, "events:tester_made", number);
}

static void carry_out_a_chain(struct context *context) {
  struct event_store *store = open_store(context);
  enum { LINKS = 250 };
  struct call *calls = calls_of(context, LINKS, build_link);
  run_calls(store, calls, LINKS);
  assert_all_done(calls, LINKS);
  CU_ASSERT_EQUAL(private_redis_number(server, "HGET tester_chain version"), LINKS);
  event_store_close(store);
}

static void refuse_what_builds_on_a_refused_one(struct context *context) {
  struct event_store *store = open_store(context);
  enum { LINKS = 20, MISSING = 7 };
  struct call *calls = calls_of(context, LINKS, build_link);
  calls[MISSING].number = LINKS + 1; /* expects what nobody writes */
  run_calls(store, calls, LINKS);
  CU_ASSERT_EQUAL(count_done(calls, LINKS), MISSING);
  for (int i = MISSING; i < LINKS; i++) {
    CU_ASSERT_EQUAL(calls[i].code, STATUS_OK);
    CU_ASSERT_EQUAL(calls[i].result.outcome, TRANSACTION_REFUSED);
    CU_ASSERT_STRING_EQUAL(calls[i].text, "7");
  }
  event_store_close(store);
}

/* ---- outcomes of one among others ------------------------------------------------------------------------------- */

/* Every second is good. */
enum odd_kind {
  REFUSED,
  REPLAYED,
  REPLAYED_BEFORE_REFUSED,
  WRONG_KIND,
  WRONG_TYPE_AT_ONCE,
  WRONG_TYPE_LATER,
  ODD_KINDS
};

static void build_odd(struct transaction *transaction, int number) {
  static const char record[] = "the record";
  switch ((enum odd_kind)(number / 2)) {
    case REFUSED:
      transaction_require_value(transaction, "tester_text", "another");
      break;
    case REPLAYED_BEFORE_REFUSED:
      transaction_require_value(transaction, "tester_text", "another");
      /* fall through */
    case REPLAYED:
      transaction_request(transaction, "tester_request:1", record, strlen(record), false);
      break;
    case WRONG_KIND:
      transaction->checks_kinds = true;
      transaction_set_value(transaction, "tester_odd:kind", "unwritten");
      transaction_add_member(transaction, "tester_text", "member");
      break;
    case WRONG_TYPE_AT_ONCE:
      transaction_add_member(transaction, "tester_text", "member");
      break;
    case WRONG_TYPE_LATER:
      transaction_set_value(transaction, "tester_odd:later", "written");
      append(transaction, "events:tester_made", number);
      transaction_add_member(transaction, "tester_text", "member");
      break;
    case ODD_KINDS:
      break;
  }
  transaction_set_value(transaction, key_of(transaction, "odd", number), "unwritten");
  append(transaction, "events:tester_made", number);
}

static void build_every_second_odd(struct transaction *transaction, int number) {
  if (number % 2) {
    build_good(transaction, number);
  } else {
    build_odd(transaction, number);
  }
}

static void assert_failed(const struct call *call, enum status_code code, const char *reason) {
  CU_ASSERT_EQUAL(call->code, code);
  CU_ASSERT_PTR_EQUAL(call->reason, reason);
}

static void have_outcomes_of_their_own(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server, "SET tester_text text");
  private_redis_command(server, "SET tester_request:1 recorded");
  enum { CALLS = 2 * ODD_KINDS };
  struct call *calls = calls_of(context, CALLS, build_every_second_odd);
  run_calls(store, calls, CALLS);
  CU_ASSERT_EQUAL(functions_called(), 1);
  for (int i = 1; i < CALLS; i += 2) CU_ASSERT_TRUE(is_done(&calls[i]));
  CU_ASSERT_EQUAL(count_done(calls, CALLS), ODD_KINDS);

  CU_ASSERT_EQUAL(calls[2 * REFUSED].result.outcome, TRANSACTION_REFUSED);
  CU_ASSERT_EQUAL(calls[2 * REFUSED].result.refused_by, 1);
  CU_ASSERT_STRING_EQUAL(calls[2 * REFUSED].text, "text");
  CU_ASSERT_EQUAL(calls[2 * REPLAYED].result.outcome, TRANSACTION_REPLAYED);
  CU_ASSERT_STRING_EQUAL(calls[2 * REPLAYED].text, "recorded");
  CU_ASSERT_EQUAL(calls[2 * REPLAYED_BEFORE_REFUSED].result.outcome, TRANSACTION_REPLAYED);
  assert_failed(&calls[2 * WRONG_KIND], STATUS_INTERNAL, reason_redis_wrongtype);
  CU_ASSERT_STRING_EQUAL(calls[2 * WRONG_KIND].message, "the key tester_text holds a string");
  CU_ASSERT_FALSE(calls[2 * WRONG_KIND].may_have_run);
  assert_failed(&calls[2 * WRONG_TYPE_AT_ONCE], STATUS_INTERNAL, reason_redis_wrongtype);
  assert_failed(&calls[2 * WRONG_TYPE_LATER], STATUS_INTERNAL, reason_redis_wrongtype);
  CU_ASSERT_TRUE(calls[2 * WRONG_TYPE_LATER].may_have_run);

  CU_ASSERT_EQUAL(private_redis_number(server,
                                       "EXISTS tester_odd:kind tester_odd:0 tester_odd:2 tester_odd:4 "
                                       "tester_odd:6 tester_odd:8 tester_odd:10"),
                  0);
  CU_ASSERT_STRING_EQUAL(private_redis_command(server, "GET tester_odd:later"), "written");
  event_store_close(store);
}

/* The one that fails is the last, after its event: what follows must not get that event's log time again. */
static void write_the_clock_after_a_failure(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server, "SET tester_text text");
  move_clock_ahead(context);
  struct call *calls = calls_of(context, 2, build_every_second_odd);
  calls[0].number = 1;
  calls[1].number = 2 * WRONG_TYPE_LATER;
  run_calls(store, calls, 2);
  CU_ASSERT_TRUE(is_done(&calls[0]));
  assert_failed(&calls[1], STATUS_INTERNAL, reason_redis_wrongtype);
  CU_ASSERT_EQUAL(last_entry("events:tester_made"), calls[0].result.first + 1);
  CU_ASSERT_EQUAL(clock_now(), calls[0].result.first + 1);
  struct call *next = calls_of(context, 1, build_good);
  run_calls(store, next, 1);
  CU_ASSERT_TRUE(is_done(next));
  CU_ASSERT_EQUAL(next->result.first, calls[0].result.first + 2);
  event_store_close(store);
}

static void build_before(struct transaction *transaction, int number) {
  build_good(transaction, number);
  if (number == 1) transaction_require_before(transaction, 1);
}

static void move_the_clock_when_too_late(struct context *context) {
  struct event_store *store = open_store(context);
  move_clock_ahead(context);
  struct call *calls = calls_of(context, 3, build_before);
  run_calls(store, calls, 3);
  int64_t first = calls[0].result.first;
  CU_ASSERT_EQUAL(calls[1].result.outcome, TRANSACTION_REFUSED);
  CU_ASSERT_EQUAL(calls[1].result.refused_by, 2);
  CU_ASSERT_EQUAL(atoll(calls[1].text), first + 1);
  CU_ASSERT_EQUAL(calls[2].result.first, first + 2);

  struct call *alone = calls_of(context, 1, build_before);
  alone->number = 1;
  private_redis_command(server, "DEL tester_good:1");
  run_calls(store, alone, 1);
  CU_ASSERT_EQUAL(alone->result.outcome, TRANSACTION_REFUSED);
  CU_ASSERT_EQUAL(clock_now(), first + 3);
  event_store_close(store);
}

static void build_after(struct transaction *transaction, int number) {
  build_good(transaction, number);
  if (number == 1) transaction->after = INT64_C(9000000000000000);
}

static void be_later_than_their_causes(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 3, build_after);
  run_calls(store, calls, 3);
  CU_ASSERT_TRUE(calls[0].result.first < INT64_C(9000000000000000));
  CU_ASSERT_EQUAL(calls[1].result.first, INT64_C(9000000000000001));
  CU_ASSERT_EQUAL(calls[2].result.first, INT64_C(9000000000000002));
  event_store_close(store);
}

/* ---- rights ----------------------------------------------------------------------------------------------------- */

/* As a user who may do what `rules` say. */
static struct event_store *open_as_user(struct context *context, const char *rules) {
  event_store_close(open_store(context));
  private_redis_command(server, arena_printf(context->arena, "ACL SETUSER tester reset on >secret &* +@all %s", rules));
  struct event_store *store = private_store_open_at(
      context, arena_printf(context->arena, "redis://tester@127.0.0.1:%d/0", private_redis_port(server)), "tester");
  private_redis_command(server, "CONFIG RESETSTAT");
  return store;
}

static void build_with_foreign(struct transaction *transaction, int number) {
  if (number == 1) transaction_set_value(transaction, "foreign", "value");
  build_good(transaction, number);
}

static void assert_one_denied(struct event_store *store, struct context *context) {
  struct call *calls = calls_of(context, 3, build_with_foreign);
  run_calls(store, calls, 3);
  CU_ASSERT_TRUE(is_done(&calls[0]));
  assert_failed(&calls[1], STATUS_UNAVAILABLE, reason_redis_noperm);
  CU_ASSERT_TRUE(is_done(&calls[2]));
  CU_ASSERT_EQUAL(private_redis_number(server, "EXISTS foreign tester_good:1"), 0);
  event_store_close(store);
}

static void bear_a_key_that_is_denied(struct context *context) {
  assert_one_denied(open_as_user(context, "~tester_* ~events:* ~ordershop_clock (+fcall ~*)"), context);
  CU_ASSERT_EQUAL(functions_called(), 1);
}

static void bear_a_key_that_no_function_may_name(struct context *context) {
  assert_one_denied(open_as_user(context, "~tester_* ~events:* ~ordershop_clock"), context);
}

/* Of 32, halves of 16, 8, 4, 2 and 1 are tried on the way to the one at fault, each with its other half. */
static void find_a_denied_key_by_halves(struct context *context) {
  enum { COUNT = 32, HALVINGS = 5 };
  struct event_store *store = open_as_user(context, "~tester_* ~events:* ~ordershop_clock");
  struct call *calls = calls_of(context, COUNT, build_good);
  calls[19].build = build_with_foreign;
  calls[19].number = 1;
  run_calls(store, calls, COUNT);
  for (int i = 0; i < COUNT; i++) CU_ASSERT_EQUAL(is_done(&calls[i]), i != 19);
  CU_ASSERT_EQUAL(functions_called(), HALVINGS); /* those that are refused are none */
  event_store_close(store);
}

static void say_that_the_clock_cant_be_written(struct context *context) {
  struct event_store *store = open_as_user(context, "~tester_* ~events:* %%R~ordershop_clock (+fcall ~*)");
  struct call *calls = calls_of(context, 2, build_good);
  calls[1].build = build_without_event;
  run_calls(store, calls, 2);
  assert_failed(&calls[0], STATUS_UNAVAILABLE, reason_redis_noperm);
  CU_ASSERT_TRUE(calls[0].may_have_run);
  CU_ASSERT_TRUE(is_done(&calls[1]));
  event_store_close(store);
}

/* ---- what hits all ---------------------------------------------------------------------------------------------- */

static void refuse_all_without_memory(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server, "CONFIG SET maxmemory 1");
  struct call *calls = calls_of(context, 5, build_good);
  run_calls(store, calls, 5);
  private_redis_command(server, "CONFIG SET maxmemory 0");
  for (int i = 0; i < 5; i++) {
    assert_failed(&calls[i], STATUS_RESOURCE_EXHAUSTED, reason_redis_out_of_memory);
    CU_ASSERT_FALSE(calls[i].may_have_run);
  }
  struct call *again = calls_of(context, 5, build_good);
  run_calls(store, again, 5);
  assert_all_done(again, 5);
  event_store_close(store);
}

/* Every second one gives something back. */
static void build_freeing(struct transaction *transaction, int number) {
  transaction->frees = number % 2;
  build_good(transaction, number);
}

static void run_what_frees_without_memory(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server, "CONFIG SET maxmemory 1");
  struct call *calls = calls_of(context, 6, build_freeing);
  run_calls(store, calls, 6);
  private_redis_command(server, "CONFIG SET maxmemory 0");
  for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(calls[i].code, i % 2 ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED);
  CU_ASSERT_EQUAL(count_done(calls, 6), 3);
  event_store_close(store);
}

static void refuse_all_on_a_replica(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server, "REPLICAOF 127.0.0.1 1");
  struct call *calls = calls_of(context, 3, build_good);
  run_calls(store, calls, 3);
  private_redis_command(server, "REPLICAOF NO ONE");
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(calls[i].code, STATUS_UNAVAILABLE);
    CU_ASSERT_FALSE(calls[i].may_have_run);
  }
  CU_ASSERT_EQUAL(private_redis_number(server, "EXISTS tester_good:0 tester_good:1 tester_good:2"), 0);
  event_store_close(store);
}

static void load_the_functions_anew(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server, "FUNCTION FLUSH");
  struct call *calls = calls_of(context, 20, build_good);
  run_calls(store, calls, 20);
  assert_all_done(calls, 20);
  event_store_close(store);
}

static void make_the_clock_anew(struct context *context) {
  struct event_store *store = open_store(context);
  int64_t before = last_entry("events:tester_made");
  private_redis_command(server, "DEL %s", shop_brand.clock_key);
  private_redis_command(server, "FUNCTION FLUSH");
  struct call *calls = calls_of(context, 20, build_good);
  run_calls(store, calls, 20);
  assert_all_done(calls, 20);
  CU_ASSERT_TRUE(calls[0].result.first > before);
  event_store_close(store);
}

/* ---- callers that leave ----------------------------------------------------------------------------------------- */

static struct background {
  int running;
  struct condition ended;
} background;

static void run_in_background(void *item) {
  run_call(item);
  background.running--;
  condition_signal_all(&background.ended);
}

/* Starts them. When this returns they are with the store, which has sent them unless others are under way. */
static void start_calls(struct event_store *store, struct call *calls, int count) {
  for (int i = 0; i < count; i++) {
    calls[i].store = store;
    background.running++;
    CU_ASSERT_TRUE_FATAL(loop_spawn(coroutine_loop(), run_in_background, &calls[i]));
  }
  coroutine_sleep(US_PER_MS, DEADLINE_NEVER); /* a turn of the loop, which sends them if it can */
}

static void await_calls(void) {
  while (background.running > 0) condition_wait(&background.ended, DEADLINE_NEVER);
}

static bool has_ended(void *call) {
  return ((struct call *)call)->ended;
}

/* Two are sent, and Redis stands still; then two wait in line. One of either pair is in a hurry. */
static void tell_the_hurried_what_became_of_them(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 4, build_good), *sent = calls, *waiting = calls + 2;
  sent[0].patience_us = waiting[0].patience_us = 500 * US_PER_MS;
  private_redis_pause(server);
  start_calls(store, sent, 2);
  start_calls(store, waiting, 2);
  CU_ASSERT_TRUE(eventually(context, has_ended, &sent[0]));
  CU_ASSERT_TRUE(eventually(context, has_ended, &waiting[0]));
  private_redis_resume(server);
  await_calls();

  assert_failed(&sent[0], STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded);
  CU_ASSERT_TRUE(sent[0].may_have_run);
  CU_ASSERT_TRUE(is_done(&sent[1]));
  assert_failed(&waiting[0], STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded);
  CU_ASSERT_FALSE(waiting[0].may_have_run);
  CU_ASSERT_PTR_NOT_NULL(strstr(waiting[0].message, "nothing was done"));
  CU_ASSERT_TRUE(is_done(&waiting[1]));
  CU_ASSERT_EQUAL(private_redis_number(server, "EXISTS tester_good:0"), 1);
  CU_ASSERT_EQUAL(private_redis_number(server, "EXISTS tester_good:2"), 0);
  event_store_close(store);
}

/* The first one can wait for longer than any test lasts. */
static void build_patient(struct transaction *transaction, int number) {
  if (number == 0) transaction->patience_us = INT64_C(3600) * 1000 * US_PER_MS;
  build_good(transaction, number);
}

static void let_the_patient_go_with_the_next(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 2, build_patient);
  start_calls(store, calls, 1);
  CU_ASSERT_FALSE(calls[0].ended);
  CU_ASSERT_EQUAL(functions_called(), 0);
  start_calls(store, calls + 1, 1);
  await_calls();
  assert_all_done(calls, 2);
  CU_ASSERT_EQUAL(functions_called(), 1);
  CU_ASSERT_TRUE(calls[0].result.first < calls[1].result.first);
  event_store_close(store);
}

static void hurry_the_patient(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *call = calls_of(context, 1, build_patient);
  start_calls(store, call, 1);
  CU_ASSERT_FALSE(call->ended);
  committer_hurry(store->committer);
  await_calls();
  CU_ASSERT_TRUE(is_done(call));
  event_store_close(store);
}

static void build_less_patient(struct transaction *transaction, int number) {
  transaction->patience_us = 20 * US_PER_MS;
  build_good(transaction, number);
}

static void end_patience(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 2, build_less_patient);
  run_calls(store, calls, 2);
  assert_all_done(calls, 2);
  CU_ASSERT_EQUAL(functions_called(), 1);
  struct call *hurried = calls_of(context, 1, build_patient);
  hurried->patience_us = 20 * US_PER_MS;
  run_calls(store, hurried, 1);
  assert_failed(hurried, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded);
  CU_ASSERT_FALSE(hurried->may_have_run);
  event_store_close(store);
}

static void do_nothing_after_the_deadline(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 3, build_good);
  calls[1].patience_us = -1;
  run_calls(store, calls, 3);
  CU_ASSERT_EQUAL(count_done(calls, 3), 2);
  assert_failed(&calls[1], STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded);
  CU_ASSERT_FALSE(calls[1].may_have_run);
  CU_ASSERT_EQUAL(private_redis_number(server, "EXISTS tester_good:1"), 0);
  event_store_close(store);
}

/* Redis ends with a commit under way and calls in line. */
static void tell_all_when_the_connection_goes(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 4, build_good);
  private_redis_pause(server);
  start_calls(store, calls, 2);
  start_calls(store, calls + 2, 2);
  private_redis_kill(server);
  await_calls();
  for (int i = 0; i < 4; i++) {
    assert_failed(&calls[i], STATUS_UNAVAILABLE, reason_redis_unreachable);
    CU_ASSERT_EQUAL(calls[i].may_have_run, i < 2);
  }
  private_redis_restart(server);
  /* All of them: the last connection that meets the new server takes the others with it. */
  CU_ASSERT_TRUE(eventually(context, private_store_is_ready, store));
  struct call *again = calls_of(context, 4, build_good);
  run_calls(store, again, 4);
  assert_all_done(again, 4);
  event_store_close(store);
}

/* ---- guards and faults ------------------------------------------------------------------------------------------ */

static void build_field_below(struct transaction *transaction, int number) {
  static const char *const fields[] = {"none", "below", "equal", "above", "foreign", "text"};
  transaction_require_field_below(transaction, "tester_position", fields[number], 5000007);
  transaction_set_value(transaction, key_of(transaction, "below", number), "value");
}

static void compare_positions(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server,
                        "HSET tester_position below 5000-6 equal 5000-7 above 5000-8 foreign 4999-123456 "
                        "text 12");
  struct call *calls = calls_of(context, 6, build_field_below);
  run_calls(store, calls, 6);
  static const bool holds[] = {true, true, false, false, true, false};
  static const char *const found[] = {"", "", "5000-7", "5000-8", "", "12"};
  for (int i = 0; i < 6; i++) {
    CU_ASSERT_EQUAL(calls[i].code, STATUS_OK);
    CU_ASSERT_EQUAL(calls[i].result.outcome, holds[i] ? TRANSACTION_DONE : TRANSACTION_REFUSED);
    CU_ASSERT_STRING_EQUAL(calls[i].text, found[i]);
  }
  event_store_close(store);
}

static const char bytes_read[] = {'a', 0, (char)0xff, 'b'};

/* Requires nothing or the bytes, of a string or a field that is there or isn't. */
static void build_unchanged(struct transaction *transaction, int number) {
  bool is_there = number & 1, of_field = number & 2;
  const void *value = number & 4 ? bytes_read : NULL;
  size_t size = value ? sizeof bytes_read : 0;
  if (of_field) {
    transaction_require_field_unchanged(transaction, "tester_hash", is_there ? "bytes" : "none", value, size);
  } else {
    transaction_require_unchanged(transaction, is_there ? "tester_bytes" : "tester_none", value, size);
  }
  transaction_set_value(transaction, key_of(transaction, "unchanged", number), "value");
}

static void require_what_was_read(struct context *context) {
  struct event_store *store = open_store(context);
  private_redis_command(server, "SET tester_bytes %b", bytes_read, sizeof bytes_read);
  private_redis_command(server, "HSET tester_hash bytes %b", bytes_read, sizeof bytes_read);
  struct call *calls = calls_of(context, 8, build_unchanged);
  run_calls(store, calls, 8);
  for (int i = 0; i < 8; i++) {
    bool is_there = i & 1, expects_it = i & 4;
    CU_ASSERT_EQUAL(calls[i].code, STATUS_OK);
    CU_ASSERT_EQUAL(calls[i].result.outcome, is_there == expects_it ? TRANSACTION_DONE : TRANSACTION_REFUSED);
  }
  event_store_close(store);
}

static void build_before_without_event(struct transaction *transaction, int number) {
  transaction_require_before(transaction, INT64_MAX);
  build_without_event(transaction, number);
}

static void build_fields_without_end(struct transaction *transaction, int number) {
  struct redis_arguments fields = redis_arguments_empty(transaction->arena);
  for (int i = 0; i < 2002; i++) redis_add_number(&fields, number);
  transaction_append(transaction, "events:tester_made", &fields);
}

static void refuse_faults(struct context *context) {
  struct event_store *store = open_store(context);
  struct call *calls = calls_of(context, 3, build_good);
  calls[1].build = build_before_without_event;
  calls[2].build = build_fields_without_end;
  run_calls(store, calls, 3);
  CU_ASSERT_TRUE(is_done(&calls[0]));
  for (int i = 1; i < 3; i++) {
    assert_failed(&calls[i], STATUS_INTERNAL, reason_change_invalid);
    CU_ASSERT_FALSE(calls[i].may_have_run);
  }
  event_store_close(store);
}

/* ---- several processes ------------------------------------------------------------------------------------------ */

enum { PROCESSES = 2, CALLERS = 8, COUNTS = 25 };

/* Counts one up, on what it has read. */
static bool count_up(struct event_store *store, struct context *context) {
  struct redis_arguments get = redis_command_of(context->arena, "GET", "tester_counter", NULL);
  const struct redis_reply *reply;
  if (!status_is_ok(redis_command(store->commands, context, &get, &reply))) return false;
  const char *read = redis_reply_text(reply);
  struct transaction transaction = transaction_of(store, context->arena);
  transaction_require_unchanged(&transaction, "tester_counter", read, read ? reply->size : 0);
  transaction_set_value(&transaction, "tester_counter", arena_printf(context->arena, "%d", read ? atoi(read) + 1 : 1));
  append(&transaction, "events:tester_counted", 1);
  struct transaction_result result;
  return status_is_ok(transaction_run(&transaction, context, &result)) && result.outcome == TRANSACTION_DONE;
}

static void count_many(void *item) {
  struct context context = {.arena = arena_new(), .deadline_us = patience_end_us()};
  for (int i = 0; i < COUNTS && clock_monotonic_us() < context.deadline_us;) i += count_up(item, &context);
  arena_free(context.arena);
}

static void count_as_a_process(struct context *context) {
  struct event_store *store = private_store_open_at(context, private_redis_url(server), "tester");
  void *items[CALLERS];
  for (int i = 0; i < CALLERS; i++) items[i] = store;
  coroutine_for_each(count_many, items, CALLERS, CALLERS);
  event_store_close(store);
}

static void test_processes(void) {
  private_redis_command(server, "FLUSHALL");
  pid_t children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    if (children[i] > 0) continue;
    in_coroutine(count_as_a_process);
    _exit(0);
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status;
    CU_ASSERT_EQUAL(waitpid(children[i], &status, 0), children[i]);
    CU_ASSERT_EQUAL(status, 0);
  }
  CU_ASSERT_EQUAL(private_redis_number(server, "GET tester_counter"), PROCESSES * CALLERS * COUNTS);
  CU_ASSERT_EQUAL(private_redis_number(server, "XLEN events:tester_counted"), PROCESSES * CALLERS * COUNTS);
  CU_ASSERT_EQUAL(clock_now(), last_entry("events:tester_counted"));
}

/* ---- the suite -------------------------------------------------------------------------------------------------- */

static void test_share_a_function(void) {
  in_coroutine(share_a_function);
}

static void test_leave_the_clock(void) {
  in_coroutine(leave_the_clock);
}

static void test_bound_a_function(void) {
  in_coroutine(bound_a_function);
}

static void test_let_a_big_one_go_alone(void) {
  in_coroutine(let_a_big_one_go_alone);
}

static void test_weigh_bytes(void) {
  in_coroutine(weigh_bytes);
}

static void test_weigh_what_guards_compare(void) {
  in_coroutine(weigh_what_guards_compare);
}

static void test_weigh_lookups(void) {
  in_coroutine(weigh_lookups);
}

static void test_carry_out_a_chain(void) {
  in_coroutine(carry_out_a_chain);
}

static void test_refuse_what_builds_on_a_refused_one(void) {
  in_coroutine(refuse_what_builds_on_a_refused_one);
}

static void test_have_outcomes_of_their_own(void) {
  in_coroutine(have_outcomes_of_their_own);
}

static void test_write_the_clock_after_a_failure(void) {
  in_coroutine(write_the_clock_after_a_failure);
}

static void test_move_the_clock_when_too_late(void) {
  in_coroutine(move_the_clock_when_too_late);
}

static void test_be_later_than_their_causes(void) {
  in_coroutine(be_later_than_their_causes);
}

static void test_bear_a_key_that_is_denied(void) {
  in_coroutine(bear_a_key_that_is_denied);
}

static void test_bear_a_key_that_no_function_may_name(void) {
  in_coroutine(bear_a_key_that_no_function_may_name);
}

static void test_find_a_denied_key_by_halves(void) {
  in_coroutine(find_a_denied_key_by_halves);
}

static void test_say_that_the_clock_cant_be_written(void) {
  in_coroutine(say_that_the_clock_cant_be_written);
}

static void test_refuse_all_without_memory(void) {
  in_coroutine(refuse_all_without_memory);
}

static void test_run_what_frees_without_memory(void) {
  in_coroutine(run_what_frees_without_memory);
}

static void test_refuse_all_on_a_replica(void) {
  in_coroutine(refuse_all_on_a_replica);
}

static void test_load_the_functions_anew(void) {
  in_coroutine(load_the_functions_anew);
}

static void test_make_the_clock_anew(void) {
  in_coroutine(make_the_clock_anew);
}

static void test_tell_the_hurried_what_became_of_them(void) {
  in_coroutine(tell_the_hurried_what_became_of_them);
}

static void test_let_the_patient_go_with_the_next(void) {
  in_coroutine(let_the_patient_go_with_the_next);
}

static void test_hurry_the_patient(void) {
  in_coroutine(hurry_the_patient);
}

static void test_end_patience(void) {
  in_coroutine(end_patience);
}

static void test_do_nothing_after_the_deadline(void) {
  in_coroutine(do_nothing_after_the_deadline);
}

static void test_tell_all_when_the_connection_goes(void) {
  in_coroutine(tell_all_when_the_connection_goes);
}

static void test_compare_positions(void) {
  in_coroutine(compare_positions);
}

static void test_require_what_was_read(void) {
  in_coroutine(require_what_was_read);
}

static void test_refuse_faults(void) {
  in_coroutine(refuse_faults);
}

static const struct test tests[] = {
    {"transactions that are run at once travel in one function, and get increasing log times", test_share_a_function},
    {"those without events leave the clock as it is", test_leave_the_clock},
    {"a function has no more steps than a commit may have", test_bound_a_function},
    {"a transaction with more steps goes alone, in its turn", test_let_a_big_one_go_alone},
    {"many bytes count as steps", test_weigh_bytes},
    {"so do those that guards compare", test_weigh_what_guards_compare},
    {"each member that a guard looks up is a step", test_weigh_lookups},
    {"transactions are carried out in the order in which they were run, so one may build on another",
     test_carry_out_a_chain},
    {"what builds on a transaction that is refused is refused, too", test_refuse_what_builds_on_a_refused_one},
    {"refused, replayed, failed and wrongly typed ones leave the others alone", test_have_outcomes_of_their_own},
    {"the clock is written after one that failed in the middle", test_write_the_clock_after_a_failure},
    {"one that is too late moves the clock for the next ones", test_move_the_clock_when_too_late},
    {"events are later than their causes, and so are those that follow in the commit", test_be_later_than_their_causes},
    {"a key that the user may not use fails only the transaction that names it", test_bear_a_key_that_is_denied},
    {"so does a key that the user may not name to a function", test_bear_a_key_that_no_function_may_name},
    {"among many, that takes few functions", test_find_a_denied_key_by_halves},
    {"where the clock can't be written, those with events fail", test_say_that_the_clock_cant_be_written},
    {"without memory nothing is run, and all are told", test_refuse_all_without_memory},
    {"without memory, transactions that free run, also between others", test_run_what_frees_without_memory},
    {"on a replica nothing is run, and all are told", test_refuse_all_on_a_replica},
    {"functions that Redis has lost are loaded again for all", test_load_the_functions_anew},
    {"a clock that Redis has lost is made again for all", test_make_the_clock_anew},
    {"a caller that leaves the line knows that nothing was done; one that was sent doesn't",
     test_tell_the_hurried_what_became_of_them},
    {"one that can wait goes with the next one, before it", test_let_the_patient_go_with_the_next},
    {"one that can wait is sent at once when somebody is in a hurry", test_hurry_the_patient},
    {"one that can wait goes alone when it has waited long enough, unless its deadline comes first", test_end_patience},
    {"nothing is done after the deadline", test_do_nothing_after_the_deadline},
    {"when the connection goes, those in line know that nothing was done", test_tell_all_when_the_connection_goes},
    {"a field's position is compared with a log time", test_compare_positions},
    {"a value is required to be what was read, byte by byte, or still nothing", test_require_what_was_read},
    {"faults are refused before anything is sent", test_refuse_faults},
    {"two processes that count one counter lose no count", test_processes},
};

int main(int argc, char **argv) {
  return suite_main("transactions", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
