/* SPDX-License-Identifier: Apache-2.0 */
#include "client/status_client.h"

#include "client/client.h"

struct status ordershop_get_service_status(struct ordershop_client *client, const struct context *context,
                                           enum ordershop_service service,
                                           const Ordershop__V1__ServiceStatus **ret_status) {
  Ordershop__V1__GetServiceStatusRequest request = ORDERSHOP__V1__GET_SERVICE_STATUS_REQUEST__INIT;
  struct ordershop_answer answer = client_call_once(
      client, context, service, &ordershop__v1__status_service__descriptor, "GetServiceStatus", &request);
  if (status_is_ok(answer.status)) *ret_status = answer.message;
  return answer.status;
}
