/* SPDX-License-Identifier: Apache-2.0 */
/* A shop whose answers wait for a replica of Redis (ORDERSHOP_REDIS_REPLICAS=1): while that is away commands are in
 * doubt or refused, and reads go on. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/status_client.h"
#include "fault_shop.h"
#include "patience.h"

static struct private_redis *replica;

static bool warns(const void *service) {
  return strstr(reason_told_by(*(const enum ordershop_service *)service),
                "0 of 1 replicas of Redis have what was written");
}

static bool says_nothing(const void *service) {
  return !*reason_told_by(*(const enum ordershop_service *)service);
}

/* Where no replica is, commands are refused: so it is there before. */
static bool restart_all_with(const char *variable) {
  private_shop_set_variable(shop, variable);
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    private_shop_terminate_service(shop, service);
  }
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    private_shop_await_exit(shop, service);
    private_shop_launch_service(shop, service);
  }
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    private_shop_await_service(shop, service);
  }
  return become_serving(true);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void what_was_answered_is_on_the_replica(void) {
  for (int i = 0; i < 20; i++) {
    const Ordershop__V1__Customer *person = new_customer();
    const char *key = arena_printf(arena, "customer_entity:%s", person->id);
    private_redis_command(replica, "CONFIG SET replica-serve-stale-data yes");
    CU_ASSERT_EQUAL(private_redis_number(replica, "EXISTS %s", key), 1);
  }
  CU_ASSERT_EQUAL(all_log_lines("redis refuses a right"), 0);
  CU_ASSERT_FALSE(private_redis_has_denied(redis));
}

static void come_back(void) {
  private_redis_resume(replica);
  CU_ASSERT_TRUE(become_serving(true));
}

static void what_was_changed_while_a_replica_is_away_is_in_doubt_until_a_repetition_finds_it(void) {
  const char *request_id = new_id(), *key = arena_printf(arena, "customer_request:%s", request_id);
  const Ordershop__V1__CreateCustomerRequest *request = customer_request("In Doubt", request_id);
  private_redis_pause(replica);
  assert_refused(ask(once, ORDERSHOP_CUSTOMER, "CreateCustomer", request), STATUS_UNAVAILABLE, "REPLICAS_MISSING");
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS %s", key), 1);
  assert_refused(ask(once, ORDERSHOP_CUSTOMER, "CreateCustomer", request), STATUS_UNAVAILABLE, "REPLICAS_MISSING");
  come_back();
  int64_t customers = private_redis_number(redis, "SCARD customer_ids");
  const Ordershop__V1__Customer *found = must(ORDERSHOP_CUSTOMER, "CreateCustomer", request);
  CU_ASSERT_STRING_EQUAL(found->name, "In Doubt");
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD customer_ids"), customers);
}

static void nothing_is_begun_and_reads_go_on_once_a_replica_is_known_to_be_away(void) {
  const Ordershop__V1__Customer *person = new_customer();
  int64_t customers = private_redis_number(redis, "SCARD customer_ids");
  private_redis_pause(replica);
  CU_ASSERT_TRUE(become_serving(false));
  assert_refused(ask(once, ORDERSHOP_CUSTOMER, "CreateCustomer", customer_request("Nobody", NULL)), STATUS_UNAVAILABLE,
                 "REPLICAS_MISSING");
  CU_ASSERT_EQUAL(private_redis_number(redis, "SCARD customer_ids"), customers);
  Ordershop__V1__GetCustomerRequest reading = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  reading.id = person->id;
  CU_ASSERT_TRUE(status_is_ok(ask(once, ORDERSHOP_CUSTOMER, "GetCustomer", &reading).status));
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    CU_ASSERT_TRUE(status_is_ok(ask_for_a_list(once, 0, service).status));
  }
  come_back();
}

/* It may tell what somebody has changed who was told nothing. */
static void an_update_that_changes_nothing_waits_too(void) {
  Ordershop__V1__Product same = *new_product(100);
  Ordershop__V1__UpdateProductRequest request = ORDERSHOP__V1__UPDATE_PRODUCT_REQUEST__INIT;
  request.product = &same;
  private_redis_pause(replica);
  assert_refused(ask(once, ORDERSHOP_PRODUCT, "UpdateProduct", &request), STATUS_UNAVAILABLE, "REPLICAS_MISSING");
  come_back();
  must(ORDERSHOP_PRODUCT, "UpdateProduct", &request);
}

static void a_refusal_for_what_is_stored_waits_too(void) {
  Ordershop__V1__DeleteProductRequest request = ORDERSHOP__V1__DELETE_PRODUCT_REQUEST__INIT;
  request.id = (char *)new_id();
  private_redis_pause(replica);
  assert_refused(ask(once, ORDERSHOP_PRODUCT, "DeleteProduct", &request), STATUS_UNAVAILABLE, "REPLICAS_MISSING");
  come_back();
  assert_refused(ask(client, ORDERSHOP_PRODUCT, "DeleteProduct", &request), STATUS_NOT_FOUND, "PRODUCT_NOT_FOUND");
}

static bool is_delivered(const void *path) {
  return access(path, F_OK) == 0;
}

/* A mail can't be taken back: should its record get lost, its cause would ask for it again. */
static void no_mail_goes_out_before_a_replica_has_its_record(void) {
  let_everything_follow();
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.to = "ada@example.com";
  mail.subject = "Hello";
  Ordershop__V1__SendMailRequest request = ORDERSHOP__V1__SEND_MAIL_REQUEST__INIT;
  request.mail = &mail;
  request.request_id = (char *)new_id();
  int64_t recorded = private_redis_number(redis, "XLEN events:mail_created");
  private_redis_pause(replica);
  assert_refused(ask(once, ORDERSHOP_MAIL, "SendMail", &request), STATUS_UNAVAILABLE, "REPLICAS_MISSING");
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:mail_created"), recorded + 1);
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:mail_updated"), recorded);
  come_back();
  const Ordershop__V1__Mail *sent = must(ORDERSHOP_MAIL, "SendMail", &request);
  CU_ASSERT_TRUE(eventually_number(recorded + 1, "XLEN %s", "events:mail_updated"));
  CU_ASSERT_TRUE(is_delivered(arena_printf(arena, "%s/%s.eml", private_shop_mail_folder(shop), sent->id)));
}

static void it_is_said_once_when_a_replica_goes_and_once_when_it_is_back(void) {
  int begun = all_log_lines("not serving"), warnings = all_log_lines("level=warn");
  private_redis_pause(replica);
  CU_ASSERT_TRUE(become_serving(false));
  private_redis_resume(replica);
  CU_ASSERT_TRUE(become_serving(true));
  CU_ASSERT_TRUE(all_log_lines_become("not serving", begun + SHIPPED_OWNER_COUNT));
  CU_ASSERT_TRUE(all_log_lines_become("level=warn", warnings + SHIPPED_OWNER_COUNT));
}

static void with_warn_commands_are_answered_and_status_and_log_say_so_until_it_is_back(void) {
  const enum ordershop_service service = ORDERSHOP_CUSTOMER;
  private_shop_stop_service(shop, service);
  private_shop_set_variable(shop, "ORDERSHOP_REDIS_REPLICAS_MISSING=warn");
  start_service(service);
  CU_ASSERT_TRUE(status_is_ok(ask(client, service, "CreateCustomer", customer_request("Before", NULL)).status));
  private_redis_pause(replica);
  CU_ASSERT_TRUE(status_is_ok(ask(once, service, "CreateCustomer", customer_request("Meanwhile", NULL)).status));
  CU_ASSERT_TRUE(eventually(warns, &service));
  CU_ASSERT_TRUE(health_says(service, ""));
  CU_ASSERT_TRUE(log_lines_become(service, "changes are answered that may be lost", 1));
  private_redis_resume(replica);
  CU_ASSERT_TRUE(eventually(says_nothing, &service));
  CU_ASSERT_TRUE(log_lines_become(service, "replicas of redis have all changes again", 1));
}

static int set_up(void) {
  fault_shop_open(NULL);
  replica = private_shop_start_redis_replica(shop);
  return restart_all_with("ORDERSHOP_REDIS_REPLICAS=1") ? 0 : 1;
}

static int tear_down(void) {
  private_redis_free(replica);
  fault_shop_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what was answered is on the replica", what_was_answered_is_on_the_replica},
      {"what was changed while a replica is away is in doubt until a repetition finds it",
       what_was_changed_while_a_replica_is_away_is_in_doubt_until_a_repetition_finds_it},
      {"nothing is begun, and reads go on, once a replica is known to be away",
       nothing_is_begun_and_reads_go_on_once_a_replica_is_known_to_be_away},
      {"an update that changes nothing waits, too", an_update_that_changes_nothing_waits_too},
      {"a refusal for what is stored waits, too", a_refusal_for_what_is_stored_waits_too},
      {"no mail goes out before a replica has its record", no_mail_goes_out_before_a_replica_has_its_record},
      {"it is said once when a replica goes, and once when it is back",
       it_is_said_once_when_a_replica_goes_and_once_when_it_is_back},
      {"with warn, commands are answered, and status and log say so until it is back",
       with_warn_commands_are_answered_and_status_and_log_say_so_until_it_is_back},
  };
  return suite_main("replicas", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
