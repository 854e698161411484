/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of calls: their access lines, and the ids on all lines that are written while a call is worked on.
 */
#include <ordershop/v1/customer.pb-c.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "captured_log.h"
#include "echo_call.h"
#include "echo_server.h"
#include "patience.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"
#include "suite.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define TRACEPARENT "00-" TRACE "-b7ad6b7169203331-01"
#define REQUEST_ID "6f1c2a4e-0b1d-4c8e-9f00-123456789abc"
#define GET_PATH "/ordershop.v1.CustomerService/GetCustomer"
#define CREATE_PATH "/ordershop.v1.CustomerService/CreateCustomer"

static struct echo_server *server;
static struct arena *arena;

static void begin(enum log_level level, int64_t over_ms) {
  arena = arena_new();
  log_start("", level, LOG_LOGFMT);
  log_stop(); /* lines are written directly then */
  captured_log_begin();
  server = echo_server_start(&(struct rpc_server_options){.log_calls_over_ms = over_ms}, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
}

/* The log of the server, which has ended. */
static const char *end(void) {
  echo_server_stop(server);
  log_start("", LOG_INFO, LOG_LOGFMT);
  log_stop();
  return captured_log_end(arena);
}

/* The line of the log that contains `part`, or "". */
static const char *line_of(const char *log, const char *part) {
  const char *found = strstr(log, part);
  if (!found) return "";
  while (found > log && found[-1] != '\n') found--;
  return arena_memdup(arena, found, strcspn(found, "\n"));
}

static bool has(const char *line, const char *part) {
  if (strstr(line, part)) return true;
  fprintf(stderr, "no %s in: %s\n", part, line);
  return false;
}

static int call(const char *path, const void *request, const char *key, const char *value) {
  struct echo_call *made = echo_call_open(server->port, path, patience_us() / 1000, key, value);
  ProtobufCMessage *message;
  echo_call_send(made, request);
  echo_call_send_end(made);
  echo_call_receive(made, patience_us() / 1000, arena, &ordershop__v1__customer__descriptor, &message);
  int code = echo_call_finish(made);
  echo_call_free(made);
  return code;
}

static int get(const char *id, const char *traceparent) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return call(GET_PATH, &request, traceparent ? "traceparent" : NULL, traceparent);
}

static int create(const char *request_id, const char *traceparent) {
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  request.request_id = (char *)request_id;
  return call(CREATE_PATH, &request, traceparent ? "traceparent" : NULL, traceparent);
}

static void test_access_line(void) {
  begin(LOG_DEBUG, 0);
  CU_ASSERT_EQUAL(create(REQUEST_ID, TRACEPARENT), STATUS_OK);
  CU_ASSERT_EQUAL(get("fail", NULL), STATUS_NOT_FOUND);
  const char *log = end(), *created = line_of(log, "method=CreateCustomer"), *got = line_of(log, "method=GetCustomer");
  CU_ASSERT(has(created, "level=debug"));
  CU_ASSERT(has(created, "message=\"answered a call\" request_id=" REQUEST_ID " trace_id=" TRACE " method="));
  CU_ASSERT(has(created, "code=OK duration_ms="));
  CU_ASSERT_PTR_NULL(strstr(created, "caller="));
  CU_ASSERT(has(got, "code=NOT_FOUND duration_ms="));
  CU_ASSERT_PTR_NULL(strstr(got, "_id="));
  CU_ASSERT_EQUAL(captured_log_count(log, "answered a call"), 2);
  arena_free(arena);
}

static void test_handlers_line(void) {
  begin(LOG_INFO, 0);
  CU_ASSERT_EQUAL(get("nothing", TRACEPARENT), STATUS_INTERNAL);
  CU_ASSERT_EQUAL(get("nothing", NULL), STATUS_INTERNAL);
  const char *log = end();
  CU_ASSERT(has(line_of(log, "without a reply"), "trace_id=" TRACE));
  CU_ASSERT_EQUAL(captured_log_count(log, "without a reply"), 2);
  CU_ASSERT_EQUAL(captured_log_count(log, "trace_id="), 1);
  CU_ASSERT_EQUAL(captured_log_count(log, "answered a call"), 0);
  arena_free(arena);
}

static void test_ids_that_are_none(void) {
  begin(LOG_DEBUG, 0);
  create("no UUID", "00-" TRACE "-b7ad6b7169203331-01-");
  create(NULL, NULL);
  CU_ASSERT_EQUAL(captured_log_count(end(), "_id="), 0);
  arena_free(arena);
}

static void test_slow_calls(void) {
  begin(LOG_INFO, 1);
  struct echo_call *slow = echo_call_open(server->port, GET_PATH, patience_us() / 1000, NULL, NULL);
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  ProtobufCMessage *message;
  request.id = (char *)"wait";
  echo_call_send(slow, &request);
  echo_call_send_end(slow);
  int64_t began_us = 0, until_us = patience_end_us();
  while (clock_monotonic_us() < until_us && (!began_us || clock_monotonic_us() < began_us + 2000)) {
    if (!began_us && atomic_load(&server->started) > 0) began_us = clock_monotonic_us();
  }
  echo_server_open_gate(server);
  echo_call_receive(slow, patience_us() / 1000, arena, &ordershop__v1__customer__descriptor, &message);
  CU_ASSERT_EQUAL(echo_call_finish(slow), STATUS_OK);
  echo_call_free(slow);
  const char *line = line_of(end(), "answered a call");
  CU_ASSERT(has(line, "level=info"));
  CU_ASSERT(has(line, "method=GetCustomer code=OK duration_ms="));
  arena_free(arena);
}

static void test_quick_calls(void) {
  begin(LOG_INFO, 60 * 1000);
  CU_ASSERT_EQUAL(get("anyone", TRACEPARENT), STATUS_OK);
  CU_ASSERT_EQUAL(captured_log_count(end(), "answered a call"), 0);
  arena_free(arena);
}

static void test_unknown_method(void) {
  begin(LOG_DEBUG, 0);
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  CU_ASSERT_EQUAL(call("/no.Such/Method", &request, NULL, NULL), STATUS_UNIMPLEMENTED);
  CU_ASSERT(has(line_of(end(), "answered a call"), "method=unknown code=UNIMPLEMENTED"));
  arena_free(arena);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"at debug each call has a line: method, code, duration, ids", test_access_line},
      {"a line that a call's handler leads to has the call's ids, and the next call's has not", test_handlers_line},
      {"a request id that is no UUID, and a traceparent that breaks the rules, are on no line", test_ids_that_are_none},
      {"a call that takes longer than is said has a line at info", test_slow_calls},
      {"one that does not has none", test_quick_calls},
      {"a call of an unknown method has a line", test_unknown_method},
  };
  return suite_main("rpc access line", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
