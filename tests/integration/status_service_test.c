/* SPDX-License-Identifier: Apache-2.0 */
/* What every service says of itself: StatusService, with a shop, with a held consumer, with replicas, without Redis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "base/clock.h"
#include "base/timestamp.h"
#include "client/status_client.h"
#include "patience.h"

static struct ordershop_client *client;

static const Ordershop__V1__ServiceStatus *status_by(struct ordershop_client *by, enum ordershop_service service) {
  const struct context context = {.arena = arena, .deadline_us = patience_end_us()};
  const Ordershop__V1__ServiceStatus *status = NULL;
  struct status call = ordershop_get_service_status(by, &context, service, &status);
  if (!status_is_ok(call)) fprintf(stderr, "%s\n", call.message);
  CU_ASSERT_PTR_NOT_NULL_FATAL(status);
  return status;
}

static const Ordershop__V1__ServiceStatus *status_of(enum ordershop_service service) {
  return status_by(client, service);
}

/* Polls: the figures follow by a tenth of a second. */
static bool crm_comes_to(int64_t lag, int64_t parked_keys) {
  int64_t deadline_us = patience_end_us();
  while (clock_monotonic_us() < deadline_us) {
    const Ordershop__V1__ConsumerStatus *crm = status_of(ORDERSHOP_CRM)->consumer;
    if (crm->lag_entries == lag && crm->parked_keys == parked_keys) return true;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  return false;
}

static void test_all_tell(void) {
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    const Ordershop__V1__ServiceStatus *status = status_of(service);
    bool listens = service != ORDERSHOP_CUSTOMER && service != ORDERSHOP_PRODUCT && service != ORDERSHOP_EVENT;
    CU_ASSERT_STRING_EQUAL(status->service, ordershop_service_name(service));
    CU_ASSERT_TRUE(status->ready);
    CU_ASSERT_STRING_EQUAL(status->reason, "");
    CU_ASSERT_STRING_NOT_EQUAL(status->version, "");
    CU_ASSERT_PTR_NOT_NULL(strchr(status->instance, ':'));
    CU_ASSERT_TRUE(timestamp_unix_us(status->start_time) <= clock_wall_us());
    CU_ASSERT_EQUAL(status->consumer->state, listens ? ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_ACTIVE
                                                     : ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_NONE);
  }
}

static void test_lag(void) {
  CU_ASSERT_TRUE_FATAL(crm_comes_to(0, 0));
  private_shop_arm(shop, ORDERSHOP_CRM, "consumer.after_read", "pause");
  new_customer();
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_CRM, "consumer.after_read"));
  new_customer();
  new_customer();
  CU_ASSERT_TRUE(crm_comes_to(3, 0));
  CU_ASSERT_PTR_NOT_NULL(status_of(ORDERSHOP_CRM)->consumer->lag_time);
  private_shop_release(shop, ORDERSHOP_CRM, "consumer.after_read");
  CU_ASSERT_TRUE(crm_comes_to(0, 0));
  CU_ASSERT_EQUAL(status_of(ORDERSHOP_CRM)->consumer->lag_time->seconds, 0);
}

static int64_t sum_of(const Ordershop__V1__CallStatus *calls) {
  int64_t sum = 0;
  for (size_t i = 0; i < calls->n_durations; i++) sum += calls->durations[i]->calls;
  return sum;
}

static const char nobody[] = "6f1c2a4e-0b1d-4c8e-9f00-123456789abc";

static void test_calls(void) {
  const Ordershop__V1__CallStatus *before = status_of(ORDERSHOP_CUSTOMER)->calls;
  must("GetCustomer", "id $", new_customer()->id);
  assert_not_found(ask("GetCustomer", "id $", nobody), "customer", nobody);
  const Ordershop__V1__CallStatus *calls = status_of(ORDERSHOP_CUSTOMER)->calls;
  CU_ASSERT_EQUAL(calls->answered - before->answered, 3);
  CU_ASSERT_EQUAL(calls->failed, before->failed); /* what is wrong with a request is not the service's fault */
  CU_ASSERT_EQUAL(sum_of(calls), calls->answered);
  CU_ASSERT_PTR_NULL(calls->durations[calls->n_durations - 1]->up_to);
  CU_ASSERT_EQUAL(calls->durations[0]->up_to->nanos, 5000000);
}

static bool crm_has_handled_more(const void *than) {
  return status_of(ORDERSHOP_CRM)->consumer->handled_events > *(const int64_t *)than;
}

static void test_events_and_outbox(void) {
  CU_ASSERT_TRUE_FATAL(crm_comes_to(0, 0));
  int64_t before = status_of(ORDERSHOP_CRM)->consumer->handled_events;
  new_customer();
  CU_ASSERT_TRUE(holds_soon(crm_has_handled_more, &before));
  CU_ASSERT_TRUE(crm_comes_to(0, 0));
  const Ordershop__V1__ServiceStatus *crm = status_of(ORDERSHOP_CRM);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crm->outbox);
  CU_ASSERT_TRUE(crm->outbox->messages >= 0);
  CU_ASSERT_PTR_NULL(status_of(ORDERSHOP_CUSTOMER)->outbox);
}

static void test_replica(void) {
  int port = private_shop_start_replica(shop, ORDERSHOP_CRM);
  struct ordershop_client_options options = {.attempts = 1};
  char address[32];
  snprintf(address, sizeof(address), "127.0.0.1:%d", port);
  options.addresses[ORDERSHOP_CRM] = address;
  struct ordershop_client *other;
  CU_ASSERT_FATAL(status_is_ok(ordershop_client_open(arena, &options, &other)));
  int64_t deadline_us = patience_end_us();
  const Ordershop__V1__ServiceStatus *status = status_by(other, ORDERSHOP_CRM);
  while ((!status->ready || status->consumer->lag_entries > 0) && clock_monotonic_us() < deadline_us) {
    status = status_by(other, ORDERSHOP_CRM);
  }
  CU_ASSERT_EQUAL(status->consumer->state, ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_STANDING_BY);
  CU_ASSERT_EQUAL(status->consumer->lag_entries, 0);
  CU_ASSERT_STRING_NOT_EQUAL(status->consumer->position, "");
  CU_ASSERT_STRING_NOT_EQUAL(status->instance, status_of(ORDERSHOP_CRM)->instance);
  ordershop_client_close(other);
  private_shop_kill_replica(shop);
}

static void test_dead_lettered(void) {
  private_redis_command(redis, "XADD events:customer_created * what else");
  CU_ASSERT_TRUE(crm_comes_to(0, 1));
  CU_ASSERT_EQUAL(status_of(ORDERSHOP_CRM)->consumer->parked_events, 1);
}

/* Until it is not ready, with figures unknown. */
static bool says_away(const void *reason) {
  const Ordershop__V1__ServiceStatus *status = status_of(ORDERSHOP_CRM);
  return !status->ready && status->consumer->lag_entries == -1 && status->consumer->parked_keys == -1 &&
         status->outbox->messages == -1 && strncmp(status->reason, reason, strlen(reason)) == 0;
}

static void test_redis_away(void) {
  private_redis_pause(redis);
  int64_t begin_us = clock_monotonic_us();
  status_of(ORDERSHOP_CRM);
  CU_ASSERT_TRUE(clock_monotonic_us() - begin_us < at_once_us());
  private_redis_resume(redis);
  private_redis_stop(redis);
  CU_ASSERT_TRUE(holds_soon(says_away, "Redis is unreachable"));
  private_redis_restart(redis);
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    private_shop_await_service(shop, service);
  }
  CU_ASSERT_TRUE(status_of(ORDERSHOP_CRM)->ready);
}

static int set_up(void) {
  int failed = api_set_up();
  client = private_shop_client(shop, arena);
  return failed;
}

static int tear_down(void) {
  ordershop_client_close(client);
  return api_tear_down();
}

static const struct test tests[] = {
    {"every service tells its name, version, process and what its consumer does", test_all_tell},
    {"the lag grows while a handler is held, and goes away", test_lag},
    {"calls are counted, by how long they took, and those that failed", test_calls},
    {"events that were handled are counted, and the messages of the outbox", test_events_and_outbox},
    {"a replica that stands by says so, with the service's figures", test_replica},
    {"keys with dead letters, and these, are counted", test_dead_lettered},
    {"with Redis silent or away there is an answer all the same", test_redis_away},
};

int main(int argc, char **argv) {
  return suite_main("status_service", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
