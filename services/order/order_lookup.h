/* Order lookup: what an order needs to know of customers and products: from the service's views, or, where they don't
 * have it yet, from the owner. What an owner answers is used once and not stored: only events keep views. Parks. */
#pragma once

#include <ordershop/v1/product.pb-c.h>

#include "order_items.h"
#include "order_service.h"

/* Errors: NOT_FOUND (CUSTOMER_NOT_FOUND), UNAVAILABLE. */
struct status order_lookup_customer(struct rpc_call *call, const char *customer_id);

/* ret_products[i] is the product ids[i]. Errors: NOT_FOUND (PRODUCT_NOT_FOUND), UNAVAILABLE. */
struct status order_lookup_products(struct rpc_call *call, const struct product_list *list,
                                    Ordershop__V1__Product **ret_products);
