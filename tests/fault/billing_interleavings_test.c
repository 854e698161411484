/* SPDX-License-Identifier: Apache-2.0 */
/* The interleavings of billings and orders that docs/guarantees.md speaks of, with real processes: whatever stops, dies
 * or crosses where, an order is billed at most once, with its total, and what is billed does not change. */
#include <string.h>

#include "base/message.h"
#include "fault_shop.h"

enum { CROWD = 32, STOCK = 1000000 };

static const Ordershop__V1__Customer *customer;
static const Ordershop__V1__Product *product; /* at 100 cents */

static const Ordershop__V1__Order *an_order(size_t quantity) {
  return new_order(customer->id, product->id, quantity);
}

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static struct asking *begin_billing_and_pause(const Ordershop__V1__CreateBillingRequest *request, const char *point) {
  private_shop_arm(shop, ORDERSHOP_BILLING, point, "pause");
  struct asking *asking = ask_begin(once, ORDERSHOP_BILLING, "CreateBilling", request);
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_BILLING, point));
  return asking;
}

static struct ordershop_answer release_and_end(struct asking *asking, const char *point) {
  private_shop_release(shop, ORDERSHOP_BILLING, point);
  return ask_end(asking);
}

static struct ordershop_answer bill(const Ordershop__V1__Order *order) {
  return ask(once, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
}

static struct ordershop_answer update(const Ordershop__V1__Order *order, size_t quantity) {
  return ask(once, ORDERSHOP_ORDER, "UpdateOrder", update_request(order->id, product->id, quantity));
}

static struct ordershop_answer cancel(const Ordershop__V1__Order *order) {
  return ask(once, ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
}

static void delete_billing(const Ordershop__V1__Billing *billing) {
  Ordershop__V1__DeleteBillingRequest request = ORDERSHOP__V1__DELETE_BILLING_REQUEST__INIT;
  request.id = billing->id;
  must(ORDERSHOP_BILLING, "DeleteBilling", &request);
}

static bool lists_as_unbilled(struct ordershop_client *by, const char *order_id) {
  Ordershop__V1__ListUnbilledOrdersRequest request = ORDERSHOP__V1__LIST_UNBILLED_ORDERS_REQUEST__INIT;
  request.page_size = 1000;
  struct ordershop_answer answer = ask(by, ORDERSHOP_ORDER, "ListUnbilledOrders", &request);
  CU_ASSERT_EQUAL_FATAL(answer.status.code, STATUS_OK);
  const Ordershop__V1__ListUnbilledOrdersResponse *response = answer.message;
  for (size_t i = 0; i < response->n_orders; i++) {
    if (strcmp(response->orders[i]->id, order_id) == 0) return true;
  }
  return false;
}

static bool is_unbilled(const void *order_id) {
  return lists_as_unbilled(client, order_id);
}

/* As somebody sees it who knows of no position. */
static bool is_unbilled_to_a_stranger(const char *order_id) {
  struct ordershop_client *stranger = private_shop_client(shop, arena);
  bool listed = lists_as_unbilled(stranger, order_id);
  ordershop_client_close(stranger);
  return listed;
}

static int64_t billings_of(const char *order_id) {
  Ordershop__V1__ListBillingsRequest request = ORDERSHOP__V1__LIST_BILLINGS_REQUEST__INIT;
  request.page_size = 1000;
  const Ordershop__V1__ListBillingsResponse *response = must(ORDERSHOP_BILLING, "ListBillings", &request);
  int64_t count = 0;
  for (size_t i = 0; i < response->n_billings; i++) count += strcmp(response->billings[i]->order_id, order_id) == 0;
  return count;
}

static void assert_billed(struct ordershop_answer answer, const Ordershop__V1__Order *order, int64_t cents) {
  CU_ASSERT_EQUAL_FATAL(answer.status.code, STATUS_OK);
  CU_ASSERT_EQUAL(((const Ordershop__V1__Billing *)answer.message)->amount_cents, cents);
  CU_ASSERT_EQUAL(billings_of(order->id), 1);
  CU_ASSERT_FALSE(is_unbilled(order->id));
  assert_refused(update(order, 9), STATUS_FAILED_PRECONDITION, "ORDER_BILLED");
  assert_refused(cancel(order), STATUS_FAILED_PRECONDITION, "ORDER_BILLED");
  assert_refused(bill(order), STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
}

/* From now on claims expire after a second. */
static void shorten_claims(void) {
  static bool done;
  if (done) return;
  private_shop_stop_service(shop, ORDERSHOP_BILLING);
  private_shop_set_variable(shop, "ORDERSHOP_CLAIM_SECONDS=1");
  start_service(ORDERSHOP_BILLING);
  done = true;
}

/* ---- crossing --------------------------------------------------------------------------------------------------- */

static void an_order_being_billed_can_be_neither_changed_nor_cancelled(void) {
  const Ordershop__V1__Order *order = an_order(3);
  struct asking *billing = begin_billing_and_pause(billing_request(order->id, NULL), "billing.after_claim");
  assert_refused(update(order, 4), STATUS_FAILED_PRECONDITION, "ORDER_BEING_BILLED");
  assert_refused(cancel(order), STATUS_FAILED_PRECONDITION, "ORDER_BEING_BILLED");
  CU_ASSERT_FALSE(is_unbilled(order->id));
  assert_billed(release_and_end(billing, "billing.after_claim"), order, 300);
}

static void another_billing_of_an_order_being_billed_waits_for_what_becomes_of_the_first(void) {
  const Ordershop__V1__Order *order = an_order(3);
  struct asking *billing = begin_billing_and_pause(billing_request(order->id, NULL), "billing.after_claim");
  struct ordershop_answer early =
      ask_within(once, 2000, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  CU_ASSERT_TRUE(ran_out_of_time(early));
  struct asking *other = ask_begin(once, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  assert_billed(release_and_end(billing, "billing.after_claim"), order, 300);
  assert_refused(ask_end(other), STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
}

static void while_32_billings_wait_for_one_order_others_are_billed(void) {
  const Ordershop__V1__Order *order = an_order(3), *other = an_order(2);
  struct asking *billing = begin_billing_and_pause(billing_request(order->id, NULL), "billing.after_claim");
  struct asking *waiting[CROWD];
  for (size_t i = 0; i < CROWD; i++) {
    waiting[i] = ask_begin(once, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  }
  assert_billed(bill(other), other, 200);
  assert_billed(release_and_end(billing, "billing.after_claim"), order, 300);
  for (size_t i = 0; i < CROWD; i++) {
    assert_refused(ask_end(waiting[i]), STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
  }
}

static void an_order_claimed_for_a_caller_whose_deadline_passes_is_billed(void) {
  const Ordershop__V1__Order *order = an_order(2);
  const Ordershop__V1__CreateBillingRequest *request = billing_request(order->id, new_id());
  private_shop_arm(shop, ORDERSHOP_BILLING, "billing.after_claim", "pause");
  struct ordershop_answer answer = ask_within(once, 1000, ORDERSHOP_BILLING, "CreateBilling", request);
  CU_ASSERT_EQUAL(answer.status.code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_BILLING, "billing.after_claim"));
  private_shop_release(shop, ORDERSHOP_BILLING, "billing.after_claim");
  CU_ASSERT_TRUE(eventually_number(1, arena_printf(arena, "HEXISTS %%s %s", order->id), "billing_by_order"));
  assert_billed(ask(once, ORDERSHOP_BILLING, "CreateBilling", request), order, 200);
}

static void an_order_changed_before_it_is_claimed_is_billed_with_its_new_total(void) {
  const Ordershop__V1__Order *order = an_order(3);
  struct asking *billing = begin_billing_and_pause(billing_request(order->id, NULL), "billing.before_claim");
  CU_ASSERT_EQUAL(update(order, 5).status.code, STATUS_OK);
  assert_billed(release_and_end(billing, "billing.before_claim"), order, 500);
}

static void an_order_cancelled_before_it_is_claimed_is_not_found_by_its_billing(void) {
  const Ordershop__V1__Order *order = an_order(1);
  struct asking *billing = begin_billing_and_pause(billing_request(order->id, NULL), "billing.before_claim");
  CU_ASSERT_EQUAL(cancel(order).status.code, STATUS_OK);
  assert_refused(release_and_end(billing, "billing.before_claim"), STATUS_NOT_FOUND, "ORDER_NOT_FOUND");
  CU_ASSERT_EQUAL(billings_of(order->id), 0);
}

static void a_billing_overtaken_before_its_claim_is_refused(void) {
  const Ordershop__V1__Order *order = an_order(2);
  struct asking *late = begin_billing_and_pause(billing_request(order->id, NULL), "billing.before_claim");
  assert_billed(bill(order), order, 200);
  assert_refused(release_and_end(late, "billing.before_claim"), STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
  CU_ASSERT_EQUAL(billings_of(order->id), 1);
}

static void a_change_overtaken_by_a_billing_is_refused_and_gives_its_stock_back(void) {
  const Ordershop__V1__Product *rare = new_stocked_product(10);
  const Ordershop__V1__Order *order = new_order(customer->id, rare->id, 2);
  private_shop_arm(shop, ORDERSHOP_ORDER, "order.after_reserve", "pause");
  struct asking *change = ask_begin(once, ORDERSHOP_ORDER, "UpdateOrder", update_request(order->id, rare->id, 7));
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_ORDER, "order.after_reserve"));
  assert_billed(bill(order), order, 200);
  private_shop_release(shop, ORDERSHOP_ORDER, "order.after_reserve");
  struct ordershop_answer answer = ask_end(change);
  CU_ASSERT_TRUE(answer.status.code == STATUS_FAILED_PRECONDITION || answer.status.code == STATUS_ABORTED);
  CU_ASSERT_TRUE(stock_becomes(rare->id, 8, 2));
}

/* All three at once, many times: one comes first, and the others find what it left. */
static void of_billing_change_and_cancellation_at_once_each_order_gets_a_consistent_story(void) {
  enum { ORDERS = 16 };
  struct asking *billings[ORDERS], *updates[ORDERS], *cancellations[ORDERS];
  const Ordershop__V1__Order *orders[ORDERS];
  for (int i = 0; i < ORDERS; i++) orders[i] = an_order(1);
  for (int i = 0; i < ORDERS; i++) {
    billings[i] = ask_begin(client, ORDERSHOP_BILLING, "CreateBilling", billing_request(orders[i]->id, NULL));
    updates[i] = ask_begin(client, ORDERSHOP_ORDER, "UpdateOrder", update_request(orders[i]->id, product->id, 2));
    cancellations[i] = ask_begin(client, ORDERSHOP_ORDER, "DeleteOrder", cancel_request(orders[i]->id));
  }
  for (int i = 0; i < ORDERS; i++) {
    struct ordershop_answer billed = ask_end(billings[i]), updated = ask_end(updates[i]);
    struct ordershop_answer cancelled = ask_end(cancellations[i]);
    struct ordershop_answer order = ask(client, ORDERSHOP_ORDER, "GetOrder", get_order_request(orders[i]->id));
    CU_ASSERT_NOT_EQUAL(status_is_ok(billed.status), status_is_ok(cancelled.status));
    CU_ASSERT_EQUAL(billings_of(orders[i]->id), status_is_ok(billed.status) ? 1 : 0);
    CU_ASSERT_EQUAL(order.status.code, status_is_ok(cancelled.status) ? STATUS_NOT_FOUND : STATUS_OK);
    if (!status_is_ok(billed.status)) continue;
    int64_t amount = ((const Ordershop__V1__Billing *)billed.message)->amount_cents;
    CU_ASSERT_EQUAL(amount, status_is_ok(updated.status) ? 200 : 100);
    CU_ASSERT_EQUAL(amount, ((const Ordershop__V1__Order *)order.message)->total_cents);
  }
}

static void of_32_billings_of_one_order_at_once_exactly_one_is_recorded(void) {
  const Ordershop__V1__Order *order = an_order(4);
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = billing_request(order->id, NULL);
  struct ordershop_answer *answers = ask_all(client, ORDERSHOP_BILLING, "CreateBilling", requests, CROWD);
  CU_ASSERT_EQUAL(count_ok(answers, CROWD), 1);
  for (size_t i = 0; i < CROWD; i++) {
    if (status_is_ok(answers[i].status)) continue;
    assert_refused(answers[i], STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
  }
  CU_ASSERT_EQUAL(billings_of(order->id), 1);
}

static void one_request_32_times_at_once_is_one_billing_and_one_answer(void) {
  const Ordershop__V1__Order *order = an_order(1);
  const Ordershop__V1__CreateBillingRequest *request = billing_request(order->id, new_id());
  const void *requests[CROWD];
  for (size_t i = 0; i < CROWD; i++) requests[i] = request;
  struct ordershop_answer *answers = ask_all(client, ORDERSHOP_BILLING, "CreateBilling", requests, CROWD);
  CU_ASSERT_EQUAL(count_ok(answers, CROWD), CROWD);
  for (size_t i = 1; i < CROWD; i++) {
    bool both = answers[0].message && answers[i].message;
    CU_ASSERT_TRUE(both && message_equal(arena, answers[0].message, answers[i].message));
  }
  CU_ASSERT_EQUAL(billings_of(order->id), 1);
}

/* ---- the list of unbilled orders -------------------------------------------------------------------------------- */

static void the_list_of_unbilled_orders_is_exact_as_soon_as_a_billing_is_answered(void) {
  const Ordershop__V1__Order *order = an_order(1), *other = an_order(1);
  CU_ASSERT_TRUE(is_unbilled_to_a_stranger(order->id));
  /* The order service has not heard of the billing: its consumer stands still. */
  private_shop_arm(shop, ORDERSHOP_ORDER, "consumer.after_read", "pause");
  CU_ASSERT_EQUAL(bill(order).status.code, STATUS_OK);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_ORDER, "consumer.after_read"));
  CU_ASSERT_FALSE(is_unbilled_to_a_stranger(order->id));
  CU_ASSERT_TRUE(is_unbilled_to_a_stranger(other->id));
  private_shop_release(shop, ORDERSHOP_ORDER, "consumer.after_read");
  CU_ASSERT_FALSE(is_unbilled(order->id));
}

static void an_order_whose_billing_was_deleted_is_unbilled_changes_and_can_be_billed_again(void) {
  const Ordershop__V1__Order *order = an_order(1);
  const Ordershop__V1__Billing *first = must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  delete_billing(first);
  CU_ASSERT_TRUE(is_unbilled(order->id));
  CU_ASSERT_EQUAL(ask(client, ORDERSHOP_ORDER, "UpdateOrder", update_request(order->id, product->id, 6)).status.code,
                  STATUS_OK);
  assert_billed(ask(client, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL)), order, 600);
}

static void an_order_is_billed_again_before_the_order_service_has_heard_of_the_deletion(void) {
  const Ordershop__V1__Order *order = an_order(1);
  const Ordershop__V1__Billing *first = must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  CU_ASSERT_FALSE(is_unbilled(order->id)); /* it has heard of the creation */
  private_shop_arm(shop, ORDERSHOP_ORDER, "consumer.after_read", "pause");
  delete_billing(first);
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_ORDER, "consumer.after_read"));
  struct asking *second = ask_begin(once, ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  private_shop_release(shop, ORDERSHOP_ORDER, "consumer.after_read");
  assert_billed(ask_end(second), order, 100);
}

/* ---- dying and expiring ----------------------------------------------------------------------------------------- */

static void assert_same_request_after(const char *action) {
  const Ordershop__V1__Order *order = an_order(2);
  const Ordershop__V1__CreateBillingRequest *request = billing_request(order->id, new_id());
  private_shop_arm(shop, ORDERSHOP_BILLING, "billing.after_record", action);
  struct ordershop_answer lost = ask(once, ORDERSHOP_BILLING, "CreateBilling", request);
  CU_ASSERT_EQUAL(lost.status.code, STATUS_UNAVAILABLE);
  if (strcmp(action, "kill") == 0) {
    private_shop_await_end(shop, ORDERSHOP_BILLING);
    start_service(ORDERSHOP_BILLING);
  }
  assert_refused(bill(order), STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
  assert_billed(ask(client, ORDERSHOP_BILLING, "CreateBilling", request), order, 200);
}

static void a_billing_whose_answer_was_lost_is_what_the_same_request_gets(void) {
  assert_same_request_after("error");
}

static void the_same_request_after_a_kill_behind_the_record_gets_the_billing(void) {
  assert_same_request_after("kill");
}

static void the_same_request_after_a_kill_behind_the_claim_makes_the_billing(void) {
  const Ordershop__V1__Order *order = an_order(2);
  const Ordershop__V1__CreateBillingRequest *request = billing_request(order->id, new_id());
  private_shop_arm(shop, ORDERSHOP_BILLING, "billing.after_claim", "kill");
  struct ordershop_answer lost = ask(once, ORDERSHOP_BILLING, "CreateBilling", request);
  CU_ASSERT_EQUAL(lost.status.code, STATUS_UNAVAILABLE);
  private_shop_await_end(shop, ORDERSHOP_BILLING);
  start_service(ORDERSHOP_BILLING);
  assert_billed(ask(client, ORDERSHOP_BILLING, "CreateBilling", request), order, 200); /* long before the expiry */
}

static void an_order_is_free_again_after_the_claim_of_a_killed_billing_has_expired(void) {
  const Ordershop__V1__Order *order = an_order(2);
  shorten_claims();
  private_shop_arm(shop, ORDERSHOP_BILLING, "billing.after_claim", "kill");
  CU_ASSERT_EQUAL(bill(order).status.code, STATUS_UNAVAILABLE);
  private_shop_await_end(shop, ORDERSHOP_BILLING);
  CU_ASSERT_TRUE(eventually(is_unbilled, order->id)); /* while billing is still away */
  CU_ASSERT_EQUAL(update(order, 3).status.code, STATUS_OK);
  start_service(ORDERSHOP_BILLING);
  assert_billed(bill(order), order, 300);
}

static void a_billing_held_up_beyond_its_claim_finds_the_order_as_it_is_then(void) {
  const Ordershop__V1__Order *order = an_order(2), *taken = an_order(2);
  shorten_claims();
  struct asking *late = begin_billing_and_pause(billing_request(order->id, NULL), "billing.after_claim");
  CU_ASSERT_TRUE(eventually(is_unbilled, order->id));
  CU_ASSERT_EQUAL(update(order, 8).status.code, STATUS_OK);
  assert_billed(release_and_end(late, "billing.after_claim"), order, 800);

  late = begin_billing_and_pause(billing_request(taken->id, NULL), "billing.after_claim");
  CU_ASSERT_TRUE(eventually(is_unbilled, taken->id));
  assert_billed(bill(taken), taken, 200);
  assert_refused(release_and_end(late, "billing.after_claim"), STATUS_ALREADY_EXISTS, "BILLING_ALREADY_EXISTS");
  CU_ASSERT_EQUAL(billings_of(taken->id), 1);
}

static void a_billing_whose_caller_has_given_up_is_recorded_or_lets_the_order_go(void) {
  const Ordershop__V1__Order *order = an_order(2);
  const Ordershop__V1__CreateBillingRequest *request = billing_request(order->id, new_id());
  shorten_claims();
  private_shop_arm(shop, ORDERSHOP_BILLING, "billing.after_claim", "pause");
  struct ordershop_answer answer = ask_within(once, 200, ORDERSHOP_BILLING, "CreateBilling", request);
  CU_ASSERT_TRUE(ran_out_of_time(answer));
  private_shop_release(shop, ORDERSHOP_BILLING, "billing.after_claim");
  CU_ASSERT_TRUE(eventually_number(0, "ZCARD %s", "order_claim_expiries"));
  CU_ASSERT_NOT_EQUAL(is_unbilled(order->id), billings_of(order->id) == 1);
  assert_billed(ask(client, ORDERSHOP_BILLING, "CreateBilling", request), order, 200);
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
      {"an order being billed can be neither changed nor cancelled",
       an_order_being_billed_can_be_neither_changed_nor_cancelled},
      {"another billing of an order being billed waits for what becomes of the first",
       another_billing_of_an_order_being_billed_waits_for_what_becomes_of_the_first},
      {"while 32 billings wait for one order others are billed",
       while_32_billings_wait_for_one_order_others_are_billed},
      {"an order claimed for a caller whose deadline passes is billed",
       an_order_claimed_for_a_caller_whose_deadline_passes_is_billed},
      {"an order changed before it is claimed is billed with its new total",
       an_order_changed_before_it_is_claimed_is_billed_with_its_new_total},
      {"an order cancelled before it is claimed is not found by its billing",
       an_order_cancelled_before_it_is_claimed_is_not_found_by_its_billing},
      {"a billing overtaken before its claim is refused", a_billing_overtaken_before_its_claim_is_refused},
      {"a change overtaken by a billing is refused and gives its stock back",
       a_change_overtaken_by_a_billing_is_refused_and_gives_its_stock_back},
      {"of billing, change and cancellation at once each order gets a consistent story",
       of_billing_change_and_cancellation_at_once_each_order_gets_a_consistent_story},
      {"of 32 billings of one order at once exactly one is recorded",
       of_32_billings_of_one_order_at_once_exactly_one_is_recorded},
      {"one request 32 times at once is one billing and one answer",
       one_request_32_times_at_once_is_one_billing_and_one_answer},
      {"the list of unbilled orders is exact as soon as a billing is answered",
       the_list_of_unbilled_orders_is_exact_as_soon_as_a_billing_is_answered},
      {"an order whose billing was deleted is unbilled, changes and can be billed again",
       an_order_whose_billing_was_deleted_is_unbilled_changes_and_can_be_billed_again},
      {"an order is billed again before the order service has heard of the deletion",
       an_order_is_billed_again_before_the_order_service_has_heard_of_the_deletion},
      {"a billing whose answer was lost is what the same request gets",
       a_billing_whose_answer_was_lost_is_what_the_same_request_gets},
      {"the same request after a kill behind the record gets the billing",
       the_same_request_after_a_kill_behind_the_record_gets_the_billing},
      {"the same request after a kill behind the claim makes the billing",
       the_same_request_after_a_kill_behind_the_claim_makes_the_billing},
      {"an order is free again after the claim of a killed billing has expired",
       an_order_is_free_again_after_the_claim_of_a_killed_billing_has_expired},
      {"a billing held up beyond its claim finds the order as it is then",
       a_billing_held_up_beyond_its_claim_finds_the_order_as_it_is_then},
      {"a billing whose caller has given up is recorded or lets the order go",
       a_billing_whose_caller_has_given_up_is_recorded_or_lets_the_order_go},
  };
  return suite_main("billing interleavings", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
