/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses there and back as google.rpc.Status. */
#include <google/rpc/error_details.pb-c.h>
#include <google/rpc/status.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "rpc/error_details.h"
#include "shop_brand.h"
#include "shop_reasons.h"
#include "suite.h"

enum { MANY = 100 };

static const struct error_details *there_and_back(struct arena *arena, struct status status) {
  const void *bytes;
  size_t size = error_details_pack(arena, "ordershop", status, &bytes);
  CU_ASSERT(size <= ERROR_DETAILS_BYTES);
  return error_details_unpack(arena, &shop_brand, bytes, size);
}

static void test_all(void) {
  struct arena *arena = arena_new();
  struct status status = status_error(arena, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK", "%d of %s", 3, "it");
  status = status_with_metadata(status, arena, "wanted", "3");
  status = status_with_metadata(status, arena, "available", "1");
  status = status_with_precondition(status, arena, "STOCK", "product/1", "too few");
  status = status_with_precondition(status, arena, "STOCK", "product/2", "none");
  status = status_with_resource(status, arena, "product", "1");
  status = status_with_retry(status, arena, 1234);
  const struct error_details *details = there_and_back(arena, status);
  CU_ASSERT_PTR_NOT_NULL_FATAL(details);
  CU_ASSERT_STRING_EQUAL(details->reason, "OUT_OF_STOCK");
  CU_ASSERT_PTR_NOT_NULL_FATAL(details->metadata);
  CU_ASSERT_PTR_NOT_NULL_FATAL(details->metadata->next);
  CU_ASSERT_STRING_EQUAL(details->preconditions->subject, status.details->preconditions->subject);
  CU_ASSERT_PTR_NOT_NULL_FATAL(details->preconditions->next);
  CU_ASSERT_STRING_EQUAL(details->preconditions->next->description, status.details->preconditions->next->description);
  CU_ASSERT_STRING_EQUAL(details->resource_type, "product");
  CU_ASSERT_STRING_EQUAL(details->resource_name, "1");
  CU_ASSERT_EQUAL(details->retry_delay_ms, 1234);
  CU_ASSERT_PTR_NULL(details->violations);
  arena_free(arena);
}

static void test_wire(void) {
  struct arena *arena = arena_new();
  const void *bytes;
  struct status status = status_not_found(arena, "customer", "7");
  size_t size = error_details_pack(arena, "ordershop", status, &bytes);
  const Google__Rpc__Status *packed = google__rpc__status__unpack(arena_allocator(arena), size, bytes);
  CU_ASSERT_PTR_NOT_NULL_FATAL(packed);
  CU_ASSERT_EQUAL(packed->code, STATUS_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(packed->message, status.message);
  CU_ASSERT_EQUAL_FATAL(packed->n_details, 2);
  CU_ASSERT_STRING_EQUAL(packed->details[0]->type_url, "type.googleapis.com/google.rpc.ErrorInfo");
  CU_ASSERT_STRING_EQUAL(packed->details[1]->type_url, "type.googleapis.com/google.rpc.ResourceInfo");
  const Google__Rpc__ErrorInfo *info = google__rpc__error_info__unpack(
      arena_allocator(arena), packed->details[0]->value.len, packed->details[0]->value.data);
  CU_ASSERT_PTR_NOT_NULL_FATAL(info);
  CU_ASSERT_STRING_EQUAL(info->reason, "CUSTOMER_NOT_FOUND");
  CU_ASSERT_STRING_EQUAL(info->domain, "ordershop");
  arena_free(arena);
}

static void test_bare(void) {
  struct arena *arena = arena_new();
  struct status status = {.code = STATUS_UNAVAILABLE, .message = "away"};
  const struct error_details *details = there_and_back(arena, status);
  CU_ASSERT_PTR_NOT_NULL_FATAL(details);
  CU_ASSERT_STRING_EQUAL(details->reason, "");
  arena_free(arena);
}

/* `count` copies of a text in a text. */
static char *repeated(struct arena *arena, const char *text, size_t count) {
  size_t length = strlen(text);
  char *all = arena_alloc(arena, length * count + 1);
  for (size_t i = 0; i < count; i++) memcpy(all + i * length, text, length);
  all[length * count] = '\0';
  return all;
}

static bool is_utf8(const char *text) {
  uint32_t point;
  for (size_t length; *text; text += length) {
    length = utf8_decode((const unsigned char *)text, strlen(text), &point);
    if (length == 0) return false;
  }
  return true;
}

static void test_violations_left_out(void) {
  struct arena *arena = arena_new();
  struct field_violation *violations = arena_calloc(arena, MANY, sizeof(violations[0]));
  for (int i = 0; i < MANY; i++) {
    violations[i].field = arena_printf(arena, "customers[%d].name", i);
    violations[i].description = "must not be blank";
    violations[i].next = i + 1 < MANY ? &violations[i + 1] : NULL;
  }
  struct error_details details = {.reason = "FIELD_INVALID", .violations = violations};
  struct status status = {.code = STATUS_INVALID_ARGUMENT, .message = "bad", .details = &details};
  const struct error_details *got = there_and_back(arena, status);
  CU_ASSERT_PTR_NOT_NULL_FATAL(got);
  size_t count = 0;
  const struct field_violation *last = NULL;
  for (const struct field_violation *at = got->violations; at; at = at->next, count++) last = at;
  CU_ASSERT_FATAL(count > 10 && count < MANY);
  char rest[64];
  snprintf(rest, sizeof(rest), "%zu more", MANY - (count - 1));
  CU_ASSERT_PTR_EQUAL(strstr(last->description, rest), last->description);
  arena_free(arena);
}

static void test_everything_huge(void) {
  struct arena *arena = arena_new();
  char *huge = repeated(arena, "\xE2\x82\xAC", 2000);
  struct error_metadata pairs[MANY];
  struct precondition_violation violations[MANY];
  for (int i = 0; i < MANY; i++) {
    pairs[i] = (struct error_metadata){.key = huge, .value = huge, .next = i + 1 < MANY ? &pairs[i + 1] : NULL};
    violations[i] = (struct precondition_violation){
        .type = huge, .subject = huge, .description = huge, .next = i + 1 < MANY ? &violations[i + 1] : NULL};
  }
  struct error_details details = {
      .reason = huge,
      .metadata = pairs,
      .preconditions = violations,
      .resource_type = huge,
      .resource_name = huge,
      .retry_delay_ms = INT64_MAX / 2,
  };
  struct status status = {.code = STATUS_FAILED_PRECONDITION, .message = huge, .details = &details};
  const struct error_details *got = there_and_back(arena, status);
  CU_ASSERT_PTR_NOT_NULL_FATAL(got);
  CU_ASSERT(is_utf8(got->reason) && is_utf8(got->resource_name) && is_utf8(got->preconditions->description));
  const char *message = error_message(arena, status);
  CU_ASSERT(strlen(message) <= ERROR_MESSAGE_BYTES && strlen(message) > ERROR_MESSAGE_BYTES - 4);
  CU_ASSERT(is_utf8(message));
  arena_free(arena);
}

/* What another process made of the reason's text. */
static const struct error_details *from(struct arena *arena, const char *domain, const char *reason) {
  const struct error_details details = {.reason = reason};
  const void *bytes;
  size_t size = error_details_pack(arena, domain, (struct status){.message = "", .details = &details}, &bytes);
  return error_details_unpack(arena, &shop_brand, bytes, size);
}

static void test_reasons(void) {
  struct arena *arena = arena_new();
  char runtimes[] = "LOG_RESET", shops[] = "OUT_OF_STOCK", nobodys[] = "GREEN";
  CU_ASSERT_PTR_EQUAL(from(arena, "ordershop", runtimes)->reason, reason_log_reset);
  CU_ASSERT_PTR_EQUAL(from(arena, "ordershop", shops)->reason, reason_out_of_stock);
  CU_ASSERT_STRING_EQUAL(from(arena, "ordershop", nobodys)->reason, "GREEN");
  CU_ASSERT_PTR_NOT_EQUAL(from(arena, "coupon.example.com", runtimes)->reason, reason_log_reset);
  CU_ASSERT_STRING_EQUAL(from(arena, "coupon.example.com", shops)->reason, "OUT_OF_STOCK");
  arena_free(arena);
}

static void test_garbage(void) {
  struct arena *arena = arena_new();
  CU_ASSERT_PTR_NULL(error_details_unpack(arena, &shop_brand, "\xFF\xFF\xFF", 3));
  CU_ASSERT_PTR_NULL(error_details_unpack(arena, &shop_brand, "", 0));
  arena_free(arena);
}

static const struct test tests[] = {
    {"every kind of detail comes back", test_all},
    {"details are Any messages with type.googleapis.com and domain ordershop", test_wire},
    {"an error without details carries an ErrorInfo without a reason", test_bare},
    {"violations that don't fit are counted in the last one", test_violations_left_out},
    {"whatever is in it, an error stays small and UTF-8", test_everything_huge},
    {"a reason of the own domain becomes the object, one of another domain or unknown stays a text", test_reasons},
    {"garbage has no details", test_garbage},
};

int main(int argc, char **argv) {
  return suite_main("error details", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
