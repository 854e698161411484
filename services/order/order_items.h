/* SPDX-License-Identifier: Apache-2.0 */
/* Order items: quantities and prices of an order (no I/O). */
#pragma once

#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <stddef.h>

#include "base/arena.h"

/* The different products of an order, in the order in which they first come. */
struct product_list {
  const char **ids;
  size_t count;
};
struct product_list distinct_products(struct arena *arena, char *const *product_ids, size_t count);

/* The item of a product, or NULL. */
const Ordershop__V1__OrderItem *order_item_of(const Ordershop__V1__Order *order, const char *product_id);

/* Sets items and total from product_ids. A product that `before` (may be NULL) has keeps its item, all but the
 * quantity: name, price and what a newer version has added; the others are taken from `products`, which holds each of
 * them. */
void order_price(struct arena *arena, Ordershop__V1__Order *order, const Ordershop__V1__Order *before,
                 Ordershop__V1__Product *const *products, size_t product_count);
