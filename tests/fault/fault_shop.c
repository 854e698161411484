/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_shop.h"

#include <grpc/health/v1/health.pb-c.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "client/log_client.h"
#include "client/status_client.h"
#include "patience.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"
#include "store/log_time.h"

enum { POLL_US = 2000, MAX_CALLS = 64, LOG_CALL_US = 2000 * 1000 };

struct private_shop *shop;
struct private_redis *redis;
struct arena *arena;
struct ordershop_client *client, *once;

struct asking {
  struct ordershop_client *client;
  enum ordershop_service service;
  const char *method;
  const void *request;
  pthread_barrier_t *start; /* NULL means at once */
  struct arena *arena;
  struct ordershop_answer answer;
  pthread_t thread;
  struct asking *next; /* of all since the shop was opened: their arenas hold the answers */
};

static struct asking *askings;

/* Also in set_up, where CUnit can't be told. */
static void require(bool holds, const char *what, struct status status) {
  if (holds) return;
  fprintf(stderr, "%s: %s\n", what, status.message ? status.message : "");
  if (!CU_get_current_test()) exit(2);
  CU_FAIL_FATAL("what the test needs can't be done");
}

static struct ordershop_client *open_client(int attempts) {
  const struct ordershop_client_options options = {.port_base = private_shop_port(shop, ORDERSHOP_CUSTOMER) - 1,
                                                   .attempts = attempts};
  struct ordershop_client *result = NULL;
  struct status status = ordershop_client_open(arena, &options, &result);
  require(status_is_ok(status), "no client", status);
  return result;
}

void fault_shop_open(const struct private_shop_options *options) {
  arena = arena_new();
  shop = private_shop_start(options);
  redis = private_shop_redis(shop);
  const char *slowness = getenv("ORDERSHOP_TEST_SLOWNESS");
  client = open_client(slowness ? 5 * atoi(slowness) : 0); /* a slow build starts again slowly */
  once = open_client(1);
}

void fault_shop_close(void) {
  for (; askings; askings = askings->next) arena_free(askings->arena);
  ordershop_client_close(client);
  ordershop_client_close(once);
  private_shop_free(shop);
  arena_free(arena);
}

struct private_redis *redis_of(const char *key) {
  return private_shop_redises(shop) ? private_shop_redis_of(shop, key) : redis;
}

const char *key_of(const char *key) {
  return private_shop_key(shop, arena, key);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

struct ordershop_answer ask_within(struct ordershop_client *by, int64_t deadline_ms, enum ordershop_service service,
                                   const char *method, const void *request) {
  struct context context = {.arena = arena};
  if (deadline_ms) context.deadline_us = clock_monotonic_us() + deadline_ms * 1000;
  return ordershop_call(by, &context, service, method, request);
}

struct ordershop_answer ask(struct ordershop_client *by, enum ordershop_service service, const char *method,
                            const void *request) {
  return ask_within(by, 0, service, method, request);
}

bool ran_out_of_time(struct ordershop_answer answer) {
  struct status status = answer.status;
  return status.code == STATUS_DEADLINE_EXCEEDED || status_is(status, reason_peer_unreachable) ||
         status_is(status, reason_overloaded);
}

struct ordershop_answer ask_for_a_list(struct ordershop_client *by, int64_t deadline_ms,
                                       enum ordershop_service service) {
  static const char *const methods[SHIPPED_SERVICE_COUNT] = {"ListCustomers", "ListProducts", "ListInventories",
                                                             "ListOrders",    "ListBillings", "ListInteractions",
                                                             "ListMails",     "ListStreams"};
  const ProtobufCMethodDescriptor *method =
      protobuf_c_service_descriptor_get_method_by_name(ordershop_service_descriptor(service), methods[service]);
  ProtobufCMessage *request = arena_alloc(arena, method->input->sizeof_message);
  method->input->message_init(request);
  return ask_within(by, deadline_ms, service, methods[service], request);
}

const void *must(enum ordershop_service service, const char *method, const void *request) {
  struct ordershop_answer answer = ask(client, service, method, request);
  require(status_is_ok(answer.status), method, answer.status);
  return answer.message;
}

void assert_refused(struct ordershop_answer answer, enum status_code code, const char *reason) {
  const char *actual = status_reason(answer.status);
  if (answer.status.code != code || strcmp(actual, reason) != 0) {
    fprintf(stderr, "expected %s, got %s %s: %s\n", reason, status_code_name(answer.status.code), actual,
            answer.status.message);
  }
  CU_ASSERT_EQUAL(answer.status.code, code);
  CU_ASSERT_STRING_EQUAL(actual, reason);
}

static void *run_asking(void *argument) {
  struct asking *asking = argument;
  if (asking->start) pthread_barrier_wait(asking->start);
  struct context context = {.arena = asking->arena, .deadline_us = patience_end_us()};
  asking->answer = ordershop_call(asking->client, &context, asking->service, asking->method, asking->request);
  return NULL;
}

static struct asking *begin(struct asking what) {
  struct asking *asking = arena_calloc(arena, 1, sizeof *asking);
  *asking = what;
  asking->arena = arena_new();
  asking->next = askings;
  askings = asking;
  require(pthread_create(&asking->thread, NULL, run_asking, asking) == 0, "no thread", status_ok());
  return asking;
}

struct asking *ask_begin(struct ordershop_client *by, enum ordershop_service service, const char *method,
                         const void *request) {
  return begin((struct asking){.client = by, .service = service, .method = method, .request = request});
}

struct ordershop_answer ask_end(struct asking *asking) {
  pthread_join(asking->thread, NULL);
  return asking->answer;
}

struct ordershop_answer *ask_all(struct ordershop_client *by, enum ordershop_service service, const char *method,
                                 const void *const *requests, size_t count) {
  struct asking *all[MAX_CALLS];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, (unsigned)count);
  for (size_t i = 0; i < count; i++) {
    all[i] = begin(
        (struct asking){.client = by, .service = service, .method = method, .request = requests[i], .start = &start});
  }
  struct ordershop_answer *answers = arena_calloc(arena, count, sizeof *answers);
  for (size_t i = 0; i < count; i++) answers[i] = ask_end(all[i]);
  pthread_barrier_destroy(&start);
  return answers;
}

size_t count_ok(const struct ordershop_answer *answers, size_t count) {
  size_t result = 0;
  for (size_t i = 0; i < count; i++) result += status_is_ok(answers[i].status);
  return result;
}

bool health_says(enum ordershop_service service, const char *name) {
  const struct rpc_channel_options options = {
      .brand = &shop_brand, .peer = ordershop_service_name(service), .wait_for_ready = true};
  struct rpc_blocking_channel *channel;
  struct status status =
      rpc_blocking_channel_open(arena, ordershop_client_address(client, service), &options, &channel);
  require(status_is_ok(status), "no channel", status);
  struct context context = {.arena = arena, .deadline_us = patience_end_us()};
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  request.service = (char *)name;
  struct rpc_reply reply =
      rpc_blocking_call(channel, &context, &grpc__health__v1__health__descriptor, "Check", &request);
  rpc_blocking_channel_close(channel);
  if (!status_is_ok(reply.status)) return false;
  const Grpc__Health__V1__HealthCheckResponse *response = reply.message;
  return response->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

static bool is_found_by_once(const void *service) {
  struct context context = {.arena = arena, .deadline_us = patience_end_us()};
  bool serving = false;
  struct status status = ordershop_check_health(once, &context, *(const enum ordershop_service *)service, &serving);
  return status_is_ok(status) && serving;
}

void start_service(enum ordershop_service service) {
  private_shop_start_service(shop, service);
  require(eventually(is_found_by_once, &service), "can't be reached again", status_ok());
}

const char *reason_told_by(enum ordershop_service service) {
  struct context context = {.arena = arena, .deadline_us = patience_end_us()};
  const Ordershop__V1__ServiceStatus *status;
  bool answers = status_is_ok(ordershop_get_service_status(client, &context, service, &status));
  return answers ? status->reason : "";
}

/* What the service says that it misses; NULL if that is nothing. */
static const Ordershop__V1__Log *lossy_log_of(enum ordershop_service service) {
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + LOG_CALL_US};
  Ordershop__V1__GetLogStatusRequest request = ORDERSHOP__V1__GET_LOG_STATUS_REQUEST__INIT;
  struct ordershop_answer answer = ordershop_call_log(once, &context, service, "GetLogStatus", &request);
  if (!status_is_ok(answer.status)) return NULL;
  const Ordershop__V1__LogStatus *status = answer.message;
  return status->logs[0]->n_losses > 0 ? status->logs[0] : NULL;
}

int64_t accept_what_is_lost(enum ordershop_service service) {
  const Ordershop__V1__Log *log = lossy_log_of(service);
  if (!log) return 0;
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + LOG_CALL_US};
  Ordershop__V1__AcceptLogLossRequest request = ORDERSHOP__V1__ACCEPT_LOG_LOSS_REQUEST__INIT;
  request.log = log->name;
  request.etag = log->etag;
  request.operator_name = "ada";
  if (!status_is_ok(ordershop_call_log(once, &context, service, "AcceptLogLoss", &request).status)) return 0;
  int64_t up_to = 0;
  for (size_t i = 0; i < log->n_losses; i++) {
    int64_t end = log_time_of_entry(log->losses[i]->end);
    if (end > up_to) up_to = end;
  }
  return up_to;
}

struct wanted_lines {
  enum ordershop_service first, end;
  const char *text;
  int count;
};

static int count_lines(const struct wanted_lines *wanted) {
  int count = 0;
  for (enum ordershop_service service = wanted->first; service < wanted->end; service++) {
    count += private_shop_log_lines(shop, service, wanted->text);
  }
  return count;
}

int all_log_lines(const char *text) {
  return count_lines(&(struct wanted_lines){.end = SHIPPED_OWNER_COUNT, .text = text});
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

bool eventually(bool (*holds)(const void *argument), const void *argument) {
  int64_t deadline = patience_end_us();
  while (!holds(argument)) {
    if (clock_monotonic_us() > deadline) return false;
    usleep(POLL_US);
  }
  return true;
}

static bool are_enough(const void *wanted) {
  return count_lines(wanted) >= ((const struct wanted_lines *)wanted)->count;
}

bool log_lines_become(enum ordershop_service service, const char *text, int count) {
  const struct wanted_lines wanted = {service, service + 1, text, count};
  return eventually(are_enough, &wanted) && count_lines(&wanted) == count;
}

bool all_log_lines_become(const char *text, int count) {
  const struct wanted_lines wanted = {0, SHIPPED_OWNER_COUNT, text, count};
  return eventually(are_enough, &wanted) && count_lines(&wanted) == count;
}

/* The event service goes on where only writes are refused. */
static bool all_serve(const void *wanted) {
  enum ordershop_service count = *(const bool *)wanted ? SHIPPED_SERVICE_COUNT : SHIPPED_OWNER_COUNT;
  for (enum ordershop_service service = 0; service < count; service++) {
    if (health_says(service, "") != *(const bool *)wanted) return false;
  }
  return true;
}

bool become_serving(bool wanted) {
  return eventually(all_serve, &wanted);
}

static bool all_have_followed(const void *argument) {
  (void)argument;
  return private_shop_is_quiet(shop);
}

void let_everything_follow(void) {
  require(eventually(all_have_followed, NULL), "consumers are behind", status_ok());
}

struct number {
  int64_t wanted;
  const char *format, *key;
};

static bool number_is(const void *argument) {
  const struct number *number = argument;
  return private_redis_number(redis_of(number->key), number->format, key_of(number->key)) == number->wanted;
}

bool eventually_number(int64_t wanted, const char *format, const char *key) {
  const struct number number = {wanted, format, key};
  return eventually(number_is, &number);
}

/* ---- things ----------------------------------------------------------------------------------------------------- */

const char *new_id(void) {
  return uuid_random(arena);
}

static char *text(const char *value) {
  return value ? arena_strdup(arena, value) : (char *)"";
}

const Ordershop__V1__CreateCustomerRequest *customer_request(const char *name, const char *request_id) {
  Ordershop__V1__Customer *customer = arena_alloc(arena, sizeof *customer);
  ordershop__v1__customer__init(customer);
  customer->name = text(name);
  customer->email = arena_printf(arena, "%.13s@example.com", new_id());
  Ordershop__V1__CreateCustomerRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__v1__create_customer_request__init(request);
  request->customer = customer;
  request->request_id = text(request_id);
  return request;
}

const Ordershop__V1__Customer *new_customer(void) {
  return must(ORDERSHOP_CUSTOMER, "CreateCustomer", customer_request("Ada Lovelace", NULL));
}

const Ordershop__V1__Product *new_product(int64_t price_cents) {
  Ordershop__V1__Product product = ORDERSHOP__V1__PRODUCT__INIT;
  product.name = arena_printf(arena, "Product %.8s", new_id());
  product.price_cents = price_cents;
  Ordershop__V1__CreateProductRequest request = ORDERSHOP__V1__CREATE_PRODUCT_REQUEST__INIT;
  request.product = &product;
  return must(ORDERSHOP_PRODUCT, "CreateProduct", &request);
}

void new_stock(const char *product_id, int64_t amount) {
  Ordershop__V1__Inventory inventory = ORDERSHOP__V1__INVENTORY__INIT;
  inventory.product_id = text(product_id);
  inventory.amount = amount;
  Ordershop__V1__CreateInventoryRequest request = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
  request.inventory = &inventory;
  must(ORDERSHOP_INVENTORY, "CreateInventory", &request);
}

const Ordershop__V1__Product *new_stocked_product(int64_t amount) {
  const Ordershop__V1__Product *product = new_product(100);
  new_stock(product->id, amount);
  return product;
}

static Ordershop__V1__Order *ordering(const char *product_id, size_t quantity) {
  Ordershop__V1__Order *order = arena_alloc(arena, sizeof *order);
  ordershop__v1__order__init(order);
  order->n_product_ids = quantity;
  order->product_ids = arena_calloc(arena, quantity, sizeof *order->product_ids);
  for (size_t i = 0; i < quantity; i++) order->product_ids[i] = text(product_id);
  return order;
}

const Ordershop__V1__CreateOrderRequest *order_request(const char *customer_id, const char *product_id, size_t quantity,
                                                       const char *request_id) {
  Ordershop__V1__CreateOrderRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__v1__create_order_request__init(request);
  request->order = ordering(product_id, quantity);
  request->order->customer_id = text(customer_id);
  request->request_id = text(request_id);
  return request;
}

const Ordershop__V1__Order *new_order(const char *customer_id, const char *product_id, size_t quantity) {
  return must(ORDERSHOP_ORDER, "CreateOrder", order_request(customer_id, product_id, quantity, NULL));
}

const Ordershop__V1__UpdateOrderRequest *update_request(const char *order_id, const char *product_id, size_t quantity) {
  Ordershop__V1__UpdateOrderRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__v1__update_order_request__init(request);
  request->order = ordering(product_id, quantity);
  request->order->id = text(order_id);
  return request;
}

const Ordershop__V1__DeleteOrderRequest *cancel_request(const char *order_id) {
  Ordershop__V1__DeleteOrderRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__v1__delete_order_request__init(request);
  request->id = text(order_id);
  return request;
}

const Ordershop__V1__GetOrderRequest *get_order_request(const char *order_id) {
  Ordershop__V1__GetOrderRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__v1__get_order_request__init(request);
  request->id = text(order_id);
  return request;
}

const Ordershop__V1__CreateBillingRequest *billing_request(const char *order_id, const char *request_id) {
  Ordershop__V1__Billing *billing = arena_alloc(arena, sizeof *billing);
  ordershop__v1__billing__init(billing);
  billing->order_id = text(order_id);
  Ordershop__V1__CreateBillingRequest *request = arena_alloc(arena, sizeof *request);
  ordershop__v1__create_billing_request__init(request);
  request->billing = billing;
  request->request_id = text(request_id);
  return request;
}

bool has_mail(const void *customer) {
  Ordershop__V1__ListMailsRequest request = ORDERSHOP__V1__LIST_MAILS_REQUEST__INIT;
  request.to = ((const Ordershop__V1__Customer *)customer)->email;
  return ((const Ordershop__V1__ListMailsResponse *)must(ORDERSHOP_MAIL, "ListMails", &request))->n_mails == 1;
}

static int64_t length_of(const char *stream) {
  return private_redis_number(redis_of(stream), "XLEN %s", key_of(arena_printf(arena, "events:%s", stream)));
}

int64_t mails_asked_for(void) {
  return length_of("customer_created") + length_of("customer_deleted") + 2 * length_of("order_created") +
         length_of("billing_created");
}

static bool is_delivered(const void *mails) {
  return length_of("mail_updated") == *(const int64_t *)mails;
}

bool each_mail_is_sent_once(void) {
  int64_t mails = mails_asked_for();
  return eventually(is_delivered, &mails) && length_of("mail_created") == mails;
}

static bool all_recorded_are_delivered(const void *nothing) {
  (void)nothing;
  return length_of("mail_updated") == length_of("mail_created");
}

bool each_recorded_mail_is_sent(void) {
  return eventually(all_recorded_are_delivered, NULL);
}

/* ---- stock ------------------------------------------------------------------------------------------------------ */

struct level {
  const char *product_id;
  int64_t amount, reserved;
};

static bool level_is(const void *argument) {
  const struct level *level = argument;
  Ordershop__V1__ListInventoriesRequest request = ORDERSHOP__V1__LIST_INVENTORIES_REQUEST__INIT;
  request.product_id = (char *)level->product_id;
  const Ordershop__V1__ListInventoriesResponse *response = must(ORDERSHOP_INVENTORY, "ListInventories", &request);
  CU_ASSERT_EQUAL_FATAL(response->n_inventories, 1);
  const Ordershop__V1__Inventory *inventory = response->inventories[0];
  /* Whatever happens, nothing is lost and nothing appears. */
  CU_ASSERT_EQUAL(inventory->amount + inventory->reserved_amount, level->amount + level->reserved);
  return inventory->amount == level->amount && inventory->reserved_amount == level->reserved;
}

bool stock_is(const char *product_id, int64_t amount, int64_t reserved) {
  const struct level level = {product_id, amount, reserved};
  return level_is(&level);
}

bool stock_becomes(const char *product_id, int64_t amount, int64_t reserved) {
  const struct level level = {product_id, amount, reserved};
  return eventually(level_is, &level);
}

bool attempts_end(void) {
  return eventually_number(0, "ZCARD %s", "inventory_attempts");
}
