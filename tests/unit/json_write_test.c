/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as JSON, by protobuf's mapping. */
#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <grpc/reflection/v1/reflection.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "message/json_write.h"
#include "suite.h"

static struct arena *arena;

static const char *dump(const void *message) {
  json_t *json = json_of_message(message);
  char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
  const char *copy = arena_strdup(arena, text);
  free(text);
  json_decref(json);
  return copy;
}

static const char *dump_timestamp(int64_t seconds, int32_t nanos) {
  Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  timestamp.seconds = seconds;
  timestamp.nanos = nanos;
  return dump(&timestamp);
}

static void writes_names_in_camel_case_and_big_numbers_as_text(void) {
  Ordershop__V1__OrderItem item = ORDERSHOP__V1__ORDER_ITEM__INIT;
  char id[] = "p1", name[] = "Kettle";
  item.product_id = id;
  item.product_name = name;
  item.unit_price_cents = 9007199254740993;
  item.quantity = 2;
  CU_ASSERT_STRING_EQUAL(dump(&item),
                         "{\"productId\":\"p1\",\"productName\":\"Kettle\",\"unitPriceCents\":\"9007199254740993\","
                         "\"quantity\":\"2\"}");
}

static void writes_empty_fields_and_leaves_out_unset_messages(void) {
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  CU_ASSERT_STRING_EQUAL(
      dump(&order),
      "{\"id\":\"\",\"customerId\":\"\",\"productIds\":[],\"items\":[],\"totalCents\":\"0\",\"version\":\"0\"}");
}

static void writes_lists(void) {
  Ordershop__V1__OrderItem item = ORDERSHOP__V1__ORDER_ITEM__INIT, *items[] = {&item};
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  char first[] = "a", second[] = "b", *ids[] = {first, second};
  order.product_ids = ids;
  order.n_product_ids = 2;
  order.items = items;
  order.n_items = 1;
  CU_ASSERT_PTR_NOT_NULL(strstr(dump(&order), "\"productIds\":[\"a\",\"b\"],\"items\":[{\"productId\":\"\","));
}

static void writes_enum_values_by_name(void) {
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.status = ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
  CU_ASSERT_PTR_NOT_NULL(strstr(dump(&mail), "\"status\":\"MAIL_STATUS_SENT\""));
  mail.status = (Ordershop__V1__MailStatus)77;
  CU_ASSERT_PTR_NOT_NULL(strstr(dump(&mail), "\"status\":77"));
}

static void writes_times_with_the_digits_that_they_need(void) {
  CU_ASSERT_STRING_EQUAL(dump_timestamp(1548699678, 802091000), "\"2019-01-28T18:21:18.802091Z\"");
  CU_ASSERT_STRING_EQUAL(dump_timestamp(1548699678, 802000000), "\"2019-01-28T18:21:18.802Z\"");
  CU_ASSERT_STRING_EQUAL(dump_timestamp(1548699678, 1), "\"2019-01-28T18:21:18.000000001Z\"");
  CU_ASSERT_STRING_EQUAL(dump_timestamp(0, 0), "\"1970-01-01T00:00:00Z\"");
  CU_ASSERT_STRING_EQUAL(dump_timestamp(-62135596800, 0), "\"0001-01-01T00:00:00Z\"");
}

static void survives_times_beyond_the_calendar(void) {
  CU_ASSERT_STRING_EQUAL(dump_timestamp(INT64_MAX, 0), "\"9223372036854775807s\"");
  CU_ASSERT_STRING_EQUAL(dump_timestamp(253402300800, 0), "\"253402300800s\"");
}

static void writes_masks_as_one_text(void) {
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  char first[] = "price_cents", second[] = "name", *paths[] = {first, second};
  mask.paths = paths;
  mask.n_paths = 2;
  CU_ASSERT_STRING_EQUAL(dump(&mask), "\"priceCents,name\"");
}

static const char *dump_bytes(const char *bytes) {
  Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
  any.value = (ProtobufCBinaryData){.len = strlen(bytes), .data = (uint8_t *)arena_strdup(arena, bytes)};
  return dump(&any);
}

static void writes_bytes_as_base64(void) {
  CU_ASSERT_STRING_EQUAL(dump_bytes(""), "{\"typeUrl\":\"\",\"value\":\"\"}");
  CU_ASSERT_STRING_EQUAL(dump_bytes("f"), "{\"typeUrl\":\"\",\"value\":\"Zg==\"}");
  CU_ASSERT_STRING_EQUAL(dump_bytes("fo"), "{\"typeUrl\":\"\",\"value\":\"Zm8=\"}");
  CU_ASSERT_STRING_EQUAL(dump_bytes("foo"), "{\"typeUrl\":\"\",\"value\":\"Zm9v\"}");
  CU_ASSERT_STRING_EQUAL(dump_bytes("\xff\xfe\xfd"), "{\"typeUrl\":\"\",\"value\":\"//79\"}");
}

static void writes_only_the_choice_that_was_made(void) {
  Grpc__Reflection__V1__ServerReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  char host[] = "h", services[] = "*";
  request.host = host;
  CU_ASSERT_STRING_EQUAL(dump(&request), "{\"host\":\"h\"}");
  request.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
  request.list_services = services;
  CU_ASSERT_STRING_EQUAL(dump(&request), "{\"host\":\"h\",\"listServices\":\"*\"}");
}

static void escapes_and_repairs_texts(void) {
  Ordershop__V1__OrderItem item = ORDERSHOP__V1__ORDER_ITEM__INIT;
  char id[] = "\"\n\x1b", name[] =
                              "a\xff"
                              "b\xc3\xa4";
  item.product_id = id;
  item.product_name = name;
  CU_ASSERT_PTR_NOT_NULL(strstr(dump(&item),
                                "{\"productId\":\"\\\"\\n\\u001B\",\"productName\":\"a\xef\xbf\xbd"
                                "b\xc3\xa4\""));
}

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"names come in camel case, 64 bit numbers as texts", writes_names_in_camel_case_and_big_numbers_as_text},
    {"empty fields are written, messages that are not set are not", writes_empty_fields_and_leaves_out_unset_messages},
    {"lists of texts and of messages are arrays", writes_lists},
    {"enum values come by name, unknown ones as numbers", writes_enum_values_by_name},
    {"times come as RFC 3339 with as many digits as they need", writes_times_with_the_digits_that_they_need},
    {"times beyond the years 1 to 9999 are survived", survives_times_beyond_the_calendar},
    {"field masks are one text", writes_masks_as_one_text},
    {"bytes are base64", writes_bytes_as_base64},
    {"of a oneof, only the choice that was made is written", writes_only_the_choice_that_was_made},
    {"texts are escaped, and repaired where they are not UTF-8", escapes_and_repairs_texts},
};

int main(int argc, char **argv) {
  return suite_main("JSON", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
