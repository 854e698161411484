/* Server reflection, v1 and v1alpha, from the FileDescriptorSet that gen/ embeds: `grpcurl` needs no proto files. */
#pragma once

#include <stddef.h>

#include "rpc/rpc_server.h"

struct reflection;

/* `set` is a packed google.protobuf.FileDescriptorSet and outlives the result; `names` are the services to list (ends
 * with NULL). Errors: INVALID_ARGUMENT (not decodable, or a name that is not in it). */
struct status reflection_new(struct arena *arena, const void *set, size_t set_size, const char *const *names,
                             struct reflection **ret_reflection);

/* The two services to add to a server: v1, then v1alpha. */
void reflection_services(struct reflection *reflection, struct rpc_service ret_services[2]);
