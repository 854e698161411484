/* SPDX-License-Identifier: Apache-2.0 */
/* Many who change the same thing at the same moment: all are served in turn within their deadlines, by one process or
 * by two; ABORTED is for those alone who named a version. Each makes one try, so that nobody's retries help; those that
 * a slow machine refuses as too many, before anything is done, ask again. */
#include <string.h>

#include "fault_shop.h"
#include "patience.h"

enum { CROWD = 64, STOCK = 1000000 };

static const Ordershop__V1__Customer *customer;
static const Ordershop__V1__Product *product;
static struct ordershop_client *by_replica; /* one try, at another process of the service */

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static bool replica_serves(const void *service) {
  struct context context = {.arena = arena, .deadline_us = patience_end_us()};
  bool serving = false;
  struct status status =
      ordershop_check_health(by_replica, &context, *(const enum ordershop_service *)service, &serving);
  return status_is_ok(status) && serving;
}

static void use_replica(enum ordershop_service service) {
  struct ordershop_client_options options = {.port_base = private_shop_port(shop, ORDERSHOP_CUSTOMER) - 1,
                                             .attempts = 1};
  options.addresses[service] = arena_printf(arena, "127.0.0.1:%d", private_shop_start_replica(shop, service));
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_client_open(arena, &options, &by_replica)));
  CU_ASSERT_TRUE_FATAL(eventually(replica_serves, &service));
}

static void leave_replica(void) {
  ordershop_client_close(by_replica);
  private_shop_kill_replica(shop);
}

/* A call of the crowd, and its answer so far. */
struct member {
  enum ordershop_service service;
  const char *method;
  const void *request;
  struct ordershop_answer *answer;
};

static bool is_admitted(const void *argument) {
  const struct member *member = argument;
  if (status_is(member->answer->status, reason_overloaded)) {
    *member->answer = ask(once, member->service, member->method, member->request);
  }
  return !status_is(member->answer->status, reason_overloaded);
}

/* All at once; every second one by the replica, if there is one. */
static struct ordershop_answer *crowd(enum ordershop_service service, const char *method, const void *const *requests,
                                      bool with_replica) {
  struct asking *askings[CROWD];
  struct ordershop_answer *answers = arena_calloc(arena, CROWD, sizeof *answers);
  for (size_t i = 0; i < CROWD; i++) {
    askings[i] = ask_begin(with_replica && i % 2 ? by_replica : once, service, method, requests[i]);
  }
  for (size_t i = 0; i < CROWD; i++) answers[i] = ask_end(askings[i]);
  for (size_t i = 0; i < CROWD; i++) {
    struct member member = {service, method, requests[i], &answers[i]};
    eventually(is_admitted, &member);
  }
  return answers;
}

static void assert_all_ok(const struct ordershop_answer *answers) {
  for (size_t i = 0; i < CROWD; i++) {
    if (!status_is_ok(answers[i].status)) fprintf(stderr, "call %zu: %s\n", i, answers[i].status.message);
  }
  CU_ASSERT_EQUAL(count_ok(answers, CROWD), CROWD);
}

static Ordershop__V1__UpdateCustomerRequest *rename_request(const char *name, int64_t version) {
  Ordershop__V1__UpdateCustomerRequest *request = arena_calloc(arena, 1, sizeof *request);
  ordershop__v1__update_customer_request__init(request);
  request->customer = arena_calloc(arena, 1, sizeof *request->customer);
  ordershop__v1__customer__init(request->customer);
  request->customer->id = customer->id;
  request->customer->name = (char *)name;
  request->customer->version = version;
  return request;
}

static int64_t version_of_customer(void) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = customer->id;
  return ((const Ordershop__V1__Customer *)must(ORDERSHOP_CUSTOMER, "GetCustomer", &request))->version;
}

/* ---- updates ---------------------------------------------------------------------------------------------------- */

static void rename_at_once(bool with_replica) {
  int64_t before = version_of_customer();
  const void *requests[CROWD];
  for (int i = 0; i < CROWD; i++) requests[i] = rename_request(arena_printf(arena, "Name %s %d", new_id(), i), 0);
  assert_all_ok(crowd(ORDERSHOP_CUSTOMER, "UpdateCustomer", requests, with_replica));
  CU_ASSERT_EQUAL(version_of_customer(), before + CROWD);
}

static void of_64_updates_of_one_customer_at_once_all_are_made(void) {
  rename_at_once(false);
}

static void of_64_updates_of_one_customer_by_two_processes_all_are_made(void) {
  use_replica(ORDERSHOP_CUSTOMER);
  rename_at_once(true);
  leave_replica();
}

static void of_64_updates_that_name_the_version_one_is_made_and_the_others_hear_of_the_mismatch(void) {
  int64_t before = version_of_customer();
  const void *requests[CROWD];
  for (int i = 0; i < CROWD; i++) requests[i] = rename_request(arena_printf(arena, "Name %s", new_id()), before);
  struct ordershop_answer *answers = crowd(ORDERSHOP_CUSTOMER, "UpdateCustomer", requests, false);
  CU_ASSERT_EQUAL(count_ok(answers, CROWD), 1);
  for (size_t i = 0; i < CROWD; i++) {
    if (!status_is_ok(answers[i].status)) assert_refused(answers[i], STATUS_ABORTED, "VERSION_MISMATCH");
  }
}

/* ---- orders and stock ------------------------------------------------------------------------------------------- */

static void change_order_at_once(bool with_replica) {
  const Ordershop__V1__Product *own = new_stocked_product(STOCK);
  const Ordershop__V1__Order *order = new_order(customer->id, own->id, 200);
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = update_request(order->id, own->id, i + 1);
  assert_all_ok(crowd(ORDERSHOP_ORDER, "UpdateOrder", requests, with_replica));
  const Ordershop__V1__Order *last = must(ORDERSHOP_ORDER, "GetOrder", get_order_request(order->id));
  CU_ASSERT_EQUAL(last->version, order->version + CROWD);
  CU_ASSERT_TRUE(stock_becomes(own->id, STOCK - (int64_t)last->n_product_ids, (int64_t)last->n_product_ids));
}

static void of_64_updates_of_one_order_at_once_all_are_made_and_the_stock_is_the_last_one_s(void) {
  change_order_at_once(false);
}

static void of_64_updates_of_one_order_by_two_processes_all_are_made_and_the_stock_is_the_last_one_s(void) {
  use_replica(ORDERSHOP_ORDER);
  change_order_at_once(true);
  leave_replica();
}

static void adjust_at_once(bool with_replica) {
  const Ordershop__V1__Product *own = new_stocked_product(10);
  Ordershop__V1__AdjustStockRequest request = ORDERSHOP__V1__ADJUST_STOCK_REQUEST__INIT;
  request.product_id = own->id;
  request.delta = 1;
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = &request;
  assert_all_ok(crowd(ORDERSHOP_INVENTORY, "AdjustStock", requests, with_replica));
  CU_ASSERT_TRUE(stock_is(own->id, 10 + CROWD, 0));
}

static void of_64_adjustments_of_one_stock_at_once_all_are_made(void) {
  adjust_at_once(false);
}

static void of_64_adjustments_of_one_stock_by_two_processes_all_are_made(void) {
  use_replica(ORDERSHOP_INVENTORY);
  adjust_at_once(true);
  leave_replica();
}

static void of_64_orders_of_one_product_at_once_all_are_made(void) {
  const Ordershop__V1__Product *own = new_stocked_product(2 * CROWD);
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = order_request(customer->id, own->id, 2, NULL);
  assert_all_ok(crowd(ORDERSHOP_ORDER, "CreateOrder", requests, false));
  CU_ASSERT_TRUE(attempts_end());
  CU_ASSERT_TRUE(stock_is(own->id, 0, 2 * CROWD));
}

static void of_64_cancellations_of_one_order_at_once_one_is_made_and_the_others_find_no_order(void) {
  const Ordershop__V1__Order *order = new_order(customer->id, product->id, 2);
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = cancel_request(order->id);
  struct ordershop_answer *answers = crowd(ORDERSHOP_ORDER, "DeleteOrder", requests, false);
  CU_ASSERT_EQUAL(count_ok(answers, CROWD), 1);
  for (size_t i = 0; i < CROWD; i++) {
    if (!status_is_ok(answers[i].status)) assert_refused(answers[i], STATUS_NOT_FOUND, "ORDER_NOT_FOUND");
  }
}

/* ---- mails ------------------------------------------------------------------------------------------------------ */

static void of_64_sends_of_one_mail_by_two_processes_all_answer_the_same_mail(void) {
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.id = (char *)new_id();
  mail.to = "ada@example.com";
  mail.subject = "Hello";
  Ordershop__V1__SendMailRequest request = ORDERSHOP__V1__SEND_MAIL_REQUEST__INIT;
  request.mail = &mail;
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = &request;
  use_replica(ORDERSHOP_MAIL);
  struct ordershop_answer *answers = crowd(ORDERSHOP_MAIL, "SendMail", requests, true);
  assert_all_ok(answers);
  for (size_t i = 0; i < CROWD; i++) {
    const Ordershop__V1__Mail *sent = answers[i].message;
    CU_ASSERT_TRUE(sent && strcmp(sent->id, mail.id) == 0);
  }
  leave_replica();
}

static int set_up(void) {
  fault_shop_open(NULL);
  customer = new_customer();
  product = new_stocked_product(STOCK);
  return 0;
}

static int tear_down(void) {
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"of 64 updates of one customer at once all are made", of_64_updates_of_one_customer_at_once_all_are_made},
      {"of 64 updates of one customer by two processes all are made",
       of_64_updates_of_one_customer_by_two_processes_all_are_made},
      {"of 64 updates that name the version one is made and the others hear of the mismatch",
       of_64_updates_that_name_the_version_one_is_made_and_the_others_hear_of_the_mismatch},
      {"of 64 updates of one order at once all are made and the stock is the last one's",
       of_64_updates_of_one_order_at_once_all_are_made_and_the_stock_is_the_last_one_s},
      {"of 64 updates of one order by two processes all are made and the stock is the last one's",
       of_64_updates_of_one_order_by_two_processes_all_are_made_and_the_stock_is_the_last_one_s},
      {"of 64 adjustments of one stock at once all are made", of_64_adjustments_of_one_stock_at_once_all_are_made},
      {"of 64 adjustments of one stock by two processes all are made",
       of_64_adjustments_of_one_stock_by_two_processes_all_are_made},
      {"of 64 orders of one product at once all are made", of_64_orders_of_one_product_at_once_all_are_made},
      {"of 64 cancellations of one order at once one is made and the others find no order",
       of_64_cancellations_of_one_order_at_once_one_is_made_and_the_others_find_no_order},
      {"of 64 sends of one mail by two processes all answer the same mail",
       of_64_sends_of_one_mail_by_two_processes_all_answer_the_same_mail},
  };
  return suite_main("contention", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
