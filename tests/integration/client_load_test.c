/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator's calls, against a server that answers or doesn't. */
#include "client/load/load.h"
#include "echo_server.h"
#include "suite.h"

enum { RATE = 50 };

/* Calls begin for a second, of GetCustomer with this id. */
static struct load_result run_rate(struct arena *arena, int port, const char *id, int64_t deadline_ms) {
  char *ids[] = {(char *)id};
  const struct load_shop shop = {.customer_ids = ids};
  const struct load_target target = {.address = arena_printf(arena, "127.0.0.1:%d", port)};
  const struct load_options options = {.mode = LOAD_GET,
                                       .rate = RATE,
                                       .deadline_ms = deadline_ms,
                                       .duration_ms = 1000,
                                       .connections = 2,
                                       .customer_count = 1};
  struct load_result result = {.failures = 0};
  CU_ASSERT(status_is_ok(load_run(arena, &target, &options, &shop, &result)));
  return result;
}

/* Half of them at least, since a busy machine may not let the loop run in the last moment. */
static void begins_calls_whatever_becomes_of_those_before(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct load_result result = run_rate(arena, server->port, "wait", 300);
  CU_ASSERT(result.failures > RATE / 2 && result.failures <= RATE);
  CU_ASSERT(result.by_code[STATUS_DEADLINE_EXCEEDED] > 0);
  CU_ASSERT_EQUAL(result.by_code[STATUS_DEADLINE_EXCEEDED] + result.by_code[STATUS_RESOURCE_EXHAUSTED],
                  result.failures);
  CU_ASSERT_EQUAL(result.latency.count, 0);
  latency_clear(&result.refused);
  echo_server_stop(server);
  arena_free(arena);
}

static void counts_calls_by_second_and_code(void) {
  struct arena *arena = arena_new();
  struct echo_server *server = echo_server_start(NULL, NULL);
  struct load_result result = run_rate(arena, server->port, "other", 10000);
  CU_ASSERT_EQUAL(result.failures, 0);
  CU_ASSERT(result.latency.count > 0 && result.latency.count <= RATE);
  CU_ASSERT_EQUAL(result.by_second[0], result.latency.count);
  latency_clear(&result.latency);
  result = run_rate(arena, server->port, "fail", 10000);
  CU_ASSERT(result.failures > 0);
  CU_ASSERT_EQUAL(result.by_code[STATUS_NOT_FOUND], result.failures);
  echo_server_stop(server);
  arena_free(arena);
}

static const struct test tests[] = {
    {"at a rate, calls begin whatever has become of those before", begins_calls_whatever_becomes_of_those_before},
    {"what succeeds is counted by second, what fails by code", counts_calls_by_second_and_code},
};

int main(int argc, char **argv) {
  return suite_main("client load", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
