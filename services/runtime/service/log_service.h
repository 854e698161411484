/* SPDX-License-Identifier: Apache-2.0 */
/* Log service: serves the LogService, by which operators see what a service knows of its log and what it misses there,
 * and accept a loss. Threads: the loop's. */
#pragma once

#include "service/service.h"

/* The RPC service to add to the server of a service that may write. The service outlives the server. */
struct rpc_service log_service(struct service *service);
