/* SPDX-License-Identifier: Apache-2.0 */
#include "client/billing_client.h"

struct status ordershop_create_billing(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__CreateBillingRequest *request,
                                       const Ordershop__V1__Billing **ret_billing) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_BILLING, "CreateBilling", request);
  if (status_is_ok(answer.status)) *ret_billing = answer.message;
  return answer.status;
}

struct status ordershop_get_billing(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__GetBillingRequest *request,
                                    const Ordershop__V1__Billing **ret_billing) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_BILLING, "GetBilling", request);
  if (status_is_ok(answer.status)) *ret_billing = answer.message;
  return answer.status;
}

struct status ordershop_list_billings(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__ListBillingsRequest *request,
                                      const Ordershop__V1__ListBillingsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_BILLING, "ListBillings", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_delete_billing(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__DeleteBillingRequest *request) {
  return ordershop_call(client, context, ORDERSHOP_BILLING, "DeleteBilling", request).status;
}
