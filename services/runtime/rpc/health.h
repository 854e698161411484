/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1.Health: Check and Watch (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
 *
 * "" and the names of the services say whether the process is ready, which it is not just after its loop has stood
 * (loop_stall; while it stands no call is answered); "liveness" says that the loop turns, which is true whenever it
 * answers. For unknown names, Check is NOT_FOUND, and Watch sends SERVICE_UNKNOWN and stays open. */
#pragma once

#include <stdbool.h>

#include "rpc/rpc_server.h"

struct health;

/* `names` end with NULL and must outlive the result, which starts as NOT_SERVING. */
struct health *health_new(struct arena *arena, const char *const *names);

/* Changes what all names but liveness say; watchers are told. */
void health_set_ready(struct health *health, bool ready);
bool health_is_ready(const struct health *health);

/* Returns the service to add to a server. */
struct rpc_service health_service(struct health *health);
