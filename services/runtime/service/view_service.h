/* SPDX-License-Identifier: Apache-2.0 */
/* View service: serves the ViewService, by which operators have views compared with the log and built anew. Threads:
 * the loop's. */
#pragma once

#include "service/service.h"

/* The RPC service to add to the server of a service that has views. The service outlives the server. */
struct rpc_service view_service(struct service *service);
