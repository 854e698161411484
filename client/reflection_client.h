/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a service by gRPC server reflection for the descriptors of what it serves (rpc/reflection_inquiry.h). */
#pragma once

#include "client/ordershop_client.h"

/* Gets a packed FileDescriptorSet of all files that have a service's gRPC services, and of what they import, as far as
 * `size_max` bytes hold. One try. Errors: UNAVAILABLE, DEADLINE_EXCEEDED, UNIMPLEMENTED (it serves no reflection),
 * RESOURCE_EXHAUSTED (they are larger, or more than 100 answers or 1,000 files). */
struct status ordershop_get_descriptor_set(struct ordershop_client *client, const struct context *context,
                                           enum ordershop_service service, size_t size_max, const void **ret_set,
                                           size_t *ret_size);
