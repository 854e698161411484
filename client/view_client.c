/* SPDX-License-Identifier: Apache-2.0 */
#include "client/view_client.h"

#include "client/client.h"

struct ordershop_answer ordershop_call_views(struct ordershop_client *client, const struct context *context,
                                             enum ordershop_service service, const char *method, const void *request) {
  return client_call_once(client, context, service, &ordershop__v1__view_service__descriptor, method, request);
}
