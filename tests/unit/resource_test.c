/* SPDX-License-Identifier: Apache-2.0 */
/* What callers give of a resource: references are stored in canonical form, however they are written. */
#include "service/resource.h"

#include <ordershop/v1/order.pb-c.h>

#include "base/arena.h"
#include "service/update_mask.h"
#include "suite.h"

#define CUSTOMER "0a0b0c0d-1111-4222-8333-abcdefabcdef"
#define CUSTOMER_IN_CAPITALS "0A0B0C0D-1111-4222-8333-ABCDEFABCDEF"
#define PRODUCT "00000000-0000-4000-8000-00000000000f"
#define PRODUCT_IN_CAPITALS "00000000-0000-4000-8000-00000000000F"

static struct arena *arena;

static const struct entity_type type = {.name = "order", .descriptor = &ordershop__v1__order__descriptor};

static void check_nothing(struct violations *violations, const char *path, const void *entity, const char *field) {
  (void)violations, (void)path, (void)entity, (void)field;
}

static const struct resource orders = {
    .type = &type,
    .input_fields = {"customer_id", "product_ids"},
    .mutable_fields = {"product_ids"},
    .reference_fields = {"customer_id", "product_ids"},
    .check = check_nothing,
};

static char *products[] = {PRODUCT_IN_CAPITALS, "no id", PRODUCT};

static Ordershop__V1__Order given_order(void) {
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  order.id = PRODUCT;
  order.customer_id = CUSTOMER_IN_CAPITALS;
  order.product_ids = products;
  order.n_product_ids = SUITE_SIZE(products);
  return order;
}

static void references_of_a_new_entity_are_canonical(void) {
  const Ordershop__V1__Order given = given_order();
  const Ordershop__V1__Order *order = entity_of_input(arena, &orders, &given);
  CU_ASSERT_STRING_EQUAL(order->customer_id, CUSTOMER);
  CU_ASSERT_EQUAL_FATAL(order->n_product_ids, SUITE_SIZE(products));
  CU_ASSERT_STRING_EQUAL(order->product_ids[0], PRODUCT);
  CU_ASSERT_STRING_EQUAL(order->product_ids[1], "no id");
  CU_ASSERT_STRING_EQUAL(order->product_ids[2], PRODUCT);
}

static void what_the_caller_has_given_stays_as_it_is(void) {
  const Ordershop__V1__Order given = given_order();
  entity_of_input(arena, &orders, &given);
  CU_ASSERT_STRING_EQUAL(given.customer_id, CUSTOMER_IN_CAPITALS);
  CU_ASSERT_STRING_EQUAL(products[0], PRODUCT_IN_CAPITALS);
}

static void references_that_are_left_out_stay_empty(void) {
  const Ordershop__V1__Order given = ORDERSHOP__V1__ORDER__INIT;
  const Ordershop__V1__Order *order = entity_of_input(arena, &orders, &given);
  CU_ASSERT_STRING_EQUAL(order->customer_id, "");
  CU_ASSERT_EQUAL(order->n_product_ids, 0);
}

/* Updates an order of CUSTOMER by one without a mask. */
static struct status update(Ordershop__V1__Order *given, void **ret_changed) {
  Ordershop__V1__Order current = given_order();
  current.customer_id = CUSTOMER;
  current.n_product_ids = 0;
  Ordershop__V1__UpdateOrderRequest request = ORDERSHOP__V1__UPDATE_ORDER_REQUEST__INIT;
  request.order = given;
  struct violations violations = violations_of(arena);
  struct update_plan plan = update_plan_of(&violations, &orders, &request);
  return update_plan_apply(&plan, arena, &orders, &request, &current, ret_changed);
}

static void references_that_an_update_gives_are_canonical(void) {
  Ordershop__V1__Order given = given_order();
  void *changed = NULL;
  CU_ASSERT_TRUE_FATAL(status_is_ok(update(&given, &changed)));
  CU_ASSERT_STRING_EQUAL(((Ordershop__V1__Order *)changed)->product_ids[0], PRODUCT);
}

static void the_same_reference_in_capitals_is_no_change(void) {
  Ordershop__V1__Order given = given_order();
  void *changed;
  CU_ASSERT_TRUE(status_is_ok(update(&given, &changed)));
  given.customer_id = PRODUCT;
  CU_ASSERT_EQUAL(update(&given, &changed).code, STATUS_INVALID_ARGUMENT);
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
      {"references of a new entity are canonical", references_of_a_new_entity_are_canonical},
      {"what the caller has given stays as it is", what_the_caller_has_given_stays_as_it_is},
      {"references that are left out stay empty", references_that_are_left_out_stay_empty},
      {"references that an update gives are canonical", references_that_an_update_gives_are_canonical},
      {"the same reference in capitals is no change", the_same_reference_in_capitals_is_no_change},
  };
  return suite_main("resource", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
