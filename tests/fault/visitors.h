/* SPDX-License-Identifier: Apache-2.0 */
/* Visitors of a fault shop: four threads that sign up and order one unit of a product, again and again, whatever
 * becomes of the shop meanwhile. Each call is one try. They leave with visitors_leave, which a test's tear_down calls,
 * too: should an assertion end a test while they shop, they go on until then. */
#pragma once

#include "fault_shop.h"

/* A customer or an order that a visitor was told of. */
struct acknowledged {
  enum ordershop_service owner;
  const char *id;
  int64_t log_time; /* of its creation */
};

/* `pause_us` is between two orders of a visitor. */
void visitors_come(const char *product_id, const char *customer_id, int64_t pause_us);

/* Returns when nobody is there any more; it has no effect if nobody is. */
void visitors_leave(void);

/* How many orders have been acknowledged to them so far. */
int visitors_orders(void);

/* What they were told, after they have left; valid until the next ones come. */
const struct acknowledged *visitors_acknowledged(int *ret_count);
