/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from lines of JSON. */
#include <jansson.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/line/request_build.h"
#include "message/json_write.h"
#include "suite.h"

static struct arena *arena;

static struct status read_line(const char *noun, const char *verb, const char *line, void **ret_request) {
  const struct invocation invocation = {.noun = command_noun(noun), .verb = command_verb(command_noun(noun), verb)};
  json_t *object = json_loads(line, 0, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(object);
  ProtobufCMessage *request = NULL;
  struct status status = request_of_json(arena, &invocation, object, &request);
  json_decref(object);
  *ret_request = request;
  return status;
}

static void *request_of(const char *noun, const char *verb, const char *line) {
  void *request;
  struct status status = read_line(noun, verb, line, &request);
  if (!status_is_ok(status)) printf("\n    %s: %s\n", line, status.message);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  return request;
}

static void takes_both_names_of_fields(void) {
  Ordershop__V1__CreateOrderRequest *request =
      request_of("order", "create", "{\"customerId\": \"c1\", \"product_ids\": [\"p1\", \"p2\"]}");
  CU_ASSERT_STRING_EQUAL(request->order->customer_id, "c1");
  CU_ASSERT_EQUAL_FATAL(request->order->n_product_ids, 2);
  CU_ASSERT_STRING_EQUAL(request->order->product_ids[1], "p2");
}

static void takes_numbers_as_numbers_or_texts(void) {
  Ordershop__V1__CreateProductRequest *request = request_of("product", "create", "{\"priceCents\": \"1234\"}");
  CU_ASSERT_EQUAL(request->product->price_cents, 1234);
  request = request_of("product", "create", "{\"priceCents\": 99, \"name\": null}");
  CU_ASSERT_EQUAL(request->product->price_cents, 99);
  Ordershop__V1__AdjustStockRequest *adjust = request_of("stock", "adjust", "{\"productId\": \"p1\", \"delta\": -5}");
  CU_ASSERT_EQUAL(adjust->delta, -5);
}

static void an_update_masks_what_the_line_has(void) {
  Ordershop__V1__UpdateCustomerRequest *request =
      request_of("customer", "update", "{\"id\": \"c1\", \"email\": \"\", \"version\": 4, \"name\": null}");
  CU_ASSERT_STRING_EQUAL(request->customer->id, "c1");
  CU_ASSERT_EQUAL(request->customer->version, 4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(request->update_mask);
  CU_ASSERT_EQUAL_FATAL(request->update_mask->n_paths, 1);
  CU_ASSERT_STRING_EQUAL(request->update_mask->paths[0], "email");
}

/* What list --json prints goes into update and delete as it is. */
static void takes_what_lists_print(void) {
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  char id[] = "c1", name[] = "Ada";
  time.seconds = 1548699678;
  time.nanos = 802091000;
  customer.id = mail.id = id;
  customer.name = mail.subject = name;
  customer.version = 3;
  customer.create_time = mail.sent_time = &time;
  mail.status = ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
  json_t *json = json_of_message(&customer), *json_mail = json_of_message(&mail);
  char *line = json_dumps(json, 0), *line_mail = json_dumps(json_mail, 0);
  Ordershop__V1__UpdateCustomerRequest *update = request_of("customer", "update", line);
  CU_ASSERT_EQUAL(update->customer->create_time->seconds, time.seconds);
  CU_ASSERT_EQUAL(update->customer->create_time->nanos, time.nanos);
  Ordershop__V1__DeleteCustomerRequest *deletion = request_of("customer", "delete", line);
  CU_ASSERT_STRING_EQUAL(deletion->id, "c1");
  CU_ASSERT_EQUAL(deletion->version, 3);
  Ordershop__V1__SendMailRequest *sending = request_of("mail", "send", line_mail);
  CU_ASSERT_EQUAL(sending->mail->status, ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT);
  free(line);
  free(line_mail);
  json_decref(json);
  json_decref(json_mail);
}

static void one_sentence_says_what_is_wrong(void) {
  static const struct {
    const char *noun, *verb, *line, *said;
  } cases[] = {
      {"customer", "create", "{\"nmae\": \"x\"}", "\"nmae\" is not a field here; did you mean \"name\"?"},
      {"customer", "create", "{\"shoe size\": 43}", "\"shoe size\" is not a field here"},
      {"customer", "create", "{\"name\": 7}", "name is not a text"},
      {"customer", "create", "{\"name\": [\"x\"]}", "name is not a text"},
      {"customer", "create", "{\"createTime\": \"today\"}", "createTime is not a time such as 2019-01-28T18:21:18Z"},
      {"product", "create", "{\"priceCents\": \"1.5\"}", "priceCents is not a whole number of 64 bits"},
      {"product", "create", "{\"priceCents\": \"\"}", "priceCents is not a whole number of 64 bits"},
      {"product", "create", "{\"priceCents\": 1.5}", "priceCents is not a whole number of 64 bits"},
      {"product", "create", "{\"priceCents\": \"9223372036854775808\"}", "priceCents is not a whole number of 64 bits"},
      {"order", "create", "{\"productIds\": \"p1\"}", "productIds is not a list"},
      {"order", "create", "{\"productIds\": [\"p1\", 2]}", "productIds[1] is not a text"},
      {"order", "create", "{\"items\": [7]}", "items[0] is not an object"},
      {"mail", "send", "{\"status\": \"LOST\"}", "status has no such value"},
      {"customer", "update", "{\"id\": \"c1\", \"version\": 3}", "there is nothing to change beside the id"},
      {"customer", "delete", "{\"id\": \"c1\", \"shoe\": 3}", "\"shoe\" is not a field here"},
      {"stock", "adjust", "{\"productId\": \"p1\", \"amount\": 3}", "\"amount\" is not a field here"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    void *request;
    struct status status = read_line(cases[i].noun, cases[i].verb, cases[i].line, &request);
    const char *said = status_is_ok(status) ? "" : status.message;
    if (strcmp(said, cases[i].said) != 0) printf("\n    %s: %s\n", cases[i].line, said);
    CU_ASSERT_STRING_EQUAL(said, cases[i].said);
  }
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
    {"fields come in lowerCamelCase or as in the proto", takes_both_names_of_fields},
    {"numbers come as numbers or as texts", takes_numbers_as_numbers_or_texts},
    {"an update changes what the line has, the empty text too", an_update_masks_what_the_line_has},
    {"what list --json prints can be updated, deleted and sent", takes_what_lists_print},
    {"one sentence says what is wrong with a line", one_sentence_says_what_is_wrong},
};

int main(int argc, char **argv) {
  return suite_main("requests from JSON", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
