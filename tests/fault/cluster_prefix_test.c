/* SPDX-License-Identifier: Apache-2.0 */
/* A shop with a key prefix on a Redis with cluster mode: one hash tag, so that all its keys are in one slot, and no key
 * that is built in any other way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_shop.h"

static const char prefix[] = "{shop1}:";

static void the_demo_plays_through(void) {
  const char *command =
      arena_printf(arena, "%s/ordershop demo --port-base %d >%s/demo.log 2>&1", private_shop_bin(shop),
                   private_shop_port(shop, ORDERSHOP_CUSTOMER) - 1, private_redis_folder(redis));
  int status = system(command);
  CU_ASSERT_EQUAL(status, 0);
  if (status == 0) return;
  if (system(arena_printf(arena, "cat %s/demo.log >&2", private_redis_folder(redis))) != 0) return;
}

/* What the demo leaves out: changing and deleting each thing. */
static void the_rest_of_the_commands_works(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(10);
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 3);
  must(ORDERSHOP_ORDER, "UpdateOrder", update_request(order->id, product->id, 5));
  const Ordershop__V1__Billing *billing = must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  Ordershop__V1__DeleteBillingRequest unbill = ORDERSHOP__V1__DELETE_BILLING_REQUEST__INIT;
  unbill.id = billing->id;
  must(ORDERSHOP_BILLING, "DeleteBilling", &unbill);
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
  CU_ASSERT_TRUE(stock_becomes(product->id, 10, 0));
  Ordershop__V1__AdjustStockRequest adjust = ORDERSHOP__V1__ADJUST_STOCK_REQUEST__INIT;
  adjust.product_id = product->id;
  adjust.delta = -4;
  must(ORDERSHOP_INVENTORY, "AdjustStock", &adjust);
  CU_ASSERT_TRUE(stock_is(product->id, 6, 0));
  Ordershop__V1__ListMailsRequest mails = ORDERSHOP__V1__LIST_MAILS_REQUEST__INIT;
  mails.to = customer->email;
  must(ORDERSHOP_MAIL, "ListMails", &mails);
}

static void an_order_that_was_given_up_expires(void) {
  const Ordershop__V1__Product *product = new_stocked_product(1);
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "kill");
  ask(once, ORDERSHOP_ORDER, "CreateOrder", order_request(new_customer()->id, product->id, 1, NULL));
  private_shop_await_end(shop, ORDERSHOP_ORDER);
  CU_ASSERT_TRUE(stock_becomes(product->id, 1, 0));
  start_service(ORDERSHOP_ORDER);
}

static void every_key_begins_with_the_prefix(void) {
  const struct redis_reply *keys = private_redis_reply(redis, arena, "KEYS *");
  CU_ASSERT_TRUE(keys->count > 50);
  for (size_t i = 0; i < keys->count; i++) {
    const char *key = keys->elements[i]->text;
    if (strncmp(key, prefix, sizeof prefix - 1) != 0) fprintf(stderr, "key without prefix: %s\n", key);
    CU_ASSERT_EQUAL(strncmp(key, prefix, sizeof prefix - 1), 0);
  }
}

static int set_up(void) {
  static const char *const variables[] = {"ORDERSHOP_RESERVATION_SECONDS=1", NULL};
  fault_shop_open(&(struct private_shop_options){
      .key_prefix = prefix, .redis_arguments = "--cluster-enabled yes", .variables = variables});
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"the demo plays through", the_demo_plays_through},
      {"the rest of the commands works", the_rest_of_the_commands_works},
      {"an order that was given up expires", an_order_that_was_given_up_expires},
      {"every key begins with the prefix", every_key_begins_with_the_prefix},
  };
  return suite_main("cluster prefix", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
