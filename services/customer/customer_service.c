/* SPDX-License-Identifier: Apache-2.0 */
/* Customer: the customers of the shop (proto/ordershop/v1/customer.proto). */
#include "customer_service.h"

#include <google/protobuf/empty.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <string.h>

#include "base/field_rules.h"
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

static struct status create_customer(struct rpc_call *call, const void *request, const void **ret_customer) {
  return entity_create(call, &customers, request, NULL, ret_customer);
}

static struct status batch_create_customers(struct rpc_call *call, const void *request, const void **ret_response) {
  return entity_batch_create(call, &customers, request, NULL, ret_response);
}

static struct status get_customer(struct rpc_call *call, const void *request, const void **ret_customer) {
  return entity_get(call, &customers, request, ret_customer);
}

static struct status list_customers(struct rpc_call *call, const void *request, const void **ret_response) {
  return entity_page_list(call, &customers, request, NULL, "", ret_response);
}

static struct status update_customer(struct rpc_call *call, const void *request, const void **ret_customer) {
  return entity_update(call, &customers, request, ret_customer);
}

static struct status delete_customer(struct rpc_call *call, const void *request, const void **ret_empty) {
  return entity_delete(call, &customers, request, NULL, ret_empty);
}

static const struct rpc_method methods[] = {
    {.name = "CreateCustomer",
     .handler = create_customer,
     .input = &ordershop__v1__create_customer_request__descriptor,
     .output = &ordershop__v1__customer__descriptor},
    {.name = "BatchCreateCustomers",
     .handler = batch_create_customers,
     .input = &ordershop__v1__batch_create_customers_request__descriptor,
     .output = &ordershop__v1__batch_create_customers_response__descriptor},
    {.name = "GetCustomer",
     .handler = get_customer,
     .input = &ordershop__v1__get_customer_request__descriptor,
     .output = &ordershop__v1__customer__descriptor},
    {.name = "ListCustomers",
     .handler = list_customers,
     .input = &ordershop__v1__list_customers_request__descriptor,
     .output = &ordershop__v1__list_customers_response__descriptor},
    {.name = "UpdateCustomer",
     .handler = update_customer,
     .input = &ordershop__v1__update_customer_request__descriptor,
     .output = &ordershop__v1__customer__descriptor},
    {.name = "DeleteCustomer",
     .handler = delete_customer,
     .input = &ordershop__v1__delete_customer_request__descriptor,
     .output = &google__protobuf__empty__descriptor},
};

static const struct rpc_service services[] = {{
    .descriptor = &ordershop__v1__customer_service__descriptor,
    .methods = methods,
    .method_count = sizeof methods / sizeof *methods,
}};

const struct service_definition customer_service = {
    .name = "customer",
    .purpose = "keeps the customers of the shop",
    .port = SHOP_PORT_CUSTOMER,
    .services = services,
    .service_count = 1,
    .descriptor_set = ordershop_descriptor_set,
    .descriptor_set_size = &ordershop_descriptor_set_size,
    .resources = (const struct resource *const[]){&customers, NULL},
    .known_variables = shop_variables,
};
