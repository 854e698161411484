/* SPDX-License-Identifier: Apache-2.0 */
#include "visitors.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"

enum { VISITORS = 4, MAX_ACKNOWLEDGED = 16384, CALL_US = 2000 * 1000, ORDERS_OF_A_CUSTOMER = 4 };

struct visitor {
  pthread_t thread;
  struct arena *arena; /* its own: it is a thread */
  const char *product_id, *customer_id;
  int64_t pause_us;
};

static struct visitor visitors[VISITORS];
static atomic_bool shopping;
static atomic_int orders;

/* Of all visitors; ids are in their arenas, which last until the next ones come. */
static struct acknowledged acknowledged[MAX_ACKNOWLEDGED];
static atomic_int acknowledged_count;

static struct ordershop_answer call(struct visitor *visitor, enum ordershop_service service, const char *method,
                                    const void *request) {
  struct context context = {.arena = visitor->arena, .deadline_us = clock_monotonic_us() + CALL_US};
  return ordershop_call(once, &context, service, method, request);
}

static void note(enum ordershop_service owner, const char *id, const Google__Protobuf__Timestamp *created) {
  int place = atomic_fetch_add(&acknowledged_count, 1);
  if (place >= MAX_ACKNOWLEDGED) {
    fprintf(stderr, "visitors have been there for too long\n");
    exit(2);
  }
  acknowledged[place] = (struct acknowledged){owner, id, created->seconds * 1000000 + created->nanos / 1000};
}

static void sign_up(struct visitor *visitor) {
  Ordershop__V1__Customer person = ORDERSHOP__V1__CUSTOMER__INIT;
  person.name = "Grace Hopper";
  person.email = arena_printf(visitor->arena, "%s@example.com", uuid_random(visitor->arena));
  Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  request.customer = &person;
  struct ordershop_answer answer = call(visitor, ORDERSHOP_CUSTOMER, "CreateCustomer", &request);
  if (!status_is_ok(answer.status)) return;
  const Ordershop__V1__Customer *customer = answer.message;
  note(ORDERSHOP_CUSTOMER, customer->id, customer->create_time);
}

static void buy_one(struct visitor *visitor) {
  char *product_ids[] = {(char *)visitor->product_id};
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  order.customer_id = (char *)visitor->customer_id;
  order.product_ids = product_ids;
  order.n_product_ids = 1;
  Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  request.order = &order;
  struct ordershop_answer answer = call(visitor, ORDERSHOP_ORDER, "CreateOrder", &request);
  if (!status_is_ok(answer.status)) return;
  const Ordershop__V1__Order *made = answer.message;
  note(ORDERSHOP_ORDER, made->id, made->create_time);
  atomic_fetch_add(&orders, 1);
}

static void *visit(void *argument) {
  struct visitor *visitor = argument;
  for (int turn = 0; atomic_load(&shopping); turn++) {
    if (turn % ORDERS_OF_A_CUSTOMER == 0) sign_up(visitor);
    buy_one(visitor);
    usleep((useconds_t)visitor->pause_us);
  }
  return NULL;
}

void visitors_leave(void) {
  if (!atomic_exchange(&shopping, false)) return;
  for (int i = 0; i < VISITORS; i++) pthread_join(visitors[i].thread, NULL);
}

void visitors_come(const char *product_id, const char *customer_id, int64_t pause_us) {
  visitors_leave();
  atomic_store(&orders, 0);
  atomic_store(&acknowledged_count, 0);
  atomic_store(&shopping, true);
  for (int i = 0; i < VISITORS; i++) {
    struct visitor *visitor = &visitors[i];
    arena_free(visitor->arena);
    *visitor = (struct visitor){
        .arena = arena_new(), .product_id = product_id, .customer_id = customer_id, .pause_us = pause_us};
    pthread_create(&visitor->thread, NULL, visit, visitor);
  }
}

int visitors_orders(void) {
  return atomic_load(&orders);
}

const struct acknowledged *visitors_acknowledged(int *ret_count) {
  *ret_count = atomic_load(&acknowledged_count);
  return acknowledged;
}
