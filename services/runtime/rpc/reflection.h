/* SPDX-License-Identifier: Apache-2.0 */
/* Server reflection, v1 and v1alpha, from embedded FileDescriptorSets: `grpcurl` needs no proto files. */
#pragma once

#include <stddef.h>

#include "rpc/descriptor_index.h"
#include "rpc/rpc_server.h"

struct reflection;

/* What the sets and `names` point to must outlive the result; `names` are the services to list (ends with NULL).
 * Errors: INVALID_ARGUMENT (a set is not decodable, or a name is in none of them). */
struct status reflection_new(struct arena *arena, const struct descriptor_set *sets, size_t set_count,
                             const char *const *names, struct reflection **ret_reflection);

/* Returns what it knows of the sets. */
const struct descriptor_index *reflection_index(const struct reflection *reflection);

/* Gives the two services to add to a server: v1, then v1alpha. */
void reflection_services(struct reflection *reflection, struct rpc_service ret_services[2]);
