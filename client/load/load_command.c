/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/load_command.h"

#include <string.h>

#define TEXT(field, value) \
  { .path = (field), .source = SOURCE_TEXT, .text = (value) }
#define RANDOM(field) \
  { .path = (field), .source = SOURCE_RANDOM }
#define AMOUNT(field) \
  { .path = (field), .source = SOURCE_AMOUNT }
#define ANY(field, what) \
  { .path = (field), .source = SOURCE_ANY, .kind = (what) }
#define OWN(field, what) \
  { .path = (field), .source = SOURCE_OWN, .kind = (what) }
#define PAGE TEXT("page_size", "50")

const struct load_command load_commands_all[] = {
    {"CreateCustomer",
     ORDERSHOP_CUSTOMER,
     LOAD_CUSTOMER,
     {TEXT("customer.name", "Load"), TEXT("customer.email", "load@example.com")}},
    {"BatchCreateCustomers",
     ORDERSHOP_CUSTOMER,
     -1,
     {TEXT("customers.name", "Load"), TEXT("customers.email", "load@example.com")}},
    {"GetCustomer", ORDERSHOP_CUSTOMER, -1, {ANY("id", LOAD_CUSTOMER)}},
    {"ListCustomers", ORDERSHOP_CUSTOMER, -1, {PAGE}},
    {"UpdateCustomer", ORDERSHOP_CUSTOMER, -1, {ANY("customer.id", LOAD_CUSTOMER), RANDOM("customer.name")}},
    {"DeleteCustomer", ORDERSHOP_CUSTOMER, -1, {OWN("id", LOAD_CUSTOMER)}},

    {"CreateProduct",
     ORDERSHOP_PRODUCT,
     LOAD_PRODUCT,
     {TEXT("product.name", "Load"), TEXT("product.price_cents", "1999")}},
    {"BatchCreateProducts",
     ORDERSHOP_PRODUCT,
     -1,
     {TEXT("products.name", "Load"), TEXT("products.price_cents", "1999")}},
    {"GetProduct", ORDERSHOP_PRODUCT, -1, {ANY("id", LOAD_PRODUCT)}},
    {"BatchGetProducts", ORDERSHOP_PRODUCT, -1, {ANY("ids", LOAD_PRODUCT)}},
    {"ListProducts", ORDERSHOP_PRODUCT, -1, {PAGE}},
    {"UpdateProduct", ORDERSHOP_PRODUCT, -1, {ANY("product.id", LOAD_PRODUCT), RANDOM("product.name")}},
    {"DeleteProduct", ORDERSHOP_PRODUCT, -1, {OWN("id", LOAD_PRODUCT)}},

    {"CreateInventory",
     ORDERSHOP_INVENTORY,
     LOAD_INVENTORY,
     {OWN("inventory.product_id", LOAD_PRODUCT), AMOUNT("inventory.amount")}},
    {"BatchCreateInventories",
     ORDERSHOP_INVENTORY,
     -1,
     {OWN("inventories.product_id", LOAD_PRODUCT), AMOUNT("inventories.amount")}},
    {"GetInventory", ORDERSHOP_INVENTORY, -1, {ANY("id", LOAD_INVENTORY)}},
    {"ListInventories", ORDERSHOP_INVENTORY, -1, {PAGE}},
    {"UpdateInventory", ORDERSHOP_INVENTORY, -1, {ANY("inventory.id", LOAD_INVENTORY), AMOUNT("inventory.amount")}},
    {"DeleteInventory", ORDERSHOP_INVENTORY, -1, {OWN("id", LOAD_INVENTORY)}},
    {"AdjustStock", ORDERSHOP_INVENTORY, -1, {ANY("product_id", LOAD_PRODUCT), TEXT("delta", "1")}},

    {"CreateOrder",
     ORDERSHOP_ORDER,
     LOAD_ORDER,
     {ANY("order.customer_id", LOAD_CUSTOMER), ANY("order.product_ids", LOAD_PRODUCT)}},
    {"GetOrder", ORDERSHOP_ORDER, -1, {ANY("id", LOAD_ORDER)}},
    {"ListOrders", ORDERSHOP_ORDER, -1, {PAGE}},
    {"UpdateOrder", ORDERSHOP_ORDER, -1, {ANY("order.id", LOAD_ORDER), ANY("order.product_ids", LOAD_PRODUCT)}},
    {"DeleteOrder", ORDERSHOP_ORDER, -1, {OWN("id", LOAD_ORDER)}},
    {"ListUnbilledOrders", ORDERSHOP_ORDER, -1, {PAGE}},

    {"CreateBilling", ORDERSHOP_BILLING, LOAD_BILLING, {OWN("billing.order_id", LOAD_ORDER)}},
    {"GetBilling", ORDERSHOP_BILLING, -1, {ANY("id", LOAD_BILLING)}},
    {"ListBillings", ORDERSHOP_BILLING, -1, {PAGE}},
    {"DeleteBilling", ORDERSHOP_BILLING, -1, {OWN("id", LOAD_BILLING)}},

    {"GetCustomerProfile", ORDERSHOP_CRM, -1, {ANY("customer_id", LOAD_CUSTOMER)}},
    {"ListInteractions", ORDERSHOP_CRM, -1, {ANY("customer_id", LOAD_CUSTOMER), PAGE}},

    {"SendMail",
     ORDERSHOP_MAIL,
     LOAD_MAIL,
     {TEXT("mail.to", "load@example.com"), TEXT("mail.subject", "Load"),
      TEXT("mail.body", "A mail of the load generator.\n")}},
    {"BatchSendMails",
     ORDERSHOP_MAIL,
     -1,
     {TEXT("mails.to", "load@example.com"), TEXT("mails.subject", "Load"),
      TEXT("mails.body", "A mail of the load generator.\n")}},
    {"GetMail", ORDERSHOP_MAIL, -1, {ANY("id", LOAD_MAIL)}},
    {"ListMails", ORDERSHOP_MAIL, -1, {PAGE}},
    {0},
};

const struct load_command *load_command_find(const char *method) {
  for (const struct load_command *at = load_commands_all; at->method; at++) {
    if (strcmp(at->method, method) == 0) return at;
  }
  return NULL;
}

const struct load_command *load_command_maker(enum load_kind kind) {
  const struct load_command *at = load_commands_all;
  while (at->makes != (int)kind) at++;
  return at;
}

bool load_command_needs(const struct load_command *command, enum load_source source, enum load_kind kind) {
  for (const struct load_field *field = command->fields; field->path; field++) {
    if (field->source == source && field->kind == kind) return true;
  }
  return false;
}
