/* SPDX-License-Identifier: Apache-2.0 */
/* Product: what the shop sells, and at what price (proto/ordershop/v1/product.proto). */
#include "product_service.h"

#include <google/protobuf/empty.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <string.h>

#include "base/field_rules.h"
#include "service/entity_command.h"
#include "shop.h"

static const struct entity_type product_type = {
    .name = "product",
    .descriptor = &ordershop__v1__product__descriptor,
    .ids_set = true,
};

static void check_product(struct violations *violations, const char *path, const void *entity, const char *field) {
  const Ordershop__V1__Product *product = entity;
  if (strcmp(field, "name") == 0) check_name(violations, path, product->name);
  if (strcmp(field, "price_cents") == 0) check_range(violations, path, product->price_cents, 0, SHOP_PRICE_MOST);
}

static const struct resource products = {
    .type = &product_type,
    .input_fields = {"name", "price_cents"},
    .mutable_fields = {"name", "price_cents"},
    .check = check_product,
};

static struct status create_product(struct rpc_call *call, const void *request, const void **ret_product) {
  return entity_create(call, &products, request, NULL, ret_product);
}

static struct status batch_create_products(struct rpc_call *call, const void *request, const void **ret_response) {
  return entity_batch_create(call, &products, request, NULL, ret_response);
}

static struct status get_product(struct rpc_call *call, const void *request, const void **ret_product) {
  return entity_get(call, &products, request, ret_product);
}

static struct status batch_get_products(struct rpc_call *call, const void *request, const void **ret_response) {
  return entity_batch_get(call, &products, request, ret_response);
}

static struct status list_products(struct rpc_call *call, const void *request, const void **ret_response) {
  return entity_page_list(call, &products, request, NULL, "", ret_response);
}

static struct status update_product(struct rpc_call *call, const void *request, const void **ret_product) {
  return entity_update(call, &products, request, ret_product);
}

static struct status delete_product(struct rpc_call *call, const void *request, const void **ret_empty) {
  return entity_delete(call, &products, request, NULL, ret_empty);
}

static const struct rpc_method methods[] = {
    {.name = "CreateProduct",
     .handler = create_product,
     .input = &ordershop__v1__create_product_request__descriptor,
     .output = &ordershop__v1__product__descriptor},
    {.name = "BatchCreateProducts",
     .handler = batch_create_products,
     .input = &ordershop__v1__batch_create_products_request__descriptor,
     .output = &ordershop__v1__batch_create_products_response__descriptor},
    {.name = "GetProduct",
     .handler = get_product,
     .input = &ordershop__v1__get_product_request__descriptor,
     .output = &ordershop__v1__product__descriptor},
    {.name = "BatchGetProducts",
     .handler = batch_get_products,
     .input = &ordershop__v1__batch_get_products_request__descriptor,
     .output = &ordershop__v1__batch_get_products_response__descriptor},
    {.name = "ListProducts",
     .handler = list_products,
     .input = &ordershop__v1__list_products_request__descriptor,
     .output = &ordershop__v1__list_products_response__descriptor},
    {.name = "UpdateProduct",
     .handler = update_product,
     .input = &ordershop__v1__update_product_request__descriptor,
     .output = &ordershop__v1__product__descriptor},
    {.name = "DeleteProduct",
     .handler = delete_product,
     .input = &ordershop__v1__delete_product_request__descriptor,
     .output = &google__protobuf__empty__descriptor},
};

static const struct rpc_service services[] = {{
    .descriptor = &ordershop__v1__product_service__descriptor,
    .methods = methods,
    .method_count = sizeof methods / sizeof *methods,
}};

const struct service_definition product_service = {
    .name = "product",
    .purpose = "keeps the products of the shop and their prices",
    .port = SHOP_PORT_PRODUCT,
    .services = services,
    .service_count = 1,
    .descriptor_set = ordershop_descriptor_set,
    .descriptor_set_size = &ordershop_descriptor_set_size,
    .resources = (const struct resource *const[]){&products, NULL},
    .known_variables = shop_variables,
};
