/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1.Health: Check and Watch (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
 *
 * "" and the names of the services say whether the process is ready, which it is not just after its loop has stood
 * (loop_stall; meanwhile nobody is answered); "liveness" says that the loop turns, which is true whenever it
 * answers. Unknown names: Check is NOT_FOUND, Watch sends SERVICE_UNKNOWN and stays open. */
#pragma once

#include <stdbool.h>

#include "rpc/rpc_server.h"

struct health;

/* `names` end with NULL and outlive the health. Starts NOT_SERVING. */
struct health *health_new(struct arena *arena, const char *const *names);

/* Changes what all names but liveness say; watchers are told. */
void health_set_ready(struct health *health, bool ready);
bool health_is_ready(const struct health *health);

/* The service to add to a server. */
struct rpc_service health_service(struct health *health);
