/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator's calls, against a server that answers or doesn't. */
#include <stdio.h>
#include <string.h>

#include "client/load/load.h"
#include "echo_server.h"
#include "suite.h"

enum { RATE = 50 };

/* ids as the echo server understands them */
#define ANSWERED "other-------------------------------"
#define FAILING "fail--------------------------------"
#define WAITING "wait--------------------------------"

/* What a test gives to its run. */
struct trial {
  const char *id;
  struct load_options options;
};

/* Calls GetCustomer with that id at the server's port. */
static struct load_tally run(struct arena *arena, int port, const struct trial *trial) {
  struct load_mix mix;
  struct load_shop shop = {.keeps = {false}};
  struct load_target target = {.addresses = {arena_printf(arena, "127.0.0.1:%d", port)}};
  struct load_options options = trial->options;
  struct load_tally tally = {.failures = 0};
  options.mix = &mix;
  options.connections = 2;
  options.duration_ms = 1000;
  CU_ASSERT(status_is_ok(load_mix_parse(arena, "GetCustomer", &mix)));
  load_ids_add(&shop.any[LOAD_CUSTOMER], trial->id, "");
  CU_ASSERT(status_is_ok(load_run(arena, &target, &options, &shop, &tally)));
  load_shop_clear(&shop);
  return tally;
}

static void begins_calls_whatever_becomes_of_those_before(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct load_tally tally = run(arena, server->port, &(struct trial){WAITING, {.rate = RATE, .deadline_ms = 300}});
  CU_ASSERT_EQUAL(tally.failures, RATE);
  CU_ASSERT(tally.by_code[STATUS_DEADLINE_EXCEEDED] > 0);
  CU_ASSERT_EQUAL(tally.by_code[STATUS_DEADLINE_EXCEEDED] + tally.by_code[STATUS_RESOURCE_EXHAUSTED], RATE);
  CU_ASSERT_EQUAL(tally.latency.count, 0);
  echo_server_stop(server);
  arena_free(arena);
}

/* As many as were to begin, however busy the machine is: those that are late begin all the same. */
static void keeps_the_rate(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct load_tally tally = run(arena, server->port, &(struct trial){ANSWERED, {.rate = 997, .deadline_ms = 30000}});
  CU_ASSERT_EQUAL(tally.latency.count, 997);
  CU_ASSERT_EQUAL(tally.late.count, 997);
  CU_ASSERT_EQUAL(tally.by_second[0], 997);
  CU_ASSERT_EQUAL(tally.commands[0].latency.count, 997);
  CU_ASSERT_EQUAL(tally.failures, 0);
  echo_server_stop(server);
  arena_free(arena);
}

static void counts_the_warm_up_apart(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct load_tally tally =
      run(arena, server->port, &(struct trial){FAILING, {.rate = RATE, .deadline_ms = 30000, .warm_up_ms = 500}});
  CU_ASSERT_EQUAL(tally.failures, RATE);
  CU_ASSERT_EQUAL(tally.warm_up_calls, RATE / 2);
  CU_ASSERT_EQUAL(tally.warm_up_failures, RATE / 2);
  echo_server_stop(server);
  arena_free(arena);
}

static void counts_failures_by_code_and_reason(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct load_tally tally = run(arena, server->port, &(struct trial){FAILING, {.rate = RATE, .deadline_ms = 30000}});
  CU_ASSERT_EQUAL(tally.by_code[STATUS_NOT_FOUND], RATE);
  CU_ASSERT_EQUAL_FATAL(tally.reason_count, 1);
  CU_ASSERT_EQUAL(tally.by_reason[0].count, RATE);
  CU_ASSERT_STRING_EQUAL(tally.by_reason[0].message, "no customer \xC3\xBC 100 %");
  CU_ASSERT(tally.by_reason[0].reason[0] != '\0');
  CU_ASSERT_EQUAL(tally.first_failure.code, STATUS_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(tally.first_failure.details->resource_type, "customer");
  echo_server_stop(server);
  arena_free(arena);
}

/* A latency counts from when the call was to begin: eight calls that wait for the gate take as long as it is closed. */
static void open_gate(void *argument, const struct load_progress *progress) {
  if (progress->elapsed_us > 400000) echo_server_open_gate(argument);
}

static void counts_the_time_that_a_server_stands_still(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  const struct trial trial = {WAITING,
                              {.rate = 20, .deadline_ms = 30000, .show_progress = open_gate, .argument = server}};
  struct load_tally tally = run(arena, server->port, &trial);
  CU_ASSERT_EQUAL(tally.latency.count, 20);
  CU_ASSERT(tally.latency.max_us >= 400000);
  CU_ASSERT(histogram_percentile(&tally.latency, 75) >= 100); /* eight of them began in the 400 ms */
  echo_server_stop(server);
  arena_free(arena);
}

struct most {
  uint64_t under_way;
};

static void note_most(void *argument, const struct load_progress *progress) {
  struct most *most = argument;
  if (progress->under_way > most->under_way) most->under_way = progress->under_way;
}

static void keeps_so_many_in_flight(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct most most = {0};
  const struct trial waiting = {WAITING,
                                {.in_flight = 7, .deadline_ms = 1500, .show_progress = note_most, .argument = &most}};
  struct load_tally tally = run(arena, server->port, &waiting);
  CU_ASSERT_EQUAL(most.under_way, 7);
  CU_ASSERT(tally.failures >= 7); /* more if the server has refused some */
  tally = run(arena, server->port, &(struct trial){ANSWERED, {.in_flight = 3, .calls = 500, .deadline_ms = 30000}});
  CU_ASSERT_EQUAL(tally.latency.count, 500);
  echo_server_stop(server);
  arena_free(arena);
}

/* ---- servers that go -------------------------------------------------------------------------------------------- */

struct restart {
  struct echo_server *server;
  int port;
  bool done;
};

static void restart_once(void *argument, const struct load_progress *progress) {
  struct restart *restart = argument;
  if (restart->done || progress->elapsed_us < 300000) return;
  char listen[32];
  snprintf(listen, sizeof(listen), "127.0.0.1:%d", restart->port);
  echo_server_stop(restart->server);
  restart->server = echo_server_start(&(struct rpc_server_options){.listen = listen}, NULL);
  restart->done = true;
}

static void connects_again(void) {
  struct arena *arena = arena_new();
  struct restart restart = {.server = echo_server_start(NULL, NULL)};
  restart.port = restart.server->port;
  const struct trial trial = {ANSWERED,
                              {.rate = 200, .deadline_ms = 30000, .show_progress = restart_once, .argument = &restart}};
  struct load_tally tally = run(arena, restart.port, &trial);
  CU_ASSERT_PTR_NOT_NULL_FATAL(restart.server);
  CU_ASSERT_EQUAL(tally.latency.count + tally.failures, 200);
  CU_ASSERT_EQUAL(tally.by_code[STATUS_UNAVAILABLE], tally.failures);
  CU_ASSERT(tally.latency.count > 60); /* more than before the restart */
  echo_server_stop(restart.server);
  arena_free(arena);
}

static void tries_again_as_the_library_does(void) {
  struct arena *arena = arena_new();
  struct restart restart = {.server = echo_server_start(NULL, NULL)};
  restart.port = restart.server->port;
  const struct trial trial = {
      ANSWERED,
      {.rate = 200, .deadline_ms = 30000, .retry = true, .show_progress = restart_once, .argument = &restart}};
  struct load_tally tally = run(arena, restart.port, &trial);
  CU_ASSERT_EQUAL(tally.failures, 0);
  CU_ASSERT_EQUAL(tally.latency.count, 200);
  echo_server_stop(restart.server);
  arena_free(arena);
}

static void counts_what_nobody_answers(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  int port = server->port;
  echo_server_stop(server);
  struct load_tally tally = run(arena, port, &(struct trial){ANSWERED, {.rate = RATE, .deadline_ms = 1000}});
  CU_ASSERT_EQUAL(tally.by_code[STATUS_UNAVAILABLE], RATE);
  CU_ASSERT_EQUAL_FATAL(tally.reason_count, 1);
  CU_ASSERT_STRING_EQUAL(tally.by_reason[0].reason, "PEER_UNREACHABLE");
  CU_ASSERT_PTR_NOT_NULL(strstr(tally.by_reason[0].message, "customer"));
  arena_free(arena);
}

static void names_an_address_that_is_none(void) {
  struct arena *arena = arena_new();
  struct load_mix mix;
  struct load_shop shop = {.keeps = {false}};
  struct load_tally tally;
  const struct load_target target = {.addresses = {"nowhere"}};
  const struct load_options options = {.mix = &mix, .in_flight = 1, .calls = 1, .connections = 1};
  CU_ASSERT(status_is_ok(load_mix_parse(arena, "ListCustomers", &mix)));
  struct status status = load_run(arena, &target, &options, &shop, &tally);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "\"nowhere\", the address of customer"));
  load_shop_clear(&shop);
  arena_free(arena);
}

static const struct test tests[] = {
    {"at a rate, calls begin whatever has become of those before", begins_calls_whatever_becomes_of_those_before},
    {"a rate is kept to the call", keeps_the_rate},
    {"calls of the warm-up are counted apart", counts_the_warm_up_apart},
    {"failures are counted by code and reason, with the first message", counts_failures_by_code_and_reason},
    {"the time that a server stands still counts for all calls that were to begin",
     counts_the_time_that_a_server_stands_still},
    {"so many calls are in flight, and no more", keeps_so_many_in_flight},
    {"a server that comes back is called again", connects_again},
    {"with retries, a restart costs no call", tries_again_as_the_library_does},
    {"calls to a server that is not there are UNAVAILABLE", counts_what_nobody_answers},
    {"an address that is none is named", names_an_address_that_is_none},
};

int main(int argc, char **argv) {
  return suite_main("client load", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
