/* SPDX-License-Identifier: Apache-2.0 */
#include "client/crm_client.h"

struct status ordershop_get_customer_profile(struct ordershop_client *client, const struct context *context,
                                             const Ordershop__V1__GetCustomerProfileRequest *request,
                                             const Ordershop__V1__CustomerProfile **ret_profile) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_CRM, "GetCustomerProfile", request);
  if (status_is_ok(answer.status)) *ret_profile = answer.message;
  return answer.status;
}

struct status ordershop_list_interactions(struct ordershop_client *client, const struct context *context,
                                          const Ordershop__V1__ListInteractionsRequest *request,
                                          const Ordershop__V1__ListInteractionsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_CRM, "ListInteractions", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}
