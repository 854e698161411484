/* SPDX-License-Identifier: Apache-2.0 */
#include "client/dead_letter_client.h"

#include "base/clock.h"
#include "client/client.h"
#include "rpc/rpc_blocking_client.h"

struct ordershop_answer ordershop_call_dead_letters(struct ordershop_client *client, const struct context *context,
                                                    enum ordershop_service service, const char *method,
                                                    const void *request) {
  struct context limited = *context;
  if (!limited.deadline_us) limited.deadline_us = clock_monotonic_us() + client->deadline_ms * 1000;
  struct rpc_reply reply = rpc_blocking_call(client->peers[service].channel, &limited,
                                             &ordershop__v1__dead_letter_service__descriptor, method, request);
  return (struct ordershop_answer){.status = client_explain(client, service, limited.arena, reply.status),
                                   .message = reply.message};
}
