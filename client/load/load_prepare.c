/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "client/customer_client.h"
#include "client/inventory_client.h"
#include "client/load/load.h"
#include "client/order_client.h"
#include "client/product_client.h"

enum { STOCK = 1000000000, PRICE_CENTS = 1999 };

static struct status make_customers(struct ordershop_client *client, const struct context *context, int count,
                                    struct load_shop *shop) {
  struct arena *arena = context->arena;
  Ordershop__V1__BatchCreateCustomersRequest request = ORDERSHOP__V1__BATCH_CREATE_CUSTOMERS_REQUEST__INIT;
  request.n_customers = (size_t)count;
  request.customers = arena_calloc(arena, request.n_customers, sizeof(*request.customers));
  for (int i = 0; i < count; i++) {
    Ordershop__V1__Customer *customer = request.customers[i] = arena_alloc(arena, sizeof(*customer));
    ordershop__v1__customer__init(customer);
    customer->name = arena_printf(arena, "Load %d", i);
    customer->email = arena_printf(arena, "load.%d@example.com", i);
  }
  const Ordershop__V1__BatchCreateCustomersResponse *response;
  struct status status = ordershop_batch_create_customers(client, context, &request, &response);
  if (!status_is_ok(status)) return status;
  shop->customer_ids = arena_calloc(arena, response->n_customers, sizeof(*shop->customer_ids));
  for (size_t i = 0; i < response->n_customers; i++) shop->customer_ids[i] = response->customers[i]->id;
  return status_ok();
}

static struct status make_products(struct ordershop_client *client, const struct context *context, int count,
                                   struct load_shop *shop) {
  struct arena *arena = context->arena;
  Ordershop__V1__BatchCreateProductsRequest request = ORDERSHOP__V1__BATCH_CREATE_PRODUCTS_REQUEST__INIT;
  request.n_products = (size_t)count;
  request.products = arena_calloc(arena, request.n_products, sizeof(*request.products));
  for (int i = 0; i < count; i++) {
    Ordershop__V1__Product *product = request.products[i] = arena_alloc(arena, sizeof(*product));
    ordershop__v1__product__init(product);
    product->name = arena_printf(arena, "Load %d", i);
    product->price_cents = PRICE_CENTS;
  }
  const Ordershop__V1__BatchCreateProductsResponse *response;
  struct status status = ordershop_batch_create_products(client, context, &request, &response);
  if (!status_is_ok(status)) return status;
  shop->product_ids = arena_calloc(arena, response->n_products, sizeof(*shop->product_ids));
  for (size_t i = 0; i < response->n_products; i++) shop->product_ids[i] = response->products[i]->id;
  return status_ok();
}

static struct status make_stock(struct ordershop_client *client, const struct context *context, int count,
                                const struct load_shop *shop) {
  struct arena *arena = context->arena;
  Ordershop__V1__BatchCreateInventoriesRequest request = ORDERSHOP__V1__BATCH_CREATE_INVENTORIES_REQUEST__INIT;
  request.n_inventories = (size_t)count;
  request.inventories = arena_calloc(arena, request.n_inventories, sizeof(*request.inventories));
  for (int i = 0; i < count; i++) {
    Ordershop__V1__Inventory *inventory = request.inventories[i] = arena_alloc(arena, sizeof(*inventory));
    ordershop__v1__inventory__init(inventory);
    inventory->product_id = shop->product_ids[i];
    inventory->amount = STOCK;
  }
  const Ordershop__V1__BatchCreateInventoriesResponse *response;
  return ordershop_batch_create_inventories(client, context, &request, &response);
}

/* The client's call waits until the order service has seen all that was made before. */
static struct status await_order_service(struct ordershop_client *client, const struct context *context,
                                         const struct load_shop *shop) {
  Ordershop__V1__Order order = ORDERSHOP__V1__ORDER__INIT;
  order.customer_id = shop->customer_ids[0];
  order.product_ids = shop->product_ids;
  order.n_product_ids = 1;
  Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  request.order = &order;
  const Ordershop__V1__Order *created;
  return ordershop_create_order(client, context, &request, &created);
}

struct status load_prepare(struct arena *arena, struct ordershop_client *client, const struct load_options *options,
                           struct load_shop *ret_shop) {
  const struct context context = {.arena = arena};
  struct status status = make_customers(client, &context, options->customer_count, ret_shop);
  if (!status_is_ok(status) || options->mode != LOAD_ORDER) return status;
  status = make_products(client, &context, options->product_count, ret_shop);
  if (status_is_ok(status)) status = make_stock(client, &context, options->product_count, ret_shop);
  return status_is_ok(status) ? await_order_service(client, &context, ret_shop) : status;
}
