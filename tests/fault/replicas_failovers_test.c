/* SPDX-License-Identifier: Apache-2.0 */
/* Masters of Redis that are replaced by their replicas under load, in the ways that lose what only the master has.
 * Where answers wait for a replica (ORDERSHOP_REDIS_REPLICAS=1), nothing that anybody was told of is lost, no mail goes
 * out twice, and nobody has to say a word; without, services say exactly what is gone.
 *
 * ORDERSHOP_TEST_FAILOVERS says how many there are (2). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "client/status_client.h"
#include "fault_shop.h"
#include "patience.h"
#include "smtp_server.h"

enum {
  VISITORS = 4,
  MAX_CALLS = 20000,
  CALL_US = 2000 * 1000,
  LOAD_US = 300 * 1000,
  APART_US = 150 * 1000,
  REFUSED_US = 20 * 1000
};

/* `redis` is the master, whichever of the two that is: they change places with each failover. */
static struct private_redis *replica;
static struct smtp_server *mails;

/* ---- Redis ------------------------------------------------------------------------------------------------------ */

static bool follows(const void *server) {
  return strstr(private_redis_command((struct private_redis *)server, "INFO replication"), "master_link_status:up");
}

/* So that whoever wants to follow needn't wait for others who might want to, too. */
static void sync_at_once(void) {
  private_redis_command(redis, "CONFIG SET repl-diskless-sync-delay 0");
}

static void make_replica_follow(void) {
  private_redis_command(replica, "REPLICAOF 127.0.0.1 %d", private_redis_port(redis));
  CU_ASSERT_TRUE_FATAL(eventually(follows, replica));
}

static void promote_replica(void) {
  struct private_redis *before = redis;
  private_redis_command(replica, "REPLICAOF NO ONE");
  redis = replica;
  replica = before;
  sync_at_once();
}

static void lead_to_master(void) {
  forwarder_lead_to(private_shop_forwarder(shop), private_redis_port(redis));
  forwarder_cut(private_shop_forwarder(shop), 1);
}

/* The old master has no replica any more, but takes writes for a while. */
static void promote_beside_a_living_master(void) {
  promote_replica();
  usleep(APART_US);
  private_redis_kill(replica);
  lead_to_master();
}

static void promote_after_the_masters_death(void) {
  private_redis_kill(redis);
  promote_replica();
  lead_to_master();
}

/* It goes on as a master when it wakes up, for those that are still connected. */
static void promote_while_the_master_stands_still(void) {
  private_redis_pause(redis);
  promote_replica();
  forwarder_lead_to(private_shop_forwarder(shop), private_redis_port(redis));
  usleep(APART_US);
  private_redis_resume(replica);
  usleep(APART_US);
  private_redis_kill(replica);
}

/* ---- visitors --------------------------------------------------------------------------------------------------- */

/* Signs up, again and again. */
struct visitor {
  pthread_t thread;
  struct arena *arena;                               /* its own: it is a thread */
  const char *told[MAX_CALLS], *in_doubt[MAX_CALLS]; /* customers' ids; request ids */
  int told_count, in_doubt_count;
};

static struct visitor visitors[VISITORS];
static atomic_bool open_for_visitors;

static const Ordershop__V1__CreateCustomerRequest *sign_up_request(struct arena *own, const char *request_id) {
  Ordershop__V1__Customer *person = arena_alloc(own, sizeof *person);
  ordershop__v1__customer__init(person);
  person->name = "Grace Hopper";
  person->email = arena_printf(own, "%s@example.com", request_id);
  Ordershop__V1__CreateCustomerRequest *request = arena_alloc(own, sizeof *request);
  ordershop__v1__create_customer_request__init(request);
  request->customer = person;
  request->request_id = (char *)request_id;
  return request;
}

static void sign_up(struct visitor *visitor) {
  const char *request_id = uuid_random(visitor->arena);
  struct context context = {.arena = visitor->arena, .deadline_us = clock_monotonic_us() + CALL_US};
  struct ordershop_answer answer =
      ordershop_call(once, &context, ORDERSHOP_CUSTOMER, "CreateCustomer", sign_up_request(visitor->arena, request_id));
  if (status_is_ok(answer.status)) {
    visitor->told[visitor->told_count++] = ((const Ordershop__V1__Customer *)answer.message)->id;
  } else {
    visitor->in_doubt[visitor->in_doubt_count++] = request_id;
    usleep(REFUSED_US);
  }
}

static void *visit(void *argument) {
  struct visitor *visitor = argument;
  while (atomic_load(&open_for_visitors) && visitor->told_count < MAX_CALLS && visitor->in_doubt_count < MAX_CALLS) {
    sign_up(visitor);
  }
  return NULL;
}

static void close_the_door(void) {
  if (!atomic_exchange(&open_for_visitors, false)) return;
  for (int i = 0; i < VISITORS; i++) pthread_join(visitors[i].thread, NULL);
}

static void open_the_door(void) {
  atomic_store(&open_for_visitors, true);
  for (int i = 0; i < VISITORS; i++) {
    arena_free(visitors[i].arena);
    visitors[i] = (struct visitor){.arena = arena_new()};
    pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]);
  }
}

static bool is_there(const char *customer_id) {
  return private_redis_number(redis, "EXISTS %s", arena_printf(arena, "customer_entity:%s", customer_id)) == 1;
}

static int count_told(void) {
  int count = 0;
  for (int i = 0; i < VISITORS; i++) count += visitors[i].told_count;
  return count;
}

static int count_in_doubt(void) {
  int count = 0;
  for (int i = 0; i < VISITORS; i++) count += visitors[i].in_doubt_count;
  return count;
}

static int count_lost(void) {
  int count = 0;
  for (int i = 0; i < VISITORS; i++) {
    for (int t = 0; t < visitors[i].told_count; t++) count += !is_there(visitors[i].told[t]);
  }
  return count;
}

/* Of those who were told nothing, every other one asks again, and is a customer then, once; not the first, who was
 * under way when the master went. */
static int repeat_what_is_in_doubt(void) {
  int count = 0;
  for (int i = 0; i < VISITORS; i++) {
    for (int d = 1; d < visitors[i].in_doubt_count; d += 2) {
      must(ORDERSHOP_CUSTOMER, "CreateCustomer", sign_up_request(arena, visitors[i].in_doubt[d]));
      count++;
    }
  }
  return count;
}

/* ---- what services say ------------------------------------------------------------------------------------------ */

static bool says_what_is_lost(const void *service) {
  return strstr(reason_told_by(*(const enum ordershop_service *)service), "the log was reset: ");
}

static bool serves_once_losses_are_accepted(const void *unused) {
  (void)unused;
  bool all = true;
  for (enum ordershop_service service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    accept_what_is_lost(service);
    all &= health_says(service, "");
  }
  return all;
}

/* ---- mails ------------------------------------------------------------------------------------------------------ */

static int compare_texts(const void *one, const void *other) {
  return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* Each customer has an address of its own, and gets one mail. */
static int count_mails_that_came_twice(void) {
  size_t count = smtp_server_count(mails);
  const char **addresses = arena_calloc(arena, count, sizeof *addresses);
  for (size_t i = 0; i < count; i++) addresses[i] = smtp_server_mail(mails, i)->to;
  qsort(addresses, count, sizeof *addresses, compare_texts);
  int twice = 0;
  for (size_t i = 1; i < count; i++) twice += strcmp(addresses[i - 1], addresses[i]) == 0;
  return twice;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void restart_all_with(const char *variable) {
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
  CU_ASSERT_TRUE_FATAL(become_serving(true));
}

/* Returns how many were told. */
static int fail_over_under_load(void (*failing_over)(void)) {
  int64_t before = private_redis_number(redis, "SCARD customer_ids");
  open_the_door();
  usleep(LOAD_US);
  failing_over();
  private_redis_restart(replica);
  make_replica_follow();
  CU_ASSERT_TRUE_FATAL(become_serving(true));
  usleep(APART_US);
  close_the_door();
  int told = count_told(), repeated = repeat_what_is_in_doubt();
  int64_t customers = private_redis_number(redis, "SCARD customer_ids");
  CU_ASSERT_EQUAL(count_lost(), 0);
  CU_ASSERT_TRUE(customers >= before + told + repeated);
  CU_ASSERT_TRUE(customers <= before + told + count_in_doubt());
  return told;
}

static void with_a_replica_that_answers_wait_for_nothing_that_was_told_is_lost_and_no_mail_comes_twice(void) {
  static void (*const ways[])(void) = {promote_beside_a_living_master, promote_after_the_masters_death,
                                       promote_while_the_master_stands_still};
  restart_all_with("ORDERSHOP_REDIS_REPLICAS=1");
  const char *wanted = getenv("ORDERSHOP_TEST_FAILOVERS");
  int failovers = wanted ? atoi(wanted) : 2, told = 0;
  for (int i = 0; i < failovers; i++) told += fail_over_under_load(ways[i % (int)SUITE_SIZE(ways)]);
  let_everything_follow();
  int64_t asked_for = mails_asked_for();
  CU_ASSERT_TRUE(smtp_server_wait(mails, (size_t)asked_for, (int)(patience_us() / 1000)));
  CU_ASSERT_EQUAL(count_mails_that_came_twice(), 0);
  CU_ASSERT_EQUAL(smtp_server_count(mails), (size_t)asked_for); /* none to who has not become a customer */
  CU_ASSERT_EQUAL(private_redis_number(redis, "XLEN events:mail_created"), asked_for);
  CU_ASSERT_EQUAL(all_log_lines("the log was reset"), 0);
  printf("\n    %d failovers, %d told, 0 lost: ", failovers, told);
}

/* The last that was written to the old master names what is lost, and so does the service that wrote it. */
static void without_what_is_lost_is_named_and_all_serve_once_it_is_accepted(void) {
  const enum ordershop_service service = ORDERSHOP_CUSTOMER;
  restart_all_with("ORDERSHOP_REDIS_REPLICAS=0");
  open_the_door();
  usleep(LOAD_US);
  promote_replica();
  usleep(APART_US);
  close_the_door();
  const char *last = private_redis_command(replica, "XREVRANGE events:customer_created + - COUNT 1");
  const char *last_id = arena_printf(arena, "%.*s", (int)strcspn(last, "\n"), last);
  private_redis_kill(replica);
  lead_to_master();
  CU_ASSERT_TRUE_FATAL(eventually(says_what_is_lost, &service));
  CU_ASSERT_PTR_NOT_NULL(strstr(reason_told_by(service),
                                arena_printf(arena, "the entry %s of events:customer_created is missing", last_id)));
  CU_ASSERT_TRUE(count_lost() > 0);
  CU_ASSERT_TRUE(eventually(serves_once_losses_are_accepted, NULL));
  CU_ASSERT_TRUE(eventually(has_mail, new_customer()));
}

static int set_up(void) {
  mails = smtp_server_start();
  static char url[64];
  snprintf(url, sizeof url, "ORDERSHOP_SMTP_URL=%s", smtp_server_url(mails));
  const char *const variables[] = {url, NULL};
  fault_shop_open(&(struct private_shop_options){.variables = variables, .forwarded = true});
  sync_at_once();
  replica = private_shop_start_redis_replica(shop);
  return 0;
}

static int tear_down(void) {
  close_the_door();
  for (int i = 0; i < VISITORS; i++) arena_free(visitors[i].arena);
  private_redis_free(replica == private_shop_redis(shop) ? redis : replica);
  fault_shop_close();
  smtp_server_free(mails);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"with a replica that answers wait for, nothing that was told is lost, and no mail comes twice",
       with_a_replica_that_answers_wait_for_nothing_that_was_told_is_lost_and_no_mail_comes_twice},
      {"without, what is lost is named, and all serve once it is accepted",
       without_what_is_lost_is_named_and_all_serve_once_it_is_accepted},
  };
  return suite_main("replicas failovers", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
