/* Order: what the files of the order service share. */
#pragma once

#include <ordershop/v1/order.pb-c.h>

#include "event/view.h"
#include "service/entity_command.h"
#include "service/service.h"

/* service->user */
struct order_service {
  ProtobufCService *customers; /* of the peers */
  ProtobufCService *products;
  ProtobufCService *stock;
};

static inline struct order_service *order_service_of(const struct rpc_call *call) {
  return service_of(call)->user;
}

extern const struct service_definition order_service;
extern const struct resource orders;

/* What the service knows of others' entities, kept by order_events.c. */
extern const struct view order_products;  /* Product by id */
extern const struct view order_customers; /* Customer by id */

/* order_events.c */
enum { ORDER_SUBSCRIPTIONS = 8 };
extern const struct subscription order_subscriptions[ORDER_SUBSCRIPTIONS];

/* The sorted set of orders without a billing, by log time of creation. */
const char *order_unbilled_key(const struct event_store *store, struct arena *arena);

/* How long a stock reservation lasts (ORDERSHOP_RESERVATION_SECONDS). */
extern int64_t order_reservation_seconds;
