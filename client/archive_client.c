/* SPDX-License-Identifier: Apache-2.0 */
#include "client/archive_client.h"

#include "client/client.h"

struct ordershop_answer ordershop_archive_events(struct ordershop_client *client, const struct context *context,
                                                 const Ordershop__V1__ArchiveEventsRequest *request) {
  return client_call_once(client, context, ORDERSHOP_EVENT, &ordershop__v1__archive_service__descriptor,
                          "ArchiveEvents", request);
}
