/* SPDX-License-Identifier: Apache-2.0 */
#include "client/reflection_client.h"

#include "base/clock.h"
#include "client/client.h"
#include "rpc/reflection_inquiry.h"
#include "rpc/rpc_blocking_client.h"

struct status ordershop_get_descriptor_set(struct ordershop_client *client, const struct context *context,
                                           enum ordershop_service service, size_t size_max, const void **ret_set,
                                           size_t *ret_size) {
  const struct peer *peer = &client->peers[service];
  struct context of_calls = *context;
  if (!context->deadline_us) of_calls.deadline_us = clock_monotonic_us() + client->deadline_ms * 1000;
  struct reflection_inquiry *inquiry = reflection_inquiry_new(context->arena, peer->name, size_max);
  const ProtobufCServiceDescriptor *asked;
  const void *question;
  while ((question = reflection_inquiry_next(inquiry, &asked))) {
    struct rpc_reply reply = rpc_blocking_call(peer->channel, &of_calls, asked, reflection_method, question);
    reflection_inquiry_take(inquiry, reply);
  }
  struct status status = reflection_inquiry_result(inquiry, ret_set, ret_size);
  return status_is_ok(status) ? status : client_explain(client, service, context->arena, status);
}
