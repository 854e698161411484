/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <string.h>

#include "suite.h"

static void test_error(void) {
  struct arena *arena = arena_new();
  struct status status = status_error(arena, STATUS_ABORTED, "VERSION_MISMATCH", "version is %d, not %d", 3, 2);
  CU_ASSERT(!status_is_ok(status));
  CU_ASSERT_EQUAL(status.code, STATUS_ABORTED);
  CU_ASSERT_STRING_EQUAL(status.message, "version is 3, not 2");
  CU_ASSERT_STRING_EQUAL(status_reason(status), "VERSION_MISMATCH");
  arena_free(arena);
}

static void test_ok(void) {
  struct arena *arena = arena_new();
  struct status status = status_with_metadata(status_ok(), arena, "key", "value");
  status = status_with_retry(status, arena, 100);
  status = status_with_resource(status, arena, "customer", "1");
  status = status_with_precondition(status, arena, "STOCK", "product/1", "none left");
  CU_ASSERT(status_is_ok(status));
  CU_ASSERT_PTR_NULL(status.details);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "");
  arena_free(arena);
}

static void test_details_are_copies(void) {
  struct arena *arena = arena_new();
  struct status plain = status_error(arena, STATUS_FAILED_PRECONDITION, "OUT_OF_STOCK", "out of stock");
  struct status one = status_with_metadata(plain, arena, "wanted", "5");
  struct status two = status_with_metadata(one, arena, "available", NULL);
  two = status_with_precondition(two, arena, "STOCK", "product/1", "5 wanted, 2 available");
  two = status_with_retry(two, arena, 250);
  CU_ASSERT_PTR_NULL(plain.details->metadata);
  CU_ASSERT_PTR_NULL(one.details->metadata->next);
  CU_ASSERT_EQUAL(one.details->retry_delay_ms, 0);
  const struct error_metadata *newest = two.details->metadata;
  CU_ASSERT_STRING_EQUAL(newest->key, "available");
  CU_ASSERT_STRING_EQUAL(newest->value, "");
  CU_ASSERT_STRING_EQUAL(newest->next->key, "wanted");
  CU_ASSERT_STRING_EQUAL(newest->next->value, "5");
  CU_ASSERT_STRING_EQUAL(two.details->preconditions->subject, "product/1");
  CU_ASSERT_EQUAL(two.details->retry_delay_ms, 250);
  CU_ASSERT_STRING_EQUAL(status_reason(two), "OUT_OF_STOCK");
  arena_free(arena);
}

static void test_resources(void) {
  struct arena *arena = arena_new();
  struct status missing = status_not_found(arena, "order", "6f1c");
  CU_ASSERT_EQUAL(missing.code, STATUS_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(status_reason(missing), "ORDER_NOT_FOUND");
  CU_ASSERT(strstr(missing.message, "order") && strstr(missing.message, "6f1c"));
  CU_ASSERT_STRING_EQUAL(missing.details->resource_type, "order");
  CU_ASSERT_STRING_EQUAL(missing.details->resource_name, "6f1c");
  struct status there = status_already_exists(arena, "mail", "77");
  CU_ASSERT_EQUAL(there.code, STATUS_ALREADY_EXISTS);
  CU_ASSERT_STRING_EQUAL(status_reason(there), "MAIL_ALREADY_EXISTS");
  CU_ASSERT_TRUE(status_is(missing, reason_not_found("order")));
  CU_ASSERT_TRUE(status_is(there, reason_already_exists("mail")));
  CU_ASSERT_FALSE(status_is(missing, reason_not_found("mail")));
  CU_ASSERT_FALSE(status_is(missing, "ORDER_NOT_FOUND"));
  CU_ASSERT_TRUE(status_is(status_copy(missing, arena), reason_of_type_find("ORDER_NOT_FOUND")));
  arena_free(arena);
}

static void test_reasons_of_types(void) {
  CU_ASSERT_STRING_EQUAL(reason_not_found("gift_card"), "GIFT_CARD_NOT_FOUND");
  CU_ASSERT_PTR_NULL(reason_of_type_find("SOLD_OUT"));
  CU_ASSERT_PTR_NULL(reason_of_type_find("_NOT_FOUND"));
  CU_ASSERT_PTR_NULL(reason_of_type_find("A_TYPE_WHOSE_NAME_IS_LONGER_THAN_ANY_REASON_OF_AN_ERROR_NOT_FOUND"));
  const char *pen = reason_of_type_find("PEN_ALREADY_EXISTS");
  CU_ASSERT_PTR_EQUAL(pen, reason_already_exists("pen"));
  /* Errors from outside can't fill the memory, nor keep the program's own from being found. */
  char text[32];
  for (int i = 0; i < 2000; i++) {
    snprintf(text, sizeof text, "T%d_NOT_FOUND", i);
    const char *found = reason_of_type_find(text);
    if (found) CU_ASSERT_STRING_EQUAL(found, text);
    if (i == 1999) CU_ASSERT_PTR_NULL(found);
  }
  const char *ink = reason_not_found("ink");
  CU_ASSERT_PTR_EQUAL(reason_of_type_find("INK_NOT_FOUND"), ink);
  CU_ASSERT_PTR_EQUAL(reason_of_type_find("PEN_ALREADY_EXISTS"), pen);
}

static struct status full_status(struct arena *arena) {
  struct field_violation *violations = arena_calloc(arena, 2, sizeof(*violations));
  violations[0] = (struct field_violation){arena_strdup(arena, "order.id"), "must be a UUID", &violations[1]};
  violations[1] = (struct field_violation){"order.product_ids", arena_strdup(arena, "must have at least 1"), NULL};
  struct status status = status_error(arena, STATUS_INVALID_ARGUMENT, "FIELD_INVALID", "order.id must be a UUID");
  status = status_with_metadata(status, arena, "one", "1");
  status = status_with_metadata(status, arena, "two", "2");
  status = status_with_precondition(status, arena, "STOCK", "product/1", "none");
  status = status_with_precondition(status, arena, "STOCK", "product/2", "few");
  status = status_with_resource(status, arena, "order", "6f1c");
  struct error_details *details = arena_alloc(arena, sizeof(*details));
  *details = *status.details;
  details->violations = violations;
  status.details = details;
  return status;
}

static void test_step(void) {
  struct arena *arena = arena_new();
  struct status failed = status_with_step(full_status(arena), arena, "recording the order");
  CU_ASSERT_STRING_EQUAL(failed.message, "recording the order: order.id must be a UUID");
  CU_ASSERT_EQUAL(failed.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(status_reason(failed), "FIELD_INVALID");
  CU_ASSERT_STRING_EQUAL(failed.details->resource_name, "6f1c");
  CU_ASSERT(status_is_ok(status_with_step(status_ok(), arena, "recording the order")));
  failed = status_error(NULL, STATUS_ABORTED, NULL, "as it is");
  CU_ASSERT_STRING_EQUAL(status_with_step(failed, NULL, "recording the order").message, "as it is");
  arena_free(arena);
}

static void test_deep_copy(void) {
  struct arena *first = arena_new(), *second = arena_new();
  struct status copy = status_copy(full_status(first), second);
  /* What is left behind is overwritten: a copy that shared anything with it would show. */
  arena_reset(first);
  memset(arena_alloc(first, 3000), 'x', 3000);
  arena_free(first);
  CU_ASSERT_STRING_EQUAL(copy.message, "order.id must be a UUID");
  CU_ASSERT_STRING_EQUAL(status_reason(copy), "FIELD_INVALID");
  CU_ASSERT_STRING_EQUAL(copy.details->metadata->key, "two");
  CU_ASSERT_STRING_EQUAL(copy.details->metadata->next->value, "1");
  CU_ASSERT_PTR_NULL(copy.details->metadata->next->next);
  CU_ASSERT_STRING_EQUAL(copy.details->preconditions->description, "few");
  CU_ASSERT_STRING_EQUAL(copy.details->preconditions->next->subject, "product/1");
  CU_ASSERT_STRING_EQUAL(copy.details->violations->field, "order.id");
  CU_ASSERT_STRING_EQUAL(copy.details->violations->next->description, "must have at least 1");
  CU_ASSERT_STRING_EQUAL(copy.details->resource_type, "order");
  CU_ASSERT_STRING_EQUAL(copy.details->resource_name, "6f1c");
  CU_ASSERT(status_is_ok(status_copy(status_ok(), second)));
  arena_free(second);
}

static void test_no_arena(void) {
  struct status status = status_error(NULL, STATUS_UNAVAILABLE, "REDIS_UNAVAILABLE", "redis is away");
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status.message, "redis is away");
  CU_ASSERT_STRING_EQUAL(status_reason(status), "");
}

static void test_names(void) {
  CU_ASSERT_STRING_EQUAL(status_code_name(STATUS_OK), "OK");
  CU_ASSERT_STRING_EQUAL(status_code_name(STATUS_NOT_FOUND), "NOT_FOUND");
  CU_ASSERT_STRING_EQUAL(status_code_name(STATUS_UNAUTHENTICATED), "UNAUTHENTICATED");
  CU_ASSERT_STRING_EQUAL(status_code_name((enum status_code)17), "UNKNOWN");
  CU_ASSERT_STRING_EQUAL(status_code_name((enum status_code) - 1), "UNKNOWN");
}

static void test_reasons(void) {
  struct arena *arena = arena_new(), *longer = arena_new();
  char text[] = "LOG_RESET";
  struct status status = status_error(arena, STATUS_ABORTED, reason_log_reset, "reset");
  status = status_with_message(status_with_metadata(status, arena, "key", "value"), arena, "reset %d", 2);
  struct status copy = status_copy(status, longer);
  struct status missing = status_copy(status_not_found(arena, "log", "1"), longer);
  arena_free(arena);
  CU_ASSERT(status_is(copy, reason_log_reset));
  CU_ASSERT(!status_is(copy, reason_log_gap) && !status_is(copy, text) && !status_is(status_ok(), reason_log_reset));
  CU_ASSERT_STRING_EQUAL(copy.message, "reset 2");
  CU_ASSERT_STRING_EQUAL(status_reason(missing), "LOG_NOT_FOUND");
  CU_ASSERT_PTR_EQUAL(reason_find(runtime_reasons, text), reason_log_reset);
  CU_ASSERT_PTR_NULL(reason_find(runtime_reasons, "LOG"));
  arena_free(longer);
}

static void test_transient(void) {
  for (int code = STATUS_OK; code <= STATUS_UNAUTHENTICATED; code++) {
    bool expected = code == STATUS_UNAVAILABLE || code == STATUS_DEADLINE_EXCEEDED ||
                    code == STATUS_RESOURCE_EXHAUSTED || code == STATUS_ABORTED || code == STATUS_CANCELLED;
    CU_ASSERT_EQUAL(status_is_transient((struct status){.code = (enum status_code)code}), expected);
  }
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"an error has code, message and reason", test_error},
      {"details are not added to an OK status", test_ok},
      {"adding a detail leaves the status that it was added to as it is", test_details_are_copies},
      {"errors about a resource name it and derive the reason from its type", test_resources},
      {"the reason of a type is one object, whoever makes it, and errors from outside make few", test_reasons_of_types},
      {"the step that failed comes before the message, code and details stay", test_step},
      {"a copy outlives the arena of the original", test_deep_copy},
      {"a status without an arena keeps its literal message", test_no_arena},
      {"a reason is an object that every copy of a status keeps", test_reasons},
      {"codes have gRPC's names", test_names},
      {"exactly what an outage or overload causes is transient", test_transient},
  };
  return suite_main("status", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
