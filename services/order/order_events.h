/* SPDX-License-Identifier: Apache-2.0 */
/* Order events: what the order service listens to, and what it therefore knows of others' entities. */
#pragma once

#include "consumer/consumer.h"
#include "store/view.h"

extern const struct view order_products;  /* Product by id */
extern const struct view order_customers; /* Customer by id */

enum { ORDER_SUBSCRIPTIONS = 3 };
extern const struct subscription order_subscriptions[ORDER_SUBSCRIPTIONS];
