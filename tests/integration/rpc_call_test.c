/* SPDX-License-Identifier: Apache-2.0 */
/* Unary calls over a real connection: requests, replies, errors, deadlines, cancellation, limits. */
#include <ordershop/v1/customer.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "echo_call.h"
#include "echo_server.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"
#include "suite.h"

enum { US_PER_MS = 1000, PATIENCE_MS = 60000 };

static struct echo_server *server;
static struct arena *arena;
static struct rpc_blocking_channel *channel;

static int set_up(void) {
  server = echo_server_start(NULL, NULL);
  if (!server) return 1;
  arena = arena_new();
  const char *target = arena_printf(arena, "127.0.0.1:%d", server->port);
  struct status status =
      rpc_blocking_channel_open(arena, target, &(struct rpc_channel_options){.brand = &shop_brand}, &channel);
  return status_is_ok(status) ? 0 : 1;
}

static int tear_down(void) {
  rpc_blocking_channel_close(channel);
  arena_free(arena);
  echo_server_stop(server);
  return 0;
}

static struct context context_for(int64_t timeout_ms) {
  return (struct context){.arena = arena, .deadline_us = clock_monotonic_us() + timeout_ms * US_PER_MS};
}

static struct rpc_reply get(struct context *context, const char *id) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return rpc_blocking_call(channel, context, &ordershop__v1__customer_service__descriptor, "GetCustomer", &request);
}

static struct rpc_reply create(struct context *context, const char *name) {
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  customer.name = (char *)name;
  request.customer = &customer;
  return rpc_blocking_call(channel, context, &ordershop__v1__customer_service__descriptor, "CreateCustomer", &request);
}

/* Polls: the server's side of something takes a moment. */
static bool reaches(atomic_int *counter, int value) {
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  while (atomic_load(counter) < value && clock_monotonic_us() < until) continue;
  return atomic_load(counter) >= value;
}

static void test_reply(void) {
  struct context context = context_for(PATIENCE_MS);
  struct rpc_reply reply = create(&context,
                                  "Gr\xC3\xB6\xC3\x9F"
                                  "e");
  CU_ASSERT_EQUAL_FATAL(reply.status.code, STATUS_OK);
  const Ordershop__V1__Customer *customer = reply.message;
  CU_ASSERT_STRING_EQUAL(customer->name,
                         "Gr\xC3\xB6\xC3\x9F"
                         "e");
}

static void test_position(void) {
  struct context context = context_for(PATIENCE_MS);
  struct rpc_reply reply = create(&context, "1548699678802-91");
  CU_ASSERT_EQUAL_FATAL(reply.status.code, STATUS_OK);
  CU_ASSERT_PTR_NOT_NULL_FATAL(reply.position);
  CU_ASSERT_STRING_EQUAL(reply.position, "1548699678802-91");
  reply = get(&context, "no trailer");
  CU_ASSERT_EQUAL(reply.status.code, STATUS_OK);
  CU_ASSERT_PTR_NULL(reply.position);
}

static void test_metadata_out(void) {
  struct context context = context_for(PATIENCE_MS);
  context.after = "epoch/1548699678802-91";
  context.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  struct rpc_reply reply = get(&context, "context");
  CU_ASSERT_EQUAL_FATAL(reply.status.code, STATUS_OK);
  const Ordershop__V1__Customer *customer = reply.message;
  CU_ASSERT_STRING_EQUAL(customer->name, context.after);
  CU_ASSERT_EQUAL(strlen(customer->email), 55);
  CU_ASSERT_EQUAL(strncmp(customer->email, context.traceparent, 36), 0);
  CU_ASSERT_NOT_EQUAL(strncmp(customer->email + 36, context.traceparent + 36, 16), 0);
  CU_ASSERT_STRING_EQUAL(customer->email + 52, "-01");
}

static void test_invalid_traceparent(void) {
  struct context context = context_for(PATIENCE_MS);
  context.traceparent = "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01";
  const Ordershop__V1__Customer *customer = get(&context, "context").message;
  CU_ASSERT_STRING_EQUAL_FATAL(customer->email, "");
}

/* The code of a unary call; an answer has to be received before the status is. */
static int finish(struct echo_call *call) {
  ProtobufCMessage *message;
  echo_call_send_end(call);
  echo_call_receive(call, PATIENCE_MS, arena, &ordershop__v1__customer__descriptor, &message);
  return echo_call_finish(call);
}

static void test_any_metadata(void) {
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  struct echo_call *call =
      echo_call_open(server->port, "/ordershop.v1.CustomerService/CreateCustomer", PATIENCE_MS, "x-ask", "what else");
  echo_call_send(call, &request);
  CU_ASSERT_EQUAL(finish(call), STATUS_OK);
  const char *echoed = echo_call_trailer(call, "x-echo");
  CU_ASSERT_PTR_NOT_NULL_FATAL(echoed);
  CU_ASSERT_STRING_EQUAL(echoed, "what else");
  echo_call_free(call);
}

static void test_error(void) {
  struct context context = context_for(PATIENCE_MS);
  struct status status = get(&context, "fail").status;
  CU_ASSERT_EQUAL(status.code, STATUS_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(status.message, "no customer \xC3\xBC 100 %");
  CU_ASSERT_PTR_NOT_NULL_FATAL(status.details);
  CU_ASSERT_STRING_EQUAL(status.details->reason, "CUSTOMER_NOT_FOUND");
  CU_ASSERT_STRING_EQUAL(status.details->metadata->key, "wanted");
  CU_ASSERT_STRING_EQUAL(status.details->metadata->next->value, "1");
  CU_ASSERT_STRING_EQUAL(status.details->violations->description, "must be \xC3\xA4 UUID");
  CU_ASSERT_STRING_EQUAL(status.details->violations->next->field, "email");
  CU_ASSERT_PTR_NULL(status.details->violations->next->next);
  CU_ASSERT_STRING_EQUAL(status.details->resource_type, "customer");
  CU_ASSERT_STRING_EQUAL(status.details->resource_name, "fail");
  CU_ASSERT_EQUAL(status.details->retry_delay_ms, 1500);
}

static void test_no_reply(void) {
  struct context context = context_for(PATIENCE_MS);
  struct status status = get(&context, "nothing").status;
  CU_ASSERT_EQUAL(status.code, STATUS_INTERNAL);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "NO_REPLY");
}

static void test_mistyped_reply(void) {
  struct context context = context_for(PATIENCE_MS);
  struct status status = get(&context, "mistyped").status;
  CU_ASSERT_EQUAL(status.code, STATUS_INTERNAL);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REPLY_MISTYPED");
}

static void test_deadline_passed_on(void) {
  struct context context = context_for(50000);
  const Ordershop__V1__Customer *customer = get(&context, "context").message;
  CU_ASSERT_PTR_NOT_NULL_FATAL(customer);
  CU_ASSERT(customer->version > 10000 && customer->version <= 50100); /* gRPC rounds a little upwards */
}

static void test_deadline_bounded(void) {
  struct context context = {.arena = arena, .deadline_us = DEADLINE_NEVER};
  const Ordershop__V1__Customer *customer = get(&context, "context").message;
  CU_ASSERT_PTR_NOT_NULL_FATAL(customer);
  CU_ASSERT(customer->version > 20000 && customer->version <= 60000);
}

static void test_deadline_expires(void) {
  struct context context = context_for(100);
  CU_ASSERT_EQUAL(get(&context, "wait").status.code, STATUS_DEADLINE_EXCEEDED);
}

/* The handlers of calls whose client has given up may run a little longer. */
static void wait_for_idle(void) {
  int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;
  while (rpc_server_calls(server->rpc) > 0 && clock_monotonic_us() < until) continue;
}

static void test_cancel(void) {
  wait_for_idle();
  int started = atomic_load(&server->started), cancelled = atomic_load(&server->cancelled);
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)"wait";
  struct echo_call *call =
      echo_call_open(server->port, "/ordershop.v1.CustomerService/GetCustomer", PATIENCE_MS, NULL, NULL);
  echo_call_send(call, &request);
  echo_call_send_end(call);
  CU_ASSERT(reaches(&server->started, started + 1));
  CU_ASSERT_EQUAL(atomic_load(&server->cancelled), cancelled);
  echo_call_cancel(call);
  CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_CANCELLED);
  CU_ASSERT(reaches(&server->cancelled, cancelled + 1));
  echo_call_free(call);
}

static void test_large(void) {
  struct context context = context_for(PATIENCE_MS);
  size_t size = 1000 * 1000;
  char *name = arena_alloc(arena, size + 1);
  memset(name, 'a', size);
  name[size] = '\0';
  struct rpc_reply reply = create(&context, name);
  CU_ASSERT_EQUAL_FATAL(reply.status.code, STATUS_OK);
  CU_ASSERT_EQUAL(strlen(((const Ordershop__V1__Customer *)reply.message)->name), size);
}

static void test_too_large(void) {
  struct context context = context_for(PATIENCE_MS);
  size_t size = 1024 * 1024 + 64 * 1024 + 1;
  char *name = arena_alloc(arena, size + 1);
  memset(name, 'a', size);
  name[size] = '\0';
  CU_ASSERT_EQUAL(create(&context, name).status.code, STATUS_RESOURCE_EXHAUSTED);
  CU_ASSERT_EQUAL(create(&context, "still serving").status.code, STATUS_OK);
}

static void test_not_utf8(void) {
  struct context context = context_for(PATIENCE_MS);
  struct status status = create(&context, "\xFF\xFE").status;
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "FIELD_INVALID");
  CU_ASSERT_PTR_NOT_NULL_FATAL(status.details->violations);
  CU_ASSERT_STRING_EQUAL(status.details->violations->field, "customer.name");
}

static int send_bytes(const void *bytes, size_t size) {
  struct echo_call *call =
      echo_call_open(server->port, "/ordershop.v1.CustomerService/CreateCustomer", PATIENCE_MS, NULL, NULL);
  if (bytes) echo_call_send_bytes(call, bytes, size);
  int code = finish(call);
  echo_call_free(call);
  return code;
}

static void test_garbage(void) {
  CU_ASSERT_EQUAL(send_bytes("\x0A\xFFgarbage", 9), STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(send_bytes("\x08\x01", 2), STATUS_INVALID_ARGUMENT); /* a number where a message belongs */
  CU_ASSERT_EQUAL(send_bytes("", 0), STATUS_OK);                       /* the empty message */
  CU_ASSERT_EQUAL(send_bytes(NULL, 0), STATUS_INVALID_ARGUMENT);       /* no message */
}

static void test_deep(void) {
  /* Any-like nesting can't be had from the shop's messages; the walk itself is tested by its unit test. */
  char bytes[64];
  memset(bytes, 0x0A, sizeof(bytes));
  CU_ASSERT_EQUAL(send_bytes(bytes, sizeof(bytes)), STATUS_INVALID_ARGUMENT);
}

static void test_unknown(void) {
  static const char *const paths[] = {"/ordershop.v1.CustomerService/Marry", "/no.Such/Method", "/x"};
  for (size_t i = 0; i < SUITE_SIZE(paths); i++) {
    struct echo_call *call = echo_call_open(server->port, paths[i], PATIENCE_MS, NULL, NULL);
    CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_UNIMPLEMENTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(echo_call_message(call), paths[i]));
    echo_call_free(call);
  }
}

static const struct test tests[] = {
    {"a call gets its reply", test_reply},
    {"the position trailer of a reply reaches the client", test_position},
    {"ordershop-after travels with the call, and traceparent as a child: the same trace, another span",
     test_metadata_out},
    {"a traceparent that is not valid goes to nobody", test_invalid_traceparent},
    {"a handler reads any metadata and sends any trailer", test_any_metadata},
    {"an error arrives with code, message and every kind of detail", test_error},
    {"a handler that makes no reply is INTERNAL", test_no_reply},
    {"a handler whose reply is of another type than the method's is INTERNAL", test_mistyped_reply},
    {"a handler sees the caller's deadline", test_deadline_passed_on},
    {"a call without a deadline gets the server's longest", test_deadline_bounded},
    {"a call whose deadline passes ends with DEADLINE_EXCEEDED", test_deadline_expires},
    {"a handler sees that its caller has cancelled", test_cancel},
    {"a request of a megabyte passes", test_large},
    {"a request above the limit is RESOURCE_EXHAUSTED", test_too_large},
    {"a text that is not UTF-8 is INVALID_ARGUMENT and named by its path", test_not_utf8},
    {"bytes that are no message are INVALID_ARGUMENT", test_garbage},
    {"truncated nested bytes are INVALID_ARGUMENT", test_deep},
    {"an unknown method is UNIMPLEMENTED and named", test_unknown},
};

int main(int argc, char **argv) {
  return suite_main("rpc calls", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
