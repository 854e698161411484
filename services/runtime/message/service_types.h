/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC services at run time, from a FileDescriptorSet (message_types.h): rpc_client_call calls their methods as those
 * that the program was compiled with. Any thread, one at a time. */
#pragma once

#include <google/protobuf/descriptor.pb-c.h>
#include <protobuf-c/protobuf-c.h>

#include "message/message_types.h"

/* A service; all of it lives in the set's arena. */
struct service_type {
  const ProtobufCServiceDescriptor *descriptor;
  const Google__Protobuf__ServiceDescriptorProto *proto; /* its methods, in the same order, with their options */
  const Google__Protobuf__FileDescriptorProto *file;
  size_t index; /* in the file */
};

/* Makes service `index`, in the set's order. Its `descriptor` is NULL behind the last. Errors: INVALID_ARGUMENT
 * (DESCRIPTOR_SET_INVALID). */
struct status service_types_at(struct message_types *types, size_t index, struct service_type *ret_service);
