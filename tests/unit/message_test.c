/* SPDX-License-Identifier: Apache-2.0 */
/* Messages by descriptor: fields that their types do not have. */
#include <grpc/reflection/v1/reflection.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <string.h>

#include "base/message.h"
#include "suite.h"

static ProtobufCMessageUnknownField newer = {
    .tag = 100, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = (uint8_t *)"\x07"};

static void add_newer(void *message) {
  ProtobufCMessage *base = message;
  base->n_unknown_fields = 1;
  base->unknown_fields = &newer;
}

static size_t packed_size(const void *message) {
  return protobuf_c_message_get_packed_size(message);
}

static void test_drop_within(void) {
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  Ordershop__V1__OrderItem one = ORDERSHOP__V1__ORDER_ITEM__INIT, two = ORDERSHOP__V1__ORDER_ITEM__INIT;
  Ordershop__V1__OrderItem *items[] = {&one, &two};
  Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  order.id = (char *)"1";
  order.items = items;
  order.n_items = 2;
  two.quantity = 5;
  request.order = &order;
  size_t size = packed_size(&request);
  add_newer(&request);
  add_newer(&order);
  add_newer(&one);
  add_newer(&two);
  CU_ASSERT_TRUE(packed_size(&request) > size);
  message_drop_unknown(&request);
  CU_ASSERT_EQUAL(packed_size(&request), size);
  CU_ASSERT_EQUAL(two.quantity, 5);
}

static void test_drop_absent(void) {
  Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  add_newer(&request);
  message_drop_unknown(&request);
  CU_ASSERT_EQUAL(packed_size(&request), 0);
}

/* A text and a message share their place in it. */
static void test_drop_oneof(void) {
  Grpc__Reflection__V1__ServerReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  request.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME;
  request.file_by_filename = (char *)"order.proto";
  add_newer(&request);
  message_drop_unknown(&request);
  CU_ASSERT_STRING_EQUAL(request.file_by_filename, "order.proto");

  Grpc__Reflection__V1__ExtensionRequest extension = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
  request.message_request_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION;
  request.file_containing_extension = &extension;
  add_newer(&extension);
  message_drop_unknown(&request);
  CU_ASSERT_EQUAL(packed_size(&extension), 0);
}

static void test_share(void) {
  struct arena *arena = arena_new();
  Ordershop__V1__Order from = ORDERSHOP__V1__ORDER__INIT, to = ORDERSHOP__V1__ORDER__INIT;
  from.id = (char *)"1";
  add_newer(&from);
  message_share_unknown(&to, &from);
  CU_ASSERT_STRING_EQUAL(to.id, "");
  size_t size;
  const char *bytes = message_pack(arena, &to, &size);
  CU_ASSERT_EQUAL_FATAL(size, 3);
  CU_ASSERT(memcmp(bytes, "\xa0\x06\x07", 3) == 0);
  arena_free(arena);
}

static const struct test tests[] = {
    {"unknown fields are dropped in a message and in all within it", test_drop_within},
    {"a message that is not there has no unknown fields", test_drop_absent},
    {"of a oneof only the member that is set is looked into", test_drop_oneof},
    {"unknown fields are shared without known ones", test_share},
};

int main(int argc, char **argv) {
  return suite_main("message", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
