/* SPDX-License-Identifier: Apache-2.0 */
#include "client/customer_client.h"

struct status ordershop_create_customer(struct ordershop_client *client, const struct context *context,
                                        const Ordershop__V1__CreateCustomerRequest *request,
                                        const Ordershop__V1__Customer **ret_customer) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_CUSTOMER, "CreateCustomer", request);
  if (status_is_ok(answer.status)) *ret_customer = answer.message;
  return answer.status;
}

struct status ordershop_batch_create_customers(struct ordershop_client *client, const struct context *context,
                                               const Ordershop__V1__BatchCreateCustomersRequest *request,
                                               const Ordershop__V1__BatchCreateCustomersResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_CUSTOMER, "BatchCreateCustomers", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_get_customer(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__GetCustomerRequest *request,
                                     const Ordershop__V1__Customer **ret_customer) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_CUSTOMER, "GetCustomer", request);
  if (status_is_ok(answer.status)) *ret_customer = answer.message;
  return answer.status;
}

struct status ordershop_list_customers(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__ListCustomersRequest *request,
                                       const Ordershop__V1__ListCustomersResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_CUSTOMER, "ListCustomers", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_update_customer(struct ordershop_client *client, const struct context *context,
                                        const Ordershop__V1__UpdateCustomerRequest *request,
                                        const Ordershop__V1__Customer **ret_customer) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_CUSTOMER, "UpdateCustomer", request);
  if (status_is_ok(answer.status)) *ret_customer = answer.message;
  return answer.status;
}

struct status ordershop_delete_customer(struct ordershop_client *client, const struct context *context,
                                        const Ordershop__V1__DeleteCustomerRequest *request) {
  return ordershop_call(client, context, ORDERSHOP_CUSTOMER, "DeleteCustomer", request).status;
}
