/* SPDX-License-Identifier: Apache-2.0 */
/* Path templates of google.api.http, and what paths are made of. */
#include <string.h>

#include "path_template.h"
#include "suite.h"

static struct arena *arena;

static struct path_template parsed(const char *text) {
  struct path_template template = {0};
  struct status status = path_template_parse(arena, text, &template);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  return template;
}

/* The variables' values, each followed by a blank; NULL if the path is not the template's. */
static const char *match(const char *text, const char *path) {
  struct path_template template = parsed(text);
  struct request_path taken;
  const char **values, *joined = "";
  CU_ASSERT_TRUE_FATAL(status_is_ok(request_path_read(arena, path, &taken)));
  if (!path_template_match(&template, arena, &taken, &values)) return NULL;
  for (size_t i = 0; i < template.variable_count; i++) joined = arena_printf(arena, "%s%s ", joined, values[i]);
  return joined;
}

static void literals_match_themselves_alone(void) {
  CU_ASSERT_STRING_EQUAL(match("/v1/customers", "/v1/customers"), "");
  CU_ASSERT_PTR_NULL(match("/v1/customers", "/v1/customer"));
  CU_ASSERT_PTR_NULL(match("/v1/customers", "/v1/customers/"));
  CU_ASSERT_PTR_NULL(match("/v1/customers", "/v1"));
  CU_ASSERT_PTR_NULL(match("/v1/customers", "//v1/customers"));
  CU_ASSERT_STRING_EQUAL(match("/v1/customers", "/v1/%63ustomers"), "");
}

static void a_variable_takes_one_segment_that_is_not_empty(void) {
  CU_ASSERT_STRING_EQUAL(match("/v1/customers/{customer.id}", "/v1/customers/7"), "7 ");
  CU_ASSERT_PTR_NULL(match("/v1/customers/{id}", "/v1/customers/"));
  CU_ASSERT_PTR_NULL(match("/v1/customers/{id}", "/v1/customers/7/8"));
  CU_ASSERT_STRING_EQUAL(match("/v1/{a}/x/{b}", "/v1/1/x/2"), "1 2 ");
}

static void a_variable_of_several_segments_keeps_encoded_slashes(void) {
  CU_ASSERT_STRING_EQUAL(match("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/a%2Fb"), "shelves/1/books/a%2Fb ");
  CU_ASSERT_STRING_EQUAL(match("/v1/{name=**}", "/v1/a/b/c"), "a/b/c ");
  CU_ASSERT_STRING_EQUAL(match("/v1/{id}", "/v1/a%2Fb"), "a/b ");
  CU_ASSERT_PTR_NULL(match("/v1/{name=shelves/*}", "/v1/rooms/1"));
}

static void verbs_are_behind_the_last_colon(void) {
  CU_ASSERT_STRING_EQUAL(match("/v1/orders:listUnbilled", "/v1/orders:listUnbilled"), "");
  CU_ASSERT_PTR_NULL(match("/v1/orders:listUnbilled", "/v1/orders"));
  CU_ASSERT_PTR_NULL(match("/v1/orders", "/v1/orders:listUnbilled"));
  CU_ASSERT_STRING_EQUAL(match("/v1/products/{id}/stock:adjust", "/v1/products/7/stock:adjust"), "7 ");
  CU_ASSERT_STRING_EQUAL(match("/v1/orders/{id}:cancel", "/v1/orders/a:b:cancel"), "a:b ");
  CU_ASSERT_PTR_NULL(match("/v1/orders/{id}:cancel", "/v1/orders/:cancel"));
}

static void what_is_no_template_is_refused(void) {
  static const char *const wrong[] = {"",     "v1",    "/",        "/v1/",       "/v1/{",     "/v1/{}",
                                      "/{a",  "/{a=}", "/{a={b}}", "/v1/**/x",   "/{a=**}/x", "/v1 x",
                                      "/v1:", "/v1?x", "/v1/{a}b", "/v1/{a=x/}", "/v1/a{b}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct path_template template;
    struct status status = path_template_parse(arena, wrong[i], &template);
    if (status_is_ok(status)) printf("\n    taken: %s\n", wrong[i]);
    CU_ASSERT_TRUE(status_is(status, reason_definition_invalid));
  }
}

static void paths_with_a_bad_encoding_are_refused(void) {
  static const char *const wrong[] = {"/%", "/%2", "/%zz", "/a%00b", "/%ff", "/%c3", "/a%2"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct request_path path;
    CU_ASSERT_EQUAL(request_path_read(arena, wrong[i], &path).code, STATUS_INVALID_ARGUMENT);
  }
}

static void parameters_are_decoded(void) {
  CU_ASSERT_STRING_EQUAL(percent_decode(arena, "a+b%20c%C3%a9", 13, true, 0), "a b c\xc3\xa9");
  CU_ASSERT_STRING_EQUAL(percent_decode(arena, "a+b", 3, false, 0), "a+b");
  CU_ASSERT_STRING_EQUAL(percent_decode(arena, "%41", 3, false, 0), "A");
  CU_ASSERT_PTR_NULL(percent_decode(arena, "%41", 2, false, 0));
}

static int order(const char *left, const char *right) {
  struct path_template a = parsed(left), b = parsed(right);
  return path_template_compare(&a, &b);
}

static void templates_that_match_less_come_first(void) {
  CU_ASSERT_TRUE(order("/v1/orders/unbilled", "/v1/orders/{id}") < 0);
  CU_ASSERT_TRUE(order("/v1/{a}", "/v1/{a=**}") < 0);
  CU_ASSERT_TRUE(order("/v1/{id}:cancel", "/v1/{id}") < 0);
  CU_ASSERT_EQUAL(order("/v1/{a}/x", "/v1/{b}/x"), 0);
  CU_ASSERT_EQUAL(order("/v1/{a}/x", "/v1/*/x"), 0);
  CU_ASSERT_NOT_EQUAL(order("/v1/a:x", "/v1/a:y"), 0);
}

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"literals match themselves alone", literals_match_themselves_alone},
      {"a variable takes one segment that is not empty", a_variable_takes_one_segment_that_is_not_empty},
      {"a variable of several segments keeps encoded slashes", a_variable_of_several_segments_keeps_encoded_slashes},
      {"verbs are behind the last colon", verbs_are_behind_the_last_colon},
      {"what is no template is refused", what_is_no_template_is_refused},
      {"paths with a bad encoding are refused", paths_with_a_bad_encoding_are_refused},
      {"parameters are decoded", parameters_are_decoded},
      {"templates that match less come first", templates_that_match_less_come_first},
  };
  return suite_main("gateway: path templates", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
