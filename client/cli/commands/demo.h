/* SPDX-License-Identifier: Apache-2.0 */
/* Declares what the demo's chapters share. */
#pragma once

#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>

#include "client/cli/commands/demo_story.h"
#include "client/ordershop_client.h"

enum { DEMO_COUNT = 10 }; /* of customers, products, orders */

struct demo {
  struct arena *arena;
  struct ordershop_client *client;
  struct story story;
  int64_t timeout_ms; /* for what follows by itself */
  char tag[9];        /* random; makes this run's addresses its own */
  const Ordershop__V1__Customer *customers[DEMO_COUNT];
  const Ordershop__V1__Product *products[DEMO_COUNT];
  const Ordershop__V1__Order *orders[DEMO_COUNT];
  const Ordershop__V1__Billing *billing;
};

/* Tell the chapters about what follows from the others (demo_effects.c). Errors: those of their calls. */
struct status demo_check_mails(struct demo *demo);
struct status demo_check_stock(struct demo *demo);
struct status demo_check_profile(struct demo *demo);
