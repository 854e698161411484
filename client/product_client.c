/* SPDX-License-Identifier: Apache-2.0 */
#include "client/product_client.h"

struct status ordershop_create_product(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__CreateProductRequest *request,
                                       const Ordershop__V1__Product **ret_product) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_PRODUCT, "CreateProduct", request);
  if (status_is_ok(answer.status)) *ret_product = answer.message;
  return answer.status;
}

struct status ordershop_batch_create_products(struct ordershop_client *client, const struct context *context,
                                              const Ordershop__V1__BatchCreateProductsRequest *request,
                                              const Ordershop__V1__BatchCreateProductsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_PRODUCT, "BatchCreateProducts", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_get_product(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__GetProductRequest *request,
                                    const Ordershop__V1__Product **ret_product) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_PRODUCT, "GetProduct", request);
  if (status_is_ok(answer.status)) *ret_product = answer.message;
  return answer.status;
}

struct status ordershop_batch_get_products(struct ordershop_client *client, const struct context *context,
                                           const Ordershop__V1__BatchGetProductsRequest *request,
                                           const Ordershop__V1__BatchGetProductsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_PRODUCT, "BatchGetProducts", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_list_products(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__ListProductsRequest *request,
                                      const Ordershop__V1__ListProductsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_PRODUCT, "ListProducts", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_update_product(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__UpdateProductRequest *request,
                                       const Ordershop__V1__Product **ret_product) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_PRODUCT, "UpdateProduct", request);
  if (status_is_ok(answer.status)) *ret_product = answer.message;
  return answer.status;
}

struct status ordershop_delete_product(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__DeleteProductRequest *request) {
  return ordershop_call(client, context, ORDERSHOP_PRODUCT, "DeleteProduct", request).status;
}
