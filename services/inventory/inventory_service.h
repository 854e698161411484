/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory service as a literal, for main.c, and what its parts share. */
#pragma once

#include "loop/coroutine.h"
#include "service/service.h"
#include "stock.h"
#include "store/view.h"

extern const struct service_definition inventory_service;

/* inventory_events.c: which products there are, and what the service hears. */
extern const struct view inventory_products;
enum { INVENTORY_SUBSCRIPTIONS = 2 };
extern const struct subscription inventory_subscriptions[INVENTORY_SUBSCRIPTIONS];

/* stock_service.c: the methods of StockService. */
enum { STOCK_METHODS = 3 };
extern const struct rpc_method stock_methods[STOCK_METHODS];

/* The stock of the service that a call is for. */
struct stock *stock_of(const struct rpc_call *call);
