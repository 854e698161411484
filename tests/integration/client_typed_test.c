/* SPDX-License-Identifier: Apache-2.0 */
/* Each typed function calls the method of its name, and there is one for each method. */
#include <string.h>

#include "client/billing_client.h"
#include "client/crm_client.h"
#include "client/customer_client.h"
#include "client/event_client.h"
#include "client/inventory_client.h"
#include "client/mail_client.h"
#include "client/order_client.h"
#include "client/product_client.h"
#include "client_fake_shop.h"
#include "shipped_services.h"
#include "suite.h"

static struct fake_shop *shop;
static struct ordershop_client *client;
static struct arena *arena;

static struct status create_customer(const struct context *context) {
  const Ordershop__V1__CreateCustomerRequest request = ORDERSHOP__V1__CREATE_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *answer = NULL;
  struct status status = ordershop_create_customer(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__customer__descriptor);
  return status;
}

static struct status batch_create_customers(const struct context *context) {
  const Ordershop__V1__BatchCreateCustomersRequest request = ORDERSHOP__V1__BATCH_CREATE_CUSTOMERS_REQUEST__INIT;
  const Ordershop__V1__BatchCreateCustomersResponse *answer = NULL;
  struct status status = ordershop_batch_create_customers(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__batch_create_customers_response__descriptor);
  return status;
}

static struct status get_customer(const struct context *context) {
  const Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *answer = NULL;
  struct status status = ordershop_get_customer(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__customer__descriptor);
  return status;
}

static struct status list_customers(const struct context *context) {
  const Ordershop__V1__ListCustomersRequest request = ORDERSHOP__V1__LIST_CUSTOMERS_REQUEST__INIT;
  const Ordershop__V1__ListCustomersResponse *answer = NULL;
  struct status status = ordershop_list_customers(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_customers_response__descriptor);
  return status;
}

static struct status update_customer(const struct context *context) {
  const Ordershop__V1__UpdateCustomerRequest request = ORDERSHOP__V1__UPDATE_CUSTOMER_REQUEST__INIT;
  const Ordershop__V1__Customer *answer = NULL;
  struct status status = ordershop_update_customer(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__customer__descriptor);
  return status;
}

static struct status delete_customer(const struct context *context) {
  const Ordershop__V1__DeleteCustomerRequest request = ORDERSHOP__V1__DELETE_CUSTOMER_REQUEST__INIT;
  return ordershop_delete_customer(client, context, &request);
}

static struct status create_product(const struct context *context) {
  const Ordershop__V1__CreateProductRequest request = ORDERSHOP__V1__CREATE_PRODUCT_REQUEST__INIT;
  const Ordershop__V1__Product *answer = NULL;
  struct status status = ordershop_create_product(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__product__descriptor);
  return status;
}

static struct status batch_create_products(const struct context *context) {
  const Ordershop__V1__BatchCreateProductsRequest request = ORDERSHOP__V1__BATCH_CREATE_PRODUCTS_REQUEST__INIT;
  const Ordershop__V1__BatchCreateProductsResponse *answer = NULL;
  struct status status = ordershop_batch_create_products(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__batch_create_products_response__descriptor);
  return status;
}

static struct status get_product(const struct context *context) {
  const Ordershop__V1__GetProductRequest request = ORDERSHOP__V1__GET_PRODUCT_REQUEST__INIT;
  const Ordershop__V1__Product *answer = NULL;
  struct status status = ordershop_get_product(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__product__descriptor);
  return status;
}

static struct status batch_get_products(const struct context *context) {
  const Ordershop__V1__BatchGetProductsRequest request = ORDERSHOP__V1__BATCH_GET_PRODUCTS_REQUEST__INIT;
  const Ordershop__V1__BatchGetProductsResponse *answer = NULL;
  struct status status = ordershop_batch_get_products(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__batch_get_products_response__descriptor);
  return status;
}

static struct status list_products(const struct context *context) {
  const Ordershop__V1__ListProductsRequest request = ORDERSHOP__V1__LIST_PRODUCTS_REQUEST__INIT;
  const Ordershop__V1__ListProductsResponse *answer = NULL;
  struct status status = ordershop_list_products(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_products_response__descriptor);
  return status;
}

static struct status update_product(const struct context *context) {
  const Ordershop__V1__UpdateProductRequest request = ORDERSHOP__V1__UPDATE_PRODUCT_REQUEST__INIT;
  const Ordershop__V1__Product *answer = NULL;
  struct status status = ordershop_update_product(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__product__descriptor);
  return status;
}

static struct status delete_product(const struct context *context) {
  const Ordershop__V1__DeleteProductRequest request = ORDERSHOP__V1__DELETE_PRODUCT_REQUEST__INIT;
  return ordershop_delete_product(client, context, &request);
}

static struct status create_inventory(const struct context *context) {
  const Ordershop__V1__CreateInventoryRequest request = ORDERSHOP__V1__CREATE_INVENTORY_REQUEST__INIT;
  const Ordershop__V1__Inventory *answer = NULL;
  struct status status = ordershop_create_inventory(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__inventory__descriptor);
  return status;
}

static struct status batch_create_inventories(const struct context *context) {
  const Ordershop__V1__BatchCreateInventoriesRequest request = ORDERSHOP__V1__BATCH_CREATE_INVENTORIES_REQUEST__INIT;
  const Ordershop__V1__BatchCreateInventoriesResponse *answer = NULL;
  struct status status = ordershop_batch_create_inventories(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__batch_create_inventories_response__descriptor);
  return status;
}

static struct status get_inventory(const struct context *context) {
  const Ordershop__V1__GetInventoryRequest request = ORDERSHOP__V1__GET_INVENTORY_REQUEST__INIT;
  const Ordershop__V1__Inventory *answer = NULL;
  struct status status = ordershop_get_inventory(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__inventory__descriptor);
  return status;
}

static struct status list_inventories(const struct context *context) {
  const Ordershop__V1__ListInventoriesRequest request = ORDERSHOP__V1__LIST_INVENTORIES_REQUEST__INIT;
  const Ordershop__V1__ListInventoriesResponse *answer = NULL;
  struct status status = ordershop_list_inventories(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_inventories_response__descriptor);
  return status;
}

static struct status update_inventory(const struct context *context) {
  const Ordershop__V1__UpdateInventoryRequest request = ORDERSHOP__V1__UPDATE_INVENTORY_REQUEST__INIT;
  const Ordershop__V1__Inventory *answer = NULL;
  struct status status = ordershop_update_inventory(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__inventory__descriptor);
  return status;
}

static struct status delete_inventory(const struct context *context) {
  const Ordershop__V1__DeleteInventoryRequest request = ORDERSHOP__V1__DELETE_INVENTORY_REQUEST__INIT;
  return ordershop_delete_inventory(client, context, &request);
}

static struct status adjust_stock(const struct context *context) {
  const Ordershop__V1__AdjustStockRequest request = ORDERSHOP__V1__ADJUST_STOCK_REQUEST__INIT;
  const Ordershop__V1__Inventory *answer = NULL;
  struct status status = ordershop_adjust_stock(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__inventory__descriptor);
  return status;
}

static struct status create_order(const struct context *context) {
  const Ordershop__V1__CreateOrderRequest request = ORDERSHOP__V1__CREATE_ORDER_REQUEST__INIT;
  const Ordershop__V1__Order *answer = NULL;
  struct status status = ordershop_create_order(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__order__descriptor);
  return status;
}

static struct status get_order(const struct context *context) {
  const Ordershop__V1__GetOrderRequest request = ORDERSHOP__V1__GET_ORDER_REQUEST__INIT;
  const Ordershop__V1__Order *answer = NULL;
  struct status status = ordershop_get_order(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__order__descriptor);
  return status;
}

static struct status list_orders(const struct context *context) {
  const Ordershop__V1__ListOrdersRequest request = ORDERSHOP__V1__LIST_ORDERS_REQUEST__INIT;
  const Ordershop__V1__ListOrdersResponse *answer = NULL;
  struct status status = ordershop_list_orders(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_orders_response__descriptor);
  return status;
}

static struct status update_order(const struct context *context) {
  const Ordershop__V1__UpdateOrderRequest request = ORDERSHOP__V1__UPDATE_ORDER_REQUEST__INIT;
  const Ordershop__V1__Order *answer = NULL;
  struct status status = ordershop_update_order(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__order__descriptor);
  return status;
}

static struct status delete_order(const struct context *context) {
  const Ordershop__V1__DeleteOrderRequest request = ORDERSHOP__V1__DELETE_ORDER_REQUEST__INIT;
  return ordershop_delete_order(client, context, &request);
}

static struct status list_unbilled_orders(const struct context *context) {
  const Ordershop__V1__ListUnbilledOrdersRequest request = ORDERSHOP__V1__LIST_UNBILLED_ORDERS_REQUEST__INIT;
  const Ordershop__V1__ListUnbilledOrdersResponse *answer = NULL;
  struct status status = ordershop_list_unbilled_orders(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_unbilled_orders_response__descriptor);
  return status;
}

static struct status create_billing(const struct context *context) {
  const Ordershop__V1__CreateBillingRequest request = ORDERSHOP__V1__CREATE_BILLING_REQUEST__INIT;
  const Ordershop__V1__Billing *answer = NULL;
  struct status status = ordershop_create_billing(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__billing__descriptor);
  return status;
}

static struct status get_billing(const struct context *context) {
  const Ordershop__V1__GetBillingRequest request = ORDERSHOP__V1__GET_BILLING_REQUEST__INIT;
  const Ordershop__V1__Billing *answer = NULL;
  struct status status = ordershop_get_billing(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__billing__descriptor);
  return status;
}

static struct status list_billings(const struct context *context) {
  const Ordershop__V1__ListBillingsRequest request = ORDERSHOP__V1__LIST_BILLINGS_REQUEST__INIT;
  const Ordershop__V1__ListBillingsResponse *answer = NULL;
  struct status status = ordershop_list_billings(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_billings_response__descriptor);
  return status;
}

static struct status delete_billing(const struct context *context) {
  const Ordershop__V1__DeleteBillingRequest request = ORDERSHOP__V1__DELETE_BILLING_REQUEST__INIT;
  return ordershop_delete_billing(client, context, &request);
}

static struct status get_customer_profile(const struct context *context) {
  const Ordershop__V1__GetCustomerProfileRequest request = ORDERSHOP__V1__GET_CUSTOMER_PROFILE_REQUEST__INIT;
  const Ordershop__V1__CustomerProfile *answer = NULL;
  struct status status = ordershop_get_customer_profile(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__customer_profile__descriptor);
  return status;
}

static struct status list_interactions(const struct context *context) {
  const Ordershop__V1__ListInteractionsRequest request = ORDERSHOP__V1__LIST_INTERACTIONS_REQUEST__INIT;
  const Ordershop__V1__ListInteractionsResponse *answer = NULL;
  struct status status = ordershop_list_interactions(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_interactions_response__descriptor);
  return status;
}

static struct status send_mail(const struct context *context) {
  const Ordershop__V1__SendMailRequest request = ORDERSHOP__V1__SEND_MAIL_REQUEST__INIT;
  const Ordershop__V1__Mail *answer = NULL;
  struct status status = ordershop_send_mail(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__mail__descriptor);
  return status;
}

static struct status batch_send_mails(const struct context *context) {
  const Ordershop__V1__BatchSendMailsRequest request = ORDERSHOP__V1__BATCH_SEND_MAILS_REQUEST__INIT;
  const Ordershop__V1__BatchSendMailsResponse *answer = NULL;
  struct status status = ordershop_batch_send_mails(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__batch_send_mails_response__descriptor);
  return status;
}

static struct status get_mail(const struct context *context) {
  const Ordershop__V1__GetMailRequest request = ORDERSHOP__V1__GET_MAIL_REQUEST__INIT;
  const Ordershop__V1__Mail *answer = NULL;
  struct status status = ordershop_get_mail(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__mail__descriptor);
  return status;
}

static struct status list_mails(const struct context *context) {
  const Ordershop__V1__ListMailsRequest request = ORDERSHOP__V1__LIST_MAILS_REQUEST__INIT;
  const Ordershop__V1__ListMailsResponse *answer = NULL;
  struct status status = ordershop_list_mails(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_mails_response__descriptor);
  return status;
}

static struct status list_streams(const struct context *context) {
  const Ordershop__V1__ListStreamsRequest request = ORDERSHOP__V1__LIST_STREAMS_REQUEST__INIT;
  const Ordershop__V1__ListStreamsResponse *answer = NULL;
  struct status status = ordershop_list_streams(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__list_streams_response__descriptor);
  return status;
}

static struct status read_events(const struct context *context) {
  const Ordershop__V1__ReadEventsRequest request = ORDERSHOP__V1__READ_EVENTS_REQUEST__INIT;
  const Ordershop__V1__ReadEventsResponse *answer = NULL;
  struct status status = ordershop_read_events(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__read_events_response__descriptor);
  return status;
}

static struct status get_entity_history(const struct context *context) {
  const Ordershop__V1__GetEntityHistoryRequest request = ORDERSHOP__V1__GET_ENTITY_HISTORY_REQUEST__INIT;
  const Ordershop__V1__GetEntityHistoryResponse *answer = NULL;
  struct status status = ordershop_get_entity_history(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__get_entity_history_response__descriptor);
  return status;
}

static struct status get_entity_at(const struct context *context) {
  const Ordershop__V1__GetEntityAtRequest request = ORDERSHOP__V1__GET_ENTITY_AT_REQUEST__INIT;
  const Ordershop__V1__GetEntityAtResponse *answer = NULL;
  struct status status = ordershop_get_entity_at(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__get_entity_at_response__descriptor);
  return status;
}

static struct status trace_cause(const struct context *context) {
  const Ordershop__V1__TraceCauseRequest request = ORDERSHOP__V1__TRACE_CAUSE_REQUEST__INIT;
  const Ordershop__V1__TraceCauseResponse *answer = NULL;
  struct status status = ordershop_trace_cause(client, context, &request, &answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_PTR_EQUAL(answer->base.descriptor, &ordershop__v1__trace_cause_response__descriptor);
  return status;
}

static const struct {
  const char *method;
  struct status (*call)(const struct context *context);
} calls[] = {{"CreateCustomer", create_customer},
             {"BatchCreateCustomers", batch_create_customers},
             {"GetCustomer", get_customer},
             {"ListCustomers", list_customers},
             {"UpdateCustomer", update_customer},
             {"DeleteCustomer", delete_customer},
             {"CreateProduct", create_product},
             {"BatchCreateProducts", batch_create_products},
             {"GetProduct", get_product},
             {"BatchGetProducts", batch_get_products},
             {"ListProducts", list_products},
             {"UpdateProduct", update_product},
             {"DeleteProduct", delete_product},
             {"CreateInventory", create_inventory},
             {"BatchCreateInventories", batch_create_inventories},
             {"GetInventory", get_inventory},
             {"ListInventories", list_inventories},
             {"UpdateInventory", update_inventory},
             {"DeleteInventory", delete_inventory},
             {"AdjustStock", adjust_stock},
             {"CreateOrder", create_order},
             {"GetOrder", get_order},
             {"ListOrders", list_orders},
             {"UpdateOrder", update_order},
             {"DeleteOrder", delete_order},
             {"ListUnbilledOrders", list_unbilled_orders},
             {"CreateBilling", create_billing},
             {"GetBilling", get_billing},
             {"ListBillings", list_billings},
             {"DeleteBilling", delete_billing},
             {"GetCustomerProfile", get_customer_profile},
             {"ListInteractions", list_interactions},
             {"SendMail", send_mail},
             {"BatchSendMails", batch_send_mails},
             {"GetMail", get_mail},
             {"ListMails", list_mails},
             {"ListStreams", list_streams},
             {"ReadEvents", read_events},
             {"GetEntityHistory", get_entity_history},
             {"GetEntityAt", get_entity_at},
             {"TraceCause", trace_cause}};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static void calls_the_method_of_its_name(void) {
  for (size_t i = 0; i < CALLS; i++) {
    fake_shop_script(shop, NULL, 0);
    struct status status = calls[i].call(&(struct context){.arena = arena});
    CU_ASSERT_TRUE(status_is_ok(status));
    CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
    CU_ASSERT_STRING_EQUAL(fake_shop_call(shop, 0).method, calls[i].method);
  }
}

static bool is_typed(const char *method) {
  for (size_t i = 0; i < CALLS; i++) {
    if (strcmp(calls[i].method, method) == 0) return true;
  }
  return false;
}

static void leaves_no_method_out(void) {
  for (enum ordershop_service service = 0; service < SHIPPED_SERVICE_COUNT; service++) {
    const ProtobufCServiceDescriptor *descriptor = ordershop_service_descriptor(service);
    for (unsigned i = 0; i < descriptor->n_methods; i++) {
      bool streams =
          strcmp(descriptor->methods[i].name, "WatchEvents") == 0; /* has a form of its own: event_client.h */
      CU_ASSERT_TRUE(streams || is_typed(descriptor->methods[i].name));
    }
  }
}

static int set_up(void) {
  shop = fake_shop_start();
  struct ordershop_client_options options = {.attempts = 1};
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) options.addresses[i] = fake_shop_address(shop);
  arena = arena_new();
  return status_is_ok(ordershop_client_open(arena, &options, &client)) ? 0 : 1;
}

static int tear_down(void) {
  ordershop_client_close(client);
  fake_shop_stop(shop);
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"each typed function calls the method of its name", calls_the_method_of_its_name},
    {"every unary method of the eight services has a typed function", leaves_no_method_out},
};

int main(int argc, char **argv) {
  return suite_main("typed calls", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
