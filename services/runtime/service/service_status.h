/* SPDX-License-Identifier: Apache-2.0 */
/* Service status: serves the StatusService, which tells operators how this process is doing, and has the same figures
 * as metrics. Threads: the loop's. */
#pragma once

#include "rpc/health.h"
#include "service/service.h"

/* The RPC service to add to the server. The arena, the service, its version and its health outlive the
 * server. */
struct rpc_service service_status_service(struct arena *arena, struct service *service, const char *version,
                                          const struct health *health);

/* Which process it is: "<host name>:<process id>". Any thread. */
const char *service_instance_name(struct arena *arena);

/* Sets the metrics to what the service would tell now. `status` is the `user` of the service above. Yields, for at most
 * a second. */
coroutine_fn void service_status_measure(void *status);
