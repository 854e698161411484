/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a server by gRPC server reflection for the descriptors of what it serves: grpc.reflection.v1, or v1alpha where
 * the server has no other. Whoever has a channel makes the calls, each a stream of one question:
 *
 *   struct reflection_inquiry *inquiry = reflection_inquiry_new(context.arena, "note", size_max);
 *   const ProtobufCServiceDescriptor *service;
 *   const void *question;
 *   while ((question = reflection_inquiry_next(inquiry, &service))) {
 *     reflection_inquiry_take(inquiry, rpc_client_call(channel, &context, service, reflection_method, question));
 *   }
 *   struct status status = reflection_inquiry_result(inquiry, &set, &size);
 *
 * Any thread, one at a time. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"
#include "rpc/rpc_client.h"

struct reflection_inquiry;

extern const char reflection_method[]; /* "ServerReflectionInfo" */

/* `peer` is the server's name, for messages. The inquiry, and all that it gets, lives in the arena; it takes
 * `size_max` bytes of descriptors at most. */
struct reflection_inquiry *reflection_inquiry_new(struct arena *arena, const char *peer, size_t size_max);

/* Returns the next question, and the service to ask it of; NULL if there is none any more. */
const void *reflection_inquiry_next(struct reflection_inquiry *inquiry, const ProtobufCServiceDescriptor **ret_service);

/* Takes what the call has come to, whose message lives in the arena, too. */
void reflection_inquiry_take(struct reflection_inquiry *inquiry, struct rpc_reply reply);

/* Gets a packed FileDescriptorSet of all files that have the server's services, and of what they import, as far as the
 * server has them. Errors: those of the calls (UNIMPLEMENTED: it serves no reflection), INTERNAL (REPLY_INVALID),
 * RESOURCE_EXHAUSTED (REFLECTION_TOO_LARGE: they are larger, or more than 100 answers or 1,000 files). */
struct status reflection_inquiry_result(struct reflection_inquiry *inquiry, const void **ret_set, size_t *ret_size);

/* Returns the names of the server's services, sorted; NULL is behind the last. */
const char *const *reflection_inquiry_services(const struct reflection_inquiry *inquiry);
