/* SPDX-License-Identifier: Apache-2.0 */
/* From arguments to requests: what the command line understands, and what it says when it doesn't. */
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/similar.h"
#include "base/uuid.h"
#include "client/cli/line/request_build.h"
#include "client/cli/line/session.h"
#include "shipped_services.h"
#include "suite.h"

static struct arena *arena;

/* Words are separated by single spaces; "_" stands for the empty word. */
static struct status parse(const char *line, struct invocation *ret_invocation) {
  char *rest = arena_strdup(arena, line);
  char **argv = arena_calloc(arena, strlen(line) + 3, sizeof(*argv));
  int argc = 0;
  argv[argc++] = arena_strdup(arena, "ordershop");
  for (char *word; (word = strsep(&rest, " "));) argv[argc++] = strcmp(word, "_") == 0 ? word + 1 : word;
  return command_line_parse(arena, argc, argv, ret_invocation);
}

static const char *first_operand(const struct invocation *invocation) {
  return invocation->operand_count > 0 ? invocation->operands[0] : NULL;
}

static void *request_of(const char *line) {
  struct invocation invocation;
  ProtobufCMessage *request = NULL;
  CU_ASSERT_TRUE_FATAL(status_is_ok(parse(line, &invocation)));
  CU_ASSERT_TRUE_FATAL(status_is_ok(request_build(arena, &invocation, first_operand(&invocation), &request)));
  return request;
}

/* What is said about a line that is not understood; "" if it is. */
static const char *complaint(const char *line) {
  struct invocation invocation;
  ProtobufCMessage *request;
  struct status status = parse(line, &invocation);
  if (status_is_ok(status) && invocation.verb && !invocation.from) {
    status = request_build(arena, &invocation, first_operand(&invocation), &request);
  }
  return status_is_ok(status) ? "" : status.message;
}

static void makes_a_create_request(void) {
  Ordershop__V1__CreateCustomerRequest *request = request_of("customer create --name Ada --email=ada@example.com");
  CU_ASSERT_PTR_EQUAL(request->base.descriptor, &ordershop__v1__create_customer_request__descriptor);
  CU_ASSERT_STRING_EQUAL(request->customer->name, "Ada");
  CU_ASSERT_STRING_EQUAL(request->customer->email, "ada@example.com");
  CU_ASSERT_TRUE(uuid_is_valid(request->request_id));
}

static void takes_a_request_id(void) {
  Ordershop__V1__DeleteCustomerRequest *request = request_of("customer delete c1 --request-id r1 --version 3");
  CU_ASSERT_STRING_EQUAL(request->id, "c1");
  CU_ASSERT_STRING_EQUAL(request->request_id, "r1");
  CU_ASSERT_EQUAL(request->version, 3);
}

static void masks_what_is_given(void) {
  Ordershop__V1__UpdateCustomerRequest *request = request_of("customer update c1 --email _ --version 4");
  CU_ASSERT_STRING_EQUAL(request->customer->id, "c1");
  CU_ASSERT_EQUAL(request->customer->version, 4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(request->update_mask);
  CU_ASSERT_EQUAL(request->update_mask->n_paths, 1);
  CU_ASSERT_STRING_EQUAL(request->update_mask->paths[0], "email");
}

static void takes_money_in_euros_or_cents(void) {
  Ordershop__V1__CreateProductRequest *request = request_of("product create --name Kettle --price 12.34");
  CU_ASSERT_EQUAL(request->product->price_cents, 1234);
  request = request_of("product create --name Kettle --price-cents 99");
  CU_ASSERT_EQUAL(request->product->price_cents, 99);
  Ordershop__V1__UpdateProductRequest *update = request_of("product update p1 --price 0");
  CU_ASSERT_EQUAL(update->product->price_cents, 0);
  CU_ASSERT_STRING_EQUAL(update->update_mask->paths[0], "price_cents");
}

static void takes_a_flag_for_each_unit(void) {
  Ordershop__V1__CreateOrderRequest *request =
      request_of("order create --customer c1 --product p1 --product p2 --product p1");
  CU_ASSERT_EQUAL(request->order->n_product_ids, 3);
  CU_ASSERT_STRING_EQUAL(request->order->product_ids[1], "p2");
  Ordershop__V1__UpdateOrderRequest *update = request_of("order update o1 --product p1 --product p2");
  CU_ASSERT_EQUAL(update->order->n_product_ids, 2);
  CU_ASSERT_EQUAL(update->update_mask->n_paths, 1);
}

static void takes_negative_numbers(void) {
  Ordershop__V1__AdjustStockRequest *request = request_of("stock adjust --product p1 --delta -5");
  CU_ASSERT_STRING_EQUAL(request->product_id, "p1");
  CU_ASSERT_EQUAL(request->delta, -5);
}

static void takes_paging_and_filters(void) {
  Ordershop__V1__ListInventoriesRequest *request =
      request_of("inventory list --product p1 --page-size 7 --page-token t --all");
  CU_ASSERT_STRING_EQUAL(request->product_id, "p1");
  CU_ASSERT_EQUAL(request->page_size, 7);
  CU_ASSERT_STRING_EQUAL(request->page_token, "t");
}

static void calls_another_method_for_unbilled_orders(void) {
  Ordershop__V1__ListUnbilledOrdersRequest *request = request_of("order list --unbilled --page-size 3");
  CU_ASSERT_PTR_EQUAL(request->base.descriptor, &ordershop__v1__list_unbilled_orders_request__descriptor);
  CU_ASSERT_EQUAL(request->page_size, 3);
}

static void takes_global_flags_anywhere(void) {
  const char *lines[] = {"--json --timeout 1.5 customer get c1", "customer --json --timeout 1.5 get c1",
                         "customer get --json c1 --timeout 1.5", "customer get c1 --timeout=1.5 --json"};
  for (size_t i = 0; i < 4; i++) {
    struct invocation invocation;
    CU_ASSERT_TRUE_FATAL(status_is_ok(parse(lines[i], &invocation)));
    CU_ASSERT_TRUE(invocation.json);
    CU_ASSERT_EQUAL(invocation.timeout_ms, 1500);
    CU_ASSERT_EQUAL(invocation.operand_count, 1);
    CU_ASSERT_STRING_EQUAL(invocation.operands[0], "c1");
  }
}

/* With it getopt_long takes what stands behind the first operand for operands: `delete c1 --version 3` would delete
 * without looking at the version. */
static void takes_flags_behind_operands_whatever_the_environment_says(void) {
  setenv("POSIXLY_CORRECT", "1", 1);
  Ordershop__V1__DeleteCustomerRequest *request = request_of("customer delete c1 --version 3");
  CU_ASSERT_EQUAL(request->version, 3);
  unsetenv("POSIXLY_CORRECT");
}

static void takes_operands_that_look_like_flags(void) {
  Ordershop__V1__GetCustomerRequest *request = request_of("customer get -- --all");
  CU_ASSERT_STRING_EQUAL(request->id, "--all");
}

static void helps_at_every_level(void) {
  const char *lines[] = {"--help", "-h", "customer --help", "customer create --help", "customer get --help --json"};
  for (size_t i = 0; i < 5; i++) {
    struct invocation invocation;
    CU_ASSERT_TRUE_FATAL(status_is_ok(parse(lines[i], &invocation)));
    CU_ASSERT_TRUE(invocation.help);
  }
}

static void says_what_is_wrong(void) {
  const char *pairs[][2] = {
      {"ordr list", "unknown command \"ordr\"; did you mean \"order\"? See ordershop --help"},
      {"sotck list", "unknown command \"sotck\"; did you mean \"stock\"? See ordershop --help"},
      {"customer", "customer needs a verb: one of create, get, list, update, delete; see ordershop customer --help"},
      {"mail lsit", "mail has no verb \"lsit\"; did you mean \"list\"? See ordershop mail --help"},
      {"mail frob", "mail has no verb \"frob\"; it has send, get, list"},
      {"customer get", "customer get needs ID; see ordershop customer get --help"},
      {"customer update 1 2 --name x", "customer update does not take \"2\""},
      {"customer list x", "customer list does not take \"x\""},
      {"customer create --name A", "customer create needs --email ADDRESS"},
      {"customer create --name A --emial B",
       "customer create has no flag --emial; did you mean --email? See ordershop customer create --help"},
      {"customer create --from f --name A", "--name does not go with --from, whose lines say all"},
      {"customer delete --from f 1", "customer delete --from does not take \"1\""},
      {"customer list --watch=0", "--watch: \"0\" is not a number of seconds from 0.001 to 86400"},
      {"customer list --color blue", "--color: \"blue\" is none of auto, always, never"},
      {"customer create --name A --phone B",
       "customer create has no flag --phone; see ordershop customer create --help"},
      {"customer create --name A --mail B", "flags are not abbreviated; there is --mail-address"},
      {"customer create --name A --mail=B", "flags are not abbreviated; there is --mail-address"},
      {"customer list --al", "flags are not abbreviated; there is --all"},
      {"load --rate", "--rate needs a value"},
      {"load --rte 5", "load has no flag --rte; did you mean --rate? See ordershop load --help"},
      {"customer -hx", "customer has no flag -hx; see ordershop customer --help"},
      {"customer -name x", "customer has no flag -name; see ordershop customer --help"},
      {"customer create -name x",
       "customer create has no flag -name; did you mean --name? See ordershop customer create --help"},
      {"customer -é", "customer has no flag -é; see ordershop customer --help"},
      {"customer -x", "customer has no flag -x; see ordershop customer --help"},
      {"customer get 1 --name x", "customer get has no flag --name; see ordershop customer get --help"},
      {"customer create --email b --name", "--name needs a value"},
      {"customer create --email b --name --quiet",
       "--name needs a value; if --quiet is meant to be it: --name=--quiet"},
      {"customer list --all=yes", "--all takes no value"},
      {"customer get 1 --request-id r", "customer get takes no --request-id"},
      {"customer update 1", "customer update needs something to change: --name, --email"},
      {"customer update 1 --version 3", "customer update needs something to change: --name, --email"},
      {"customer update 1 --name a --name b", "--name is given twice"},
      {"product create --name a --price 1 --price-cents 100", "--price and --price-cents say the same"},
      {"product create --name a --price 1,5", "--price: \"1,5\" is not an amount such as 12.34"},
      {"customer list --page-size 1x", "--page-size: \"1x\" is not a whole number"},
      {"customer list --page-size 3000000000", "--page-size: 3000000000 is too large"},
      {"customer delete 1 --version 99999999999999999999", "--version: \"99999999999999999999\" is not a whole number"},
      {"order list --unbilled --customer 1", "--customer does not go with --unbilled"},
      {"health --timeout soon", "--timeout: \"soon\" is not a number of seconds from 0.001 to 86400"},
      {"health --timeout nan", "--timeout: \"nan\" is not a number of seconds from 0.001 to 86400"},
      {"demo now", "demo does not take \"now\""},
  };
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    const char *said = complaint(pairs[i][0]);
    if (strcmp(said, pairs[i][1]) != 0) printf("\n    \"%s\": %s\n", pairs[i][0], said);
    CU_ASSERT_STRING_EQUAL(said, pairs[i][1]);
  }
}

/* All methods that a service's verbs call, by themselves, in batches or by a flag. */
static bool is_called(const struct noun *noun, const char *method) {
  for (const struct verb *verb = noun->verbs; verb && verb->name; verb++) {
    if (strcmp(verb->method, method) == 0 || (verb->batch && strcmp(verb->batch, method) == 0)) return true;
    for (const struct flag *flag = verb->flags; flag && flag->name; flag++) {
      if (flag->kind == FLAG_METHOD && strcmp(flag->field, method) == 0) return true;
    }
  }
  return false;
}

static bool has_method(const ProtobufCServiceDescriptor *service, const char *method) {
  return !method || protobuf_c_service_descriptor_get_method_by_name(service, method);
}

static void names_all_commands_where_none_is_near(void) {
  const char *said = complaint("frobnicate 1");
  CU_ASSERT_TRUE(strncmp(said, "unknown command \"frobnicate\"; there are ", 40) == 0);
  for (const struct noun *const *at = command_nouns; *at; at++) {
    CU_ASSERT_EQUAL(strstr(said, (*at)->name) != NULL, !(*at)->hidden);
  }
}

static void calls_what_exists(void) {
  for (const struct noun *const *at = command_nouns; *at; at++) {
    const struct noun *noun = *at;
    for (const struct verb *verb = noun->verbs; verb && verb->name; verb++) {
      if (verb->run) continue;
      CU_ASSERT_TRUE(has_method(ordershop_service_descriptor(noun->service), verb->method));
      CU_ASSERT_TRUE(has_method(ordershop_service_descriptor(noun->service), verb->batch));
      CU_ASSERT_PTR_NOT_NULL(verb->examples);
    }
    size_t columns = 0;
    while (noun->view.columns && noun->view.columns[columns]) columns++;
    CU_ASSERT_TRUE(columns <= COLUMNS_MAX);
  }
}

/* StatusService is what `status` asks. */
static void has_a_command_for_every_method(void) {
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    const ProtobufCServiceDescriptor *descriptor = ordershop_service_descriptor(service);
    const struct noun *noun = command_noun(ordershop_service_name(service));
    CU_ASSERT_PTR_NOT_NULL_FATAL(noun);
    for (unsigned i = 0; i < descriptor->n_methods; i++) {
      bool called = is_called(noun, descriptor->methods[i].name);
      if (!called) printf("\n    no command calls %s.%s\n", descriptor->name, descriptor->methods[i].name);
      CU_ASSERT_TRUE(called);
    }
  }
}

static bool takes_flag(const struct verb *verb, const char *field) {
  const struct flag *lists[] = {verb->flags, verb->shared, command_global_flags};
  for (size_t i = 0; i < 3; i++) {
    for (const struct flag *flag = lists[i]; flag && flag->name; flag++) {
      if (flag->field && strcmp(flag->field, field) == 0) return true;
    }
  }
  return verb->operand && strcmp(verb->operand_field, field) == 0;
}

/* Fields that a request carries by itself: there is an argument for each. */
static void has_an_argument_for_every_field(void) {
  for (const struct noun *const *at = command_nouns; *at; at++) {
    for (const struct verb *verb = (*at)->verbs; verb && verb->name; verb++) {
      if (verb->run) continue;
      const ProtobufCServiceDescriptor *service = ordershop_service_descriptor((*at)->service);
      const ProtobufCMessageDescriptor *input =
          protobuf_c_service_descriptor_get_method_by_name(service, verb->method)->input;
      for (unsigned i = 0; i < input->n_fields; i++) {
        if (input->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) continue;
        bool takes = takes_flag(verb, input->fields[i].name);
        if (!takes) printf("\n    %s has no argument for %s\n", verb->method, input->fields[i].name);
        CU_ASSERT_TRUE(takes);
      }
    }
  }
}

static void watches_at_the_interval_that_is_said(void) {
  static const struct {
    const char *line;
    int64_t ms;
    size_t operands;
  } cases[] = {{"customer list", 0, 0},
               {"customer list --watch", 2000, 0},
               {"customer list --watch 5", 5000, 0},
               {"customer list --watch=0.5 --all", 500, 0},
               {"customer get --watch 5 c1", 5000, 1},
               {"customer get --watch c1", 2000, 1},
               {"customer get c1 --watch", 2000, 1},
               {"customer get c1 --watch 3 --json", 3000, 1}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct invocation invocation;
    CU_ASSERT_TRUE_FATAL(status_is_ok(parse(cases[i].line, &invocation)));
    CU_ASSERT_EQUAL(invocation.watch_ms, cases[i].ms);
    CU_ASSERT_EQUAL(invocation.operand_count, cases[i].operands);
  }
}

static void finds_the_nearest_word(void) {
  const char *const words[] = {"create", "get", "list", "update", "delete", NULL};
  CU_ASSERT_STRING_EQUAL(similar_word(arena, "crate", words), "create");
  CU_ASSERT_STRING_EQUAL(similar_word(arena, "lsit", words), "list");
  CU_ASSERT_STRING_EQUAL(similar_word(arena, "udpate", words), "update");
  CU_ASSERT_STRING_EQUAL(similar_word(arena, "gett", words), "get");
  CU_ASSERT_PTR_NULL(similar_word(arena, "zebra", words));
  CU_ASSERT_PTR_NULL(similar_word(arena, "x", words));
  CU_ASSERT_PTR_NULL(similar_word(arena, "", words));
}

static const char *address_with(const char *line, enum ordershop_service service) {
  struct invocation invocation;
  struct session session;
  CU_ASSERT_TRUE_FATAL(status_is_ok(parse(line, &invocation)));
  CU_ASSERT_TRUE_FATAL(status_is_ok(session_open(arena, &invocation, &session)));
  const char *address = arena_strdup(arena, ordershop_client_address(session.client, service));
  session_close(&session);
  return address;
}

static void forget_settings(void) {
  static const char *const variables[] = {"ORDERSHOP_HOST", "ORDERSHOP_PORT_BASE", "ORDERSHOP_CUSTOMER_ADDRESS",
                                          "ORDERSHOP_MAIL_ADDRESS", "ORDERSHOP_CRM_ADDRESS"};
  for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) unsetenv(variables[i]);
}

static void finds_the_shop(void) {
  forget_settings();
  CU_ASSERT_STRING_EQUAL(address_with("demo", ORDERSHOP_CUSTOMER), "127.0.0.1:50051");
  setenv("ORDERSHOP_PORT_BASE", "6000", 1);
  setenv("ORDERSHOP_CRM_ADDRESS", "dns:///crm.example:443", 1);
  CU_ASSERT_STRING_EQUAL(address_with("demo", ORDERSHOP_MAIL), "127.0.0.1:6007");
  CU_ASSERT_STRING_EQUAL(address_with("demo", ORDERSHOP_CRM), "dns:///crm.example:443");
  CU_ASSERT_STRING_EQUAL(address_with("--host shop.example demo --port-base 7000", ORDERSHOP_MAIL),
                         "shop.example:7007");
  CU_ASSERT_STRING_EQUAL(address_with("demo --crm-address 10.0.0.1:5", ORDERSHOP_CRM), "10.0.0.1:5");
  struct invocation invocation;
  struct session session;
  CU_ASSERT_TRUE(status_is_ok(parse("demo --port-base 0", &invocation)));
  CU_ASSERT_STRING_EQUAL(
      session_open(arena, &invocation, &session).message,
      arena_printf(arena, "--port-base: \"0\" is not a number from 1 to %d", 65535 - ORDERSHOP_DISTANCE_MAX));
  forget_settings();
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
    {"create fills the resource and makes a request id", makes_a_create_request},
    {"a request id and a version can be given", takes_a_request_id},
    {"an update names in its mask what was given, the empty text too", masks_what_is_given},
    {"prices come in euros or in cents", takes_money_in_euros_or_cents},
    {"a flag is given once for each unit of an order", takes_a_flag_for_each_unit},
    {"numbers may be negative", takes_negative_numbers},
    {"lists take paging and filters", takes_paging_and_filters},
    {"the unbilled orders are a method of their own", calls_another_method_for_unbilled_orders},
    {"global flags may stand anywhere", takes_global_flags_anywhere},
    {"flags may stand behind operands whatever POSIXLY_CORRECT says",
     takes_flags_behind_operands_whatever_the_environment_says},
    {"what follows -- is no flag", takes_operands_that_look_like_flags},
    {"there is help at every level", helps_at_every_level},
    {"one clear sentence says what is wrong", says_what_is_wrong},
    {"where no command is near, all are named", names_all_commands_where_none_is_near},
    {"every verb calls a method that exists, and has examples", calls_what_exists},
    {"every method of the API has a command", has_a_command_for_every_method},
    {"every field of a request has an argument", has_an_argument_for_every_field},
    {"--watch takes its seconds with or without =, or none", watches_at_the_interval_that_is_said},
    {"the word that may have been meant is found", finds_the_nearest_word},
    {"the shop is where flags, then the environment, say", finds_the_shop},
};

int main(int argc, char **argv) {
  return suite_main("command line", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
