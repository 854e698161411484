/* SPDX-License-Identifier: Apache-2.0 */
/* Does a service's method table fit its descriptor? Asked at start, so that a fault in it can't wait for a caller. */
#pragma once

#include "rpc/rpc_server.h"

/* Errors: INVALID_ARGUMENT (SERVICE_TABLE_INVALID) naming service and method: unknown, missing or twice; not
 * exactly one handler. */
struct status service_table_check(struct arena *arena, const struct rpc_service *service);
