/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to OrderService, which owns what customers ordered.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/order.proto for what
 * each call does and which errors it has. */
#pragma once

#include <ordershop/v1/order.pb-c.h>

#include "client/ordershop_client.h"

/* Orders products for a customer, at their present prices, all of them or none. */
struct status ordershop_create_order(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__CreateOrderRequest *request,
                                     const Ordershop__V1__Order **ret_order);

/* Reads an order. */
struct status ordershop_get_order(struct ordershop_client *client, const struct context *context,
                                  const Ordershop__V1__GetOrderRequest *request,
                                  const Ordershop__V1__Order **ret_order);

/* Lists orders, oldest first, each once, however many come and go meanwhile. */
struct status ordershop_list_orders(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__ListOrdersRequest *request,
                                    const Ordershop__V1__ListOrdersResponse **ret_response);

/* Replaces the products of an order. */
struct status ordershop_update_order(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__UpdateOrderRequest *request,
                                     const Ordershop__V1__Order **ret_order);

/* Cancels an order; its stock is given back, asynchronously. */
struct status ordershop_delete_order(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__DeleteOrderRequest *request);

/* Lists the orders without a billing, oldest first, each once. */
struct status ordershop_list_unbilled_orders(struct ordershop_client *client, const struct context *context,
                                             const Ordershop__V1__ListUnbilledOrdersRequest *request,
                                             const Ordershop__V1__ListUnbilledOrdersResponse **ret_response);
