/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letter service: serves the DeadLetterService, by which operators see and repair what the service could not
 * handle. Threads: the loop's. */
#pragma once

#include "service/service.h"

/* The RPC service to add to the server of a service with a consumer. The service outlives the server. */
struct rpc_service dead_letter_service(struct service *service);
