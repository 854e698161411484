/* SPDX-License-Identifier: Apache-2.0 */
/* Product: what the shop sells, and at what price (proto/ordershop/v1/product.proto). */
#include <ordershop/v1/product.pb-c.h>
#include <string.h>

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
  if (strcmp(field, "price_cents") == 0) check_range(violations, path, product->price_cents, 0, SHOP_PRICE_MAX);
}

static const struct resource products = {
    .type = &product_type,
    .input_fields = {"name", "price_cents"},
    .mutable_fields = {"name", "price_cents"},
    .check = check_product,
};

static const struct rpc_method methods[] = {
    {.name = "CreateProduct", .handler = entity_create, .resource = &products},
    {.name = "BatchCreateProducts", .handler = entity_batch_create, .resource = &products},
    {.name = "GetProduct", .handler = entity_get, .resource = &products},
    {.name = "BatchGetProducts", .handler = entity_batch_get, .resource = &products},
    {.name = "ListProducts", .handler = entity_page_list, .resource = &products},
    {.name = "UpdateProduct", .handler = entity_update, .resource = &products},
    {.name = "DeleteProduct", .handler = entity_delete, .resource = &products},
};

static const struct service_definition product_service = {
    .brand = &shop_brand,
    .name = "product",
    .purpose = "keeps the products of the shop and their prices",
    .port = SHOP_PORT_PRODUCT,
    .services = {{.descriptor = &ordershop__v1__product_service__descriptor, .methods = ROWS(methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
};

int main(int argc, char **argv) {
  return service_main(&product_service, argc, argv);
}
