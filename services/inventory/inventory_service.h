/* The inventory service as a literal, for main.c, and what its parts share. */
#pragma once

#include "event/view.h"
#include "service/service.h"

extern const struct service_definition inventory_service;

/* inventory_events.c: which products there are, and what the service hears. */
extern const struct view inventory_products;
enum { INVENTORY_SUBSCRIPTIONS = 5 };
extern const struct subscription inventory_subscriptions[INVENTORY_SUBSCRIPTIONS];

/* Drops expired attempts; asks for a tick when the earliest one that is open is due. */
struct status inventory_housekeep(void *service, struct context *context, int64_t position, const char *epoch,
                                  bool *ret_tick);
