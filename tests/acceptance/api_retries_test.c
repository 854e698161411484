/* SPDX-License-Identifier: Apache-2.0 */
/* request_id: the same one again answers what it answered first and changes nothing, whatever has become of the
 * resource since; with anything else in the request it is refused. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "base/message.h"

/* ---- every command, repeated after each of the later ones ------------------------------------------------------- */

static struct {
  const char *method;
  void *request;
  const void *answer;
} performed[64];
static int performed_count;

/* Events that only commands make; others follow by themselves at any time. */
static int64_t events_of_commands(void) {
  static const char *const streams[] = {
      "customer_created", "customer_updated",  "customer_deleted",  "product_created", "product_updated",
      "product_deleted",  "inventory_created", "inventory_deleted", "order_created",   "order_updated",
      "order_deleted",    "billing_created",   "billing_deleted"};
  int64_t count = 0;
  for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) count += events_of(streams[i]);
  return count;
}

static void repeat_all(void) {
  int64_t events = events_of_commands();
  for (int i = 0; i < performed_count; i++) {
    unsigned failures = CU_get_number_of_failures();
    struct answer again = ask_message(performed[i].method, performed[i].request);
    assert_same_answer(again, performed[i].answer);
    assert_done(again);
    if (CU_get_number_of_failures() == failures) continue;
    fprintf(stderr, "  (%s, after %s)\n", performed[i].method, performed[performed_count - 1].method);
  }
  CU_ASSERT_EQUAL(events_of_commands(), events);
}

/* Performs a command under a request id and then repeats all that were performed before, itself included. */
static const void *perform(const char *method, void *request) {
  message_set_text(request, "request_id", new_id());
  struct answer answer = ask_message(method, request);
  assert_done(answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer.message);
  performed[performed_count].method = method;
  performed[performed_count].request = request;
  performed[performed_count++].answer = answer.message;
  repeat_all();
  return answer.message;
}

#define PERFORM(method, ...) perform(method, request_of(method, __VA_ARGS__))

static void a_repeated_command_answers_what_it_answered_first_whatever_has_happened_since(void) {
  const Ordershop__V1__Customer *customer = PERFORM("CreateCustomer", "customer {name 'Ada' email 'ada@example.com'}");
  PERFORM("BatchCreateCustomers", "customers {name 'Bea' email 'b@c'} customers {name 'Cleo' email 'b@c'}");
  PERFORM("UpdateCustomer", "customer {id $ name 'Dea'}", customer->id);
  PERFORM("UpdateCustomer", "customer {id $ name 'Dea'}", customer->id);
  PERFORM("UpdateCustomer", "customer {id $ name 'Eve' version 2}", customer->id);

  const Ordershop__V1__Product *product = PERFORM("CreateProduct", "product {name 'Kettle' price_cents 5}");
  const Ordershop__V1__BatchCreateProductsResponse *products =
      PERFORM("BatchCreateProducts", "products {name 'Pot'} products {name 'Pan'}");
  const char *pot = products->products[0]->id, *pan = products->products[1]->id;
  PERFORM("UpdateProduct", "product {id $ price_cents 6}", product->id);

  const Ordershop__V1__Inventory *inventory =
      PERFORM("CreateInventory", "inventory {product_id $ amount 9}", product->id);
  const Ordershop__V1__BatchCreateInventoriesResponse *stocks =
      PERFORM("BatchCreateInventories", "inventories {product_id $ amount 9} inventories {product_id $}", pot, pan);
  PERFORM("AdjustStock", "product_id $ delta 5", product->id);
  PERFORM("UpdateInventory", "inventory {id $ amount 20}", inventory->id);
  PERFORM("UpdateInventory", "inventory {id $ amount 20}", inventory->id);
  PERFORM("UpdateInventory", "inventory {id $ amount 30 version 3}", inventory->id);

  const Ordershop__V1__Order *order =
      PERFORM("CreateOrder", "order {customer_id $ product_ids $ product_ids $}", customer->id, product->id, pot);
  PERFORM("UpdateOrder", "order {id $ product_ids $}", order->id, product->id);
  PERFORM("UpdateOrder", "order {id $ product_ids $}", order->id, product->id);
  PERFORM("UpdateOrder", "order {id $ product_ids $ product_ids $ version 2}", order->id, product->id, product->id);
  const Ordershop__V1__Billing *billing = PERFORM("CreateBilling", "billing {order_id $}", order->id);
  const char *mail_id = new_id();
  PERFORM("SendMail", "mail {to 'a@b' subject 'Hello'}");
  PERFORM("SendMail", "mail {id $ to 'a@b' subject 'Hello'}", mail_id);
  PERFORM("BatchSendMails", "mails {to 'a@b' subject 'Hello'} mails {to 'a@b' subject 'Hello'}");

  PERFORM("DeleteBilling", "id $", billing->id);
  PERFORM("DeleteOrder", "id $ version 3", order->id);
  PERFORM("DeleteInventory", "id $", inventory->id);
  PERFORM("DeleteInventory", "id $", stocks->inventories[1]->id);
  PERFORM("DeleteProduct", "id $", product->id);
  PERFORM("DeleteProduct", "id $", pot);
  PERFORM("DeleteCustomer", "id $", customer->id);
}

static bool all_have_been_sent(const void *none) {
  (void)none;
  const Ordershop__V1__ListMailsResponse *list = must("ListMails", "page_size 1000");
  for (size_t i = 0; i < list->n_mails; i++) {
    if (list->mails[i]->status != ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT) return false;
  }
  return list->n_mails > 0;
}

static void it_does_so_after_everything_has_followed(void) {
  CU_ASSERT_TRUE(holds_soon(all_have_been_sent, NULL));
  repeat_all();
}

static void it_does_so_after_the_services_were_started_anew(void) {
  for (enum ordershop_service i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) private_shop_stop_service(shop, i);
  for (enum ordershop_service i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) private_shop_launch_service(shop, i);
  for (enum ordershop_service i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) private_shop_await_service(shop, i);
  repeat_all();
}

static bool mail_has_been_sent(const void *id) {
  const Ordershop__V1__Mail *mail = must("GetMail", "id $", id);
  return mail->status == ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
}

static void a_mail_that_existed_when_it_was_sent_again_is_remembered_as_it_was_then(void) {
  const char *folder = private_shop_mail_folder(shop), *away = arena_printf(arena, "%s.away", folder);
  CU_ASSERT_EQUAL(rename(folder, away), 0);
  fclose(fopen(folder, "w")); /* no folder: nothing is delivered */
  const char *id = new_id(), *request_id = new_id(), *batch_id = new_id();
  static const char one[] = "mail {id $ to 'a@b' subject 'Hello'} request_id $";
  static const char two[] = "mails {to 'a@b' subject 'New'} mails {id $ to 'a@b' subject 'Hello'} request_id $";
  must("SendMail", "mail {id $ to 'a@b' subject 'Hello'}", id);
  const Ordershop__V1__Mail *mail = must("SendMail", one, id, request_id);
  CU_ASSERT_EQUAL(mail->status, ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_PENDING);
  const void *mails = must("BatchSendMails", two, id, batch_id);
  CU_ASSERT_EQUAL(remove(folder), 0);
  CU_ASSERT_EQUAL(rename(away, folder), 0);
  CU_ASSERT_TRUE(holds_soon(mail_has_been_sent, id));
  assert_same_answer(ask("SendMail", one, id, request_id), mail);
  assert_same_answer(ask("BatchSendMails", two, id, batch_id), mails);
}

/* ---- other requests --------------------------------------------------------------------------------------------- */

static void assert_reused(struct answer answer) {
  assert_refused(answer, STATUS_INVALID_ARGUMENT, "REQUEST_ID_REUSED");
  const struct error_details *details = answer.status.details;
  CU_ASSERT_TRUE(details && details->violations && strcmp(details->violations->field, "request_id") == 0);
}

static void a_request_id_with_another_body_or_method_is_refused(void) {
  for (int i = 0; i < performed_count; i++) {
    const char *request_id = message_text(performed[i].request, "request_id");
    switch (service_of_method(performed[i].method)) {
      case ORDERSHOP_CUSTOMER:
        assert_reused(ask("CreateCustomer", "customer {name 'X' email 'x@y'} request_id $", request_id));
        assert_reused(ask("DeleteCustomer", "id $ request_id $", new_customer()->id, request_id));
        break;
      case ORDERSHOP_PRODUCT:
        assert_reused(ask("CreateProduct", "product {name 'X'} request_id $", request_id));
        assert_reused(ask("UpdateProduct", "product {id $ name 'X'} request_id $", new_product(1)->id, request_id));
        break;
      case ORDERSHOP_INVENTORY:
        assert_reused(ask("CreateInventory", "inventory {product_id $} request_id $", new_product(1)->id, request_id));
        assert_reused(
            ask("AdjustStock", "product_id $ delta 7 request_id $", new_stocked_product(1, 1)->id, request_id));
        break;
      case ORDERSHOP_ORDER:
        assert_reused(ask("CreateOrder", "order {customer_id $ product_ids $} request_id $", new_customer()->id,
                          new_stocked_product(1, 1)->id, request_id));
        assert_reused(ask("DeleteOrder", "id $ request_id $",
                          new_order(new_customer()->id, new_stocked_product(1, 1)->id)->id, request_id));
        break;
      case ORDERSHOP_BILLING:
        assert_reused(ask("CreateBilling", "billing {order_id $} request_id $",
                          new_order(new_customer()->id, new_stocked_product(1, 1)->id)->id, request_id));
        break;
      case ORDERSHOP_MAIL:
        assert_reused(ask("SendMail", "mail {to 'x@y' subject 'X'} request_id $", request_id));
        assert_reused(ask("BatchSendMails", "mails {to 'x@y' subject 'X'} request_id $", request_id));
        break;
      default:
        CU_FAIL("no command");
    }
  }
}

static void a_part_of_the_request_that_differs_makes_it_another(void) {
  const char *id = new_customer()->id, *request_id = new_id(), *product_id = new_stocked_product(1, 9)->id;
  must("UpdateCustomer", "customer {id $ name 'X'} request_id $", id, request_id);
  assert_reused(ask("UpdateCustomer", "customer {id $ name 'X'} request_id $", new_customer()->id, request_id));
  assert_reused(ask("UpdateCustomer", "customer {id $ name 'X' version 1} request_id $", id, request_id));
  assert_reused(
      ask("UpdateCustomer", "customer {id $ name 'X'} update_mask {paths 'name'} request_id $", id, request_id));
  const char *second = new_id();
  must("AdjustStock", "product_id $ delta 1 request_id $", product_id, second);
  assert_reused(ask("AdjustStock", "product_id $ delta 2 request_id $", product_id, second));
  const char *third = new_id(), *customer_id = new_customer()->id;
  must("CreateOrder", "order {customer_id $ product_ids $} request_id $", customer_id, product_id, third);
  assert_reused(ask("CreateOrder", "order {customer_id $ product_ids $ product_ids $} request_id $", customer_id,
                    product_id, product_id, third));
  CU_ASSERT_EQUAL(stock_of(product_id)->reserved_amount, 1);
}

static void a_request_id_belongs_to_its_service(void) {
  const char *request_id = new_id();
  const Ordershop__V1__Customer *customer =
      must("CreateCustomer", "customer {name 'Ada' email 'a@b'} request_id $", request_id);
  const Ordershop__V1__Product *product = must("CreateProduct", "product {name 'Kettle'} request_id $", request_id);
  must("CreateInventory", "inventory {product_id $ amount 5} request_id $", product->id, request_id);
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids $} request_id $", customer->id, product->id, request_id);
  must("CreateBilling", "billing {order_id $} request_id $", order->id, request_id);
  must("SendMail", "mail {to 'a@b' subject 'Hello'} request_id $", request_id);
}

static void output_only_fields_and_capitals_do_not_make_it_another(void) {
  const char *request_id = new_id();
  const Ordershop__V1__Customer *customer =
      must("CreateCustomer", "customer {name 'Ada' email 'a@b'} request_id $", request_id);
  assert_same_answer(
      ask("CreateCustomer", "customer {id 'any' name 'Ada' email 'a@b' version 7 create_time {seconds 1}} request_id $",
          in_capitals(request_id)),
      customer);
  const char *second = new_id();
  const Ordershop__V1__Customer *updated =
      must("UpdateCustomer", "customer {id $ name 'Bea'} request_id $", customer->id, second);
  assert_same_answer(
      ask("UpdateCustomer", "customer {id $ name 'Bea' update_time {seconds 3}} request_id $", customer->id, second),
      updated);
  const Ordershop__V1__Inventory *inventory = stock_of(new_stocked_product(1, 5)->id);
  const char *third = new_id();
  const Ordershop__V1__Inventory *counted =
      must("UpdateInventory", "inventory {id $ amount 7} request_id $", inventory->id, third);
  assert_same_answer(
      ask("UpdateInventory", "inventory {id $ amount 7 reserved_amount 3} request_id $", inventory->id, third),
      counted);
}

static void only_successes_are_remembered(void) {
  const char *customer_id = new_customer()->id, *product_id = new_stocked_product(1, 1)->id, *request_id = new_id();
  static const char two[] = "order {customer_id $ product_ids $ product_ids $} request_id $";
  for (int i = 0; i < 2; i++) {
    assert_refused(ask("CreateOrder", two, customer_id, product_id, product_id, request_id), STATUS_FAILED_PRECONDITION,
                   "OUT_OF_STOCK");
  }
  must("AdjustStock", "product_id $ delta 1", product_id);
  must("CreateOrder", two, customer_id, product_id, product_id, request_id);
  const char *second = new_id();
  assert_refused(ask("UpdateCustomer", "customer {id $ name 'X' version 5} request_id $", customer_id, second),
                 STATUS_ABORTED, "VERSION_MISMATCH");
  must("UpdateCustomer", "customer {id $ name 'X' version 1} request_id $", customer_id, second);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static void answers_are_remembered_for_more_than_24_hours(void) {
  static const char *const services[] = {"customer", "product", "inventory", "order", "billing", "mail"};
  for (int i = 0; i < 6; i++) {
    const char *requests = arena_printf(arena, "%s_request:*", services[i]);
    struct private_redis *of_service = redis_of(requests);
    const char *key = private_redis_command(of_service, "KEYS %s", key_of(requests));
    char *first = arena_memdup(arena, key, strcspn(key, "\n"));
    CU_ASSERT_TRUE(private_redis_number(of_service, "PTTL %s", first) > INT64_C(24) * 3600 * 1000);
  }
}

static void forget(const char *service, const char *request_id) {
  const char *key = arena_printf(arena, "%s_request:%s", service, request_id);
  CU_ASSERT_EQUAL(private_redis_number(redis_of(key), "DEL %s", key_of(key)), 1);
}

static void a_request_id_used_again_long_after_finds_what_it_made(void) {
  const char *request_id = new_id();
  static const char request[] = "customer {name 'Ada' email 'a@b'} request_id $";
  const Ordershop__V1__Customer *customer = must("CreateCustomer", request, request_id);
  forget("customer", request_id);
  struct answer answer = ask("CreateCustomer", request, request_id);
  assert_refused(answer, STATUS_ALREADY_EXISTS, "CUSTOMER_ALREADY_EXISTS");
  CU_ASSERT_STRING_EQUAL(answer.status.details->resource_name, customer->id);
  must("DeleteCustomer", "id $", customer->id);
  const Ordershop__V1__Customer *anew = must("CreateCustomer", request, request_id);
  CU_ASSERT_STRING_EQUAL(anew->id, customer->id);
  CU_ASSERT_EQUAL(anew->version, 1);

  const char *second = new_id(), *product_id = new_stocked_product(1, 9)->id;
  static const char order_request[] = "order {customer_id $ product_ids $} request_id $";
  const Ordershop__V1__Order *order = must("CreateOrder", order_request, anew->id, product_id, second);
  forget("order", second);
  assert_refused(ask("CreateOrder", order_request, anew->id, product_id, second), STATUS_ALREADY_EXISTS,
                 "ORDER_ALREADY_EXISTS");
  CU_ASSERT_EQUAL(stock_of(product_id)->reserved_amount, 1);
  must("DeleteOrder", "id $", order->id);
  order = must("CreateOrder", order_request, anew->id, product_id, second);
  CU_ASSERT_EQUAL(stock_of(product_id)->reserved_amount, 1);
  const char *third = new_id();
  must("CreateBilling", "billing {order_id $} request_id $", order->id, third);
  forget("billing", third);
  assert_refused(ask("CreateBilling", "billing {order_id $} request_id $", order->id, third), STATUS_ALREADY_EXISTS,
                 "BILLING_ALREADY_EXISTS");
}

/* ---- at once ---------------------------------------------------------------------------------------------------- */

enum { AT_ONCE = 12, AT_ONCE_ROUNDS = 8 };

struct asker {
  pthread_t thread;
  const char *method;
  const void *request;
  struct arena *arena;
  struct answer answer;
};

static void *ask_in_thread(void *argument) {
  struct asker *asker = argument;
  arena = asker->arena;
  asker->answer = ask_message(asker->method, asker->request);
  return NULL;
}

static void ask_at_once(const char *method, const void *request) {
  struct asker askers[AT_ONCE];
  for (int i = 0; i < AT_ONCE; i++) {
    askers[i] = (struct asker){.method = method, .request = request, .arena = arena_new()};
    pthread_create(&askers[i].thread, NULL, ask_in_thread, &askers[i]);
  }
  for (int i = 0; i < AT_ONCE; i++) pthread_join(askers[i].thread, NULL);
  for (int i = 0; i < AT_ONCE; i++) {
    assert_done(askers[i].answer);
    if (status_is_ok(askers[0].answer.status)) assert_same_answer(askers[i].answer, askers[0].answer.message);
  }
  for (int i = 0; i < AT_ONCE; i++) arena_free(askers[i].arena);
}

static void repeat_at_once(void) {
  const char *product_id = new_stocked_product(1, 1)->id, *customer_id = new_customer()->id;
  int64_t events = events_of_commands();
  ask_at_once("CreateCustomer",
              request_of("CreateCustomer", "customer {name 'Ada' email 'a@b'} request_id $", new_id()));
  ask_at_once("UpdateCustomer",
              request_of("UpdateCustomer", "customer {id $ name 'X' version 1} request_id $", customer_id, new_id()));
  ask_at_once("AdjustStock", request_of("AdjustStock", "product_id $ delta 1000000000 request_id $",
                                        new_stocked_product(1, 0)->id, new_id()));
  ask_at_once("CreateOrder", request_of("CreateOrder", "order {customer_id $ product_ids $} request_id $", customer_id,
                                        product_id, new_id()));
  const Ordershop__V1__ListOrdersResponse *orders = must("ListOrders", "customer_id $", customer_id);
  CU_ASSERT_EQUAL_FATAL(orders->n_orders, 1);
  const char *order_id = orders->orders[0]->id;
  must("AdjustStock", "product_id $ delta 1", product_id);
  ask_at_once("UpdateOrder",
              request_of("UpdateOrder", "order {id $ product_ids $ product_ids $ version 1} request_id $", order_id,
                         product_id, product_id, new_id()));
  ask_at_once("CreateBilling", request_of("CreateBilling", "billing {order_id $} request_id $", order_id, new_id()));
  const Ordershop__V1__ListBillingsResponse *billings = must("ListBillings", "page_size 1000");
  ask_at_once("DeleteBilling", request_of("DeleteBilling", "id $ version 1 request_id $",
                                          billings->billings[billings->n_billings - 1]->id, new_id()));
  ask_at_once("DeleteOrder", request_of("DeleteOrder", "id $ request_id $", order_id, new_id()));
  ask_at_once("DeleteInventory",
              request_of("DeleteInventory", "id $ request_id $", stock_of(product_id)->id, new_id()));
  ask_at_once("DeleteCustomer", request_of("DeleteCustomer", "id $ request_id $", customer_id, new_id()));
  CU_ASSERT_EQUAL(events_of_commands(), events + 11); /* product and stock for AdjustStock included */
}

static void the_same_request_many_times_at_once_is_carried_out_once(void) {
  for (int i = 0; i < AT_ONCE_ROUNDS; i++) repeat_at_once();
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a repeated command answers what it answered first, whatever has happened since",
       a_repeated_command_answers_what_it_answered_first_whatever_has_happened_since},
      {"it does so after everything has followed", it_does_so_after_everything_has_followed},
      {"a mail that existed when it was sent again is remembered as it was then",
       a_mail_that_existed_when_it_was_sent_again_is_remembered_as_it_was_then},
      {"it does so after the services were started anew", it_does_so_after_the_services_were_started_anew},
      {"a request id with another body or method is refused", a_request_id_with_another_body_or_method_is_refused},
      {"a part of the request that differs makes it another", a_part_of_the_request_that_differs_makes_it_another},
      {"a request id belongs to its service", a_request_id_belongs_to_its_service},
      {"output-only fields and capitals do not make it another",
       output_only_fields_and_capitals_do_not_make_it_another},
      {"only successes are remembered", only_successes_are_remembered},
      {"answers are remembered for more than 24 hours", answers_are_remembered_for_more_than_24_hours},
      {"a request id used again long after finds what it made", a_request_id_used_again_long_after_finds_what_it_made},
      {"the same request many times at once is carried out once",
       the_same_request_many_times_at_once_is_carried_out_once},
  };
  return suite_main("API: retries", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
