/* SPDX-License-Identifier: Apache-2.0 */
/* Customer: the customers of the shop (proto/ordershop/v1/customer.proto). */
#include <ordershop/v1/customer.pb-c.h>
#include <string.h>

#include "base/email.h"
#include "service/entity_command.h"
#include "shop.h"

static const struct entity_type customer_type = {
    .name = "customer",
    .descriptor = &ordershop__v1__customer__descriptor,
    .ids_set = true,
};

static void check_customer(struct violations *violations, const char *path, const void *entity, const char *field) {
  const Ordershop__V1__Customer *customer = entity;
  if (strcmp(field, "name") == 0) check_name(violations, path, customer->name);
  if (strcmp(field, "email") == 0) check_email(violations, path, customer->email);
}

static const struct resource customers = {
    .type = &customer_type,
    .input_fields = {"name", "email"},
    .mutable_fields = {"name", "email"},
    .check = check_customer,
};

static const struct rpc_method methods[] = {
    {.name = "CreateCustomer", .handler = entity_create, .resource = &customers},
    {.name = "BatchCreateCustomers", .handler = entity_batch_create, .resource = &customers},
    {.name = "GetCustomer", .handler = entity_get, .resource = &customers},
    {.name = "ListCustomers", .handler = entity_page_list, .resource = &customers},
    {.name = "UpdateCustomer", .handler = entity_update, .resource = &customers},
    {.name = "DeleteCustomer", .handler = entity_delete, .resource = &customers},
};

static const struct service_definition customer_service = {
    .brand = &shop_brand,
    .name = "customer",
    .purpose = "keeps the customers of the shop",
    .port = SHOP_PORT_CUSTOMER,
    .services = {{.descriptor = &ordershop__v1__customer_service__descriptor, .methods = ROWS(methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
};

int main(int argc, char **argv) {
  return service_main(&customer_service, argc, argv);
}
