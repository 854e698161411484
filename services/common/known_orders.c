/* SPDX-License-Identifier: Apache-2.0 */
#include "known_orders.h"

#include <ordershop/v1/order.pb-c.h>

const struct view known_orders = {
    .name = "orders", .record = &ordershop__v1__order__descriptor, .fields = {"id", "customer_id", "total_cents"}};
