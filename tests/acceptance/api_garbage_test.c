/* SPDX-License-Identifier: Apache-2.0 */
/* What is no call at all: garbage instead of HTTP/2, connections that say nothing, messages that are too large or none,
 * bombs. The services refuse it or let it pass, go on serving everybody else, and stay small. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "echo_call.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { MEMORY_MAX_KB = 64 * 1024, CALL_MS = 20000 };

static const char customer_path[] = "/ordershop.v1.CustomerService/CreateCustomer";

/* One reading method of each service. */
static const char *const readings[] = {"ListCustomers", "ListProducts",     "ListInventories", "ListOrders",
                                       "ListBillings",  "ListInteractions", "ListMails",       "ReadEvents"};

static void assert_all_serve(void) {
  for (enum ordershop_service i = 0; i < SHIPPED_SERVICE_COUNT; i++) must(readings[i], "page_size 1");
}

static void assert_small(void) {
  if (SANITIZED) return;
  for (enum ordershop_service i = 0; i < SHIPPED_SERVICE_COUNT; i++) {
    int64_t max = memory_of(i, "VmHWM");
    if (max > MEMORY_MAX_KB) fprintf(stderr, "  %s took %lld kB\n", ordershop_service_name(i), (long long)max);
    CU_ASSERT_TRUE(max <= MEMORY_MAX_KB);
  }
}

/* ---- bytes on a connection -------------------------------------------------------------------------------------- */

static int connect_to(enum ordershop_service service) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)private_shop_port(shop, service))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct timeval timeout = {.tv_sec = 10};
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  CU_ASSERT_EQUAL_FATAL(connect(connection, (struct sockaddr *)&address, sizeof address), 0);
  return connection;
}

/* Sends what the other side takes. */
static void send_bytes(int connection, const void *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(connection, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes = (const char *)bytes + sent;
    size -= (size_t)sent;
  }
}

static void say(enum ordershop_service service, const void *bytes, size_t size) {
  int connection = connect_to(service);
  send_bytes(connection, bytes, size);
  close(connection);
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"

static const struct {
  const char *bytes;
  size_t size;
} openings[] = {
#define BYTES(text) \
  { text, sizeof(text) - 1 }
    BYTES("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    BYTES("POST /ordershop.v1.CustomerService/CreateCustomer HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"),
    BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client hello, or nearly"),
    BYTES("*1\r\n$4\r\nPING\r\n"),
    BYTES("PRI * HTTP/2.0\r\n"),
    BYTES(PREFACE),
    BYTES(PREFACE "\xff\xff\xff\x00\x00\x00\x00\x00\x01 a frame of 16 MB"),
    BYTES(PREFACE SETTINGS "\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff"),
    BYTES(PREFACE SETTINGS "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    BYTES(PREFACE SETTINGS "\x00\x00\x00\x77\x00\x00\x00\x00\x03"),
    BYTES(PREFACE SETTINGS "\x00\x00\x05\x00\x01\x00\x00\x00\x07hello"),
#undef BYTES
};

static void what_is_no_http2_disturbs_nobody(void) {
  static char noise[1 << 18];
  srandom(20190128);
  for (size_t i = 0; i < sizeof noise; i++) noise[i] = (char)random();
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) say(service, openings[i].bytes, openings[i].size);
    say(service, noise, sizeof noise);
    for (int i = 0; i < 20; i++) { /* noise as frames */
      int connection = connect_to(service);
      send_bytes(connection, PREFACE SETTINGS, sizeof(PREFACE SETTINGS) - 1);
      send_bytes(connection, noise + 1000 * i, 5000);
      close(connection);
    }
  }
  assert_all_serve();
  assert_small();
}

static void connections_that_say_nothing_or_stop_halfway_disturb_nobody(void) {
  enum { CONNECTIONS = 200 };
  int connections[SHIPPED_SERVICE_COUNT][CONNECTIONS];
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service += 3) {
    for (int i = 0; i < CONNECTIONS; i++) {
      connections[service][i] = connect_to(service);
      size_t opening = (size_t)i % (sizeof openings / sizeof *openings);
      if (i % 2) send_bytes(connections[service][i], openings[opening].bytes, openings[opening].size / 2);
    }
  }
  assert_all_serve();
  assert_small();
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service += 3) {
    for (int i = 0; i < CONNECTIONS; i++) close(connections[service][i]);
  }
}

/* ---- bytes as messages ------------------------------------------------------------------------------------------ */

static struct echo_call *open_call(const char *key, const char *value) {
  return echo_call_open(private_shop_port(shop, ORDERSHOP_CUSTOMER), customer_path, CALL_MS, key, value);
}

/* What CreateCustomer answers to these bytes as its request. */
static int answer_to(const void *bytes, size_t size, const char **ret_message) {
  struct echo_call *call = open_call(NULL, NULL);
  echo_call_send_bytes(call, bytes, size);
  echo_call_send_end(call);
  ProtobufCMessage *customer;
  echo_call_receive(call, CALL_MS, arena, &ordershop__v1__customer__descriptor, &customer);
  int code = echo_call_finish(call);
  if (ret_message) *ret_message = arena_strdup(arena, echo_call_message(call));
  echo_call_free(call);
  return code;
}

static void assert_invalid(const char *bytes, size_t size, const char *part) {
  const char *message;
  int code = answer_to(bytes, size, &message);
  if (code != STATUS_INVALID_ARGUMENT || !strstr(message, part))
    fprintf(stderr, "  %d: %s, wanted: %s\n", code, message, part);
  CU_ASSERT_EQUAL(code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(message, part));
}

#define INVALID(bytes, part) assert_invalid(bytes, sizeof(bytes) - 1, part)

static void what_is_no_protobuf_is_refused(void) {
  int64_t before = events_of("customer_created");
  INVALID("garbage", "encoded");
  INVALID("\x0a", "encoded");
  INVALID("\x0a\x7f too short", "encoded");
  INVALID("\x0a\xff\xff\xff\xff\x0f", "encoded");
  INVALID("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "encoded");
  INVALID("\x0b\x0c", "encoded"); /* a group */
  INVALID("\x0e\x01", "encoded"); /* wire type 6 */
  INVALID("\x00\x00", "encoded"); /* field 0 */
  INVALID(
      "\x0a\x03\x12\x05"
      "a",
      "encoded"); /* cut within the customer */
  INVALID("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "encoded");
  INVALID("\x08\x05", ""); /* the customer as a number */
  CU_ASSERT_EQUAL(events_of("customer_created"), before);
}

static void texts_must_be_utf8_without_nul(void) {
  INVALID(
      "\x0a\x0b\x12\x02\xc3\x28\x1a\x05"
      "a@b.c",
      "customer.name must be UTF-8");
  INVALID(
      "\x0a\x0c\x12\x03\xed\xa0\x80\x1a\x05"
      "a@b.c",
      "customer.name must be UTF-8"); /* a surrogate */
  INVALID(
      "\x0a\x0b\x12\x02\xc0\x80\x1a\x05"
      "a@b.c",
      "customer.name must be UTF-8"); /* an overlong NUL */
  INVALID(
      "\x0a\x0c\x12\x03"
      "a\0b\x1a\x05"
      "a@b.c",
      "customer.name must not contain NUL");
  INVALID(
      "\x0a\x0c\x12\x02"
      "Ad\x1a\x06"
      "a@b.c\0",
      "customer.email must not contain NUL");
  INVALID(
      "\x0a\x0a\x12\x01"
      "A\x1a\x05"
      "a@b.c\x12\x02\xff\xfe",
      "request_id must be UTF-8");
}

static void nesting_as_deep_as_a_message_allows_disturbs_nobody(void) {
  enum { SIZE = 1 << 20 };
  char *bytes = arena_alloc(arena, SIZE);
  memset(bytes, 0x0b, SIZE); /* groups in groups */
  CU_ASSERT_EQUAL(answer_to(bytes, SIZE, NULL), STATUS_INVALID_ARGUMENT);
  size_t begin = SIZE;
  for (size_t size = 0; begin > SIZE / 2 && size < 127; size = SIZE - begin) { /* messages in messages */
    bytes[--begin] = (char)size;
    bytes[--begin] = 0x0a;
  }
  int code = answer_to(bytes + begin, SIZE - begin, NULL);
  CU_ASSERT_TRUE(code == STATUS_INVALID_ARGUMENT);
  memset(bytes, 0x0a, SIZE);
  CU_ASSERT_EQUAL(answer_to(bytes, SIZE, NULL), STATUS_INVALID_ARGUMENT);
  assert_all_serve();
}

static void fields_that_nobody_knows_are_let_through(void) {
  static const char bytes[] =
      "\x0a\x10\x12\x03"
      "Ada\x1a\x03"
      "a@b\xa2\x06\x03xyz\xfa\x07\x03"
      "abc";
  const char *message;
  int code = answer_to(bytes, sizeof bytes - 1, &message);
  if (code != STATUS_OK) fprintf(stderr, "  %d: %s\n", code, message);
  CU_ASSERT_EQUAL(code, STATUS_OK);
}

static void a_message_beyond_the_limit_is_resource_exhausted(void) {
  size_t size = 4 << 20;
  char *bytes = arena_calloc(arena, 1, size);
  for (int i = 0; i < 5; i++) CU_ASSERT_EQUAL(answer_to(bytes, size, NULL), STATUS_RESOURCE_EXHAUSTED);
  for (enum ordershop_service i = 0; i < SHIPPED_SERVICE_COUNT; i++) {
    struct echo_call *call = echo_call_open(
        private_shop_port(shop, i), arena_printf(arena, "/%s/%s", ordershop_service_descriptor(i)->name, readings[i]),
        CALL_MS, NULL, NULL);
    echo_call_send_bytes(call, bytes, size);
    echo_call_send_end(call);
    CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_RESOURCE_EXHAUSTED);
    echo_call_free(call);
  }
  assert_all_serve();
  assert_small();
}

/* 256 MiB of blanks in 256 KiB: gRPC knows their size only when it has unpacked them. */
static void a_message_that_is_compressed_is_refused_without_unpacking_it(void) {
  size_t size = 256 << 20;
  char *bytes = malloc(size);
  memset(bytes, ' ', size);
  struct echo_call *call = open_call("grpc-internal-encoding-request", "gzip");
  echo_call_send_bytes(call, bytes, size);
  free(bytes);
  echo_call_send_end(call);
  CU_ASSERT_EQUAL(echo_call_finish(call), STATUS_UNIMPLEMENTED);
  echo_call_free(call);
  assert_all_serve();
  assert_small();
}

static void metadata_beyond_the_limit_is_refused(void) {
  static const char *const keys[] = {"x-large", "ordershop-after", "traceparent"};
  for (int i = 0; i < 3; i++) {
    struct echo_call *call = open_call(keys[i], repeated("x", 1 << 20));
    echo_call_send_bytes(call, "", 0);
    echo_call_send_end(call);
    int code = echo_call_finish(call);
    CU_ASSERT_TRUE(code == STATUS_RESOURCE_EXHAUSTED || code == STATUS_UNAVAILABLE || code == STATUS_INTERNAL);
    echo_call_free(call);
  }
  assert_all_serve();
  assert_small();
}

/* ---- calls that do not end as they should ----------------------------------------------------------------------- */

static void a_call_without_a_message_is_refused(void) {
  struct echo_call *call = open_call(NULL, NULL);
  echo_call_send_end(call);
  int code = echo_call_finish(call);
  CU_ASSERT_TRUE(code == STATUS_INVALID_ARGUMENT || code == STATUS_UNIMPLEMENTED);
  echo_call_free(call);
}

static void calls_that_are_given_up_leave_nothing_behind(void) {
  enum { CALLS = 300 };
  for (int i = 0; i < CALLS; i++) {
    struct echo_call *call = open_call(NULL, NULL);
    if (i % 3 > 0)
      echo_call_send_bytes(call,
                           "\x0a\x0a\x12\x03"
                           "Ada\x1a\x03"
                           "a@b",
                           12);
    if (i % 3 > 1) echo_call_send_end(call);
    echo_call_cancel(call);
    echo_call_free(call);
  }
  assert_all_serve();
  assert_small();
}

static void memory_does_not_grow_with_the_garbage_that_came(void) {
  if (SANITIZED) return;
  enum { CALLS = 1500, GROWTH_MAX_KB = 2048 };
  char *bytes = arena_calloc(arena, 1, 1 << 16);
  int64_t before = 0;
  for (int i = 0; i < CALLS; i++) {
    if (i == CALLS / 3) before = memory_of(ORDERSHOP_CUSTOMER, "VmRSS");
    bytes[0] = (char)(i % 2 ? 0x0a : 0x0b);
    if (i % 10 == 0) CU_ASSERT_NOT_EQUAL(answer_to(bytes, 1 << 16, NULL), STATUS_OK);
    ask("CreateCustomer", "customer {name $ email 'x'}", repeated("\xff", 100));
    ask("GetCustomer", "id 'x'");
    ask("ListCustomers", "page_token 'x'");
  }
  int64_t after = memory_of(ORDERSHOP_CUSTOMER, "VmRSS");
  if (after - before > GROWTH_MAX_KB) fprintf(stderr, "  %lld kB, then %lld\n", (long long)before, (long long)after);
  CU_ASSERT_TRUE(after - before <= GROWTH_MAX_KB);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what is no HTTP/2 disturbs nobody", what_is_no_http2_disturbs_nobody},
      {"connections that say nothing, or stop halfway, disturb nobody",
       connections_that_say_nothing_or_stop_halfway_disturb_nobody},
      {"what is no protobuf is refused", what_is_no_protobuf_is_refused},
      {"texts must be UTF-8 without NUL", texts_must_be_utf8_without_nul},
      {"nesting as deep as a message allows disturbs nobody", nesting_as_deep_as_a_message_allows_disturbs_nobody},
      {"fields that nobody knows are let through", fields_that_nobody_knows_are_let_through},
      {"a message beyond the limit is RESOURCE_EXHAUSTED", a_message_beyond_the_limit_is_resource_exhausted},
      {"a message that is compressed is refused without unpacking it",
       a_message_that_is_compressed_is_refused_without_unpacking_it},
      {"metadata beyond the limit is refused", metadata_beyond_the_limit_is_refused},
      {"a call without a message is refused", a_call_without_a_message_is_refused},
      {"calls that are given up leave nothing behind", calls_that_are_given_up_leave_nothing_behind},
      {"memory does not grow with the garbage that came", memory_does_not_grow_with_the_garbage_that_came},
  };
  return suite_main("API: garbage", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
