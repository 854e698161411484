/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over encoded messages that strangers send. */
#include <google/protobuf/descriptor.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/message_check.h"
#include "suite.h"

#define CHECK(descriptor, literal) check(&descriptor, literal, sizeof(literal) - 1)

/* The path of the first violation, "OK" if there is none; lives until the next check. */
static const char *check(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t size) {
  static char path[256];
  struct arena *arena = arena_new();
  uint8_t *copy = malloc(size ? size : 1); /* so that AddressSanitizer sees a read behind the end */
  memcpy(copy, bytes, size);
  struct status status = message_check(arena, descriptor, copy, size);
  free(copy);
  snprintf(path, sizeof(path), "%s", status_is_ok(status) ? "OK" : status.details->violations->field);
  if (!status_is_ok(status)) CU_ASSERT_STRING_EQUAL(status_reason(status), "FIELD_INVALID");
  arena_free(arena);
  return path;
}

static const char *check_text(const char *text, size_t size) {
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  const ProtobufCFieldDescriptor *name =
      protobuf_c_message_descriptor_get_field_by_name(customer.base.descriptor, "name");
  uint8_t bytes[64] = {(uint8_t)(name->id << 3 | 2), (uint8_t)size};
  memcpy(bytes + 2, text, size);
  return check(&ordershop__v1__customer__descriptor, bytes, size + 2);
}

static void test_text(void) {
  static const char *const good[] = {"",
                                     "plain",
                                     "Gr\xC3\xBC\xC3\x9F",
                                     "\xE2\x82\xAC",
                                     "\xF0\x9F\x98\x80",
                                     "\xED\x9F\xBF",
                                     "\xEE\x80\x80",
                                     "\xF4\x8F\xBF\xBF",
                                     "tab\tline\n"};
  static const char *const bad[] = {
      "\x80",   "\xC3",     "\xC0\xAF",    "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
      "ok\xFF", "\xE2\x82", "\xF0\x9F\x98"};
  for (size_t i = 0; i < SUITE_SIZE(good); i++) CU_ASSERT_STRING_EQUAL(check_text(good[i], strlen(good[i])), "OK");
  for (size_t i = 0; i < SUITE_SIZE(bad); i++) CU_ASSERT_STRING_EQUAL(check_text(bad[i], strlen(bad[i])), "name");
  CU_ASSERT_STRING_EQUAL(check_text("a\0b", 3), "name");
}

static void test_paths(void) {
  Ordershop__V1__Customer good = ORDERSHOP__V1__CUSTOMER__INIT, bad = ORDERSHOP__V1__CUSTOMER__INIT;
  Ordershop__V1__Customer *customers[] = {&good, &good, &bad};
  Ordershop__V1__BatchCreateCustomersRequest batch = ORDERSHOP__V1__BATCH_CREATE_CUSTOMERS_REQUEST__INIT;
  uint8_t bytes[256];
  good.name = (char *)"good";
  bad.email = (char *)"\xFF";
  batch.customers = customers;
  batch.n_customers = 3;
  batch.request_id = (char *)"\xFE";
  size_t size = ordershop__v1__batch_create_customers_request__pack(&batch, bytes);
  struct arena *arena = arena_new();
  struct status status = message_check(arena, &ordershop__v1__batch_create_customers_request__descriptor, bytes, size);
  CU_ASSERT_EQUAL_FATAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(status.details->violations->field, "customers[2].email");
  CU_ASSERT_PTR_NOT_NULL_FATAL(status.details->violations->next);
  CU_ASSERT_STRING_EQUAL(status.details->violations->next->field, "request_id");
  arena_free(arena);
}

static void test_repeated_text(void) {
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  char *ids[] = {(char *)"a", (char *)"\xC3"};
  uint8_t bytes[64];
  order.product_ids = ids;
  order.n_product_ids = 2;
  size_t size = ordershop__v1__order__pack(&order, bytes);
  CU_ASSERT_STRING_EQUAL(check(&ordershop__v1__order__descriptor, bytes, size), "product_ids[1]");
}

static void test_unknown_fields(void) {
  /* fields 100 (varint), 101 (64 bits), 102 (bytes, not UTF-8), 103 (32 bits) */
  CU_ASSERT_STRING_EQUAL(CHECK(ordershop__v1__customer__descriptor,
                               "\xA0\x06\x01\xA9\x06"
                               "12345678\xB2\x06\x01\xFF\xBD\x06"
                               "1234"),
                         "OK");
}

static void test_packed(void) {
  /* SourceCodeInfo.Location: path and span are packed int32, leading_comments is a text. */
  CU_ASSERT_STRING_EQUAL(CHECK(google__protobuf__source_code_info__location__descriptor, "\x0A\x03\xFF\xFF\x01"), "OK");
  CU_ASSERT_STRING_EQUAL(CHECK(google__protobuf__source_code_info__location__descriptor, "\x0A\x01\x01\x1A\x01\xFF"),
                         "leading_comments");
}

static void test_malformed(void) {
  const ProtobufCMessageDescriptor *customer = &ordershop__v1__customer__descriptor;
  static const char *const bad[] = {
      "\x0A",                                         /* tag without a value */
      "\x0A\x05\x61\x62\x63",                         /* length beyond the end */
      "\x08",                                         /* varint missing */
      "\x09\x01",                                     /* 64 bits cut short */
      "\x0D\x01\x02",                                 /* 32 bits cut short */
      "\x0B\x0C",                                     /* a group */
      "\x0F",                                         /* wire type 7 */
      "\x02\x01",                                     /* field 0 */
      "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", /* an endless tag */
      "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", /* an endless length */
      "\xFA\xFF\xFF\xFF\x7F\x01",                     /* a field number of 32 bits */
  };
  for (size_t i = 0; i < SUITE_SIZE(bad); i++) {
    CU_ASSERT_STRING_EQUAL(check(customer, bad[i], strlen(bad[i])), "");
  }
}

/* A DescriptorProto in a DescriptorProto ...: `depth` messages in all. */
static const char *check_nested(int depth) {
  uint8_t bytes[256];
  size_t size = 0;
  for (int i = 1; i < depth; i++) {
    memmove(bytes + 2, bytes, size);
    bytes[0] = 3 << 3 | 2; /* nested_type */
    bytes[1] = (uint8_t)size;
    size += 2;
  }
  return check(&google__protobuf__descriptor_proto__descriptor, bytes, size);
}

static void test_depth(void) {
  CU_ASSERT_STRING_EQUAL(check_nested(32), "OK");
  CU_ASSERT_STRING_EQUAL(check_nested(33), "");
}

static const struct test tests[] = {
    {"texts must be UTF-8 without NUL", test_text},
    {"violations are named by their paths, all at once", test_paths},
    {"elements of a repeated text are counted", test_repeated_text},
    {"unknown fields are skipped", test_unknown_fields},
    {"packed numbers are no texts", test_packed},
    {"what is no protobuf is one violation of the whole", test_malformed},
    {"messages nest 32 deep and no deeper", test_depth},
};

int main(int argc, char **argv) {
  return suite_main("message check", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
