/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a shop finds nothing while visitors shop, and names each kind of violation, which is made in Redis. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "client/cli/audit/audit_parts.h"
#include "client/customer_client.h"
#include "fault_shop.h"
#include "patience.h"
#include "shop_mail.h"
#include "visitors.h"

enum { UNITS = 100000, ENTITIES = 100000, VIOLATIONS = 200, LINE = 512 };

/* ---- auditing --------------------------------------------------------------------------------------------------- */

static char told[VIOLATIONS][LINE]; /* "STATE_DIFFERS order 28d2f6b0-...: its service ..." */
static size_t told_count;
static char since[48]; /* id of an entry; "" means the beginning */

static void note(void *argument, const struct audit_violation *violation) {
  (void)argument;
  if (told_count == VIOLATIONS) return;
  snprintf(told[told_count++], LINE, "%s %s %s: %s", violation->rule, violation->entity_type, violation->id,
           violation->detail);
}

static struct audit_outcome audit_with(int64_t settle_us, size_t entities_max) {
  struct audit_options options = {.client = client, .settle_us = settle_us, .entities_max = entities_max, .tell = note};
  struct audit_outcome outcome;
  if (*since) CU_ASSERT_TRUE_FATAL(event_from_parse(since, &options.since));
  told_count = 0;
  struct status status = audit_run(arena, &options, &outcome);
  if (!status_is_ok(status)) printf("%s\n", status.message);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  return outcome;
}

static struct audit_outcome audit(void) {
  return audit_with(0, ENTITIES);
}

static void is_clean(void) {
  struct audit_outcome outcome = audit();
  CU_ASSERT_EQUAL(outcome.violations, 0);
  for (size_t i = 0; i < told_count; i++) printf("\n    %s", told[i]);
}

static bool was_told(const char *rule, const char *id) {
  for (size_t i = 0; i < told_count; i++) {
    if (strncmp(told[i], rule, strlen(rule)) == 0 && strstr(told[i], id)) return true;
  }
  return false;
}

/* What was added by hand is told by the event service a moment later. */
static bool is_named(const void *argument) {
  const char *const *wanted = argument;
  audit();
  return was_told(wanted[0], wanted[1]);
}

static void names(const char *rule, const char *id) {
  const char *wanted[] = {rule, id};
  CU_ASSERT_TRUE(eventually(is_named, wanted));
  if (was_told(rule, id)) return;
  printf("\n    wanted %s of %s; told:", rule, id);
  for (size_t i = 0; i < told_count; i++) printf("\n    %s", told[i]);
}

/* What has happened so far is left out from now on. */
static void begin_here(void) {
  const char *clock = private_redis_command(redis, "GET ordershop_clock");
  snprintf(since, sizeof since, "%.*s", (int)strcspn(clock, " "), clock);
}

/* ---- damages ---------------------------------------------------------------------------------------------------- */

/* Adds an entry behind all others, and moves the log's clock to it, as a service would: at once, since services go on
 * meanwhile, and a clock that is set back is a log that has lost its end. */
static void append_bytes(const char *stream, const void *bytes, size_t size, const char *cause) {
  static const char *const script =
      "local time, epoch = string.match(redis.call('GET', KEYS[1]), '^(%d+)-%d+ (.*)$') "
      "local id = string.format('%.0f-0', tonumber(time) + 1) "
      "redis.call('XADD', KEYS[2], id, 'event_id', ARGV[1], 'entity', ARGV[2], 'cause', ARGV[3]) "
      "redis.call('SET', KEYS[1], id .. ' ' .. epoch)";
  private_redis_command(redis, "EVAL %s 2 ordershop_clock %s %s %b %s", script,
                        arena_printf(arena, "events:%s", stream), new_id(), bytes, size, cause);
}

static void append(const char *stream, const void *entity, const char *cause) {
  size_t size;
  const void *bytes = message_pack(arena, entity, &size);
  append_bytes(stream, bytes, size, cause);
}

static void store(const char *key, const char *field, const void *entity) {
  size_t size;
  const void *bytes = message_pack(arena, entity, &size);
  private_redis_command(redis, "HSET %s %s %b", key, field, bytes, size);
}

static const Ordershop__V1__Order *new_billed_order(const Ordershop__V1__Product *product) {
  const Ordershop__V1__Order *order = new_order(new_customer()->id, product->id, 1);
  must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  return order;
}

static Ordershop__V1__Billing billing_of(const Ordershop__V1__Order *order, int64_t cents) {
  Ordershop__V1__Billing billing = ORDERSHOP__V1__BILLING__INIT;
  billing.id = (char *)new_id();
  billing.order_id = order->id;
  billing.amount_cents = cents;
  billing.version = 1;
  return billing;
}

/* ---- clean ------------------------------------------------------------------------------------------------------ */

static bool have_ordered(const void *count) {
  return visitors_orders() >= *(const int *)count;
}

static void a_shop_at_work_is_clean(void) {
  const Ordershop__V1__Product *product = new_stocked_product(UNITS);
  const Ordershop__V1__Customer *customer = new_customer();
  visitors_come(product->id, customer->id, 50 * 1000);
  for (int wanted = 20; wanted <= 60; wanted += 20) {
    CU_ASSERT_TRUE(eventually(have_ordered, &wanted));
    struct audit_outcome outcome = audit_with(60 * 1000000, ENTITIES);
    CU_ASSERT_EQUAL(outcome.violations, 0);
    for (size_t i = 0; i < told_count; i++) printf("\n    %s", told[i]);
  }
  visitors_leave();
}

/* As soon as the audit waits for it. */
static void *release_index(void *ret_waits) {
  *(bool *)ret_waits = private_shop_await_point(shop, ORDERSHOP_EVENT, "event.before_wait");
  private_shop_release(shop, ORDERSHOP_EVENT, "event.before_index");
  return NULL;
}

static void so_is_one_whose_event_service_is_behind(void) {
  struct ordershop_client *stranger = private_shop_client(shop, arena); /* the audit has no position of what it does */
  pthread_t releaser;
  let_everything_follow();
  private_shop_arm(shop, ORDERSHOP_EVENT, "event.before_index", "pause");
  const struct context context = {.arena = arena};
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *created;
  customer.name = "Ada Lovelace";
  customer.email = "ada@example.com";
  request.customer = &customer;
  CU_ASSERT_TRUE(status_is_ok(ordershop_create_customer(stranger, &context, &request, &created)));
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_EVENT, "event.before_index"));
  bool waits;
  private_shop_arm(shop, ORDERSHOP_EVENT, "event.before_wait", "error");
  pthread_create(&releaser, NULL, release_index, &waits);
  is_clean();
  pthread_join(releaser, NULL);
  CU_ASSERT_TRUE(waits);
  ordershop_client_close(stranger);
}

static void so_are_orders_that_are_changed_billed_and_cancelled(void) {
  since[0] = '\0';
  const Ordershop__V1__Product *product = new_stocked_product(UNITS);
  const Ordershop__V1__Order *order = new_order(new_customer()->id, product->id, 2);
  must(ORDERSHOP_ORDER, "UpdateOrder", update_request(order->id, product->id, 5));
  const Ordershop__V1__Billing *billing = must(ORDERSHOP_BILLING, "CreateBilling", billing_request(order->id, NULL));
  Ordershop__V1__DeleteBillingRequest unbill = ORDERSHOP__V1__DELETE_BILLING_REQUEST__INIT;
  unbill.id = billing->id;
  must(ORDERSHOP_BILLING, "DeleteBilling", &unbill);
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
  let_everything_follow();
  is_clean();
}

static void an_audit_goes_on_where_the_last_one_ended(void) {
  let_everything_follow();
  begin_here();
  CU_ASSERT_EQUAL(audit().events, 0);
  new_billed_order(new_stocked_product(UNITS));
  let_everything_follow();
  is_clean();
  CU_ASSERT_TRUE(audit().events > 5);
}

static void one_that_is_too_large_ends_and_can_be_continued(void) {
  since[0] = '\0';
  struct audit_outcome outcome = audit_with(0, 10);
  CU_ASSERT_TRUE(outcome.is_part);
  CU_ASSERT_TRUE(strlen(outcome.read_to) > 0);
}

/* ---- states ----------------------------------------------------------------------------------------------------- */

static void a_state_that_differs_is_named(void) {
  begin_here();
  Ordershop__V1__Customer customer = *new_customer();
  const char *key = arena_printf(arena, "customer_entity:%s", customer.id);
  customer.name = "Somebody Else";
  store(key, "_entity", &customer);
  names("STATE_DIFFERS customer", customer.id);
}

static void one_that_is_gone_is_named(void) {
  begin_here();
  const Ordershop__V1__Product *product = new_product(100);
  private_redis_command(redis, "RENAME product_entity:%s aside", product->id);
  names("STATE_MISSING product", product->id);
  private_redis_command(redis, "RENAME aside product_entity:%s", product->id);
  is_clean();
}

static void one_that_was_deleted_and_is_there_is_named(void) {
  begin_here();
  Ordershop__V1__DeleteCustomerRequest request = ORDERSHOP__V1__DELETE_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *customer = new_customer();
  let_everything_follow();
  const char *key = arena_printf(arena, "customer_entity:%s", customer->id);
  private_redis_command(redis, "COPY %s aside", key);
  request.id = customer->id;
  must(ORDERSHOP_CUSTOMER, "DeleteCustomer", &request);
  private_redis_command(redis, "RENAME aside %s", key);
  names("STATE_REMAINS customer", customer->id);
  private_redis_command(redis, "DEL %s", key);
}

static void a_profile_that_differs_is_named(void) {
  begin_here();
  const Ordershop__V1__Order *order = new_billed_order(new_stocked_product(UNITS));
  let_everything_follow();
  is_clean();
  Ordershop__V1__CustomerProfile profile = ORDERSHOP__V1__CUSTOMER_PROFILE__INIT;
  profile.customer_id = order->customer_id;
  profile.order_count = 1;
  profile.ordered_cents = order->total_cents;
  store("crm_profiles", order->customer_id, &profile);
  names("PROFILE_DIFFERS customer", order->customer_id);
}

static void a_profile_that_is_gone_is_named(void) {
  begin_here();
  const Ordershop__V1__Customer *customer = new_customer();
  let_everything_follow();
  private_redis_command(redis, "HDEL crm_profiles %s", customer->id);
  names("PROFILE_MISSING customer", customer->id);
}

static void one_that_outlives_its_customer_is_named(void) {
  begin_here();
  const Ordershop__V1__Customer *customer = new_customer();
  let_everything_follow();
  Ordershop__V1__DeleteCustomerRequest request = ORDERSHOP__V1__DELETE_CUSTOMER_REQUEST__INIT;
  request.id = customer->id;
  must(ORDERSHOP_CUSTOMER, "DeleteCustomer", &request);
  let_everything_follow();
  is_clean();
  Ordershop__V1__CustomerProfile profile = ORDERSHOP__V1__CUSTOMER_PROFILE__INIT;
  profile.customer_id = customer->id;
  store("crm_profiles", customer->id, &profile);
  names("PROFILE_REMAINS customer", customer->id);
}

static void what_crm_has_not_come_to_is_undecided(void) {
  begin_here();
  private_shop_arm(shop, ORDERSHOP_CRM, "consumer.after_read", "pause");
  new_customer();
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_CRM, "consumer.after_read"));
  struct audit_outcome outcome = audit();
  CU_ASSERT_EQUAL(outcome.violations, 0);
  CU_ASSERT_EQUAL(outcome.undecided, 1);
  private_shop_release(shop, ORDERSHOP_CRM, "consumer.after_read");
  let_everything_follow();
  is_clean();
}

/* A mail that is nowhere: neither its state nor its events are there. */
static void a_mail_that_was_not_made_is_named(void) {
  static const char *const streams[] = {"mail_created", "mail_updated"};
  begin_here();
  Ordershop__V1__ListMailsRequest request = ORDERSHOP__V1__LIST_MAILS_REQUEST__INIT;
  request.to = new_customer()->email;
  let_everything_follow();
  const Ordershop__V1__ListMailsResponse *list = must(ORDERSHOP_MAIL, "ListMails", &request);
  CU_ASSERT_EQUAL_FATAL(list->n_mails, 1);
  private_redis_command(redis, "DEL mail_entity:%s", list->mails[0]->id);
  for (int i = 0; i < 2; i++) {
    const char *entry = private_redis_command(redis, "XREVRANGE events:%s + - COUNT 1", streams[i]);
    const char *id = arena_memdup(arena, entry, strcspn(entry, "\n"));
    private_redis_command(redis, "XDEL events:%s %s", streams[i], id);
  }
  names("MAIL_MISSING mail", list->mails[0]->id);
}

/* ---- events: nothing takes them back, so each test leaves them behind ------------------------------------------- */

/* As if stock were reserved for an order, of which no event tells. */
static void stock_that_is_reserved_by_no_event_is_named(void) {
  begin_here();
  const Ordershop__V1__Product *product = new_stocked_product(10);
  Ordershop__V1__ListInventoriesRequest request = ORDERSHOP__V1__LIST_INVENTORIES_REQUEST__INIT;
  request.product_id = product->id;
  const Ordershop__V1__ListInventoriesResponse *list = must(ORDERSHOP_INVENTORY, "ListInventories", &request);
  Ordershop__V1__Inventory inventory = *list->inventories[0];
  inventory.amount--;
  inventory.reserved_amount++;
  store(arena_printf(arena, "inventory_entity:%s", inventory.id), "_entity", &inventory);
  names("STATE_DIFFERS inventory", inventory.id);
}

static void stock_that_is_out_of_nothing_is_named(void) {
  begin_here();
  const Ordershop__V1__Product *product = new_stocked_product(10);
  Ordershop__V1__ListInventoriesRequest request = ORDERSHOP__V1__LIST_INVENTORIES_REQUEST__INIT;
  request.product_id = product->id;
  const Ordershop__V1__ListInventoriesResponse *list = must(ORDERSHOP_INVENTORY, "ListInventories", &request);
  Ordershop__V1__Inventory inventory = *list->inventories[0];
  inventory.amount = 11;
  inventory.version++;
  append("inventory_updated", &inventory, new_id());
  names("STOCK_SUM_CHANGED inventory", inventory.id);
  inventory.amount = -1;
  inventory.version++;
  append("inventory_updated", &inventory, new_id());
  names("STOCK_NEGATIVE inventory", inventory.id);
}

static void billings_that_may_not_be_are_named(void) {
  begin_here();
  const Ordershop__V1__Order *order = new_billed_order(new_stocked_product(10));
  Ordershop__V1__Billing second = billing_of(order, order->total_cents);
  append("billing_created", &second, "");
  const Ordershop__V1__Order *other = new_order(new_customer()->id, order->items[0]->product_id, 1);
  Ordershop__V1__Billing wrong = billing_of(other, other->total_cents + 1);
  append("billing_created", &wrong, "");
  Ordershop__V1__Order changed = *order;
  changed.total_cents++;
  changed.version++;
  append("order_updated", &changed, "");
  names("BILLED_ORDER_CHANGED order", order->id);
  CU_ASSERT_TRUE(was_told("BILLED_TWICE billing", second.id));
  CU_ASSERT_TRUE(was_told("BILLED_WRONG_AMOUNT billing", wrong.id));
}

static void a_billing_of_a_cancelled_order_is_named(void) {
  begin_here();
  const Ordershop__V1__Order *order = new_order(new_customer()->id, new_stocked_product(10)->id, 1);
  must(ORDERSHOP_ORDER, "DeleteOrder", cancel_request(order->id));
  Ordershop__V1__Billing billing = billing_of(order, order->total_cents);
  append("billing_created", &billing, "");
  names("BILLING_WITHOUT_ORDER billing", billing.id);
}

static void mails_that_are_made_twice_are_named(void) {
  begin_here();
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.cause = (char *)new_id();
  mail.subject = "Welcome to OrderShop";
  mail.to = "ada@example.com";
  mail.version = 1;
  mail.id = (char *)new_id();
  append("mail_created", &mail, mail.cause);
  mail.id = (char *)new_id();
  append("mail_created", &mail, mail.cause);
  names("MAIL_TWICE mail", mail.id);
}

static void events_that_may_not_be_are_named(void) {
  begin_here();
  Ordershop__V1__Product product = *new_product(100);
  append("product_created", &product, "");
  names("CREATED_TWICE product", product.id);
  product.version = 7;
  append("product_updated", &product, "");
  names("VERSION_NOT_NEXT product", product.id);
  append_bytes("product_updated", "\xff\xff", 2, "");
  names("EVENT_UNDECODABLE product", "");
}

static void an_event_of_a_deleted_entity_is_named(void) {
  begin_here();
  Ordershop__V1__Product product = *new_product(100);
  product.id = (char *)new_id();
  append("product_created", &product, "");
  append("product_deleted", &product, "");
  product.version++;
  append("product_updated", &product, "");
  names("EVENT_OF_NOTHING product", product.id);
}

/* Redis refuses ids that don't rise in one stream, and the event service merges them: so this is told to the audit. */
static void ids_that_do_not_rise_are_named(void) {
  struct audit_options options = {.client = client, .tell = note};
  struct audit_outcome outcome = {0};
  struct audit state = {.arena = arena,
                        .options = &options,
                        .outcome = &outcome,
                        .rows = key_table_new(arena),
                        .mails = key_table_new(arena)};
  Ordershop__V1__Event event = ORDERSHOP__V1__EVENT__INIT;
  event.entity_type = "gift_card";
  event.entity_id = "g1";
  event.entry = "1548699678802-91";
  told_count = 0;
  audit_event(&state, arena, &event);
  CU_ASSERT_EQUAL(told_count, 0);
  audit_event(&state, arena, &event);
  CU_ASSERT_TRUE(was_told("ID_NOT_RISING gift_card", "g1"));
}

/* A full audit reads lists, which tell of entities without events. What the tests before have made is told, too. */
static void a_state_without_an_event_is_named(void) {
  since[0] = '\0';
  Ordershop__V1__Customer customer = *new_customer();
  customer.id = (char *)new_id();
  store(arena_printf(arena, "customer_entity:%s", customer.id), "_entity", &customer);
  private_redis_command(redis, "HSET customer_entity:%s version 1 id %s", customer.id, customer.id);
  private_redis_command(redis, "SADD customer_ids %s", customer.id);
  private_redis_command(redis, "ZADD customer_by_creation 1 %s", customer.id);
  names("STATE_WITHOUT_EVENT customer", customer.id);
}

static int set_up(void) {
  fault_shop_open(NULL);
  return 0;
}

static int tear_down(void) {
  visitors_leave();
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a shop at work is clean", a_shop_at_work_is_clean},
      {"so is one whose event service is behind", so_is_one_whose_event_service_is_behind},
      {"so are orders that are changed, billed and cancelled", so_are_orders_that_are_changed_billed_and_cancelled},
      {"an audit goes on where the last one ended", an_audit_goes_on_where_the_last_one_ended},
      {"one that is too large ends, and says where", one_that_is_too_large_ends_and_can_be_continued},
      {"a state that differs from the last event is named", a_state_that_differs_is_named},
      {"a state that is gone is named", one_that_is_gone_is_named},
      {"a state that remains after its deletion is named", one_that_was_deleted_and_is_there_is_named},
      {"a profile that differs from what the events say is named", a_profile_that_differs_is_named},
      {"a profile that is gone is named", a_profile_that_is_gone_is_named},
      {"a profile that outlives its customer is named", one_that_outlives_its_customer_is_named},
      {"what crm has not come to is undecided", what_crm_has_not_come_to_is_undecided},
      {"a mail that was not made is named", a_mail_that_was_not_made_is_named},
      {"stock that is reserved by no event is named", stock_that_is_reserved_by_no_event_is_named},
      {"stock out of nothing, and below nothing, is named", stock_that_is_out_of_nothing_is_named},
      {"billings that are twice or wrong are named, and billed orders that change", billings_that_may_not_be_are_named},
      {"a billing of an order that was cancelled is named", a_billing_of_a_cancelled_order_is_named},
      {"mails that are made twice for a cause are named", mails_that_are_made_twice_are_named},
      {"events that are twice, out of order or can't be decoded are named", events_that_may_not_be_are_named},
      {"an event of an entity that was deleted is named", an_event_of_a_deleted_entity_is_named},
      {"ids that do not rise are named", ids_that_do_not_rise_are_named},
      {"a state without an event is named", a_state_without_an_event_is_named},
  };
  return suite_main("client audit", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
