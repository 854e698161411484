/* SPDX-License-Identifier: Apache-2.0 */
/* The barrier between a change and its answer, on a real master and real replicas. */
#include "store/replica_barrier.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "forwarder.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "patience.h"
#include "private_redis.h"
#include "private_store.h"
#include "shop_brand.h"
#include "store/event_store.h"
#include "store/known_log.h"
#include "store/rights.h"
#include "store/transaction.h"
#include "suite.h"
#include "watcher.h"

enum { CALLS = 200 };

static struct private_redis *master, *replica;

static bool follows(void *server) {
  return strstr(private_redis_command(server, "INFO replication"), "master_link_status:up");
}

static coroutine_fn void let_follow(struct context *context, struct private_redis *server, struct private_redis *whom) {
  private_redis_command(server, "REPLICAOF 127.0.0.1 %d", private_redis_port(whom));
  CU_ASSERT_TRUE_FATAL(eventually(context, follows, server));
}

static int start_servers(void) {
  const struct private_redis_options options = {.persistent = true, .arguments = "--repl-diskless-sync-delay 0"};
  master = private_redis_start(&options);
  replica = private_redis_start(&options);
  return 0;
}

static int stop_servers(void) {
  private_redis_free(replica);
  private_redis_free(master);
  return 0;
}

static struct event_store_options options_of(int64_t replicas, enum replicas_missing missing) {
  return (struct event_store_options){.brand = &shop_brand,
                                      .service = "tester",
                                      .redis_url = private_redis_url(master),
                                      .key_prefix = "",
                                      .request_seconds = 100,
                                      .replicas = replicas,
                                      .replicas_missing = missing};
}

static coroutine_fn struct event_store *open_store(struct context *context, const struct event_store_options *options) {
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, options, &store)));
  CU_ASSERT_TRUE_FATAL(eventually(context, private_store_is_ready, store));
  return store;
}

/* A store that one replica is enough for, which follows. */
static coroutine_fn struct event_store *open_followed(struct context *context, enum replicas_missing missing) {
  let_follow(context, replica, master);
  struct event_store_options options = options_of(1, missing);
  return open_store(context, &options);
}

/* Each call has a context of its own. */
static struct context call_of(const struct context *context) {
  return (struct context){.arena = context->arena, .deadline_us = context->deadline_us};
}

static coroutine_fn void change(struct event_store *store, struct context *context, const char *value) {
  struct transaction transaction = transaction_of(store, context->arena);
  struct transaction_result result;
  transaction_set_value(&transaction, "tester_value", value);
  CU_ASSERT_TRUE_FATAL(status_is_ok(transaction_run(&transaction, context, &result)));
}

static coroutine_fn struct status pass(struct event_store *store, const struct context *context) {
  struct context call = call_of(context);
  return replica_barrier_pass(store->barrier, &call);
}

struct attempt {
  struct event_store *store;
  const struct context *context;
};

static coroutine_fn bool passes(void *argument) {
  struct attempt *attempt = argument;
  return status_is_ok(pass(attempt->store, attempt->context));
}

/* Asks again while replicas are too slow, as callers do: a busy machine may hold one up for longer than the second that
 * the barrier waits. */
static coroutine_fn void let_pass(struct event_store *store, struct context *context) {
  struct attempt attempt = {.store = store, .context = context};
  CU_ASSERT_TRUE_FATAL(eventually(context, passes, &attempt));
}

/* Returns whether the barrier may say this of a replica that is there, but may be too slow. */
static bool is_as_promised(struct status status) {
  return status_is_ok(status) || status_is(status, reason_replicas_missing);
}

static bool refuses(void *store) {
  return *replica_barrier_reason(((struct event_store *)store)->barrier);
}

static bool takes(void *store) {
  return !refuses(store);
}

static bool warns(void *store) {
  return *replica_barrier_warning(((struct event_store *)store)->barrier);
}

static bool is_content(void *store) {
  return !warns(store);
}

/* ---- what it is for --------------------------------------------------------------------------------------------- */

static coroutine_fn void compare_after_each(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  for (int i = 0; i < CALLS; i++) {
    const char *value = arena_printf(context->arena, "%d", i);
    change(store, context, value);
    let_pass(store, context);
    CU_ASSERT_STRING_EQUAL(private_redis_command(replica, "GET tester_value"), value);
  }
  event_store_close(store);
}

static void what_has_passed_is_on_the_replica(void) {
  in_coroutine(compare_after_each);
}

static coroutine_fn void change_beside_a_stranger(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  for (int i = 0; i < CALLS; i++) {
    const char *value = arena_printf(context->arena, "%d", i);
    private_redis_command(master, "SET tester_value %s", value);
    let_pass(store, context);
    CU_ASSERT_STRING_EQUAL(private_redis_command(replica, "GET tester_value"), value);
  }
  event_store_close(store);
}

static void what_somebody_else_changed_before_is_there_too(void) {
  in_coroutine(change_beside_a_stranger);
}

struct caller {
  struct event_store *store;
  struct context context;
  int *left;
  struct status status;
};

static coroutine_fn void call(void *argument) {
  struct caller *caller = argument;
  caller->status = replica_barrier_pass(caller->store->barrier, &caller->context);
  --*caller->left;
}

/* Before each WAITAOF there is a WAIT. */
static int64_t waits(void) {
  static const char before[] = "cmdstat_wait:calls=";
  const char *line = strstr(private_redis_command(master, "INFO commandstats"), before);
  return line ? strtoll(line + strlen(before), NULL, 10) : 0;
}

static coroutine_fn void call_at_once(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  let_pass(store, context);
  private_redis_command(master, "CONFIG RESETSTAT");
  int left = CALLS;
  struct caller *callers = arena_calloc(context->arena, CALLS, sizeof *callers);
  for (int i = 0; i < CALLS; i++) {
    callers[i] = (struct caller){.store = store, .context = call_of(context), .left = &left};
    loop_spawn(coroutine_loop(), call, &callers[i]);
  }
  while (left > 0) coroutine_sleep(1000, DEADLINE_NEVER);
  for (int i = 0; i < CALLS; i++) CU_ASSERT_TRUE(is_as_promised(callers[i].status));
  CU_ASSERT_TRUE(waits() < CALLS / 10); /* one or two, and one a second */
  event_store_close(store);
}

static void calls_at_once_share_a_wait(void) {
  in_coroutine(call_at_once);
}

/* ---- too few replicas ------------------------------------------------------------------------------------------- */

static coroutine_fn void miss_a_replica(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  let_pass(store, context);
  private_redis_pause(replica);
  change(store, context, "in doubt");
  struct status status = pass(store, context);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_TRUE(status_is(status, reason_replicas_missing));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "0 of 1 replicas"));
  CU_ASSERT_TRUE(refuses(store));
  struct context next = call_of(context);
  status = replica_barrier_admit(store->barrier, &next);
  CU_ASSERT_TRUE(status_is(status, reason_replicas_missing));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "nothing was done"));
  private_redis_resume(replica);
  CU_ASSERT_TRUE(eventually(context, takes, store));
  CU_ASSERT_TRUE(status_is_ok(replica_barrier_admit(store->barrier, &next)));
  let_pass(store, context);
  CU_ASSERT_STRING_EQUAL(private_redis_command(replica, "GET tester_value"), "in doubt");
  event_store_close(store);
}

static void where_a_replica_stands_still_changes_are_in_doubt_and_then_refused_until_it_is_back(void) {
  in_coroutine(miss_a_replica);
}

static coroutine_fn void ask_for_two(struct context *context) {
  let_follow(context, replica, master);
  struct event_store_options options = options_of(2, REPLICAS_REFUSE);
  struct event_store *store = open_store(context, &options);
  CU_ASSERT_TRUE(eventually(context, refuses, store)); /* although nobody calls */
  CU_ASSERT_PTR_NOT_NULL(strstr(replica_barrier_reason(store->barrier), "1 of 2 replicas"));
  struct private_redis *second = private_redis_start(&(struct private_redis_options){.persistent = true});
  let_follow(context, second, master);
  CU_ASSERT_TRUE(eventually(context, takes, store));
  let_pass(store, context);
  event_store_close(store);
  private_redis_free(second);
}

static void one_replica_is_too_few_where_two_are_asked_for(void) {
  in_coroutine(ask_for_two);
}

static coroutine_fn void warn_of_a_replica(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_WARN);
  private_redis_pause(replica);
  CU_ASSERT_TRUE(status_is_ok(pass(store, context)));
  CU_ASSERT_TRUE(warns(store));
  CU_ASSERT_FALSE(refuses(store));
  struct context next = call_of(context);
  CU_ASSERT_TRUE(status_is_ok(replica_barrier_admit(store->barrier, &next)));
  private_redis_resume(replica);
  CU_ASSERT_TRUE(eventually(context, is_content, store));
  event_store_close(store);
}

static void where_that_is_wished_calls_are_answered_without_replicas_and_a_warning_stands(void) {
  in_coroutine(warn_of_a_replica);
}

static coroutine_fn void be_late(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  private_redis_pause(replica);
  struct context call = {.arena = context->arena, .deadline_us = clock_monotonic_us() + 50 * 1000};
  CU_ASSERT_EQUAL(replica_barrier_pass(store->barrier, &call).code, STATUS_DEADLINE_EXCEEDED);
  private_redis_resume(replica);
  event_store_close(store);
}

static void a_caller_waits_no_longer_than_its_deadline(void) {
  in_coroutine(be_late);
}

static coroutine_fn void change_meanwhile(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  private_redis_pause(replica);
  int left = 1;
  struct caller caller = {.store = store, .context = call_of(context), .left = &left};
  loop_spawn(coroutine_loop(), call, &caller);
  change(store, context, "beside it"); /* one: many take longer than the barrier waits where the machine is busy */
  CU_ASSERT_EQUAL(left, 1);
  private_redis_resume(replica);
  while (left > 0) coroutine_sleep(1000, DEADLINE_NEVER);
  event_store_close(store);
}

static void changes_are_made_while_answers_wait(void) {
  in_coroutine(change_meanwhile);
}

static coroutine_fn void come_late(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  let_pass(store, context);
  private_redis_command(master, "CONFIG RESETSTAT");
  private_redis_pause(replica);
  int left = 2;
  struct caller callers[2];
  for (int i = 0; i < 2; i++) {
    callers[i] = (struct caller){.store = store, .context = call_of(context), .left = &left};
    loop_spawn(coroutine_loop(), call, &callers[i]);
    change(store, context, "after the first"); /* whose WAIT is under way then */
  }
  private_redis_resume(replica);
  while (left > 0) coroutine_sleep(1000, DEADLINE_NEVER);
  for (int i = 0; i < 2; i++) CU_ASSERT_TRUE(is_as_promised(callers[i].status));
  CU_ASSERT_TRUE(waits() >= 2);
  event_store_close(store);
}

static void who_comes_while_a_wait_is_under_way_gets_the_next(void) {
  in_coroutine(come_late);
}

static coroutine_fn void close_meanwhile(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  private_redis_pause(replica);
  int left = 1;
  struct caller caller = {.store = store, .context = call_of(context), .left = &left};
  loop_spawn(coroutine_loop(), call, &caller);
  coroutine_sleep(1000, DEADLINE_NEVER);
  event_store_close(store);
  CU_ASSERT_EQUAL(caller.status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_EQUAL(left, 0);
  private_redis_resume(replica);
}

static void who_waits_at_the_end_is_told_so(void) {
  in_coroutine(close_meanwhile);
}

static bool lacks_disks(void *store) {
  return strstr(replica_barrier_reason(((struct event_store *)store)->barrier), "on their disks");
}

/* Redis 7.2 and later tell what replicas have on their disks; before, what they have in memory has to do. */
static coroutine_fn void go_without_a_file(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  bool tells_disks = *private_redis_command(master, "COMMAND DOCS WAITAOF");
  private_redis_command(replica, "CONFIG SET appendonly no");
  if (tells_disks) {
    CU_ASSERT_TRUE(eventually(context, lacks_disks, store));
    CU_ASSERT_TRUE(status_is(pass(store, context), reason_replicas_missing));
  } else {
    let_pass(store, context);
  }
  private_redis_command(replica, "CONFIG SET appendonly yes");
  CU_ASSERT_TRUE(eventually(context, takes, store));
  event_store_close(store);
}

static void what_is_on_a_replicas_disk_counts_where_the_server_can_tell(void) {
  in_coroutine(go_without_a_file);
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

static bool lacks_the_value(void *server) {
  return follows(server) && !private_redis_command(server, "GET tester_value");
}

/* Without yielding, so that the store notices nothing meanwhile. */
static void at_once(bool (*holds)(void *), void *argument) {
  int64_t end_us = patience_end_us();
  while (!holds(argument)) CU_ASSERT_TRUE_FATAL(clock_monotonic_us() < end_us);
}

/* The change is on no replica when that is promoted. A link that is up may still owe what the other did before. */
static void replace_the_data_of_the_master(void) {
  private_redis_command(replica, "REPLICAOF NO ONE");
  private_redis_command(replica, "DEL tester_value");
  private_redis_command(master, "REPLICAOF 127.0.0.1 %d", private_redis_port(replica));
  at_once(lacks_the_value, master);
  private_redis_command(master, "REPLICAOF NO ONE");
  private_redis_command(replica, "REPLICAOF 127.0.0.1 %d", private_redis_port(master));
  at_once(follows, replica);
}

static coroutine_fn void return_as_another(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  struct context call = call_of(context);
  change(store, &call, "lost");
  replace_the_data_of_the_master();
  CU_ASSERT_PTR_NULL(private_redis_command(master, "GET tester_value"));
  struct status status = replica_barrier_pass(store->barrier, &call);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_TRUE(status_is(status, reason_redis_unreachable));
  CU_ASSERT_TRUE(eventually(context, private_store_is_ready, store));
  CU_ASSERT_TRUE(eventually(context, takes, store));
  event_store_close(store);
}

static void what_a_master_has_lost_as_a_replica_meanwhile_does_not_pass(void) {
  in_coroutine(return_as_another);
}

/* ---- what the log may lack after a failover ---------------------------------------------------------------------- */

static coroutine_fn void append(struct event_store *store, struct context *context, const char *stream) {
  struct transaction transaction = transaction_of(store, context->arena);
  struct redis_arguments fields = redis_command_of(context->arena, "event_id", uuid_random(context->arena), NULL);
  struct transaction_result result;
  transaction_append(&transaction, stream, &fields);
  CU_ASSERT_TRUE_FATAL(status_is_ok(transaction_run(&transaction, context, &result)));
}

static bool has_another_server(void *store) {
  struct redis *commands = ((struct event_store *)store)->commands;
  return redis_is_ready(commands) && redis_generation(commands) > 1;
}

/* Leads the address to the replica, which was promoted before, and waits until the store has looked at its log. */
static coroutine_fn void lead_to_replica(struct context *context, struct forwarder *address,
                                         struct event_store *store) {
  forwarder_lead_to(address, private_redis_port(replica));
  forwarder_cut(address, 1);
  CU_ASSERT_TRUE_FATAL(eventually(context, has_another_server, store));
  CU_ASSERT_TRUE_FATAL(eventually(context, private_store_is_ready, store));
  struct context look = call_of(context);
  CU_ASSERT_TRUE_FATAL(status_is_ok(known_log_look(store->known, &look)));
}

struct forwarded {
  struct forwarder *address;
  struct event_store *store;
};

static coroutine_fn struct forwarded open_forwarded(struct context *context, int64_t replicas) {
  struct forwarded forwarded = {.address = forwarder_start(private_redis_port(master))};
  let_follow(context, replica, master);
  struct event_store_options options = options_of(replicas, REPLICAS_REFUSE);
  options.redis_url = arena_printf(context->arena, "redis://127.0.0.1:%d/0", forwarder_port(forwarded.address));
  forwarded.store = open_store(context, &options);
  /* What replicas have is only noted of a log that was looked at. */
  struct context look = call_of(context);
  CU_ASSERT_TRUE_FATAL(status_is_ok(known_log_look(forwarded.store->known, &look)));
  return forwarded;
}

static coroutine_fn void close_forwarded(struct context *context, struct forwarded *forwarded) {
  event_store_close(forwarded->store);
  forwarder_free(forwarded->address);
  let_follow(context, replica, master);
}

static coroutine_fn void lose_what_nobody_was_told_of(struct context *context) {
  struct forwarded forwarded = open_forwarded(context, 1);
  struct event_store *store = forwarded.store;
  append(store, context, "events:tester_created");
  let_pass(store, context);
  private_redis_command(replica, "REPLICAOF NO ONE");
  struct context late = call_of(context);
  append(store, &late, "events:tester_created");
  append(store, &late, "events:tester_updated");
  lead_to_replica(context, forwarded.address, store);
  CU_ASSERT_STRING_EQUAL(event_store_loss(store), "");
  CU_ASSERT_FALSE(status_is_ok(replica_barrier_pass(store->barrier, &late)));
  struct context next = call_of(context);
  append(store, &next, "events:tester_created");
  close_forwarded(context, &forwarded);
}

static void what_nobody_was_told_of_may_be_missing_after_a_failover(void) {
  in_coroutine(lose_what_nobody_was_told_of);
}

static coroutine_fn void lose_what_somebody_was_told_of(struct context *context) {
  struct forwarded forwarded = open_forwarded(context, 1);
  struct event_store *store = forwarded.store;
  append(store, context, "events:tester_created");
  let_pass(store, context);
  private_redis_command(replica, "REPLICAOF NO ONE");
  private_redis_command(replica, "DEL events:tester_created");
  lead_to_replica(context, forwarded.address, store);
  CU_ASSERT_PTR_NOT_NULL(strstr(event_store_loss(store), " of events:tester_created is missing"));
  close_forwarded(context, &forwarded);
}

static void what_somebody_was_told_of_may_not(void) {
  in_coroutine(lose_what_somebody_was_told_of);
}

struct looker {
  struct event_store *store;
  struct context context;
  bool stops, ended;
};

/* Looks at the log all the time, as the service does once a second. */
static coroutine_fn void keep_looking(void *argument) {
  struct looker *looker = argument;
  while (!looker->stops && status_is_ok(known_log_look(looker->store->known, &looker->context))) continue;
  looker->ended = true;
}

static coroutine_fn void be_told_during_a_look(struct context *context) {
  struct forwarded forwarded = open_forwarded(context, 1);
  struct event_store *store = forwarded.store;
  struct looker looker = {.store = store, .context = call_of(context)};
  loop_spawn(coroutine_loop(), keep_looking, &looker);
  append(store, context, "events:tester_created");
  let_pass(store, context);
  looker.stops = true;
  while (!looker.ended) coroutine_sleep(1000, DEADLINE_NEVER);
  private_redis_command(replica, "REPLICAOF NO ONE");
  private_redis_command(replica, "DEL events:tester_created");
  lead_to_replica(context, forwarded.address, store);
  CU_ASSERT_PTR_NOT_NULL(strstr(event_store_loss(store), " of events:tester_created is missing"));
  close_forwarded(context, &forwarded);
}

static void not_even_if_the_log_was_looked_at_meanwhile(void) {
  in_coroutine(be_told_during_a_look);
}

static coroutine_fn void lose_without_replicas(struct context *context) {
  struct forwarded forwarded = open_forwarded(context, 0);
  struct event_store *store = forwarded.store;
  append(store, context, "events:tester_created");
  private_redis_command(replica, "REPLICAOF NO ONE");
  append(store, context, "events:tester_created");
  lead_to_replica(context, forwarded.address, store);
  CU_ASSERT_PTR_NOT_NULL(strstr(event_store_loss(store), " of events:tester_created is missing"));
  close_forwarded(context, &forwarded);
}

static void nothing_may_where_answers_wait_for_no_replicas(void) {
  in_coroutine(lose_without_replicas);
}

/* ---- what it needs ---------------------------------------------------------------------------------------------- */

static coroutine_fn void run_full(struct context *context) {
  struct event_store *store = open_followed(context, REPLICAS_REFUSE);
  let_pass(store, context);
  private_redis_command(master, "CONFIG SET maxmemory 1");
  let_pass(store, context);
  private_redis_command(master, "CONFIG SET maxmemory 0");
  private_redis_command(master, "FUNCTION FLUSH");
  let_pass(store, context);
  event_store_close(store);
}

static void it_needs_neither_memory_nor_that_the_functions_are_loaded(void) {
  in_coroutine(run_full);
}

static bool lacks_a_right(void *store) {
  return *rights_denied(store);
}

static coroutine_fn void lack_the_right(struct context *context) {
  let_follow(context, replica, master);
  private_redis_command(master, "ACL SETUSER tester on >secret ~* +@all -wait");
  private_redis_command(master, "ACL SETUSER tester -waitaof"); /* which Redis 7.0 does not know */
  struct event_store_options options = options_of(1, REPLICAS_REFUSE);
  options.redis_url = arena_printf(context->arena, "redis://tester@127.0.0.1:%d/0", private_redis_port(master));
  options.redis_password = "secret";
  struct event_store *store = open_store(context, &options);
  CU_ASSERT_TRUE(status_is(pass(store, context), reason_redis_noperm));
  CU_ASSERT_TRUE(lacks_a_right(store));
  CU_ASSERT_PTR_NOT_NULL(strstr(rights_denied(store), "WAIT"));
  event_store_close(store);
  private_redis_command(master, "ACL DELUSER tester");
}

static void a_user_who_may_not_wait_is_told_which_right_is_missing(void) {
  in_coroutine(lack_the_right);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what has passed is on the replica", what_has_passed_is_on_the_replica},
      {"what somebody else changed before is there, too", what_somebody_else_changed_before_is_there_too},
      {"calls at once share a WAIT", calls_at_once_share_a_wait},
      {"where a replica stands still, changes are in doubt, and then refused until it is back",
       where_a_replica_stands_still_changes_are_in_doubt_and_then_refused_until_it_is_back},
      {"one replica is too few where two are asked for", one_replica_is_too_few_where_two_are_asked_for},
      {"where that is wished, calls are answered without replicas, and a warning stands",
       where_that_is_wished_calls_are_answered_without_replicas_and_a_warning_stands},
      {"a caller waits no longer than its deadline", a_caller_waits_no_longer_than_its_deadline},
      {"changes are made while answers wait", changes_are_made_while_answers_wait},
      {"who comes while a WAIT is under way gets the next", who_comes_while_a_wait_is_under_way_gets_the_next},
      {"who waits at the end is told so", who_waits_at_the_end_is_told_so},
      {"what is on a replica's disk counts where the server can tell",
       what_is_on_a_replicas_disk_counts_where_the_server_can_tell},
      {"what a master has lost, as a replica meanwhile, does not pass",
       what_a_master_has_lost_as_a_replica_meanwhile_does_not_pass},
      {"what nobody was told of may be missing after a failover",
       what_nobody_was_told_of_may_be_missing_after_a_failover},
      {"what somebody was told of may not", what_somebody_was_told_of_may_not},
      {"not even if the log was looked at meanwhile", not_even_if_the_log_was_looked_at_meanwhile},
      {"nothing may where answers wait for no replicas", nothing_may_where_answers_wait_for_no_replicas},
      {"it needs neither memory nor that the functions are loaded",
       it_needs_neither_memory_nor_that_the_functions_are_loaded},
      {"a user who may not WAIT is told which right is missing",
       a_user_who_may_not_wait_is_told_which_right_is_missing},
  };
  return suite_main("replica barrier", tests, SUITE_SIZE(tests), start_servers, stop_servers, argc, argv);
}
