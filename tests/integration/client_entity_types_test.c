/* SPDX-License-Identifier: Apache-2.0 */
/* Types of entities that the services are asked for, over real connections. */
#include "client/cli/events/type_search.h"

#include <descriptor_set.h>
#include <google/protobuf/descriptor.pb-c.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/cli/events/event_text.h"
#include "client/reflection_client.h"
#include "echo_server.h"
#include "suite.h"

static struct arena *arena;
static struct echo_server *server;
static struct ordershop_client *client;
static struct entity_types *types;
static struct type_search *search;
static const char *problem;

/* A client of a shop that isn't there, and of one service more. */
static void open_client(int port) {
  static char address[32];
  static struct ordershop_own_service own = {.name = "echo", .address = address};
  snprintf(address, sizeof(address), "127.0.0.1:%d", port);
  struct ordershop_client_options options = {.port_base = 1, .own_services = &own, .own_service_count = 1};
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_client_open(arena, &options, &client)));
  types = entity_types_new();
  search = type_search_new(client, types);
}

static void close_client(void) {
  type_search_free(search);
  entity_types_free(types);
  ordershop_client_close(client);
}

static void ask_for_customer(void) {
  const ProtobufCMessageDescriptor *type = type_search_find(search, "customer", &problem);
  CU_ASSERT_PTR_NOT_NULL_FATAL(type);
  CU_ASSERT_STRING_EQUAL(type->name, "ordershop.v1.Customer");
  CU_ASSERT_PTR_NULL(problem);
}

static void test_asked(void) {
  open_client(server->port);
  CU_ASSERT_PTR_NULL(entity_types_find(types, "customer"));
  ask_for_customer();
  CU_ASSERT_PTR_NOT_NULL(entity_types_find(types, "customer"));
  close_client();
}

static void ask_for_cart(void) {
  CU_ASSERT_PTR_NULL(type_search_find(search, "cart", &problem));
}

static void test_nobody_has(void) {
  open_client(server->port);
  ask_for_cart();
  CU_ASSERT_PTR_NULL(problem);
  ask_for_customer(); /* having missed one is no reason not to find another */
  close_client();
}

/* A port of which a socket takes no connection, or that takes all and says nothing. */
static int silent_socket(bool listening, int *ret_port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(address);
  int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(silent, (struct sockaddr *)&address, size), 0);
  CU_ASSERT_EQUAL_FATAL(getsockname(silent, (struct sockaddr *)&address, &size), 0);
  if (listening) CU_ASSERT_EQUAL_FATAL(listen(silent, 16), 0);
  *ret_port = ntohs(address.sin_port);
  return silent;
}

static void check_problem_is_told_once(bool listening) {
  int port;
  int silent = silent_socket(listening, &port);
  open_client(port);
  ask_for_cart();
  CU_ASSERT_TRUE(problem && strstr(problem, "echo can't be asked for its types"));
  ask_for_cart();
  CU_ASSERT_PTR_NULL(problem);
  close_client();
  close(silent);
}

static void test_away(void) {
  check_problem_is_told_once(false);
}

static void test_silent(void) {
  check_problem_is_told_once(true);
}

static void test_too_large(void) {
  open_client(server->port);
  struct context context = {.arena = arena};
  const void *set;
  size_t size;
  enum ordershop_service echo = ORDERSHOP_SERVICE_COUNT;
  struct status status = ordershop_get_descriptor_set(client, &context, echo, 1000, &set, &size);
  CU_ASSERT_EQUAL(status.code, STATUS_RESOURCE_EXHAUSTED);
  status = ordershop_get_descriptor_set(client, &context, echo, 2 * ordershop_descriptor_set_size, &set, &size);
  CU_ASSERT_TRUE(status_is_ok(status));
  CU_ASSERT_TRUE(size > 1000);
  close_client();
}

static void test_known_stay(void) {
  open_client(server->port);
  struct status status = entity_types_add(types, arena, ordershop_descriptor_set, ordershop_descriptor_set_size);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  const ProtobufCMessageDescriptor *before = entity_types_find(types, "customer");
  status = entity_types_add(types, arena, ordershop_descriptor_set, ordershop_descriptor_set_size);
  CU_ASSERT_TRUE(status_is_ok(status));
  CU_ASSERT_PTR_EQUAL(entity_types_find(types, "customer"), before);
  close_client();
}

/* A message of protobuf's own that may be within itself, so many times: DescriptorProto.nested_type is field 3. */
static ProtobufCBinaryData nested_entity(size_t depth) {
  uint8_t *bytes = arena_calloc(arena, depth, 3), *at = bytes + 3 * depth;
  size_t size = 0;
  for (size_t i = 0; i + 1 < depth; i++) {
    *--at = (uint8_t)(size >> 7);
    *--at = (uint8_t)(size | 0x80);
    *--at = 3 << 3 | 2;
    size += 3;
  }
  return (ProtobufCBinaryData){.len = size, .data = at};
}

static bool is_shown(size_t depth) {
  Ordershop__V1__Event event = ORDERSHOP__V1__EVENT__INIT;
  event.stream = arena_strdup(arena, "tree_created");
  event.event_id = arena_strdup(arena, "e1");
  event.entity_bytes = nested_entity(depth);
  json_t *json = event_json(arena, &google__protobuf__descriptor_proto__descriptor, &event);
  bool shown = json_object_get(json, "tree") && !json_object_get(json, "error");
  json_decref(json);
  return shown;
}

static void test_deep(void) {
  CU_ASSERT_TRUE(is_shown(32));
  CU_ASSERT_FALSE(is_shown(33));
}

static int set_up(void) {
  arena = arena_new();
  server = echo_server_start(NULL, NULL);
  return server ? 0 : 1;
}

static int tear_down(void) {
  echo_server_stop(server);
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"a service is asked for a type that is not known", test_asked},
    {"what nobody has is not known, and others are still found", test_nobody_has},
    {"a service of one's own that is away is told, once", test_away},
    {"one that says nothing doesn't hold up for ever, and is told, too", test_silent},
    {"a service says no more than it may", test_too_large},
    {"an entity that is too deep to be decoded is told as such", test_deep},
    {"types that are known stay as they are", test_known_stay},
};

int main(int argc, char **argv) {
  return suite_main("client_entity_types", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
