/* SPDX-License-Identifier: Apache-2.0 */
#include "client/status_client.h"

#include "base/clock.h"
#include "client/client.h"
#include "rpc/rpc_blocking_client.h"

struct status ordershop_get_service_status(struct ordershop_client *client, const struct context *context,
                                           enum ordershop_service service,
                                           const Ordershop__V1__ServiceStatus **ret_status) {
  struct context limited = *context;
  if (!limited.deadline_us) limited.deadline_us = clock_monotonic_us() + client->deadline_ms * 1000;
  Ordershop__V1__GetServiceStatusRequest request = ORDERSHOP__V1__GET_SERVICE_STATUS_REQUEST__INIT;
  struct rpc_reply reply = rpc_blocking_call(client->peers[service].channel, &limited,
                                             &ordershop__v1__status_service__descriptor, "GetServiceStatus", &request);
  if (!status_is_ok(reply.status)) return client_explain(client, service, limited.arena, reply.status);
  *ret_status = reply.message;
  return status_ok();
}
