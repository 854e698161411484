/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to ProductService, which owns the products that the shop sells.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/product.proto for what
 * each call does and which errors it has. */
#pragma once

#include <ordershop/v1/product.pb-c.h>

#include "client/ordershop_client.h"

/* Creates a product, without stock: CreateInventory gives it some. */
struct status ordershop_create_product(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__CreateProductRequest *request,
                                       const Ordershop__V1__Product **ret_product);

/* Creates products, all or none. */
struct status ordershop_batch_create_products(struct ordershop_client *client, const struct context *context,
                                              const Ordershop__V1__BatchCreateProductsRequest *request,
                                              const Ordershop__V1__BatchCreateProductsResponse **ret_response);

/* Reads a product. */
struct status ordershop_get_product(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__GetProductRequest *request,
                                    const Ordershop__V1__Product **ret_product);

/* Reads products, all or none. */
struct status ordershop_batch_get_products(struct ordershop_client *client, const struct context *context,
                                           const Ordershop__V1__BatchGetProductsRequest *request,
                                           const Ordershop__V1__BatchGetProductsResponse **ret_response);

/* Lists products, oldest first, each once, however many come and go meanwhile. */
struct status ordershop_list_products(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__ListProductsRequest *request,
                                      const Ordershop__V1__ListProductsResponse **ret_response);

/* Changes the fields that the mask names and returns the whole product. */
struct status ordershop_update_product(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__UpdateProductRequest *request,
                                       const Ordershop__V1__Product **ret_product);

/* Deletes a product. */
struct status ordershop_delete_product(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__DeleteProductRequest *request);
